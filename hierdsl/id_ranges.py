"""Which listed range of ids counts, where several say something about one id: the first.

Intervals and not single ids: a file may list 0..65535 a thousand times, and that must cost it a thousand steps.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from hierdsl.source import Source
from hierdsl.syntax import IdRange


class Use(NamedTuple):
    """A listed range of ids and what it stands for: the position of a node, or -1 for ignored pixels."""

    ids: IdRange
    node: int
    source: Source


class Collision(NamedTuple):
    """Two uses of the ids first..last, in the order of the file."""

    old: Use
    new: Use
    first: int
    last: int


class Ranges(NamedTuple):
    """Disjoint ranges of ids, each with the use that counts, in file order; and what was listed twice."""

    pieces: list[tuple[int, int, Use]]
    collisions: list[Collision]


def disjoint(uses: Iterable[Use], limit: int) -> Ranges:
    """The ranges of a label map, each id once.

    Args:
        uses: In file order. Ranges that go downwards or beyond `limit` are left out, as are wrong colours.
        limit: The largest id.
    """
    result = Ranges([], [])
    ids, colors = _Taken(), dict[int, Use]()
    for use in uses:
        first, last, _, is_color = use.ids
        if not 0 <= first <= last:
            continue
        if is_color:  # single values, of which there can be millions
            old = colors.setdefault(first, use)
            if old is use:
                result.pieces.append((first, last, use))
            else:
                result.collisions.append(Collision(old, use, first, first))
        elif last <= limit:
            ids.add(use, result)
    return result


class _Taken:
    """The ids that are taken: as merged intervals, and with their uses."""

    def __init__(self) -> None:
        self.starts: list[int] = []  # of the merged intervals, sorted
        self.ends: list[int] = []
        self.owner_starts: list[int] = []  # of the pieces, sorted
        self.owners: list[Use] = []

    def add(self, use: Use, result: Ranges) -> None:
        """Give the free ids of a range to its use, and note the first that is not free."""
        first, last = use.ids.first, use.ids.last
        if not self.ends or first > self.ends[-1]:  # the usual case: ids go upwards
            if self.ends and first == self.ends[-1] + 1:
                self.ends[-1] = last
            else:
                self.starts.append(first)
                self.ends.append(last)
            self.owner_starts.append(first)
            self.owners.append(use)
            result.pieces.append((first, last, use))
            return
        low = bisect_right(self.starts, first)
        if low and self.ends[low - 1] >= first - 1:  # touches the interval before it
            low -= 1
        high = bisect_right(self.starts, last + 1)
        taken = next(
            (max(first, self.starts[i]) for i in range(low, high) if self._overlaps(i, first, last)), None
        )
        if taken is not None:
            old = self.owners[bisect_right(self.owner_starts, taken) - 1]
            result.collisions.append(Collision(old, use, taken, min(last, old.ids.last)))
        free = first
        for i in range(low, high):
            if self.starts[i] > free:
                self._own(free, self.starts[i] - 1, use, result)
            free = max(free, self.ends[i] + 1)
        if free <= last:
            self._own(free, last, use, result)
        start = min([first, *self.starts[low:high][:1]])
        end = max([last, *self.ends[low:high][-1:]])
        self.starts[low:high], self.ends[low:high] = [start], [end]

    def _overlaps(self, i: int, first: int, last: int) -> bool:
        return self.starts[i] <= last and self.ends[i] >= first

    def _own(self, first: int, last: int, use: Use, result: Ranges) -> None:
        at = bisect_right(self.owner_starts, first)
        self.owner_starts.insert(at, first)
        self.owners.insert(at, use)
        result.pieces.append((first, last, use))
