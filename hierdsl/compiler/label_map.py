"""Raw values of annotation images, ids or colours, to node indices and back, by table look-up."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler.color_table import COLORS, ColorTable, pack, unpack, written
from hierdsl.compiler.index import IGNORE_INDEX, UNKNOWN

_MAX_IDS = 65536
_MOST_SHOWN = 10
VOID_ID = 255
"""What `decode` writes for an ignored pixel where the map lists no ignored id."""


class UnknownRawIdError(ValueError):
    """A label image holds raw ids or colours that the label map does not list.

    Attributes:
        counts: Pixels by unknown raw id or packed colour 0xRRGGBB, ascending.
    """

    def __init__(self, counts: Mapping[int, int], *, colors: bool = False) -> None:
        self.counts = dict(counts)
        most = sorted(self.counts, key=lambda raw: -self.counts[raw])[:_MOST_SHOWN]
        shown = [f"{written(raw) if colors else raw} ({self.counts[raw]} px)" for raw in sorted(most)]
        more = f" and {len(self.counts) - len(most):,} more" if len(most) < len(self.counts) else ""
        kind = "colours" if colors else "raw ids"
        super().__init__(f"{kind} that the label map does not list: {', '.join(shown)}{more}")


@dataclass(frozen=True, eq=False)
class CompiledLabelMap:
    """A table raw id or colour -> node index.

    Attributes:
        first: First raw value of each listed range, shape (K,), int64, in file order.
        last: Last raw value of each, included, shape (K,), int64.
        nodes: Node index of each, shape (K,), int64; `IGNORE_INDEX` for ignored values.
        unlisted_ignored: Whether a value that is not listed is ignored instead of an error.
        colors: Whether raw values are colours 0xRRGGBB (each range is then one colour), not ids 0 to 65535.
        tolerance: Of a map of colours: Euclidean distance in RGB up to which the nearest listed colour, the
            first of equally near ones, counts. A colour beyond it is ignored. None for exact matches only.

    Raises:
        ValueError: The arrays do not fit together, or hold what is no raw value.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    nodes: NDArray[np.int64]
    unlisted_ignored: bool = False
    colors: bool = False
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not self.first.shape == self.last.shape == self.nodes.shape == (self.first.size,):
            raise ValueError("the tables of a label map have different shapes")
        if self.first.size and (
            self.first.min() < 0 or self.last.max() >= self._limit or (self.first > self.last).any()
        ):
            raise ValueError("a label map lists what is no raw value")
        if self.colors and (self.first != self.last).any():
            raise ValueError("a label map of colours has a range")
        if self.tolerance is not None and not (self.colors and self.tolerance >= 0):
            raise ValueError("a tolerance is of colours, and 0 or more")

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: the fields, and none of the tables made from them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def _limit(self) -> int:
        return COLORS if self.colors else _MAX_IDS

    @cached_property
    def _id_table(self) -> NDArray[np.int32]:
        table = np.full(_MAX_IDS, IGNORE_INDEX if self.unlisted_ignored else UNKNOWN, dtype=np.int32)
        for first, last, node in zip(self.first, self.last, self.nodes, strict=True):
            table[first : last + 1] = node
        return table

    @cached_property
    def _color_table(self) -> ColorTable:
        unlisted = IGNORE_INDEX if self.unlisted_ignored else UNKNOWN
        return ColorTable(self.first, self.nodes, self.tolerance, unlisted)

    def encode(self, raw: NDArray[Any]) -> NDArray[np.int64]:
        """Node indices of raw values.

        Args:
            raw: Raw ids, any shape, an integer type of values 0 to 65535. For a map of colours: sRGB, shape
                (..., 3), uint8; or colours packed as 0xRRGGBB, any shape, another integer type.

        Returns:
            Node indices, int64, of the shape of `raw` (without the axis of the channels); ignored values
            become `IGNORE_INDEX`.

        Raises:
            UnknownRawIdError: Some values are not listed; it carries their pixel counts.
            ValueError: `raw` is no integer array, has no axis of three channels, or has values out of range.

        Example:
            >>> one = CompiledLabelMap(np.array([7, 11]), np.array([9, 11]), np.array([0, IGNORE_INDEX]))
            >>> one.encode(np.array([[7, 8, 11]], dtype=np.uint8))
            array([[   0,    0, -100]])
        """
        nodes = self.lookup(raw)
        if not self.unlisted_ignored and self.tolerance is None and (nodes == UNKNOWN).any():
            raise UnknownRawIdError(self.unknown(raw), colors=self.colors)
        return nodes.astype(np.int64)

    def lookup(self, raw: NDArray[Any]) -> NDArray[np.int32]:
        """As `encode`, but int32 and with -1 for an unknown value instead of an error."""
        kind = "colours" if self.colors else "raw ids"
        if not np.issubdtype(raw.dtype, np.integer):
            raise ValueError(f"{kind} are integers, not {raw.dtype}")
        if self.colors and raw.dtype == np.uint8:
            if raw.ndim == 0 or raw.shape[-1] != 3:
                raise ValueError(f"colours of 8 bits have shape (..., 3), not {raw.shape}")
        elif raw.dtype not in (np.uint8, np.uint16) and raw.size:
            low, high = raw.min(), raw.max()
            if low < 0 or high >= self._limit:
                raise ValueError(f"{kind} are 0 to {self._limit - 1}; these are {low} to {high}")
        return self._color_table.lookup(raw) if self.colors else self._id_table.take(raw)

    def unknown(self, raw: NDArray[Any]) -> dict[int, int]:
        """Pixels by raw id, or packed colour, that is not listed, ascending; empty when the map fits."""
        missing = raw[self.lookup(raw) == UNKNOWN]
        if self.colors and raw.dtype == np.uint8:
            missing = pack(missing)
        values, counts = np.unique(missing, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    def decode(self, nodes: NDArray[Any]) -> NDArray[Any]:
        """Raw values of node indices: of each node its first listed one.

        Args:
            nodes: Node indices or `IGNORE_INDEX`, any shape.

        Returns:
            Raw ids, uint8 where all ids of the map fit, else uint16; of a map of colours sRGB, shape (..., 3),
            uint8. An ignored pixel becomes the first ignored value of the map; where there is none, 255 or
            black, unless that is a class.

        Raises:
            ValueError: A node, or what is ignored, has no raw value in this map.
        """
        present, inverse = np.unique(nodes, return_inverse=True)
        values = np.empty(present.shape, dtype=np.int64)
        for i, node in enumerate(present.tolist()):  # over the few nodes present, not over pixels
            listed = np.flatnonzero(self.nodes == node)
            if listed.size:
                values[i] = self.first[listed[0]]
            elif node == IGNORE_INDEX:
                values[i] = self._void()
            else:
                kind = "colour" if self.colors else "raw id"
                raise ValueError(f"node index {node} has no {kind} in this label map")
        raw = values[inverse].reshape(nodes.shape)
        if self.colors:
            return unpack(raw)
        wide = max(int(self.last.max(initial=0)), int(values.max(initial=0))) > np.iinfo(np.uint8).max
        return raw.astype(np.uint16 if wide else np.uint8)

    def _void(self) -> int:
        """What stands for ignored pixels in a map that lists none."""
        void, called = (0, "black") if self.colors else (VOID_ID, str(VOID_ID))
        if self.lookup(np.array(void)) >= 0:
            kind = "colour" if self.colors else "id"
            raise ValueError(
                f"this label map has no {kind} for ignored pixels: {called} is the {kind} of a class"
            )
        return void
