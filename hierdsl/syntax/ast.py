"""The declarations of a .hier file as frozen data with spans. No meaning, no checks."""

from dataclasses import dataclass, field

from hierdsl.source import Source, Span


@dataclass(frozen=True, slots=True)
class Ident:
    """A name as it counts (unquoted, Unicode NFC) and whether it was written in quotes."""

    text: str
    span: Span
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class IdRange:
    """The raw ids first..last, both included; a single id has first == last."""

    first: int
    last: int
    span: Span


@dataclass(frozen=True, slots=True)
class Color:
    """`rgb(red, green, blue)` as written; the numbers are not checked yet."""

    red: int
    green: int
    blue: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written: the text is kept, since `5.0` and `5` are different ids."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class AttributeDecl:
    """`key` or `key=value` in brackets. A flag has the value None; a bare word is an `Ident`."""

    key: Ident
    value: str | Number | Color | Ident | None
    value_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class FieldDecl:
    """A line of the header: a word and a string."""

    key: Ident
    value: str
    value_span: Span


@dataclass(frozen=True, slots=True)
class HeaderDecl:
    """The `hierarchy` section."""

    keyword: Span
    name: Ident | None
    title: str | None
    fields: tuple[FieldDecl, ...]


@dataclass(frozen=True, slots=True)
class LevelDecl:
    """A line of the `levels` section."""

    name: Ident
    attributes: tuple[AttributeDecl, ...]


@dataclass(frozen=True, slots=True)
class LevelsDecl:
    """The `levels` section, coarse to fine."""

    keyword: Span
    levels: tuple[LevelDecl, ...]


@dataclass(frozen=True, slots=True)
class NodeDecl:
    """A line of the tree. `parent` is the position of the parent in `TreeDecl.nodes`, -1 below the root."""

    name: Ident
    ids: tuple[IdRange, ...]
    attributes: tuple[AttributeDecl, ...]
    parent: int
    depth: int


@dataclass(frozen=True, slots=True)
class TreeDecl:
    """The `tree` section: its nodes in file order, which is depth first, parents before children."""

    keyword: Span
    nodes: tuple[NodeDecl, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A path that names a node: any suffix of its path, or the whole of it when anchored by a leading `/`."""

    parts: tuple[str, ...]
    anchored: bool
    span: Span
    quoted: bool

    @property
    def is_ignore(self) -> bool:
        """Whether this is the bare word `ignore`, which in a label map is no reference."""
        return self.parts == ("ignore",) and not self.anchored and not self.quoted


@dataclass(frozen=True, slots=True)
class LabelDecl:
    """A line of a label map. `ids` is None for `*`: whatever the map does not list."""

    target: Reference
    ids: tuple[IdRange, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class LabelsDecl:
    """A `labels` section; the one without a name is the default map."""

    keyword: Span
    name: Ident | None
    entries: tuple[LabelDecl, ...]


@dataclass(frozen=True, slots=True)
class PairDecl:
    """`left <-> right`: what a horizontal flip of the image exchanges."""

    left: Reference
    right: Reference


@dataclass(frozen=True, slots=True)
class MirrorDecl:
    """The `mirror` section."""

    keyword: Span
    pairs: tuple[PairDecl, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file.

    Sections that may stand once hold the first of their kind; a later one is reported by the parser.

    Attributes:
        source: The text that the spans point into.
        complete: False when a line could not be placed; then rules about what is absent stay silent,
            since the absent thing may be on that line.
    """

    source: Source
    header: HeaderDecl | None = None
    levels: LevelsDecl | None = None
    tree: TreeDecl | None = None
    labels: tuple[LabelsDecl, ...] = field(default=())
    mirror: MirrorDecl | None = None
    complete: bool = True
