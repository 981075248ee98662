"""The coefficients of one call, from what is counted of its targets."""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.cpu.threads import share, take
from hierdsl.loss.shape import Shape


@compiled()
def count(target: Any, ignore_index: int, counts: Any) -> int:
    """Count the targets of each node into `counts`, (V,) int64 zeros; how many are neither a node nor ignored."""
    wrong, nodes = 0, np.uint64(counts.size)
    # neighbours are often alike, and a number that is counted must be written before it can be counted once more
    ways = 4 if target.size > 16 * counts.size else 1
    of_ways = np.zeros((ways, counts.size), np.int64)
    for p in range(target.size):
        t = target[p]
        if np.uint64(t) < nodes:  # without its sign a number below 0 is a large one
            of_ways[np.uint64(p) % np.uint64(ways), np.uint64(t)] += 1
        elif t != ignore_index:
            wrong += 1
    for way in range(ways):
        counts += of_ways[way]
    if np.uint64(ignore_index) < nodes:
        counts[ignore_index] = 0
    return wrong


@compiled()
def count_parts(
    begin: int, threads: int, taken: Any, target: Any, ignore_index: int, counts: Any, wrong: Any
) -> None:
    """`count` for parts of the target.

    Args:
        begin: See `hierdsl.loss.cpu.threads.on_threads`.
        threads: See there.
        taken: How many parts were taken, (1,) int64 zero.
        target: Node indices, flat, int64.
        ignore_index: Target of pixels that count nowhere.
        counts: Of each part and node, (parts, V) int64 zeros, to write.
        wrong: How many are neither a node nor ignored, (parts,) int64, to write.
    """
    if begin:
        share(begin, threads)
        return
    part = take(taken)
    while part < wrong.size:
        first, last = target.size * part // wrong.size, target.size * (part + 1) // wrong.size
        wrong[part] = count(target[first:last], ignore_index, counts[part])
        part = take(taken)


@compiled()
def totals(rank: Any, levels: int, counts: Any, weights: Any, mean: bool) -> Any:
    """What each level is divided by, (D,): the summed weights of its targets for a mean, else 1."""
    total = np.zeros(levels)
    if mean:
        for v in range(counts.size):
            if counts[v]:
                for level in range(rank[v] + 1):
                    total[level] += counts[v] * weights[v]
    for level in range(levels):
        if not total[level] > 0:
            total[level] = 1.0
    return total


@compiled()
def counted(
    target: Any, ignore_index: int, rank: Any, levels: int, weights: Any, mean: bool
) -> tuple[Any, Any, int]:
    """`count` and `totals` in one call, for few targets: the counts, the totals, and how many are wrong."""
    counts = np.zeros(rank.size, np.int64)
    wrong = count(target, ignore_index, counts)
    return counts, totals(rank, levels, counts, weights, mean), wrong


@compiled(inline=True)
def depth_of(shape: Shape, y: int) -> int:
    """How many inner nodes are on the way to a target, itself included."""
    depth, inner = 0, shape.children.size - 1
    while depth < shape.path.shape[1] and shape.path[y, depth] < inner:
        depth += 1
    return depth


@compiled(inline=True)
def factors_on_the_way(
    y: int, shape: Shape, factors: Any, weights: Any, total: Any, smoothing: float, siblings: bool, to: Any
) -> None:
    """One row of `Terms.target`, (K + 1,); the others are those of `terms`."""
    before = -1
    to[:] = 0
    for level in range(shape.rank[y] + 1):
        u = shape.node[y, level]
        alone = siblings and (u == before or shape.sharers[u] == 1)  # nobody to share with
        kept = (1.0 if alone else 1.0 - smoothing) * factors[level, u] / total[level] * weights[y]
        to[shape.step[y, level]] += kept
        before = u


@compiled()
def sibling_factors(
    shape: Shape, factors: Any, weights: Any, total: Any, smoothing: float
) -> tuple[Any, Any]:
    """`Terms.sibling` and `Terms.sibling_sum`."""
    sibling, summed = np.zeros(shape.up.size + 1), np.zeros(shape.children.size + 1)
    for v in range(shape.rank.size):
        if shape.sharers[v] == 1:
            continue
        level = 0
        while level <= shape.rank[v] and shape.node[v, level] != v:
            level += 1
        if level <= shape.rank[v]:
            one = shape.one[v]
            sibling[one] = smoothing * factors[level, v] / total[level] * weights[v] / shape.sharers[v]
            summed[shape.up[one]] += sibling[one]
    return sibling, summed


@compiled()
def cuts_of(shape: Shape) -> tuple[Any, Any]:
    """The nodes of the cut of each level: `nodes[first[level] : first[level + 1]]`."""
    levels = shape.groups.size
    first, nodes = np.zeros(levels + 1, np.int64), np.empty(shape.node.size, np.int64)
    for level in range(levels):
        end = first[level]
        for v in range(shape.node.shape[0]):
            if shape.node[v, level] == v:
                nodes[end] = v
                end += 1
        first[level + 1] = end
    return first, nodes[: first[levels]]


@compiled()
def even_factors(
    cuts: Any,
    places: Any,
    size: int,
    groups: Any,
    factors: Any,
    weights: Any,
    total: Any,
    smoothing: float,
    real: Any,
) -> tuple[Any, Any]:
    """`Terms.even`, of the type of an array `real`, with each node at one of so many places, and `Terms.even_sum`."""
    first, nodes = cuts
    even, summed = np.empty((groups.size, size), real.dtype), np.empty(groups.size, real.dtype)
    running, whole = np.zeros(size), 0.0
    for level in range(groups.size):
        share = smoothing / total[level] / groups[level]
        for k in range(first[level], first[level + 1]):
            factor = share * factors[level, nodes[k]] * weights[nodes[k]]
            running[places[nodes[k]]] += factor
            whole += factor
        for place in range(size):
            even[level, place] = running[place]
        summed[level] = whole
    return even, summed


