"""The declarations of a .hier file as frozen data with spans. No meaning, no checks.

Named tuples, since a big file has a million of them, and they are made in a quarter of a dataclass's time; their
classes too, which every command waits for.
"""

from typing import NamedTuple

from hierdsl.source import Source, Span


class Ident(NamedTuple):
    """A name as it counts (unquoted, Unicode NFC) and whether it was written in quotes."""

    text: str
    span: Span
    quoted: bool = False


class IdRange(NamedTuple):
    """The raw ids first..last, both included; a single id has first == last.

    A colour is the number 0xRRGGBB, or -1 where it was written wrongly.
    """

    first: int
    last: int
    span: Span
    is_color: bool = False


class Color(NamedTuple):
    """`rgb(red, green, blue)` as written; the numbers are not checked yet."""

    red: int
    green: int
    blue: int


class Number(NamedTuple):
    """A number as written: the text is kept, since `5.0` and `5` are different ids."""

    value: float
    text: str


class AttributeDecl(NamedTuple):
    """`key` or `key=value` in brackets. A flag has the value None; a bare word is an `Ident`."""

    key: Ident
    value: str | Number | Color | Ident | None
    value_span: Span
    span: Span


class FieldDecl(NamedTuple):
    """A line of the header: a word and a string."""

    key: Ident
    value: str
    value_span: Span


class ChannelsDecl(NamedTuple):
    """`channels labels [NAME]` in the header: the ids of that map number the channels."""

    span: Span
    name: Ident | None


class HeaderDecl(NamedTuple):
    """The `hierarchy` section."""

    keyword: Span
    name: Ident | None
    title: str | None
    fields: tuple[FieldDecl, ...]
    channels: tuple[ChannelsDecl, ...] = ()


class LevelDecl(NamedTuple):
    """A line of the `levels` section."""

    name: Ident
    attributes: tuple[AttributeDecl, ...]


class LevelsDecl(NamedTuple):
    """The `levels` section, coarse to fine."""

    keyword: Span
    levels: tuple[LevelDecl, ...]


class NodeDecl(NamedTuple):
    """A line of the tree. `parent` is the position of the parent in `TreeDecl.nodes`, -1 below the root.

    It carries its source, since a tree can be made from those of several files.
    """

    name: Ident
    ids: tuple[IdRange, ...]
    attributes: tuple[AttributeDecl, ...]
    parent: int
    depth: int
    source: Source


class TreeDecl(NamedTuple):
    """The `tree` section: its nodes in file order, which is depth first, parents before children."""

    keyword: Span
    nodes: tuple[NodeDecl, ...]


class Reference(NamedTuple):
    """A path that names a node: any suffix of its path, or the whole of it when anchored by a leading `/`."""

    parts: tuple[str, ...]
    anchored: bool
    span: Span
    quoted: bool

    @property
    def is_ignore(self) -> bool:
        """Whether this is the bare word `ignore`, which in a label map is no reference."""
        return self.parts == ("ignore",) and not self.anchored and not self.quoted


class LabelDecl(NamedTuple):
    """A line of a label map. `ids` is None for `*`: whatever the map does not list."""

    target: Reference
    ids: tuple[IdRange, ...] | None
    span: Span


class ToleranceDecl(NamedTuple):
    """`tolerance NUMBER` in a label map of colours."""

    value: float
    span: Span


class LabelsDecl(NamedTuple):
    """A `labels` section; the one without a name is the default map."""

    keyword: Span
    name: Ident | None
    entries: tuple[LabelDecl, ...]
    tolerances: tuple[ToleranceDecl, ...] = ()


class PairDecl(NamedTuple):
    """`left <-> right`: what a horizontal flip of the image exchanges."""

    left: Reference
    right: Reference


class MirrorDecl(NamedTuple):
    """The `mirror` section."""

    keyword: Span
    pairs: tuple[PairDecl, ...]


class GraftDecl(NamedTuple):
    """`graft NODE [under NODE]`: take a part of a used tree; in `edit`, move it."""

    node: Reference
    under: Reference | None
    span: Span


class DropDecl(NamedTuple):
    """`drop NODE, ..`: remove nodes with all below them; their ids become ignored ones."""

    nodes: tuple[Reference, ...]
    span: Span


class CollapseDecl(NamedTuple):
    """`collapse NODE, ..`: each becomes a leaf, which has the ids of all that was below it."""

    nodes: tuple[Reference, ...]
    span: Span


class MergeDecl(NamedTuple):
    """`merge NODE, NODE, .. as NAME`: one node in place of the first, with the children and ids of all."""

    nodes: tuple[Reference, ...]
    name: Ident
    span: Span


class RenameDecl(NamedTuple):
    """`rename NODE -> NAME`."""

    node: Reference
    name: Ident
    span: Span


TreeEdit = GraftDecl | DropDecl | CollapseDecl | MergeDecl | RenameDecl


class UseDecl(NamedTuple):
    """A `use` section: another file, under its own or a given name, and what is changed in its tree."""

    keyword: Span
    file: Ident
    name: Ident | None
    edits: tuple[TreeEdit, ...]


class EditDecl(NamedTuple):
    """The `edit` section: changes of the whole tree."""

    keyword: Span
    edits: tuple[TreeEdit, ...]


class Document(NamedTuple):
    """One parsed file.

    Sections that may stand once hold the first of their kind; a later one is reported by the parser.

    Attributes:
        source: The text that the spans point into.
        complete: False when a line could not be placed; then rules about what is absent stay silent,
            since the absent thing may be on that line.
        tree_complete: False when that line may have been one of the tree, or have changed it.
    """

    source: Source
    header: HeaderDecl | None = None
    levels: LevelsDecl | None = None
    tree: TreeDecl | None = None
    labels: tuple[LabelsDecl, ...] = ()
    mirror: MirrorDecl | None = None
    uses: tuple[UseDecl, ...] = ()
    edit: EditDecl | None = None
    complete: bool = True
    tree_complete: bool = True
