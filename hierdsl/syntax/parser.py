"""Parse a source into a `Document`, reporting every line that does not fit and going on behind it.

Lark does the work (LALR, contextual lexer, `grammars/hierdsl.lark`); this module feeds it token by token, so
that after an error it can put the parser back to the start of the line and take up the next one.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.resources import grammar_text
from hierdsl.source import Source, Span
from hierdsl.syntax.ast import (
    AttributeDecl,
    Color,
    Document,
    FieldDecl,
    HeaderDecl,
    Ident,
    IdRange,
    LabelDecl,
    LabelsDecl,
    LevelDecl,
    LevelsDecl,
    MirrorDecl,
    NodeDecl,
    Number,
    PairDecl,
    Reference,
    TreeDecl,
)
from hierdsl.syntax.layout import mixed_indentation, nest, width
from hierdsl.syntax.mistakes import SECTIONS, Failure, explain, unknown_section

MAX_NODES = 1_000_000
MAX_DEPTH = 1_000
_BIG = 10**9
"""What an id with absurdly many digits is read as: out of range, and cheap to convert."""


class _Line(NamedTuple):
    """A line of a body: its BODY token and what it declares."""

    body: Token
    content: Any


class _Node(NamedTuple):
    name: Ident
    ids: tuple[IdRange, ...]
    attributes: tuple[AttributeDecl, ...]


def _span(token: Token) -> Span:
    """The span of a token; the parser's text has one newline more at its start than the source's."""
    return Span(token.start_pos - 1, token.end_pos - 1)  # type: ignore[operator]  # set by the lexer


def _unquote(token: Token) -> str:
    return token[1:-1].replace('\\"', '"').replace("\\\\", "\\") if "\\" in token else str(token[1:-1])


def _int(token: Token) -> int:
    return int(token) if len(token) < 10 else _BIG


class _Section(NamedTuple):
    kind: str
    keyword: Span
    head: tuple[Any, ...]
    lines: tuple[_Line, ...]


class _Build(Transformer[Token, Any]):
    """Lark rules to declarations; called by the parser at each reduction, so that no parse tree is kept."""

    def start(self, children: list[Any]) -> list[_Section]:
        return [c for c in children if isinstance(c, _Section)]

    def _block(self, children: list[Any]) -> _Section:
        keyword, *rest = children
        split = next((i for i, c in enumerate(rest) if isinstance(c, Token) and c.type == "BODY"), len(rest))
        body = rest[split:]
        lines = tuple(_Line(body[i], body[i + 1]) for i in range(0, len(body), 2))
        return _Section(str(keyword), _span(keyword), tuple(rest[:split]), lines)

    header = levels = tree = labels = mirror = _block

    def title(self, children: list[Token]) -> Ident:
        return Ident(_unquote(children[0]), _span(children[0]), quoted=True)

    def field(self, children: list[Token]) -> FieldDecl:
        key, value = children
        return FieldDecl(Ident(str(key), _span(key)), _unquote(value), _span(value))

    def name(self, children: list[Token]) -> Ident:
        (token,) = children
        quoted = token.type == "STRING"
        text = _unquote(token) if quoted else str(token)
        return Ident(unicodedata.normalize("NFC", text) if not text.isascii() else text, _span(token), quoted)

    def level(self, children: list[Any]) -> LevelDecl:
        return LevelDecl(children[0], children[1] if len(children) > 1 else ())

    def node(self, children: list[Any]) -> _Node:
        attributes: tuple[AttributeDecl, ...] = ()
        if isinstance(children[-1], tuple):
            attributes = children.pop()
        return _Node(children[0], tuple(children[1:]), attributes)

    def id(self, children: list[Token]) -> IdRange:
        first, last = children[0], children[-1]
        return IdRange(_int(first), _int(last), _span(first).to(_span(last)))

    def attributes(self, children: list[AttributeDecl]) -> tuple[AttributeDecl, ...]:
        return tuple(children)

    def attribute(self, children: list[Any]) -> AttributeDecl:
        token, value, value_span = children[0], None, _span(children[0])
        if len(children) > 1:
            value, value_span = children[1]
        key = Ident(str(token), _span(token))
        return AttributeDecl(key, value, value_span, key.span.to(value_span))

    def value(self, children: list[Token]) -> tuple[Any, Span]:
        first = children[0]
        span = _span(first).to(_span(children[-1]))
        if first.type == "RGB":
            red, green, blue = map(_int, children[1:])
            return Color(red, green, blue), Span(span.start, span.end + 1)
        if first.type == "NUMBER":
            return Number(float(first), str(first)), span
        if first.type == "STRING":
            return _unquote(first), span
        return Ident(str(first), span), span

    def reference(self, children: list[Any]) -> Reference:
        idents = [c for c in children if isinstance(c, Ident)]
        anchored = isinstance(children[0], Token)
        start = _span(children[0]).start if anchored else idents[0].span.start
        span = Span(start, idents[-1].span.end)
        return Reference(tuple(i.text for i in idents), anchored, span, any(i.quoted for i in idents))

    def label(self, children: list[Any]) -> LabelDecl:
        target, *ids = children
        if isinstance(ids[0], Token):
            return LabelDecl(target, None, target.span.to(_span(ids[0])))
        return LabelDecl(target, tuple(ids), target.span.to(ids[-1].span))

    def pair(self, children: list[Reference]) -> PairDecl:
        return PairDecl(*children)


@lru_cache(maxsize=1)
def _lark() -> Lark:
    return Lark(grammar_text(), parser="lalr", lexer="contextual", transformer=_Build())


@dataclass
class _Run:
    """One parse: the source, what was found wrong, and the lines that were dropped."""

    source: Source
    diagnostics: list[Diagnostic] = field(default_factory=list)
    complete: bool = True
    mixed: bool = False
    dropped: dict[int, list[Token]] = field(default_factory=dict)
    """Line starts (BODY tokens) of dropped lines, by the start of the keyword of their section."""
    broken_heads: set[int] = field(default_factory=set)
    """Starts of the keywords of sections whose first line could not be read to its end."""


def parse(source: Source) -> tuple[Document, list[Diagnostic]]:
    """Parse a file.

    Returns:
        The document with all that could be read, and a diagnostic for each line that could not, in file
        order. Never raises, whatever the text is.
    """
    run = _Run(source)
    document = _document(run, _feed(run))
    return document, sorted(run.diagnostics, key=lambda d: d.primary.span)


def _feed(run: _Run) -> list[_Section]:
    """Feed the whole text to the parser, stepping over what it refuses."""
    text = f"\n{run.source.text}\n"
    parser = _lark().parse_interactive(text)
    lexer = parser.lexer_thread.state
    assert lexer is not None  # noqa: S101 - there is a text
    states = parser.parser_state.state_stack
    line: Token | None = None  # the _TOP or BODY token that started the current line
    depth = 1  # of the parser's stack before that token
    while True:
        try:
            for token in parser.lexer_thread.lex(parser.parser_state):
                parser.feed_token(token)
                if token.type in ("BODY", "_TOP"):
                    line, depth = token, len(states) - 1
            return parser.feed_eof(line)  # type: ignore[no-any-return]  # what _Build.start gives
        except UnexpectedToken as error:
            at = error.token.end_pos if error.token.type == "BODY" and line is None else error.token.start_pos
        except UnexpectedCharacters as error:
            at = error.pos_in_stream
        lexer.line_ctr.char_pos = _recover(run, parser, line, depth, at or 0)


def _recover(run: _Run, parser: InteractiveParser, line: Token | None, depth: int, at: int) -> int:
    """Report the mistake at offset `at` of the parser's text and put the parser back; where to read on."""
    run.complete = False
    text = run.source.text
    states, values = parser.parser_state.state_stack, parser.parser_state.value_stack
    at -= 1  # from here on an offset into the source
    if line is None:
        run.diagnostics.append(_stray(run.source, at))
        return _next_section(text, at)
    start = _span(line).end
    if values[-1] is line and line.type == "_TOP":
        # no section starts here: skip this line and the indented lines that belong to it
        is_first = len(values) == 1
        run.diagnostics.append(unknown_section(run.source, start, _line_end(text, start), is_first=is_first))
        # a list of classes without any section is one mistake, however long it is
        resume = _next_section(text, at, _LIKELY_SECTION if is_first else _SECTION_START)
    else:
        keyword = next(v for v in reversed(values) if isinstance(v, Token) and v.type in _KEYWORDS)
        failure = Failure(
            run.source, start, _line_end(text, start), at, str(keyword), frozenset(parser.accepts())
        )
        run.diagnostics.append(explain(failure))
        resume = _line_end(text, at) + 1
        if line.type == "_TOP":
            run.broken_heads.add(_span(keyword).start)
            return resume  # the section has started: only the rest of its first line is lost
        run.dropped.setdefault(_span(keyword).start, []).append(line)
    del states[depth:], values[depth - 1 :]
    return resume


