"""From a `Hierarchy` to its tables."""

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler.index import IGNORE_INDEX
from hierdsl.compiler.label_map import CompiledLabelMap
from hierdsl.compiler.tables import CompiledHierarchy
from hierdsl.model import ROOT, Hierarchy, LabelMap
from hierdsl.palette import palette


def compile_hierarchy(hierarchy: Hierarchy) -> CompiledHierarchy:
    r"""Compile a hierarchy to NumPy tables.

    Returns:
        The tables; their shapes are documented at `CompiledHierarchy`.

    Raises:
        TypeError: It is no hierarchy, but a name or a text, say, or the None of a text with errors.

    Example:
        >>> from hierdsl import analyze
        >>> hierarchy, _ = analyze("tree\n    sky\n    flat\n        road\n        path\n")
        >>> compile_hierarchy(hierarchy).group
        array([[ 0,  1,  1,  1],
               [ 0,  1,  2, -1]])
    """
    if hierarchy is None:
        raise TypeError("there is no hierarchy to compile: hierdsl.analyze found errors, its second result")
    if not isinstance(hierarchy, Hierarchy):
        raise TypeError(
            f"what is compiled is a Hierarchy, not {type(hierarchy).__name__}: "
            "hierdsl.load(NAME_OR_FILE) reads one, hierdsl.analyze(TEXT) a text"
        )
    kept = [position for position, ignored in enumerate(hierarchy.ignored) if not ignored]
    order = np.array([*hierarchy.leaves, *hierarchy.inner_nodes])  # position of each node index
    index_of = np.full(len(hierarchy.nodes), IGNORE_INDEX, dtype=np.int64)
    index_of[order] = np.arange(len(order))

    depth = np.array(hierarchy.depths)
    is_leaf = np.zeros(len(hierarchy.nodes), dtype=bool)
    is_leaf[hierarchy.leaves] = True
    parents = [node.parent for node in hierarchy.nodes]
    weights: list[float] = []
    for node in hierarchy.nodes:
        weights.append(node.weight * (weights[node.parent] if node.parent != ROOT else 1.0))
    mirror = np.arange(len(hierarchy.leaves))
    for left, right in hierarchy.mirror:
        mirror[index_of[left]], mirror[index_of[right]] = index_of[right], index_of[left]

    ranks = np.array(hierarchy.ranks)
    above = np.array([hierarchy.rank_above(position) for position in range(len(ranks))])
    group = _group(ranks[kept], above[kept], is_leaf[kept], len(hierarchy.levels))
    to_kept = np.searchsorted(kept, order)
    return CompiledHierarchy(
        name=hierarchy.name,
        group=group[:, to_kept],
        num_groups=group.max(axis=1) + 1,
        parent=np.array([index_of[parents[p]] if parents[p] != ROOT else -1 for p in order], dtype=np.int64),
        depth=depth[order],
        height=_height(parents, is_leaf)[order],
        names=tuple(hierarchy.nodes[p].name for p in order),
        paths=tuple(hierarchy.path(p) for p in order),
        level_names=tuple(level.name for level in hierarchy.levels),
        level_weights=np.array([level.weight for level in hierarchy.levels]),
        leaf_weights=np.array([weights[leaf] for leaf in hierarchy.leaves]),
        palette=palette(hierarchy)[order],
        mirror=mirror,
        label_maps={name: _label_map(m, index_of) for name, m in hierarchy.label_maps.items()},
    )


def _group(
    rank: NDArray[np.int64], above: NDArray[np.int64], is_leaf: NDArray[np.bool_], num_levels: int
) -> NDArray[np.int64]:
    """Level maps over nodes in depth-first order, from their ranks and those of their parents.

    In that order everything below a node of the cut follows it before the next one comes, so the running
    count of cut nodes numbers the groups and spreads their numbers at once.
    """
    level = np.arange(num_levels)[:, None]
    in_cut = np.where(rank >= level, above < level, is_leaf)
    at_or_below = (rank >= level) | is_leaf
    return np.where(at_or_below, in_cut.cumsum(axis=1) - 1, -1)


def _height(parents: list[int], is_leaf: NDArray[np.bool_]) -> NDArray[np.int64]:
    height = np.where(is_leaf, 0, -1)
    for position in range(len(parents) - 1, -1, -1):
        if parents[position] != ROOT and height[position] >= 0:
            height[parents[position]] = max(height[parents[position]], height[position] + 1)
    return height


def _label_map(label_map: LabelMap, index_of: NDArray[np.int64]) -> CompiledLabelMap:
    ranges = [(f, last, IGNORE_INDEX if p is None else index_of[p]) for f, last, p in label_map.ranges]
    first, last, nodes = np.array(ranges, dtype=np.int64).reshape(-1, 3).T.copy()
    return CompiledLabelMap(
        first,
        last,
        nodes,
        unlisted_ignored=label_map.unlisted == "ignore",
        colors=label_map.colors,
        tolerance=label_map.tolerance,
    )
