"""The loss over pixels that lie side by side in memory: logits (N, C, P), each channel a run of pixels.

A tile of pixels is worked through row by row, a row being one node at every pixel of the tile: its buffers stay in
cache, and every inner loop runs over pixels and becomes vector instructions, however deep the tree is. With f_v the
factor that -log p of node v has for a pixel, and F their sum:

    e_c = exp(z_c - max z)                                   one row a leaf
    s_i = sum of e_c below i                                 rows added to that of the parent, children first
    r_i = sum of f_v / s_v over inner nodes v from i up, less F / s_root        parents first
    gradient_c = -e_c * r_parent(c) - f_c

A pixel's target only decides where factors are put, and a level costs what its inner nodes cost. A pixel with a sum
that underflows, or with a logit that is no number, is set aside for `hierdsl.loss.cpu.exact`.

The functions take arrays and no structures of arrays, which Numba takes ten times as long to compile.
"""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.arithmetic import exp, log
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.shape import Shape

TINY = 1e-30
"""A sum of exponentials below this, beside a largest of 1, has lost digits to underflow."""
# rows of one value a pixel
_PEAK = 0  # largest logit
_LOG_ROOT = 1
_LEAF = 2  # factor of the target that is a leaf
_PART = 3  # factor of the node of one step of the path
_SUM = 4  # and its sum of exponentials
_LOSS = 5
_FACTORS = 6  # F
_SPREAD = 7  # sum over all nodes of even factor * (z - peak, or log s)
_VALID = 8  # 1 where the pixel counts in these loops
_P = 9  # probability of the node of one step, and a power of the rest
_POWER = 10
_LINES = 11
# rows of one index a pixel
_Y = 0  # the target; V where the pixel does not count in these loops
_FINEST = 1  # the finest level where the target has a group
_INNER = 2  # inner index of the node of one step
_INDICES = 3


@compiled()
def columns(
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    terms: Terms,
    starts: Any,
    first: int,
    last: int,
    size: int,
    gradient: Any,
    losses: Any,
    sums: Any,
    levels: bool,
    aside: Any,
) -> int:
    """Work through the tiles from `first` to before `last`.

    Args:
        logits: (N, C, P), float32 or float64.
        target: (N, P), checked already.
        ignore_index: Of the pixels that count nowhere.
        shape: Of the tree.
        terms: Coefficients, of the logits' type.
        starts: Where the rows of `Shape.path` begin, step by step, (K, V + 1) uint32: inner index times `size`.
        first: Tile.
        last: Tile.
        size: Pixels of a tile.
        gradient: (N, C, P), to write; empty for none.
        losses: (N, P), to write; empty for none.
        sums: The loss and the level losses of these tiles, (1 + D,) float64, to write.
        levels: Whether the latter are wanted.
        aside: Numbers of the pixels that were set aside, image by image, to write; as long as the tiles.

    Returns:
        How many were set aside.
    """
    up, rank, factors = shape.up, shape.rank, terms.target.T
    leaves, inner, steps, pixels = logits.shape[1], shape.children.size - 1, len(starts), logits.shape[2]
    even, siblings, make = terms.even.size > 1, terms.sibling.size > 1, gradient.size > 0
    real, some = logits.dtype, inner + 2 if siblings else 1
    e, s, r = (
        np.empty((leaves if make else 1, size), real),
        np.empty((inner + 1, size), real),
        np.empty((inner + 1, size), real),
    )
    logs, opened, nll = (
        np.empty((some, size), real),
        np.empty((some, size), real),
        np.empty((steps + 1, size), real),
    )
    line, index = np.empty((_LINES, size), real), np.empty((_INDICES, size), np.uint32)
    for i in range(sums.size):
        sums[i] = 0
    taken, per_image = 0, (pixels + size - 1) // size
    for number in range(first, last):
        n, at = number // per_image, number % per_image * size
        w = min(size, pixels - at)
        z, g = logits[n], gradient[n if make else 0]
        if not _targets(target[n], at, ignore_index, up.size, index, line, w):
            for c in range(g.shape[0]):
                _fill(g[c, at : at + w], w)
            _fill(line[_LOSS], w)
        else:
            alike = _finest(rank, index, w) if even else True
            _exponentials(z, at, up, e, s, line, w, make)
            if even:
                _spread(z, at, terms.even, line, index, w, alike)
            if siblings:
                _fill_rows(logs, w)
                _logs_of_leaves(z, at, up, terms.sibling, line, logs, w)
            doubtful = _sums(up, s, line, w)
            if even or siblings:  # all sums count
                doubtful += _smallest(s, line, w)
                if doubtful > 0:
                    taken = _set_aside(n * pixels + at, up, leaves, s, line, index, True, aside, taken, w)
            _leaf_terms(z, at, factors[steps], terms.whole, line, index, nll[steps], w, make)
            if terms.focus > 0:
                _focus(terms.focus, line[_LEAF], nll[steps], line, w)
                copy(line[_LEAF], line[_FACTORS], w)
            if siblings:
                _logs_of_inner(up, leaves, terms.sibling, s, logs, w)
                _open_all(opened, line, logs, terms.sibling_sum, w)
                for step in range(steps):
                    _open(shape.opened, step, terms.sibling_sum, logs, opened, line, index, w)
            if make:
                _fill_rows(r, w)
            for step in range(steps):
                doubtful += _step(starts[step], factors[step], s, nll[step], line, index, w)
                if terms.focus > 0:
                    _focus(terms.focus, line[_PART], nll[step], line, w)
                    _add(line[_PART], line[_FACTORS], w)
                if make:
                    _put(starts[step], line, index, r, w)
            if doubtful > 0 and not (even or siblings):
                taken = _set_aside(n * pixels + at, up, leaves, s, line, index, False, aside, taken, w)
            if levels:
                for level in range(sums.size - 1):
                    sums[1 + level] += _level_loss(
                        terms.step.T[level], terms.level.T[level], nll, line, index, w
                    )
            if even:
                _even(terms.even, terms.even_sum, leaves, s, line, index, w, alike)
            if make:
                _down(up, leaves, s, r, line, terms.even, terms.sibling, opened, index, w, alike)
                _gradient(g, at, e, r, up, line, index, terms.even, terms.sibling, opened, w, alike)
            _clear(line, w)
        sums[0] += _total(line[_LOSS], w)
        if losses.size:
            copy(line[_LOSS], losses[n, at : at + w], w)
    return taken


