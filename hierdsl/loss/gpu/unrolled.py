"""The loss over pixels that lie side by side in memory, unrolled over the tree: logits (N, C, P), C not too many.

A lane has one pixel and all of its channels in registers. The tree is known when the kernel is compiled, so that no
channel is asked what it belongs to: each node is summed from its children u, beside the largest logit below itself,

    m_v = max m_u,   r_u = exp(m_u - m_v),   s_v = sum of r_u s_u      (of a leaf: m_c = z_c, s_c = 1)

and nothing underflows that the loss is made of. With f_v the factor that -log p of node v has for a pixel, F their
sum, and from the root downwards:

    log p(v) = m_v - m_root + log(s_v / s_root),   loss = - sum of f_v log p(v)
    a_root = F / s_root,   a_u = r_u a_v - f_u / s_u,   gradient_c = a_c

The nodes on the way to the target have factors of their own, and are found by their interval of numbers in
depth-first order; label smoothing adds a factor to all nodes, or to the siblings of those on the way.

Chains of only children are one node here, see `hierdsl.loss.gpu.forks`.
"""

import triton
import triton.language as tl

from hierdsl.loss.gpu.arithmetic import LOWEST, factors, level_sum, level_weight, nodes_of, terms

_RUNTIME = ["channels", "pixels", "blocks", "programs", "nodes", "ignore_index", "gamma", "one"]
EVEN = tl.constexpr(1)
"""Label smoothing over all groups of a level."""
SIBLINGS = tl.constexpr(2)
"""Label smoothing over the groups below the parent of the target's own."""
_IMPOSSIBLE = tl.constexpr(-1e15)
"""Sums of log p below this have a term of minus infinity."""
_LOG2_E = tl.constexpr(1.4426950408889634)
_LN_2 = tl.constexpr(0.6931471805599453)


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
        one: 1, which the compiler is not to know, if LAST: it would have lanes share pixels.
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
        values = values + (tl.load(at, mask=valid[None, :], other=0.0),)
    number = tl.load(entries + 2 * y)
    leaf = tl.load(entries + 2 * y + 1)
    part = factors(parts, y, TURNS, D)
    own_logit = tl.load(z + stride * leaf, mask=leaf >= 0, other=LOWEST).to(tl.float32)
    counted = ()  # 1 for each level in which the target has a group, else 0
    if SMOOTHING > 0:
        levels = tl.load(level_counts + y)
        for level in tl.static_range(D):
            counted = counted + (tl.where(level < levels, 1.0, 0.0),)

    # upwards: of each fork the largest logit, and the sum beside it
    root: tl.constexpr = len(TREE.turn) - 1
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
    opened = ()  # whether each fork is one of those on the way, whose children the target is one of
    if SMOOTHING == SIBLINGS:
        for i in tl.static_range(root + 1):
            opened = opened + (tl.where(_within(number, TREE.open_low[i], TREE.open_size[i]), 1.0, 0.0),)
    mean = tl.zeros([BLOCK], tl.float32)  # the sum of all spread factors times log p beside the root
    even = tl.zeros([BLOCK], tl.float32)  # and of the factors
    exponentials = ()
    for t in tl.static_range(len(TREE.channels)):
        value = values[t].to(tl.float32)
        above = _of_forks(peaks, TREE, t, TREE.widths[t], BLOCK)
        exponentials = exponentials + (tl.exp2((value - above) * _LOG2_E),)
        if SMOOTHING > 0:
            factor = _of_leaves(spread, nodes, counted, opened, TREE, t, TREE.widths[t], SMOOTHING, BLOCK)
            # a factor of 0 times minus infinity is to be 0; any other makes a sum that is known by its size
            mean += tl.sum(factor * tl.maximum(value - peak[None, :], LOWEST), axis=0)
            even += tl.sum(factor, axis=0)
    totals = ()
    ratios = ()
    shares = ()  # what smoothing takes off the slope of each fork
    turn_peaks = ()
    turn_totals = ()
    for _ in tl.static_range(TURNS):
        turn_peaks = turn_peaks + (peak,)
        turn_totals = turn_totals + (tl.full([BLOCK], 1.0, tl.float32),)
    for i in tl.static_range(root + 1):
        total = tl.zeros([BLOCK], tl.float32)
        for j in tl.static_range(tl.constexpr(TREE.first_part[i]), tl.constexpr(TREE.first_part[i + 1])):
            leaves = _leaves(TREE.part_leaves[j], TREE.widths[TREE.part_tiles[j]], BLOCK)
            total += tl.sum(tl.where(leaves, exponentials[TREE.part_tiles[j]], -0.0), axis=0)
        for j in tl.static_range(tl.constexpr(TREE.first_fork[i]), tl.constexpr(TREE.first_fork[i + 1])):
            ratio = tl.exp2((peaks[TREE.forks[j]] - peaks[i]) * _LOG2_E)
            total += ratio * totals[TREE.forks[j]]
            ratios = ratios + (ratio,)
            if SMOOTHING > 0:
                share = _of_chain(spread, nodes, counted, TREE, False, TREE.forks[j], SMOOTHING)
                if SMOOTHING == SIBLINGS:
                    share = share * opened[i]
                log_sum = tl.log2(totals[TREE.forks[j]])
                mean += share * tl.maximum((peaks[TREE.forks[j]] - peak) + log_sum * _LN_2, LOWEST)
                even += share
                shares = shares + (tl.where(totals[TREE.forks[j]] > 0, share * tl.exp2(-log_sum), 0.0),)
        totals = totals + (total,)
        if TREE.turn[i] >= 0:
            here = _within(number, TREE.low[i], TREE.size[i])
            turn_peaks = _where_turn(here, peaks[i], turn_peaks, TREE.turn[i], TURNS)
            turn_totals = _where_turn(here, total, turn_totals, TREE.turn[i], TURNS)
    total = totals[root]

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
        mean = tl.where(mean < _IMPOSSIBLE, float("-inf"), mean)
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
        bases = (tl.where(broken, float("nan"), whole / total),)
        for i in tl.static_range(root, -1, -1):
            for j in tl.static_range(tl.constexpr(TREE.first_fork[i]), tl.constexpr(TREE.first_fork[i + 1])):
                base = bases[TREE.place[i]] * ratios[j]
                if TREE.turn[TREE.forks[j]] >= 0:
                    here = _within(number, TREE.low[TREE.forks[j]], TREE.size[TREE.forks[j]])
                    base -= tl.where(here, quotients[TREE.turn[TREE.forks[j]]], 0.0)
                if SMOOTHING > 0:
                    base -= shares[j]
                bases = bases + (base,)
        in_order = ()
        for i in tl.static_range(root + 1):
            in_order = in_order + (bases[TREE.place[i]],)
        for t in tl.static_range(len(TREE.channels)):
            base = _of_forks(in_order, TREE, t, TREE.widths[t], BLOCK)
            channel = TREE.channels[t] + tl.arange(0, TREE.widths[t])
            own_channel = channel[:, None] == leaf[None, :]
            slope = exponentials[t] * base - tl.where(own_channel, slopes[TURNS][None, :], 0.0)
            if SMOOTHING > 0:
                slope -= _of_leaves(spread, nodes, counted, opened, TREE, t, TREE.widths[t], SMOOTHING, BLOCK)
            slope = slope.to(gradient.dtype.element_ty)
            at = _at(g, stride, TREE.channels[t], TREE.widths[t])
            tl.store(at, slope, mask=inside[None, :], cache_modifier=".cs")


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
def _within(number, low: tl.constexpr, size: tl.constexpr):
    """Which numbers lie in an interval: below 0, without a sign, is far above it."""
    return (number - low).to(tl.uint32) < size


