"""Does a label map fit label images? Counts, and what does not fit with the line that mends it."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hierdsl.data.content import Content
from hierdsl.data.error import DataError
from hierdsl.data.labelled_tree import IGNORED, UNKNOWN, LabelledTree
from hierdsl.data.mend import TOLERANCE, ignore_line, in_file, is_border, joined
from hierdsl.data.tally import IdTally, Seen, Tally

BOUNDS = (0, 8, 16, 24, 32, 48, 64, 96)
"""Distances up to which the pixels of a map of colours are counted."""


@dataclass(frozen=True)
class Fit:
    """What label images hold, as a label map reads it.

    Attributes:
        tree: The tree with its label map.
        images: Number of label images that could be read.
        unreadable: The rest, each with what is wrong.
        direct: Pixels of each node itself.
        pixels: Pixels of each node and of those below it.
        node_images: Images in which a node, or one below it, occurs.
        ignored: Pixels that are ignored.
        unknown: Values that the map does not list, those of most pixels first.
        unknown_distances: Of unknown colours, in that order, the distance from the nearest listed one.
        by_distance: Of a map of colours, pixels by distance: up to each of `BOUNDS`, the last for those beyond.
        unseen: Listed values that occur nowhere, as a file writes them.
        paths: The label images; `Seen.examples` are positions in it.
    """

    tree: LabelledTree
    images: int
    unreadable: tuple[tuple[Path, str], ...]
    direct: tuple[int, ...]
    pixels: tuple[int, ...]
    node_images: tuple[int, ...]
    ignored: int
    unknown: tuple[Seen, ...]
    unknown_distances: tuple[float, ...]
    by_distance: tuple[int, ...]
    unseen: tuple[str, ...]
    paths: tuple[Path, ...]

    @property
    def fits(self) -> bool:
        """Whether every image could be read and every value is listed."""
        return not self.unknown and not self.unreadable

    @property
    def labelled(self) -> int:
        """Pixels that are labelled with a node."""
        return sum(self.direct)

    @property
    def unknown_pixels(self) -> int:
        """Pixels of values that the map does not list."""
        return sum(seen.pixels for seen in self.unknown)

    @property
    def total(self) -> int:
        """All pixels."""
        return self.labelled + self.ignored + self.unknown_pixels

    @property
    def never_seen(self) -> list[int]:
        """Classes without a pixel."""
        return [leaf for leaf in self.tree.leaves if not self.pixels[leaf]]

    @cached_property
    def ignore_mend(self) -> str:
        """The line that would mend all unknown values, `ignore = ..` or `tolerance 24`; empty if there is none."""
        if not self.unknown:
            return ""
        if self.tree.colors:
            pixels = {seen.raw: seen.pixels for seen in self.unknown}
            if is_border(pixels, dict(zip(pixels, self.unknown_distances, strict=True))):
                return f"tolerance {TOLERANCE}"
        return ignore_line([seen.raw for seen in self.unknown], colors=self.tree.colors)

    def mends(self, seen: Seen) -> tuple[str, str]:
        """The two lines that would mend one unknown value."""
        written = in_file(seen.raw, colors=self.tree.colors)
        return f"ignore = {written}", f"NAME = {written}"


class Counting:
    """Gathers a `Fit`, image by image.

    Args:
        tree: The tree with its label map.
        paths: The label images.
    """

    def __init__(self, tree: LabelledTree, paths: list[Path]) -> None:
        self._tree, self._paths = tree, paths
        self._tally: Tally
        if tree.colors:
            from hierdsl.data.color_tally import ColorTally  # noqa: PLC0415 - NumPy, which ids have no use for

            self._tally = ColorTally(tree)
        else:
            self._tally = IdTally(tree)
        self._images = 0
        self._node_images = [0] * len(tree.names)
        self._unreadable: list[tuple[Path, str]] = []

    def add(self, image: int, content: Content) -> None:
        """Count what image number `image` holds."""
        path = self._paths[image]
        try:
            values = content.demand(path, colors=self._tree.colors)
        except DataError as error:
            self._unreadable.append((path, str(error)))
            return
        self._images += 1
        occur: set[int] = set()
        for node in self._tally.add(image, values):
            while node >= 0 and node not in occur:  # and all above it
                occur.add(node)
                node = self._tree.parents[node]  # noqa: PLW2901 - a walk
        for node in occur:
            self._node_images[node] += 1

    def done(self) -> Fit:
        """What was counted."""
        tree = self._tree
        seen = list(self._tally.seen())
        direct = [0] * len(tree.names)
        for value in seen:
            if value.node >= 0:
                direct[value.node] += value.pixels
        pixels = list(direct)
        for position in reversed(range(len(pixels))):  # children before their parents
            if tree.parents[position] >= 0:
                pixels[tree.parents[position]] += pixels[position]
        unknown = sorted(
            (value for value in seen if value.node == UNKNOWN), key=lambda value: (-value.pixels, value.raw)
        )
        distances = self._distances([value.raw for value in seen])
        by_distance = [0] * (len(BOUNDS) + 1)
        for value in seen if tree.colors else ():
            by_distance[bisect_left(BOUNDS, distances[value.raw])] += value.pixels
        return Fit(
            tree=tree,
            images=self._images,
            unreadable=tuple(self._unreadable),
            direct=tuple(direct),
            pixels=tuple(pixels),
            node_images=tuple(self._node_images),
            ignored=sum(value.pixels for value in seen if value.node == IGNORED),
            unknown=tuple(unknown),
            unknown_distances=tuple(distances[value.raw] for value in unknown) if tree.colors else (),
            by_distance=tuple(by_distance) if tree.colors else (),
            unseen=self._unseen({value.raw for value in seen}),
            paths=tuple(self._paths),
        )

    def _distances(self, raws: list[int]) -> dict[int, float]:
        if not self._tree.colors:
            return {}
        from hierdsl.data.color_tally import distances  # noqa: PLC0415 - as above

        return dict(zip(raws, distances(raws, [first for first, _, _ in self._tree.ranges]), strict=True))

    def _unseen(self, raws: set[int]) -> tuple[str, ...]:
        listed = (raw for first, last, _ in self._tree.ranges for raw in range(first, last + 1))
        missing = sorted(raw for raw in listed if raw not in raws)
        if self._tree.colors:
            return tuple(in_file(raw, colors=True) for raw in missing)
        return tuple(joined(missing))
