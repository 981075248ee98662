"""What label smoothing adds to the loss over rows, for trees too large to be unrolled: logits (M, C), a row a pixel.

The loss of the target itself is that of `hierdsl.loss.gpu.rows`; the sum over all other nodes comes on top, with its
gradient. From below, each inner node is summed beside the largest logit below it, m_v and s_v, all nodes of a step at
once; steps are launches, so that none reads what is not yet written. With the factor f_v of smoothing, F their sum:

    log p(v) = m_v - m_root + log(s_v / s_root),   p(u | w) = exp(m_u - m_w) s_u / s_w
    loss += - sum of f_v log p(v),   b_u = p(u) F - sum over the nodes w above u of p(u | w) f_w - f_u
    gradient_c += b of the node v above c, times exp(z_c - m_v) / s_v, less f_c
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from hierdsl.loss.gpu.arithmetic import LOWEST, nodes_of
from hierdsl.loss.gpu.launch import Kernel, blocks_of
from hierdsl.loss.gpu.steps import Step

_BLOCK = 128  # nodes of a program, or children of a node
_LOG2_E = tl.constexpr(1.4426950408889634)
_LN_2 = tl.constexpr(0.6931471805599453)


class Tables(NamedTuple):
    """The tables of `hierdsl.loss.gpu.steps.Walk` that are walked through, on the device."""

    up: Tensor
    child: Tensor
    first_child: Tensor
    ordered: Tensor
    opened: Tensor


def add_smoothing(
    logits: Tensor,
    gradient: Tensor | None,
    target: Tensor,
    losses: Tensor,
    spread: Tensor,
    level_counts: Tensor,
    tables: Tables,
    steps: tuple[Step, ...],
    nodes: int,
    ignore_index: int,
    siblings: bool,
) -> None:
    """Add to the loss of each row, and to its gradient.

    Args:
        logits: (M, C), contiguous.
        gradient: The same, or None.
        target: (M,).
        losses: (M,) float32.
        spread: `Coefficients.spread`.
        level_counts: `Layout.levels`.
        tables: See there.
        steps: Of `walk_of`.
        nodes: V.
        ignore_index: Of the rows that count nowhere.
        siblings: Whether over siblings, else over all groups of a level.
    """
    rows, leaves = logits.shape
    inner = len(tables.ordered)
    peaks = torch.empty(rows, inner, dtype=torch.float32, device=logits.device)
    sums = torch.empty_like(peaks)
    slopes = peaks if gradient is None else torch.empty_like(peaks)
    for first, count, many in steps:
        arguments = (logits, peaks, sums, tables.child, tables.first_child, tables.ordered)
        numbers = (first, count, leaves, inner)
        if many:
            _SUM_OF_MANY(rows * count, arguments, numbers, BLOCK=_BLOCK, num_warps=4)
        else:
            programs = blocks_of(rows * count, _BLOCK)
            _SUMS(programs, arguments, (*numbers, rows), BLOCK=_BLOCK, num_warps=4)
    given = (target, losses, spread, level_counts, tables.opened, tables.up, peaks, sums, slopes)
    numbers = (leaves, inner, nodes, ignore_index)
    constants = {"K": tables.opened.shape[1], "SIBLINGS": siblings, "GRADIENT": gradient is not None}
    _INNER(rows, given, numbers, **constants, BLOCK=_BLOCK, num_warps=4)
    written = logits if gradient is None else gradient
    _LEAVES(rows, (logits, written, *given), numbers, **constants, BLOCK=_BLOCK, num_warps=4)


@triton.jit
def _of_children(logits, peaks, child, at, there, channels):
    """The largest logit below each child, and which of the children are inner nodes, and their numbers."""
    u = tl.load(child + at, mask=there, other=0)
    inner = there & (u >= channels)
    value = tl.load(logits + u, mask=there & (u < channels), other=float("-inf")).to(tl.float32)
    return tl.where(inner, tl.load(peaks + (u - channels), mask=inner, other=0.0), value), inner, u - channels


@triton.jit(do_not_specialize=["first", "count", "channels", "inner", "rows"])
def _sums_of_nodes(
    logits,
    peaks,
    sums,
    child,
    first_child,
    ordered,
    first,
    count,
    channels,
    inner,
    rows,
    BLOCK: tl.constexpr,
):
    """Sum some nodes of a step, a lane each."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < rows.to(tl.int64) * count
    m = at // count
    v = tl.load(ordered + first + at % count, mask=inside, other=0)
    start = tl.load(first_child + v)
    size = tl.where(inside, tl.load(first_child + v + 1) - start, 0)
    z, p, s = logits + m * channels, peaks + m * inner, sums + m * inner
    most = tl.max(size, axis=0)
    peak = tl.full([BLOCK], LOWEST, tl.float32)
    for k in range(most):
        value, _inner, _u = _of_children(z, p, child, start + k, k < size, channels)
        peak = tl.maximum(peak, tl.where(k < size, value, LOWEST))
    total = tl.zeros([BLOCK], tl.float32)
    for k in range(most):
        value, is_inner, u = _of_children(z, p, child, start + k, k < size, channels)
        below = tl.load(s + u, mask=is_inner, other=1.0)
        total += tl.where(k < size, tl.exp2((value - peak) * _LOG2_E) * below, 0.0)
    tl.store(p + v, peak, mask=inside)
    tl.store(s + v, total, mask=inside)


