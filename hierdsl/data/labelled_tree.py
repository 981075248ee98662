"""A tree with one of its label maps, in plain lists: what counting the pixels of a class needs to know.

Made from a checked document and not from the model, whose pydantic takes as long to import as a hundred label
images to read.
"""

from dataclasses import dataclass
from functools import cached_property

from hierdsl.scope import Scope

IGNORED = -100
UNKNOWN = -1


@dataclass(frozen=True)
class LabelledTree:
    """A tree and a label map.

    Attributes:
        names: Name of each node, in file order: parents before children.
        parents: Position of each node's parent, -1 under the root.
        ranks: Index of each node's level.
        ignored: For each node whether it, or one above it, is ignored.
        level_names: Coarse to fine.
        ranges: First and last raw value, both included, and the position of the node that they mean, `IGNORED`
            for ignored ones; disjoint.
        label_map: Name of the map, "" for the default one.
        unlisted_ignored: Whether a value that is not listed is ignored instead of unknown.
        colors: Whether raw values are colours 0xRRGGBB and not ids.
        tolerance: RGB distance up to which the nearest listed colour counts, None for exact matches only.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    ranks: tuple[int, ...]
    ignored: tuple[bool, ...]
    level_names: tuple[str, ...]
    ranges: tuple[tuple[int, int, int], ...]
    label_map: str = ""
    unlisted_ignored: bool = False
    colors: bool = False
    tolerance: float | None = None

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The names from the top node down, joined by `/`."""
        paths: list[str] = []
        for name, parent in zip(self.names, self.parents, strict=True):
            paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
        return tuple(paths)

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """The classes: nodes without children that are not ignored."""
        inner = set(self.parents)
        return tuple(p for p in range(len(self.names)) if p not in inner and not self.ignored[p])

    def cut(self, level: int) -> list[int]:
        """The nodes of a level: the first at or below it on each way down, and the leaves above it."""
        leaves, ranks = set(self.leaves), self.ranks
        return [
            position
            for position, parent in enumerate(self.parents)
            if not self.ignored[position]
            and (
                position in leaves
                if ranks[position] < level
                else (ranks[parent] if parent >= 0 else -1) < level
            )
        ]


def labelled_tree(scope: Scope, label_map: str) -> LabelledTree:
    """The tree of a checked document with one of its label maps.

    Args:
        scope: A document in which the checks found no error.
        label_map: A key of `scope.label_maps`.
    """
    labels = scope.label_maps[label_map]
    return LabelledTree(
        names=tuple(node.name.text for node in scope.nodes),
        parents=tuple(node.parent for node in scope.nodes),
        ranks=tuple(scope.ranks),
        ignored=tuple(scope.ignored),
        level_names=tuple(f"level{i}" for i in range(scope.level_count))
        if scope.levels is None
        else tuple(level.name.text for level in scope.levels),
        ranges=tuple(
            (first, last, IGNORED if use.node < 0 or scope.ignored[use.node] else use.node)
            for first, last, use in labels.ranges.pieces
        ),
        label_map=label_map,
        unlisted_ignored=labels.has_star,
        colors=labels.is_color,
        tolerance=labels.tolerance if labels.is_color else None,
    )
