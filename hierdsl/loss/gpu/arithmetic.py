"""What the kernels share: the path of a target, its terms, and where a row of leaves lies on it.

A step is one inner node of the path, K of them; what is known of each step is a tuple of K tensors with a value for
each pixel, and of what the target itself has too, of K + 1. All in float32. Steps that a path does not have are runs
from 0 to 0 at a factor of 0.
"""

import triton
import triton.language as tl

TINY = tl.constexpr(1e-30)
"""A sum of exponentials below this, beside a largest of 1, has lost digits to underflow."""
LOWEST = tl.constexpr(-3e38)
"""Where a search for the largest logit starts: minus infinity would make no number of itself."""


@triton.jit
def nodes_of(target, at, inside, ignore_index, nodes):
    """Which pixels count, which of these have a node as their target, and that node: the number of nodes for none."""
    t = tl.load(target + at, mask=inside, other=0).to(tl.int64)
    counts = inside & (t != ignore_index)
    valid = counts & (t >= 0) & (t < nodes)
    return counts, valid, tl.where(valid, t, nodes).to(tl.int32)


@triton.jit
def level_sum(nll, weight, broken, once):
    """What the pixels of a program add to the loss of a level, each `once`: 0 * inf is not 0."""
    found = tl.where(weight != 0, weight * nll, 0.0)
    found = tl.where(broken, float("nan"), found)
    return tl.sum(tl.where(once, found, 0.0), axis=0)


@triton.jit
def runs(table, at, K: tl.constexpr):
    """First and last-and-one of each step of the targets `at`, from (V + 1, K, 2)."""
    starts = ()
    ends = ()
    for k in tl.static_range(K):
        starts = starts + (tl.load(table + at * (2 * K) + 2 * k),)
        ends = ends + (tl.load(table + at * (2 * K) + 2 * k + 1),)
    return starts, ends


@triton.jit
def factors(table, at, K: tl.constexpr, D: tl.constexpr):
    """Factor of each step of the targets `at` and, last, of the target that is a leaf: see `Coefficients.parts`."""
    found = ()
    for k in tl.static_range(K + 1):
        found = found + (tl.load(table + at * (K + 1 + D) + k),)
    return found


@triton.jit
def level_weight(table, at, level: tl.constexpr, K: tl.constexpr, D: tl.constexpr):
    """Weight of the targets `at` in the loss of a level, which lies behind these."""
    return tl.load(table + at * (K + 1 + D) + (K + 1) + level)


@triton.jit
def zeros(like, K: tl.constexpr):
    """K times nothing."""
    made = ()
    for _ in tl.static_range(K):
        made = made + (tl.zeros_like(like),)
    return made


@triton.jit
def add_inside(sums, place, starts, ends, value, K: tl.constexpr):
    """Each step's sum, and the value where its place is in the step's run."""
    added = ()
    for k in tl.static_range(K):
        inside = (place >= starts[k]) & (place < ends[k])
        added = added + (sums[k] + tl.where(inside, value, 0.0),)
    return added


@triton.jit
def scaled(sums, by, K: tl.constexpr):
    """Each step's sum, times the same."""
    made = ()
    for k in tl.static_range(K):
        made = made + (sums[k] * by,)
    return made


@triton.jit
def underflown(sums, starts, ends, K: tl.constexpr, valid):
    """Which pixels have a step whose sum has lost its digits."""
    found = valid & False
    for k in tl.static_range(K):
        found = found | (valid & (starts[k] < ends[k]) & (sums[k] < TINY))
    return found


@triton.jit
def surprises(total, sums, K: tl.constexpr):
    """-log p of each step."""
    made = ()
    for k in tl.static_range(K):
        made = made + (tl.log(total / tl.maximum(sums[k], TINY)),)
    return made


@triton.jit
def exact_surprises(surprises, exact, log_total, peaks, sums, K: tl.constexpr):
    """-log p of each step, anew for the pixels `exact` from sums with a peak of their own."""
    made = ()
    for k in tl.static_range(K):
        # nothing but minus infinity below a node: no probability at all
        own = tl.where(sums[k] > 0, peaks[k] + tl.log(tl.maximum(sums[k], TINY)), float("-inf"))
        made = made + (tl.where(exact, log_total - own, surprises[k]),)
    return made


@triton.jit
def terms(nll, parts, gamma, FOCAL: tl.constexpr, COUNT: tl.constexpr):
    """The loss, and minus its derivative by each log p.

    With focal modulation a node's loss is (1 - p)**gamma * nll.
    """
    loss = tl.zeros_like(parts[0])
    slopes = ()
    for k in tl.static_range(COUNT):
        value = nll[k]
        slope = parts[k]
        if FOCAL:
            p = tl.exp(-value)
            rest = tl.maximum(1.0 - p, TINY)
            power = tl.exp((gamma - 1.0) * tl.log(rest))
            slope = slope * power * (rest + gamma * tl.where(p > 0, value * p, 0.0))
            value = value * power * rest
        loss += tl.where(parts[k] != 0, parts[k] * value, 0.0)  # 0 * inf is not 0
        slopes = slopes + (tl.where(parts[k] != 0, slope, 0.0),)
    return loss, slopes


@triton.jit
def bases(slopes, total, sums, K: tl.constexpr):
    """What e**(z - peak) is multiplied by in the gradient: outside of all steps, within the first, and so on."""
    base = tl.zeros_like(total)
    for k in tl.static_range(K + 1):
        base += slopes[k]
    base = base / total
    made = (base,)
    for k in tl.static_range(K):
        base -= tl.where(slopes[k] != 0, slopes[k] / tl.maximum(sums[k], TINY), 0.0)
        made = made + (base,)
    return made


@triton.jit
def base_at(made, place, starts, ends, K: tl.constexpr):
    """The one of these that holds at a place: of the last step around it, as each lies in the one before."""
    base = made[0]
    for k in tl.static_range(K):
        base = tl.where((place >= starts[k]) & (place < ends[k]), made[k + 1], base)
    return base


@triton.jit
def no_number_where(broken, values, COUNT: tl.constexpr):
    """The values, and where a pixel is broken nothing that is a number."""
    made = ()
    for k in tl.static_range(COUNT):
        made = made + (tl.where(broken, float("nan"), values[k]),)
    return made
