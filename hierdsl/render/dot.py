"""A hierarchy as a graphviz graph.

Sibling classes are drawn as the rows of one card, with colour, name and id: under the name of their parent
where it has no other children, beside its other children else. A tree of many classes is then as wide as
its groups and not as its leaves, and fits a slide.
"""

import re
from html import escape
from math import isqrt
from typing import Literal

import graphviz

from hierdsl.model import ROOT, Hierarchy
from hierdsl.palette import palette
from hierdsl.render.facts import classes, drawn_children, ids_by_node, skipping_level
from hierdsl.source import printable

Orientation = Literal["down", "right"]
_RANKDIR = {"down": "TB", "right": "LR"}
_FONT = "Helvetica"
_ROWS = 12
"""Rows of a card before it goes on in another column; of hundreds of classes more, so that it stays a card."""


def to_dot(
    hierarchy: Hierarchy, *, level: str | None = None, orientation: Orientation = "down"
) -> graphviz.Digraph:
    """The tree as a graphviz graph; `.source` is its text, `.pipe(format="svg")` its picture.

    Args:
        hierarchy: What to draw.
        level: Name of a level to cut at: what lies below is not drawn.
        orientation: Where the tree grows to: down (wide), or right (tall).

    Raises:
        ValueError: There is no such level.
    """
    drawn = drawn_children(hierarchy, level)
    cards = _Cards(hierarchy)
    graph = graphviz.Digraph(
        hierarchy.name,
        graph_attr={
            "rankdir": _RANKDIR[orientation],
            "bgcolor": "white",
            "fontname": _FONT,
            "label": _title(hierarchy),
            "labelloc": "t",
            "nodesep": "0.14",
            "ordering": "out",
            "ranksep": "0.5",
        },
        node_attr={"fontname": _FONT, "fontsize": "13", "shape": "plain"},
        edge_attr={"arrowhead": "none", "color": "#888888"},
    )
    graph.node("root", label="", shape="point", width="0.08")
    for position in [ROOT, *range(len(hierarchy.nodes))]:
        children = hierarchy.tops if position == ROOT else drawn[position]
        ends = [child for child in children if not drawn[child]]
        if position != ROOT and len(ends) == len(children):
            continue  # a card of its own, drawn with its parent's children
        name = "root" if position == ROOT else f"n{position}"
        carded = False
        for child in children:
            if drawn[child]:
                rows = drawn[child] if not any(drawn[c] for c in drawn[child]) else []
                graph.node(f"n{child}", label=cards.table(rows, head=child))
                graph.edge(name, f"n{child}")
            elif position == ROOT:  # a top class is as prominent as a top group
                graph.node(f"n{child}", label=cards.table([child]))
                graph.edge(name, f"n{child}")
            elif not carded:
                carded = True
                graph.node(f"c{position}", label=cards.table(ends))
                graph.edge(name, f"c{position}")
    return graph


def count_boxes(hierarchy: Hierarchy, level: str | None = None) -> int:
    """How many boxes the graph of `to_dot` has, which says how long graphviz takes over it.

    Raises:
        ValueError: There is no such level.

    Example:
        >>> from hierdsl import load
        >>> count_boxes(load("helen"))
        8
    """
    drawn = drawn_children(hierarchy, level)
    boxes = sum(not drawn[top] for top in hierarchy.tops)
    for children in drawn:
        ends = sum(not drawn[child] for child in children)
        boxes += bool(children) + (0 < ends < len(children))
    return boxes


def _title(hierarchy: Hierarchy) -> str:
    levels = " › ".join(
        f"{_text(level.name)} {len(hierarchy.cut(i))}" for i, level in enumerate(hierarchy.levels)
    )
    title = _text(hierarchy.title or hierarchy.name)
    return (
        f'<<font point-size="20">{title}</font><br/>'
        f'<font point-size="12" color="#777777">{levels}</font><br/> >'
    )


class _Cards:
    """Tables in graphviz's HTML-like labels."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.shades = ["#{:02x}{:02x}{:02x}".format(*map(int, rgb)) for rgb in palette(hierarchy)]
        self.ids = ids_by_node(hierarchy)

    def table(self, rows: list[int], head: int | None = None) -> str:
        """An inner node's name on its colour, and below it its classes in rows."""
        columns = max(1, -(-len(rows) // max(_ROWS, isqrt(4 * len(rows)))))
        height = -(-len(rows) // columns)
        lines = [] if head is None else [self._head(head, span=3 * columns)]
        for row in range(height):
            cells = "".join(self._row(position) for position in rows[row::height])
            lines.append(f"<tr>{cells}</tr>")
        border = 1 if rows else 0
        return (
            f'<<table border="{border}" color="#bbbbbb" cellborder="0" cellspacing="2" cellpadding="1">'
            f"{''.join(lines)}</table>>"
        )

    def _head(self, position: int, span: int) -> str:
        shade = self.shades[position]
        label = f"<b>{_text(self.hierarchy.nodes[position].name)}</b>"
        if position in self.ids:
            label += f' <font point-size="10">{self.ids[position]}</font>'
        if level := skipping_level(self.hierarchy, position):
            label += f' <font point-size="10"><i>at {_text(level)}</i></font>'
        return (
            f'<tr><td colspan="{span}" cellpadding="4" bgcolor="{shade}">'
            f'<font color="{_ink(shade)}">{label}</font></td></tr>'
        )

    def _row(self, position: int) -> str:
        off = self.hierarchy.ignored[position]
        name = _text(self.hierarchy.nodes[position].name)
        below = "" if not self.hierarchy.children[position] else classes(self.hierarchy.leaf_counts[position])
        shown = self.ids.get(position, "ignored" if off else below)
        if level := skipping_level(self.hierarchy, position):
            shown = f"{shown} <i>at {_text(level)}</i>".strip()
        # graphviz takes no empty <font>
        note = f'<font point-size="10" color="#777777">{shown}</font>' if shown else ""
        return (
            f'<td width="14" border="1" color="#bbbbbb" bgcolor="{self.shades[position]}"></td>'
            f'<td align="left"><font color="{"#999999" if off else "#222222"}">{name}</font></td>'
            f'<td align="right">{note}</td>'
        )


def _ink(shade: str) -> str:
    """Black or white, whichever reads better on a colour (relative luminance as in WCAG 2)."""
    channels = [int(shade[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(c * w for c, w in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
    return "#000000" if luminance > 0.179 else "#ffffff"


def _text(text: str) -> str:
    r"""A name as graphviz text: no markup, and no control character, which XML cannot hold.

    Graphviz puts the name of the graph for a \G, of the node for a \N and so on, and knows no escape for
    that, but does not look across a tag.
    """
    return re.sub(r"\\([EGHLNT])", r"\\<font>\1</font>", escape(printable(text))) or " "
