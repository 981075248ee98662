"""The loss over pixels that lie side by side in memory: logits (N, C, P), each channel a run of pixels.

A tile of pixels is worked through row by row, a row being one node at every pixel of the tile: its buffers stay in
cache, and every inner loop runs over pixels and becomes vector instructions, however deep the tree is. With f_v the
factor that -log p of node v has for a pixel, and F their sum:

    e_c = exp(z_c - max z)                                   one row a leaf
    s_i = sum of e_c below i                                 rows added to that of the parent, children first
    r_i = sum of f_v / s_v over inner nodes v from i up, less F / s_root        parents first
    gradient_c = -e_c * r_parent(c) - f_c

A pixel's target only decides where factors are put, and a level costs what its inner nodes cost.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hierdsl.loss.cpu.arithmetic import exp, log
from hierdsl.loss.cpu.exact import exact_pixel
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.shape import Shape

TINY = 1e-30
"""A sum of exponentials below this, beside a largest of 1, has lost digits to underflow."""
FAST: Any = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},  # neither of them changes what is no number
}


class _Tile(NamedTuple):
    """Buffers of one thread, for up to P pixels: rows of nodes (..., P), and one value a pixel (P,)."""

    e: NDArray[Any]
    s: NDArray[Any]
    r: NDArray[Any]
    opened: NDArray[Any]  # 1 where the node is above one on the way to the target
    logs: NDArray[Any]  # sum over the children of sibling factor * (z - peak, or log s)
    nll: NDArray[Any]  # -log p of the nodes of the path and, last, of the target that is a leaf
    peak: NDArray[Any]  # largest logit
    log_root: NDArray[Any]
    leaf: NDArray[Any]  # factor of the target that is a leaf
    part: NDArray[Any]  # factor of the node of one step of the path
    sums: NDArray[Any]  # and its sum of exponentials
    loss: NDArray[Any]
    factors: NDArray[Any]  # F
    spread: NDArray[Any]  # sum over all nodes of even factor * (z - peak, or log s)
    valid: NDArray[Any]  # 1 where the pixel counts in these loops
    inner: NDArray[Any]  # inner index of the node of one step
    y: NDArray[Any]  # the target; V where the pixel does not count in these loops
    kept: NDArray[Any]  # the target; V where it is ignored
    finest: NDArray[Any]  # the finest level where the target has a group


@njit(**FAST)
def columns(
    logits: Any,
    target: Any,
    ignore_index: int,
    shape: Shape,
    terms: Terms,
    first: int,
    last: int,
    size: int,
    gradient: Any,
    losses: Any,
    sums: Any,
    levels: bool,
) -> None:
    """Work through the tiles from `first` to before `last`.

    Args:
        logits: (N, C, P), float32 or float64.
        target: (N, P), checked already.
        ignore_index: Of the pixels that count nowhere.
        shape: Of the tree.
        terms: Coefficients, of the logits' type.
        first: Tile.
        last: Tile.
        size: Pixels of a tile.
        gradient: (N, C, P), to write; empty for none.
        losses: (N, P), to write; empty for none.
        sums: The loss and the level losses of these tiles, (1 + D,) float64, to write.
        levels: Whether the latter are wanted.
    """
    pixels = logits.shape[2]
    tile = _buffers(logits, shape.children.size, shape.path.shape[1], size, terms.sibling.size > 1)
    sums[:] = 0
    per_image = (pixels + size - 1) // size
    for number in range(first, last):
        n, at = number // per_image, number % per_image * size
        w = min(size, pixels - at)
        z, g = logits[n], gradient[n if gradient.size else 0]
        some, alike = _targets(target[n, at : at + w], ignore_index, shape.rank, tile, w)
        if not some:
            g[:, at : at + w] = 0
            if losses.size:
                losses[n, at : at + w] = 0
            continue
        _exponentials(z, at, shape, terms, tile, w, alike)
        aside = _sums(shape, tile, w) and _set_aside(shape, terms, tile, w)
        if terms.sibling.size > 1:
            _siblings(shape, terms, tile, w)
        _target_terms(z, at, shape, terms, tile, w, g.size > 0)
        if levels:
            _level_losses(shape, terms, tile, w, sums[1:])
        if terms.even.size > 1:
            _even(shape, terms, tile, w, alike)
        if g.size:
            _gradient(g, at, shape, terms, tile, w, alike)
        if aside:
            _exactly(z, at, shape, terms, tile, w, sums[1:], g)
        for p in range(w):
            sums[0] += tile.loss[p]
        if losses.size:
            losses[n, at : at + w] = tile.loss[:w]


@njit(**FAST)
def _buffers(logits: Any, rows: int, steps: int, size: int, siblings: bool) -> _Tile:
    real, some = logits.dtype, rows + 1 if siblings else 1
    each, indices = np.empty((9, size), real), np.empty((4, size), np.uint32)
    return _Tile(
        np.empty((logits.shape[1], size), real),
        np.empty((rows, size), real),
        np.empty((rows, size), real),
        np.empty((some, size), real),
        np.empty((some, size), real),
        np.empty((steps + 1, size), real),
        each[0],
        each[1],
        each[2],
        each[3],
        each[4],
        each[5],
        each[6],
        each[7],
        each[8],
        indices[0],
        indices[1],
        indices[2],
        indices[3],
    )


@njit(**FAST)
def _targets(target: Any, ignore_index: int, rank: Any, tile: _Tile, w: int) -> tuple[bool, bool]:
    """Read the targets; whether any counts, and whether those that do have the same finest level."""
    some, alike, finest = False, True, rank[0]
    for p in range(w):
        t = np.int64(target[p])
        if t == ignore_index:
            tile.y[p] = tile.kept[p] = rank.size
            tile.finest[p] = finest
            tile.valid[p] = 0
            continue
        y = np.uint32(t)
        tile.valid[p] = 1
        tile.y[p] = tile.kept[p] = y
        if not some:
            some, finest = True, rank[y]
            tile.finest[:p] = finest
        tile.finest[p] = rank[y]
        alike &= rank[y] == finest
    return some, alike


@njit(**FAST)
def _exponentials(z: Any, at: int, shape: Shape, terms: Terms, tile: _Tile, w: int, alike: bool) -> None:
    """The largest logits; exponentials and their sums; of the smoothing the leaves' part."""
    leaves = z.shape[0]
    even, siblings = terms.even.size > 1, terms.sibling.size > 1
    peak, spread = tile.peak, tile.spread
    for p in range(w):
        peak[p] = z[0, at + p]
        spread[p] = 0
    for c in range(1, leaves):
        row = z[c, at : at + w]
        for p in range(w):
            peak[p] = max(peak[p], row[p])
    tile.s[:, :w] = 0
    tile.logs[:, :w] = 0
    for c in range(leaves):
        row, e, s = z[c, at : at + w], tile.e[c], tile.s[shape.up[c]]
        for p in range(w):
            value = exp(row[p] - peak[p])
            e[p] = value
            s[p] += value
        if even:
            _add(spread, terms.even[:, c], row, peak, tile.finest, w, alike)
        elif siblings and terms.sibling[c] != 0:
            logs, factor = tile.logs[shape.up[c]], terms.sibling[c]
            for p in range(w):
                logs[p] += factor * (row[p] - peak[p])


