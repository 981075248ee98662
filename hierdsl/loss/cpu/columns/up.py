"""From the logits of a tile up to the sums of all nodes, and the pixels where these are not exact."""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.arithmetic import exp, log, log_of_four
from hierdsl.loss.cpu.columns.tile import (
    FINEST,
    LOG_ROOT,
    LOSS,
    PART,
    PEAK,
    SPREAD,
    VALID,
    Y,
    add,
    fill,
    fill_rows,
    fill_with,
    spread_of,
)
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY


@compiled()
def read_targets(target: Any, at: int, ignore_index: int, nodes: int, index: Any, line: Any, w: int) -> int:
    """Read the targets; how many count."""
    of, y, valid, found = target[at : at + w], index[Y], line[VALID], np.int32(0)
    none, one, zero = np.uint32(nodes), line.dtype.type(1), line.dtype.type(0)
    for p in range(w):
        counts = of[p] != ignore_index
        y[p] = np.uint32(of[p]) if counts else none
        valid[p] = one if counts else zero
        found = np.int32(found + np.int32(counts))
    return int(found)


@compiled()
def finest_levels(rank: Any, index: Any, w: int) -> bool:
    """The finest level of each target, and that of the first for those that do not count; whether all are alike."""
    y, finest, at, alike = index[Y], index[FINEST], 0, True
    while y[at] == rank.size:
        at += 1
    first = rank[y[at]]
    for p in range(w):
        finest[p] = rank[y[p]] if y[p] < rank.size else first
        alike &= finest[p] == first
    return alike


@compiled()
def exponentials(
    z: Any, at: int, up: Any, e: Any, s: Any, line: Any, w: int, keep: bool, factors: Any, spread: Any
) -> None:
    """The largest logits; the exponentials, if they are kept, and their sums below the parent of each leaf.

    With factors of the leaves, what they make of z - peak is added to the row of the parent in `spread`, or to its
    only row: a factor of 0 makes 0 of whatever it is.
    """
    _largest(z, at, line, w)
    leaves = z.shape[0]
    peak = line[PEAK]
    fill_rows(s, w)
    c, here, rows = 0, slice(at, at + w), np.uint32(spread.shape[0] - 1)
    while c < leaves:
        two = c + 1 < leaves and up[c + 1] == up[c]  # their sum is fetched once
        first = factors[c] if factors.size else s.dtype.type(0)
        second = factors[c + 1] if two and factors.size else first
        two = two and (first != 0) == (second != 0)
        after, to = c + 2 if two else c + 1, spread[min(up[c], rows)]
        if two and keep and first != 0:
            _two_spread(z[c, here], z[c + 1, here], peak, e[c], e[c + 1], s[up[c]], first, second, to, w)
        elif two and keep:
            _two_exponentials(z[c, here], z[c + 1, here], peak, e[c], e[c + 1], s[up[c]], w)
        elif keep and first != 0:
            _one_spread(z[c, here], peak, e[c], s[up[c]], first, to, w)
        elif keep:
            _one_exponential(z[c, here], peak, e[c], s[up[c]], w)
        elif first != 0:
            _sum_spread(z[c, here], z[after - 1, here], peak, s[up[c]], two, first, second, to, w)
        else:
            _sum_exponentials(z[c, here], z[after - 1, here], peak, s[up[c]], two, w)
        c = after


@compiled()
def _two_exponentials(one: Any, other: Any, peak: Any, e: Any, f: Any, total: Any, w: int) -> None:
    for p in range(w):
        first, second = exp(one[p] - peak[p]), exp(other[p] - peak[p])
        e[p] = first
        f[p] = second
        total[p] += first + second


@compiled()
def _two_spread(
    one: Any, other: Any, peak: Any, e: Any, f: Any, total: Any, a: Any, b: Any, to: Any, w: int
) -> None:
    for p in range(w):
        x, y = one[p] - peak[p], other[p] - peak[p]
        first, second = exp(x), exp(y)
        e[p] = first
        f[p] = second
        total[p] += first + second
        to[p] += a * x + b * y


@compiled()
def _one_exponential(row: Any, peak: Any, e: Any, total: Any, w: int) -> None:
    for p in range(w):
        value = exp(row[p] - peak[p])
        e[p] = value
        total[p] += value


@compiled()
def _one_spread(row: Any, peak: Any, e: Any, total: Any, factor: Any, to: Any, w: int) -> None:
    for p in range(w):
        x = row[p] - peak[p]
        value = exp(x)
        e[p] = value
        total[p] += value
        to[p] += factor * x


@compiled()
def _sum_exponentials(one: Any, other: Any, peak: Any, total: Any, two: bool, w: int) -> None:
    if two:
        for p in range(w):
            total[p] += exp(one[p] - peak[p]) + exp(other[p] - peak[p])
    else:
        for p in range(w):
            total[p] += exp(one[p] - peak[p])


@compiled()
def _sum_spread(
    one: Any, other: Any, peak: Any, total: Any, two: bool, a: Any, b: Any, to: Any, w: int
) -> None:
    if two:
        for p in range(w):
            x, y = one[p] - peak[p], other[p] - peak[p]
            total[p] += exp(x) + exp(y)
            to[p] += a * x + b * y
    else:
        for p in range(w):
            x = one[p] - peak[p]
            total[p] += exp(x)
            to[p] += a * x