@triton.jit(do_not_specialize=["first", "count", "channels", "inner"])
def _sum_of_a_node(
    logits,
    peaks,
    sums,
    child,
    first_child,
    ordered,
    first,
    count,
    channels,
    inner,
    BLOCK: tl.constexpr,
):
    """Sum one node of a step, all lanes together."""
    m = (tl.program_id(0) // count).to(tl.int64)
    v = tl.load(ordered + first + tl.program_id(0) % count)
    start = tl.load(first_child + v)
    end = tl.load(first_child + v + 1)
    z, p, s = logits + m * channels, peaks + m * inner, sums + m * inner
    highest = tl.full([BLOCK], LOWEST, tl.float32)
    for at in range(start, end, BLOCK):
        k = at + tl.arange(0, BLOCK)
        value, _inner, _u = _of_children(z, p, child, k, k < end, channels)
        highest = tl.maximum(highest, tl.where(k < end, value, LOWEST))
    peak = tl.max(highest, axis=0)
    total = tl.zeros([BLOCK], tl.float32)
    for at in range(start, end, BLOCK):
        k = at + tl.arange(0, BLOCK)
        value, is_inner, u = _of_children(z, p, child, k, k < end, channels)
        below = tl.load(s + u, mask=is_inner, other=1.0)
        total += tl.where(k < end, tl.exp2((value - peak) * _LOG2_E) * below, 0.0)
    tl.store(p + v, peak)
    tl.store(s + v, tl.sum(total, axis=0))


@triton.jit
def _factor(spread, u, there, above, way, root, K: tl.constexpr, SIBLINGS: tl.constexpr):
    """The factor of smoothing of some leaves and inner nodes, and where siblings share, of those that have one."""
    found = tl.load(spread + u, mask=there, other=0.0)
    if SIBLINGS:
        opened = above == root
        for k in tl.static_range(K):
            opened = opened | (above == way[k])
        found = tl.where(opened, found, 0.0)
    return found


@triton.jit
def _way(opened, y, K: tl.constexpr):
    found = ()
    for k in tl.static_range(K):
        found = found + (tl.load(opened + y * K + k),)
    return found


@triton.jit(do_not_specialize=["channels", "inner", "nodes", "ignore_index"])
def _slopes_of_inner(
    target,
    losses,
    spread,
    level_counts,
    opened,
    up,
    peaks,
    sums,
    slopes,
    channels,
    inner,
    nodes,
    ignore_index,
    K: tl.constexpr,
    SIBLINGS: tl.constexpr,
    GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The part of the inner nodes in the loss of a row, and b of each."""
    m = tl.program_id(0).to(tl.int64)
    _counts, valid, y = nodes_of(target, m, m >= 0, ignore_index, nodes)
    if valid:
        way = _way(opened, y, K)
        spread += tl.load(level_counts + y) * (channels + inner + 1)
        root = inner - 1
        p, s, b = peaks + m * inner, sums + m * inner, slopes + m * inner
        root_peak, root_sum = tl.load(p + root), tl.load(s + root)
        whole = tl.load(spread + (channels + inner))
        if SIBLINGS:
            every = tl.zeros([BLOCK], tl.float32)
            for first in range(0, channels + root, BLOCK):
                u = first + tl.arange(0, BLOCK)
                above = tl.load(up + u, mask=u < channels + root, other=root)
                every += _factor(spread, u, u < channels + root, above, way, root, K, SIBLINGS)
            whole = tl.sum(every, axis=0)
        loss = tl.zeros([BLOCK], tl.float32)
        for first in range(0, root, BLOCK):
            u = first + tl.arange(0, BLOCK)
            there = u < root
            above = tl.load(up + channels + u, mask=there, other=root)
            factor = _factor(spread, channels + u, there, above, way, root, K, SIBLINGS)
            own_peak, own_sum = tl.load(p + u, mask=there, other=0.0), tl.load(s + u, mask=there, other=1.0)
            log = (own_peak - root_peak) + (tl.log(own_sum) - tl.log(root_sum))
            loss -= tl.where(factor != 0, factor * log, 0.0)  # 0 * inf is not 0
            if GRADIENT:
                slope = -factor
                for _ in range(K):
                    higher = tl.load(up + channels + above, mask=there & (above < root), other=root)
                    sum_above = tl.load(s + above, mask=there, other=1.0)
                    # a node without any probability has no slope: nothing is known of its children
                    share = tl.exp2((own_peak - tl.load(p + above, mask=there, other=0.0)) * _LOG2_E)
                    share = tl.where(sum_above > 0, share * own_sum / sum_above, 0.0)
                    taken = _factor(
                        spread, channels + above, there & (above < root), higher, way, root, K, SIBLINGS
                    )
                    # the root is come to once, and stayed at
                    slope += tl.where(there, share * tl.where(above == root, whole, -taken), 0.0)
                    there = there & (above < root)
                    above = higher
                tl.store(b + u, slope, mask=u < root)
        if GRADIENT:
            tl.store(b + root, whole)
        tl.store(losses + m, tl.load(losses + m) + tl.sum(loss, axis=0))


@triton.jit(do_not_specialize=["channels", "inner", "nodes", "ignore_index"])
def _slopes_of_leaves(
    logits,
    gradient,
    target,
    losses,
    spread,
    level_counts,
    opened,
    up,
    peaks,
    sums,
    slopes,
    channels,
    inner,
    nodes,
    ignore_index,
    K: tl.constexpr,
    SIBLINGS: tl.constexpr,
    GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The part of the leaves in the loss of a row, and what smoothing adds to its gradient."""
    m = tl.program_id(0).to(tl.int64)
    _counts, valid, y = nodes_of(target, m, m >= 0, ignore_index, nodes)
    if valid:
        way = _way(opened, y, K)
        spread += tl.load(level_counts + y) * (channels + inner + 1)
        root = inner - 1
        p, s, b = peaks + m * inner, sums + m * inner, slopes + m * inner
        root_peak, root_log = tl.load(p + root), tl.log(tl.load(s + root))
        loss = tl.zeros([BLOCK], tl.float32)
        for first in range(0, channels, BLOCK):
            c = first + tl.arange(0, BLOCK)
            there = c < channels
            above = tl.load(up + c, mask=there, other=root)
            factor = _factor(spread, c, there, above, way, root, K, SIBLINGS)
            z = tl.load(logits + m * channels + c, mask=there, other=0.0).to(tl.float32)
            loss -= tl.where(factor != 0, factor * ((z - root_peak) - root_log), 0.0)
            if GRADIENT:
                total = tl.load(s + above)
                e = tl.exp2((z - tl.load(p + above)) * _LOG2_E)
                slope = tl.where(total > 0, e / total * tl.load(b + above), 0.0) - factor
                at = gradient + m * channels + c
                slope += tl.load(at, mask=there, other=0.0).to(tl.float32)
                tl.store(at, slope.to(gradient.dtype.element_ty), mask=there)
        tl.store(losses + m, tl.load(losses + m) + tl.sum(loss, axis=0))


_SUMS, _SUM_OF_MANY = Kernel(_sums_of_nodes), Kernel(_sum_of_a_node)
_INNER, _LEAVES = Kernel(_slopes_of_inner), Kernel(_slopes_of_leaves)
