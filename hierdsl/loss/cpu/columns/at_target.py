"""The terms of the loss of a tile: those of the target and the nodes above it, of siblings, and of all nodes."""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.arithmetic import exp, log
from hierdsl.loss.cpu.columns.tile import (
    FACTORS,
    FINEST,
    LEAF,
    LOG_ROOT,
    LOSS,
    PART,
    PEAK,
    POWER,
    SPREAD,
    SUM,
    VALID,
    P,
    Y,
    fill,
    fill_rows,
    fill_with,
    spread_of,
    total_of,
)
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY


@compiled()
def leaf_terms(z: Any, at: int, factors: Any, whole: Any, line: Any, index: Any, nll: Any, w: int) -> None:
    """Begin the loss: F log s_root, less what the target itself has where it is a leaf; and F."""
    leaves, y, leaf, values, summed = z.shape[0], index[Y], line[LEAF], line[SUM], line[FACTORS]
    peak, log_root, loss = line[PEAK], line[LOG_ROOT], line[LOSS]
    for p in range(w):
        values[p] = z[y[p], at + p] - peak[p] if y[p] < leaves else log_root[p]
        leaf[p] = factors[y[p]]
        summed[p] = whole[y[p]]
    for p in range(w):
        nll[p] = log_root[p] - values[p]
        loss[p] = summed[p] * log_root[p] - leaf[p] * values[p]


@compiled()
def inner_terms(
    starts: Any, factors: Any, alike: Any, s: Any, nll: Any, line: Any, index: Any, w: int
) -> int:
    """Take factor * log s of one inner node on the way to the target from the loss; how many of the sums are tiny.

    Where there is no node, the sum is 1, so that one factor for all pixels, `alike`, need not be looked up for each.
    """
    y, part, sums, flat = index[Y], line[PART], line[SUM], s.reshape(-1)
    log_root, loss, tiny, found = line[LOG_ROOT], line[LOSS], nll.dtype.type(TINY), np.int32(0)
    for p in range(w):
        sums[p] = flat[starts[y[p]] + np.uint32(p)]
    if np.isnan(alike):
        for p in range(w):
            part[p] = factors[y[p]]
    else:
        fill_with(part, alike, w)
    for p in range(w):
        log_sum = log(sums[p])
        nll[p] = log_root[p] - log_sum
        loss[p] -= part[p] * log_sum
        found = np.int32(found + np.int32(sums[p] < tiny))
    return int(found)


@compiled()
def modulate(gamma: float, part: Any, nll: Any, line: Any, w: int) -> None:
    """Modulate the loss that was added last, part * nll, by (1 - p)**gamma; make `part` its factor in the gradient.

    The factor is minus the derivative of (1 - p)**gamma * nll by log p.
    """
    one, tiny = nll.dtype.type(1), nll.dtype.type(TINY)
    exponent = nll.dtype.type(gamma - 1)
    loss, probability, power = line[LOSS], line[P], line[POWER]
    for p in range(w):
        probability[p] = exp(-nll[p])
    for p in range(w):
        power[p] = exp(exponent * log(max(one - probability[p], tiny)))
    for p in range(w):
        rest = max(one - probability[p], tiny)
        loss[p] += part[p] * nll[p] * (power[p] * rest - one)
        part[p] *= power[p] * (rest + (exponent + one) * nll[p] * probability[p])


@compiled()
def open_root(factors_of: Any, logs: Any, opened: Any, line: Any, index: Any, w: int) -> None:
    """Begin the terms of siblings: all factors, and the children of the root, which is on every way."""
    fill_rows(opened, w)
    y, part, valid = index[Y], line[PART], line[VALID]
    for p in range(w):
        part[p] = factors_of[y[p]]
    log_root, loss, factors = line[LOG_ROOT], line[LOSS], line[FACTORS]
    inner = logs.shape[0] - 2
    root, of_root = logs[inner], opened[inner]
    for p in range(w):
        of_root[p] = valid[p]
        loss[p] += part[p] * log_root[p] - root[p]
        factors[p] += part[p]


@compiled()
def open_inner(starts: Any, logs: Any, opened: Any, line: Any, index: Any, w: int) -> None:
    """The terms of the children of one inner node on the way to the target."""
    y, loss, of_node, is_open = index[Y], line[LOSS], logs.reshape(-1), opened.reshape(-1)
    for p in range(w):
        at = starts[y[p]] + np.uint32(p)
        loss[p] -= of_node[at]
        is_open[at] = 1


@compiled()
def even_terms(
    even: Any, even_sum: Any, leaves: int, s: Any, line: Any, index: Any, w: int, alike: bool
) -> None:
    """The terms that all nodes have: the inner nodes' part of the spread, then loss and factors."""
    fill(line[PART], w)
    logs, zero = line[SUM], s.dtype.type(0)
    for i in range(s.shape[0] - 1):
        row = s[i]
        for p in range(w):
            logs[p] = log(row[p])
        spread_of(logs, line[PART], even[:, leaves + i], line[SPREAD], index[FINEST], w, alike)
    for p in range(w):
        if line[VALID, p] > zero:
            factor = even_sum[index[FINEST, p]]
            line[LOSS, p] += factor * line[LOG_ROOT, p] - line[SPREAD, p]
            line[FACTORS, p] += factor


@compiled()
def level_loss(steps: Any, weights: Any, nll: Any, line: Any, index: Any, w: int) -> float:
    """What these pixels add to the loss of a level."""
    y, part, sums, valid, zero = index[Y], line[PART], line[SUM], line[VALID], nll.dtype.type(0)
    for p in range(w):
        sums[p] = nll[steps[y[p]], p]
        part[p] = weights[y[p]]
    for p in range(w):
        part[p] = part[p] * sums[p] if valid[p] > zero else zero
    return float(total_of(part, w))


@compiled()
def clear(line: Any, w: int) -> None:
    """Pixels that do not count have no loss, whatever was made of them."""
    loss, valid, zero = line[LOSS], line[VALID], line.dtype.type(0)
    for p in range(w):
        loss[p] = loss[p] if valid[p] > zero else zero
