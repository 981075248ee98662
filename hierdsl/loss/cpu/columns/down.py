"""From the factors of the nodes of a tile down to the gradient of the logits."""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.columns.tile import FACTORS, FINEST, LEAF, PART, SUM, VALID, Y
from hierdsl.loss.cpu.compiled import compiled


@compiled()
def put_factors(starts: Any, line: Any, index: Any, r: Any, w: int) -> None:
    """Factor / sum of that node, into its row."""
    y, part, sums, flat = index[Y], line[PART], line[SUM], r.reshape(-1)
    for p in range(w):
        part[p] /= sums[p]
    for p in range(w):
        flat[starts[y[p]] + np.uint32(p)] += part[p]


@compiled()
def sum_downwards(
    up: Any,
    leaves: int,
    s: Any,
    r: Any,
    line: Any,
    even: Any,
    sibling: Any,
    opened: Any,
    index: Any,
    w: int,
    alike: bool,
) -> None:
    """Sum factor / sum downwards, parents first."""
    inner = s.shape[0] - 1
    root, whole, factors, valid = r[inner], s[inner], line[FACTORS], line[VALID]
    for p in range(w):
        root[p] = -factors[p] / whole[p]
    for i in range(inner):
        row, above, sums = r[i], r[up[leaves + i]], s[i]
        for p in range(w):
            row[p] += above[p]
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
    for p in range(w):
        y = index[Y, p]
        if y < e.shape[0]:
            g[y, at + p] -= line[LEAF, p]
