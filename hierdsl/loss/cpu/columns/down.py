"""From the factors of the nodes of a tile down to the gradient of the logits."""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.columns.tile import FACTORS, FINEST, LEAF, VALID, Y, copy
from hierdsl.loss.cpu.compiled import compiled


@compiled()
def depths(up: Any, leaves: int) -> Any:
    """How many inner nodes are above each of them, parents being first."""
    inner = up.size - leaves
    depth = np.zeros(inner, np.int64)
    for i in range(inner):
        if up[leaves + i] < inner:
            depth[i] = depth[up[leaves + i]] + 1
    return depth


@compiled()
def divide(one: Any, other: Any, to: Any, w: int) -> None:
    """Write one row divided by another."""
    for p in range(w):
        to[p] = one[p] / other[p]


@compiled()
def sum_downwards(
    up: Any,
    depth: Any,
    quotients: Any,
    way: Any,
    size: int,
    s: Any,
    r: Any,
    line: Any,
    index: Any,
    even: Any,
    sibling: Any,
    opened: Any,
    w: int,
    alike: bool,
) -> None:
    """Sum factor / sum downwards, parents first.

    Of the nodes on the ways, each looks for its pixels: were these written to where their ways lead, it would take
    longer.
    """
    inner = s.shape[0] - 1
    leaves = up.size - inner
    root, whole, factors, valid = r[inner], s[inner], line[FACTORS], line[VALID]
    for p in range(w):
        root[p] = -factors[p] / whole[p]
    for i in range(inner):
        row, sums = r[i], s[i]
        _add_where(r[up[leaves + i]], way[depth[i]], np.uint32(i * size), quotients[depth[i]], row, w)
        if even.size > 1:
            if alike:
                factor = even[index[FINEST, 0], leaves + i]
                for p in range(w):
                    row[p] += valid[p] * factor / sums[p]
            else:
                for p in range(w):
                    row[p] += valid[p] * even[index[FINEST, p], leaves + i] / sums[p]
        elif sibling.size > 1 and sibling[leaves + i] != 0:
            factor, of_parent = sibling[leaves + i], opened[up[leaves + i]]
            for p in range(w):
                row[p] += factor * of_parent[p] / sums[p]


@compiled()
def _add_where(one: Any, way: Any, start: Any, other: Any, to: Any, w: int) -> None:
    """Write the sum of two rows, the second as 0 where the way leads elsewhere."""
    zero = one.dtype.type(0)
    for p in range(w):
        here = other[p]
        to[p] = one[p] + (here if way[p] == start else zero)


@compiled()
def open_rows(depth: Any, way: Any, size: int, line: Any, opened: Any, w: int) -> None:
    """1 for the pixels that have siblings below an inner node or the root, else 0."""
    one, zero = opened.dtype.type(1), opened.dtype.type(0)
    for i in range(depth.size):
        row, starts, start = opened[i], way[depth[i]], np.uint32(i * size)
        for p in range(w):
            row[p] = one if starts[p] == start else zero
    copy(line[VALID], opened[depth.size], w)


@compiled()
def write_gradient(
    g: Any,
    at: int,
    e: Any,
    r: Any,
    up: Any,
    line: Any,
    index: Any,
    even: Any,
    sibling: Any,
    opened: Any,
    w: int,
    alike: bool,
) -> None:
    """Write -e_c * r of the node above c, less the factors of the leaves themselves."""
    valid = line[VALID]
    for c in range(e.shape[0]):
        to, of, above = g[c, at : at + w], e[c], r[up[c]]
        if even.size > 1 and alike:
            factor = even[index[FINEST, 0], c]
            for p in range(w):
                to[p] = -of[p] * above[p] - factor * valid[p]
        elif even.size > 1:
            for p in range(w):
                to[p] = -of[p] * above[p] - even[index[FINEST, p], c] * valid[p]
        elif sibling.size > 1:
            factor, of_parent = sibling[c], opened[up[c]]
            for p in range(w):
                to[p] = -of[p] * above[p] - factor * of_parent[p]
        else:
            for p in range(w):
                to[p] = -of[p] * above[p]
    targets, leaf, leaves = index[Y], line[LEAF], np.uint32(e.shape[0])
    for p in range(w):  # with a sign, an index could count from the end
        if targets[p] < leaves:
            g[targets[p], np.uintp(at) + np.uintp(p)] -= leaf[p]
