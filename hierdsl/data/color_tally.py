"""Pixels and images of each colour, over many label images; and how far colours are from the listed ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hierdsl.compiler.color_table import COLORS, ColorTable, nearest
from hierdsl.data.labelled_tree import IGNORED, UNKNOWN, LabelledTree
from hierdsl.data.tally import Seen

_EXAMPLES = 3
_COLUMNS = 3 + _EXAMPLES
"""Colour, pixels, images, and the first images."""


class ColorTally:
    """Counts of colours: a table of all there are says which row of the counts is whose."""

    def __init__(self, tree: LabelledTree) -> None:
        listed = np.array([first for first, _, _ in tree.ranges], dtype=np.int64)
        nodes = np.array([node for _, _, node in tree.ranges], dtype=np.int64)
        unlisted = IGNORED if tree.unlisted_ignored else UNKNOWN
        self._table = ColorTable(listed, nodes, tree.tolerance, unlisted)
        self._row = np.zeros(
            COLORS, dtype=np.int32
        )  # only pages that are used take memory; row 0 is nobody's
        self._used = 1
        self._counts = np.zeros((1024, _COLUMNS), dtype=np.int64)

    def add(self, image: int, values: tuple[Any, Any]) -> set[int]:
        """Count the colours of an image, each given once with its pixels."""
        colors, pixels = (np.asarray(column, dtype=np.int64) for column in values)
        rows = self._row[colors]
        fresh = np.flatnonzero(rows == 0)
        rows[fresh] = np.arange(self._used, self._used + len(fresh))
        self._row[colors[fresh]] = rows[fresh]
        self._used += len(fresh)
        if self._used > len(self._counts):
            more = np.zeros((max(self._used, len(self._counts)), _COLUMNS), dtype=np.int64)
            self._counts = np.concatenate([self._counts, more])
        self._counts[rows[fresh], 0] = colors[fresh]
        self._counts[rows, 1] += pixels
        before = self._counts[rows, 2]
        for place in range(_EXAMPLES):
            self._counts[rows[before == place], 3 + place] = image
        self._counts[rows, 2] = before + 1
        return set(np.unique(self._table.lookup(colors)).tolist())

    def seen(self) -> Iterator[Seen]:
        """All colours that occur."""
        counts = self._counts[1 : self._used]
        counts = counts[np.argsort(counts[:, 0])]
        nodes = self._table.lookup(counts[:, 0]).tolist()
        for node, (raw, pixels, images, *examples) in zip(nodes, counts.tolist(), strict=True):
            yield Seen(raw, node, pixels, images, tuple(examples[:images]))


def distances(colors: Sequence[int], listed: Sequence[int]) -> list[float]:
    """The RGB distance of each colour from the nearest listed one."""
    far: list[float] = nearest(np.array(colors, dtype=np.int64), np.array(listed, dtype=np.int64))[1].tolist()
    return far
