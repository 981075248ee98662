"""The terms of the loss of a tile: those of the target and the nodes above it, of siblings, and of all nodes."""

from typing import Any

import numpy as np

from hierdsl.loss.cpu.arithmetic import log, log_of_four
from hierdsl.loss.cpu.columns.tile import (
    FACTORS,
    FINEST,
    LEAF,
    LOG_ROOT,
    LOSS,
    MODULATION,
    PART,
    PEAK,
    SLOPE,
    SPREAD,
    SUM,
    VALID,
    Y,
    copy,
    fill,
    fill_with,
    spread_of,
    total_of,
)
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY
from hierdsl.loss.cpu.focal import focal_of


@compiled()
def leaf_terms(
    z: Any, at: int, factors: Any, whole: Any, alike: Any, line: Any, index: Any, nll: Any, w: int
) -> None:
    """Begin the loss: F log s_root, less what the target itself has where it is a leaf; and F.

    Two numbers `alike` are its factor and F, where these are the same for all that count.
    """
    leaves, y, leaf, values, summed = z.shape[0], index[Y], line[LEAF], line[SUM], line[FACTORS]
    peak, log_root, loss, valid = line[PEAK], line[LOG_ROOT], line[LOSS], line[VALID]
    zero = nll.dtype.type(0)
    for p in range(w):  # with a sign, an index could count from the end
        channel = y[p] if y[p] < leaves else np.uint32(0)
        values[p] = z[channel, np.uintp(at) + np.uintp(p)]
    if np.isnan(alike[0]):
        for p in range(w):
            leaf[p] = factors[y[p]]
    else:
        fill_with(leaf, alike[0], w)
    if np.isnan(alike[1]):
        for p in range(w):
            summed[p] = whole[y[p]]
    else:
        for p in range(w):
            summed[p] = alike[1] * valid[p]
    for p in range(w):
        root, of_leaf = log_root[p], values[p] - peak[p]
        own = of_leaf if y[p] < np.uint32(leaves) else root
        nll[p] = root - own
        of_own = leaf[p] * own
        loss[p] = summed[p] * root - (of_own if leaf[p] != zero else zero)  # which silences what is infinite


@compiled()
def inner_terms(
    starts: Any, factors: Any, alike: Any, s: Any, nll: Any, way: Any, line: Any, index: Any, w: int
) -> int:
    """Take factor * log s of one inner node on the way to the target from the loss; how many of the sums are tiny.

    Where there is no node, the sum is 1, so that one factor for all pixels, `alike`, need not be looked up for each.
    Into `way` goes where the row of the node begins.
    """
    y, part, sums, flat = index[Y], line[PART], line[SUM], s.reshape(-1)
    log_root, loss, tiny, found = line[LOG_ROOT], line[LOSS], nll.dtype.type(TINY), np.int32(0)
    for p in range(w):
        start = starts[y[p]]
        way[p] = start
        sums[p] = flat[start + np.uintp(p)]
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
def inner_losses(starts: Any, factor: Any, s: Any, line: Any, index: Any, w: int) -> int:
    """The same where one factor is that of all pixels, and nothing else is wanted than the loss."""
    y, sums, flat = index[Y], line[SUM], s.reshape(-1)
    loss, tiny, found = line[LOSS], s.dtype.type(TINY), np.int32(0)
    for p in range(w):
        sums[p] = flat[starts[y[p]] + np.uintp(p)]
    for p in range(w):
        loss[p] -= factor * log(sums[p])
        found = np.int32(found + np.int32(sums[p] < tiny))
    return int(found)


@compiled()
def modulate(gamma: float, part: Any, nll: Any, line: Any, w: int) -> None:
    """Modulate the loss that was added last, part * nll, by (1 - p)**gamma; make `part` its factor in the gradient.

    The factor is minus the derivative of (1 - p)**gamma * nll by log p.
    """
    loss, modulation, slope, one = line[LOSS], line[MODULATION], line[SLOPE], nll.dtype.type(1)
    focal_of(nll, gamma, modulation, slope, w)
    infinite, zero = nll.dtype.type(np.inf), nll.dtype.type(0)
    for p in range(w):  # of what has no probability, the modulation is 1
        loss[p] += part[p] * (nll[p] if nll[p] < infinite else zero) * (modulation[p] - one)
        part[p] *= slope[p]


@compiled()
def open_root(factors_of: Any, logs: Any, line: Any, index: Any, w: int) -> None:
    """Begin the terms of siblings: all factors, unless they are there, and the children of the root, on every way."""
    y, part, root = index[Y], line[PART], logs[logs.shape[0] - 1]
    log_root, loss, factors = line[LOG_ROOT], line[LOSS], line[FACTORS]
    if factors_of.size:
        for p in range(w):
            part[p] = factors_of[y[p]]
        for p in range(w):
            loss[p] += part[p] * log_root[p]
            factors[p] += part[p]
    for p in range(w):
        loss[p] -= root[p]


