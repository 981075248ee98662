"""The loss over rows, (M, C), with the sum of every inner node: what smoothing needs, and channels in any order.

As `hierdsl.loss.cpu.columns.loop`, with one pixel at a time: sums and factors go up and down the tree node by node.
"""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.arithmetic import log
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY
from hierdsl.loss.cpu.rows import exponentials, largest, level_losses, terms_on_the_way
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.cpu.terms import depth_of
from hierdsl.loss.cpu.threads import Chunks, lent, part, share, take
from hierdsl.loss.shape import Shape


@compiled()
def whole_rows(
    begin: int,
    threads: int,
    chunks: Chunks,
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    terms: Terms,
    gradient: Any,
    losses: Any,
    levels: bool,
) -> None:
    """Work through the rows of all chunks.

    The arguments are those of `rows`, but for `shape`, of the tree as it is and with channels in any order, and
    `terms`, the coefficients.
    """
    if begin:
        share(begin, threads)
        return
    chunks, logits, target, shape, terms, gradient, losses = lent(
        (chunks, logits, target, shape, terms, gradient, losses)
    )
    real, leaves, inner = logits.dtype, logits.shape[1], shape.children.size - 1
    steps = shape.path.shape[1]
    e, s, r = np.empty(leaves, real), np.empty(inner + 1, real), np.empty(inner + 1, real)
    x, factors_of = np.empty(leaves + inner, real), np.zeros(leaves + inner, real)
    on_the_way, nll = np.empty(steps, real), np.empty(steps + 1, real)
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
                y = np.uint32(target[m])
                peak = largest(z)
                exponentials(z, peak, e)
                lowest = _sums(e, shape.up, s)
                whole, depth = s[inner], depth_of(shape, y)
                for step in range(depth):
                    on_the_way[step] = s[shape.path[y, step]]
                if not whole < np.inf or lowest < TINY:
                    aside[taken] = m
                    taken += 1
                else:
                    own = z[y] - peak if y < leaves else log(whole)
                    loss, factors, of_leaf = terms_on_the_way(
                        own, whole, terms.target[y], terms.focus, on_the_way, nll, depth
                    )
                    spread = _spread(z, peak, s, y, depth, shape, terms, x, factors_of)
                    loss += spread[0]
                    factors += spread[1]
                    if g.size:
                        _factors_over_sums(y, depth, factors, on_the_way, factors_of, s, shape, r)
                        for c in range(leaves):
                            g[c] = -e[c] * r[shape.up[c]] - factors_of[c]
                        if y < leaves:
                            g[y] -= of_leaf
                    if levels:
                        level_losses(shape, terms.level[y], y, nll, sums[1:])
            sums[0] += loss
            if losses.size:
                losses[m] = loss
        chunks.taken[chunk] = taken
        chunk = take(chunks.next)


@compiled()
def _sums(e: Any, up: Any, s: Any) -> Any:
    """Sum the exponentials below each inner node and the root; the least sum."""
    leaves, inner = e.size, s.size - 1
    s[:] = 0
    for c in range(leaves):
        s[up[c]] += e[c]
    lowest = e.dtype.type(1)
    for i in range(inner - 1, -1, -1):
        s[up[leaves + i]] += s[i]
        lowest = min(lowest, s[i])
    return lowest


@compiled()
def _spread(
    z: Any, peak: Any, s: Any, y: int, depth: int, shape: Shape, terms: Terms, x: Any, factors_of: Any
) -> tuple[Any, Any]:
    """Write the factor that smoothing gives each node; what it adds to the loss, and the sum of the factors."""
    leaves, inner, real = z.size, s.size - 1, z.dtype.type
    even, siblings = terms.even.size > 1, terms.sibling.size > 1
    if not even and not siblings:
        return real(0), real(0)
    for c in range(leaves):
        x[c] = z[c] - peak
    for i in range(inner):
        x[leaves + i] = log(s[i])
    if even:
        finest = terms.even[shape.rank[y]]
        total = terms.even_sum[shape.rank[y]]
        for v in range(x.size):
            factors_of[v] = finest[v]
    else:
        opened, total = np.zeros(inner + 1, z.dtype), terms.sibling_sum[inner]
        opened[inner] = 1
        for step in range(depth):
            i = shape.opened[y, step]
            if i < inner:
                opened[i] = 1
                total += terms.sibling_sum[i]
        for v in range(x.size):
            factors_of[v] = terms.sibling[v] * opened[shape.up[v]]
    return total * log(s[inner]) - _product(factors_of, x), total


@compiled()
def _product(factors: Any, x: Any) -> Any:
    """The sum of the products; a factor of 0 silences even what is infinite."""
    total = factors.dtype.type(0)
    for v in range(x.size):
        if factors[v] != 0:
            total += factors[v] * x[v]
    return total


@compiled()
def _factors_over_sums(
    y: int, depth: int, factors: Any, on_the_way: Any, factors_of: Any, s: Any, shape: Shape, r: Any
) -> None:
    """The r of every inner node: the summed factor / sum from it up, less all factors over the whole."""
    inner = s.size - 1
    leaves = shape.up.size - inner
    for i in range(inner):
        r[i] = factors_of[leaves + i] / s[i]
    for step in range(depth):
        r[shape.path[y, step]] += on_the_way[step]  # factor / sum by now
    r[inner] = -factors / s[inner]
    for i in range(inner):
        r[i] += r[shape.up[leaves + i]]
