"""What the names of a document mean: which node a reference names, and what an id of a label map stands for.

A reference is any suffix of a node's path that no other node has. The index is by last name, so a look-up costs
the number of nodes of that name times the length of the reference. Used by the checks, which report what does
not resolve, and by the model, which may rely on it.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from hierdsl.diagnostics import nearest
from hierdsl.syntax import Document, IdRange, LabelsDecl, NodeDecl, Reference
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read

BARE = frozenset("_.-")
_MAX_COMPARISONS = 200_000
"""Names compared with misspelt ones, in all: some 3 seconds, however many references a file has wrong."""


class Use(NamedTuple):
    """A listed range of ids and what it stands for: the position of a node, or -1 for ignored pixels."""

    ids: IdRange
    node: int


class Scope:
    """A document with its nodes by name."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes: tuple[NodeDecl, ...] = document.tree.nodes if document.tree else ()
        self._comparisons = 0
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for position, node in enumerate(self.nodes):
            self._by_name[node.name.text].append(position)

    def resolve(self, reference: Reference) -> list[int]:
        """Positions of all nodes that the reference could mean: one if it is good."""
        candidates = self._by_name.get(reference.parts[-1], [])
        return [c for c in candidates if self._matches(c, reference)]

    @cached_property
    def parents(self) -> frozenset[int]:
        """Positions of the nodes that have children; the rest are leaves."""
        return frozenset(node.parent for node in self.nodes)

    @cached_property
    def default_labels(self) -> LabelsDecl | None:
        """The `labels` section without a name: the default map, together with the ids of the tree's own lines."""
        return next((labels for labels in self.document.labels if labels.name is None), None)

    def uses(self, labels: LabelsDecl | None) -> Iterator[Use]:
        """The listed ids of a label map, in file order; of the default map for None.

        A line whose reference does not name one node is left out.
        """
        if labels is None:
            labels = self.default_labels
            yield from (Use(ids, position) for position, node in enumerate(self.nodes) for ids in node.ids)
        for entry in labels.entries if labels else ():
            found = [-1] if entry.target.is_ignore else self.resolve(entry.target)
            if len(found) == 1:
                yield from (Use(ids, found[0]) for ids in entry.ids or ())

    @cached_property
    def ignored(self) -> list[bool]:
        """For each node whether it, or one above it, carries the flag `ignore`."""
        ignored: list[bool] = []
        for node in self.nodes:
            own = bool(node.attributes) and "ignore" in read(node.attributes, NODE_ATTRIBUTES)
            ignored.append(own or (node.parent >= 0 and ignored[node.parent]))
        return ignored

    def nearest(self, word: str) -> str | None:
        """The name most like a misspelt one, None where none is close or too many were asked for before."""
        # what stands for a line that could not be read has no name
        names = [name for name in self._by_name if not name.startswith("\0")]
        self._comparisons += len(names)
        return nearest(word, names) if self._comparisons <= _MAX_COMPARISONS else None

    def path(self, position: int) -> str:
        """The full path of a node as a reference would write it, without a leading `/`."""
        parts = []
        while position >= 0:
            parts.append(quote(self.nodes[position].name.text))
            position = self.nodes[position].parent
        return "/".join(reversed(parts))

    def _matches(self, position: int, reference: Reference) -> bool:
        for part in reversed(reference.parts):
            if position < 0 or self.nodes[position].name.text != part:
                return False
            position = self.nodes[position].parent
        return position < 0 or not reference.anchored


def quote(name: str) -> str:
    """A name as the language writes it: bare where it can be, in double quotes where it must."""
    bare = name and (name[0] == "_" or name[0].isalpha()) and all(c.isalnum() or c in BARE for c in name)
    return name if bare else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
