"""Pixels and images of each raw value and of each node, over many label images."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from hierdsl.data.labelled_tree import IGNORED, UNKNOWN, LabelledTree

_EXAMPLES = 3


class Seen(NamedTuple):
    """A raw value that occurs.

    Attributes:
        raw: The id, or the packed colour.
        node: Position of the node that it means, `IGNORED` or `UNKNOWN`.
        pixels: With this value.
        images: That hold it.
        examples: Positions of the first of them.
    """

    raw: int
    node: int
    pixels: int
    images: int
    examples: tuple[int, ...]


class Tally(Protocol):
    """Counts of raw values."""

    def add(self, image: int, values: Any) -> set[int]:
        """Count the values of an image; the nodes (or `IGNORED`, `UNKNOWN`) that occur in it."""
        ...

    def seen(self) -> Iterator[Seen]:
        """All values that occur, ascending."""
        ...


class IdTally:
    """Counts of ids, without NumPy."""

    def __init__(self, tree: LabelledTree) -> None:
        unlisted = IGNORED if tree.unlisted_ignored else UNKNOWN
        self._node = [unlisted] * 65536
        for first, last, node in tree.ranges:
            self._node[first : last + 1] = [node] * (last + 1 - first)
        self._pixels: dict[int, int] = {}
        self._images: dict[int, int] = {}
        self._examples: dict[int, list[int]] = {}

    def add(self, image: int, values: list[tuple[int, int]]) -> set[int]:
        """Count the ids of an image."""
        for raw, pixels in values:
            self._pixels[raw] = self._pixels.get(raw, 0) + pixels
            self._images[raw] = self._images.get(raw, 0) + 1
            examples = self._examples.setdefault(raw, [])
            if len(examples) < _EXAMPLES:
                examples.append(image)
        return {self._node[raw] for raw, _ in values}

    def seen(self) -> Iterator[Seen]:
        """All ids that occur."""
        for raw, pixels in sorted(self._pixels.items()):
            yield Seen(raw, self._node[raw], pixels, self._images[raw], tuple(self._examples[raw]))
