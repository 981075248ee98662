"""Which node a reference names: any suffix of its path that no other node has.

The index is by last name, so a look-up costs the number of nodes of that name times the length of the
reference. Used by the checks, which report what does not resolve, and by the model, which may rely on it.
"""

from collections import defaultdict
from functools import cached_property

from hierdsl.diagnostics import nearest
from hierdsl.syntax import Document, NodeDecl, Reference
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read

BARE = frozenset("_.-")
_MAX_COMPARISONS = 200_000
"""Names compared with misspelt ones, in all: some 3 seconds, however many references a file has wrong."""


class Scope:
    """The nodes of a document by name."""

    def __init__(self, document: Document) -> None:
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
