"""The loss over pixels whose channels lie side by side in memory: logits (M, C), one row a pixel.

Neighbouring lanes have neighbouring channels of a row. Each channel has a place in depth-first order, in which every
node is a run of places (`hierdsl.loss.gpu.layout`): what belongs to a step of the path is asked of every channel, and
twice. See `hierdsl.loss.gpu.columns` for what is computed.

Rows that fit in registers are read once, several by a program where they are short. A longer one is walked through
twice, and is in the second cache the second time if few enough programs are at work.
"""

import triton
import triton.language as tl

from hierdsl.loss.gpu.arithmetic import (
    LOWEST,
    base_at,
    bases,
    exact_surprises,
    factors,
    level_sum,
    level_weight,
    no_number_where,
    nodes_of,
    runs,
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
    channels,
    pixels,
    programs,
    nodes,
    ignore_index,
    gamma,
    K: tl.constexpr,
    PLACED: tl.constexpr,
    ROWS: tl.constexpr,
    LANES: tl.constexpr,
    EACH_LANE: tl.constexpr,
    PARTS: tl.constexpr,
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
        sums: The loss, if not EACH, and the level losses, if LEVELS, of each program, (1 + D, programs) float32, to
            write.
        place: `Layout.place`, if PLACED.
        places: `Layout.places`.
        parts: See `Coefficients`.
        channels: C.
        pixels: M.
        programs: Of the launch.
        nodes: V.
        ignore_index: Of the pixels that count nowhere.
        gamma: Of the focal modulation, if FOCAL.
        K: Steps.
        PLACED: Whether the place of a channel is another than its number.
        ROWS: Pixels.
        LANES: Of a row.
        EACH_LANE: Channels of a lane that are one tensor.
        PARTS: How many such tensors a row is, all kept in registers; 0 to walk twice.
        GRADIENT: Whether to make one.
        EACH: Whether to write the loss of each pixel.
        LEVELS: Whether to make the level losses.
        FOCAL: Whether to modulate.
    """
    # lanes of all rows: what they know is a tensor with one axis, and what they read has channels as its first
    x = tl.arange(0, ROWS * LANES)
    m = tl.program_id(0).to(tl.int64) * ROWS + x // LANES
    lane = x % LANES
    inside = m < pixels
    counts, valid, y = nodes_of(target, m, inside, ignore_index, nodes)
    starts, ends = runs(places, y, K)
    part = factors(parts, y, K, K + 1)
    z = logits + m * channels
    leaf = valid & (y < channels)
    own_logit = tl.load(z + y, mask=leaf, other=0.0).to(tl.float32)

    peak = tl.full([ROWS * LANES], LOWEST, tl.float32)
    total = tl.zeros([ROWS * LANES], tl.float32)
    step_sums = zeros(total, K)
    values = ()
    # the parts of a long row that have channels below any step: the first step has all of them, and it is a run
    low = 0
    high = 0
    if PARTS == 0 and K > 0:
        if PLACED:
            high = tl.cdiv(channels, LANES * EACH_LANE)
        else:
            low, high = _parts_below(starts, ends, LANES * EACH_LANE, K)
    if PARTS > 0:
        for i in tl.static_range(PARTS):
            c, _at, there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
            value = tl.load(z[None, :] + c, mask=valid & there, other=float("-inf")).to(tl.float32)
            values = values + (value,)
            peak = tl.maximum(peak, tl.max(value, axis=0))
        peak = _highest(peak, ROWS, LANES)
        exponentials = ()
        for i in tl.static_range(PARTS):
            _c, at, _there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
            e = tl.exp(values[i] - peak)
            exponentials = exponentials + (e,)
            total += tl.sum(e, axis=0)
            step_sums = _add_inside(step_sums, at, starts, ends, e, K)
        values = exponentials
    else:
        for i in range(tl.cdiv(channels, LANES * EACH_LANE)):
            c, _at, there = _channels(i, place, lane, channels, False, LANES, EACH_LANE)
            value = tl.load(z[None, :] + c, mask=valid & there, other=float("-inf")).to(tl.float32)
            higher = tl.maximum(peak, tl.max(value, axis=0))
            total = total * tl.exp(peak - higher) + tl.sum(tl.exp(value - higher), axis=0)
            peak = higher
        highest = _highest(peak, ROWS, LANES)
        total = total * tl.exp(peak - highest)
        peak = highest
        for i in range(low, high):
            c, at, there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
            value = tl.load(z[None, :] + c, mask=valid & there, other=float("-inf")).to(tl.float32)
            step_sums = _add_inside(step_sums, at, starts, ends, tl.exp(value - peak), K)
    total = _over_lanes(total, ROWS, LANES)
    step_sums = _all_over_lanes(step_sums, K, ROWS, LANES)

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
                z, place, lane, channels, starts, ends, exact, K, PLACED, ROWS, LANES, EACH_LANE
            )
            nll = exact_surprises(nll, exact, log_total, peaks, own_sums, K)
    nll = nll + (tl.where(leaf, log_total - own_logit, 0.0),)
    loss, slopes = terms(nll, part, gamma, FOCAL, K + 1)
    loss = tl.where(broken, float("nan"), loss)
    once = inside & (lane == 0)
    if EACH:
        tl.store(losses + m, loss, mask=once)
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
        g = gradient + m * channels
        base = no_number_where(broken, bases(slopes, total, step_sums, K), K + 1)
        own_slope = slopes[K]
        written = inside & ~exact
        if PARTS > 0:
            for i in tl.static_range(PARTS):
                c, at, there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
                slope = values[i] * base_at(base, at, starts, ends, K) - tl.where(c == y, own_slope, 0.0)
                tl.store(g[None, :] + c, slope.to(gradient.dtype.element_ty), mask=written & there)
        else:
            for i in range(low):
                _store_slopes(
                    i, z, g, place, lane, channels, valid, written, y, starts, ends, base, own_slope, peak,
                    0, PLACED, LANES, EACH_LANE,
                )  # fmt: skip
            for i in range(low, high):
                _store_slopes(
                    i, z, g, place, lane, channels, valid, written, y, starts, ends, base, own_slope, peak,
                    K, PLACED, LANES, EACH_LANE,
                )  # fmt: skip
            for i in range(high, tl.cdiv(channels, LANES * EACH_LANE)):
                _store_slopes(
                    i, z, g, place, lane, channels, valid, written, y, starts, ends, base, own_slope, peak,
                    0, PLACED, LANES, EACH_LANE,
                )  # fmt: skip
        if K > 0:
            if any_exact:
                _exact_gradient(
                    z, g, y, place, lane, channels, starts, ends, exact, peak, base[0], slopes,
                    K, PLACED, ROWS, LANES, EACH_LANE,
                )  # fmt: skip


@triton.jit
def _parts_below(starts, ends, size, K: tl.constexpr):
    """The first part of a row, of so many channels each, that has some below a step, and the one after the last."""
    first = tl.full([], 2**30, tl.int32)
    last = tl.zeros([], tl.int32)
    for k in tl.static_range(K):  # the same in all lanes, as they share a row
        start = tl.max(starts[k], axis=0)
        end = tl.max(ends[k], axis=0)
        first = tl.where(start < end, tl.minimum(first, start), first)
        last = tl.maximum(last, end)
    last = tl.cdiv(last, size)
    return tl.minimum(first // size, last), last


@triton.jit
def _store_slopes(
    i,
    z,
    g,
    place,
    lane,
    channels,
    valid,
    written,
    y,
    starts,
    ends,
    base,
    own_slope,
    peak,
    K: tl.constexpr,
    PLACED: tl.constexpr,
    LANES: tl.constexpr,
    EACH_LANE: tl.constexpr,
):
    """Write the gradient of the i-th part of a row, of which only K steps have channels there."""
    c, at, there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
    value = tl.load(z[None, :] + c, mask=valid & there, other=float("-inf")).to(tl.float32)
    slope = tl.exp(value - peak) * base_at(base, at, starts, ends, K)
    slope -= tl.where(c == y, own_slope, 0.0)
    tl.store(g[None, :] + c, slope.to(g.dtype.element_ty), mask=written & there)


@triton.jit
def _channels(i, place, lane, channels, PLACED: tl.constexpr, LANES: tl.constexpr, EACH_LANE: tl.constexpr):
    """Numbers and places of the i-th part of the channels, and which there are; all (EACH_LANE, lanes)."""
    c = i * (LANES * EACH_LANE) + tl.arange(0, EACH_LANE)[:, None] * LANES + lane[None, :]
    there = c < channels
    at = c
    if PLACED:
        at = tl.load(place + c, mask=there, other=0)
    return c, at, there


@triton.jit
def _add_inside(sums, place, starts, ends, values, K: tl.constexpr):
    """Each step's sums, and those of the values whose place is in the step's run."""
    added = ()
    for k in tl.static_range(K):
        inside = (place >= starts[k]) & (place < ends[k])
        added = added + (sums[k] + tl.sum(tl.where(inside, values, 0.0), axis=0),)
    return added


@triton.jit
def _over_lanes(value, ROWS: tl.constexpr, LANES: tl.constexpr):
    value = tl.sum(tl.reshape(value, [ROWS, LANES]), axis=1)
    return tl.reshape(tl.broadcast_to(value[:, None], [ROWS, LANES]), [ROWS * LANES])


@triton.jit
def _all_over_lanes(values, K: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr):
    made = ()
    for k in tl.static_range(K):
        made = made + (_over_lanes(values[k], ROWS, LANES),)
    return made


@triton.jit
def _highest(value, ROWS: tl.constexpr, LANES: tl.constexpr):
    value = tl.max(tl.reshape(value, [ROWS, LANES]), axis=1)
    return tl.reshape(tl.broadcast_to(value[:, None], [ROWS, LANES]), [ROWS * LANES])


@triton.jit
def _own_sums(
    z,
    place,
    lane,
    channels,
    starts,
    ends,
    exact,
    K: tl.constexpr,
    PLACED: tl.constexpr,
    ROWS: tl.constexpr,
    LANES: tl.constexpr,
    EACH_LANE: tl.constexpr,
):
    """Of each step the largest logit, and the sum of exponentials beside it, of the pixels `exact`."""
    peaks = ()
    sums = ()
    for _ in tl.static_range(K):
        peaks = peaks + (tl.full([ROWS * LANES], LOWEST, tl.float32),)
        sums = sums + (tl.zeros([ROWS * LANES], tl.float32),)
    for i in range(tl.cdiv(channels, LANES * EACH_LANE)):
        c, at, there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
        value = tl.load(z[None, :] + c, mask=exact & there, other=float("-inf")).to(tl.float32)
        higher = ()
        for k in tl.static_range(K):
            below = (at >= starts[k]) & (at < ends[k])
            higher = higher + (tl.maximum(peaks[k], tl.max(tl.where(below, value, LOWEST), axis=0)),)
        peaks = higher
    highest = ()
    for k in tl.static_range(K):
        highest = highest + (_highest(peaks[k], ROWS, LANES),)
    for i in range(tl.cdiv(channels, LANES * EACH_LANE)):
        c, at, there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
        value = tl.load(z[None, :] + c, mask=exact & there, other=float("-inf")).to(tl.float32)
        added = ()
        for k in tl.static_range(K):
            below = (at >= starts[k]) & (at < ends[k])
            e = tl.where(below, tl.exp(value - highest[k]), 0.0)
            added = added + (sums[k] + tl.sum(e, axis=0),)
        sums = added
    return highest, _all_over_lanes(sums, K, ROWS, LANES)


@triton.jit
def _exact_gradient(
    z,
    g,
    y,
    place,
    lane,
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
    LANES: tl.constexpr,
    EACH_LANE: tl.constexpr,
):
    """Write the gradient of the pixels `exact`."""
    peaks, sums = _own_sums(z, place, lane, channels, starts, ends, exact, K, PLACED, ROWS, LANES, EACH_LANE)
    for i in range(tl.cdiv(channels, LANES * EACH_LANE)):
        c, at, there = _channels(i, place, lane, channels, PLACED, LANES, EACH_LANE)
        x = tl.load(z[None, :] + c, mask=exact & there, other=float("-inf")).to(tl.float32)
        value = tl.exp(x - peak) * base - tl.where(c == y, slopes[K], 0.0)
        for k in tl.static_range(K):
            below = (at >= starts[k]) & (at < ends[k]) & (sums[k] > 0)
            value -= tl.where(below, slopes[k] * tl.exp(x - peaks[k]) / sums[k], 0.0)
        tl.store(g[None, :] + c, value.to(g.dtype.element_ty), mask=exact & there)
