"""What the names of a document mean: which node a reference names, and what an id of a label map stands for.

The tree is the document's own, or one that `hierdsl.compose` made of several files; then parts of the label maps and
of the mirror pairs are inherited. Used by the checks, which report what does not resolve, and by the model, which
may rely on it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from hierdsl.diagnostics import Annotation, Suggester
from hierdsl.endings import NOTHING, SHOWN, Endings, Found
from hierdsl.id_ranges import Ranges, Use, disjoint
from hierdsl.syntax import Document, LabelsDecl, LevelDecl, NodeDecl, Reference
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read

MAX_ID = 65535
BARE = frozenset("_.-")


@dataclass(slots=True)
class MapScope:
    """A label map: its uses in file order, inherited ones first, and what it says of values that it does not list."""

    name: str
    uses: list[Use] = field(default_factory=list)
    has_star: bool = False
    tolerance: float | None = None
    _ranges: Ranges | None = None

    @property
    def is_color(self) -> bool:
        """Whether it holds colours; its first value decides, of those that are written right."""
        return next((use.ids.is_color for use in self.uses if use.ids.first >= 0), False)

    @property
    def ranges(self) -> Ranges:
        """Its ids, each once."""
        if self._ranges is None:
            kind = self.is_color
            self._ranges = disjoint((use for use in self.uses if use.ids.is_color == kind), MAX_ID)
        return self._ranges


@dataclass(slots=True)
class Inherited:
    """What the files behind a composed tree say about its nodes, by position."""

    label_maps: dict[str, MapScope] = field(default_factory=dict)
    mirror: list[tuple[int, int]] = field(default_factory=list)


class Pin(NamedTuple):
    """A node that names its level: position of the node, index of the level or None where there is none."""

    node: int
    level: int | None


class Scope:
    """A document with its nodes by name."""

    def __init__(
        self,
        document: Document,
        nodes: Sequence[NodeDecl] | None = None,
        inherited: Inherited | None = None,
        *,
        complete: bool = True,
        explain_missing: Callable[[Reference], tuple[Annotation, ...]] = lambda _: (),
    ) -> None:
        """A scope of a document alone; or of what `hierdsl.compose` made of it and the files that it uses.

        Args:
            document: The file itself.
            nodes: The nodes of the composed tree, without ids, which are then inherited; the file's own for None.
            inherited: Label maps and mirror pairs, of the tree's own lines too.
            complete: False when a part could not be taken in; rules about what is absent then stay silent.
            explain_missing: Where an edit took away what a reference names, points to that edit.
        """
        self.document = document
        self.complete = complete and document.complete
        self.tree_complete = complete and document.tree_complete
        own = document.tree.nodes if document.tree else ()
        self.nodes: Sequence[NodeDecl] = own if nodes is None else nodes
        self.levels: tuple[LevelDecl, ...] | None = document.levels.levels if document.levels else None
        self.inherited = inherited or Inherited()
        self.explain_missing = explain_missing
        self._suggester = Suggester()
        self._paths: dict[int, str] = {}

    # Which node is meant

    def resolve(self, reference: Reference) -> Found:
        """All nodes that the reference could mean: one if it is good."""
        if len(reference.parts) == 1 and not reference.anchored:
            found = self._by_name.get(reference.parts[0], [])
            return Found(len(found), found[:SHOWN])
        if reference.parts[-1] not in self._by_name:
            return NOTHING
        return self._endings.find(reference) or self.endings([reference]).find(reference) or NOTHING

    def endings(self, references: Iterable[Reference]) -> Endings:
        """What many references could mean, in a time that does not grow with their number times that of the nodes."""
        return Endings(
            [node.name.text for node in self.nodes], [node.parent for node in self.nodes], references
        )

    @cached_property
    def _endings(self) -> Endings:
        """What the references of the document could mean."""
        document = self.document
        entries = chain.from_iterable(labels.entries for labels in document.labels)
        pairs = document.mirror.pairs if document.mirror else ()
        return self.endings(chain((entry.target for entry in entries), chain.from_iterable(pairs)))

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        by_name: dict[str, list[int]] = defaultdict(list)
        for position, node in enumerate(self.nodes):
            by_name[node.name.text].append(position)
        return dict(by_name)

    def nearest(self, word: str) -> str | None:
        """The name most like a misspelt one, None where none is close or too many were asked for before."""
        # what stands for a line that could not be read has no name
        return self.suggest(word, lambda: [name for name in self._by_name if not name.startswith("\0")])

    def suggest(self, word: str, known: Callable[[], Collection[str]]) -> str | None:
        """The known word most like a misspelt one, as long as the file has not asked for too many."""
        return self._suggester.nearest(word, known)

    def path(self, position: int) -> str:
        """The full path of a node as a reference would write it, without a leading `/`."""
        if position not in self._paths:  # a deep node can be a choice of many ambiguous references
            parts, above = [], position
            while above >= 0:
                parts.append(quote(self.nodes[above].name.text))
                above = self.nodes[above].parent
            self._paths[position] = "/".join(reversed(parts))
        return self._paths[position]

    def name(self, position: int, label: str = "") -> Annotation:
        """A pointer to the name of a node, in whatever file it stands."""
        node = self.nodes[position]
        return Annotation(node.source, node.name.span, label)

    # The shape of the tree

    @cached_property
    def parents(self) -> frozenset[int]:
        """Positions of the nodes that have children; the rest are leaves."""
        return frozenset(node.parent for node in self.nodes)

    @cached_property
    def ignored(self) -> list[bool]:
        """For each node whether it, or one above it, carries the flag `ignore`."""
        ignored: list[bool] = []
        for _, _, attributes, parent, _, _ in self.nodes:
            own = bool(attributes) and "ignore" in read(attributes, NODE_ATTRIBUTES)
            ignored.append(own or (parent >= 0 and ignored[parent]))
        return ignored

    @cached_property
    def classes(self) -> list[int]:
        """Positions of the classes: leaves that are not ignored."""
        parents, ignored = self.parents, self.ignored
        return [p for p in range(len(self.nodes)) if p not in parents and not ignored[p]]

    @cached_property
    def pins(self) -> list[Pin]:
        """The nodes that name their level."""
        index = {level.name.text: i for i, level in reversed(list(enumerate(self.levels or ())))}
        pins = []
        for position, node in enumerate(self.nodes):
            name = read(node.attributes, NODE_ATTRIBUTES).get("level") if node.attributes else None
            if name is not None:
                pins.append(Pin(position, index.get(name)))
        return pins

    @cached_property
    def ranks(self) -> list[int]:
        """For each node the index of its level: the one it is pinned to, else the one below its parent's.

        A pin that is no deeper than the parent, which is an error, counts as none.
        """
        pinned = {pin.node: pin.level for pin in self.pins if pin.level is not None}
        if not pinned:
            return [node.depth - 1 for node in self.nodes]
        ranks: list[int] = []
        for position, node in enumerate(self.nodes):
            least = ranks[node.parent] + 1 if node.parent >= 0 else 0
            ranks.append(max(pinned.get(position, least), least))
        return ranks

    @property
    def level_count(self) -> int:
        """The named levels; as many as the deepest class is deep where none are named."""
        if self.levels is not None:
            return len(self.levels)
        return max((n.depth for n, off in zip(self.nodes, self.ignored, strict=True) if not off), default=0)

    # What ids mean

    @cached_property
    def label_maps(self) -> dict[str, MapScope]:
        """The label maps by name; the default one is called "" and comes first, if there is one.

        A line whose reference does not name one node is left out.
        """
        maps: dict[str, MapScope] = {}
        own = [Use(ids, p, n.source) for p, n in enumerate(self.nodes) if n.ids for ids in n.ids]
        if (
            own
            or "" in self.inherited.label_maps
            or any(labels.name is None for labels in self.document.labels)
        ):
            maps[""] = MapScope("", own)
        for name, theirs in self.inherited.label_maps.items():
            mine = maps.setdefault(name, MapScope(name))
            mine.uses += theirs.uses
            mine.has_star, mine.tolerance = theirs.has_star, theirs.tolerance
        seen: set[str | None] = set()
        for labels in self.document.labels:
            name = labels.name.text if labels.name else ""
            label_map = maps.setdefault(name, MapScope(name))
            if name in seen and name:  # its name is taken, which is reported
                continue
            seen.add(name)
            label_map.uses += self._uses(labels)
            label_map.has_star |= any(entry.ids is None for entry in labels.entries)
            if labels.tolerances:
                label_map.tolerance = labels.tolerances[0].value
        return maps

    def _uses(self, labels: LabelsDecl) -> Iterator[Use]:
        for entry in labels.entries:
            found = Found(1, (-1,)) if entry.target.is_ignore else self.resolve(entry.target)
            if found.total == 1:
                yield from (Use(ids, found.first[0], self.document.source) for ids in entry.ids or ())

    @cached_property
    def inherited_mirror(self) -> list[tuple[int, int]]:
        """The pairs of used files whose sides are two classes still."""
        classes = frozenset(self.classes) if self.inherited.mirror else frozenset[int]()
        return [pair for pair in self.inherited.mirror if classes.issuperset(pair)]

    @cached_property
    def mirror(self) -> list[tuple[int, int]]:
        """The pairs that a flip exchanges, by position; what does not resolve is left out."""
        pairs = list(self.inherited_mirror)
        for pair in self.document.mirror.pairs if self.document.mirror else ():
            left, right = self.resolve(pair.left), self.resolve(pair.right)
            if left.total == 1 and right.total == 1:
                pairs.append((left.first[0], right.first[0]))
        return pairs


def quote(name: str) -> str:
    """A name as the language writes it: bare where it can be, in double quotes where it must."""
    bare = name and (name[0] == "_" or name[0].isalpha()) and all(c.isalnum() or c in BARE for c in name)
    return name if bare else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
