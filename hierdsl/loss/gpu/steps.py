"""A tree as `hierdsl.loss.gpu.smoothed` walks it, of any size: which nodes can be summed together, and in what order.

NumPy only: no Triton is loaded to make the tables.
"""

import json
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss.shape import shape_of, without_chains
from hierdsl.weighting.weighting import in_cut

_NARROW = 32  # children that one lane sums

Step = tuple[int, int, bool]
"""The first of some nodes in `Walk.ordered`, how many there are, and whether they have many children."""


class Walk(NamedTuple):
    """A tree of C leaves and I inner nodes, in which no inner node has an only child; the root is inner node I.

    It is the tree of `hierdsl.loss.shape.without_chains`. All int32.

    Attributes:
        up: Inner node above each leaf and, behind these, each inner node, (C + I,).
        child: The children of each inner node, one after the other, as places in `up`, (C + I,).
        first_child: Where in `child` those of each inner node start, (I + 2,).
        ordered: The inner nodes by the steps in which they are summed, (I + 1,).
        opened: Of the inner nodes, without the root, those of which each target is a child, or lies under one, from
            the top: (V + 1, K); I + 1 where there are no more.
        shared: Node of the hierarchy that is one with each leaf and each inner node in the cut of each level,
            (C + I + 1, D); -1 for none, and for the root, which is certain.
    """

    up: NDArray[Any]
    child: NDArray[Any]
    first_child: NDArray[Any]
    ordered: NDArray[Any]
    opened: NDArray[Any]
    shared: NDArray[Any]


@lru_cache(maxsize=64)
def walk_of(compiled: CompiledHierarchy) -> tuple[str, Walk]:
    """The steps as a text, which goes through operators of torch as it is, and the tables beside it."""
    shape = without_chains(shape_of(compiled))
    leaves, inner = compiled.num_leaves, shape.order.size
    up = shape.up.astype(np.int64)
    height = np.ones(inner + 1, np.int64)
    for i in range(inner - 1, -1, -1):  # children come after their parent
        height[up[leaves + i]] = max(height[up[leaves + i]], height[i] + 1)
    key = 2 * height + (shape.children > _NARROW)
    ordered = np.argsort(key, kind="stable")
    edges = [0, *(np.flatnonzero(np.diff(key[ordered])) + 1).tolist(), inner + 1]
    steps = [(start, end - start, bool(key[ordered[start]] % 2)) for start, end in pairwise(edges)]
    shared = np.full((leaves + inner + 1, compiled.num_levels), -1)
    for level, inside in enumerate(in_cut(compiled)):
        v = np.flatnonzero(inside)
        shared[shape.one[v], level] = v
    shared[-1] = -1
    tables = Walk(
        up=up,
        child=np.argsort(up, kind="stable"),
        first_child=np.append(0, np.cumsum(shape.children)),
        ordered=ordered,
        opened=shape.opened,
        shared=shared,
    )
    return json.dumps({"steps": steps}), Walk(*[np.asarray(table, dtype=np.int32) for table in tables])


@lru_cache(maxsize=64)
def read_steps(text: str) -> tuple[Step, ...]:
    """The steps that a text of `walk_of` tells."""
    return tuple((first, count, many) for first, count, many in json.loads(text)["steps"])