@njit(**FAST)
def _sums(shape: Shape, tile: _Tile, w: int) -> bool:
    """Sum the exponentials upwards; whether one underflowed, or a logit is no number."""
    leaves, inner = tile.e.shape[0], shape.children.size - 1
    root, lowest, doubtful = tile.s[inner], tile.part, 0
    for p in range(w):
        lowest[p] = 1
    for i in range(inner - 1, -1, -1):
        s, above = tile.s[i], tile.s[shape.up[leaves + i]]
        for p in range(w):
            above[p] += s[p]
            lowest[p] = min(lowest[p], s[p])
    for p in range(w):
        tile.log_root[p] = log(root[p])
        doubtful += (lowest[p] < TINY) | (not root[p] < np.inf)
    return doubtful > 0


@njit(**FAST)
def _add(total: Any, factors: Any, high: Any, low: Any, finest: Any, w: int, alike: bool) -> None:
    """Add factor * (high - low) to the total, the factor by the finest level of each pixel's target."""
    if not alike:
        for p in range(w):
            factor = factors[finest[p]]
            if factor != 0:
                total[p] += factor * (high[p] - low[p])
    elif factors[finest[0]] != 0:
        factor = factors[finest[0]]
        for p in range(w):
            total[p] += factor * (high[p] - low[p])


