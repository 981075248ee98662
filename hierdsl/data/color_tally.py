"""Pixels and images of each colour, over many label images; and how far colours are from the listed ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hierdsl.compiler.color_table import COLORS, ColorTable, nearest
from hierdsl.data.labelled_tree import IGNORED, UNKNOWN, LabelledTree
from hierdsl.data.tally import Seen

_EXAMPLES = 3


class ColorTally:
    """Counts of colours. Its tables have an entry for every colour there is; only pages that are used take memory."""

    def __init__(self, tree: LabelledTree) -> None:
        self._listed = np.array([first for first, _, _ in tree.ranges], dtype=np.int64)
        nodes = np.array([node for _, _, node in tree.ranges], dtype=np.int64)
        unlisted = IGNORED if tree.unlisted_ignored else UNKNOWN
        self._table = ColorTable(self._listed, nodes, tree.tolerance, unlisted)
        self._pixels = np.zeros(COLORS, dtype=np.int64)
        self._images = np.zeros(COLORS, dtype=np.int32)
        self._examples = [np.zeros(COLORS, dtype=np.int32) for _ in range(_EXAMPLES)]

    def add(self, image: int, values: tuple[Any, Any]) -> set[int]:
        """Count the colours of an image, each given once with its pixels."""
        colors, pixels = (np.asarray(column, dtype=np.int64) for column in values)
        self._pixels[colors] += pixels
        before = self._images[colors]
        for place, examples in enumerate(self._examples):
            examples[colors[before == place]] = image
        self._images[colors] = before + 1
        return set(np.unique(self._table.lookup(colors)).tolist())

    def seen(self) -> Iterator[Seen]:
        """All colours that occur."""
        colors = np.flatnonzero(self._images)
        columns = (colors, self._table.lookup(colors), self._pixels[colors], self._images[colors])
        examples = np.stack([column[colors] for column in self._examples], axis=1)
        for raw, node, pixels, images, first in zip(
            *(column.tolist() for column in columns), examples.tolist(), strict=True
        ):
            yield Seen(raw, node, pixels, images, tuple(first[:images]))


def distances(colors: Sequence[int], listed: Sequence[int]) -> list[float]:
    """The RGB distance of each colour from the nearest listed one."""
    far: list[float] = nearest(np.array(colors, dtype=np.int64), np.array(listed, dtype=np.int64))[1].tolist()
    return far
