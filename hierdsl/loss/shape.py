"""The shape of a tree as the fast losses walk it: plain integer tables, and nothing that needs a walk."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy


class Shape(NamedTuple):
    """A tree of C leaves, I inner nodes (V = C + I) and D levels; the root is inner node I.

    Row V of a table by target stands for a pixel that does not count.

    Attributes:
        up: Inner node above each node, (V,) uint32; I under the root.
        path: The inner nodes on the way to each node, itself included, from the top down, (V + 1, K) uint32; I where
            there are no more.
        node: Node of the cut at level l that node v is or lies under, (V, D) int32; -1 where v lies above the cut.
        rank: The finest level where each node has a group, (V,) uint32.
        children: Children of each inner node and of the root, (I + 1,) uint32.
        groups: Groups of each level, (D,) uint32.
        span: The first channel below each inner node, and the one after the last, (I, 2) uint32; without rows where
            the channels below some node are no neighbours.
        opened: The nodes of `path` but for the target itself, whose children are siblings on the way, (V + 1, K)
            uint32; I + 1 where there are no more.
        order: The inner nodes by their depth, (I,) uint32; of one depth, first the first children of their parents,
            then the second ones, and so on, so that what is added to a parent is not waited for at once.
    """

    up: NDArray[Any]
    path: NDArray[Any]
    node: NDArray[Any]
    rank: NDArray[Any]
    children: NDArray[Any]
    groups: NDArray[Any]
    span: NDArray[Any]
    opened: NDArray[Any]
    order: NDArray[Any]


@lru_cache(maxsize=64)
def shape_of(compiled: CompiledHierarchy) -> Shape:
    """The shape of a compiled hierarchy."""
    leaves, nodes = compiled.num_leaves, compiled.num_nodes
    inner = nodes - leaves
    up = np.where(compiled.parent < 0, inner, compiled.parent - leaves)
    node = np.stack(
        [
            np.where(group >= 0, of_level[group], -1)
            for group, of_level in zip(compiled.group, compiled.group_nodes, strict=True)
        ],
        axis=1,
    )
    path = _path(compiled, inner)
    itself = np.append(np.arange(nodes) - leaves, -1)[:, None]
    return Shape(
        up=up.astype(np.uint32),
        path=path,
        node=node.astype(np.int32),
        rank=((node >= 0).sum(axis=1) - 1).astype(np.uint32),
        children=np.bincount(up, minlength=inner + 1).astype(np.uint32),
        groups=compiled.num_groups.astype(np.uint32),
        span=_span(up, leaves, inner),
        opened=np.where((path == inner) | (path == itself), inner + 1, path).astype(np.uint32),
        order=_order(up[leaves:], compiled.depth[leaves:]).astype(np.uint32),
    )


def _path(compiled: CompiledHierarchy, inner: int) -> NDArray[Any]:
    leaves = compiled.num_leaves
    depths = compiled.depth[leaves:]
    path = np.full((compiled.num_nodes + 1, int(depths.max(initial=0))), inner, dtype=np.uint32)
    at = np.arange(compiled.num_nodes)  # the node that each node's walk upwards has come to
    at[:leaves] = compiled.parent[:leaves]
    while (walking := np.flatnonzero(at >= 0)).size:
        path[walking, compiled.depth[at[walking]] - 1] = at[walking] - leaves
        at[walking] = compiled.parent[at[walking]]
    return path


def _order(up: NDArray[Any], depth: NDArray[Any]) -> NDArray[Any]:
    siblings, number = np.argsort(up, kind="stable"), np.empty_like(up)
    number[siblings] = np.arange(up.size) - np.searchsorted(up[siblings], up[siblings])
    return np.lexsort((number, depth))


def _span(up: NDArray[Any], leaves: int, inner: int) -> NDArray[Any]:
    first, last, size = (
        np.full(inner + 1, leaves),
        np.zeros(inner + 1, np.int64),
        np.zeros(inner + 1, np.int64),
    )
    channels = np.arange(leaves)
    np.minimum.at(first, up[:leaves], channels)
    np.maximum.at(last, up[:leaves], channels + 1)
    np.add.at(size, up[:leaves], 1)
    for i in range(inner - 1, -1, -1):  # children come after their parent
        above = up[leaves + i]
        first[above], last[above] = min(first[above], first[i]), max(last[above], last[i])
        size[above] += size[i]
    span = np.stack([first[:inner], last[:inner]], axis=1).astype(np.uint32)
    return span if (last - first == size)[:inner].all() else span[:0]
