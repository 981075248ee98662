"""Raw ids of annotation images to node indices and back, by table look-up."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

IGNORE_INDEX = -100
"""What stands for "no target" in an index tensor, as in PyTorch."""

_UNKNOWN = -1
_MAX_IDS = 65536
VOID_ID = 255
"""What `decode` writes for an ignored pixel where the map lists no ignored id."""


class UnknownRawIdError(ValueError):
    """A label image holds raw ids that the label map does not list.

    Attributes:
        counts: Pixels by unknown raw id, ascending.
    """

    def __init__(self, counts: Mapping[int, int]) -> None:
        self.counts = dict(counts)
        listed = ", ".join(f"{raw} ({count} px)" for raw, count in self.counts.items())
        super().__init__(f"raw ids that the label map does not list: {listed}")


@dataclass(frozen=True)
class CompiledLabelMap:
    """A table raw id -> node index.

    Attributes:
        raw_ids: Listed raw ids, shape (K,), int64, in file order.
        nodes: Node index of each, shape (K,), int64; `IGNORE_INDEX` for an ignored id.
        unlisted_ignored: Whether an id that is not listed is ignored instead of an error.
    """

    raw_ids: NDArray[np.int64]
    nodes: NDArray[np.int64]
    unlisted_ignored: bool = False

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        table = np.full(_MAX_IDS, IGNORE_INDEX if self.unlisted_ignored else _UNKNOWN, dtype=np.int32)
        table[self.raw_ids] = self.nodes
        return table

    def encode(self, raw: NDArray[Any]) -> NDArray[np.int64]:
        """Node indices of raw ids.

        Args:
            raw: Raw ids, any shape, an integer type of values 0 to 65535.

        Returns:
            Node indices of the shape of `raw`, int64; ignored ids become `IGNORE_INDEX`.

        Raises:
            UnknownRawIdError: Some ids are not listed; it carries their pixel counts.
            ValueError: `raw` is no integer array, or has values outside 0 to 65535.

        Example:
            >>> maps = CompiledLabelMap(np.array([7, 11]), np.array([0, IGNORE_INDEX]))
            >>> maps.encode(np.array([[7, 11]], dtype=np.uint8))
            array([[   0, -100]])
        """
        nodes = self.lookup(raw)
        if not self.unlisted_ignored and (nodes == _UNKNOWN).any():
            raise UnknownRawIdError(self.unknown(raw))
        return nodes.astype(np.int64)

    def lookup(self, raw: NDArray[Any]) -> NDArray[np.int32]:
        """As `encode`, but int32 and with -1 for an unknown id instead of an error."""
        if not np.issubdtype(raw.dtype, np.integer):
            raise ValueError(f"raw ids are integers, not {raw.dtype}")
        if raw.dtype not in (np.uint8, np.uint16) and raw.size and (raw.min() < 0 or raw.max() >= _MAX_IDS):
            raise ValueError(f"raw ids are 0 to {_MAX_IDS - 1}; these are {raw.min()} to {raw.max()}")
        return self._table.take(raw)

    def unknown(self, raw: NDArray[Any]) -> dict[int, int]:
        """Pixels by raw id that is not listed, ascending; empty when the map fits."""
        ids, counts = np.unique(raw[self.lookup(raw) == _UNKNOWN], return_counts=True)
        return dict(zip(ids.tolist(), counts.tolist(), strict=True))

    def decode(self, nodes: NDArray[Any]) -> NDArray[Any]:
        """Raw ids of node indices: of each node its first listed id.

        Args:
            nodes: Node indices or `IGNORE_INDEX`, any shape.

        Returns:
            Raw ids, uint8 where all ids of the map fit, else uint16. An ignored pixel becomes the first
            ignored id of the map, 255 where there is none and no class has it.

        Raises:
            ValueError: A node, or what is ignored, has no id in this map.
        """
        present, inverse = np.unique(nodes, return_inverse=True)
        ids = np.empty(present.shape, dtype=np.int64)
        for i, node in enumerate(present.tolist()):  # over the few nodes present, not over pixels
            listed = self.raw_ids[self.nodes == node]
            if listed.size:
                ids[i] = listed[0]
            elif node == IGNORE_INDEX and VOID_ID not in self.raw_ids:
                ids[i] = VOID_ID
            elif node == IGNORE_INDEX:
                raise ValueError(
                    f"this label map has no id for ignored pixels: {VOID_ID} is the id of a class"
                )
            else:
                raise ValueError(f"node index {node} has no raw id in this label map")
        wide = max(int(self.raw_ids.max(initial=0)), int(ids.max(initial=0))) > np.iinfo(np.uint8).max
        return ids[inverse].reshape(nodes.shape).astype(np.uint16 if wide else np.uint8)