@compiled()
def _fill(row: Any, w: int) -> None:
    for p in range(w):
        row[p] = 0


@compiled()
def _fill_rows(rows: Any, w: int) -> None:
    for i in range(rows.shape[0]):
        _fill(rows[i], w)


@compiled()
def _clear(line: Any, w: int) -> None:
    """Pixels that do not count have no loss, whatever was made of them."""
    loss, valid, zero = line[_LOSS], line[_VALID], line.dtype.type(0)
    for p in range(w):
        loss[p] = loss[p] if valid[p] > zero else zero


@compiled()
def copy(source: Any, to: Any, w: int) -> None:
    """Copy the first numbers of a row."""
    for p in range(w):
        to[p] = source[p]


@compiled()
def _add(row: Any, to: Any, w: int) -> None:
    for p in range(w):
        to[p] += row[p]


@compiled()
def _largest(z: Any, at: int, line: Any, w: int) -> None:
    """The largest logits.

    The numbers go from one row to another and back, the last into that of the peaks: put back where it was, a number
    would be stored only where it is larger, and such stores are slow. Four channels at once come faster from memory.
    """
    leaves = z.shape[0]
    fours = (leaves - 1) // 4
    to, other = (_PEAK, _LOSS) if (leaves - 1 - 3 * fours) % 2 == 0 else (_LOSS, _PEAK)
    copy(z[0, at : at + w], line[to], w)
    for four in range(fours):
        to, other, c = other, to, 1 + 4 * four
        here = slice(at, at + w)
        _largest_of_five(line[other], z[c, here], z[c + 1, here], z[c + 2, here], z[c + 3, here], line[to], w)
    for c in range(1 + 4 * fours, leaves):
        to, other = other, to
        _larger(line[other], z[c, at : at + w], line[to], w)


@compiled()
def _largest_of_five(one: Any, a: Any, b: Any, c: Any, d: Any, to: Any, w: int) -> None:
    for p in range(w):
        first, second = max(b[p], a[p]), max(d[p], c[p])
        best = max(second, first)
        to[p] = max(one[p], best)


@compiled()
def _fill_with_one(row: Any, w: int) -> None:
    for p in range(w):
        row[p] = 1


@compiled()
def _smaller(one: Any, other: Any, to: Any, w: int) -> None:
    for p in range(w):
        to[p] = min(other[p], one[p])


@compiled()
def _larger(one: Any, other: Any, to: Any, w: int) -> None:
    for p in range(w):
        to[p] = max(other[p], one[p])


@compiled(any_order=True)
def _total(row: Any, w: int) -> float:
    total = 0.0
    for p in range(w):
        total += row[p]
    return total


