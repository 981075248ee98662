"""From sections to a `Document`: each kind as often as it may stand, flat bodies flat, the tree nested."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from hierdsl.diagnostics import Annotation, Diagnostic, Edit
from hierdsl.source import Source, Span
from hierdsl.syntax.ast import (
    ChannelsDecl,
    Document,
    EditDecl,
    FieldDecl,
    HeaderDecl,
    Ident,
    LabelDecl,
    LabelsDecl,
    LevelsDecl,
    MirrorDecl,
    NodeDecl,
    ToleranceDecl,
    TreeDecl,
    UseDecl,
)
from hierdsl.syntax.automaton import Token
from hierdsl.syntax.declare import Line, Node, Section, ident, raw, span
from hierdsl.syntax.layout import mixed_indentation, nest, width

MAX_NODES = 1_000_000
MAX_DEPTH = 1_000
_TAB, _SPACE = re.compile(r"^ *\t", re.MULTILINE), re.compile(r"^\t* ", re.MULTILINE)


@dataclass
class Parts:
    """One parse: the source, what was found wrong, and the lines that were dropped."""

    source: Source
    diagnostics: list[Diagnostic] = field(default_factory=list)
    complete: bool = True
    flat_only: bool = True
    """Whether all that is missing belongs to label maps, mirror pairs or the header."""
    mixed: bool = False
    dropped: dict[int, list[Line]] = field(default_factory=dict)
    """Dropped lines, which declare nothing, by the start of the keyword of their section."""
    broken_heads: set[int] = field(default_factory=set)
    """Starts of the keywords of sections whose first line could not be read to its end."""

    def lose(self, *, of_tree: bool = True) -> None:
        """Note that a line or more could not be placed, and whether it may have been one of the tree."""
        self.complete = False
        self.flat_only &= not of_tree


def assemble(parts: Parts, sections: list[Section]) -> Document:
    """The document of a file's sections; reports what their order and indentation has wrong."""
    _check_indentation(parts, sections)
    first: dict[str, Section] = {}
    label_maps: list[LabelsDecl] = []
    uses: list[UseDecl] = []
    for section in sections:
        if section.kind == "labels":
            label_maps.append(_labels(parts, section))
        elif section.kind == "use":
            if use := _use(parts, section):
                uses.append(use)
        elif section.kind in first:
            parts.lose()
            parts.diagnostics.append(_duplicate(parts.source, first[section.kind], section))
        else:
            first[section.kind] = section
    header, levels, tree, mirror, edit = (
        first.get(kind) for kind in ("hierarchy", "levels", "tree", "mirror", "edit")
    )
    return Document(
        parts.source,
        header=header and _header(parts, header),
        levels=levels and LevelsDecl(levels.keyword, tuple(_flat(parts, levels))),
        tree=tree and TreeDecl(tree.keyword, _nodes(parts, tree)),
        labels=tuple(label_maps),
        mirror=mirror and MirrorDecl(mirror.keyword, tuple(_flat(parts, mirror))),
        uses=tuple(uses),
        edit=edit and EditDecl(edit.keyword, tuple(_flat(parts, edit))),
        complete=parts.complete,
        tree_complete=parts.complete or parts.flat_only,
    )


def _header(parts: Parts, section: Section) -> HeaderDecl:
    title = next((part.text for part in section.head if isinstance(part, Ident)), None)
    body = _flat(parts, section)
    return HeaderDecl(
        section.keyword,
        _bare_name(section.head),
        title,
        tuple(line for line in body if isinstance(line, FieldDecl)),
        tuple(line for line in body if isinstance(line, ChannelsDecl)),
    )


def _labels(parts: Parts, section: Section) -> LabelsDecl:
    name = _bare_name(section.head)
    if section.keyword.start in parts.broken_heads:  # its name is not known: one that nothing else has
        name = Ident(f"\0{section.keyword.start}", section.keyword, quoted=True)
    body = _flat(parts, section)
    return LabelsDecl(
        section.keyword,
        name,
        tuple(line for line in body if isinstance(line, LabelDecl)),
        tuple(line for line in body if isinstance(line, ToleranceDecl)),
    )


def _use(parts: Parts, section: Section) -> UseDecl | None:
    """The section, or None where its first line is broken or lacks a part."""
    if section.keyword.start in parts.broken_heads:
        return None
    file, *name = section.head or (None,)
    missing = None
    if file is None or file.type != "STRING":
        missing = ("the file is missing that is to be used", 'write use "city.hier"')
    elif len(name) == 1:
        missing = ("the line ends where a name should follow", "write a name behind 'as', or leave it out")
    if missing is None:
        return UseDecl(
            section.keyword, raw(file), ident(name[1]) if name else None, tuple(_flat(parts, section))
        )
    parts.lose()
    end = span(section.head[-1]).end if section.head else section.keyword.end
    place = Annotation(parts.source, Span(section.keyword.start, end))
    parts.diagnostics.append(Diagnostic("H103", missing[0], place, help=missing[1]))
    return None