@njit(**FAST)
def _set_aside(shape: Shape, terms: Terms, tile: _Tile, w: int) -> bool:
    """Take out the pixels with a logit that is no number or a sum that underflowed; whether there are any."""
    inner, leaves = shape.children.size - 1, tile.e.shape[0]
    root, lowest, aside = tile.s[inner], tile.part, False
    every = terms.even.size > 1 or terms.sibling.size > 1  # any sum may count, not those on the way alone
    for p in range(w):
        y = tile.y[p]
        if y < shape.up.size:
            i = shape.up[y] if y < leaves else y - leaves  # the least sum on the way to the target
            if not root[p] < np.inf or tile.s[i, p] < TINY or (every and lowest[p] < TINY):
                tile.y[p] = shape.up.size
                aside = True
        elif not root[p] < np.inf:
            aside = True
        tile.valid[p] = tile.y[p] < shape.up.size
    return aside


@njit(**FAST)
def _target_terms(z: Any, at: int, shape: Shape, terms: Terms, tile: _Tile, w: int, gradient: bool) -> None:
    """The terms of the nodes on the way to the target, and of itself."""
    leaves, inner, steps = z.shape[0], shape.children.size - 1, shape.path.shape[1]
    root, focus = tile.s[inner], terms.focus > 0
    for p in range(w):
        y = tile.y[p]
        tile.sums[p] = z[y, at + p] - tile.peak[p] if y < leaves else tile.log_root[p]
        tile.part[p] = terms.target[y, steps]
        tile.factors[p] = terms.whole[y]
    leaf = tile.nll[steps]
    for p in range(w):
        leaf[p] = tile.log_root[p] - tile.sums[p]
        tile.loss[p] = tile.part[p] * leaf[p]
        tile.leaf[p] = tile.part[p]
    if focus:
        _focus(terms.focus, leaf, tile, w)
        for p in range(w):
            tile.leaf[p] = tile.factors[p] = tile.part[p]
    if terms.sibling.size > 1:
        logs, summed = tile.logs[inner], terms.sibling_sum[inner]
        for p in range(w):
            tile.loss[p] += (summed * tile.log_root[p] - logs[p]) if tile.valid[p] > 0 else 0
            tile.factors[p] += summed * tile.valid[p]
        for step in range(steps):
            _open(step, shape, terms, tile, w)
    if gradient:
        tile.r[:, :w] = 0
    for step in range(steps):
        nll = tile.nll[step]
        for p in range(w):
            y = tile.y[p]
            i = shape.path[y, step]
            tile.inner[p] = i
            tile.sums[p] = tile.s[i, p]
            tile.part[p] = terms.target[y, step]
        for p in range(w):
            nll[p] = log(root[p] / tile.sums[p])
            tile.loss[p] += tile.part[p] * nll[p]
        if focus:
            _focus(terms.focus, nll, tile, w)
            for p in range(w):
                tile.factors[p] += tile.part[p]
        if gradient:
            for p in range(w):
                tile.part[p] /= tile.sums[p]
            for p in range(w):
                tile.r[tile.inner[p], p] += tile.part[p]


@njit(**FAST)
def _open(step: int, shape: Shape, terms: Terms, tile: _Tile, w: int) -> None:
    """The terms of the children of one node on the way to the target."""
    for p in range(w):
        i = shape.opened[tile.y[p], step]
        tile.inner[p] = i
        tile.sums[p] = tile.logs[i, p]
        tile.part[p] = terms.sibling_sum[i]
    for p in range(w):
        tile.loss[p] += tile.part[p] * tile.log_root[p] - tile.sums[p]
        tile.factors[p] += tile.part[p]
    for p in range(w):
        tile.opened[tile.inner[p], p] = 1


@njit(**FAST)
def _level_losses(shape: Shape, terms: Terms, tile: _Tile, w: int, sums: Any) -> None:
    """Add the level losses of these pixels."""
    leaves, steps = tile.e.shape[0], shape.path.shape[1]
    for p in range(w):
        y = tile.y[p]
        if y == shape.up.size:
            continue
        step, before = -1, -1
        for level in range(shape.rank[y] + 1):
            u = shape.node[y, level]
            if u != before:
                step = step + 1 if u >= leaves else steps
            sums[level] += terms.level[y, level] * tile.nll[step, p]
            before = u


@njit(**FAST)
def _focus(gamma: float, nll: Any, tile: _Tile, w: int) -> None:
    """Modulate the loss that was added last, part * nll, by (1 - p)**gamma; make `part` its factor in the gradient.

    The factor is minus the derivative of (1 - p)**gamma * nll by log p.
    """
    one, tiny, exponent = nll.dtype.type(1), nll.dtype.type(TINY), nll.dtype.type(gamma - 1)
    for p in range(w):
        probability = exp(-nll[p])
        rest = one - probability
        rest = max(rest, tiny)
        power = rest if exponent == one else exp(exponent * log(rest))
        tile.loss[p] += tile.part[p] * nll[p] * (power * rest - one)
        tile.part[p] *= power * (rest + (exponent + one) * nll[p] * probability)


