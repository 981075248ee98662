"""The factors of one call, from what its targets weigh, on the device: as `hierdsl.loss.cpu.terms`.

What each level's targets weigh is summed in float64 and always in the same order. Few targets are weighed by each
program that makes factors, for itself: one launch less counts for more.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from hierdsl.loss.gpu.arithmetic import nodes_of
from hierdsl.loss.gpu.launch import Kernel, blocks_of

_WEIGHED = tl.constexpr(4096)
"""Targets of one program at a time."""
_MOST_PROGRAMS = tl.constexpr(1024)
_TOGETHER = 256  # nodes of one program


class Coefficients(NamedTuple):
    """What a target tells of its pixel. All float32.

    Attributes:
        parts: For each target the factor of each term of -log p and, behind these, its weight in each level's own
            loss, (V + 1, T + D); row V is that of a pixel that does not count.
        spread: Factor that label smoothing gives -log p of each leaf and, behind these, each fork, all the nodes that
            are one with it together, and of all of them: (D + 1, C + F + 1), row l where a target has groups in l
            levels. Of no meaning without.
    """

    parts: Tensor
    spread: Tensor


class Weighed(NamedTuple):
    """A batch whose targets are weighed: what its coefficients are made of.

    Attributes:
        target: Node indices, an integer type, contiguous.
        sums: What the targets of each program weigh in each level, (D, programs) float64; None where they are few,
            and where nothing is divided by it.
        levels: `Layout.levels`.
        factors: Of -log p of each node in each cut, (D, V) float64.
        weights: Of each node, (V,) float64.
        ignore_index: Target of pixels that count nowhere.
        mean: Whether each level is divided by the summed weights of its targets.
        smoothing: Share of the target that is spread.
        siblings: Whether over siblings, else over all groups of a level.
    """

    target: Tensor
    sums: Tensor | None
    levels: Tensor
    factors: Tensor
    weights: Tensor
    ignore_index: int
    mean: bool
    smoothing: float
    siblings: bool


def weigh(
    target: Tensor,
    levels: Tensor,
    factors: Tensor,
    weights: Tensor,
    ignore_index: int,
    mean: bool,
    smoothing: float,
    siblings: bool,
) -> Weighed:
    """Sum the weights of the targets, level by level.

    Args:
        target: See `Weighed`, and so are the others.
        levels: See there.
        factors: See there.
        weights: See there.
        ignore_index: See there.
        mean: See there.
        smoothing: See there.
        siblings: See there.
    """
    sums, size = None, target.numel()
    if mean and size > _WEIGHED.value:
        depth, nodes = factors.shape
        programs = min(_MOST_PROGRAMS.value, blocks_of(size, _WEIGHED.value))
        sums = torch.empty(depth, programs, dtype=torch.float64, device=target.device)
        given = target, levels, weights, sums
        _weigh(programs, given, (size, programs, ignore_index, nodes), D=depth, num_warps=8)
    return Weighed(target, sums, levels, factors, weights, ignore_index, mean, smoothing, siblings)


def coefficients(
    weighed: Weighed, node: Tensor, term: Tensor, terms: int, shared: Tensor, sharers: Tensor
) -> Coefficients:
    """The factor that -log p has, for each target.

    Args:
        weighed: The batch.
        node: Node of each cut above each node, (V, D) int32.
        term: Which term each of these is, (V, D) int32, at least `terms` for none.
        terms: T.
        shared: `Layout.shared`.
        sharers: `Layout.sharers`.
    """
    nodes, depth = node.shape
    parts = torch.empty(nodes + 1, terms + depth, dtype=torch.float32, device=node.device)
    smooth, sums = weighed.smoothing > 0, weighed.sums
    columns = len(shared)
    spread = parts
    if smooth:
        spread = torch.empty(depth + 1, columns + 1, dtype=torch.float32, device=node.device)
    one_program = columns < _TOGETHER
    _make(
        blocks_of(max(nodes, columns * smooth) + 1, _TOGETHER),
        (
            weighed.target,
            weighed.levels,
            node,
            term,
            weighed.factors,
            weighed.weights,
            weighed.weights if sums is None else sums,
            parts,
            spread,
            shared,
            sharers,
        ),
        (
            weighed.target.numel(),
            0 if sums is None else sums.shape[1],
            weighed.ignore_index,
            nodes,
            columns,
            weighed.smoothing,
        ),
        D=depth,
        TERMS=terms,
        MEAN=weighed.mean,
        FEW=sums is None,
        SMOOTH=smooth,
        SIBLINGS=weighed.siblings,
        BLOCK=_TOGETHER,
        num_warps=8,
    )
    if smooth and not one_program:  # none of the programs knows all of a row
        spread[:, columns] = spread[:, :columns].sum(1, dtype=torch.float64)
    return Coefficients(parts, spread)


@triton.jit
def _weights(target, levels, weights, block, size, ignore_index, nodes):
    """What the targets of a block weigh, and in how many levels."""
    at = tl.cast(block, tl.int64) * _WEIGHED + tl.arange(0, _WEIGHED)
    _counts, valid, y = nodes_of(target, at, at < size, ignore_index, nodes)
    return tl.load(weights + y, mask=valid, other=0.0), tl.load(levels + y)


@triton.jit(do_not_specialize=["size", "programs", "ignore_index", "nodes"])
def _weigh_targets(
    target,
    levels,
    weights,
    weighed,
    size,
    programs,
    ignore_index,
    nodes,
    D: tl.constexpr,
):
    """What the targets of one program weigh in each level."""
    sums = ()
    for _ in tl.static_range(D):
        sums = sums + (tl.zeros([_WEIGHED], tl.float64),)
    for block in range(tl.program_id(0), tl.cdiv(size, _WEIGHED), programs):
        weight, last = _weights(target, levels, weights, block, size, ignore_index, nodes)
        added = ()
        for level in tl.static_range(D):
            added = added + (sums[level] + tl.where(level < last, weight, 0.0),)
        sums = added
    for level in tl.static_range(D):
        tl.store(weighed + level * programs + tl.program_id(0), tl.sum(sums[level], axis=0))


_weigh = Kernel(_weigh_targets)


@triton.jit(do_not_specialize=["size", "programs", "ignore_index", "nodes", "columns", "smoothing"])
def _coefficients(
    target,
    levels,
    node,
    term,
    factors,
    weights,
    weighed,
    parts,
    spread,
    shared,
    sharers,
    size,
    programs,
    ignore_index,
    nodes,
    columns,
    smoothing,
    D: tl.constexpr,
    TERMS: tl.constexpr,
    MEAN: tl.constexpr,
    FEW: tl.constexpr,
    SMOOTH: tl.constexpr,
    SIBLINGS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    v = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = v < nodes
    inside = v <= nodes  # the last row is that of a pixel that does not count
    weight = tl.load(weights + v, mask=here, other=0.0)
    if MEAN and FEW:
        each, last = _weights(target, levels, weights, 0, size, ignore_index, nodes)
    if SIBLINGS:
        sharers += nodes * D
    if SMOOTH:
        there = v < columns  # the lanes are columns of the spread, too
        behind = v == columns
        evenly = tl.zeros([BLOCK], tl.float64)
        tl.store(spread + v, evenly.to(tl.float32), mask=there | behind)
    row = parts + v * (TERMS + D)
    found = ()
    for _ in tl.static_range(TERMS):
        found = found + (tl.zeros([BLOCK], tl.float64),)
    for level in tl.static_range(D):
        u = tl.load(node + v * D + level, mask=here, other=-1)
        total = tl.full([], 1.0, tl.float64)
        if MEAN:
            if FEW:
                total = tl.sum(tl.where(level < last, each, 0.0), axis=0)
            else:
                at = tl.arange(0, _MOST_PROGRAMS)
                total = tl.sum(
                    tl.load(weighed + level * programs + at, mask=at < programs, other=0.0), axis=0
                )
            total = tl.where(total > 0, total, 1.0)
        if SMOOTH:
            w = tl.load(shared + v * D + level, mask=there, other=-1)
            among = tl.load(sharers + w * D + level, mask=w >= 0, other=0).to(tl.float64)
            factor = tl.load(factors + level * nodes + w, mask=w >= 0, other=0.0)
            factor *= tl.load(weights + w, mask=w >= 0, other=0.0)
            evenly += tl.where(among > 0, smoothing * factor / total / tl.maximum(among, 1.0), 0.0)
            at = spread + (level + 1) * (columns + 1) + v
            tl.store(at, tl.where(behind, tl.sum(evenly, axis=0), evenly).to(tl.float32), mask=there | behind)
        share = tl.where(u >= 0, weight / total, 0.0)
        tl.store(row + TERMS + level, share.to(tl.float32), mask=inside)
        part = share * tl.load(factors + level * nodes + u, mask=here & (u >= 0), other=0.0)
        if SMOOTH:
            kept = 1.0 - tl.cast(smoothing, tl.float64)
            if SIBLINGS:  # who has none keeps all
                alone = tl.load(sharers + u * D + level, mask=here & (u >= 0), other=0) == 0
                part = tl.where(alone, part, kept * part)
            else:
                part = kept * part
        which = tl.load(term + v * D + level, mask=here, other=TERMS)
        added = ()
        for k in tl.static_range(TERMS):
            added = added + (found[k] + tl.where(which == k, part, 0.0),)
        found = added
    for k in tl.static_range(TERMS):
        tl.store(row + k, found[k].to(tl.float32), mask=inside)


_make = Kernel(_coefficients)
