"""From the parser's rules to declarations, section by section.

`Declare` is called at each reduction, so that no parse tree is kept. A line of a body keeps its indentation
and its place beside what it declares; nesting is `hierdsl.syntax.assemble`'s business.
"""

# ruff: noqa: D102 - each method of the class is the grammar rule of its name

import re
import unicodedata
from typing import Any, NamedTuple

from hierdsl.source import Span
from hierdsl.syntax.ast import (
    AttributeDecl,
    ChannelsDecl,
    CollapseDecl,
    Color,
    DropDecl,
    FieldDecl,
    GraftDecl,
    Ident,
    IdRange,
    LabelDecl,
    LevelDecl,
    MergeDecl,
    Number,
    PairDecl,
    Reference,
    RenameDecl,
    ToleranceDecl,
)
from hierdsl.syntax.automaton import Token

_BIG = 10**9
"""What an id with absurdly many digits is read as: out of range, and cheap to convert."""


class Line(NamedTuple):
    """A line of a body: its indentation, where its content starts, and what it declares."""

    indent: str
    at: int
    content: Any


class Node(NamedTuple):
    """A line of the tree, before it is known whose child it is."""

    name: Ident
    ids: tuple[IdRange, ...]
    attributes: tuple[AttributeDecl, ...]


class Section(NamedTuple):
    """A section as written: its keyword, what stands behind that, and its lines."""

    kind: str
    keyword: Span
    head: tuple[Any, ...]
    lines: list[Line]


def span(token: Token) -> Span:
    """The span of a token; the parser's text has one newline more at its start than the source's."""
    return Span(token.start - 1, token.end - 1)


def indent(body: Token) -> str:
    """The indentation at the end of a token that starts a line."""
    return body[body.rindex("\n") + 1 :]


def ident(token: Token) -> Ident:
    """A bare name, or one in quotes."""
    quoted = token.type == "STRING"
    text = _unquote(token) if quoted else str(token)
    return Ident(text if text.isascii() else unicodedata.normalize("NFC", text), span(token), quoted)


def raw(token: Token) -> Ident:
    """A text in quotes as it was written: a path is not a name, and has no normal form."""
    return Ident(_unquote(token), span(token), quoted=True)


def _unquote(token: Token) -> str:
    return token[1:-1].replace('\\"', '"').replace("\\\\", "\\") if "\\" in token else str(token[1:-1])


def _int(digits: str) -> int:
    return int(digits) if len(digits) < 10 else _BIG


def _packed(red: int, green: int, blue: int) -> int:
    return red << 16 | green << 8 | blue if max(red, green, blue) < 256 else -1


_PLAIN = re.compile(
    r"^([ \t]+)([^\W\d][\w.\-\u0300-\u036f]*)(?:[ \t]*=[ \t]*([0-9][0-9., \t]*))?", re.MULTILINE
)
_ID = re.compile(r"([0-9]+)(?:[ \t]*\.\.[ \t]*([0-9]+))?")


def _ids(text: str, start: int) -> tuple[IdRange, ...]:
    """A list of ids; `start` is the offset of the text in the source."""
    if text.isdecimal():
        value = _int(text)
        return (IdRange(value, value, Span(start, start + len(text))),)
    return tuple(
        IdRange(_int(m[1]), _int(m[2] or m[1]), Span(start + m.start(), start + m.end()))
        for m in _ID.finditer(text)
    )


def _plain(token: Token) -> list[Line]:
    """The lines of a run that hold a name, and ids, and nothing else."""
    lines: list[Line] = []
    base = token.start - 1
    ascii_only = token.isascii()
    for match in _PLAIN.finditer(token):
        at, end = match.span(2)
        name = match[2] if ascii_only else unicodedata.normalize("NFC", match[2])
        ids = match[3]
        at += base
        node = Node(
            Ident(name, Span(at, base + end)),
            _ids(ids.rstrip(" \t"), base + match.start(3)) if ids else (),
            (),
        )
        lines.append(Line(match[1], at, node))
    return lines


def _label(line: Line) -> Line:
    """The line of a tree as one of a label map."""
    name, ids, _ = line.content
    target = Reference((name.text,), anchored=False, span=name.span, quoted=False)
    return line._replace(content=LabelDecl(target, ids, name.span.to(ids[-1].span)))


def with_ids(token: Token) -> int:
    """The length of a run of plain lines up to the first line without ids."""
    end = 0
    for match in _PLAIN.finditer(token):
        if match[3] is None:
            break
        end = match.end(3)
    return end