@compiled()
def _targets(target: Any, at: int, ignore_index: int, nodes: int, index: Any, line: Any, w: int) -> bool:
    """Read the targets; whether any counts."""
    of, y, valid, found = target[at : at + w], index[_Y], line[_VALID], np.int32(0)
    none, one, zero = np.uint32(nodes), line.dtype.type(1), line.dtype.type(0)
    for p in range(w):
        counts = of[p] != ignore_index
        y[p] = np.uint32(of[p]) if counts else none
        valid[p] = one if counts else zero
        found = np.int32(found + np.int32(counts))
    return bool(found > 0)


@compiled()
def _finest(rank: Any, index: Any, w: int) -> bool:
    """The finest level of each target, and that of the first for those that do not count; whether all are alike."""
    y, finest, at, alike = index[_Y], index[_FINEST], 0, True
    while y[at] == rank.size:
        at += 1
    first = rank[y[at]]
    for p in range(w):
        finest[p] = rank[y[p]] if y[p] < rank.size else first
        alike &= finest[p] == first
    return alike


@compiled()
def _exponentials(z: Any, at: int, up: Any, e: Any, s: Any, line: Any, w: int, keep: bool) -> None:
    """The largest logits; the exponentials, if they are kept, and their sums below the parent of each leaf."""
    _largest(z, at, line, w)
    leaves = z.shape[0]
    peak = line[_PEAK]
    _fill_rows(s, w)
    c = 0
    while c < leaves:
        two = c + 1 < leaves and up[c + 1] == up[c]  # their sum is fetched once
        after, here = c + 2 if two else c + 1, slice(at, at + w)
        if two and keep:
            _two_exponentials(z[c, here], z[c + 1, here], peak, e[c], e[c + 1], s[up[c]], w)
        elif keep:
            _one_exponential(z[c, here], peak, e[c], s[up[c]], w)
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
def _one_exponential(row: Any, peak: Any, e: Any, total: Any, w: int) -> None:
    for p in range(w):
        value = exp(row[p] - peak[p])
        e[p] = value
        total[p] += value


@compiled()
def _sum_exponentials(one: Any, other: Any, peak: Any, total: Any, two: bool, w: int) -> None:
    if two:
        for p in range(w):
            total[p] += exp(one[p] - peak[p]) + exp(other[p] - peak[p])
    else:
        for p in range(w):
            total[p] += exp(one[p] - peak[p])


@compiled()
def _spread(z: Any, at: int, factors: Any, line: Any, index: Any, w: int, alike: bool) -> None:
    """The leaves' part of what all nodes have."""
    _fill(line[_SPREAD], w)
    for c in range(z.shape[0]):
        _spread_of(z[c, at : at + w], line[_PEAK], factors[:, c], line[_SPREAD], index[_FINEST], w, alike)


@compiled()
def _spread_of(high: Any, low: Any, factors: Any, spread: Any, finest: Any, w: int, alike: bool) -> None:
    """Add factor * (high - low), the factor by the finest level of each pixel's target."""
    if not alike:
        for p in range(w):
            factor = factors[finest[p]]
            if factor != 0:
                spread[p] += factor * (high[p] - low[p])
    elif factors[finest[0]] != 0:
        factor = factors[finest[0]]
        for p in range(w):
            spread[p] += factor * (high[p] - low[p])


@compiled()
def _logs_of_leaves(z: Any, at: int, up: Any, factors: Any, line: Any, logs: Any, w: int) -> None:
    """Add factor * (z - peak) of each leaf to the row of its parent."""
    peak = line[_PEAK]
    for c in range(z.shape[0]):
        if factors[c] != 0:
            row, to, factor = z[c, at : at + w], logs[up[c]], factors[c]
            for p in range(w):
                to[p] += factor * (row[p] - peak[p])


@compiled()
def _logs_of_inner(up: Any, leaves: int, factors: Any, s: Any, logs: Any, w: int) -> None:
    """Add factor * log s of each inner node to the row of its parent."""
    for i in range(s.shape[0] - 1):
        if factors[leaves + i] != 0:
            row, to, factor = s[i], logs[up[leaves + i]], factors[leaves + i]
            for p in range(w):
                to[p] += factor * log(row[p])


