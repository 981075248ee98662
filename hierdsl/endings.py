"""Which nodes of a tree the references of a file could mean, all of them found in one walk down the tree.

A reference is the end of a path. One by one they would have to look through all nodes of a frequent name, or through
all ends of a length; so all are sought at once, as Aho and Corasick (1975) seek many words in one text, the paths
from the root being the texts. The walk back that a name can cost is no longer than the path that it ends.
"""

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import NamedTuple

from hierdsl.syntax import Reference

SHOWN = 50
"""Nodes that are listed of those that a reference could mean; the others are counted only."""


class Found(NamedTuple):
    """How many nodes a reference could mean, and the positions of the first of them, up to `SHOWN`."""

    total: int
    first: Sequence[int]


NOTHING = Found(0, ())


class Endings:
    """The references of a file and the nodes that each could mean."""

    def __init__(
        self,
        names: Sequence[str],
        parents: Sequence[int],
        references: Iterable[Reference],
        walk: Iterable[int] | None = None,
    ) -> None:
        """Look for the references.

        Args:
            names: Of the nodes, in the order in which they are listed.
            parents: For each node the position of its parent, -1 for a top node.
            references: What to look for.
            walk: All positions, parents before children, where that is another order.
        """
        self._next: dict[tuple[int, str | None], int] = {}
        lengths = [0]
        for reference in references:
            state = 0
            for part in _parts(reference):
                length = lengths[state] + 1
                state = self._next.setdefault((state, part), len(lengths))
                if state == len(lengths):
                    lengths.append(length)
        self._shorter = self._shorter_ends(lengths)
        self._counts = [0] * len(lengths)
        self._first: list[list[int]] = [[] for _ in lengths]
        self._walk(names, parents, range(len(names)) if walk is None else walk)
        # what ends with a reference ends with each shorter end of it
        for state in sorted(range(1, len(lengths)), key=lengths.__getitem__, reverse=True):
            shorter = self._shorter[state]
            if self._counts[state] and shorter:
                self._counts[shorter] += self._counts[state]
                both = merge(self._first[shorter], self._first[state])
                self._first[shorter] = list(islice(both, SHOWN))

    def find(self, reference: Reference) -> Found | None:
        """The nodes that a reference could mean; None if it was not among those that were looked for."""
        state = 0
        for part in _parts(reference):
            longer = self._next.get((state, part))
            if longer is None:
                return None
            state = longer
        return Found(self._counts[state], self._first[state])

    def _shorter_ends(self, lengths: list[int]) -> list[int]:
        """For each beginning of a reference its longest true end that is the beginning of one too."""
        shorter = [0] * len(lengths)
        for (state, part), longer in sorted(self._next.items(), key=lambda item: lengths[item[1]]):
            if state:
                shorter[longer] = self._step(shorter[state], part, shorter)
        return shorter

    def _step(self, state: int, part: str | None, shorter: list[int]) -> int:
        known = self._next
        while state and (state, part) not in known:
            state = shorter[state]
        return known.get((state, part), 0)

    def _walk(self, names: Sequence[str], parents: Sequence[int], walk: Iterable[int]) -> None:
        """Note at each node the longest beginning of a reference that its path ends with."""
        sought = {part for _, part in self._next}
        top = self._next.get((0, None), 0)
        states = [0] * len(names)
        for position in walk:
            name = names[position]
            if name in sought:
                parent = parents[position]
                states[position] = self._step(states[parent] if parent >= 0 else top, name, self._shorter)
        for position, state in enumerate(states):
            self._counts[state] += 1
            if len(self._first[state]) < SHOWN:
                self._first[state].append(position)


def _parts(reference: Reference) -> tuple[str | None, ...]:
    """Its names; the root, which has none, is None."""
    return (None, *reference.parts) if reference.anchored else reference.parts
