"""The lines of a document that say something, as the cells that are aligned: one row for each.

Comments and blank lines are not here, nor is any padding.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from hierdsl.format import words
from hierdsl.source import Source
from hierdsl.syntax import (
    CollapseDecl,
    Document,
    DropDecl,
    GraftDecl,
    HeaderDecl,
    LabelsDecl,
    LevelsDecl,
    MergeDecl,
    MirrorDecl,
    RenameDecl,
    TreeDecl,
    TreeEdit,
    UseDecl,
)


class Row(NamedTuple):
    """A line: `left`, then for some `separator` and `right`, then perhaps attributes.

    Attributes:
        at: An offset in the line.
        depth: 0 for the head of a section.
    """

    at: int
    depth: int
    left: str
    separator: str = ""
    right: str = ""
    attributes: str = ""


def rows(document: Document) -> list[Row]:
    """All rows of a document without errors of syntax, in the order of the file."""
    return sorted(_rows(document), key=attrgetter("at"))


def _rows(document: Document) -> Iterator[Row]:
    source = document.source
    if document.header:
        yield from _header(document.header, source)
    if document.levels:
        yield from _levels(document.levels, source)
    if document.tree:
        yield from _tree(document.tree, source)
    for labels in document.labels:
        yield from _labels(labels, source)
    if document.mirror:
        yield from _mirror(document.mirror)
    for use in document.uses:
        yield Row(use.keyword.start, 0, _use(use, source))
        yield from map(_edit, use.edits)
    if document.edit:
        yield Row(document.edit.keyword.start, 0, "edit")
        yield from map(_edit, document.edit.edits)


def _header(header: HeaderDecl, source: Source) -> Iterator[Row]:
    name = f" {words.word(header.name, source)}" if header.name else ""
    title = "" if header.title is None else f" {words.string(header.title)}"
    yield Row(header.keyword.start, 0, f"hierarchy{name}{title}")
    for field in header.fields:
        yield Row(field.key.span.start, 1, field.key.text, " ", words.string(field.value))
    for channels in header.channels:
        of = f" {words.word(channels.name, source)}" if channels.name else ""
        yield Row(channels.span.start, 1, f"channels labels{of}")


def _levels(levels: LevelsDecl, source: Source) -> Iterator[Row]:
    yield Row(levels.keyword.start, 0, "levels")
    for level in levels.levels:
        name, attributes = words.name(level.name.text), words.attributes(level.attributes, source)
        yield Row(level.name.span.start, 1, name, attributes=attributes)


def _tree(tree: TreeDecl, source: Source) -> Iterator[Row]:
    yield Row(tree.keyword.start, 0, "tree")
    for name, ids, attributes, _, depth, _ in tree.nodes:
        yield Row(
            name.span.start,
            depth,
            words.node_name(name),
            " = " if ids else "",
            words.ids(ids, source) if ids else "",
            words.attributes(attributes, source) if attributes else "",
        )


def _labels(labels: LabelsDecl, source: Source) -> Iterator[Row]:
    name = f" {words.word(labels.name, source)}" if labels.name else ""
    yield Row(labels.keyword.start, 0, f"labels{name}")
    for target, ids, span in labels.entries:
        right = "*" if ids is None else words.ids(ids, source)
        yield Row(span.start, 1, words.reference(target, in_labels=True), " = ", right)
    for tolerance in labels.tolerances:
        yield Row(tolerance.span.start, 1, " ".join(source.slice(tolerance.span).split()))


def _mirror(mirror: MirrorDecl) -> Iterator[Row]:
    yield Row(mirror.keyword.start, 0, "mirror")
    for pair in mirror.pairs:
        left, right = words.reference(pair.left), words.reference(pair.right)
        yield Row(pair.left.span.start, 1, left, " <-> ", right)


def _use(use: UseDecl, source: Source) -> str:
    name = f" as {words.word(use.name, source)}" if use.name else ""
    return f"use {words.string(use.file.text)}{name}"


def _edit(edit: TreeEdit) -> Row:
    at = edit.span.start
    match edit:
        case GraftDecl(node, under):
            below = f" under {words.reference(under)}" if under else ""
            return Row(at, 1, f"graft {words.reference(node)}{below}")
        case DropDecl(nodes):
            return Row(at, 1, f"drop {', '.join(map(words.reference, nodes))}")
        case CollapseDecl(nodes):
            return Row(at, 1, f"collapse {', '.join(map(words.reference, nodes))}")
        case MergeDecl(nodes, name):
            merged = ", ".join(map(words.reference, nodes))
            return Row(at, 1, f"merge {merged} as {words.name(name.text)}")
        case RenameDecl(node, name):
            return Row(at, 1, f"rename {words.reference(node)}", " -> ", words.name(name.text))
