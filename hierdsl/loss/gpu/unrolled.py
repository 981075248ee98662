"""The loss over pixels that lie side by side in memory, unrolled over the tree: logits (N, C, P), C not too many.

A lane has one pixel and all of its channels in registers. The tree is known when the kernel is compiled, so that no
channel is asked what it belongs to: each node is summed from its children u, beside the largest logit below itself,

    m_v = max m_u,   r_u = exp(m_u - m_v),   s_v = sum of r_u s_u      (of a leaf: m_c = z_c, s_c = 1)

and nothing underflows that the loss is made of. With f_v the factor that -log p of node v has for a pixel, F their
sum, and from the root downwards:

    log p(v) = m_v - m_root + log(s_v / s_root),   loss = - sum of f_v log p(v)
    a_root = F / s_root,   a_u = r_u a_v - f_u / s_u,   gradient_c = a_c

Without smoothing only nodes on the way to the target, the turns, have factors, so only these are summed beside a
largest logit of their own. All others are beside that of the turn they lie under, r_u = 1 and a_u = a_v, and a pixel
has as many r and a as its way has turns. Label smoothing adds a factor to all nodes, or to the siblings of those on
the way.

Chains of only children are one node here, see `hierdsl.loss.gpu.forks`.
"""

import triton
import triton.language as tl
from triton.language.extra import libdevice

from hierdsl.loss.gpu.arithmetic import LOWEST, factors, level_sum, level_weight, nodes_of, terms

_RUNTIME = ["channels", "pixels", "blocks", "programs", "nodes", "ignore_index", "gamma", "one"]
EVEN = tl.constexpr(1)
"""Label smoothing over all groups of a level."""
SIBLINGS = tl.constexpr(2)
"""Label smoothing over the groups below the parent of the target's own."""
_IMPOSSIBLE = tl.constexpr(1e15)
"""Sums of log p beyond this have an infinite term; factors may be negative."""
_LOG2_E = tl.constexpr(1.4426950408889634)
_LN_2 = tl.constexpr(0.6931471805599453)
_INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)