class Declare:
    """Each method is the rule of its name in the grammar."""

    def start(self, children: list[Any]) -> list[Section]:
        return [c for c in children if isinstance(c, Section)]

    def _block(self, children: list[Any]) -> Section:
        keyword, *rest = children
        split = next(
            (i for i, c in enumerate(rest) if isinstance(c, Token) and c.type in ("BODY", "PLAIN")), len(rest)
        )
        lines: list[Line] = []
        body: Token | None = None
        for part in rest[split:]:
            if body is not None:
                lines.append(Line(indent(body), span(body).end, part))
                body = None
            elif part.type == "PLAIN":
                lines += _plain(part) if keyword.type == "TREE" else map(_label, _plain(part))
            else:
                body = part
        return Section(str(keyword), span(keyword), tuple(rest[:split]), lines)

    header = use = levels = tree = labels = mirror = edit = _block

    def title(self, children: list[Token]) -> Ident:
        return ident(children[0])

    def field(self, children: list[Token]) -> FieldDecl:
        key, value = children
        return FieldDecl(Ident(str(key), span(key)), _unquote(value), span(value))

    def channels(self, children: list[Token]) -> ChannelsDecl:
        name = ident(children[2]) if len(children) > 2 else None
        return ChannelsDecl(span(children[0]).to(span(children[-1])), name)

    def graft(self, children: list[Any]) -> GraftDecl:
        keyword, node, *rest = children
        under = rest[1] if rest else None
        return GraftDecl(node, under, span(keyword).to((under or node).span))

    def drop(self, children: list[Any]) -> DropDecl:
        return DropDecl(tuple(children[1:]), span(children[0]).to(children[-1].span))

    def collapse(self, children: list[Any]) -> CollapseDecl:
        return CollapseDecl(tuple(children[1:]), span(children[0]).to(children[-1].span))

    def merge(self, children: list[Any]) -> MergeDecl:
        keyword, *nodes, _, name = children
        return MergeDecl(tuple(nodes), name, span(keyword).to(name.span))

    def rename(self, children: list[Any]) -> RenameDecl:
        keyword, node, _, name = children
        return RenameDecl(node, name, span(keyword).to(name.span))

    def name(self, children: list[Token]) -> Ident:
        return ident(children[0])

    def level(self, children: list[Any]) -> LevelDecl:
        return LevelDecl(children[0], tuple(children[1]) if len(children) > 1 else ())

    def node(self, children: list[Any]) -> Node:
        name, *rest = children
        attributes = rest.pop() if rest and isinstance(rest[-1], list) else ()
        return Node(name, self._id_list(rest), tuple(attributes))

    def _id_list(self, parts: list[Token | IdRange]) -> tuple[IdRange, ...]:
        ids: list[IdRange] = []
        for part in parts:
            if isinstance(part, Token):
                ids += _ids(part, span(part).start)
            else:
                ids.append(part)
        return tuple(ids)

    def color(self, children: list[Token]) -> IdRange:
        first, *numbers = children
        if numbers:
            *rgb, bracket = numbers
            value = _packed(*map(_int, rgb))
            return IdRange(value, value, span(first).to(span(bracket)), is_color=True)
        text = _unquote(first)
        value = int(text[1:], 16) if re.fullmatch("#[0-9a-fA-F]{6}", text) else -1
        return IdRange(value, value, span(first), is_color=True)

    def attributes(self, children: list[AttributeDecl]) -> list[AttributeDecl]:
        return children

    def attribute(self, children: list[Any]) -> AttributeDecl:
        token, value, value_span = children[0], None, span(children[0])
        if len(children) > 1:
            value, value_span = children[1]
        key = Ident(str(token), span(token))
        return AttributeDecl(key, value, value_span, key.span.to(value_span))

    def value(self, children: list[Token]) -> tuple[Any, Span]:
        first = children[0]
        place = span(first).to(span(children[-1]))
        if first.type == "RGB":
            red, green, blue = map(_int, children[1:-1])
            return Color(red, green, blue), place
        if first.type == "NUMBER":
            return Number(float(first), str(first)), place
        if first.type == "STRING":
            return _unquote(first), place
        return ident(first), place

    def reference(self, children: list[Any]) -> Reference:
        idents = [c for c in children if isinstance(c, Ident)]
        anchored = isinstance(children[0], Token)
        start = span(children[0]).start if anchored else idents[0].span.start
        place = Span(start, idents[-1].span.end)
        return Reference(tuple(i.text for i in idents), anchored, place, any(i.quoted for i in idents))

    def label(self, children: list[Any]) -> LabelDecl:
        target, *ids = children
        if isinstance(ids[0], Token) and ids[0].type == "STAR":
            return LabelDecl(target, None, target.span.to(span(ids[0])))
        listed = self._id_list(ids)
        return LabelDecl(target, listed, target.span.to(listed[-1].span))

    def tolerance(self, children: list[Token]) -> ToleranceDecl:
        keyword, number = children
        return ToleranceDecl(float(number), span(keyword).to(span(number)))

    def pair(self, children: list[Any]) -> PairDecl:
        left, _, right = children
        return PairDecl(left, right)