@compiled()
def _largest(z: Any, at: int, line: Any, w: int) -> None:
    """The largest logits.

    The numbers go from one row to another and back, the last into that of the peaks: put back where it was, a number
    would be stored only where it is larger, and such stores are slow. Four channels at once come faster from memory;
    where fewer are left, the last one counts more than once.
    """
    last, here = z.shape[0] - 1, slice(at, at + w)
    fours = max(1, (last + 3) // 4)
    to, other = (PEAK, LOSS) if fours % 2 == 0 else (LOSS, PEAK)
    for c in range(1, 1 + 4 * fours, 4):
        to, other = other, to
        _largest_of_five(
            line[other] if c > 1 else z[0, here],
            z[min(c, last), here],
            z[min(c + 1, last), here],
            z[min(c + 2, last), here],
            z[min(c + 3, last), here],
            line[to],
            w,
        )


@compiled()
def _largest_of_five(one: Any, a: Any, b: Any, c: Any, d: Any, to: Any, w: int) -> None:
    for p in range(w):
        first, second = max(b[p], a[p]), max(d[p], c[p])
        best = max(second, first)
        to[p] = max(one[p], best)


@compiled()
def sum_upwards(up: Any, s: Any, line: Any, w: int) -> int:
    """Sum the exponentials upwards; how many of the whole sums are infinite or no number, as a logit is."""
    inner = s.shape[0] - 1
    leaves = up.size - inner
    root, log_root, infinite, found = s[inner], line[LOG_ROOT], s.dtype.type(np.inf), np.int32(0)
    for i in range(inner - 1, -1, -1):
        add(s[i], s[up[leaves + i]], w)
    for p in range(w):
        log_root[p] = log(root[p])
        found = np.int32(found + np.int32(not root[p] < infinite))
    return int(found)


@compiled()
def spread_leaves(z: Any, at: int, factors: Any, line: Any, index: Any, w: int) -> None:
    """The leaves' part of what all nodes have, where the finest levels are not alike."""
    fill(line[SPREAD], w)
    for c in range(z.shape[0]):
        spread_of(z[c, at : at + w], line[PEAK], factors[:, c], line[SPREAD], index[FINEST], w, False)


@compiled()
def logs_of_inner(first: Any, nodes: Any, leaves: int, factors: Any, sums: Any, logs: Any, w: int) -> None:
    """Add factor * log s of each inner node to the row of its parent; of up to four siblings, one logarithm.

    The last row of `sums` is 1; the children of each node are `nodes[first[i] : first[i + 1]]`, the leaves first.
    """
    one = sums[sums.shape[0] - 1]
    for i in range(first.size - 1):
        k, end = first[i], first[i + 1]
        while k < end and nodes[k] < leaves:
            k += 1
        while k < end:
            factor, after = factors[nodes[k]], k + 1
            while after < min(end, k + 4) and factors[nodes[after]] == factor:
                after += 1
            if factor != 0 and after == k + 1:
                _add_logs(sums[nodes[k] - leaves], factor, logs[i], w)
            elif factor != 0:
                c = sums[nodes[k + 2] - leaves] if after > k + 2 else one
                d = sums[nodes[k + 3] - leaves] if after > k + 3 else one
                _add_logs_of_four(
                    sums[nodes[k] - leaves], sums[nodes[k + 1] - leaves], c, d, factor, logs[i], w
                )
            k = after


@compiled()
def _add_logs(sums: Any, factor: Any, to: Any, w: int) -> None:
    for p in range(w):
        to[p] += factor * log(sums[p])


@compiled()
def _add_logs_of_four(a: Any, b: Any, c: Any, d: Any, factor: Any, to: Any, w: int) -> None:
    for p in range(w):
        to[p] += factor * log_of_four(a[p], b[p], c[p], d[p])


@compiled()
def lowest(up: Any, leaves: int) -> Any:
    """The inner nodes without one below them: their sums are the smallest."""
    is_lowest = np.ones(up.size - leaves + 1, np.bool_)
    for i in range(up.size - leaves):
        is_lowest[up[leaves + i]] = False
    return np.flatnonzero(is_lowest[:-1])


@compiled()
def smallest_sums(s: Any, nodes: Any, line: Any, w: int) -> int:
    """Write the least sum of each pixel, those of some nodes, into the line of parts; how many are tiny."""
    tiny, found = s.dtype.type(TINY), np.int32(0)
    to, other = (PART, LOSS) if nodes.size % 2 == 0 else (LOSS, PART)  # to and fro, as for the largest
    fill_with(line[to], 1, w)
    for i in nodes:
        to, other = other, to
        _smaller(line[other], s[i], line[to], w)
    least = line[PART]
    for p in range(w):
        found = np.int32(found + np.int32(least[p] < tiny))
    return int(found)


@compiled()
def _smaller(one: Any, other: Any, to: Any, w: int) -> None:
    for p in range(w):
        to[p] = min(other[p], one[p])


@compiled()
def set_aside(
    number: int,
    up: Any,
    leaves: int,
    s: Any,
    line: Any,
    index: Any,
    every: bool,
    aside: Any,
    taken: int,
    w: int,
) -> int:
    """Take out the pixels whose sums that count are not exact: all sums, or those on the way to the target."""
    inner = s.shape[0] - 1
    for p in range(w):
        y = index[Y, p]
        regular, tiny = s[inner, p] < np.inf, every and line[PART, p] < TINY
        if y < up.size:
            i = up[y] if y < leaves else y - leaves  # the least sum on the way to the target
            if not regular or tiny or s[i, p] < TINY:
                index[Y, p] = up.size
                line[VALID, p] = 0
                line[LOSS, p] = 0
                aside[taken] = number + p
                taken += 1
        elif not regular or tiny:  # ignored, whatever the network says: 0 times infinity is no 0
            aside[taken] = number + p
            taken += 1
    return taken
