"""The factors of one call, from what is counted of its targets, on the device: as `hierdsl.loss.cpu.terms`.

Counts are integers, so that they do not depend on the order in which they are added.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from hierdsl.loss.gpu.arithmetic import OPTIONS

_COUNTED = 4096  # targets of one program
_MOST_BINS = 8192
_TOGETHER = 1024  # nodes that one program works through at once


def coefficients(
    target: Tensor, node: Tensor, leaves: int, factors: Tensor, weights: Tensor, ignore_index: int, mean: bool
) -> tuple[Tensor, Tensor]:
    """The factor that -log p has, for each target.

    Args:
        target: Node indices, an integer type, contiguous.
        node: Node of each cut above each node, (V, D) int32.
        leaves: C.
        factors: Of -log p of each node in each cut, (D, V) float64.
        weights: Of each node, (V,) float64.
        ignore_index: Target of pixels that count nowhere.
        mean: Whether each level is divided by the summed weights of its targets.

    Returns:
        Factors of the inner nodes on the way to each target and, last, of the target itself where it is a leaf,
        (V + 1, D) float32; weight of each target in each level's own loss, (V + 1, D) float32.
    """
    nodes, levels = node.shape
    counts = totals = weights
    together = nodes < _TOGETHER
    if mean:
        counts = torch.zeros(nodes, dtype=torch.int32, device=target.device)
        bins = triton.next_power_of_2(nodes + 1)
        _count[(triton.cdiv(target.numel(), _COUNTED),)](
            target,
            counts,
            target.numel(),
            ignore_index,
            nodes,
            BINS=bins if bins <= _MOST_BINS else 0,
            BLOCK=_COUNTED,
            num_warps=8,
            **OPTIONS,
        )
        if not together:
            totals = torch.empty(levels, dtype=torch.float64, device=target.device)
            _total[(levels,)](
                node, counts, weights, totals, nodes, levels, BLOCK=_TOGETHER, num_warps=8, **OPTIONS
            )
    parts = torch.empty(nodes + 1, levels, dtype=torch.float32, device=target.device)
    own = torch.empty_like(parts)
    block = triton.next_power_of_2(nodes + 1) if together else 256
    _coefficients[(triton.cdiv(nodes + 1, block),)](
        node,
        factors,
        weights,
        counts,
        totals,
        parts,
        own,
        leaves,
        nodes,
        D=levels,
        MEAN=mean,
        TOGETHER=together,
        BLOCK=block,
        num_warps=8,
        **OPTIONS,
    )
    return parts, own


@triton.jit(do_not_specialize=["size", "ignore_index", "nodes"])
def _count(target, counts, size, ignore_index, nodes, BINS: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = at < size
    t = tl.load(target + at, mask=there, other=0).to(tl.int64)
    counted = there & (t != ignore_index) & (t >= 0) & (t < nodes)
    t = tl.where(counted, t, nodes).to(tl.int32)
    if BINS > 0:
        # neighbours have the same target: added up within the program, as one address takes one addition at a time
        found = tl.histogram(t, BINS)
        bins = tl.arange(0, BINS)
        tl.atomic_add(counts + bins, found, mask=(bins < nodes) & (found > 0), sem="relaxed")
    else:
        tl.atomic_add(counts + t, tl.full([BLOCK], 1, tl.int32), mask=counted, sem="relaxed")


@triton.jit(do_not_specialize=["nodes", "levels"])
def _total(node, counts, weights, totals, nodes, levels, BLOCK: tl.constexpr):
    """The summed weights of the targets of one level; 1 where they are not above 0."""
    level = tl.program_id(0)
    total = tl.zeros([BLOCK], tl.float64)
    for first in range(0, nodes, BLOCK):
        v = first + tl.arange(0, BLOCK)
        here = v < nodes
        u = tl.load(node + v * levels + level, mask=here, other=-1)
        count = tl.load(counts + v, mask=here, other=0).to(tl.float64)
        weight = tl.load(weights + v, mask=here, other=0.0)
        total += tl.where(u >= 0, count * weight, 0.0)
    total = tl.sum(total, axis=0)
    tl.store(totals + level, tl.where(total > 0, total, 1.0))


@triton.jit(do_not_specialize=["leaves", "nodes"])
def _coefficients(
    node,
    factors,
    weights,
    counts,
    totals,
    parts,
    own,
    leaves,
    nodes,
    D: tl.constexpr,
    MEAN: tl.constexpr,
    TOGETHER: tl.constexpr,
    BLOCK: tl.constexpr,
):
    v = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = v < nodes
    inside = v <= nodes  # the last row is that of a pixel that does not count
    weight = tl.load(weights + v, mask=here, other=0.0)
    leaf = tl.zeros([BLOCK], tl.float64)
    for level in tl.static_range(D):
        u = tl.load(node + v * D + level, mask=here, other=-1)
        share = weight
        if MEAN:
            if TOGETHER:
                count = tl.load(counts + v, mask=here, other=0).to(tl.float64)
                total = tl.sum(tl.where(u >= 0, count * weight, 0.0), axis=0)
                total = tl.where(total > 0, total, 1.0)
            else:
                total = tl.load(totals + level)
            share = weight / total
        share = tl.where(u >= 0, share, 0.0)
        tl.store(own + v * D + level, share.to(tl.float32), mask=inside)
        part = share * tl.load(factors + level * nodes + u, mask=here & (u >= 0), other=0.0)
        itself = (u == v) & (v < leaves)
        leaf += tl.where(itself, part, 0.0)
        if level < D - 1:  # the inner node of a level is the step of that number
            tl.store(parts + v * D + level, tl.where(itself, 0.0, part).to(tl.float32), mask=inside)
    tl.store(parts + v * D + (D - 1), leaf.to(tl.float32), mask=inside)
