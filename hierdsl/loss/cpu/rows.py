"""The loss over pixels whose channels lie side by side in memory: logits (M, C), one row a pixel.

The leaves below a node are neighbours, so that the way from the root to the target cuts a row into pieces, two a
step: the sum over a node is that over the next one and two pieces more; in a piece the gradient is e_c times one
number.
"""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.arithmetic import exp, log
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY
from hierdsl.loss.cpu.focal import MOST_FACTORS, at_least_0, rest_of, times_p
from hierdsl.loss.cpu.lanes import LANES, between, every, larger, largest_of, load, store, summed
from hierdsl.loss.cpu.terms import depth_of, factors_on_the_way
from hierdsl.loss.cpu.threads import Chunks, keep, lent, part, share, take
from hierdsl.loss.shape import Shape

_FEW = 512  # leaves below a node, up to which they are summed for each node anew


@compiled()
def rows(
    begin: int,
    threads: int,
    chunks: Chunks,
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    factors_of: Any,
    weights: Any,
    total: Any,
    focus: float,
    gradient: Any,
    losses: Any,
    levels: bool,
) -> None:
    """Work through the rows of all chunks; no smoothing.

    A batch has few rows beside the nodes of a large tree, so that the factors of each are made here, and not those
    of all nodes beforehand.

    Args:
        begin: See `hierdsl.loss.cpu.threads.on_threads`.
        threads: See there.
        chunks: Of the batch; what pixels have a sum that underflows, or a logit that is no number, is set aside.
        logits: (M, C), float32 or float64.
        target: (M,), checked already.
        ignore_index: Of the pixels that count nowhere.
        shape: Of the tree `without_chains`; the leaves below each inner node are a run of channels.
        factors_of: Of -log p of each node in the cut of each level, (D, V).
        weights: Of each node, (V,).
        total: What each level is divided by, (D,).
        focus: Exponent of the focal modulation.
        gradient: (M, C), to write; empty for none.
        losses: (M,), to write; empty for none.
        levels: Whether the level losses are wanted.
    """
    if begin:
        share(begin, threads)
        return
    chunks, logits, target, shape, factors_of, weights, total, gradient, losses = lent(
        (chunks, logits, target, shape, factors_of, weights, total, gradient, losses)
    )
    leaves, steps = logits.shape[1], shape.path.shape[1]
    real = logits.dtype
    scratch = (
        np.zeros(leaves + LANES, real),
        np.empty(steps + 1, real),
        np.empty(steps, real),
        np.empty(steps + 1, real),
        np.empty(2 * steps + 1, np.int64),
        np.empty(2 * steps + 1, real),
    )
    e, parts, sums_of, nll, ends, of_pieces = lent(scratch)
    chunk = take(chunks.next)
    while chunk < chunks.taken.size:
        first, last, sums, aside = part(chunks, chunk)
        sums[:] = 0
        taken = 0
        for m in range(first, last):
            z, g, loss = logits[m], gradient[m if gradient.size else 0], logits.dtype.type(0)
            if np.int64(target[m]) == ignore_index:
                g[:] = 0
            else:
                t = np.uint32(target[m])
                y = shape.one[t]
                peak = largest(z)
                whole = exponentials(z, peak, e)
                depth = _sums_on_the_way(e, t, shape, sums_of)
                if not whole < np.inf or (depth and sums_of[depth - 1] < TINY):
                    aside[taken] = m
                    taken += 1
                else:
                    own = z[y] - peak if y < leaves else log(whole)
                    factors_on_the_way(t, shape, factors_of, weights, total, 0.0, False, parts)
                    loss, factors, of_leaf = terms_on_the_way(own, whole, parts, focus, sums_of, nll, depth)
                    if g.size:
                        _gradient(g, e, shape, t, factors / whole, sums_of, depth, ends, of_pieces)
                        if y < leaves:
                            g[y] -= of_leaf
                    if levels:
                        level_losses(shape, weights[t] / total, t, nll, sums[1:])
            sums[0] += loss
            if losses.size:
                losses[m] = loss
        chunks.taken[chunk] = taken
        chunk = take(chunks.next)
    keep(scratch)


@compiled(inline=True)
def _sums_on_the_way(e: Any, t: int, shape: Shape, sums: Any) -> int:
    """Write the sum of each inner node on the way to the target; how many there are."""
    leaves, depth, y = e.size - LANES, int(depth_of(shape, t)), shape.one[t]
    # what the sum holds already, from the target up
    start = np.int64(y if y < leaves else shape.span[y - leaves, 0])
    end = start + 1 if y < leaves else start
    none = every(e.dtype.type(0))
    below = sum_of(e, start, end, none)
    for step in range(depth - 1, -1, -1):
        i = shape.path[t, step]
        begin, after = np.int64(shape.span[i, 0]), np.int64(shape.span[i, 1])
        if after - begin <= _FEW:  # the lengths of the pieces are hard to guess
            below = sum_of(e, begin, after, none)
        else:
            below = sum_of(e, end, after, sum_of(e, begin, start, below))
        start, end = begin, after
        sums[step] = summed(below)
    return depth