_KEYWORDS = frozenset(word.upper() for word in SECTIONS)


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


_SECTION_START = re.compile(r"\n(?=[^ \t\n#])")
_LIKELY_SECTION = re.compile(rf"\n(?=(?:{'|'.join(SECTIONS)}|level|label)(?![\w.\-]))", re.IGNORECASE)


def _next_section(text: str, offset: int, start: re.Pattern[str] = _SECTION_START) -> int:
    """Where the parser's text goes on at the next line that starts at column 1, or at its last newline."""
    match = start.search(text, offset)
    return match.start() + 1 if match else len(text) + 1


def _stray(source: Source, at: int) -> Diagnostic:
    span = Span(at, _line_end(source.text, at))
    return Diagnostic(
        "H109",
        "an indented line stands before the first section",
        Annotation(source, span),
        notes=(f"the sections are: {', '.join(SECTIONS)}",),
        help="start the section at column 1, and indent only what belongs to it",
    )


def _document(run: _Run, sections: list[_Section]) -> Document:
    """Sections to declarations: each kind once, flat bodies flat, the tree nested."""
    _check_indentation(run, sections)
    first: dict[str, _Section] = {}
    label_maps: list[LabelsDecl] = []
    for section in sections:
        if section.kind == "labels":
            entries = tuple(_flat(run, section))
            name = _ident(section.head)
            if section.keyword.start in run.broken_heads:  # its name is not known: one that nothing else has
                name = Ident(f"\0{section.keyword.start}", section.keyword, quoted=True)
            label_maps.append(LabelsDecl(section.keyword, name, entries))
        elif section.kind in first:
            run.complete = False
            run.diagnostics.append(_duplicate(run.source, first[section.kind], section))
        else:
            first[section.kind] = section
    header, levels, tree, mirror = (first.get(kind) for kind in ("hierarchy", "levels", "tree", "mirror"))
    return Document(
        run.source,
        header=header and _header(run, header),
        levels=levels and LevelsDecl(levels.keyword, tuple(_flat(run, levels))),
        tree=tree and TreeDecl(tree.keyword, _nodes(run, tree)),
        labels=tuple(label_maps),
        mirror=mirror and MirrorDecl(mirror.keyword, tuple(_flat(run, mirror))),
        complete=run.complete,
    )


