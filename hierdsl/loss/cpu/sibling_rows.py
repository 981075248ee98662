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
from hierdsl.loss.cpu.rows import exponentials, largest, level_losses, sum_of, terms_on_the_way, write_pieces
from hierdsl.loss.cpu.terms import children_of, depth_of, factors_on_the_way
from hierdsl.loss.cpu.threads import Chunks, lent, part, share, take
from hierdsl.loss.shape import Shape


class Siblings(NamedTuple):
    """The children of each inner node i and, last, of the root: `nodes[first[i] : first[i + 1]]`, the leaves first.

    The channels below them follow each other in parts, `ends[first_part[i] : first_part[i + 1]]`: those below a child
    that is an inner node, and runs of children that are leaves.

    Attributes:
        first: (I + 2,) int64.
        nodes: (C + I,) int64.
        first_part: (I + 2,) int64.
        ends: The channel after the last of each part, int64.
        of_parts: The inner node of each part, counted among all nodes, and C + I for leaves, int64.
        factors: `Terms.sibling`.
        summed: `Terms.sibling_sum`.
    """

    first: NDArray[Any]
    nodes: NDArray[Any]
    first_part: NDArray[Any]
    ends: NDArray[Any]
    of_parts: NDArray[Any]
    factors: NDArray[Any]
    summed: NDArray[Any]


def parts_of(shape: Shape) -> tuple[NDArray[Any], ...]:
    """The first five of `Siblings`; those below an inner node must be neighbours."""
    leaves = shape.up.size - shape.order.size
    up = shape.up.astype(np.int64)
    numbers = np.arange(shape.children.size + 1)
    spans = np.vstack([np.stack([np.arange(leaves), np.arange(leaves) + 1], axis=1), shape.span])
    in_order = np.lexsort([spans[:, 0], up])
    of_leaf, above = in_order < leaves, up[in_order]
    begins = np.append(True, ~(of_leaf[1:] & of_leaf[:-1]) | (above[1:] != above[:-1]))
    firsts, lasts = np.flatnonzero(begins), np.flatnonzero(np.append(begins[1:], True))
    return (
        *children_of(shape),
        np.searchsorted(above[firsts], numbers),
        spans[in_order[lasts], 1],
        np.where(of_leaf[firsts], up.size, in_order[firsts]),
    )


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
    sums_of, nll, bases = np.empty(steps, real), np.empty(steps + 1, real), np.empty(steps + 1, real)
    ends, of_pieces = np.empty(siblings.ends.size + 1, np.int64), np.empty(siblings.ends.size + 1, real)
    # factors and sums of the inner nodes among the siblings of a row
    terms = np.empty((2, inner + LANES), real)
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
                        base, before, after = factors / whole, 0, ends.size
                        for step in range(opened):
                            i = inner if step == 0 else np.int64(shape.path[t, step - 1])
                            on = np.int64(leaves + shape.path[t, step]) if step < depth else y
                            bases[step] = base
                            before, after = _pieces(siblings, s, i, on, base, ends, of_pieces, before, after)
                            if step < depth:  # `sums_of` is factor / sum by now
                                base -= sums_of[step] + siblings.factors[on] / s[on - leaves]
                        if y >= leaves:
                            ends[before], of_pieces[before] = shape.span[y - leaves, 1], base
                            before += 1
                        write_pieces(g, e, ends, of_pieces, 0, before, 0)
                        write_pieces(g, e, ends, of_pieces, after, ends.size, ends[before - 1])
                        for step in range(opened):
                            i = inner if step == 0 else np.int64(shape.path[t, step - 1])
                            for k in range(first_child[i], first_child[i + 1]):
                                v = children[k]
                                if v >= leaves:
                                    break
                                # at once: the two may nearly cancel
                                g[v] = e[v] * bases[step] - siblings.factors[v]
                        if y < leaves:
                            g[y] -= of_leaf
                    if levels:
                        level_losses(shape, weights[t] / total, t, nll, sums[1:])
            sums[0] += loss
            if losses.size:
                losses[m] = loss
        chunks.taken[chunk] = taken
        chunk = take(chunks.next)


@compiled(inline=True)
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


@compiled(inline=True)
def _pieces(
    siblings: Siblings,
    s: Any,
    i: int,
    on: int,
    base: Any,
    ends: Any,
    factors: Any,
    before: int,
    after: int,
) -> tuple[int, int]:
    """Note what the gradient is times e below the children of a node: before the one on the way, and after it.

    Of leaves that is without their own factors. How many pieces are before, and the first of those after.
    """
    first, last = siblings.first_part[i], siblings.first_part[i + 1]
    leaves = siblings.factors.size - s.size
    while first < last and siblings.of_parts[first] != on:
        v = siblings.of_parts[first]  # of leaves the root, with a factor of 0
        ends[before], factors[before] = siblings.ends[first], base - siblings.factors[v] / s[v - leaves]
        first, before = first + 1, before + 1
    for k in range(last - 1, first, -1):
        v, after = siblings.of_parts[k], after - 1
        ends[after], factors[after] = siblings.ends[k], base - siblings.factors[v] / s[v - leaves]
    return before, after
