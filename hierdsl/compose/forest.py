"""A tree that can be changed: nodes with children, found by their paths, and the ids and pairs that follow them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hierdsl.scope import MapScope, Scope, quote
from hierdsl.source import Source, Span
from hierdsl.syntax import IdRange, NodeDecl, Reference
from hierdsl.syntax.ast import Ident


class Twig:
    """A node: its declaration, its name now, its place; `into` is the node that took it up, if one did."""

    __slots__ = ("children", "decl", "into", "name", "parent", "source")

    def __init__(self, decl: NodeDecl | None, name: Ident, source: Source) -> None:
        self.decl = decl
        self.name = name
        self.source = source
        self.parent: Twig | None = None
        self.children: dict[Twig, None] = {}
        self.into: Twig | None = None

    def last(self) -> "Twig":
        """The node that this one is part of now; itself if it was never taken up."""
        end = self
        while end.into is not None:
            end = end.into
        while self.into is not None:  # so that a long way is gone once
            self.into, self = end, self.into  # noqa: PLW0642 - the node walks up
        return end

    def path(self) -> str:
        """As a reference would write it."""
        parts, twig = [], self
        while twig.parent is not None:
            parts.append(quote(twig.name.text))
            twig = twig.parent
        return "/".join(reversed(parts)) or quote(self.name.text)

    def below(self) -> Iterator["Twig"]:
        """This node and all below it, depth first."""
        stack = [self]
        while stack:
            twig = stack.pop()
            yield twig
            stack += reversed(twig.children)


@dataclass(slots=True)
class Listed:
    """A line of a label map, wherever its node goes; None for ignored pixels."""

    ids: IdRange
    twig: Twig | None
    source: Source


@dataclass(slots=True)
class Maps:
    """A label map on its way into another tree."""

    listed: list[Listed] = field(default_factory=list)
    has_star: bool = False
    tolerance: float | None = None


class Forest:
    """The tree of one file while it is changed.

    Attributes:
        root: The universal class; in a used tree it has the name of the file, and paths may start with it.
        label_maps: By name; "" for the default one.
        mirror: Pairs.
    """

    def __init__(self, scope: Scope, name: str | None) -> None:
        """The tree of a used file, called `name`; or for None that of the file itself.

        Of the file itself the ids of the tree's lines follow their nodes; its `labels` and `mirror` sections do
        not, since they speak of the tree as it is in the end.
        """
        source = scope.document.source
        self.root = Twig(None, Ident(name or "\0", Span(0, 0)), source)
        self._by_name: dict[str, dict[Twig, None]] = {}
        twigs: list[Twig] = []
        for node in scope.nodes:
            twig = Twig(node, node.name, node.source)
            self.attach(twig, twigs[node.parent] if node.parent >= 0 else self.root)
            twigs.append(twig)
        if name is not None:
            self._by_name.setdefault(name, {})[self.root] = None
        self.label_maps: dict[str, Maps] = {}
        self.mirror: list[tuple[Twig, Twig]] = []
        if name is not None:
            self.label_maps = {key: _listed(m, twigs) for key, m in scope.label_maps.items()}
            self.mirror = [(twigs[left], twigs[right]) for left, right in scope.mirror]
        elif own := [Listed(ids, twig, source) for twig in twigs if twig.decl for ids in twig.decl.ids]:
            self.label_maps[""] = Maps(own)
        self.size = len(twigs)

    def attach(self, twig: Twig, parent: Twig) -> None:
        """Put a node, with all below it, under another, behind what is there."""
        twig.parent = parent
        parent.children[twig] = None
        for each in twig.below():
            self._by_name.setdefault(each.name.text, {})[each] = None

    def detach(self, twig: Twig) -> None:
        """Take a node out, with all below it; it keeps its children."""
        if twig.parent is not None:
            del twig.parent.children[twig]
        twig.parent = None
        for each in twig.below():
            del self._by_name[each.name.text][each]

    def holds(self, twig: Twig) -> bool:
        """Whether a node is in the tree still."""
        return twig in self._by_name.get(twig.name.text, ())

    def rename(self, twig: Twig, name: Ident, source: Source) -> None:
        """Give a node another name, which stands in `source`."""
        del self._by_name[twig.name.text][twig]
        twig.name, twig.source = name, source
        self._by_name.setdefault(name.text, {})[twig] = None

    def absorb(self, twig: Twig, others: Iterable[Twig]) -> None:
        """Detached nodes become part of a node: what was said of them is said of it."""
        for other in others:
            other.into = twig

    def find(self, reference: Reference) -> list[Twig]:
        """The nodes that a reference could mean."""
        return [t for t in self._by_name.get(reference.parts[-1], ()) if self._matches(t, reference)]

    def names(self) -> list[str]:
        """All names, for suggestions."""
        return [name for name, twigs in self._by_name.items() if twigs and not name.startswith("\0")]

    def _matches(self, twig: Twig | None, reference: Reference) -> bool:
        for part in reversed(reference.parts):
            if twig is None or twig.name.text != part:
                return False
            twig = twig.parent
        return twig is self.root or not reference.anchored


def _listed(label_map: MapScope, twigs: list[Twig]) -> Maps:
    listed = [Listed(ids, twigs[node] if node >= 0 else None, source) for ids, node, source in label_map.uses]
    return Maps(listed, label_map.has_star, label_map.tolerance)
