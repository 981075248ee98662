"""A hierarchy as a tree of text for the terminal.

rich's own Tree wraps every label of a tree by itself, which takes seconds for 20,000 classes; here a line is put
together as it is, with the same look. Wrapping is left to the terminal.
"""

from collections.abc import Iterator

from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.tree import Tree

from hierdsl.model import Hierarchy
from hierdsl.palette import palette
from hierdsl.render.facts import (
    classes,
    drawn_children,
    hidden_below,
    ids_by_node,
    says_ignored,
    skipping_level,
)
from hierdsl.source import printable

_DIM, _BOLD, _PLAIN = Style(dim=True), Style(bold=True), Style.null()
_LEVEL, _BESIDE_LEVEL = Style(bold=True, italic=True), Style(bold=True, dim=True)
_IDS = Style(color="cyan")


class TextTree:
    """A tree ready to be printed by a rich console."""

    def __init__(self, hierarchy: Hierarchy, drawn: list[list[int]]) -> None:
        self._hierarchy = hierarchy
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _head(self._hierarchy)
        space, line, fork, end = Tree.ASCII_GUIDES if options.ascii_only else Tree.TREE_GUIDES[0]
        label = _Labels(self._hierarchy, self._drawn)
        # nodes to come, the next one last, each with the guides before it; a deep tree needs no recursion
        stack = [(position, "", n == 0) for n, position in enumerate(reversed(self._hierarchy.tops))]
        while stack:
            position, guides, last = stack.pop()
            yield Segment(guides + (end if last else fork), _DIM)
            yield from label(position)
            yield Segment.line()
            guides += space if last else line
            below = reversed(self._drawn[position])
            stack += [(child, guides, n == 0) for n, child in enumerate(below)]


def to_text(hierarchy: Hierarchy, *, level: str | None = None) -> TextTree:
    """The tree with colours, ids and levels, ready for a rich console.

    Args:
        hierarchy: What to draw.
        level: Name of a level to cut at: what lies below its nodes is counted and not drawn.

    Raises:
        ValueError: There is no such level.
    """
    return TextTree(hierarchy, drawn_children(hierarchy, level))


def _head(hierarchy: Hierarchy) -> Iterator[Segment]:
    """Name and title, and a line of the levels."""
    yield Segment(printable(hierarchy.name), _BOLD)
    if hierarchy.title:
        yield Segment(f"  {printable(hierarchy.title)}")
    yield Segment.line()
    for i, level in enumerate(hierarchy.levels):
        if i:
            yield Segment(" › ", _BESIDE_LEVEL)
        yield Segment(printable(level.name), _LEVEL)
        yield Segment(f" {len(hierarchy.cut(i))}", _BESIDE_LEVEL)
        if level.weight != 1:
            yield Segment(f" ×{level.weight:g}", _BESIDE_LEVEL)
    yield Segment.line()


class _Labels:
    """What stands on the line of a node."""

    def __init__(self, hierarchy: Hierarchy, drawn: list[list[int]]) -> None:
        self._hierarchy = hierarchy
        self._drawn = drawn
        self._colors = palette(hierarchy).tolist()
        self._ids = ids_by_node(hierarchy)

    def __call__(self, position: int) -> Iterator[Segment]:
        hierarchy = self._hierarchy
        off, inner = hierarchy.ignored[position], bool(hierarchy.children[position])
        red, green, blue = self._colors[position]
        shade = Style(color=Color.from_rgb(red, green, blue))
        yield Segment("■ ", shade)
        name = printable(hierarchy.nodes[position].name)
        yield Segment(name, shade + _DIM if off else shade + _BOLD if inner else _PLAIN)
        if position in self._ids:
            yield Segment(f"  {self._ids[position]}", _IDS)
        if level := skipping_level(hierarchy, position):
            yield Segment(f"  at {printable(level)}", _DIM)
        if says_ignored(hierarchy, position):
            yield Segment("  ignored", _DIM)
        elif hidden_below(hierarchy, position, self._drawn):
            yield Segment(f"  {classes(hierarchy.leaf_counts[position])}", _DIM)
