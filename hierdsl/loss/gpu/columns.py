"""The loss over pixels that lie side by side in memory: logits (N, C, P), each channel a run of pixels.

A lane has one pixel and walks through rows of channels that have the same parent (`hierdsl.loss.gpu.layout`): what it
needs to know of a level it asks once a row. With f_v the factor that -log p of node v has for a pixel:

    e_c = exp(z_c - max z),   s_v = sum of e_c below v,   loss = sum of f_v * log(s_root / s_v)
    gradient_c = e_c * (sum of f_v / s_root - sum of f_v / s_v over the inner nodes of the path above c) - f_c

Where there are many channels, SPLIT lanes share a pixel, each with every SPLIT-th row. Channels that fit in registers
are read and exponentiated once (WHOLE). Else a first walk finds the maximum and the sums together, a second, whose
reads should hit a cache, writes the gradient.
"""

import triton
import triton.language as tl

from hierdsl.loss.gpu.arithmetic import (
    LOWEST,
    add_inside,
    base_at,
    bases,
    exact_surprises,
    factors,
    level_sum,
    level_weight,
    no_number_where,
    nodes_of,
    runs,
    scaled,
    surprises,
    terms,
    underflown,
    zeros,
)

_RUNTIME = ["channels", "pixels", "blocks", "programs", "row_count", "nodes", "ignore_index", "gamma"]


