"""The loss over rows, (M, C), with smoothing within the siblings of each node on the way to the target.

As `hierdsl.loss.cpu.rows`: the children of the nodes on the way cut a row into pieces, each of neighbours; a piece
has one sum, and in it the gradient is e_c times one number.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.loss.cpu.arithmetic import log
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY
from hierdsl.loss.cpu.lanes import LANES, every, load, summed
from hierdsl.loss.cpu.rows import exponentials, largest, level_losses, scaled, sum_of, terms_on_the_way
from hierdsl.loss.cpu.terms import depth_of, factors_on_the_way
from hierdsl.loss.cpu.threads import Chunks, lent, part, share, take
from hierdsl.loss.shape import Shape


class Siblings(NamedTuple):
    """The children of each inner node i and, last, of the root: `nodes[first[i] : first[i + 1]]`.

    Attributes:
        first: (I + 2,) int64.
        nodes: (V,) int64.
        factors: `Terms.sibling`.
        summed: `Terms.sibling_sum`.
    """

    first: NDArray[Any]
    nodes: NDArray[Any]
    factors: NDArray[Any]
    summed: NDArray[Any]


@compiled()
def sibling_rows(
    begin: int,
    threads: int,
    chunks: Chunks,
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    siblings: Siblings,
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
        logits: See there.
        target: See there.
        ignore_index: See there.
        shape: See there.
        siblings: The children of the nodes, and their factors.
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
    chunks, logits, target, shape, siblings, factors_of, weights, total, gradient, losses = lent(
        (chunks, logits, target, shape, siblings, factors_of, weights, total, gradient, losses)
    )
    first_child, children = siblings.first, siblings.nodes
    real, leaves, steps, inner = logits.dtype, logits.shape[1], shape.path.shape[1], shape.children.size - 1
    e, parts, s = np.zeros(leaves + LANES, real), np.empty(steps + 1, real), np.empty(inner + 1, real)
    sums_of, nll = np.empty(steps, real), np.empty(steps + 1, real)
    terms = np.empty(
        (2, inner + LANES), real
    )  # factors and sums of the inner nodes among the siblings of a row
    chunk = take(chunks.next)
    while chunk < chunks.taken.size:
        first, last, sums, aside = part(chunks, chunk)
        sums[:] = 0
        taken = 0
        for m in range(first, last):
            z, g, loss = logits[m], gradient[m if gradient.size else 0], real.type(0)
            if np.int64(target[m]) == ignore_index:
                g[:] = 0
            else:
                t = np.int64(target[m])
                y = np.int64(shape.one[t])
                peak = largest(z)
                whole = exponentials(z, peak, e)
                depth = depth_of(shape, t)
                # the root and those on the way but for the target
                opened = depth + 1 if y < leaves else depth
                lowest = _sums(e, shape, first_child, children, t, opened, s)
                if not whole < np.inf or lowest < real.type(TINY):
                    aside[taken] = m
                    taken += 1
                else:
                    for step in range(depth):
                        sums_of[step] = s[shape.path[t, step]]
                    own = z[y] - peak if y < leaves else log(whole)
                    factors_on_the_way(t, shape, factors_of, weights, total, smoothing, True, parts)
                    loss, factors, of_leaf = terms_on_the_way(own, whole, parts, focus, sums_of, nll, depth)
                    spread, more, count = real.type(0), real.type(0), 0
                    for step in range(opened):
                        i = inner if step == 0 else np.int64(shape.path[t, step - 1])
                        more += siblings.summed[i]
                        some = children[first_child[i] : first_child[i + 1]]
                        of_leaves, count = _terms(z, peak, s, siblings.factors, some, terms, count)
                        spread += of_leaves
                    spread += _sum_of_logs(terms, count)
                    loss += more * log(whole) - spread
                    factors += more
                    if g.size:
                        base = factors / whole
                        for step in range(opened):
                            i = inner if step == 0 else np.int64(shape.path[t, step - 1])
                            on = np.int64(leaves + shape.path[t, step]) if step < depth else y
                            some = children[first_child[i] : first_child[i + 1]]
                            _gradient(g, e, s, shape, siblings.factors, some, on, base)
                            if step < depth:  # `sums_of` is factor / sum by now
                                base -= sums_of[step] + siblings.factors[on] / s[on - leaves]
                        if y < leaves:
                            g[y] -= of_leaf
                        else:
                            scaled(g, e, shape.span[y - leaves, 0], shape.span[y - leaves, 1], base)
                    if levels:
                        level_losses(shape, weights[t] / total, t, nll, sums[1:])
            sums[0] += loss
            if losses.size:
                losses[m] = loss
        chunks.taken[chunk] = taken
        chunk = take(chunks.next)


@compiled()
def _sums(e: Any, shape: Shape, first_child: Any, children: Any, t: int, opened: int, s: Any) -> Any:
    """Write the sum of each inner node that is on the way or a child of a node on it; the least."""
    leaves, inner, lowest = e.size - LANES, s.size - 1, e.dtype.type(1)
    none, y = every(e.dtype.type(0)), np.int64(shape.one[t])
    for step in range(opened - 1, -1, -1):  # what is on the way is summed before its parent is
        i = inner if step == 0 else np.int64(shape.path[t, step - 1])
        on = np.int64(leaves + shape.path[t, step]) if step < opened - 1 else y
        total = e.dtype.type(0)
        for v in children[first_child[i] : first_child[i + 1]]:
            if v < leaves:
                total += e[v]
            else:
                if v != on or step == opened - 1:
                    s[v - leaves] = summed(
                        sum_of(
                            e, np.int64(shape.span[v - leaves, 0]), np.int64(shape.span[v - leaves, 1]), none
                        )
                    )
                    lowest = min(lowest, s[v - leaves])
                total += s[v - leaves]
        s[i] = total
        lowest = min(lowest, total)
    return lowest


@compiled()
def _terms(z: Any, peak: Any, s: Any, factors: Any, nodes: Any, terms: Any, count: int) -> tuple[Any, int]:
    """The leaves' part of the sum of factor * log of the summed exponentials over some nodes; the others are noted.

    A factor of 0 silences what is infinite.
    """
    leaves, found = z.size, z.dtype.type(0)
    for v in nodes:
        if factors[v] != 0:
            if v < leaves:
                found += factors[v] * (z[v] - peak)
            else:
                terms[0, count], terms[1, count] = factors[v], s[v - leaves]
                count += 1
    return found, count


@compiled()
def _sum_of_logs(terms: Any, count: int) -> Any:
    """The sum of factor * log of so many numbers that are noted."""
    found = every(terms.dtype.type(0))
    terms[0, count : count + LANES], terms[1, count : count + LANES] = 0, 1
    for k in range(0, count, LANES):
        found = found + load(terms, k) * log(load(terms, terms.shape[1] + k))
    return summed(found)


@compiled()
def _gradient(g: Any, e: Any, s: Any, shape: Shape, factors: Any, nodes: Any, on: int, base: Any) -> None:
    """The gradient below some siblings, but for the inner node that is on the way."""
    leaves = g.size
    for v in nodes:
        if v < leaves:
            g[v] = e[v] * base - factors[v]
        elif v != on:
            i = v - leaves
            scaled(g, e, shape.span[i, 0], shape.span[i, 1], base - factors[v] / s[i])
