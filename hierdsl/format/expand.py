"""A tree with all that it uses and all its edits done, as one plain file that stands alone.

Its tables are those of the original, to the last number. That fixes the order of the ids: what would come into
another order on the lines of the tree stands in the section `labels`.
"""

from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import PurePath

from hierdsl.endings import Endings
from hierdsl.format import words
from hierdsl.format.text import format_text
from hierdsl.id_ranges import Use
from hierdsl.scope import MapScope, Scope
from hierdsl.source import Span
from hierdsl.syntax import Reference
from hierdsl.syntax.decode import MAX_BYTES

_Piece = tuple[int, int, Use]
_TRIED = 3
"""Names of a path that are tried before the whole path is written: it is short, or it says all."""


def expand(scope: Scope) -> str:
    """The text of a file of the same meaning, without `use`, without `edit` and without comments.

    Args:
        scope: A document, composed where it uses others, in which the checks found no error.

    Raises:
        ValueError: The text would be larger than a file may be, or a label map has a name that only another
            Unicode normal form can write.
    """
    lines: list[str] = []
    size = 0
    for line in _lines(scope):
        lines.append(line)
        size += len(line) + 1
        if size > MAX_BYTES:  # long paths many times: not the square of the file
            raise ValueError(f"the text would have more than {MAX_BYTES:,} bytes")
    return format_text("\n".join(lines))


def _lines(scope: Scope) -> Iterator[str]:
    yield from _header(scope)
    if scope.levels is not None:
        yield "levels"
        for level in scope.levels:
            yield f" {words.name(level.name.text)} {words.attributes(level.attributes)}"
    short = _short_ends(scope)
    default = scope.label_maps.get("")
    pieces = default.ranges.pieces if default else []
    on_lines = _in_order(pieces)
    yield "tree"
    yield from _tree(scope, pieces[:on_lines])
    for name, label_map in scope.label_maps.items():
        entries = list(_entries(scope, short, label_map, 0 if name else on_lines))
        if name or entries or not on_lines:
            yield f"labels {_map_name(name)}"
            yield from entries
    if scope.mirror:
        yield "mirror"
        for left, right in scope.mirror:
            yield f" {_reference(scope, short, left)} <-> {_reference(scope, short, right)}"


def _header(scope: Scope) -> Iterator[str]:
    header, source = scope.document.header, scope.document.source
    stem = PurePath(source.name).stem  # what a hierarchy without a name is called
    name = stem if words.is_bare(stem) else ""
    if header and header.name:
        name = words.word(header.name, source)
    if not (header or name):
        return
    title = words.string(header.title) if header and header.title is not None else ""
    yield f"hierarchy {name} {title}"
    for field in header.fields if header else ():
        yield f" {field.key.text} {words.string(field.value)}"
    for channels in header.channels if header else ():
        yield f" channels labels {_map_name(channels.name.text) if channels.name else ''}"


def _map_name(name: str) -> str:
    if name and not words.is_bare(name):
        raise ValueError(f"the label map '{name}' has a name that cannot be written in Unicode normal form C")
    return name


def _in_order(pieces: list[_Piece]) -> int:
    """How many ranges of the default map, from the first on, are in the order of the tree."""
    least = 0
    for count, (_, _, use) in enumerate(pieces):
        if use.node < least:
            return count
        least = use.node
    return len(pieces)


def _tree(scope: Scope, pieces: list[_Piece]) -> Iterator[str]:
    of_node = {node: _ids(group) for node, group in groupby(pieces, key=_node)}
    for position, node in enumerate(scope.nodes):
        ids = f" = {of_node[position]}" if position in of_node else ""
        yield f"{' ' * node.depth}{words.node_name(node.name)}{ids} {words.attributes(node.attributes)}"


def _entries(scope: Scope, short: Endings, label_map: MapScope, skip: int) -> Iterator[str]:
    for node, group in groupby(label_map.ranges.pieces[skip:], key=_node):
        target = "ignore" if node < 0 else _reference(scope, short, node, in_labels=True)
        yield f" {target} = {_ids(group)}"
    if label_map.tolerance is not None:
        yield f" tolerance {label_map.tolerance!r}".removesuffix(".0")
    if label_map.has_star:
        yield " ignore = *"


def _node(piece: _Piece) -> int:
    return piece[2].node


def _ids(pieces: Iterator[_Piece]) -> str:
    return ", ".join(
        words.ids((use.ids,), use.source)
        if use.ids.is_color
        else f"{first}" + (f"..{last}" if last > first else "")
        for first, last, use in pieces
    )


def _short_ends(scope: Scope) -> Endings:
    """What the short ends of paths could mean, of all nodes that need to be referred to."""
    pieces = chain.from_iterable(label_map.ranges.pieces for label_map in scope.label_maps.values())
    nodes = {*map(_node, pieces), *chain.from_iterable(scope.mirror)} - {-1}
    ends = chain.from_iterable(_ends(scope, node) for node in sorted(nodes))
    return scope.endings(end for end in ends if len(end.parts) > 1)


def _ends(scope: Scope, position: int) -> Iterator[Reference]:
    """The ends of a node's path of a few names, the shortest first."""
    parts: tuple[str, ...] = ()
    while position >= 0 and len(parts) < _TRIED:
        parts = (scope.nodes[position].name.text, *parts)
        position = scope.nodes[position].parent
        yield Reference(parts, anchored=False, span=Span(0, 0), quoted=True)


def _reference(scope: Scope, short: Endings, position: int, *, in_labels: bool = False) -> str:
    """The shortest end of a node's path, of a few names, that means no other node; else its whole path."""
    for end in _ends(scope, position):
        found = short.find(end) or scope.resolve(end)
        if found.total == 1:
            return words.reference(end, in_labels=in_labels)
    parts: list[str] = []  # from the node upwards
    while position >= 0:
        parts.append(scope.nodes[position].name.text)
        position = scope.nodes[position].parent
    return "/" + "/".join(map(words.name, reversed(parts)))
