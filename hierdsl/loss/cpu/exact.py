"""The loss and gradient of one pixel in float64, every sum of exponentials with a peak of its own.

For the pixels where a group's probability underflows in the quick loops, or where a logit is no number. All options,
one node after the other: it is also the plainest statement of what those loops compute.
"""

import math
from typing import Any

import numpy as np

from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.cpu.threads import Chunks, lent, part, share, take
from hierdsl.loss.shape import Shape

TINY = 1e-30
"""A sum of exponentials below this, beside a largest of 1, has lost digits to underflow: the pixel is set aside."""


@compiled()
def exactly(
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
) -> None:
    """Add the loss and the level losses of the pixels that were set aside, and write their gradient and losses.

    Args:
        begin: See `hierdsl.loss.cpu.threads.on_threads`.
        threads: See there.
        chunks: Of the batch; what was taken of them was set back.
        logits: (N, C, P).
        target: (N, P).
        ignore_index: Target of pixels that count nowhere.
        shape: Of the tree.
        terms: Coefficients.
        gradient: (N, C, P), to write; empty for none.
        losses: (N, P), to write; empty for none.
    """
    if begin:
        share(begin, threads)
        return
    chunks, logits, target, shape, terms, gradient, losses = lent(
        (chunks, logits, target, shape, terms, gradient, losses)
    )
    z = np.empty(logits.shape[1])
    chunk = take(chunks.next)
    while chunk < chunks.taken.size:
        _, _, sums, aside = part(chunks, chunk)
        for pixel in aside[: chunks.taken[chunk]]:
            n, p = pixel // logits.shape[2], pixel % logits.shape[2]
            y, loss = np.int64(target[n, p]), 0.0
            if y != ignore_index:
                for c in range(z.size):
                    z[c] = logits[n, c, p]
                loss = exact_pixel(z, int(y), shape, terms, sums[1:], gradient.size > 0)
            else:
                for c in range(z.size):
                    z[c] = 0
            sums[0] += loss
            if losses.size:
                losses[n, p] = loss
            if gradient.size:
                for c in range(z.size):
                    gradient[n, c, p] = z[c]
        chunk = take(chunks.next)


@compiled()
def exact_pixel(z: Any, y: int, shape: Shape, terms: Terms, level_losses: Any, gradient: Any) -> float:
    """Add the level losses to `level_losses`, write the gradient into `z` if asked for, and give the loss.

    Args:
        z: Logits, (C,) float64; overwritten with the gradient.
        y: The target node.
        shape: Of the tree.
        terms: Coefficients.
        level_losses: Sums to add to, (D,).
        gradient: Whether to make one.
    """
    leaves, inner = z.size, shape.children.size - 1
    for c in range(leaves):
        if not z[c] < math.inf:  # as the cross-entropy: a logit of infinity or no number makes all of it one
            for level in range(shape.rank[y] + 1):
                level_losses[level] = math.nan
            z[:] = math.nan
            return math.nan
    log_sum = _log_sums(z, shape.up, leaves, inner)
    counts = np.zeros(leaves + inner)  # factor of -log p of each node
    loss, root, steps = 0.0, log_sum[leaves + inner], shape.path.shape[1]
    for level in range(shape.rank[y] + 1):
        level_losses[level] += terms.level[y, level] * (root - log_sum[shape.node[y, level]])
    for step in range(steps + 1):
        u = y if step == steps else leaves + shape.path[y, step]
        if u == leaves + inner or (step == steps and y >= leaves):
            continue
        part = terms.target[y, step]
        if part != 0:
            nll = root - log_sum[u]
            modulation, slope = focal(nll, terms.focus) if terms.focus > 0 else (1.0, 1.0)
            loss += part * modulation * nll
            counts[u] += part * slope
        if terms.sibling.size > 1:
            for v in range(leaves + inner):
                if shape.up[v] == shape.up[u] and terms.sibling[v] != 0:
                    loss += terms.sibling[v] * (root - log_sum[v])
                    counts[v] += terms.sibling[v]
    if terms.even.size > 1:
        for v in range(leaves + inner):
            part = terms.even[shape.rank[y], v]
            if part != 0:
                loss += part * (root - log_sum[v])
                counts[v] += part
    if gradient:
        _gradient(z, counts, log_sum, shape.up, leaves, inner)
    return loss


@compiled()
def focal(nll: float, gamma: float) -> tuple[float, float]:
    """(1 - p)**gamma, and minus the derivative of (1 - p)**gamma * nll by log p."""
    p = math.exp(-nll)
    rest = max(-math.expm1(-nll), 1e-300)
    power = rest ** (gamma - 1)
    return power * rest, power * (rest + gamma * (nll * p if p > 0 else 0.0))


@compiled()
def _log_sums(z: Any, up: Any, leaves: int, inner: int) -> Any:
    """Logarithm of the summed exponentials below every node and, last, below the root."""
    peak, total = np.full(inner + 1, -math.inf), np.zeros(inner + 1)
    for c in range(leaves):
        peak[up[c]] = max(peak[up[c]], z[c])
    for i in range(inner - 1, -1, -1):
        peak[up[leaves + i]] = max(peak[up[leaves + i]], peak[i])
    for c in range(leaves):
        if z[c] > -math.inf:
            total[up[c]] += math.exp(z[c] - peak[up[c]])
    for i in range(inner - 1, -1, -1):
        if peak[i] > -math.inf:
            total[up[leaves + i]] += total[i] * math.exp(peak[i] - peak[up[leaves + i]])
    log_sum = np.empty(leaves + inner + 1)
    log_sum[:leaves] = z
    for i in range(inner + 1):
        log_sum[leaves + i] = peak[i] + math.log(total[i]) if total[i] > 0 else -math.inf
    return log_sum


@compiled()
def _gradient(z: Any, counts: Any, log_sum: Any, up: Any, leaves: int, inner: int) -> None:
    total = counts.sum()
    for c in range(leaves):
        x = z[c]
        g = total * math.exp(x - log_sum[leaves + inner]) - counts[c]
        i = up[c]
        while i < inner:
            if counts[leaves + i] != 0 and x > -math.inf:
                g -= counts[leaves + i] * math.exp(x - log_sum[leaves + i])
            i = up[leaves + i]
        z[c] = g
