"""The loss over rows, (M, C), with smoothing over all groups of each level: every inner node has a term.

Eight rows at a time, side by side: what is done at a node is done for all of them in one vector instruction. They
have targets of the same finest level, which decides the factors that smoothing gives the nodes. The inner nodes are
in the order of `Places`, by their depth, where neighbours mostly have the same factor: the logarithms of their sums
are made as one.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.loss.cpu.arithmetic import TOGETHER, exp, log, log_of_product
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY
from hierdsl.loss.cpu.lanes import LANES, every, load, one_of, product, smaller, store, turned
from hierdsl.loss.cpu.rows import largest, level_losses, terms_on_the_way
from hierdsl.loss.cpu.terms import cuts_of, depth_of, even_factors, factors_on_the_way
from hierdsl.loss.cpu.threads import Chunks, lent, part, share, take
from hierdsl.loss.shape import Shape


class Places(NamedTuple):
    """The nodes of a tree in another order: the leaves and then the inner nodes by `Shape.order`.

    Attributes:
        at: The place among the inner nodes of each of them and of the root, which has the last, (I + 1,) int64.
        nodes: The place of each node of the hierarchy, (V + 1,) int64; of no meaning for the last.
        up: What `at` is of the node above the one at each place, (C + I,) uint32.
        depths: `at` of the first node of each depth and, last, I, (K + 1,) int64.
        siblings: Whether each eight leaves have the same parent, (C // 8,).
        first: See `cuts_of`.
        cuts: See there.
    """

    at: NDArray[Any]
    nodes: NDArray[Any]
    up: NDArray[Any]
    depths: NDArray[Any]
    siblings: NDArray[Any]
    first: NDArray[Any]
    cuts: NDArray[Any]


class Ranked(NamedTuple):
    """The factors of one call, in the order of the places.

    Attributes:
        even: See `Terms`.
        even_sum: See there.
        alike: Of each level and inner node, the one after the last neighbour with the same factor, (D, I) int64.
    """

    even: NDArray[Any]
    even_sum: NDArray[Any]
    alike: NDArray[Any]


@compiled()
def places_of(shape: Shape) -> Places:
    """The places of the nodes of a tree."""
    inner = shape.order.size
    leaves = shape.up.size - inner
    at, places, up = (
        np.empty(inner + 1, np.int64),
        np.arange(leaves + inner + 1),
        np.empty(leaves + inner, np.uint32),
    )
    at[inner] = inner
    depth, depths = np.zeros(inner + 1, np.int64), np.full(shape.path.shape[1] + 1, inner)
    for place in range(inner):  # parents come first
        i = np.int64(shape.order[place])
        at[i], places[leaves + i] = place, leaves + place
        depth[i] = depth[shape.up[leaves + i]] + 1
        depths[depth[i] - 1] = min(depths[depth[i] - 1], place)
    for v in range(leaves + inner):
        up[places[v]] = at[shape.up[v]]
    siblings = np.empty(leaves // LANES, np.bool_)
    for eight in range(siblings.size):
        parents = up[eight * LANES : (eight + 1) * LANES]
        siblings[eight] = (parents == parents[0]).all()
    first, cuts = cuts_of(shape)
    return Places(at, places[shape.one], up, depths, siblings, first, cuts)


@compiled()
def ranked(
    shape: Shape,
    places: Places,
    counts: Any,
    factors: Any,
    weights: Any,
    total: Any,
    smoothing: float,
    like: Any,
) -> Ranked:
    """The factors for the targets that are counted, of the type of an array `like`.

    The other arguments are those of `even_rows`.
    """
    cuts, size, inner = (places.first, places.cuts), places.up.size, places.at.size - 1
    even, even_sum = even_factors(
        cuts, places.nodes, size, shape.groups, factors, weights, total, smoothing, like
    )
    leaves, alike = size - inner, np.full((total.size, inner), inner)
    asked = np.zeros(total.size, np.bool_)
    for v in range(counts.size):
        if counts[v]:
            asked[shape.rank[v]] = True
    for level in range(total.size):
        of_inner, ends = even[level, leaves:], alike[level]
        for i in range(inner - 2 if asked[level] else -1, -1, -1):
            ends[i] = ends[i + 1] if of_inner[i] == of_inner[i + 1] else i + 1
    return Ranked(even, even_sum, alike)


@compiled()
def even_rows(
    begin: int,
    threads: int,
    chunks: Chunks,
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    places: Places,
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
        places: The order of the nodes here.
        nodes: The factors in that order.
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
    chunks, logits, target, shape, places, nodes, factors_of, weights, total, gradient, losses = lent(
        (chunks, logits, target, shape, places, nodes, factors_of, weights, total, gradient, losses)
    )
    real, leaves, steps, inner = logits.dtype, logits.shape[1], shape.path.shape[1], shape.children.size - 1
    at, up = places.at, places.up
    e, s = np.empty((leaves, LANES), real), np.empty((inner + 1, LANES), real)
    peaks, spread, doubtful = np.empty(LANES, real), np.empty(LANES, real), np.empty(LANES, np.bool_)
    parts, nll = np.empty(steps + 1, real), np.empty(steps + 1, real)
    of_steps, of_leaf, batch = (
        np.empty((LANES, steps), real),
        np.zeros(LANES, real),
        np.empty(LANES, np.int64),
    )
    chunk = take(chunks.next)
    while chunk < chunks.taken.size:
        first, last, sums, aside = part(chunks, chunk)
        first, last = first * chunks.pixels, min(last * chunks.pixels, target.size)
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
                _leaves(logits, batch, peaks, factors, places, e, s, spread)
                _sum_inner(leaves, up, s, doubtful)
                _add_logs(factors[leaves:], nodes.alike[level], s, spread)
                of_steps[:] = 0
                for lane in range(count):
                    t, loss, whole = np.int64(target[batch[lane]]), real.type(0), s[inner, lane]
                    y = np.int64(shape.one[t])
                    if not whole < np.inf or doubtful[lane]:
                        aside[taken] = batch[lane]
                        taken += 1
                    else:
                        depth, sums_of = depth_of(shape, t), of_steps[lane]
                        for step in range(depth):
                            sums_of[step] = s[at[shape.path[t, step]], lane]
                        own = logits[batch[lane], y] - peaks[lane] if y < leaves else log(whole)
                        factors_on_the_way(t, shape, factors_of, weights, total, smoothing, False, parts)
                        loss, of_target, of_leaf[lane] = terms_on_the_way(
                            own, whole, parts, focus, sums_of, nll, depth
                        )
                        loss += nodes.even_sum[level] * log(whole) - spread[lane]
                        s[inner, lane] = -(of_target + nodes.even_sum[level]) / whole
                        if levels:
                            level_losses(shape, weights[t] / total, t, nll, sums[1:])
                    sums[0] += loss
                    if losses.size:
                        losses[batch[lane]] = loss
                if make:
                    for depth in range(steps):
                        _divide(factors[leaves:], up[leaves:], places.depths[depth : depth + 2], s)
                        for lane in range(count):
                            i = shape.path[np.int64(target[batch[lane]]), depth]
                            if i < inner:
                                s[at[i], lane] += of_steps[lane, depth]  # factor / sum by now
                    _gradient(e, s, up, factors, batch, gradient)
                    for lane in range(count):
                        y = np.int64(shape.one[np.int64(target[batch[lane]])])
                        if y < leaves:
                            gradient[batch[lane], y] -= of_leaf[lane]
                count = 0
        chunks.taken[chunk] = taken
        chunk = take(chunks.next)


@compiled(inline=True)
def _starts(batch: Any, width: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Where eight rows begin, as numbers: what is written could otherwise change an array of them."""
    return (
        batch[0] * width,
        batch[1] * width,
        batch[2] * width,
        batch[3] * width,
        batch[4] * width,
        batch[5] * width,
        batch[6] * width,
        batch[7] * width,
    )


@compiled()
def _leaves(
    logits: Any, batch: Any, peaks: Any, factors: Any, places: Places, e: Any, s: Any, spread: Any
) -> None:
    """The exponentials, leaf by row, their sums at the parents, and the leaves' part of the spread.

    That is the sum of factor * (z - peak).
    """
    width, up, peak = e.shape[0], places.up, load(peaks, 0)
    starts = _starts(batch, width)
    whole = width // LANES * LANES
    s[:] = 0
    found = every(e.dtype.type(0))
    for c in range(0, whole, LANES):
        z = turned(
            (
                load(logits, starts[0] + c),
                load(logits, starts[1] + c),
                load(logits, starts[2] + c),
                load(logits, starts[3] + c),
                load(logits, starts[4] + c),
                load(logits, starts[5] + c),
                load(logits, starts[6] + c),
                load(logits, starts[7] + c),
            )
        )
        # which way is known where it is called, so that each is compiled for its own
        if places.siblings[c // LANES]:
            found = found + _eight(z, peak, factors, e, c, up, s, True)
        else:
            found = found + _eight(z, peak, factors, e, c, up, s, False)
    for c in range(whole, width):
        for lane in range(LANES):
            e[c, lane] = logits[batch[lane], c]
        _, found = _leaf(load(e, c * LANES), peak, factors, e, c, up, s, False, found, found)
    store(spread, 0, found)


@compiled(inline=True)
def _eight(z: Any, peak: Any, factors: Any, e: Any, c: int, up: Any, s: Any, siblings: bool) -> Any:
    """What `_leaf` does with eight of them, and with the sum of siblings; their part of the spread.

    Sums of sums of eight are more exact than one long sum.
    """
    total = spread = every(e.dtype.type(0))
    total, spread = _leaf(z[0], peak, factors, e, c, up, s, siblings, total, spread)
    total, spread = _leaf(z[1], peak, factors, e, c + 1, up, s, siblings, total, spread)
    total, spread = _leaf(z[2], peak, factors, e, c + 2, up, s, siblings, total, spread)
    total, spread = _leaf(z[3], peak, factors, e, c + 3, up, s, siblings, total, spread)
    total, spread = _leaf(z[4], peak, factors, e, c + 4, up, s, siblings, total, spread)
    total, spread = _leaf(z[5], peak, factors, e, c + 5, up, s, siblings, total, spread)
    total, spread = _leaf(z[6], peak, factors, e, c + 6, up, s, siblings, total, spread)
    total, spread = _leaf(z[7], peak, factors, e, c + 7, up, s, siblings, total, spread)
    if siblings:
        _add(s, up[c], total)
    return spread


@compiled(inline=True)
def _leaf(
    z: Any,
    peak: Any,
    factors: Any,
    e: Any,
    c: int,
    up: Any,
    s: Any,
    siblings: bool,
    total: Any,
    spread: Any,
) -> tuple[Any, Any]:
    """Store the exponentials of a leaf, and add them to those of its siblings or to the sum at its parent.

    Given back are the total of the siblings and the spread, each with its own added.
    """
    x = z - peak
    found = exp(x)
    store(e, c * LANES, found)
    if siblings:
        total = total + found
    else:
        _add(s, up[c], found)
    return total, spread + product(every(factors[c]), x)  # a factor of 0 silences what is infinite


@compiled()
def _sum_inner(leaves: int, up: Any, s: Any, doubtful: Any) -> None:
    """Add the sums upwards; in which rows one underflows."""
    least = every(s.dtype.type(1))
    for i in range(s.shape[0] - 2, -1, -1):
        below = load(s, i * LANES)
        _add(s, up[np.uintp(leaves + i)], below)
        least = smaller(below, least)
    for lane in range(LANES):
        doubtful[lane] = one_of(least, lane) < TINY


@compiled(inline=True)
def _add(to: Any, i: int, vector: Any) -> None:
    """Add to a row of eight."""
    store(to, i * LANES, load(to, i * LANES) + vector)


@compiled()
def _add_logs(factors: Any, alike: Any, sums: Any, spread: Any) -> None:
    """Add factor * log of the sum of each inner node: of neighbours with the same factor, one logarithm."""
    begin, found = 0, load(spread, 0)
    while begin < factors.size:
        factor, end = factors[begin], alike[begin]
        if factor != 0:
            while begin + TOGETHER <= end:
                found = found + factor * log_of_product(sums, begin * LANES, TOGETHER)
                begin += TOGETHER
            if begin < end:
                found = found + factor * log_of_product(sums, begin * LANES, end - begin)
        begin = end
    store(spread, 0, found)


@compiled()
def _divide(factors: Any, up: Any, places: Any, s: Any) -> None:
    """Make the sums of nodes of one depth factor / sum, and add what has been made of the node above."""
    for i in range(np.uintp(places[0]), np.uintp(places[1])):
        above = load(s, up[i] * LANES)
        store(s, i * LANES, above + factors[i] / load(s, i * LANES))


@compiled()
def _gradient(e: Any, s: Any, up: Any, factors: Any, batch: Any, gradient: Any) -> None:
    """Write the gradient of each row; of lanes with the same row, the first is written last."""
    width = e.shape[0]
    starts, whole = _starts(batch, width), width // LANES * LANES
    for c in range(0, whole, LANES):
        rows = turned(
            (
                _slope(e, s, up, factors, c),
                _slope(e, s, up, factors, c + 1),
                _slope(e, s, up, factors, c + 2),
                _slope(e, s, up, factors, c + 3),
                _slope(e, s, up, factors, c + 4),
                _slope(e, s, up, factors, c + 5),
                _slope(e, s, up, factors, c + 6),
                _slope(e, s, up, factors, c + 7),
            )
        )
        store(gradient, starts[7] + c, rows[7])
        store(gradient, starts[6] + c, rows[6])
        store(gradient, starts[5] + c, rows[5])
        store(gradient, starts[4] + c, rows[4])
        store(gradient, starts[3] + c, rows[3])
        store(gradient, starts[2] + c, rows[2])
        store(gradient, starts[1] + c, rows[1])
        store(gradient, starts[0] + c, rows[0])
    for c in range(whole, width):
        store(e, c * LANES, _slope(e, s, up, factors, c))
        for lane in range(LANES - 1, -1, -1):
            gradient[batch[lane], c] = e[c, lane]


@compiled(inline=True)
def _slope(e: Any, s: Any, up: Any, factors: Any, c: int) -> Any:
    """The gradient of a channel in eight rows, from its exponentials."""
    return -factors[c] - load(e, c * LANES) * load(s, up[c] * LANES)
