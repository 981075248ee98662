"""A hierarchy as one HTML page: a tree to open and close, with a search, for trees of thousands of classes.

The page needs no network and no library, and can be read without its script. Its style and its script are the files
tree.css and tree.js beside this one; the page forbids the browser to load or run anything else.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from pathlib import Path

from hierdsl.model import Hierarchy
from hierdsl.palette import palette
from hierdsl.render.facts import classes, drawn_children, ids_by_node, says_ignored, skipping_level
from hierdsl.source import printable

_OPEN_ROWS = 100
"""Lines that a page shows at first, at most; where the top nodes are more, they alone."""

_HERE = Path(__file__).parent


def to_html(hierarchy: Hierarchy, *, level: str | None = None) -> str:
    """The tree as the text of an HTML page, to be written as UTF-8.

    Args:
        hierarchy: What to draw.
        level: Name of a level to cut at: what lies below its nodes is counted and not drawn.

    Raises:
        ValueError: There is no such level.

    Example:
        >>> from hierdsl import load
        >>> page = to_html(load("helen"))
        >>> page[:15], page.count("<li>")
        ('<!DOCTYPE html>', 17)
    """
    drawn = drawn_children(hierarchy, level)
    last = len(hierarchy.levels) - 1 if level is None else hierarchy.level_index(level)
    return "".join([*_head(hierarchy, last), *_Tree(hierarchy, drawn, last).lines(), *_foot()])


def _text(text: str) -> str:
    """A text from a file for a page: no markup, and no character that does not show."""
    return escape(printable(text))


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _head(hierarchy: Hierarchy, last: int) -> Iterator[str]:
    title = _text(hierarchy.title or hierarchy.name)
    digest = b64encode(sha256(_asset("tree.js").encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">\n'
        '<meta name="generator" content="hierdsl">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_asset('tree.css')}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n<p>{_counts(hierarchy)}</p>\n"
    )
    facts = [("", hierarchy.doc), ("Version ", hierarchy.version), ("Licence: ", hierarchy.license)]
    yield from (f"<p>{word}{_text(fact)}</p>\n" for word, fact in facts if fact)
    yield from (f"<p><small>{_source(source)}</small></p>\n" for source in hierarchy.sources)
    yield '</header>\n<div class="controls">\n'
    for i, level in enumerate(hierarchy.levels[: last + 1]):
        doc = f' title="{_text(level.doc)}"' if level.doc else ""
        count = len(hierarchy.cut(i))
        yield (
            f'<span class="level" data-level="{i}"{doc}>{_text(level.name)} <small>{count:,}</small></span>\n'
        )
    yield '</div>\n<main class="tree">\n<ul>\n'


def _foot() -> Iterator[str]:
    yield f"</ul>\n</main>\n<script>{_asset('tree.js')}</script>\n</body>\n</html>\n"


def _counts(hierarchy: Hierarchy) -> str:
    inner, levels = len(hierarchy.inner_nodes), len(hierarchy.levels)
    maps = [_text(name) for name in hierarchy.label_maps if name]
    parts = [
        classes(len(hierarchy.leaves)),
        f"{inner:,} inner node{'s' * (inner != 1)}",
        f"{levels} level{'s' * (levels != 1)}",
    ]
    return ", ".join(parts) + (f"; label maps: {', '.join(maps)}" if maps else "")


def _source(source: str) -> str:
    shown = _text(source)
    if re.fullmatch(r"https?://\S+", source) and source.isprintable():
        return f'<a href="{shown}" rel="noreferrer">{shown}</a>'
    return shown


class _Tree:
    """The lists of the page."""

    def __init__(self, hierarchy: Hierarchy, drawn: list[list[int]], last: int) -> None:
        self._hierarchy = hierarchy
        self._drawn = drawn
        self._open = _open_level(hierarchy, last)
        self._shades = ["#{:02x}{:02x}{:02x}".format(*rgb) for rgb in palette(hierarchy).tolist()]
        self._ids = ids_by_node(hierarchy)
        self._levels = [_text(level.name) for level in hierarchy.levels]

    def lines(self) -> Iterator[str]:
        """The items of the outermost list. Ends of lists are on the stack too: a deep tree needs no recursion."""
        stack: list[int | str] = list(reversed(self._hierarchy.tops))
        while stack:
            entry = stack.pop()
            if isinstance(entry, str):
                yield entry
            elif below := self._drawn[entry]:
                rank = self._hierarchy.ranks[entry]
                is_open = " open" if rank < self._open else ""
                row = self._row(entry, "summary")
                yield f'<li><details data-level="{rank}"{is_open}>{row}<ul>\n'
                stack.append("</ul></details></li>\n")
                stack += reversed(below)
            else:
                yield f"<li>{self._row(entry, 'div')}</li>\n"

    def _row(self, position: int, tag: str) -> str:
        hierarchy = self._hierarchy
        node, off = hierarchy.nodes[position], hierarchy.ignored[position]
        css = [name for name, given in (("leaf", tag == "div"), ("off", off)) if given]
        parts = [
            f'<i style="background:{self._shades[position]}"></i><span class="name">{_text(node.name)}</span>'
        ]
        if position in self._ids:
            parts.append(f'<span class="ids">{self._ids[position]}</span>')
        if level := skipping_level(hierarchy, position):
            parts.append(f'<em class="skips">at {_text(level)}</em>')
        elif tag == "summary" and not off:
            parts.append(f"<em>{self._levels[hierarchy.ranks[position]]}</em>")
        if says_ignored(hierarchy, position):
            parts.append("<small>ignored</small>")
        elif hierarchy.children[position] and not off:
            parts.append(f"<small>{classes(hierarchy.leaf_counts[position])}</small>")
        if node.doc:
            parts.append(f'<span class="doc">{_text(node.doc)}</span>')
        named = f' class="{" ".join(css)}"' if css else ""
        return f"<{tag}{named}>{' '.join(parts)}</{tag}>"


def _open_level(hierarchy: Hierarchy, last: int) -> int:
    """The finest level that the page can be opened down to in a hundred lines."""
    shown = [0] * (last + 2)
    for position in range(len(hierarchy.nodes)):
        above = hierarchy.rank_above(position) + 1
        if above < len(shown):
            shown[above] += 1
    lines = shown[0]
    for level in range(1, len(shown)):
        lines += shown[level]
        if lines > _OPEN_ROWS:
            return level - 1
    return len(shown)