@triton.jit(do_not_specialize=_RUNTIME)
def unrolled_kernel(
    logits,
    gradient,
    target,
    losses,
    sums,
    entries,
    turns,
    level_counts,
    parts,
    spread,
    channels,
    pixels,
    blocks,
    programs,
    nodes,
    ignore_index,
    gamma,
    one,
    TREE: tl.constexpr,
    BLOCK: tl.constexpr,
    GRADIENT: tl.constexpr,
    EACH: tl.constexpr,
    LEVELS: tl.constexpr,
    FOCAL: tl.constexpr,
    SMOOTHING: tl.constexpr,
    LAST: tl.constexpr,
):
    """Work through BLOCK pixels of one image.

    Args:
        logits: (N, C, P), float32, bfloat16 or float16.
        gradient: The same, to write, if GRADIENT.
        target: (N, P), any integer type.
        losses: (N, P) float32, to write, if EACH.
        sums: The loss, if not EACH, and the level losses, if LEVELS, of each program, (1 + D, programs) float32, to
            write.
        entries: `Targets.entries`.
        turns: `Targets.turns`, if LEVELS.
        level_counts: `Layout.levels`, if SMOOTHING.
        parts: See `Coefficients`.
        spread: See there, if SMOOTHING.
        channels: C.
        pixels: P.
        blocks: Blocks of an image.
        programs: Of the launch.
        nodes: V.
        ignore_index: Of the pixels that count nowhere.
        gamma: Of the focal modulation, if FOCAL.
        one: 1, which the compiler is not to know: see `_at`.
        TREE: See `hierdsl.loss.gpu.forks`.
        BLOCK: Pixels.
        GRADIENT: Whether to make one.
        EACH: Whether to write the loss of each pixel.
        LEVELS: Whether to make the level losses.
        FOCAL: Whether to modulate.
        SMOOTHING: 0, EVEN or SIBLINGS.
        LAST: Whether the channels are the last dimension instead, side by side: (N, P, C).
    """
    D: tl.constexpr = TREE.levels
    TURNS: tl.constexpr = TREE.turns
    image = (tl.program_id(0) // blocks).to(tl.int64)
    p = (tl.program_id(0) % blocks) * BLOCK + tl.arange(0, BLOCK)
    inside = p < pixels
    counts, valid, y = nodes_of(target, image * pixels + p, inside, ignore_index, nodes)
    stride = tl.cast(pixels, tl.int64)
    first_channel = image * channels * pixels + p
    if LAST:
        stride = tl.cast(one, tl.int64)
        first_channel = (image * pixels + p) * channels
    z = logits + first_channel
    values = ()
    for t in tl.static_range(len(TREE.channels)):
        at = _at(z, stride, TREE.channels[t], TREE.widths[t])
        if SMOOTHING == EVEN:
            values = values + (tl.load(at, mask=valid[None, :], other=0.0),)
        else:  # asked for before it is known which pixels count: sooner, at the price of registers
            value = tl.load(at, mask=inside[None, :], other=0.0)
            values = values + (tl.where(valid[None, :], value, 0.0),)
    root: tl.constexpr = len(TREE.turn) - 1
    WORDS: tl.constexpr = root // 32 + 1
    entry = entries + y * (1 + 2 * WORDS)
    leaf = tl.load(entry)
    way = ()
    if TURNS > 0:
        way = _words(entry + 1, WORDS)
    part = factors(parts, y, TURNS, D)
    own_logit = tl.load(z + stride * leaf, mask=leaf >= 0, other=LOWEST).to(tl.float32)

    # upwards: of each fork the largest logit
    peaks = ()
    for i in tl.static_range(root + 1):
        peak = tl.full([BLOCK], LOWEST, tl.float32)
        for j in tl.static_range(tl.constexpr(TREE.first_part[i]), tl.constexpr(TREE.first_part[i + 1])):
            leaves = _leaves(TREE.part_leaves[j], TREE.widths[TREE.part_tiles[j]], BLOCK)
            value = tl.where(leaves, values[TREE.part_tiles[j]].to(tl.float32), LOWEST)
            peak = tl.maximum(peak, tl.max(value, axis=0))
        for j in tl.static_range(tl.constexpr(TREE.first_fork[i]), tl.constexpr(TREE.first_fork[i + 1])):
            peak = tl.maximum(peak, peaks[TREE.forks[j]])
        if i == root:
            # changes nothing: but the target's logit is asked for before it is needed, and nobody waits for it then
            peak = tl.maximum(peak, own_logit)
        peaks = peaks + (peak,)
    peak = peaks[root]
    turn_peaks = _at_turns(peaks, way, LOWEST, TREE, BLOCK)
    if SMOOTHING == 0:
        peaks = _of_turns(peak, turn_peaks, way, TREE)

    # the sums: beside the largest logit of each fork or, without smoothing, of the turn that it lies under
    opened = ()  # the forks of which the target is a child, or lies under one
    even = tl.zeros([BLOCK], tl.float32)  # the sum of all factors of smoothing
    mean = tl.zeros([BLOCK], tl.float32)  # and of these times log p beside the root
    if SMOOTHING > 0:
        spread += tl.load(level_counts + y) * (TREE.leaves + root + 2)
    if SMOOTHING == EVEN:
        even = tl.load(spread + (TREE.leaves + root + 1))
    if SMOOTHING == SIBLINGS:
        opened = _words(entry + 1 + WORDS, WORDS)
    exponentials = ()
    for t in tl.static_range(len(TREE.channels)):
        value = values[t].to(tl.float32)
        above = _of_forks(peaks, TREE, t, TREE.widths[t], BLOCK)
        exponentials = exponentials + (tl.exp2((value - above) * _LOG2_E),)
        if SMOOTHING > 0:
            factor = _of_leaves(spread, one, opened, TREE, t, TREE.widths[t], SMOOTHING, BLOCK)
            # a factor of 0 times minus infinity is to be 0; any other makes a sum that is known by its size
            mean += tl.sum(factor * tl.maximum(value - peak[None, :], LOWEST), axis=0)
            if SMOOTHING == SIBLINGS:
                even += tl.sum(factor, axis=0)
    totals = ()
    ratios = ()
    for i in tl.static_range(root + 1):
        total = tl.zeros([BLOCK], tl.float32)
        for j in tl.static_range(tl.constexpr(TREE.first_part[i]), tl.constexpr(TREE.first_part[i + 1])):
            leaves = _leaves(TREE.part_leaves[j], TREE.widths[TREE.part_tiles[j]], BLOCK)
            total += tl.sum(tl.where(leaves, exponentials[TREE.part_tiles[j]], -0.0), axis=0)
        for j in tl.static_range(tl.constexpr(TREE.first_fork[i]), tl.constexpr(TREE.first_fork[i + 1])):
            if SMOOTHING > 0:
                ratio = tl.exp2((peaks[TREE.forks[j]] - peaks[i]) * _LOG2_E)
                total += ratio * totals[TREE.forks[j]]
                ratios = ratios + (ratio,)
            elif TREE.turn[TREE.forks[j]] >= 0:  # a turn is added below, beside another largest logit
                total += tl.where(_bit(way, TREE.forks[j]), 0.0, totals[TREE.forks[j]])
            else:
                total += totals[TREE.forks[j]]
        totals = totals + (total,)
    total = totals[root]
    turn_totals = _at_turns(totals, way, 0.0, TREE, BLOCK)
    if SMOOTHING == 0:
        total, turn_totals, ratios = _add_turns(total, turn_totals, peak, turn_peaks, TURNS)
    shares = ()  # what smoothing takes off the slope of each fork
    if SMOOTHING > 0:
        for i in tl.static_range(root + 1):
            for j in tl.static_range(tl.constexpr(TREE.first_fork[i]), tl.constexpr(TREE.first_fork[i + 1])):
                share = tl.load(spread + (TREE.leaves + TREE.forks[j]))
                if SMOOTHING == SIBLINGS:
                    share = tl.where(_bit(opened, i), share, 0.0)
                    even += share
                log_sum = _log2(totals[TREE.forks[j]])
                mean += share * tl.maximum((peaks[TREE.forks[j]] - peak) + log_sum * _LN_2, LOWEST)
                shares = shares + (tl.where(totals[TREE.forks[j]] > 0, share * tl.exp2(-log_sum), 0.0),)

    # as the cross-entropy: a logit of infinity or no number makes all of its pixel one
    sound = valid & (total > 0) & (total < float("inf"))
    broken = counts & ~sound
    total = tl.where(sound, total, 1.0)
    log_total = tl.log(total)
    nll = ()
    for k in tl.static_range(TURNS):
        nll = nll + ((peak - turn_peaks[k]) + (log_total - tl.log(turn_totals[k])),)
    nll = nll + (tl.where(leaf >= 0, (peak - own_logit) + log_total, 0.0),)
    loss, slopes = terms(nll, part, gamma, FOCAL, TURNS + 1)
    if SMOOTHING > 0:
        mean = tl.where(mean < -_IMPOSSIBLE, float("-inf"), tl.where(mean > _IMPOSSIBLE, float("inf"), mean))
        loss += tl.where(sound, even * log_total - mean, 0.0)
    loss = tl.where(broken, float("nan"), loss)
    if EACH:
        tl.store(losses + image * pixels + p, loss, mask=inside)
    else:
        tl.store(sums + tl.program_id(0), tl.sum(tl.where(inside, loss, 0.0), axis=0))
    if LEVELS:
        for level in tl.static_range(D):
            weight = level_weight(parts, y, level, TURNS, D)
            turn = tl.load(turns + y * D + level, mask=valid, other=-1)
            found = tl.zeros([BLOCK], tl.float32)
            for k in tl.static_range(TURNS + 1):
                found = tl.where(turn == k, nll[k], found)
            at = (level + 1) * programs + tl.program_id(0)
            tl.store(sums + at, level_sum(found, weight, broken, inside))

    if GRADIENT:
        g = gradient + first_channel
        whole = slopes[TURNS]
        quotients = ()
        for k in tl.static_range(TURNS):
            whole += slopes[k]
            quotients = quotients + (tl.where(turn_totals[k] > 0, slopes[k] / turn_totals[k], 0.0),)
        if SMOOTHING > 0:
            whole += even
        base = tl.where(broken, float("nan"), whole / total)
        if SMOOTHING == 0:
            bases = ()
            below = base
            for k in tl.static_range(TURNS):
                below = below * ratios[k] - quotients[k]
                bases = bases + (below,)
            bases = _of_turns(base, bases, way, TREE)
        else:
            bases = _of_all(base, ratios, quotients, shares, way, TREE)
        for t in tl.static_range(len(TREE.channels)):
            base = _of_forks(bases, TREE, t, TREE.widths[t], BLOCK)
            channel = TREE.channels[t] + tl.arange(0, TREE.widths[t])
            own_channel = channel[:, None] == leaf[None, :]
            slope = exponentials[t] * base - tl.where(own_channel, slopes[TURNS][None, :], 0.0)
            if SMOOTHING > 0:
                slope -= _of_leaves(spread, one, opened, TREE, t, TREE.widths[t], SMOOTHING, BLOCK)
            slope = slope.to(gradient.dtype.element_ty)
            at = _at(g, stride, TREE.channels[t], TREE.widths[t])
            if LAST:  # lanes trade what they have, so that neighbours write neighbours
                at = g[None, :] + channel[:, None]
            tl.store(at, slope, mask=inside[None, :], cache_modifier=".cs")


@triton.jit
def _words(at, COUNT: tl.constexpr):
    """So many words from there on."""
    found = ()
    for word in tl.static_range(COUNT):
        found = found + (tl.load(at + word),)
    return found


@triton.jit
def _bit(words, i: tl.constexpr):
    """Whether a bit is set."""
    return ((words[i // 32] >> (i % 32)) & 1) != 0


@triton.jit
def _at_turns(values, way, default, TREE: tl.constexpr, lanes: tl.constexpr):
    """What is known of the forks on the way that are turns, from what is known of every fork."""
    found = ()
    for _ in tl.static_range(tl.constexpr(TREE.turns)):
        found = found + (tl.full([lanes], default, tl.float32),)
    for i in tl.static_range(len(TREE.turn)):
        if TREE.turn[i] >= 0:
            here = _bit(way, i)
            changed = ()
            for k in tl.static_range(tl.constexpr(TREE.turns)):
                if k == TREE.turn[i]:
                    changed = changed + (tl.where(here, values[i], found[k]),)
                else:
                    changed = changed + (found[k],)
            found = changed
    return found


@triton.jit
def _of_turns(root_value, values, way, TREE: tl.constexpr):
    """What is known, from what is known of each turn, of the last turn that each fork is or lies under."""
    root: tl.constexpr = len(TREE.turn) - 1
    found = (root_value,)
    for i in tl.static_range(root, -1, -1):
        for j in tl.static_range(tl.constexpr(TREE.first_fork[i]), tl.constexpr(TREE.first_fork[i + 1])):
            value = found[TREE.place[i]]
            if TREE.turn[TREE.forks[j]] >= 0:
                value = tl.where(_bit(way, TREE.forks[j]), values[TREE.turn[TREE.forks[j]]], value)
            found = found + (value,)
    return _in_order(found, TREE)


@triton.jit
def _in_order(found, TREE: tl.constexpr):
    """What is known of each fork, from the root downwards, in the order of the forks."""
    ordered = ()
    for i in tl.static_range(len(TREE.turn)):
        ordered = ordered + (found[TREE.place[i]],)
    return ordered


@triton.jit
def _add_turns(total, rests, peak, peaks, COUNT: tl.constexpr):
    """The whole sum and that of each turn, and what brings each from its largest logit to that of the one above.

    Args:
        total: Of the root, without the turns.
        rests: Of each turn, without those below.
        peak: The largest logit.
        peaks: Below each turn.
        COUNT: Turns.
    """
    ratios = ()
    for k in tl.static_range(COUNT):
        ratios = ratios + (tl.exp2((peaks[k] - peak) * _LOG2_E),)
        peak = peaks[k]
    sums = ()
    below = tl.zeros_like(total)
    for k in tl.static_range(COUNT - 1, -1, -1):
        if k == COUNT - 1:
            below = rests[k]
        else:
            below = rests[k] + ratios[k + 1] * below
        sums = (below,) + sums
        if k == 0:
            total += ratios[k] * below
    return total, sums, ratios


@triton.jit
def _log2(value):
    """To some 2**-22, in one instruction where tl.log2 has twenty; near 1 no more digits are right than that."""
    if _INTERPRETED:  # which knows no functions of the device
        found = tl.log2(value)
    else:
        found = libdevice.fast_log2f(value)
    return found


@triton.jit
def _of_all(base, ratios, quotients, shares, way, TREE: tl.constexpr):
    """What e**(z - peak) is multiplied by in the gradient below each fork, if all have sums of their own."""
    root: tl.constexpr = len(TREE.turn) - 1
    found = (base,)
    for i in tl.static_range(root, -1, -1):
        for j in tl.static_range(tl.constexpr(TREE.first_fork[i]), tl.constexpr(TREE.first_fork[i + 1])):
            value = found[TREE.place[i]] * ratios[j] - shares[j]
            if TREE.turn[TREE.forks[j]] >= 0:
                value -= tl.where(_bit(way, TREE.forks[j]), quotients[TREE.turn[TREE.forks[j]]], 0.0)
            found = found + (value,)
    return _in_order(found, TREE)


@triton.jit
def _leaves(bits: tl.constexpr, width: tl.constexpr, lanes: tl.constexpr):
    """Which channels of a tile these bits say, (width, lanes): nothing that is left to be asked on the device."""
    place = tl.broadcast_to(tl.arange(0, width)[:, None], [width, lanes])
    return ((bits >> place) & 1) != 0


@triton.jit
def _of_forks(values, TREE: tl.constexpr, t: tl.constexpr, width: tl.constexpr, lanes: tl.constexpr):
    """What is known of the fork above each channel of a tile, (width, lanes)."""
    found = tl.zeros([width, lanes], tl.float32)
    for n in tl.static_range(tl.constexpr(TREE.first_piece[t]), tl.constexpr(TREE.first_piece[t + 1])):
        leaves = _leaves(TREE.piece_leaves[n], width, lanes)
        found = tl.where(leaves, values[TREE.piece_forks[n]][None, :], found)
    return found


@triton.jit
def _of_leaves(
    spread,
    one,
    opened,
    TREE: tl.constexpr,
    t: tl.constexpr,
    width: tl.constexpr,
    SMOOTHING: tl.constexpr,
    lanes: tl.constexpr,
):
    """The factors that smoothing gives -log p of the leaves of a tile, (width, lanes)."""
    found = tl.load(_at(spread + (one - 1), one, TREE.channels[t], width))
    if SMOOTHING == SIBLINGS:
        counted = tl.zeros([width, lanes], tl.int1)
        for n in tl.static_range(tl.constexpr(TREE.first_piece[t]), tl.constexpr(TREE.first_piece[t + 1])):
            leaves = _leaves(TREE.piece_leaves[n], width, lanes)
            counted = tl.where(leaves, _bit(opened, TREE.piece_forks[n])[None, :], counted)
        found = tl.where(counted, found, 0.0)
    return found


@triton.jit
def _at(pointer, stride, first: tl.constexpr, width: tl.constexpr):
    """Where a tile of each pixel is, whose channels are `stride` numbers apart, which must not be known to be 1.

    Neighbouring lanes are to have neighbouring pixels. The compiler does not choose that by itself: where channels
    are neighbours, it would have lanes share pixels, and trade what they have. So it is told that pixels are
    neighbours in memory. Where they are not, it must not know the pointer to be aligned either: it would read four
    numbers of one pixel for four pixels.
    """
    at = pointer[None, :] + (first + tl.arange(0, width)).to(tl.int64)[:, None] * stride
    return tl.max_contiguous(at, [1, pointer.shape[0]])
