"""A tree as the kernels walk it: tables of int32 in which every node is a run.

The leaves are cut into rows: neighbouring channels with the same parent, at most W of them. In depth-first order
the rows below a node follow each other, so that a whole row is inside or outside of a node: two comparisons a row and
step of the path, instead of two a channel. Where channels lie side by side in memory rows are no help; there each
channel has a place in that order, and a node is a run of places.

NumPy only: no Triton is loaded to build the tables.
"""

import itertools
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss.gpu.forks import plan_of
from hierdsl.loss.gpu.steps import Walk, walk_of
from hierdsl.loss.shape import Shape, shape_of
from hierdsl.weighting.weighting import in_cut

_WIDTHS = (1, 2, 4, 8)


class Layout(NamedTuple):
    """A tree of C leaves, V nodes and D levels, with K = D - 1 steps to a target. All int32.

    A step is the inner node of the cut of its level, if it is one: a node that is pinned below its depth is in the
    cuts of several levels, and is as many steps.

    Row V of a table by target stands for a pixel that does not count, (0, 0) for a node that is not there.

    Attributes:
        siblings: How many channels each row has and, after that, which: neighbours in the logits too, (R, 1 + W); -1
            after the last.
        rows: The first row below the inner node of each step to each target, and the one after the last,
            (V + 1, K, 2).
        places: The same for places in depth-first order, (V + 1, K, 2).
        place: Place of each channel, (C,); without entries where it is the channel's own number.
        node: Node of the cut at level l that node v is or lies under, (V, D); -1 where v lies above the cut.
        term: Which term this node is in the loops over steps, (V, D): its step, K for a leaf that is the target.
        levels: In how many levels each target has a group, (V + 1,).
        entries: `hierdsl.loss.gpu.forks.Targets.entries`; without rows for a tree that has no plan.
        turns: `Targets.turns`; without rows for a tree that has no plan.
        shared: `Targets.shared` or, for a tree that has no plan, `hierdsl.loss.gpu.steps.Walk.shared`.
        sharers: Over how many nodes label smoothing spreads a share of the target in each level that comes to node v,
            0 for none: (2, V, D), over all groups of the level, and over siblings.
        up: `hierdsl.loss.gpu.steps.Walk.up`, and so are the others; without rows for a tree that has a plan.
        child: See there.
        first_child: See there.
        ordered: See there.
        opened: See there.
    """

    siblings: NDArray[Any]
    rows: NDArray[Any]
    places: NDArray[Any]
    place: NDArray[Any]
    node: NDArray[Any]
    term: NDArray[Any]
    levels: NDArray[Any]
    entries: NDArray[Any]
    turns: NDArray[Any]
    shared: NDArray[Any]
    sharers: NDArray[Any]
    up: NDArray[Any]
    child: NDArray[Any]
    first_child: NDArray[Any]
    ordered: NDArray[Any]
    opened: NDArray[Any]


def text_of(compiled: CompiledHierarchy) -> str:
    """How the kernels walk the tree, as a text: the plan of a small one, the steps of a large one."""
    return plan_of(compiled)[0] or walk_of(compiled)[0]


