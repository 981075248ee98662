"""Which nodes of a tree the references of a file could mean, all of them found in one walk down the tree.

A reference is the end of a path. One by one they would have to look through all nodes of a frequent name, or through
all ends of a length; so all are sought at once, as Aho and Corasick (1975) seek many words in one text, the paths
from the root being the texts. The walk back that a name can cost is no longer than the path that it ends.
"""

from array import array
from collections.abc import Iterable, Sequence
from heapq import nsmallest
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
    ) -> None:
        """Look for the references.

        Args:
            names: Of the nodes, parents before children.
            parents: For each node the position of its parent, -1 for a top node.
            references: What to look for.
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
        own = self._walk(names, parents)
        self._positions = array("q")
        self._ranges = [(0, 0)] * len(lengths)
        self._line_up(own)
        self._first: dict[int, list[int]] = {}

    def find(self, reference: Reference) -> Found | None:
        """The nodes that a reference could mean; None if it was not among those that were looked for."""
        state = self._state(reference)
        if state is None:
            return None
        begin, end = self._ranges[state]
        if state not in self._first:
            self._first[state] = nsmallest(SHOWN, self._positions[begin:end])
        return Found(end - begin, self._first[state])

    def all(self, reference: Reference) -> Sequence[int] | None:
        """The positions of all nodes that a reference could mean, in no order; nothing is copied."""
        state = self._state(reference)
        return None if state is None else memoryview(self._positions)[slice(*self._ranges[state])]

    def _state(self, reference: Reference) -> int | None:
        state = 0
        for part in _parts(reference):
            longer = self._next.get((state, part))
            if longer is None:
                return None
            state = longer
        return state

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

    def _walk(self, names: Sequence[str], parents: Sequence[int]) -> list[list[int]]:
        """The positions for each beginning of a reference: of the nodes whose paths end with no longer one."""
        sought = {part for _, part in self._next}
        top = self._next.get((0, None), 0)
        states: list[int] = []
        own: list[list[int]] = [[] for _ in self._shorter]
        for position, name in enumerate(names):
            state = 0
            if name in sought:
                parent = parents[position]
                state = self._step(states[parent] if parent >= 0 else top, name, self._shorter)
                own[state].append(position)
            states.append(state)
        return own

    def _line_up(self, own: list[list[int]]) -> None:
        """Put all positions in a row in which those that a reference could mean stand side by side.

        What ends with a beginning of a reference ends with each shorter end of that too: these form a tree, and the
        row goes through it depth first.
        """
        longer: list[list[int]] = [[] for _ in own]
        for state, shorter in enumerate(self._shorter[1:], 1):
            longer[shorter].append(state)
        stack = [(0, False)]
        while stack:
            state, is_done = stack.pop()
            if is_done:
                self._ranges[state] = self._ranges[state][0], len(self._positions)
                continue
            self._ranges[state] = len(self._positions), 0
            self._positions.extend(own[state])
            stack.append((state, True))
            stack += [(each, False) for each in longer[state]]


def _parts(reference: Reference) -> tuple[str | None, ...]:
    """Its names; the root, which has none, is None."""
    return (None, *reference.parts) if reference.anchored else reference.parts
