"""The shape of a tree as the fast losses walk it: plain integer tables, and nothing that needs a walk."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy


class Shape(NamedTuple):
    """A tree of C leaves and I inner nodes, and where in it the V nodes of a hierarchy of D levels are.

    The root is inner node I. In the tree of `shape_of`, V = C + I and every node is itself; the other tree is that of
    `without_chains`. Row V of a table by target stands for a pixel that does not count.

    Attributes:
        up: Inner node above each node of the tree, (C + I,) uint32; I under the root.
        one: Which node of the tree each node of the hierarchy is, (V + 1,) uint32; the root for the last.
        path: The inner nodes of the tree on the way to each node of the hierarchy, itself included, from the top
            down, (V + 1, K) uint32; I where there are no more.
        node: Of the hierarchy, the node of the cut at level l that node v is or lies under, (V, D) int32; -1 where v
            lies above the cut.
        step: Which of the nodes of `path` that is, (V, D) uint32; K for a leaf, and where there is none.
        rank: The finest level where each node of the hierarchy has a group, (V,) uint32.
        sharers: Children of the node above each node of the hierarchy, itself included, (V,) uint32.
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
    one: NDArray[Any]
    path: NDArray[Any]
    node: NDArray[Any]
    step: NDArray[Any]
    rank: NDArray[Any]
    sharers: NDArray[Any]
    children: NDArray[Any]
    groups: NDArray[Any]
    span: NDArray[Any]
    opened: NDArray[Any]
    order: NDArray[Any]


def tree_of(compiled: CompiledHierarchy) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """What the shape of a compiled hierarchy is made of: `up`, `node` and `groups` of it."""
    inner = compiled.num_nodes - compiled.num_leaves
    node = [
        np.where(group >= 0, of_level[group], -1)
        for group, of_level in zip(compiled.group, compiled.group_nodes, strict=True)
    ]
    up = np.where(compiled.parent < 0, inner, compiled.parent - compiled.num_leaves)
    return (
        up.astype(np.uint32),
        np.stack(node, axis=1).astype(np.int32),
        compiled.num_groups.astype(np.uint32),
    )


@lru_cache(maxsize=64)
def shape_of(compiled: CompiledHierarchy) -> Shape:
    """The shape of a compiled hierarchy."""
    return shape_from(*tree_of(compiled))


def shape_from(up: NDArray[Any], node: NDArray[Any], groups: NDArray[Any]) -> Shape:
    """The shape of what `tree_of` gives."""
    return _shape(up, np.arange(up.size + 1), node, np.bincount(up)[up], groups)


def without_chains(shape: Shape) -> Shape:
    """The tree where an inner node with one child is one with that: below both are the same leaves.

    What has one sum of probabilities is summed, and has a logarithm, once. The root is not one with an only child.
    """
    single = np.append(shape.children[:-1] == 1, False)
    if not single.any():
        return shape
    leaves, above, nodes = (
        shape.up.size - shape.order.size,
        shape.up.astype(np.int64),
        np.arange(shape.one.size),
    )
    # an only child instead of its parent, and what is above an only child's parent instead of that, to the end
    below, out, only = nodes.copy(), nodes[: single.size].copy(), single[above]
    below[leaves + above[only]] = nodes[:-1][only]
    out[single] = above[leaves:][single[:-1]]
    number = np.cumsum(~single) - 1
    numbers, kept = np.append(nodes[:leaves], leaves + number), np.append(np.full(leaves, True), ~single[:-1])
    up, one = number[_to_the_end(out)[above]][kept], numbers[_to_the_end(below)[shape.one]]
    return _shape(up, one, shape.node, shape.sharers, shape.groups)


def _to_the_end(following: NDArray[Any]) -> NDArray[Any]:
    """Where each number's way ends that leads on to `following[number]`; ends are their own followers."""
    while not np.array_equal(further := following[following], following):
        following = further
    return following


def _shape(
    up: NDArray[Any],
    one: NDArray[Any],
    node: NDArray[Any],
    sharers: NDArray[Any],
    groups: NDArray[Any],
) -> Shape:
    inner = int(up.max())  # the root has a child
    leaves = up.size - inner
    above, of_inner = np.append(up[leaves:], inner), one - leaves  # of the root, the root itself
    depth, at = np.zeros(inner + 1, np.int64), above
    while (at < inner).any():
        depth += at < inner
        at = above[at]
    steps = int(depth.max()) + 1 if inner else 0
    path = np.full((one.size, steps), inner)
    # where each node's walk upwards has come to
    at = np.where(of_inner < 0, np.append(up, inner)[one], of_inner)
    while (walking := np.flatnonzero(at < inner)).size:
        path[walking, depth[at[walking]]] = at[walking]
        at[walking] = above[at[walking]]
    depth[inner] = steps  # from here on: the step of a node that is on no way
    steps_of = np.where(of_inner < 0, steps, depth[np.maximum(of_inner, 0)])
    return Shape(
        up=up.astype(np.uint32),
        one=one.astype(np.uint32),
        path=path.astype(np.uint32),
        node=node.astype(np.int32),
        step=steps_of[node].astype(np.uint32),
        rank=((node >= 0).sum(axis=1) - 1).astype(np.uint32),
        sharers=sharers.astype(np.uint32),
        children=np.bincount(up, minlength=inner + 1).astype(np.uint32),
        groups=groups.astype(np.uint32),
        span=_span(up, leaves, inner),
        opened=np.where((path == inner) | (path == of_inner[:, None]), inner + 1, path).astype(np.uint32),
        order=_order(up[leaves:], depth[:inner]).astype(np.uint32),
    )


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
