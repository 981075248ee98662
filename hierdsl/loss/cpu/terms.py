"""The coefficients of one call, from what is counted of its targets."""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.shape import Shape


@compiled()
def count(target: Any, ignore_index: int, counts: Any) -> int:
    """Count the targets of each node into `counts`, (V,) int64; how many are neither a node nor ignored."""
    wrong = 0
    for t in target:
        if t == ignore_index:
            continue
        if 0 <= t < counts.size:
            counts[t] += 1
        else:
            wrong += 1
    return wrong


@compiled()
def totals(shape: Shape, counts: Any, weights: Any, mean: bool) -> Any:
    """What each level is divided by, (D,): the summed weights of its targets for a mean, else 1."""
    total = np.zeros(shape.groups.size)
    if mean:
        for v in range(counts.size):
            if counts[v]:
                for level in range(shape.rank[v] + 1):
                    total[level] += counts[v] * weights[v]
    for level in range(total.size):
        if not total[level] > 0:
            total[level] = 1.0
    return total


@compiled()
def factors_on_the_way(y: int, shape: Shape, factors: Any, weights: Any, total: Any, to: Any) -> None:
    """One row of `Terms.target`, (K + 1,), without smoothing."""
    leaves, last = shape.up.size - (shape.children.size - 1), to.size - 1
    before, step = -1, -1
    to[:] = 0
    for level in range(shape.rank[y] + 1):
        u = shape.node[y, level]
        if u != before:
            step = step + 1 if u >= leaves else last
        to[step] += factors[level, u] / total[level] * weights[y]
        before = u


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
) -> Terms:
    """The coefficients.

    Args:
        shape: Of the tree.
        counts: Targets of each node, (V,).
        factors: Factor of -log p of each node in the cut of each level, (D, V).
        weights: Weight of each node, (V,).
        total: What each level is divided by, (D,).
        smoothing: Share of the target's probability that is spread.
        siblings: Whether it is spread over the siblings of each node of the path, else over all groups.
        focus: Gamma.
    """
    nodes, levels = shape.node.shape
    inner = shape.children.size - 1
    leaves = nodes - inner
    steps = shape.path.shape[1]
    target, whole = np.zeros((nodes + 1, steps + 1)), np.zeros(nodes + 1)
    own = np.zeros((nodes + 1, levels))
    even = np.zeros((levels, nodes) if smoothing > 0 and not siblings else (1, 1))
    even_sum = np.zeros(levels)
    sibling = np.zeros(nodes if smoothing > 0 and siblings else 1)
    sibling_sum = np.zeros(inner + 2)
    for v in range(nodes):
        if not (counts[v] or smoothing > 0):  # nothing asks for it; of a large tree a batch meets few nodes
            continue
        before, step = -1, -1
        for level in range(shape.rank[v] + 1):
            u = shape.node[v, level]
            if u != before:
                step = step + 1 if u >= leaves else steps
            own[v, level] = weights[v] / total[level]
            factor = factors[level, u] / total[level]
            alone = siblings and (u == before or shape.children[shape.up[u]] == 1)  # nobody to share with
            part = (1.0 if alone else 1.0 - smoothing) * factor * weights[v]
            target[v, step] += part
            whole[v] += part
            if smoothing > 0 and u == v:
                share = smoothing * factor * weights[v]
                if not siblings:
                    even[level, v] = share / shape.groups[level]
                elif not alone:
                    sibling[v] = share / shape.children[shape.up[v]]
                    sibling_sum[shape.up[v]] += sibling[v]
            before = u
    if smoothing > 0 and not siblings:
        for level in range(levels):
            for v in range(nodes):
                if level > 0:
                    even[level, v] += even[level - 1, v]
                even_sum[level] += even[level, v]
    return Terms(target, whole, own, even, even_sum, sibling, sibling_sum, focus)