@triton.jit(do_not_specialize=_RUNTIME)
def columns_kernel(
    logits,
    gradient,
    target,
    losses,
    sums,
    siblings,
    rows,
    parts,
    channels,
    pixels,
    blocks,
    programs,
    row_count,
    nodes,
    ignore_index,
    gamma,
    K: tl.constexpr,
    W: tl.constexpr,
    ROWS: tl.constexpr,
    SPLIT: tl.constexpr,
    BLOCK: tl.constexpr,
    GRADIENT: tl.constexpr,
    EACH: tl.constexpr,
    LEVELS: tl.constexpr,
    FOCAL: tl.constexpr,
):
    """Work through BLOCK pixels of one image.

    Args:
        logits: (N, C, P), float32, bfloat16 or float16.
        gradient: The same, to write, if GRADIENT.
        target: (N, P), any integer type.
        losses: (N, P) float32, to write, if EACH.
        sums: The loss, if not EACH, and the level losses, if LEVELS, of each program, (1 + D, programs) float32, to
            write.
        siblings: `Layout.siblings`.
        rows: `Layout.rows`.
        parts: See `Coefficients`.
        channels: C.
        pixels: P.
        blocks: Blocks of an image.
        programs: Of the launch.
        row_count: R.
        nodes: V.
        ignore_index: Of the pixels that count nowhere.
        gamma: Of the focal modulation, if FOCAL.
        K: Steps.
        W: Channels of a row.
        ROWS: Rows of a lane, all kept in registers; 0 to walk twice.
        SPLIT: Lanes of a pixel.
        BLOCK: Pixels.
        GRADIENT: Whether to make one.
        EACH: Whether to write the loss of each pixel.
        LEVELS: Whether to make the level losses.
        FOCAL: Whether to modulate.
    """
    image = (tl.program_id(0) // blocks).to(tl.int64)
    # lanes: what they know is a tensor with one axis, and what they read has channels as its first, kept in registers
    x = tl.arange(0, SPLIT * BLOCK)
    p = (tl.program_id(0) % blocks) * BLOCK + x % BLOCK
    lane = x // BLOCK
    inside = p < pixels
    counts, valid, y = nodes_of(target, image * pixels + p, inside, ignore_index, nodes)
    starts, ends = runs(rows, y, K)
    part = factors(parts, y, K, K + 1)
    z = logits + image * channels * pixels + p
    leaf = valid & (y < channels)
    own_logit = tl.load(z + y.to(tl.int64) * pixels, mask=leaf, other=0.0).to(tl.float32)

    peak = tl.full([SPLIT * BLOCK], LOWEST, tl.float32)
    total = tl.zeros([SPLIT * BLOCK], tl.float32)
    step_sums = zeros(total, K)
    values = ()
    if ROWS > 0:
        for i in tl.static_range(ROWS):
            channel, there = _row(siblings, i * SPLIT + lane, row_count, W)
            value = tl.load(_at(z, channel, pixels, BLOCK), mask=valid & there, other=float("-inf")).to(
                tl.float32
            )
            values = values + (value,)
            peak = tl.maximum(peak, tl.max(value, axis=0))
        peak = _highest(peak, SPLIT, BLOCK)
        exponentials = ()
        for i in tl.static_range(ROWS):
            e = tl.exp(values[i] - peak)
            exponentials = exponentials + (e,)
            row_sum = tl.sum(e, axis=0)
            total += row_sum
            step_sums = add_inside(step_sums, i * SPLIT + lane, starts, ends, row_sum, K)
        values = exponentials
    else:
        for i in range(tl.cdiv(row_count, SPLIT)):
            row = i * SPLIT + lane
            channel, there = _row(siblings, row, row_count, W)
            value = tl.load(_at(z, channel, pixels, BLOCK), mask=valid & there, other=float("-inf")).to(
                tl.float32
            )
            higher = tl.maximum(peak, tl.max(value, axis=0))
            row_sum = tl.sum(tl.exp(value - higher), axis=0)
            by = tl.exp(peak - higher)
            total = total * by + row_sum
            step_sums = add_inside(scaled(step_sums, by, K), row, starts, ends, row_sum, K)
            peak = higher
        if SPLIT > 1:
            highest = _highest(peak, SPLIT, BLOCK)
            by = tl.exp(peak - highest)
            total = total * by
            step_sums = scaled(step_sums, by, K)
            peak = highest
    if SPLIT > 1:
        total = _over_lanes(total, SPLIT, BLOCK)
        together = ()
        for k in tl.static_range(K):
            together = together + (_over_lanes(step_sums[k], SPLIT, BLOCK),)
        step_sums = together

    # as the cross-entropy: a logit of infinity or no number makes all of its pixel one
    number = (total > 0) & (total < float("inf"))
    broken = counts & ~(valid & number)
    total = tl.where(valid & number, total, 1.0)
    log_total = peak + tl.log(total)
    exact = underflown(step_sums, starts, ends, K, valid & number)
    any_exact = tl.max(exact.to(tl.int32), axis=0) > 0
    nll = surprises(total, step_sums, K)
    if K > 0:
        if any_exact:
            peaks, own_sums = _own_sums(
                z, siblings, row_count, starts, ends, exact, lane, pixels, K, W, SPLIT, BLOCK
            )
            nll = exact_surprises(nll, exact, log_total, peaks, own_sums, K)
    nll = nll + (tl.where(leaf, log_total - own_logit, 0.0),)
    loss, slopes = terms(nll, part, gamma, FOCAL, K + 1)
    loss = tl.where(broken, float("nan"), loss)
    once = inside & (lane == 0)
    if EACH:
        tl.store(losses + image * pixels + p, loss, mask=once)
    else:
        tl.store(sums + tl.program_id(0), tl.sum(tl.where(once, loss, 0.0), axis=0))
    if LEVELS:
        for level in tl.static_range(K + 1):
            found = nll[K]
            if level < K:
                found = tl.where(starts[level] < ends[level], nll[level], found)
            weight = level_weight(parts, y, level, K, K + 1)
            at = (level + 1) * programs + tl.program_id(0)
            tl.store(sums + at, level_sum(found, weight, broken, once))

    if GRADIENT:
        g = gradient + image * channels * pixels + p
        base = no_number_where(broken, bases(slopes, total, step_sums, K), K + 1)
        own_slope = slopes[K]
        written = inside & ~exact
        if ROWS > 0:
            for i in tl.static_range(ROWS):
                row = i * SPLIT + lane
                channel, there = _row(siblings, row, row_count, W)
                value = values[i] * base_at(base, row, starts, ends, K)
                value -= tl.where(channel == y, own_slope, 0.0)
                tl.store(
                    _at(g, channel, pixels, BLOCK), value.to(gradient.dtype.element_ty), mask=written & there
                )
        else:
            for i in range(tl.cdiv(row_count, SPLIT)):
                row = i * SPLIT + lane
                channel, there = _row(siblings, row, row_count, W)
                value = tl.load(_at(z, channel, pixels, BLOCK), mask=valid & there, other=float("-inf")).to(
                    tl.float32
                )
                value = tl.exp(value - peak) * base_at(base, row, starts, ends, K)
                value -= tl.where(channel == y, own_slope, 0.0)
                tl.store(
                    _at(g, channel, pixels, BLOCK), value.to(gradient.dtype.element_ty), mask=written & there
                )
        if K > 0:
            if any_exact:
                _exact_gradient(
                    z, g, y, siblings, row_count, starts, ends, exact, lane, pixels,
                    peak, base[0], slopes, K, W, SPLIT, BLOCK,
                )  # fmt: skip


@triton.jit
def _row(siblings, row, row_count, W: tl.constexpr):
    """The channels of a row, and which there are; both (W, lanes)."""
    there = row < row_count
    count = tl.load(siblings + row * (W + 1), mask=there, other=0)
    first = tl.load(siblings + row * (W + 1) + 1, mask=there, other=0)
    column = tl.arange(0, W)[:, None]
    return first[None, :] + column, column < count[None, :]


@triton.jit
def _at(pointer, channel, pixels, BLOCK: tl.constexpr):
    """Where a channel of each pixel is; the compiler does not see by itself that pixels are neighbours there."""
    return tl.max_contiguous(pointer[None, :] + channel.to(tl.int64) * pixels, [1, BLOCK])


@triton.jit
def _over_lanes(value, SPLIT: tl.constexpr, BLOCK: tl.constexpr):
    if SPLIT > 1:
        value = tl.sum(tl.reshape(value, [SPLIT, BLOCK]), axis=0)
        value = tl.reshape(tl.broadcast_to(value[None, :], [SPLIT, BLOCK]), [SPLIT * BLOCK])
    return value


@triton.jit
def _highest(value, SPLIT: tl.constexpr, BLOCK: tl.constexpr):
    if SPLIT > 1:
        value = tl.max(tl.reshape(value, [SPLIT, BLOCK]), axis=0)
        value = tl.reshape(tl.broadcast_to(value[None, :], [SPLIT, BLOCK]), [SPLIT * BLOCK])
    return value


@triton.jit
def _own_sums(
    z,
    siblings,
    row_count,
    starts,
    ends,
    exact,
    lane,
    pixels,
    K: tl.constexpr,
    W: tl.constexpr,
    SPLIT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Of each step the largest logit, and the sum of exponentials beside it, of the pixels `exact`."""
    peaks = ()
    sums = ()
    for _ in tl.static_range(K):
        peaks = peaks + (tl.full([SPLIT * BLOCK], LOWEST, tl.float32),)
        sums = sums + (tl.zeros([SPLIT * BLOCK], tl.float32),)
    for i in range(tl.cdiv(row_count, SPLIT)):
        row = i * SPLIT + lane
        channel, there = _row(siblings, row, row_count, W)
        value = tl.load(_at(z, channel, pixels, BLOCK), mask=exact & there, other=float("-inf")).to(
            tl.float32
        )
        value = tl.max(value, axis=0)
        higher = ()
        for k in tl.static_range(K):
            below = (row >= starts[k]) & (row < ends[k])
            higher = higher + (tl.where(below, tl.maximum(peaks[k], value), peaks[k]),)
        peaks = higher
    highest = ()
    for k in tl.static_range(K):
        highest = highest + (_highest(peaks[k], SPLIT, BLOCK),)
    for i in range(tl.cdiv(row_count, SPLIT)):
        row = i * SPLIT + lane
        channel, there = _row(siblings, row, row_count, W)
        value = tl.load(_at(z, channel, pixels, BLOCK), mask=exact & there, other=float("-inf")).to(
            tl.float32
        )
        added = ()
        for k in tl.static_range(K):
            below = (row >= starts[k]) & (row < ends[k])
            row_sum = tl.sum(tl.exp(value - highest[k]), axis=0)
            added = added + (sums[k] + tl.where(below, row_sum, 0.0),)
        sums = added
    together = ()
    for k in tl.static_range(K):
        together = together + (_over_lanes(sums[k], SPLIT, BLOCK),)
    return highest, together


@triton.jit
def _exact_gradient(
    z,
    g,
    y,
    siblings,
    row_count,
    starts,
    ends,
    exact,
    lane,
    pixels,
    peak,
    base,
    slopes,
    K: tl.constexpr,
    W: tl.constexpr,
    SPLIT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the gradient of the pixels `exact`."""
    peaks, sums = _own_sums(z, siblings, row_count, starts, ends, exact, lane, pixels, K, W, SPLIT, BLOCK)
    for i in range(tl.cdiv(row_count, SPLIT)):
        row = i * SPLIT + lane
        channel, there = _row(siblings, row, row_count, W)
        x = tl.load(_at(z, channel, pixels, BLOCK), mask=exact & there, other=float("-inf")).to(tl.float32)
        value = tl.exp(x - peak) * base - tl.where(channel == y, slopes[K], 0.0)
        for k in tl.static_range(K):
            below = (row >= starts[k]) & (row < ends[k]) & (sums[k] > 0)
            value -= tl.where(below, slopes[k] * tl.exp(x - peaks[k]) / sums[k], 0.0)
        tl.store(_at(g, channel, pixels, BLOCK), value.to(g.dtype.element_ty), mask=exact & there)
