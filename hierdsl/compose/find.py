"""The nodes that a reference could mean, in a tree that is being changed.

A path of several names is looked for at the nodes of its rarest name, and what was found holds, less what is dropped,
until a node of one of its names is renamed, merged or moved. Where all names are frequent that costs too much; then,
once as much was spent on it as a walk through the tree costs, all references are looked for in one such walk. What it
found is held against the tree as it is now: a node that has come to fit since has one on its path that was changed.

Of a reference with many nodes, which is an error, all are counted; once more of them were counted than a few walks
would cost, it is only seen that there are too many to list.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from hierdsl.compose.names import Names
from hierdsl.compose.twig import Twig
from hierdsl.endings import Endings
from hierdsl.syntax import Reference

MANY = 5
"""Nodes that are listed of those that a reference could mean; the others are counted only."""

_Key = tuple[tuple[str, ...], bool]
"""A reference as far as its meaning goes."""


class Nodes(NamedTuple):
    """How many nodes a reference could mean, and the first of them, in the order in which they came in.

    Where they were too often too many to count, `more` is true: `total` is `MANY`, and any so many are the first.
    """

    total: int
    first: list[Twig]
    more: bool = False


class _Walk(NamedTuple):
    """What one walk through the tree found, and the nodes that were changed since, by name."""

    twigs: list[Twig]
    endings: Endings
    changed: defaultdict[str, dict[Twig, None]]


class Finder:
    """The nodes of a tree, by references.

    Attributes:
        edits: Counts the changes of the tree.
    """

    def __init__(self, root: Twig, references: Iterable[Reference]) -> None:
        """The nodes below a root, which come in by `add`; `references` are those that will be asked for."""
        self._root = root
        self._references = [each for each in references if len(each.parts) > 1 and not each.anchored]
        self._cost = sum(len(each.parts) for each in self._references)
        self._names = Names()
        self._size = 0
        self.edits = 0
        self._touched: dict[str, int] = {}
        self._known: dict[_Key, tuple[int, OrderedDict[Twig, None]]] = {}
        self._known_by: defaultdict[Twig, dict[int, OrderedDict[Twig, None]]] = defaultdict(dict)
        self._spent = 0
        self._counted = 0  # of ambiguous references
        self._walk: _Walk | None = None

    def add(self, twig: Twig) -> None:
        """A node has come in, or has got the name that it has."""
        self._names.add(twig)
        self._size += 1
        self._touch(twig)

    def remove(self, twig: Twig) -> None:
        """A node has left, but not what was below it; or it is about to get another name."""
        self._names.remove(twig)
        self._size -= 1
        self._touch(twig)

    def drop(self, twig: Twig) -> None:
        """A node has left, and so does all that is below it."""
        self._names.remove(twig)
        self._size -= 1
        self.edits += 1
        for nodes in self._known_by.pop(twig, {}).values():
            nodes.pop(twig, None)

    def moved(self, twig: Twig) -> None:
        """A node has got another parent, another name, or children that had another parent."""
        self._touch(twig)
        if self._walk is not None:
            self._walk.changed[twig.name.text][twig] = None

    def start_again(self) -> None:
        """Many nodes have come in: what an earlier walk found is of no use."""
        self._walk = None

    def __contains__(self, twig: Twig) -> bool:
        return twig in self._names

    def names(self) -> list[str]:
        """All names, for suggestions."""
        return self._names.known()

    def find(self, reference: Reference, *, whole: bool = False) -> Nodes:
        """The nodes that a reference could mean; with `whole` the root of a used file can be one, by its name."""
        parts = reference.parts
        if len(parts) == 1 and not reference.anchored:
            there = self._names.get(parts[0])
            if not whole and self._root in there:
                first = [twig for twig in islice(there, MANY + 1) if twig is not self._root]
                return Nodes(len(there) - 1, first[:MANY])
            return Nodes(len(there), list(islice(there, MANY)))
        key = parts, reference.anchored
        when, nodes = self._known.get(key, (-1, OrderedDict()))
        if when < 0 or any(self._touched.get(part, 0) > when for part in parts):
            finding = self._find(reference)
            found = list(islice(finding, MANY + 1))
            if len(found) > MANY and self._counted > self._count_at_most():
                return Nodes(MANY, sorted(found[:MANY], key=_entered), more=True)
            found = sorted([*found, *finding], key=_entered)
            self._counted += len(found) if len(found) > MANY else 0
            nodes.clear()
            nodes.update(dict.fromkeys(found))
            self._known[key] = self.edits, nodes
            for twig in found:
                self._known_by[twig][id(nodes)] = nodes
        return Nodes(len(nodes), list(islice(nodes, MANY)))

    def _touch(self, twig: Twig) -> None:
        self.edits += 1
        self._touched[twig.name.text] = self.edits

    def _find(self, reference: Reference) -> Iterator[Twig]:
        """The nodes in any order, each as soon as it is found; what that costs is added to what was spent."""
        parts = reference.parts
        if reference.anchored:
            return self._down(self._root.called(parts[0]), parts[1:])
        frequencies = [len(self._names.get(part)) for part in parts]
        least = min(frequencies)
        if self._spent > self._patience():
            self._walk_through()
        if self._walk is not None and (found := self._walk.endings.all(reference)) is not None:
            cost = len(found) + sum(len(self._walk.changed.get(part, ())) for part in parts)
            if cost < least:
                return self._among(reference, (self._walk.twigs[each] for each in found), self._walk)
        rarest = frequencies.index(least)
        return self._at(reference, self._names.get(parts[rarest]), rarest)

    def _patience(self) -> int:
        """What may be spent before a walk is the better way: as much as that costs."""
        return self._size + self._cost

    def _count_at_most(self) -> int:
        """How many nodes of ambiguous references are counted in all."""
        return 10_000 + 4 * (self._size + self._cost)

    def _among(self, reference: Reference, found: Iterable[Twig], walk: _Walk) -> Iterator[Twig]:
        """What fits still of what a walk found, and what has come to fit since."""
        parts, fit = reference.parts, set[Twig]()
        starts: list[tuple[Iterable[Twig], int]] = [(found, len(parts) - 1)]
        starts += [(walk.changed.get(part, ()), place) for place, part in enumerate(parts)]
        if parts[0] == self._root.name.text:
            starts.append(((self._root,), 0))
        for twigs, place in starts:
            for twig in self._at(reference, (t for t in twigs if t in self._names), place):
                if twig not in fit:
                    fit.add(twig)
                    yield twig

    def _at(self, reference: Reference, twigs: Iterable[Twig], place: int) -> Iterator[Twig]:
        """The nodes that fit a reference whose name at `place` is that of one of these nodes."""
        above, below = reference.parts[place::-1], reference.parts[place + 1 :]
        for twig in twigs:
            self._spent += 1
            if _fits(twig, above):
                yield from self._down((twig,), below)

    def _down(self, twigs: Iterable[Twig], parts: Sequence[str]) -> Iterator[Twig]:
        """What lies below some nodes by these names."""
        ways = [iter(twigs)]
        while ways:
            twig = next(ways[-1], None)
            if twig is None:
                ways.pop()
            elif len(ways) > len(parts):
                yield twig
            else:
                self._spent += 1
                ways.append(iter(twig.called(parts[len(ways) - 1])))

    def _walk_through(self) -> None:
        """Look for all references at once in the tree as it is."""
        twigs = [twig for twig in self._root.below() if twig is not self._root]
        positions = {twig: position for position, twig in enumerate(twigs)}
        parents = [positions.get(twig.parent, -1) if twig.parent else -1 for twig in twigs]
        endings = Endings([twig.name.text for twig in twigs], parents, self._references)
        self._walk = _Walk(twigs, endings, defaultdict(dict))
        self._spent = 0


def _entered(twig: Twig) -> int:
    return twig.entered


def _fits(twig: Twig | None, above: Iterable[str]) -> bool:
    """Whether a node and those above it have these names."""
    for part in above:
        if twig is None or twig.name.text != part:
            return False
        twig = twig.parent
    return True