@njit(**FAST)
def _even(shape: Shape, terms: Terms, tile: _Tile, w: int, alike: bool) -> None:
    """The terms that all nodes have: the inner nodes' part of the spread, then loss and factors."""
    leaves, inner = tile.e.shape[0], shape.children.size - 1
    tile.part[:w] = 0
    for i in range(inner):
        s = tile.s[i]
        for p in range(w):
            tile.sums[p] = log(s[p])
        _add(tile.spread, terms.even[:, leaves + i], tile.sums, tile.part, tile.finest, w, alike)
    for p in range(w):
        if tile.y[p] < shape.up.size:
            factor = terms.even_sum[tile.finest[p]]
            tile.loss[p] += factor * tile.log_root[p] - tile.spread[p]
            tile.factors[p] += factor


@njit(**FAST)
def _siblings(shape: Shape, terms: Terms, tile: _Tile, w: int) -> None:
    """Of the terms of the siblings on the way to the target the inner nodes' part; the root is on every way."""
    leaves, inner = tile.e.shape[0], shape.children.size - 1
    for i in range(inner):
        s, logs, factor = tile.s[i], tile.logs[shape.up[leaves + i]], terms.sibling[leaves + i]
        if factor != 0:
            for p in range(w):
                logs[p] += factor * log(s[p])
    tile.opened[:, :w] = 0
    tile.opened[inner, :w] = tile.valid[:w]


@njit(**FAST)
def _gradient(g: Any, at: int, shape: Shape, terms: Terms, tile: _Tile, w: int, alike: bool) -> None:
    leaves, inner = tile.e.shape[0], shape.children.size - 1
    even, siblings = terms.even.size > 1, terms.sibling.size > 1
    root = tile.r[inner]
    for p in range(w):
        root[p] = -tile.factors[p] / tile.s[inner, p]
    for i in range(inner):
        r, above, s = tile.r[i], tile.r[shape.up[leaves + i]], tile.s[i]
        for p in range(w):
            r[p] += above[p]
        if even and alike:
            factor = terms.even[tile.finest[0], leaves + i]
            for p in range(w):
                r[p] += tile.valid[p] * factor / s[p]
        elif even:
            factors = terms.even[:, leaves + i]
            for p in range(w):
                r[p] += tile.valid[p] * factors[tile.finest[p]] / s[p]
        elif siblings and terms.sibling[leaves + i] != 0:
            factor, opened = terms.sibling[leaves + i], tile.opened[shape.up[leaves + i]]
            for p in range(w):
                r[p] += factor * opened[p] / s[p]
    for c in range(leaves):
        row, e, r = g[c, at : at + w], tile.e[c], tile.r[shape.up[c]]
        if even:
            factors = terms.even[:, c]
            if alike:
                factor = factors[tile.finest[0]]
                for p in range(w):
                    row[p] = -e[p] * r[p] - factor * tile.valid[p]
            else:
                for p in range(w):
                    row[p] = -e[p] * r[p] - factors[tile.finest[p]] * tile.valid[p]
        elif siblings:
            factor, opened = terms.sibling[c], tile.opened[shape.up[c]]
            for p in range(w):
                row[p] = -e[p] * r[p] - factor * opened[p]
        else:
            for p in range(w):
                row[p] = -e[p] * r[p]
    for p in range(w):
        y = tile.y[p]
        if y < leaves:
            g[y, at + p] -= tile.leaf[p]


@njit(**FAST)
def _exactly(z: Any, at: int, shape: Shape, terms: Terms, tile: _Tile, w: int, sums: Any, g: Any) -> None:
    """The pixels that were set aside."""
    leaves, inner = z.shape[0], shape.children.size - 1
    z64 = np.empty(leaves)
    for p in range(w):
        y = tile.kept[p]
        if y < shape.up.size and tile.y[p] == shape.up.size:
            for c in range(leaves):
                z64[c] = z[c, at + p]
            tile.loss[p] = exact_pixel(z64, y, shape, terms, sums, g.size > 0)
        elif y == shape.up.size and not tile.s[inner, p] < np.inf:  # ignored, whatever the network says
            z64[:] = 0
            tile.loss[p] = 0
        else:
            continue
        if g.size:
            for c in range(leaves):
                g[c, at + p] = z64[c]
