"""The loss over pixels whose channels lie side by side in memory: logits (M, C), one row a pixel.

The lanes of a program lie along the channels. Each channel has a place in depth-first order, in which every node is a
run of places (`hierdsl.loss.gpu.layout`): what belongs to a step of the path is asked of every channel, twice. See
`hierdsl.loss.gpu.columns` for what is computed.

Rows that fit in registers are read once (LOOPS is 1), several by a program where they are short. A longer one is
walked through twice, and is in the second cache the second time if few enough programs are at work.
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
    no_number_where,
    runs,
    scaled,
    surprises,
    terms,
    underflown,
    zeros,
)

_RUNTIME = ["channels", "pixels", "programs", "nodes", "ignore_index", "gamma"]


@triton.jit(do_not_specialize=_RUNTIME)
def rows_kernel(
    logits,
    gradient,
    target,
    losses,
    sums,
    place,
    places,
    parts,
    own,
    channels,
    pixels,
    programs,
    nodes,
    ignore_index,
    gamma,
    K: tl.constexpr,
    PLACED: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
    WHOLE: tl.constexpr,
    GRADIENT: tl.constexpr,
    EACH: tl.constexpr,
    LEVELS: tl.constexpr,
    FOCAL: tl.constexpr,
):
    """Work through ROWS pixels.

    Args:
        logits: (M, C), float32, bfloat16 or float16.
        gradient: The same, to write, if GRADIENT.
        target: (M,), any integer type.
        losses: (M,) float32, to write, if EACH.
        sums: The loss, if not EACH, and the level losses, if LEVELS, of each program, (1 + D, programs) float32, to write.
        place: `Layout.place`, if PLACED.
        places: `Layout.places`.
        parts: See `coefficients`.
        own: See there.
        channels: C.
        pixels: M.
        programs: Of the launch.
        nodes: V.
        ignore_index: Of the pixels that count nowhere.
        gamma: Of the focal modulation, if FOCAL.
        K: Steps.
        PLACED: Whether the place of a channel is another than its number.
        ROWS: Pixels.
        BLOCK: Channels that are worked through at a time.
        WHOLE: Whether these are all, and stay in registers.
        GRADIENT: Whether to make one.
        EACH: Whether to write the loss of each pixel.
        LEVELS: Whether to make the level losses.
        FOCAL: Whether to modulate.
    """
    m = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    inside = m < pixels
    t = tl.load(target + m, mask=inside, other=0).to(tl.int64)
    counts = inside & (t != ignore_index)
    valid = counts & (t >= 0) & (t < nodes)
    y = tl.where(valid, t, nodes).to(tl.int32)
    starts, ends = runs(places, y, K)
    part = factors(parts, y, K)
    z = logits + m * channels
    g = gradient + m * channels
    leaf = valid & (y < channels)
    own_logit = tl.load(z + y, mask=leaf, other=0.0).to(tl.float32)

    # values and sums of each lane, (ROWS, BLOCK), and of each row, (ROWS, 1)
    lane_peak = tl.full([ROWS, BLOCK], LOWEST, tl.float32)
    lane_total = tl.zeros([ROWS, BLOCK], tl.float32)
    lane_sums = zeros(lane_total, K)
    if WHOLE:
        c, at, there = _channels(0, place, channels, PLACED, BLOCK)
        value = tl.load(z + c, mask=valid & there, other=float("-inf")).to(tl.float32)
        peak = tl.maximum(tl.max(value, axis=1)[:, None], LOWEST)
        e = tl.exp(value - peak)
        total = tl.sum(e, axis=1)[:, None]
        lane_sums = add_inside(lane_sums, at, starts, ends, e, K)
    else:
        for first in range(0, channels, BLOCK):
            c, at, there = _channels(first, place, channels, PLACED, BLOCK)
            value = tl.load(z + c, mask=valid & there, other=float("-inf")).to(tl.float32)
            higher = tl.maximum(lane_peak, value)
            e = tl.exp(value - higher)
            by = tl.exp(lane_peak - higher)
            lane_total = lane_total * by + e
            lane_sums = add_inside(scaled(lane_sums, by, K), at, starts, ends, e, K)
            lane_peak = higher
        peak = tl.max(lane_peak, axis=1)[:, None]
        by = tl.exp(lane_peak - peak)
        total = tl.sum(lane_total * by, axis=1)[:, None]
        lane_sums = scaled(lane_sums, by, K)
    step_sums = _over_lanes(lane_sums, K)

    # as the cross-entropy: a logit of infinity or no number makes all of its pixel one
    number = (total > 0) & (total < float("inf"))
    broken = counts & ~(valid & number)
    total = tl.where(valid & number, total, 1.0)
    log_total = peak + tl.log(total)
    exact = underflown(step_sums, starts, ends, K, valid & number)
    any_exact = tl.max(tl.max(exact.to(tl.int32), axis=1), axis=0) > 0
    nll = surprises(total, step_sums, K)
    if K > 0:
        if any_exact:
            peaks, own_sums = _own_sums(
                z, place, channels, starts, ends, exact, K, PLACED, ROWS, BLOCK
            )  # fmt: skip
            nll = exact_surprises(nll, exact, log_total, peaks, own_sums, K)
    nll = nll + (tl.where(leaf, log_total - own_logit, 0.0),)
    loss, slopes = terms(nll, part, gamma, FOCAL, K + 1)
    loss = tl.where(broken, float("nan"), loss)
    if EACH:
        tl.store(losses + m, loss, mask=inside)
    else:
        tl.store(sums + tl.program_id(0), _sum(tl.where(inside, loss, 0.0)))
    if LEVELS:
        for level in tl.static_range(K + 1):
            found = nll[K]
            if level < K:
                found = tl.where(starts[level] < ends[level], nll[level], found)
            weight = tl.load(own + y * (K + 1) + level)
            found = tl.where(weight != 0, weight * found, 0.0)
            found = tl.where(broken, float("nan"), found)
            tl.store(sums + (level + 1) * programs + tl.program_id(0), _sum(tl.where(inside, found, 0.0)))

    if GRADIENT:
        base = no_number_where(broken, bases(slopes, total, step_sums, K), K + 1)
        own_slope = slopes[K]
        written = inside & ~exact
        if WHOLE:
            slope = e * base_at(base, at, starts, ends, K) - tl.where(c == y, own_slope, 0.0)
            tl.store(g + c, slope.to(gradient.dtype.element_ty), mask=written & there)
        else:
            for first in range(0, channels, BLOCK):
                c, at, there = _channels(first, place, channels, PLACED, BLOCK)
                value = tl.load(z + c, mask=valid & there, other=float("-inf")).to(tl.float32)
                slope = tl.exp(value - peak) * base_at(base, at, starts, ends, K)
                slope -= tl.where(c == y, own_slope, 0.0)
                tl.store(g + c, slope.to(gradient.dtype.element_ty), mask=written & there)
        if K > 0:
            if any_exact:
                _exact_gradient(
                    z, g, y, place, channels, starts, ends, exact, peak, base[0], slopes, K, PLACED, ROWS, BLOCK
                )


@triton.jit
def _channels(first, place, channels, PLACED: tl.constexpr, BLOCK: tl.constexpr):
    """Numbers and places of a block of channels, and which there are; all (1, BLOCK)."""
    c = first + tl.arange(0, BLOCK)[None, :]
    there = c < channels
    at = c
    if PLACED:
        at = tl.load(place + c, mask=there, other=0)
    return c, at, there


@triton.jit
def _over_lanes(values, K: tl.constexpr):
    made = ()
    for k in tl.static_range(K):
        made = made + (tl.sum(values[k], axis=1)[:, None],)
    return made


@triton.jit
def _sum(value):
    return tl.sum(tl.sum(value, axis=1), axis=0)


@triton.jit
def _own_sums(
    z,
    place,
    channels,
    starts,
    ends,
    exact,
    K: tl.constexpr,
    PLACED: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Of each step the largest logit, and the sum of exponentials beside it, of the pixels `exact`."""
    peaks = ()
    sums = ()
    for _ in tl.static_range(K):
        peaks = peaks + (tl.full([ROWS, BLOCK], LOWEST, tl.float32),)
        sums = sums + (tl.zeros([ROWS, BLOCK], tl.float32),)
    for first in range(0, channels, BLOCK):
        c, at, there = _channels(first, place, channels, PLACED, BLOCK)
        value = tl.load(z + c, mask=exact & there, other=float("-inf")).to(tl.float32)
        higher = ()
        for k in tl.static_range(K):
            below = (at >= starts[k]) & (at < ends[k])
            higher = higher + (tl.where(below, tl.maximum(peaks[k], value), peaks[k]),)
        peaks = higher
    highest = ()
    for k in tl.static_range(K):
        highest = highest + (tl.max(peaks[k], axis=1)[:, None],)
    for first in range(0, channels, BLOCK):
        c, at, there = _channels(first, place, channels, PLACED, BLOCK)
        value = tl.load(z + c, mask=exact & there, other=float("-inf")).to(tl.float32)
        added = ()
        for k in tl.static_range(K):
            below = (at >= starts[k]) & (at < ends[k])
            added = added + (sums[k] + tl.where(below, tl.exp(value - highest[k]), 0.0),)
        sums = added
    return highest, _over_lanes(sums, K)


@triton.jit
def _exact_gradient(
    z,
    g,
    y,
    place,
    channels,
    starts,
    ends,
    exact,
    peak,
    base,
    slopes,
    K: tl.constexpr,
    PLACED: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the gradient of the pixels `exact`."""
    peaks, sums = _own_sums(z, place, channels, starts, ends, exact, K, PLACED, ROWS, BLOCK)
    for first in range(0, channels, BLOCK):
        c, at, there = _channels(first, place, channels, PLACED, BLOCK)
        x = tl.load(z + c, mask=exact & there, other=float("-inf")).to(tl.float32)
        value = tl.exp(x - peak) * base - tl.where(c == y, slopes[K], 0.0)
        for k in tl.static_range(K):
            below = (at >= starts[k]) & (at < ends[k]) & (sums[k] > 0)
            value -= tl.where(below, slopes[k] * tl.exp(x - peaks[k]) / sums[k], 0.0)
        tl.store(g + c, value.to(g.dtype.element_ty), mask=exact & there)