def _header(run: _Run, section: _Section) -> HeaderDecl:
    title = next((part.text for part in section.head if isinstance(part, Ident)), None)
    return HeaderDecl(section.keyword, _ident(section.head), title, tuple(_flat(run, section)))


def _ident(head: tuple[Token | Ident, ...]) -> Ident | None:
    """The bare name behind a section's keyword."""
    token = next((part for part in head if isinstance(part, Token)), None)
    if token is None:
        return None
    return Ident(unicodedata.normalize("NFC", str(token)), _span(token))


def _check_indentation(run: _Run, sections: list[_Section]) -> None:
    lines = [line.body for section in sections for line in section.lines]
    if run.dropped:
        lines = sorted([*lines, *(line for dropped in run.dropped.values() for line in dropped)], key=_start)
    spans = (_span(line) for line in lines)
    found = mixed_indentation(
        run.source,
        (Span(span.end - len(_indent(line)), span.end) for span, line in zip(spans, lines, strict=True)),
    )
    if found:
        run.mixed, run.complete = True, False  # what is whose child is a guess then
        run.diagnostics.append(found)


def _start(token: Token) -> int:
    return token.start_pos or 0


def _indent(body: Token) -> str:
    return body[body.rindex("\n") + 1 :]


def _content(source: Source, body: Token) -> Span:
    """The content of a line, for a diagnostic about where it stands."""
    start = _span(body).end
    text = source.text[start : _line_end(source.text, start)].split(" #")[0].rstrip()
    return Span(start, start + len(text))


