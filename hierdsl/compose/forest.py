"""A tree that can be changed: its nodes, and the ids and pairs that follow them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hierdsl.compose.find import Finder
from hierdsl.compose.twig import Twig
from hierdsl.diagnostics import Annotation
from hierdsl.scope import MapScope, Scope
from hierdsl.source import Source, Span
from hierdsl.syntax import IdRange, Reference
from hierdsl.syntax.ast import Ident


@dataclass(slots=True)
class Listed:
    """A line of a label map, wherever its node goes; None for ignored pixels."""

    ids: IdRange
    twig: Twig | None
    source: Source


@dataclass(slots=True)
class Maps:
    """A label map on its way into another tree; `given` is where its tolerance comes from."""

    listed: list[Listed] = field(default_factory=list)
    has_star: bool = False
    tolerance: float | None = None
    given: Annotation | None = None


class Forest:
    """The tree of one file while it is changed. What an edit costs does not grow with the part that it moves.

    Attributes:
        root: The universal class; in a used tree it has the name of the file, and paths may start with it.
        nodes: Finds nodes by references.
        label_maps: By name; "" for the default one.
        mirror: Pairs.
    """

    def __init__(self, scope: Scope, name: str | None, references: Iterable[Reference] = ()) -> None:
        """The tree of a used file, called `name`; or for None that of the file itself.

        Of the file itself the ids of the tree's lines follow their nodes; its `labels` and `mirror` sections do
        not, since they speak of the tree as it is in the end. `references` are those that will be asked for.
        """
        source = scope.document.source
        self.root = Twig(None, Ident(name or "\0", Span(0, 0)), source)
        self.nodes = Finder(self.root, references)
        twigs: list[Twig] = []
        for node in scope.nodes:
            twig = Twig(node, node.name, node.source)
            above = twigs[node.parent] if node.parent >= 0 else self.root
            above.put(twig)
            twig.up = above
            self.nodes.add(twig)
            twigs.append(twig)
        if name is not None:
            self.nodes.add(self.root)
        self.label_maps: dict[str, Maps] = {}
        self.mirror: list[tuple[Twig, Twig]] = []
        if name is not None:
            self.label_maps = {key: _listed(m, twigs) for key, m in scope.label_maps.items()}
            self.mirror = [(twigs[left], twigs[right]) for left, right in scope.mirror]
        elif own := [Listed(ids, twig, source) for twig in twigs if twig.decl for ids in twig.decl.ids]:
            self.label_maps[""] = Maps(own)
        self.size = len(twigs)

    def attach(self, twig: Twig, parent: Twig) -> None:
        """Put a node that comes from elsewhere, with all below it, under a node, behind what is there."""
        _hang(twig, parent)
        for each in twig.below():
            self.nodes.add(each)
        self.nodes.start_again()

    def detach(self, twig: Twig) -> None:
        """Take a node out for good, with all below it; it keeps its children."""
        for each in twig.below():
            self.nodes.drop(each)
        _unhang(twig)

    def move(self, twig: Twig, parent: Twig) -> None:
        """Put a node, with all below it, under another one that does not lie below it, behind what is there."""
        _unhang(twig)
        _hang(twig, parent)
        self.nodes.moved(twig)

    def unite(self, first: Twig, others: Iterable[Twig]) -> None:
        """Make one node of several: the first, which gets the children of all and what was said of them."""
        for other in others:
            self.nodes.remove(other)
            _unhang(other)
            first.take_up(other)
        self.nodes.moved(first)

    def absorb(self, twig: Twig, others: Iterable[Twig]) -> None:
        """Detached nodes become part of a node: what was said of them is said of it."""
        for other in others:
            other.into = twig

    def rename(self, twig: Twig, name: Ident, source: Source) -> None:
        """Give a node another name, which stands in `source`."""
        self.nodes.remove(twig)
        if twig.home is not None:
            twig.home.forget(twig)
        twig.name, twig.source = name, source
        if twig.home is not None:
            twig.home.note(twig)
        self.nodes.add(twig)
        self.nodes.moved(twig)

    def sort(self, tops: Iterable[Twig]) -> None:
        """Put the top nodes into an order."""
        for twig in tops:
            self.root.move_last(twig)


def lies_above(twigs: Iterable[Twig], others: Iterable[Twig]) -> set[Twig]:
    """Those of some nodes that others, or nodes above those, are; the nodes are not the root."""
    parents = {twig: twig.parent for twig in twigs}
    for twig in parents:
        twig.part()
    tops = {other.top() for other in others}
    for twig, parent in parents.items():
        if parent is not None:
            twig.join(parent)
    return {twig for twig in parents if twig in tops}


def _hang(twig: Twig, parent: Twig) -> None:
    parent.put(twig)
    twig.join(parent)


def _unhang(twig: Twig) -> None:
    if twig.home is not None:
        twig.home.remove(twig)
    twig.part()


def _listed(label_map: MapScope, twigs: list[Twig]) -> Maps:
    listed = [Listed(ids, twigs[node] if node >= 0 else None, source) for ids, node, source in label_map.uses]
    return Maps(listed, label_map.has_star, label_map.tolerance)