@compiled()
def terms(
    shape: Shape,
    counts: Any,
    factors: Any,
    weights: Any,
    total: Any,
    smoothing: float,
    siblings: bool,
    focus: float,
    like: Any,
) -> Terms:
    """The coefficients, of the type of an array `like`.

    Args:
        shape: Of the tree.
        counts: Targets of each node, (V,).
        factors: Factor of -log p of each node in the cut of each level, (D, V).
        weights: Weight of each node, (V,).
        total: What each level is divided by, (D,).
        smoothing: Share of the target's probability that is spread.
        siblings: Whether it is spread over the siblings of each node of the path, else over all groups.
        focus: Gamma.
        like: Float32 or float64.
    """
    nodes, levels = shape.node.shape
    inner, steps = shape.children.size - 1, shape.path.shape[1]
    # step after step in memory, as the loop over columns reads it
    target, whole = np.zeros((steps + 1, nodes + 1)).T, np.zeros(nodes + 1)
    own, step = np.zeros((levels, nodes + 1)).T, np.zeros((levels, nodes + 1), np.uint32).T
    for v in range(nodes):
        if counts[v]:  # else nothing asks for it: of a large tree a batch meets few nodes
            factors_on_the_way(v, shape, factors, weights, total, smoothing, siblings, target[v])
            whole[v] = target[v].sum()
            for level in range(shape.rank[v] + 1):
                own[v, level] = weights[v] / total[level]
                step[v, level] = shape.step[v, level]
    real = like.dtype
    even, even_sum = np.zeros((1, 1), real), np.zeros(levels, real)
    sibling, sibling_sum = np.zeros(1), np.zeros(inner + 2)
    if smoothing > 0 and siblings:
        sibling, sibling_sum = sibling_factors(shape, factors, weights, total, smoothing)
    elif smoothing > 0:
        even, even_sum = even_factors(
            cuts_of(shape), shape.one, nodes, shape.groups, factors, weights, total, smoothing, like
        )
    opened = np.zeros(nodes + 1)
    if sibling.size > 1:
        for v in range(nodes):
            if counts[v]:
                opened[v] = sibling_sum[inner]
                for k in range(steps):
                    opened[v] += sibling_sum[shape.opened[v, k]]
        if focus == 0:
            whole, opened = whole + opened, opened[:0]
    return Terms(
        target.astype(real),
        _alike(shape, counts, target, whole, focus).astype(real),
        whole.astype(real),
        own.astype(real),
        step,
        _levels_alike(counts, own, step).astype(real),
        _finest(counts, shape.rank),
        counts[shape.up.size - inner :].any(),
        even,
        even_sum,
        sibling.astype(real),
        sibling_sum.astype(real),
        opened.astype(real),
        focus,
    )


@compiled()
def _alike(shape: Shape, counts: Any, target: Any, whole: Any, focus: float) -> Any:
    """`Terms.alike`."""
    inner, steps = shape.children.size - 1, shape.path.shape[1]
    alike = np.full(steps + 2, np.nan)
    for k in range(steps + 2 if focus == 0 else 0):
        found = False
        for v in range(counts.size):
            if counts[v] and (k >= steps or shape.path[v, k] < inner):
                factor = target[v, k] if k <= steps else whole[v]
                if not found:
                    alike[k], found = factor, True
                elif factor != alike[k]:
                    alike[k] = np.nan
                    break
    return alike


@compiled()
def _levels_alike(counts: Any, own: Any, step: Any) -> Any:
    """`Terms.level_alike`."""
    alike = np.full((own.shape[1], 2), np.nan)
    for level in range(own.shape[1]):
        found = False
        for v in range(counts.size):
            if not counts[v]:
                continue
            if not found:
                alike[level, 0], alike[level, 1], found = step[v, level], own[v, level], True
            if step[v, level] != alike[level, 0]:
                alike[level, 0] = np.nan
            if own[v, level] != alike[level, 1]:
                alike[level, 1] = np.nan
    return alike


@compiled()
def _finest(counts: Any, rank: Any) -> int:
    """`Terms.finest`."""
    finest = -1
    for v in range(counts.size):
        if counts[v]:
            if finest >= 0 and rank[v] != finest:
                return -1
            finest = int(rank[v])
    return finest


@compiled()
def starts(shape: Shape, size: int) -> Any:
    """Where the rows of the nodes on the way begin in a tile of so many pixels; see `columns`."""
    inner = shape.children.size - 1
    found = np.empty((shape.path.shape[1], shape.path.shape[0]), np.uintp)
    for k in range(found.shape[0]):
        for v in range(found.shape[1]):
            i = shape.path[v, k]
            found[k, v] = (i if i < inner else inner + 1) * size
    return found


@compiled()
def children_of(shape: Shape) -> tuple[Any, Any]:
    """The children of inner node i and, last, of the root: `nodes[first[i] : first[i + 1]]`, in their order."""
    first = np.zeros(shape.children.size + 1, np.int64)
    for i in range(shape.children.size):
        first[i + 1] = first[i] + shape.children[i]
    free, nodes = first[:-1].copy(), np.empty(shape.up.size, np.int64)
    for v in range(nodes.size):
        nodes[free[shape.up[v]]] = v
        free[shape.up[v]] += 1
    return first, nodes
