"""The loss over rows, (M, C), with smoothing over all groups of each level: every inner node has a term.

Some rows at a time, side by side: what is done at a node is done for all of them in one vector instruction. They have
targets of the same finest level, which decides the factors that smoothing gives the nodes.
"""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.arithmetic import largest, log
from hierdsl.loss.cpu.columns import TINY
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.rows import LANES, exponentials, level_losses, on_the_way, terms_on_the_way
from hierdsl.loss.cpu.terms import factors_on_the_way
from hierdsl.loss.shape import Shape


@compiled()
def even_rows(
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    even: Any,
    even_sum: Any,
    factors_of: Any,
    weights: Any,
    total: Any,
    smoothing: float,
    focus: float,
    first: int,
    last: int,
    gradient: Any,
    losses: Any,
    sums: Any,
    levels: bool,
    aside: Any,
) -> int:
    """Work through the rows from `first` to before `last`.

    Args:
        logits: See `rows`, and for all that is not here; the channels may have any order.
        target: See there.
        ignore_index: See there.
        shape: See there.
        even: `Terms.even`, (D, V), of the logits' type.
        even_sum: `Terms.even_sum`, (D,), of that type.
        factors_of: See `rows`.
        weights: See there.
        total: See there.
        smoothing: Share of the target's probability that is spread.
        focus: See `rows`.
        first: See there.
        last: See there.
        gradient: See there.
        losses: See there.
        sums: See there.
        levels: See there.
        aside: See there.
    """
    real, leaves, steps, inner = logits.dtype, logits.shape[1], shape.path.shape[1], shape.children.size - 1
    row, e = np.empty((LANES, leaves), real), np.empty((leaves, LANES), real)
    s, r = np.empty((inner + 1, LANES), real), np.empty((inner + 1, LANES), real)
    logs = np.empty((inner + 1) * LANES, real)
    peaks, spread, doubtful = np.empty(LANES, real), np.empty(LANES, real), np.empty(LANES, np.bool_)
    parts, sums_of, nll, focal = on_the_way(shape, real)
    of_leaf, batch = np.zeros(LANES, real), np.empty(LANES, np.int64)
    sums[:] = 0
    taken, make = 0, gradient.size > 0
    for m in range(first, last):
        if np.int64(target[m]) == ignore_index:
            gradient[m if make else 0, :] = 0
            if losses.size:
                losses[m] = 0
    for level in range(total.size):
        factors, count = even[level], 0
        for m in range(first, last + 1):
            if m < last:
                t = np.int64(target[m])
                if t == ignore_index or shape.rank[t] != level:
                    continue
                batch[count] = m
                count += 1
            if count < LANES and (m < last or count == 0):
                continue
            for lane in range(LANES):
                z = logits[batch[min(lane, count - 1)]]
                peaks[lane] = largest(z)
                exponentials(z, peaks[lane], row[lane])
                spread[lane] = _spread(factors, z, peaks[lane])
            _turn(row, e)
            _sums(e, shape.up, s, doubtful)
            _logs(s, logs)
            _add_logs(factors, leaves, logs, spread)
            if make:
                _begin_factors(factors, leaves, s, r)
            for lane in range(count):
                y, loss, whole = np.int64(target[batch[lane]]), real.type(0), s[inner, lane]
                if not whole < np.inf or doubtful[lane]:
                    aside[taken] = batch[lane]
                    taken += 1
                else:
                    depth = 0
                    while depth < steps and shape.path[y, depth] < inner:
                        sums_of[depth] = s[shape.path[y, depth], lane]
                        depth += 1
                    own = logits[batch[lane], y] - peaks[lane] if y < leaves else log(whole)
                    factors_on_the_way(y, shape, factors_of, weights, total, smoothing, False, parts)
                    loss, summed, of_leaf[lane] = terms_on_the_way(
                        own, whole, parts, focus, sums_of, nll, focal, depth
                    )
                    loss += even_sum[level] * log(whole) - spread[lane]
                    if make:
                        for step in range(depth):
                            r[shape.path[y, step], lane] += sums_of[step]  # by now factor / sum
                        r[inner, lane] = -(summed + even_sum[level]) / whole
                    if levels:
                        level_losses(shape, weights[y] / total, y, nll, sums[1:])
                sums[0] += loss
                if losses.size:
                    losses[batch[lane]] = loss
            if make:
                _sum_factors(shape.up, leaves, r)
                _gradient(e, r, shape.up, factors, row)
                for lane in range(count):
                    gradient[batch[lane], :] = row[lane]
                    y = np.int64(target[batch[lane]])
                    if y < leaves:
                        gradient[batch[lane], y] -= of_leaf[lane]
            count = 0
    return taken


@compiled(any_order=True)
def _spread(factors: Any, z: Any, peak: Any) -> Any:
    """The sum of factor * (z - peak); a factor of 0 silences what is infinite."""
    found, zero = z.dtype.type(0), z.dtype.type(0)
    for c in range(z.size):
        found += factors[c] * (z[c] - peak) if factors[c] != zero else zero
    return found


@compiled()
def _turn(row: Any, e: Any) -> None:
    for c in range(e.shape[0]):
        for lane in range(LANES):
            e[c, lane] = row[lane, c]


@compiled()
def _sums(e: Any, up: Any, s: Any, doubtful: Any) -> None:
    """Sum the exponentials below each inner node and the root; whether a sum underflows."""
    leaves, inner = e.shape[0], s.shape[0] - 1
    s[:] = 0
    for c in range(leaves):
        i = up[c]
        for lane in range(LANES):
            s[i, lane] += e[c, lane]
    for i in range(inner - 1, -1, -1):
        above = up[leaves + i]
        for lane in range(LANES):
            s[above, lane] += s[i, lane]
    tiny, values, found = e.dtype.type(TINY), s.reshape(-1), np.int32(0)
    for j in range(values.size):
        found = np.int32(found + np.int32(values[j] < tiny))
    doubtful[:] = False
    if found:
        for j in range(values.size):
            doubtful[j % LANES] |= values[j] < tiny


@compiled()
def _logs(s: Any, logs: Any) -> None:
    values = s.reshape(-1)
    for j in range(logs.size):
        logs[j] = log(values[j])


@compiled()
def _add_logs(factors: Any, leaves: int, logs: Any, spread: Any) -> None:
    """Add factor * log of the sum of each inner node."""
    for i in range(logs.size // LANES - 1):
        factor = factors[leaves + i]
        if factor != 0:
            for lane in range(LANES):
                spread[lane] += factor * logs[i * LANES + lane]


@compiled()
def _begin_factors(factors: Any, leaves: int, s: Any, r: Any) -> None:
    sums, parts, one = s.reshape(-1), r.reshape(-1), s.dtype.type(1)
    for j in range(sums.size):
        parts[j] = one / sums[j]
    for i in range(s.shape[0] - 1):
        factor = factors[leaves + i]
        for lane in range(LANES):
            r[i, lane] *= factor


@compiled()
def _sum_factors(up: Any, leaves: int, r: Any) -> None:
    """Sum factor / sum downwards, parents first."""
    for i in range(r.shape[0] - 1):
        above = up[leaves + i]
        for lane in range(LANES):
            r[i, lane] += r[above, lane]


@compiled()
def _gradient(e: Any, r: Any, up: Any, factors: Any, row: Any) -> None:
    for c in range(e.shape[0]):
        i, factor = up[c], factors[c]
        for lane in range(LANES):
            row[lane, c] = -e[c, lane] * r[i, lane] - factor