@compiled()
def _sums(up: Any, s: Any, line: Any, w: int) -> int:
    """Sum the exponentials upwards; how many of the whole sums are infinite or no number, as a logit is."""
    inner = s.shape[0] - 1
    leaves = up.size - inner
    root, log_root, infinite, found = s[inner], line[_LOG_ROOT], s.dtype.type(np.inf), np.int32(0)
    for i in range(inner - 1, -1, -1):
        _add(s[i], s[up[leaves + i]], w)
    for p in range(w):
        log_root[p] = log(root[p])
        found = np.int32(found + np.int32(not root[p] < infinite))
    return int(found)


@compiled()
def _smallest(s: Any, line: Any, w: int) -> int:
    """Write the least sum of each pixel into the line of parts; how many are tiny."""
    inner, tiny, found = s.shape[0] - 1, s.dtype.type(TINY), np.int32(0)
    to, other = (_PART, _LOSS) if inner % 2 == 0 else (_LOSS, _PART)  # to and fro, as for the largest
    _fill_with_one(line[to], w)
    for i in range(inner):
        to, other = other, to
        _smaller(line[other], s[i], line[to], w)
    lowest = line[_PART]
    for p in range(w):
        found = np.int32(found + np.int32(lowest[p] < tiny))
    return int(found)