@triton.jit
def _where_turn(here, value, turns, turn: tl.constexpr, COUNT: tl.constexpr):
    """What is known of each turn, and the value for one of them where it is that."""
    found = ()
    for k in tl.static_range(COUNT):
        if k == turn:
            found = found + (tl.where(here, value, turns[k]),)
        else:
            found = found + (turns[k],)
    return found


@triton.jit
def _of_leaves(
    spread,
    nodes,
    counted,
    opened,
    TREE: tl.constexpr,
    t: tl.constexpr,
    width: tl.constexpr,
    SMOOTHING: tl.constexpr,
    lanes: tl.constexpr,
):
    """The factors that smoothing gives -log p of the leaves of a tile, (width, lanes)."""
    place = tl.broadcast_to(tl.arange(0, width)[:, None], [width, lanes])
    found = tl.zeros([width, lanes], tl.float32)
    for i in tl.static_range(width):
        factor = _of_chain(spread, nodes, counted, TREE, True, TREE.channels[t] + i, SMOOTHING)
        found = tl.where(place == i, factor[None, :], found)
    if SMOOTHING == SIBLINGS:
        found = found * _of_forks(opened, TREE, t, width, lanes)
    return found


@triton.jit
def _of_chain(
    spread, nodes, counted, TREE: tl.constexpr, LEAF: tl.constexpr, j: tl.constexpr, SMOOTHING: tl.constexpr
):
    """The factor that smoothing gives -log p of the nodes of the chain of leaf or fork j, a value a lane.

    All lanes read the same numbers, which a level of theirs counts or does not.
    """
    found = tl.zeros_like(counted[0])
    first: tl.constexpr = TREE.first_leaf_node[j] if LEAF else TREE.first_fork_node[j]
    last: tl.constexpr = TREE.first_leaf_node[j + 1] if LEAF else TREE.first_fork_node[j + 1]
    for n in tl.static_range(first, last):
        for level in tl.static_range(tl.constexpr(TREE.levels)):
            cuts = TREE.leaf_levels[n] if LEAF else TREE.fork_levels[n]
            if (cuts >> level) % 2 == 1:
                # siblings share once: with the top of a chain, in the first of its levels
                if SMOOTHING == EVEN or (n == first and cuts % (1 << level) == 0):
                    node = TREE.leaf_nodes[n] if LEAF else TREE.fork_nodes[n]
                    found += tl.load(spread + level * nodes + node) * counted[level]
    return found


@triton.jit
def _at(pointer, stride, first: tl.constexpr, width: tl.constexpr):
    """Where a tile of each pixel is.

    Neighbouring lanes are to have neighbouring pixels, which the compiler does not choose by itself. Where they are
    no neighbours in memory it cannot make use of being told so, as it does not know how these are aligned.
    """
    at = pointer[None, :] + (first + tl.arange(0, width)).to(tl.int64)[:, None] * stride
    return tl.max_contiguous(at, [1, pointer.shape[0]])