@compiled()
def opened_ways(way: Any, size: int, leaves: int, index: Any, to: Any, w: int) -> Any:
    """Where the rows of the nodes begin whose children are siblings on the ways: the target's own are not.

    Given back are the ways themselves, step by step, where all targets are leaves, else what `to` was made.
    """
    y, first, row, none, found = (
        index[Y],
        np.uint32(leaves),
        np.uint32(size),
        np.uint32(0xFFFFFFFF),
        np.int32(0),
    )
    for p in range(w):
        found = np.int32(found + np.int32(y[p] >= first))
    if found == 0:
        return way
    for step in range(way.shape[0]):
        starts, of_step = way[step], to[step]
        for p in range(w):
            own = (y[p] - first) * row if y[p] >= first else none
            of_step[p] = none if starts[p] == own else starts[p]
    return to


@compiled()
def open_inner(depth: Any, way: Any, size: int, logs: Any, line: Any, w: int) -> None:
    """The terms of the children of the inner nodes on the ways."""
    loss, zero = line[LOSS], line.dtype.type(0)
    for i in range(depth.size):
        of_node, starts, start = logs[i], way[depth[i]], np.uint32(i * size)
        for p in range(w):
            here = of_node[p]
            loss[p] -= here if starts[p] == start else zero


@compiled()
def even_terms(
    even: Any, even_sum: Any, order: Any, leaves: int, s: Any, line: Any, index: Any, w: int, alike: bool
) -> None:
    """The terms that all nodes have: the inner nodes' part of the spread, then loss and factors."""
    fill(line[PART], w)
    logs, spread, finest, inner = line[SUM], line[SPREAD], index[FINEST], s.shape[0] - 1
    at = 0
    while at < inner:  # nodes of one depth, which are neighbours in that order, often have the same factor
        of_node, together = even[:, leaves + order[at]], 1
        if alike:
            while together < 4 and at + together < inner:
                if even[finest[0], leaves + order[at + together]] != of_node[finest[0]]:
                    break
                together += 1
        if together == 4:
            a, b, c, d = s[order[at]], s[order[at + 1]], s[order[at + 2]], s[order[at + 3]]
            _logs_of_four(a, b, c, d, logs, w)
        else:
            together = 1
            _logs_of(s[order[at]], logs, w)
        spread_of(logs, line[PART], of_node, spread, finest, w, alike)
        at += together
    loss, factors, log_root, valid, zero = (
        line[LOSS],
        line[FACTORS],
        line[LOG_ROOT],
        line[VALID],
        s.dtype.type(0),
    )
    if alike:
        factor = even_sum[finest[0]]
        for p in range(w):
            loss[p] += factor * log_root[p] - spread[p]
            factors[p] += factor * valid[p]
    else:
        for p in range(w):
            if valid[p] > zero:
                factor = even_sum[finest[p]]
                loss[p] += factor * log_root[p] - spread[p]
                factors[p] += factor


@compiled()
def _logs_of(sums: Any, logs: Any, w: int) -> None:
    for p in range(w):
        logs[p] = log(sums[p])


@compiled()
def _logs_of_four(a: Any, b: Any, c: Any, d: Any, logs: Any, w: int) -> None:
    for p in range(w):
        logs[p] = log_of_four(a[p], b[p], c[p], d[p])


@compiled()
def level_loss(steps: Any, weights: Any, alike: Any, nll: Any, line: Any, index: Any, w: int) -> float:
    """What these pixels add to the loss of a level; two numbers `alike` are step and weight of all that count."""
    y, part, sums, valid, zero = index[Y], line[PART], line[SUM], line[VALID], nll.dtype.type(0)
    if np.isnan(alike[0]):
        for p in range(w):
            sums[p] = nll[steps[y[p]], np.uintp(p)]
    else:
        copy(nll[int(alike[0])], sums, w)
    if np.isnan(alike[1]):
        for p in range(w):
            part[p] = weights[y[p]]
    else:
        fill_with(part, alike[1], w)
    for p in range(w):
        part[p] = part[p] * sums[p] if valid[p] > zero else zero
    return float(total_of(part, w))


@compiled()
def clear(line: Any, w: int) -> None:
    """Pixels that do not count have no loss, whatever was made of them."""
    loss, valid, zero = line[LOSS], line[VALID], line.dtype.type(0)
    for p in range(w):
        loss[p] = loss[p] if valid[p] > zero else zero
