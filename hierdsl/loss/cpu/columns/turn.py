"""Tiles of pixels whose channels lie side by side in memory, turned so that each channel is a run, and back."""

from typing import Any

from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.lanes import LANES, load, store, turned


@compiled()
def turn(rows: Any, at: int, tile: Any, w: int) -> None:
    """Write `w` rows, from number `at` on, as the first columns of a tile."""
    leaves, size = rows.shape[1], tile.shape[1]
    whole = w // LANES * LANES if leaves >= LANES else 0
    for p in range(0, whole, LANES):
        for first in range(0, leaves, LANES):
            c = min(first, leaves - LANES)  # at the end some once more
            _turn(rows, (at + p) * leaves + c, leaves, tile, c * size + p, size)
    for p in range(whole, w):
        for c in range(leaves):
            tile[c, p] = rows[at + p, c]


@compiled()
def turn_back(tile: Any, rows: Any, at: int, w: int) -> None:
    """Write the first columns of a tile as `w` rows, from number `at` on."""
    leaves, size = rows.shape[1], tile.shape[1]
    whole = w // LANES * LANES if leaves >= LANES else 0
    for p in range(0, whole, LANES):
        for first in range(0, leaves, LANES):
            c = min(first, leaves - LANES)
            _turn(tile, c * size + p, size, rows, (at + p) * leaves + c, leaves)
    for p in range(whole, w):
        for c in range(leaves):
            rows[at + p, c] = tile[c, p]


@compiled(inline=True)
def _turn(source: Any, at: int, step: int, to: Any, place: int, width: int) -> None:
    """Turn a square of eight by eight numbers, whose lines are so far apart here and there."""
    lines = turned(
        (
            load(source, at),
            load(source, at + step),
            load(source, at + 2 * step),
            load(source, at + 3 * step),
            load(source, at + 4 * step),
            load(source, at + 5 * step),
            load(source, at + 6 * step),
            load(source, at + 7 * step),
        )
    )
    store(to, place, lines[0])
    store(to, place + width, lines[1])
    store(to, place + 2 * width, lines[2])
    store(to, place + 3 * width, lines[3])
    store(to, place + 4 * width, lines[4])
    store(to, place + 5 * width, lines[5])
    store(to, place + 6 * width, lines[6])
    store(to, place + 7 * width, lines[7])