def _flat(run: _Run, section: _Section) -> list[Any]:
    """The declarations of a section without nesting."""
    for line in section.lines:
        first = section.lines[0].body
        if width(_indent(line.body)) != width(_indent(first)) and not run.mixed:
            run.diagnostics.append(
                Diagnostic(
                    "H106",
                    f"the lines of '{section.kind}' have one indentation: nothing is nested here",
                    Annotation(run.source, _content(run.source, line.body)),
                    secondary=(Annotation(run.source, _content(run.source, first), "the first line"),),
                    help=f"indent it by {len(_indent(first))}, like the first line of the section",
                )
            )
            break
    return [line.content for line in section.lines]


def _nodes(run: _Run, section: _Section) -> tuple[NodeDecl, ...]:
    """The nodes of the tree with their parents.

    A dropped line is a node too, of a name that nothing else has: so its children stay apart from others.
    """
    lines: list[tuple[Token, _Node]] = list(section.lines)
    for body in run.dropped.get(section.keyword.start, ()):
        name = Ident(f"\0{_start(body)}", _content(run.source, body), quoted=True)
        lines.append((body, _Node(name, (), ())))
    if len(lines) > len(section.lines):
        lines.sort(key=lambda line: _start(line[0]))
    if len(lines) > MAX_NODES:
        run.complete = False
        message = f"the tree has {len(lines):,} nodes, more than {MAX_NODES:,}"
        place = Annotation(run.source, _content(run.source, lines[MAX_NODES][0]), "the first one too many")
        run.diagnostics.append(Diagnostic("H902", message, place))
        lines = lines[:MAX_NODES]
    indents = ((width(_indent(body)), node.name.span) for body, node in lines)
    parents, found = nest(run.source, indents, max_depth=MAX_DEPTH)
    if run.mixed:  # the widths are guesses then, and the mix is reported already
        found = [d for d in found if d.code != "H106"]
    if found:
        run.complete = False
        run.diagnostics += found
    nodes: list[NodeDecl] = []
    position = {-1: -1}  # of a line among the nodes; the lines that are too deep are none
    for i, ((_, node), parent) in enumerate(zip(lines, parents, strict=True)):
        above = position[parent]
        depth = nodes[above].depth + 1 if above >= 0 else 1
        if depth <= MAX_DEPTH:
            position[i] = len(nodes)
            nodes.append(NodeDecl(node.name, node.ids, node.attributes, above, depth))
    return tuple(nodes)


def _duplicate(source: Source, first: _Section, again: _Section) -> Diagnostic:
    return Diagnostic(
        "H108",
        f"there is a second '{again.kind}' section",
        Annotation(source, again.keyword, "again here"),
        secondary=(Annotation(source, first.keyword, "first here"),),
        help="move its lines into the first one",
    )
