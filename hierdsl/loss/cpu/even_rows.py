"""The loss over rows, (M, C), with smoothing over all groups of each level: every inner node has a term.

Eight rows at a time, side by side: what is done at a node is done for all of them in one vector instruction. They
have targets of the same finest level, which decides the factors that smoothing gives the nodes. The inner nodes are
in the order of `Ranked`, where those of the same factor are neighbours: the logarithms of some sums are made as one.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.loss.cpu.arithmetic import TOGETHER, largest, log, log_of_product
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY
from hierdsl.loss.cpu.lanes import LANES, add, divide, subtract_product, turn, turn_back
from hierdsl.loss.cpu.rows import exponentials, level_losses, terms_on_the_way
from hierdsl.loss.cpu.terms import depth_of, even_factors, factors_on_the_way
from hierdsl.loss.cpu.threads import Chunks, lent, part, share, take
from hierdsl.loss.shape import Shape

_BLOCK = 512  # channels whose exponentials are made before they are turned to lanes; a multiple of LANES


class Ranked(NamedTuple):
    """The inner nodes in another order: by their depth.

    Attributes:
        at: Place of each inner node, and of the root, (I + 1,) int64; the root stays the last.
        up: Place of the node above each leaf and, in the new order, above each inner node, (V,) int64.
        even: `Terms.even` with the inner nodes in this order, (D, V).
        even_sum: `Terms.even_sum`.
    """

    at: NDArray[Any]
    up: NDArray[Any]
    even: NDArray[Any]
    even_sum: NDArray[Any]


def ranked(
    shape: Shape,
    factors: NDArray[Any],
    weights: NDArray[Any],
    total: NDArray[Any],
    smoothing: float,
    real: Any,
) -> Ranked:
    """The tables of one call, the factors of the type `real`; the arguments are those of `even_rows`."""
    at, up, even, even_sum = _ranked(shape, factors, weights, total, smoothing)
    return Ranked(at, up, even.astype(real), even_sum.astype(real))


@compiled()
def _ranked(
    shape: Shape, factors: Any, weights: Any, total: Any, smoothing: float
) -> tuple[Any, Any, Any, Any]:
    inner = shape.order.size
    leaves = shape.up.size - inner
    at, up, nodes = (
        np.empty(inner + 1, np.int64),
        np.empty(leaves + inner, np.int64),
        np.arange(leaves + inner),
    )
    at[inner] = inner
    for place in range(inner):
        at[shape.order[place]] = place
        nodes[leaves + place] = leaves + shape.order[place]
    for place in range(leaves + inner):
        up[place] = at[shape.up[nodes[place]]]
    even, even_sum = even_factors(shape, nodes, factors, weights, total, smoothing)
    return at, up, even, even_sum


@compiled()
def even_rows(
    begin: int,
    threads: int,
    chunks: Chunks,
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    nodes: Ranked,
    factors_of: Any,
    weights: Any,
    total: Any,
    smoothing: float,
    focus: float,
    gradient: Any,
    losses: Any,
    levels: bool,
) -> None:
    """Work through the rows of all chunks.

    Args:
        begin: See `rows`, and for all that is not here.
        threads: See there.
        chunks: See there.
        logits: See there; the channels may have any order.
        target: See there.
        ignore_index: See there.
        shape: See there.
        nodes: The inner nodes in their order here.
        factors_of: See `rows`.
        weights: See there.
        total: See there.
        smoothing: Share of the target's probability that is spread.
        focus: See `rows`.
        gradient: See there.
        losses: See there.
        levels: See there.
    """
    if begin:
        share(begin, threads)
        return
    chunks, logits, target, shape, nodes, factors_of, weights, total, gradient, losses = lent(
        (chunks, logits, target, shape, nodes, factors_of, weights, total, gradient, losses)
    )
    real, leaves, steps, inner = logits.dtype, logits.shape[1], shape.path.shape[1], shape.children.size - 1
    at, up, turned = nodes.at, nodes.up, np.empty((LANES, _BLOCK), real)
    e, s, r = (
        np.empty((leaves, LANES), real),
        np.empty((inner + 1, LANES), real),
        np.empty((inner + 1, LANES), real),
    )
    logs = np.empty(s.size, real)
    peaks, spread, doubtful = np.empty(LANES, real), np.empty(LANES, real), np.empty(LANES, np.bool_)
    parts, sums_of, nll = np.empty(steps + 1, real), np.empty(steps, real), np.empty(steps + 1, real)
    of_leaf, batch = np.zeros(LANES, real), np.empty(LANES, np.int64)
    chunk = take(chunks.next)
    while chunk < chunks.taken.size:
        first, last, sums, aside = part(chunks, chunk)
        sums[:] = 0
        taken, make = 0, gradient.size > 0
        for m in range(first, last):
            if np.int64(target[m]) == ignore_index:
                gradient[m if make else 0, :] = 0
                if losses.size:
                    losses[m] = 0
        for level in range(total.size):
            factors, count = nodes.even[level], 0
            for m in range(first, last + 1):
                if m < last:
                    t = np.int64(target[m])
                    if t == ignore_index or shape.rank[t] != level:
                        continue
                    batch[count] = m
                    count += 1
                if count < LANES and (m < last or count == 0):
                    continue
                for lane in range(count, LANES):  # the last row once more, for nothing
                    batch[lane] = batch[count - 1]
                for lane in range(LANES):
                    peaks[lane] = largest(logits[batch[lane]])
                _leaves(logits, batch, peaks, factors, up, turned, e, s, spread)
                _sums(leaves, up, s, doubtful)
                _add_logs(factors[leaves:], s.reshape(-1), logs, spread)
                if make:
                    for i in range(inner):
                        divide(r, i, factors[leaves + i], s, i)
                for lane in range(count):
                    y, loss, whole = np.int64(target[batch[lane]]), real.type(0), s[inner, lane]
                    if not whole < np.inf or doubtful[lane]:
                        aside[taken] = batch[lane]
                        taken += 1
                    else:
                        depth = depth_of(shape, y)
                        for step in range(depth):
                            sums_of[step] = s[at[shape.path[y, step]], lane]
                        own = logits[batch[lane], y] - peaks[lane] if y < leaves else log(whole)
                        factors_on_the_way(y, shape, factors_of, weights, total, smoothing, False, parts)
                        loss, summed, of_leaf[lane] = terms_on_the_way(
                            own, whole, parts, focus, sums_of, nll, depth
                        )
                        loss += nodes.even_sum[level] * log(whole) - spread[lane]
                        if make:
                            for step in range(depth):
                                r[at[shape.path[y, step]], lane] += sums_of[step]  # by now factor / sum
                            r[inner, lane] = -(summed + nodes.even_sum[level]) / whole
                        if levels:
                            level_losses(shape, weights[y] / total, y, nll, sums[1:])
                    sums[0] += loss
                    if losses.size:
                        losses[batch[lane]] = loss
                if make:
                    for i in range(inner):  # factor / sum, summed downwards
                        add(r, i, r, up[leaves + i])
                    _gradient(e, r, up, factors, batch, gradient)
                    for lane in range(count):
                        y = np.int64(target[batch[lane]])
                        if y < leaves:
                            gradient[batch[lane], y] -= of_leaf[lane]
                count = 0
        chunks.taken[chunk] = taken
        chunk = take(chunks.next)


@compiled()
def _leaves(
    logits: Any, batch: Any, peaks: Any, factors: Any, up: Any, turned: Any, e: Any, s: Any, spread: Any
) -> None:
    """The exponentials, row by leaf, their sums below the parent of each, and the leaves' part of the spread."""
    spread[:] = 0
    s[:] = 0
    for first in range(0, e.shape[0], _BLOCK):
        last = min(first + _BLOCK, e.shape[0])
        for lane in range(LANES):
            z = logits[batch[lane], first:last]
            exponentials(z, peaks[lane], turned[lane, : last - first])
            spread[lane] += _spread(factors[first:last], z, peaks[lane])
        whole = (last - first) // LANES * LANES
        for c in range(0, whole, LANES):
            turn(e, first + c, turned, c)
        for c in range(whole, last - first):
            for lane in range(LANES):
                e[first + c, lane] = turned[lane, c]
        for c in range(first, last):
            add(s, up[c], e, c)