@lru_cache(maxsize=64)
def layout_of(compiled: CompiledHierarchy) -> Layout:
    """The layout of a compiled hierarchy."""
    shape = shape_of(compiled)
    leaves = compiled.num_leaves
    inner = compiled.num_nodes - leaves
    up, cuts_above = shape.up.astype(np.int64), shape.node[:, :-1]  # the finest cut holds leaves alone
    path = np.where(cuts_above >= leaves, cuts_above - leaves, inner)
    path = np.vstack([path, np.full((1, path.shape[1]), inner)])
    order = _depth_first(up, path, leaves)
    cuts = [(_rows(up, order, width), width) for width in _WIDTHS]
    starts, width = min(cuts, key=lambda cut: _cost(len(cut[0]), cut[1], path.shape[1]))
    counts = np.diff(starts, append=leaves)
    channels = order[starts][:, None] + np.arange(width)
    place, row = np.empty(leaves, np.int64), np.empty(leaves, np.int64)
    place[order] = np.arange(leaves)
    row[order] = np.repeat(np.arange(len(starts)), counts)
    (plan, targets), inside = plan_of(compiled), in_cut(compiled).T
    walk = Walk(*[np.zeros((0, 0))] * 6) if plan else walk_of(compiled)[1]
    made = Layout(
        siblings=np.column_stack([counts, np.where(np.arange(width) < counts[:, None], channels, -1)]),
        rows=_runs(up, path, row, leaves),
        places=_runs(up, path, place, leaves),
        place=place[:0] if (order == np.arange(leaves)).all() else place,
        node=shape.node,
        term=_terms(shape, inside, leaves),
        levels=np.append(shape.rank.astype(np.int64) + 1, 0),
        entries=targets.entries,
        turns=targets.turns,
        shared=targets.shared if plan else walk.shared,
        sharers=_sharers(shape, inside),
        up=walk.up,
        child=walk.child,
        first_child=walk.first_child,
        ordered=walk.ordered,
        opened=walk.opened,
    )
    return Layout(*[np.ascontiguousarray(table, dtype=np.int32) for table in made])


def _terms(shape: Shape, inside: NDArray[np.bool_], leaves: int) -> NDArray[Any]:
    """See `Layout`; `inside` says whether each node is in the cut of each level, (V, D)."""
    levels = shape.node.shape[1]
    term = np.tile(np.arange(levels), (len(inside), 1))
    term[:leaves][inside[:leaves]] = levels - 1
    return np.where(shape.node >= 0, term, levels)


def _sharers(shape: Shape, inside: NDArray[np.bool_]) -> NDArray[Any]:
    """See `Layout`; `inside` says whether each node is in the cut of each level, (V, D)."""
    first = inside & (np.cumsum(inside, axis=1) == 1)  # further down a node is alone below itself
    siblings = shape.sharers.astype(np.int64)
    return np.stack(
        [
            np.where(inside, shape.groups.astype(np.int64), 0),
            np.where(first & (siblings > 1)[:, None], siblings[:, None], 0),
        ]
    )


def _depth_first(up: NDArray[Any], path: NDArray[Any], leaves: int) -> NDArray[Any]:
    """The channels in an order where those below any node are neighbours; as they are, where they are so."""
    first, _ = _ends(up, np.arange(leaves), leaves)
    keys = np.append(first, leaves)[path[:leaves]]
    keys = np.where(keys < leaves, keys, np.arange(leaves)[:, None])
    return np.lexsort([np.arange(leaves), *keys.T[::-1]])


def _rows(up: NDArray[Any], order: NDArray[Any], width: int) -> NDArray[Any]:
    """Where in the order the rows of at most `width` channels start."""
    changes = np.flatnonzero((np.diff(up[order]) != 0) | (np.diff(order) != 1)) + 1
    edges = np.concatenate([[0], changes, [len(order)]])
    return np.concatenate([np.arange(a, b, width) for a, b in itertools.pairwise(edges)])


def _cost(rows: int, width: int, steps: int) -> int:
    """Estimated operations of all rows for one pixel: a channel 12, a row 6, the question of a step 6."""
    return rows * (12 * width + 6 + 6 * steps)


def _runs(up: NDArray[Any], path: NDArray[Any], at: NDArray[Any], leaves: int) -> NDArray[Any]:
    """For each node of each path, the least `at` of a leaf below it, and the largest and one."""
    first, last = _ends(up, at, leaves)
    return np.stack([np.append(first, 0)[path], np.append(last, 0)[path]], axis=-1)


def _ends(up: NDArray[Any], at: NDArray[Any], leaves: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The least `at` of a leaf below each inner node, and the largest and one."""
    inner = len(up) - leaves
    first, last = np.full(inner + 1, leaves), np.zeros(inner + 1, np.int64)
    np.minimum.at(first, up[:leaves], at)
    np.maximum.at(last, up[:leaves], at + 1)
    for i in range(inner - 1, -1, -1):  # children come after their parent
        above = up[leaves + i]
        first[above], last[above] = min(first[above], first[i]), max(last[above], last[i])
    return first[:inner], last[:inner]
