"""The model: nodes, levels, label maps and mirror pairs, valid by construction.

Nodes are a flat tuple in file order (depth first, parents before children) that point to their parents by
position, so that a tree of any depth needs no recursion, in Python or in JSON.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, model_validator

from hierdsl.scope import MAX_ID, quote

if TYPE_CHECKING:
    import networkx as nx

ROOT = -1
"""The parent of a top node: the universal class, which is not written and is no class."""

MAX_COLOR = 0xFFFFFF
RawValue = Annotated[int, Field(ge=0, le=MAX_COLOR)]
Byte = Annotated[int, Field(ge=0, le=255)]
Name = Annotated[str, Field(min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Node(_Frozen):
    """One node of the tree.

    Attributes:
        name: As it is referred to, without quotes.
        parent: Position of the parent in `Hierarchy.nodes`, `ROOT` for a top node.
        color: sRGB as written in the file, None where one is to be derived.
        weight: Of the leaves below it in the loss; weights on a path multiply.
        level: Name of the level that it is pinned to; without one it lies one level below its parent.
        ignored: Known and named, but no class: this node and all below it take no channel.
        doc: A sentence about it.
        meta: Facts that only the author needs.
    """

    name: Name
    parent: Annotated[int, Field(ge=ROOT)] = ROOT
    color: tuple[Byte, Byte, Byte] | None = None
    weight: Annotated[FiniteFloat, Field(ge=0)] = 1.0
    level: Name | None = None
    ignored: bool = False
    doc: str = ""
    meta: dict[str, str | float] = Field(default_factory=dict)


class Level(_Frozen):
    """A cut of the tree, with its weight in the loss (which may be negative)."""

    name: Name
    weight: FiniteFloat = 1.0
    doc: str = ""


class LabelMap(_Frozen):
    """Which raw value of an annotation image means which node.

    Ranges and not single values: a file of a few lines can list every id in each of many maps.

    Attributes:
        ranges: First and last raw value, both included, and the position in `Hierarchy.nodes` that they mean,
            None for ignored ones. Disjoint; in the order of the file: the first value of a node is the one
            that `decode` writes.
        colors: Whether raw values are sRGB colours 0xRRGGBB, listed one by one, and not ids 0 to 65535.
        tolerance: Of a map of colours, the Euclidean distance in RGB up to which the nearest listed colour
            counts; a colour beyond it is ignored. None: a colour means what is listed, or nothing.
        unlisted: What a value that is not listed means: an error, or one more ignored value.

    Raises:
        pydantic.ValidationError: A range goes downwards, leaves its bounds or overlaps another one; a range
            of colours; a tolerance of a map of ids.

    Example:
        >>> LabelMap(ranges=((3, 5, 0), (255, 255, None))).ids
        {3: 0, 4: 0, 5: 0, 255: None}
    """

    ranges: tuple[tuple[RawValue, RawValue, NonNegativeInt | None], ...] = ()
    colors: bool = False
    tolerance: Annotated[FiniteFloat, Field(ge=0)] | None = None
    unlisted: Literal["error", "ignore"] = "error"

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        for first, last, _ in self.ranges:
            if first > last:
                raise ValueError(f"the range {first}..{last} goes downwards")
            if not self.colors and last > MAX_ID:
                raise ValueError(f"{last} is no raw id: ids are 0 to {MAX_ID}")
            if self.colors and first != last:
                raise ValueError("colours are listed one by one, not as ranges")
        ordered = sorted((first, last) for first, last, _ in self.ranges)
        for (_, last), (first, _) in pairwise(ordered):
            if first <= last:
                raise ValueError(f"the raw value {first} is listed twice")
        if self.tolerance is not None and not self.colors:
            raise ValueError("a tolerance is of colours, not of ids")
        return self

    @cached_property
    def ids(self) -> dict[int, int | None]:
        """Every listed raw value with its position in `Hierarchy.nodes`, None for an ignored one."""
        return {raw: node for first, last, node in self.ranges for raw in range(first, last + 1)}


class Hierarchy(_Frozen):
    """A tree of classes, its levels, and the label maps of the data sets that use it.

    Attributes:
        name: A word; the stem of the file where the file gives none.
        title: For people.
        levels: Coarse to fine; as many as the deepest leaf is deep, where no node is pinned to one.
        nodes: In file order, parents before children.
        label_maps: By name; the default map has the name "".
        mirror: Pairs of leaves that a horizontal flip of the image exchanges, by position in `nodes`.
        channels: Name of the label map whose ids number the leaves; None where they count in file order.

    Raises:
        pydantic.ValidationError: The parts do not fit together.
    """

    name: str
    title: str = ""
    sources: tuple[str, ...] = ()
    license: str = ""
    version: str = ""
    doc: str = ""
    levels: tuple[Level, ...]
    nodes: tuple[Node, ...] = Field(min_length=1)
    label_maps: dict[str, LabelMap] = Field(default_factory=dict)
    mirror: tuple[tuple[NonNegativeInt, NonNegativeInt], ...] = ()
    channels: str | None = None

    @model_validator(mode="after")
    def _tree_fits(self) -> Self:
        siblings: set[tuple[int, str]] = set()
        for position, node in enumerate(self.nodes):
            if node.parent >= position:
                raise ValueError(f"nodes[{position}] stands before its parent")
            if (node.parent, node.name) in siblings:
                raise ValueError(f"nodes[{position}]: a sibling is named {node.name!r} too")
            siblings.add((node.parent, node.name))
        if list(self._preorder()) != list(range(len(self.nodes))):
            raise ValueError("the nodes are not in depth-first order")
        if not self.leaves:
            raise ValueError("every node is ignored")
        for position in self.inner_nodes:
            if not any(not self.ignored[child] for child in self.children[position]):
                raise ValueError(f"nodes[{position}] has no class below it")
        return self

    @model_validator(mode="after")
    def _rest_fits(self) -> Self:
        if len({level.name for level in self.levels}) != len(self.levels):
            raise ValueError("two levels have one name")
        self._levels_fit()
        for name, label_map in self.label_maps.items():
            if max((n for _, _, n in label_map.ranges if n is not None), default=0) >= len(self.nodes):
                raise ValueError(f"label_maps[{name!r}] names a node that is not there")
        leaves = set(self.leaves)
        mirrored = [leaf for pair in self.mirror for leaf in pair]
        if not leaves.issuperset(mirrored) or len(set(mirrored)) != len(mirrored):
            raise ValueError("a mirror pair exchanges two different leaves, each in one pair at most")
        return self

    def _levels_fit(self) -> None:
        depth = max(self.depths[leaf] for leaf in self.leaves)
        if not any(node.level for node in self.nodes) and len(self.levels) != depth:
            raise ValueError(f"{len(self.levels)} levels for a tree of depth {depth}")
        for position, node in enumerate(self.nodes):
            if node.level and self.level_index(node.level) != self.ranks[position]:
                raise ValueError(f"nodes[{position}] is pinned to level {node.level!r}, and lies below it")
            if self.ranks[position] >= len(self.levels) and not self.ignored[position]:
                raise ValueError(f"nodes[{position}] lies below the finest level")

    @model_validator(mode="after")
    def _channels_fit(self) -> Self:
        if self.channels is None:
            return self
        if self.channels not in self.label_maps:
            raise ValueError(f"there is no label map {self.channels!r} to number the channels")
        ids = self.label_maps[self.channels].ids
        numbered = sorted((raw, node) for raw, node in ids.items() if node is not None)
        if [raw for raw, _ in numbered] != list(range(len(self._file_order))) or (
            {node for _, node in numbered} != set(self._file_order)
        ):
            raise ValueError(f"label map {self.channels!r} does not number the channels")
        return self

    def _preorder(self) -> Iterator[int]:
        stack = self.tops[::-1]
        while stack:
            position = stack.pop()
            yield position
            stack += self.children[position][::-1]

    @cached_property
    def children(self) -> list[list[int]]:
        """The positions of each node's children, ignored ones included."""
        children: list[list[int]] = [[] for _ in self.nodes]
        for position, node in enumerate(self.nodes):
            if node.parent != ROOT:
                children[node.parent].append(position)
        return children

    @cached_property
    def tops(self) -> list[int]:
        """The nodes directly under the root."""
        return [position for position, node in enumerate(self.nodes) if node.parent == ROOT]

    @cached_property
    def depths(self) -> list[int]:
        """Edges from the root to each node: 1 for a top node."""
        depths: list[int] = []
        for node in self.nodes:
            depths.append(1 if node.parent == ROOT else depths[node.parent] + 1)
        return depths

    @cached_property
    def ignored(self) -> list[bool]:
        """For each node whether it or one above it is ignored."""
        ignored: list[bool] = []
        for node in self.nodes:
            ignored.append(node.ignored or (node.parent != ROOT and ignored[node.parent]))
        return ignored

    @cached_property
    def ranks(self) -> list[int]:
        """For each node the index of its level: the one it is pinned to, else the one below its parent's."""
        index = {level.name: i for i, level in enumerate(self.levels)}
        ranks: list[int] = []
        for node in self.nodes:
            least = 0 if node.parent == ROOT else ranks[node.parent] + 1
            ranks.append(max(least, index.get(node.level, least) if node.level else least))
        return ranks

    @cached_property
    def _file_order(self) -> list[int]:
        return [p for p, below in enumerate(self.children) if not below and not self.ignored[p]]

    @cached_property
    def leaves(self) -> list[int]:
        """The classes: nodes without children that are not ignored. Leaf c is channel c."""
        if self.channels is None:
            return self._file_order
        ids = self.label_maps[self.channels].ids
        return [node for _, node in sorted((raw, node) for raw, node in ids.items() if node is not None)]

    @cached_property
    def inner_nodes(self) -> list[int]:
        """Nodes with children that are not ignored, depth first."""
        return [p for p, below in enumerate(self.children) if below and not self.ignored[p]]

    @cached_property
    def leaf_counts(self) -> list[int]:
        """Classes at or below each node; 0 for an ignored one."""
        counts = [0] * len(self.nodes)
        for leaf in self.leaves:
            counts[leaf] = 1
        for position in reversed(range(len(self.nodes))):  # children before their parents
            if self.nodes[position].parent != ROOT:
                counts[self.nodes[position].parent] += counts[position]
        return counts

    def level_index(self, name: str) -> int:
        """The index of a level, 0 coarsest.

        Raises:
            ValueError: There is no such level; the message names those there are.
        """
        names = [level.name for level in self.levels]
        if name not in names:
            raise ValueError(f"there is no level '{name}'; the levels are: {', '.join(names)}")
        return names.index(name)

    def cut(self, level: int) -> list[int]:
        """The nodes of a level: the first at or below it on each way down, and the leaves above it."""
        leaves, ranks = set(self.leaves), self.ranks
        return [
            position
            for position, node in enumerate(self.nodes)
            if not self.ignored[position]
            and (position in leaves if ranks[position] < level else self.rank_above(position) < level)
        ]

    def rank_above(self, position: int) -> int:
        """The rank of a node's parent, -1 for a top node."""
        parent = self.nodes[position].parent
        return -1 if parent == ROOT else self.ranks[parent]

    def path(self, position: int) -> str:
        """The names from the top node down to this one, joined by `/`; one with a `/` of its own in quotes."""
        parts = []
        while position != ROOT:
            name = self.nodes[position].name
            parts.append(quote(name) if "/" in name else name)
            position = self.nodes[position].parent
        return "/".join(reversed(parts))

    @cached_property
    def graph(self) -> "nx.DiGraph[int]":
        """The tree as a networkx graph, parent to child, with the root as node -1.

        Node attributes: name, ignored, and leaf (whether it is a class).
        """
        import networkx as nx  # noqa: PLC0415 - a fifth of a second that validating has no use for

        graph: nx.DiGraph[int] = nx.DiGraph()
        graph.add_node(ROOT, name="", ignored=False, leaf=False)
        leaves = set(self.leaves)
        for position, node in enumerate(self.nodes):
            graph.add_node(position, name=node.name, ignored=self.ignored[position], leaf=position in leaves)
            graph.add_edge(node.parent, position)
        frozen: nx.DiGraph[int] = nx.freeze(graph)
        return frozen
