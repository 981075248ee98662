"""How fast are masks of colours encoded, and how much faster than by rivals?

    python benchmarks/label_map.py [DIR]

DIR is a folder of RGB masks (default: ../shared/data/fasseg, 6 classes and anti-aliased borders). Every round
encodes all masks once by each way, one after the other, on one thread; printed is the median over the rounds,
in million pixels a second. "first" has a fresh table for the round, "again" one that has seen the colours.
Rivals, both with a tolerance of 24 as well: `unique`: the unique colours of each mask against all listed
ones by brute force, spread by np.unique's inverse; `quantize`: Pillow's quantize to a palette of the listed
colours (nearest colour, without any tolerance), then a look-up.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hierdsl.compiler import IGNORE_INDEX, CompiledLabelMap
from hierdsl.compiler.color_table import unpack

LISTED = np.array([0xFF0000, 0x7F0000, 0xFFFF00, 0x0000FF, 0x00FFFF, 0x00FF00])
NODES = np.arange(len(LISTED))
TOLERANCE = 24.0
ROUNDS = 9


def label_map() -> CompiledLabelMap:
    """The map of FASSEG, with an empty table."""
    return CompiledLabelMap(LISTED, LISTED, NODES, colors=True, tolerance=TOLERANCE)


def unique(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Brute force on the unique colours."""
    channels = mask.astype(np.int32)
    packed = channels[:, :, 0] << 16 | channels[:, :, 1] << 8 | channels[:, :, 2]
    colors, inverse = np.unique(packed, return_inverse=True)
    squares = ((unpack(colors)[:, None].astype(np.int32) - unpack(LISTED).astype(np.int32)) ** 2).sum(axis=2)
    nodes = np.where(squares.min(axis=1) <= TOLERANCE**2, NODES[squares.argmin(axis=1)], IGNORE_INDEX)
    return nodes[inverse.reshape(mask.shape[:2])]


PALETTE = Image.new("P", (1, 1))
PALETTE.putpalette(unpack(LISTED).ravel().tolist())


def quantize(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pillow's own nearest colour."""
    indices = Image.fromarray(mask).quantize(palette=PALETTE, dither=Image.Dither.NONE)
    return np.take(NODES, np.asarray(indices), mode="clip")


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "../shared/data/fasseg")
    masks = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("**/labels/*.png"))]
    if not masks:
        sys.exit(f"there are no masks in '{folder}/**/labels'")
    pixels = sum(mask[:, :, 0].size for mask in masks) / 1e6
    warm = label_map()
    for mask in masks:
        assert np.array_equal(warm.encode(mask), unique(mask)), "the ways do not agree"  # noqa: S101 - a check
    seconds = {name: [] for name in ("first", "again", "unique", "quantize")}
    for _ in range(ROUNDS):
        ways = {"first": label_map().encode, "again": warm.encode, "unique": unique, "quantize": quantize}
        for name, way in ways.items():
            start = perf_counter()
            for mask in masks:
                way(mask)
            seconds[name].append(perf_counter() - start)
    print(f"{len(masks)} masks, {pixels:.1f} million pixels, median of {ROUNDS} rounds")
    for name, each in seconds.items():
        print(f"{name:>9} {pixels / median(each):8.1f} million pixels a second")
    for name in ("unique", "quantize"):
        ratios = [median(seconds[name]) / median(seconds[own]) for own in ("first", "again")]
        print(f"{name} takes {ratios[0]:.1f} times as long as first, {ratios[1]:.1f} times as long as again")


if __name__ == "__main__":
    main()