@compiled(inline=True)
def terms_on_the_way(
    own: Any, whole: Any, parts: Any, focus: float, sums: Any, nll: Any, depth: int
) -> tuple[Any, Any, Any]:
    """The loss, the sum of all factors and that of the leaf; `sums` become factor / sum, `nll` is filled in."""
    steps, real = nll.size - 1, nll.dtype.type
    nll[steps] = log(whole) - own
    loss, factors, of_leaf = real(0), real(0), real(0)
    for number in range(depth + 1):
        step = steps if number == depth else number
        part = parts[step]
        if number < depth:
            # added in another order, it may be more by a unit in the last place
            sums[step] = min(sums[step], whole)
            nll[step] = log(whole / sums[step])
        modulation, slope = real(1), real(1)
        if focus > 0:
            p = sums[step] / whole if number < depth else exp(-nll[step])
            modulation, slope = _focal(nll[step], p, real(focus))
        if part != 0:  # which silences what is infinite
            loss += part * nll[step] * modulation
        part *= slope
        factors += part
        if number < depth:
            sums[step] = part / sums[step]
        else:
            of_leaf = part
    return loss, factors, of_leaf


@compiled()
def _focal(nll: Any, p: Any, gamma: Any) -> tuple[Any, Any]:
    """As `hierdsl.loss.cpu.focal.focal_of`, of one number and its e**-nll."""
    one, nll = type(nll)(1), at_least_0(nll)
    rest, exponent, power = rest_of(nll, p), gamma - one, one
    factors = int(exponent)
    if factors == exponent and 0 <= factors <= MOST_FACTORS:
        for _ in range(factors):
            power *= rest
    else:
        power = exp(exponent * log(rest))
    return power * rest, power * (rest + gamma * times_p(nll, p))


@compiled()
def exponentials(z: Any, peak: Any, e: Any) -> Any:
    """Write e**(z - peak), and give their sum."""
    total, whole = every(z.dtype.type(0)), z.size // LANES * LANES
    for c in range(0, whole, LANES):
        some = exp(load(z, c) - peak)
        store(e, c, some)
        total = total + some
    if z.size < LANES:
        return _exponentials_of_few(z, peak, e)
    if whole < z.size:  # some once more
        last = exp(load(z, z.size - LANES) - peak)
        store(e, z.size - LANES, last)
        total = total + between(last, whole + LANES - z.size, LANES)
    return summed(total)


@compiled()
def _exponentials_of_few(z: Any, peak: Any, e: Any) -> Any:
    total = z.dtype.type(0)
    for c in range(z.size):
        e[c] = exp(z[c] - peak)
        total += e[c]
    return total


@compiled()
def largest(z: Any) -> Any:
    """The largest of some numbers; any number or none where one is none, which the sum of exponentials shows."""
    real = z.dtype.type
    one = other = every(real(-np.inf))
    most, twice = real(-np.inf), 2 * LANES
    for c in range(0, z.size // twice * twice, twice):
        one = larger(load(z, c), one)
        other = larger(load(z, c + LANES), other)
    for c in range(z.size // twice * twice, z.size):
        most = max(most, z[c])
    return max(most, largest_of(larger(one, other)))


@compiled(inline=True)
def sum_of(e: Any, begin: int, end: int, total: Any) -> Any:
    """Add numbers that are neighbours to a vector; up to LANES - 1 more are read than are summed."""
    other = every(e.dtype.type(0))
    while begin + 2 * LANES <= end:
        total = total + load(e, begin)
        other = other + load(e, begin + LANES)
        begin += 2 * LANES
    for c in range(begin, end, LANES):
        other = other + between(load(e, c), 0, end - c)
    return total + other


@compiled(inline=True)
def _gradient(
    g: Any, e: Any, shape: Shape, t: int, base: Any, parts: Any, depth: int, ends: Any, factors: Any
) -> None:
    """e_c times the base, less the parts of the nodes that are above c and on the way to the target."""
    end, last = g.size, 2 * depth
    for step in range(depth):
        i = shape.path[t, step]
        ends[step], factors[step] = shape.span[i, 0], base
        ends[last - step], factors[last - step] = end, base
        end = np.int64(shape.span[i, 1])
        base -= parts[step]
    ends[depth], factors[depth] = end, base
    write_pieces(g, e, ends, factors, 0, last + 1, 0)


@compiled()
def write_pieces(g: Any, e: Any, ends: Any, factors: Any, begin: int, after: int, c: int) -> None:
    """Write factor * e into pieces of the gradient, which follow each other from channel c on.

    What is written at a time may go over the end of a piece, into the next one, which is written later.
    """
    for k in range(begin, after):
        factor, stop = factors[k], min(ends[k], g.size - LANES + 1)
        while c < stop:
            store(g, c, load(e, c) * factor)
            c += LANES
        for rest in range(c, ends[k]):
            g[rest] = e[rest] * factor
        c = ends[k]


@compiled(inline=True)
def level_losses(shape: Shape, weights: Any, y: int, nll: Any, sums: Any) -> None:
    """Add the level losses of one pixel, each with its weight."""
    for level in range(shape.rank[y] + 1):
        sums[level] += weights[level] * nll[shape.step[y, level]]