@compiled(any_order=True)
def _spread(factors: Any, z: Any, peak: Any) -> Any:
    """The sum of factor * (z - peak); a factor of 0 silences what is infinite."""
    found, zero = z.dtype.type(0), z.dtype.type(0)
    for c in range(z.size):
        found += factors[c] * (z[c] - peak) if factors[c] != zero else zero
    return found


@compiled()
def _sums(leaves: int, up: Any, s: Any, doubtful: Any) -> None:
    """Sum the sums upwards; whether one underflows."""
    for i in range(s.shape[0] - 2, -1, -1):
        add(s, up[leaves + i], s, i)
    tiny, values, found = s.dtype.type(TINY), s.reshape(-1), np.int32(0)
    for j in range(values.size):
        found = np.int32(found + np.int32(values[j] < tiny))
    doubtful[:] = False
    if found:
        for j in range(values.size):
            doubtful[j % LANES] |= values[j] < tiny


@compiled()
def _add_logs(factors: Any, sums: Any, logs: Any, spread: Any) -> None:
    """Add factor * log of the sum of each inner node."""
    begin, end, left = 0, 0, 0  # of a run of equal factors; what is before `left` is done
    while begin < factors.size:
        end = begin + 1
        while end < factors.size and factors[end] == factors[begin]:
            end += 1
        rows = (end - begin) // TOGETHER
        if rows:
            _add_logs_of(factors, left, begin, sums, logs, spread)
            _add_logs_of_products(factors[begin], begin, rows, sums, logs, spread)
            left = begin + rows * TOGETHER
        begin = end
    _add_logs_of(factors, left, factors.size, sums, logs, spread)


@compiled()
def _add_logs_of(factors: Any, begin: int, end: int, sums: Any, logs: Any, spread: Any) -> None:
    """One logarithm each."""
    for j in range(begin * LANES, end * LANES):
        logs[j] = log(sums[j])
    for i in range(begin, end):
        if factors[i] != 0:
            for lane in range(LANES):
                spread[lane] += factors[i] * logs[i * LANES + lane]


@compiled()
def _add_logs_of_products(factor: Any, begin: int, rows: int, sums: Any, logs: Any, spread: Any) -> None:
    """One logarithm for as many nodes as `log_of_product` takes together."""
    if factor != 0:
        for j in range(rows * LANES):
            logs[j] = log_of_product(sums, begin * LANES + j, rows * LANES)
        for i in range(rows):
            for lane in range(LANES):
                spread[lane] += factor * logs[i * LANES + lane]


@compiled()
def _gradient(e: Any, r: Any, up: Any, factors: Any, batch: Any, gradient: Any) -> None:
    """Turn e into the gradient, and write that of each row."""
    whole = e.shape[0] // LANES * LANES
    for first in range(0, whole, LANES):
        for c in range(first, first + LANES):
            subtract_product(e, c, r, up[c], -factors[c])
        turn_back(gradient, batch, first, e)
    for c in range(whole, e.shape[0]):
        subtract_product(e, c, r, up[c], -factors[c])
        for lane in range(LANES - 1, -1, -1):  # so that of lanes with the same row it is the first's
            gradient[batch[lane], c] = e[c, lane]
