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

from hierdsl.loss.cpu.columns.at_target import (
    clear,
    even_terms,
    inner_losses,
    inner_terms,
    leaf_terms,
    level_loss,
    modulate,
    open_inner,
    open_root,
    opened_ways,
)
from hierdsl.loss.cpu.columns.down import depths, divide, open_rows, sum_downwards, write_gradient
from hierdsl.loss.cpu.columns.tile import (
    FACTORS,
    FINEST,
    INDICES,
    LEAF,
    LINES,
    LOSS,
    PART,
    SPREAD,
    SUM,
    add,
    copy,
    fill,
    fill_rows,
    fill_with,
    total_of,
)
from hierdsl.loss.cpu.columns.turn import turn
from hierdsl.loss.cpu.columns.up import (
    exponentials,
    finest_levels,
    logs_of_inner,
    lowest,
    read_targets,
    set_aside,
    smallest_sums,
    spread_leaves,
    sum_upwards,
)
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.cpu.terms import children_of
from hierdsl.loss.cpu.threads import Chunks, lent, part, share, take
from hierdsl.loss.shape import Shape


@compiled()
def columns(
    begin: int,
    threads: int,
    chunks: Chunks,
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    terms: Terms,
    starts: Any,
    size: int,
    gradient: Any,
    losses: Any,
    levels: bool,
    by_row: bool,
) -> None:
    """Work through the tiles of all chunks.

    Args:
        begin: See `hierdsl.loss.cpu.threads.on_threads`.
        threads: See there.
        chunks: Of the batch; what pixels have a sum that underflows, or a logit that is no number, is set aside.
        logits: (N, C, P), or (N, P, C) if they are `by_row`; float32 or float64.
        target: (N, P), checked already.
        ignore_index: Of the pixels that count nowhere.
        shape: Of the tree.
        terms: Coefficients, of the logits' type.
        starts: Where the rows of `Shape.path` begin in a tile, step by step, (K, V + 1) uintp: inner index times
            `size`, I + 1 where there is no node.
        size: Pixels of a tile.
        gradient: As the logits, to write; empty for none.
        losses: (N, P), to write; empty for none.
        levels: Whether the level losses are wanted.
        by_row: Whether the channels of a pixel lie side by side, so that each tile is turned.
    """
    if begin:
        share(begin, threads)
        return
    chunks, logits, target, shape, terms, starts, gradient, losses = lent(
        (chunks, logits, target, shape, terms, starts, gradient, losses)
    )
    up, rank, factors = shape.up, shape.rank, terms.target.T
    inner, steps, pixels = shape.children.size - 1, starts.shape[0], target.shape[1]
    leaves = up.size - inner
    even, siblings, make = terms.even.size > 1, terms.sibling.size > 1, gradient.size > 0
    real, some = logits.dtype, inner + 1 if siblings else 1
    # the last row of sums and factors is that of no node
    e, with_none, r = (
        np.empty((leaves if make else 1, size), real),
        np.empty((inner + 2, size), real),
        np.empty((inner + 2, size), real),
    )
    s = with_none[: inner + 1]
    fill_with(with_none[inner + 1], 1, size)
    logs, opened, nll = (
        np.empty((some, size), real),
        np.empty((some if make else 0, size), real),
        np.empty((steps + 1, size), real),
    )
    line, index = np.empty((LINES, size), real), np.empty((INDICES, size), np.uint32)
    # of each step of the ways, factor / sum, and where the row of its node begins: the node's number times the size
    quotients, way, other_way = (
        np.empty((steps if make else 0, size), real),
        np.empty((steps, size), np.uint32),
        np.empty((steps if siblings else 0, size), np.uint32),
    )
    tile = np.empty((leaves if by_row else 1, size), real)  # of logits, then of their gradient
    alone = not (make or siblings or levels or terms.focus > 0)
    open_way, depth, low = way, depths(up, leaves), lowest(up, leaves)
    if terms.finest >= 0:
        index[FINEST, 0] = terms.finest
    first_child, children = np.zeros(1, np.int64), np.zeros(0, np.int64)
    if siblings:
        first_child, children = children_of(shape)
    chunk = take(chunks.next)
    while chunk < chunks.taken.size:
        first, last, sums, aside = part(chunks, chunk)
        for i in range(sums.size):
            sums[i] = 0
        taken, per_image = 0, (pixels + size - 1) // size
        for number in range(first, last):
            n, at = number // per_image, number % per_image * size
            w, before = min(size, pixels - at), taken
            z, g, here = logits[n], gradient[n if make else 0], at
            if by_row:
                turn(z, at * leaves, leaves, tile, 0, size, w, leaves)
                z, here = tile, 0
                g = tile[: leaves if make else 0]
            counting = read_targets(target[n], at, ignore_index, up.size, index, line, w)
            if counting == 0:
                for c in range(g.shape[0]):
                    fill(g[c, here : here + w], w)
                fill(line[LOSS], w)
            else:
                alike = not even or terms.finest >= 0 or finest_levels(rank, index, w)
                if siblings:
                    fill_rows(logs, w)
                    exponentials(z, here, up, e, s, line, w, make, terms.sibling, logs)
                elif even and alike:
                    fill(line[SPREAD], w)
                    of_leaves = terms.even[index[FINEST, 0]]
                    exponentials(z, here, up, e, s, line, w, make, of_leaves, line[SPREAD : SPREAD + 1])
                else:
                    exponentials(z, here, up, e, s, line, w, make, terms.even[0, :0], logs)
                    if even:
                        spread_leaves(z, here, terms.even, line, index, w)
                doubtful = sum_upwards(up, s, line, w)
                if even or siblings:  # all sums count
                    doubtful += smallest_sums(s, low, line, w)
                    if doubtful > 0:
                        taken = set_aside(n * pixels + at, up, leaves, s, line, index, True, aside, taken, w)
                leaf_terms(
                    z, here, factors[steps], terms.whole, terms.alike[steps:], line, index, nll[steps], w
                )
                if terms.focus > 0:
                    modulate(terms.focus, line[LEAF], nll[steps], line, w)
                    copy(line[LEAF], line[FACTORS], w)
                for step in range(steps):
                    if alone and not np.isnan(terms.alike[step]):
                        doubtful += inner_losses(starts[step], terms.alike[step], with_none, line, index, w)
                        continue
                    doubtful += inner_terms(
                        starts[step],
                        factors[step],
                        terms.alike[step],
                        with_none,
                        nll[step],
                        way[step],
                        line,
                        index,
                        w,
                    )
                    if terms.focus > 0:
                        modulate(terms.focus, line[PART], nll[step], line, w)
                        add(line[PART], line[FACTORS], w)
                    if make:
                        divide(line[PART], line[SUM], quotients[step], w)
                if siblings:
                    logs_of_inner(first_child, children, leaves, terms.sibling, with_none, logs, w)
                    open_root(terms.opened, logs, line, index, w)
                    if terms.coarse:
                        open_way = opened_ways(way, size, leaves, index, other_way, w)
                    open_inner(depth, open_way, size, logs, line, w)
                if doubtful > 0 and not (even or siblings):
                    taken = set_aside(n * pixels + at, up, leaves, s, line, index, False, aside, taken, w)
                if levels:
                    for level in range(sums.size - 1):
                        sums[1 + level] += level_loss(
                            terms.step.T[level],
                            terms.level.T[level],
                            terms.level_alike[level],
                            nll,
                            line,
                            index,
                            w,
                        )
                if even:
                    even_terms(terms.even, terms.even_sum, shape.order, leaves, s, line, index, w, alike)
                if make:
                    if siblings:
                        open_rows(depth, open_way, size, line, opened, w)
                    given = (line, index, terms.even, terms.sibling, opened, w, alike)
                    sum_downwards(up, depth, quotients, way, size, s, r, *given)
                    write_gradient(g, here, e, r, up, *given)
                if counting < w or taken > before:
                    clear(line, w)
            if by_row and make:
                turn(tile, 0, size, gradient[n], at * leaves, leaves, leaves, w)
            sums[0] += total_of(line[LOSS], w)
            if losses.size:
                copy(line[LOSS], losses[n, at : at + w], w)
        chunks.taken[chunk] = taken
        chunk = take(chunks.next)
