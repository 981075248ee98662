"""What edits took away, so that a later reference to it can be told which edit that was."""

from collections import defaultdict

from hierdsl.compose.twig import Twig
from hierdsl.diagnostics import Annotation
from hierdsl.syntax import Reference

_PARTS, _NODES = 16, 4
"""How many names of a reference, from its end, and how many gone nodes of each are looked at, the latest first."""


class History:
    """The nodes that can no longer be referred to as they could before.

    Nothing is looked up before the first reference that names no node, so that right edits do not pay for it.
    """

    def __init__(self) -> None:
        self._gone: defaultdict[str, list[tuple[Twig, Annotation]]] = defaultdict(list)
        self._parts: list[tuple[Twig, Annotation]] = []
        self._above: dict[Twig, Twig] = {}
        self._read = 0

    def call_otherwise(self, twig: Twig, edit: Annotation) -> None:
        """A node is about to get another name, or another place in the tree."""
        if twig.parent is not None:
            self._gone[twig.name.text].append((twig.parent, edit))

    def leave(self, twig: Twig, edit: Annotation, *, alone: bool = False) -> None:
        """A node is about to leave, with all below it or alone."""
        if twig.parent is not None:
            self._above[twig] = twig.parent
            self._gone[twig.name.text].append((twig.parent, edit))
            if not alone:
                self._parts.append((twig, edit))

    def add(self, other: "History") -> None:
        """What another section did before."""
        for name, gone in other._gone.items():  # noqa: SLF001 - of its own class
            self._gone[name] += gone
        self._parts += other._parts  # noqa: SLF001
        self._above |= other._above  # noqa: SLF001

    def explain(self, reference: Reference) -> tuple[Annotation, ...]:
        """The edit since which a reference names no node, if there is one."""
        while self._read < len(self._parts):
            top, edit = self._parts[self._read]
            self._read += 1
            for twig in top.below():
                if twig is not top and twig.parent is not None:
                    self._gone[twig.name.text].append((twig.parent, edit))
        parts = reference.parts
        for place in range(len(parts) - 1, max(len(parts) - _PARTS, 0) - 1, -1):
            for parent, edit in self._gone.get(parts[place], ())[-1 : -_NODES - 1 : -1]:
                if self._fits(parent, parts[:place], anchored=reference.anchored):
                    return (edit,)
        return ()

    def _fits(self, twig: Twig | None, above: tuple[str, ...], *, anchored: bool) -> bool:
        for part in reversed(above):
            if twig is None or twig.name.text != part:
                return False
            twig = twig.parent or self._above.get(twig)
        return not anchored or (twig is not None and twig.decl is None)