@compiled()
def _set_aside(
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
        y = index[_Y, p]
        regular, tiny = s[inner, p] < np.inf, every and line[_PART, p] < TINY
        if y < up.size:
            i = up[y] if y < leaves else y - leaves  # the least sum on the way to the target
            if not regular or tiny or s[i, p] < TINY:
                index[_Y, p] = up.size
                line[_VALID, p] = 0
                line[_LOSS, p] = 0
                aside[taken] = number + p
                taken += 1
        elif not regular or tiny:  # ignored, whatever the network says: 0 times infinity is no 0
            aside[taken] = number + p
            taken += 1
    return taken


@compiled()
def _leaf_terms(
    z: Any, at: int, factors: Any, whole: Any, line: Any, index: Any, nll: Any, w: int, make: bool
) -> None:
    """Begin the loss with the term of the target itself where it is a leaf; and the factors, for a gradient."""
    leaves, y, leaf, values = z.shape[0], index[_Y], line[_LEAF], line[_SUM]
    peak, log_root, loss = line[_PEAK], line[_LOG_ROOT], line[_LOSS]
    for p in range(w):
        values[p] = z[y[p], at + p] - peak[p] if y[p] < leaves else log_root[p]
        leaf[p] = factors[y[p]]
    if make:
        summed = line[_FACTORS]
        for p in range(w):
            summed[p] = whole[y[p]]
    for p in range(w):
        nll[p] = log_root[p] - values[p]
        loss[p] = leaf[p] * nll[p]


@compiled()
def _step(starts: Any, factors: Any, s: Any, nll: Any, line: Any, index: Any, w: int) -> int:
    """The term of one inner node on the way to the target; how many of the sums are tiny."""
    y, part, sums, flat = index[_Y], line[_PART], line[_SUM], s.reshape(-1)
    for p in range(w):
        sums[p] = flat[starts[y[p]] + np.uint32(p)]
        part[p] = factors[y[p]]
    log_root, loss, tiny, found = line[_LOG_ROOT], line[_LOSS], nll.dtype.type(TINY), np.int32(0)
    for p in range(w):
        nll[p] = log_root[p] - log(sums[p])
        loss[p] += part[p] * nll[p]
        found = np.int32(found + np.int32(sums[p] < tiny))
    return int(found)


@compiled()
def _put(starts: Any, line: Any, index: Any, r: Any, w: int) -> None:
    """Factor / sum of that node, into its row."""
    y, part, sums, flat = index[_Y], line[_PART], line[_SUM], r.reshape(-1)
    for p in range(w):
        part[p] /= sums[p]
    for p in range(w):
        flat[starts[y[p]] + np.uint32(p)] += part[p]


@compiled()
def _focus(gamma: float, part: Any, nll: Any, line: Any, w: int) -> None:
    """Modulate the loss that was added last, part * nll, by (1 - p)**gamma; make `part` its factor in the gradient.

    The factor is minus the derivative of (1 - p)**gamma * nll by log p.
    """
    one, tiny = nll.dtype.type(1), nll.dtype.type(TINY)
    exponent = nll.dtype.type(gamma - 1)
    loss, probability, power = line[_LOSS], line[_P], line[_POWER]
    for p in range(w):
        probability[p] = exp(-nll[p])
    for p in range(w):
        power[p] = exp(exponent * log(max(one - probability[p], tiny)))
    for p in range(w):
        rest = max(one - probability[p], tiny)
        loss[p] += part[p] * nll[p] * (power[p] * rest - one)
        part[p] *= power[p] * (rest + (exponent + one) * nll[p] * probability[p])


@compiled()
def _open_all(opened: Any, line: Any, logs: Any, summed: Any, w: int) -> None:
    """The terms of the children of the root, which is on every way."""
    inner = opened.shape[0] - 2
    _fill_rows(opened, w)
    valid, log_root, loss, factors = line[_VALID], line[_LOG_ROOT], line[_LOSS], line[_FACTORS]
    root, of_root, factor = logs[inner], opened[inner], summed[inner]
    for p in range(w):
        of_root[p] = valid[p]
        loss[p] += factor * log_root[p] - root[p]
        factors[p] += factor * valid[p]


@compiled()
def _open(
    on_the_way: Any, step: int, summed: Any, logs: Any, opened: Any, line: Any, index: Any, w: int
) -> None:
    """The terms of the children of one inner node on the way to the target."""
    inner, part, values = index[_INNER], line[_PART], line[_SUM]
    for p in range(w):
        i = on_the_way[index[_Y, p], step]
        inner[p] = i
        values[p] = logs[i, p]
        part[p] = summed[i]
    log_root, loss, factors = line[_LOG_ROOT], line[_LOSS], line[_FACTORS]
    for p in range(w):
        loss[p] += part[p] * log_root[p] - values[p]
        factors[p] += part[p]
    for p in range(w):
        opened[inner[p], p] = 1


@compiled()
def _level_loss(steps: Any, weights: Any, nll: Any, line: Any, index: Any, w: int) -> float:
    """What these pixels add to the loss of a level."""
    y, part, sums, valid, zero = index[_Y], line[_PART], line[_SUM], line[_VALID], nll.dtype.type(0)
    for p in range(w):
        sums[p] = nll[steps[y[p]], p]
        part[p] = weights[y[p]]
    for p in range(w):
        part[p] = part[p] * sums[p] if valid[p] > zero else zero
    return float(_total(part, w))


@compiled()
def _even(even: Any, even_sum: Any, leaves: int, s: Any, line: Any, index: Any, w: int, alike: bool) -> None:
    """The terms that all nodes have: the inner nodes' part of the spread, then loss and factors."""
    _fill(line[_PART], w)
    logs, zero = line[_SUM], s.dtype.type(0)
    for i in range(s.shape[0] - 1):
        row = s[i]
        for p in range(w):
            logs[p] = log(row[p])
        _spread_of(logs, line[_PART], even[:, leaves + i], line[_SPREAD], index[_FINEST], w, alike)
    for p in range(w):
        if line[_VALID, p] > zero:
            factor = even_sum[index[_FINEST, p]]
            line[_LOSS, p] += factor * line[_LOG_ROOT, p] - line[_SPREAD, p]
            line[_FACTORS, p] += factor


@compiled()
def _down(
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
    root, whole, factors, valid = r[inner], s[inner], line[_FACTORS], line[_VALID]
    for p in range(w):
        root[p] = -factors[p] / whole[p]
    for i in range(inner):
        row, above, sums = r[i], r[up[leaves + i]], s[i]
        for p in range(w):
            row[p] += above[p]
        if even.size > 1:
            if alike:
                factor = even[index[_FINEST, 0], leaves + i]
                for p in range(w):
                    row[p] += valid[p] * factor / sums[p]
            else:
                for p in range(w):
                    row[p] += valid[p] * even[index[_FINEST, p], leaves + i] / sums[p]
        elif sibling.size > 1 and sibling[leaves + i] != 0:
            factor, of_parent = sibling[leaves + i], opened[up[leaves + i]]
            for p in range(w):
                row[p] += factor * of_parent[p] / sums[p]


@compiled()
def _gradient(
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
    valid = line[_VALID]
    for c in range(e.shape[0]):
        to, of, above = g[c, at : at + w], e[c], r[up[c]]
        if even.size > 1 and alike:
            factor = even[index[_FINEST, 0], c]
            for p in range(w):
                to[p] = -of[p] * above[p] - factor * valid[p]
        elif even.size > 1:
            for p in range(w):
                to[p] = -of[p] * above[p] - even[index[_FINEST, p], c] * valid[p]
        elif sibling.size > 1:
            factor, of_parent = sibling[c], opened[up[c]]
            for p in range(w):
                to[p] = -of[p] * above[p] - factor * of_parent[p]
        else:
            for p in range(w):
                to[p] = -of[p] * above[p]
    for p in range(w):
        y = index[_Y, p]
        if y < e.shape[0]:
            g[y, at + p] -= line[_LEAF, p]
