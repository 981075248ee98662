"""Tiles of pixels whose channels lie side by side in memory, turned so that each channel is a run, and back."""

from typing import Any

from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.lanes import LANES, load, store, turned


@compiled()
def turn(source: Any, at: int, step: int, to: Any, place: int, width: int, lines: int, length: int) -> None:
    """Write the columns of a block as lines: number k of line i, at + i * step + k, to place + k * width + i.

    Both arrays are contiguous, and their numbers are counted from the first.
    """
    if min(lines, length) < LANES:
        flat, flat_to = source.reshape(-1), to.reshape(-1)
        for i in range(lines):
            for k in range(length):
                flat_to[place + k * width + i] = flat[at + i * step + k]
        return
    for first in range(0, lines, LANES):
        i = min(first, lines - LANES)  # at the ends some once more
        for second in range(0, length, LANES):
            k = min(second, length - LANES)
            _turn(source, at + i * step + k, step, to, place + k * width + i, width)


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