def _bare_name(head: tuple[Token | Ident, ...]) -> Ident | None:
    """The bare name behind a section's keyword."""
    token = next((part for part in head if isinstance(part, Token)), None)
    return None if token is None else ident(token)


def _check_indentation(parts: Parts, sections: list[Section]) -> None:
    text = parts.source.text
    if not (_TAB.search(text) and _SPACE.search(text)):
        return
    lines = [line for section in sections for line in section.lines]
    lines = sorted(
        [*lines, *(line for dropped in parts.dropped.values() for line in dropped)], key=attrgetter("at")
    )
    found = mixed_indentation(parts.source, (Span(line.at - len(line.indent), line.at) for line in lines))
    if found:
        parts.mixed = True
        parts.lose()  # what is whose child is a guess then
        parts.diagnostics.append(found)


def _reindent(source: Source, line: Line, indent: str) -> Edit:
    return Edit(source, Span(line.at - len(line.indent), line.at), indent)


def _content(source: Source, at: int) -> Span:
    """The content of a line, for a diagnostic about where it stands."""
    end = source.text.find("\n", at)
    text = source.text[at : end if end >= 0 else None].split(" #")[0].rstrip()
    return Span(at, at + len(text))


def _flat(parts: Parts, section: Section) -> list[Any]:
    """The declarations of a section without nesting."""
    for line in section.lines:
        first = section.lines[0]
        if width(line.indent) != width(first.indent) and not parts.mixed:
            parts.diagnostics.append(
                Diagnostic(
                    "H106",
                    f"the lines of '{section.kind}' have one indentation: nothing is nested here",
                    Annotation(parts.source, _content(parts.source, line.at)),
                    secondary=(Annotation(parts.source, _content(parts.source, first.at), "the first line"),),
                    help=f"indent it by {len(first.indent)}, like the first line of the section",
                    edits=(_reindent(parts.source, line, first.indent),),
                )
            )
            break
    return [line.content for line in section.lines]


def _nodes(parts: Parts, section: Section) -> tuple[NodeDecl, ...]:
    """The nodes of the tree with their parents.

    A dropped line is a node too, of a name that nothing else has: so its children stay apart from others.
    """
    lines = section.lines
    if dropped := parts.dropped.get(section.keyword.start):
        nameless = [
            line._replace(
                content=Node(Ident(f"\0{line.at}", _content(parts.source, line.at), quoted=True), (), ())
            )
            for line in dropped
        ]
        lines = sorted([*lines, *nameless], key=attrgetter("at"))
    if len(lines) > MAX_NODES:
        parts.lose()
        message = f"the tree has {len(lines):,} nodes, more than {MAX_NODES:,}"
        place = Annotation(
            parts.source, _content(parts.source, lines[MAX_NODES].at), "the first one too many"
        )
        parts.diagnostics.append(
            Diagnostic("H902", message, place, help="split the tree, or leave out what is never told apart")
        )
        lines = lines[:MAX_NODES]
    width_of: Callable[[str], int] = width if parts.mixed else len
    parents, found = nest(
        parts.source,
        ((width_of(indent), node.name.span) for indent, _, node in lines),
        max_depth=MAX_DEPTH,
    )
    if parts.mixed:  # the widths are guesses then, and the mix is reported already
        found = [d for d in found if d.code != "H106"]
    if found:
        parts.lose()
        parts.diagnostics += found
    return tuple(_with_parents(parts.source, lines, parents))


def _with_parents(source: Source, lines: list[Line], parents: list[int]) -> list[NodeDecl]:
    nodes: list[NodeDecl] = []
    depths: list[int] = []
    position: list[int] = []  # of a line among the nodes; the lines that are too deep are none
    for (_, _, (name, ids, attributes)), parent in zip(lines, parents, strict=True):
        above = position[parent] if parent >= 0 else -1
        depth = depths[above] + 1 if above >= 0 else 1
        if depth > MAX_DEPTH:
            position.append(-1)
            continue
        position.append(len(nodes))
        depths.append(depth)
        nodes.append(NodeDecl(name, ids, attributes, above, depth, source))
    return nodes


def _duplicate(source: Source, first: Section, again: Section) -> Diagnostic:
    return Diagnostic(
        "H108",
        f"there is a second '{again.kind}' section",
        Annotation(source, again.keyword, "again here"),
        secondary=(Annotation(source, first.keyword, "first here"),),
        help="move its lines into the first one",
    )
