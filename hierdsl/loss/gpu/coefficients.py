"""The factors of one call, from what its targets weigh, on the device: as `hierdsl.loss.cpu.terms`.

What each level's targets weigh is summed in float64 and always in the same order.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from hierdsl.loss.gpu.arithmetic import OPTIONS, nodes_of

_WEIGHED = 4096  # targets of one program at a time
_MOST_PROGRAMS = tl.constexpr(1024)
_TOGETHER = 256  # nodes of one program


class Coefficients(NamedTuple):
    """What a target tells of its pixel. All float32; row V is that of a pixel that does not count.

    Attributes:
        parts: Factor of each term of -log p, (V + 1, T).
        own: Weight of each target in each level's own loss, (V + 1, D).
        spread: Factor that label smoothing gives -log p of each node in each level, (D, V); empty without.
    """

    parts: Tensor
    own: Tensor
    spread: Tensor


class Weighed(NamedTuple):
    """A batch whose targets are weighed: what its coefficients are made of.

    Attributes:
        sums: What the targets of each program weigh in each level, (D, programs) float64; of no meaning where nothing
            is divided by it.
        mean: Whether each level is divided by the summed weights of its targets.
        factors: Of -log p of each node in each cut, (D, V) float64.
        weights: Of each node, (V,) float64.
        smoothing: Share of the target that is spread.
        siblings: Whether over siblings, else over all groups of a level.
    """

    sums: Tensor
    mean: bool
    factors: Tensor
    weights: Tensor
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
        target: Node indices, an integer type, contiguous.
        levels: `Layout.levels`.
        factors: See `Weighed`.
        weights: See there.
        ignore_index: Target of pixels that count nowhere.
        mean: See `Weighed`.
        smoothing: See there.
        siblings: See there.
    """
    sums = weights
    if mean:
        depth, nodes = factors.shape
        programs = min(_MOST_PROGRAMS.value, triton.cdiv(target.numel(), _WEIGHED))
        sums = torch.empty(depth, programs, dtype=torch.float64, device=target.device)
        _weigh[(programs,)](
            target,
            levels,
            weights,
            sums,
            target.numel(),
            programs,
            ignore_index,
            nodes,
            D=depth,
            BLOCK=_WEIGHED,
            num_warps=8,
            **OPTIONS,
        )
    return Weighed(sums, mean, factors, weights, smoothing, siblings)


def coefficients(weighed: Weighed, node: Tensor, term: Tensor, terms: int, sharers: Tensor) -> Coefficients:
    """The factor that -log p has, for each target.

    Args:
        weighed: The batch.
        node: Node of each cut above each node, (V, D) int32.
        term: Which term each of these is, (V, D) int32, at least `terms` for none.
        terms: T.
        sharers: `Layout.sharers`.
    """
    nodes, depth = node.shape
    parts = torch.empty(nodes + 1, terms, dtype=torch.float32, device=node.device)
    own = torch.empty(nodes + 1, depth, dtype=torch.float32, device=node.device)
    smooth = weighed.smoothing > 0
    spread = torch.empty(depth if smooth else 0, nodes, dtype=torch.float32, device=node.device)
    _coefficients[(triton.cdiv(nodes + 1, _TOGETHER),)](
        node,
        term,
        weighed.factors,
        weighed.weights,
        weighed.sums,
        parts,
        own,
        spread,
        sharers[int(weighed.siblings)],
        nodes,
        weighed.sums.shape[-1],
        weighed.smoothing,
        D=depth,
        TERMS=terms,
        MEAN=weighed.mean,
        SMOOTH=smooth,
        SIBLINGS=weighed.siblings,
        BLOCK=_TOGETHER,
        num_warps=8,
        **OPTIONS,
    )
    return Coefficients(parts, own, spread)


@triton.jit(do_not_specialize=["size", "programs", "ignore_index", "nodes"])
def _weigh(
    target,
    levels,
    weights,
    weighed,
    size,
    programs,
    ignore_index,
    nodes,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """What the targets of one program weigh in each level."""
    sums = ()
    for _ in tl.static_range(D):
        sums = sums + (tl.zeros([BLOCK], tl.float64),)
    for block in range(tl.program_id(0), tl.cdiv(size, BLOCK), programs):
        at = tl.cast(block, tl.int64) * BLOCK + tl.arange(0, BLOCK)
        _counts, valid, y = nodes_of(target, at, at < size, ignore_index, nodes)
        weight = tl.load(weights + y, mask=valid, other=0.0)
        last = tl.load(levels + y)
        added = ()
        for level in tl.static_range(D):
            added = added + (sums[level] + tl.where(level < last, weight, 0.0),)
        sums = added
    for level in tl.static_range(D):
        tl.store(weighed + level * programs + tl.program_id(0), tl.sum(sums[level], axis=0))


@triton.jit(do_not_specialize=["nodes", "programs", "smoothing"])
def _coefficients(
    node,
    term,
    factors,
    weights,
    weighed,
    parts,
    own,
    spread,
    sharers,
    nodes,
    programs,
    smoothing,
    D: tl.constexpr,
    TERMS: tl.constexpr,
    MEAN: tl.constexpr,
    SMOOTH: tl.constexpr,
    SIBLINGS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    v = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = v < nodes
    inside = v <= nodes  # the last row is that of a pixel that does not count
    weight = tl.load(weights + v, mask=here, other=0.0)
    found = ()
    for _ in tl.static_range(TERMS):
        found = found + (tl.zeros([BLOCK], tl.float64),)
    for level in tl.static_range(D):
        u = tl.load(node + v * D + level, mask=here, other=-1)
        total = tl.full([], 1.0, tl.float64)
        if MEAN:
            at = tl.arange(0, _MOST_PROGRAMS)
            total = tl.sum(tl.load(weighed + level * programs + at, mask=at < programs, other=0.0), axis=0)
            total = tl.where(total > 0, total, 1.0)
        if SMOOTH:
            among = tl.load(sharers + v * D + level, mask=here, other=0).to(tl.float64)
            factor = tl.load(factors + level * nodes + v, mask=here, other=0.0)
            evenly = tl.where(among > 0, smoothing * factor * weight / total / tl.maximum(among, 1.0), 0.0)
            tl.store(spread + level * nodes + v, evenly.to(tl.float32), mask=here)
        share = tl.where(u >= 0, weight / total, 0.0)
        tl.store(own + v * D + level, share.to(tl.float32), mask=inside)
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
        tl.store(parts + v * TERMS + k, found[k].to(tl.float32), mask=inside)
