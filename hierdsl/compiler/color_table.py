"""Colours to node indices: one look-up a pixel in a table of all 2^24 colours, which fills as colours are met.

It knows packed colours 0xRRGGBB and numbers; what they mean is the label map's business.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler.index import IGNORE_INDEX

COLORS = 1 << 24
_UNRESOLVED = IGNORE_INDEX - 1
"""Entries are kept less this number, so that the zeros of a fresh table mean it."""
_BLOCK = 1 << 16
"""Pixels at a time: what is computed between two look-ups stays in the processor's cache."""
_DISTANCES = 1 << 22
"""Distances at a time while new colours are resolved: 16 MiB."""


class ColorTable:
    """The node index of every colour, as far as it was asked for.

    Safe in threads without a lock: two that meet a new colour write the same number in its place.

    Args:
        listed: The listed colours, packed, (K,), all different.
        nodes: Node index of each, (K,).
        tolerance: Distance up to which the nearest listed colour counts, None for exact matches only.
        unlisted: The number of a colour that is listed nowhere, where no tolerance is given.
    """

    def __init__(
        self, listed: NDArray[np.int64], nodes: NDArray[np.int64], tolerance: float | None, unlisted: int
    ) -> None:
        self._listed, self._nodes = listed, nodes
        self._tolerance, self._unlisted = tolerance, unlisted
        # zeros are not written but promised by the system: memory is taken page by page as colours come
        self._entries = np.zeros(COLORS, dtype=np.int32)
        self._entries[listed] = nodes - _UNRESOLVED

    def lookup(self, raw: NDArray[Any]) -> NDArray[np.int32]:
        """Node indices of colours.

        Args:
            raw: (..., 3) uint8, or packed colours of any shape and another integer type, in range.

        Returns:
            int32, of the shape of the packed colours.
        """
        channels = raw.dtype == np.uint8
        shape = raw.shape[:-1] if channels else raw.shape
        flat = np.ascontiguousarray(raw).reshape(-1, 3) if channels else np.ascontiguousarray(raw).reshape(-1)
        out = np.empty(len(flat), dtype=np.int32)
        for start in range(0, len(flat), _BLOCK):
            block = flat[start : start + _BLOCK]
            packed = pack(block) if channels else block
            found = out[start : start + _BLOCK]
            # clip and not raise, which would make NumPy copy; no colour is out of range here
            self._entries.take(packed, out=found, mode="clip")
            if not found.all():
                self._resolve(np.unique(packed[found == 0]))
                self._entries.take(packed, out=found, mode="clip")
            found += _UNRESOLVED
        return out.reshape(shape)

    def _resolve(self, colors: NDArray[Any]) -> None:
        """Fill in colours that are not listed."""
        if self._tolerance is None:
            self._entries[colors] = self._unlisted - _UNRESOLVED
            return
        position, distance = nearest(colors, self._listed)
        nodes = np.full(len(colors), IGNORE_INDEX, dtype=np.int64)
        near = distance <= self._tolerance
        nodes[near] = self._nodes[position[near]]
        self._entries[colors] = nodes - _UNRESOLVED


def nearest(colors: NDArray[Any], listed: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest listed colour of each colour.

    Args:
        colors: Packed colours, (U,).
        listed: Packed colours, (K,).

    Returns:
        Position in `listed`, the first of equally near ones, and the Euclidean distance in RGB, each (U,);
        -1 and infinity where nothing is listed.

    Example:
        >>> nearest(np.array([0x030400]), np.array([0xFFFFFF, 0x000000]))
        (array([1]), array([5.]))
    """
    position = np.full(len(colors), -1, dtype=np.int64)
    distance = np.full(len(colors), np.inf)
    if not len(listed):
        return position, distance
    # |u - k|^2 = |u|^2 - 2 u.k + |k|^2 in float32, and exact: every number in it is whole and below 2^24
    points, keys = unpack(colors).astype(np.float32), unpack(listed).astype(np.float32)
    lengths = (keys * keys).sum(axis=1)
    rows = max(1, _DISTANCES // len(listed))
    for start in range(0, len(colors), rows):
        some = points[start : start + rows]
        squares = lengths - 2 * (some @ keys.T)
        best = squares.argmin(axis=1)
        position[start : start + rows] = best
        least = squares[np.arange(len(some)), best] + (some * some).sum(axis=1)
        distance[start : start + rows] = np.sqrt(least.astype(np.float64))
    return position, distance


def pack(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Colours (..., 3) as numbers 0xRRGGBB."""
    packed = np.zeros(pixels.shape[:-1], dtype="<i4")
    octets = packed.reshape(-1).view(np.uint8).reshape(*packed.shape, 4)
    octets[..., 2], octets[..., 1], octets[..., 0] = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return packed.astype(np.int32, copy=False)


def unpack(colors: NDArray[Any]) -> NDArray[np.uint8]:
    """Numbers 0xRRGGBB as colours (..., 3)."""
    return np.stack([colors >> 16 & 255, colors >> 8 & 255, colors & 255], axis=-1).astype(np.uint8)


def written(color: int) -> str:
    """A packed colour as the language writes it: `#rrggbb`."""
    return f"#{color:06x}"
