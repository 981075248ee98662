"""Parse a source into a `Document`, reporting every line that does not fit and going on behind it.

The automaton is that of `grammars/hierdsl.lark`; this module feeds it token by token, so that after an error it can
put it back to the start of the line and take up the next one.
"""

import re

from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.source import Source, Span
from hierdsl.syntax.assemble import Parts, assemble
from hierdsl.syntax.ast import Document
from hierdsl.syntax.automaton import Automaton, Refused, Token
from hierdsl.syntax.declare import Declare, Line, Section, indent, span, with_ids
from hierdsl.syntax.layout import SECTIONS
from hierdsl.syntax.tables import TERMINALS


def parse(source: Source) -> tuple[Document, list[Diagnostic]]:
    """Parse a file.

    Returns:
        The document with all that could be read, and a diagnostic for each line that could not, in file
        order. Never raises, whatever the text is.
    """
    parts = Parts(source)
    document = assemble(parts, _feed(parts))
    return document, sorted(parts.diagnostics, key=lambda d: d.primary.span)


def _feed(parts: Parts) -> list[Section]:
    """Feed the whole text to the parser, stepping over what it refuses."""
    text = f"\n{parts.source.text}\n"
    parser = Automaton(text, Declare())
    line: Token | None = None  # the _TOP or BODY token that started the current line
    depth = 1  # of the parser's stack before that token
    section, previous = "", ""
    while True:
        try:
            while (token := parser.next_token()) is not None:
                if token.type == "PLAIN" and section != "TREE":  # the lexer cannot know the section
                    length = with_ids(token) if section == "LABELS" else 0
                    token = _cut(token, length) if length else _first_body(token)
                    parser.at = token.end
                parser.feed(token)
                if token.type in ("BODY", "_TOP"):
                    line, depth = token, len(parser.states) - 1
                elif token.type in _KEYWORDS and previous == "_TOP":
                    section = token.type
                previous = token.type
            return parser.finish()  # type: ignore[no-any-return]  # what Declare.start gives
        except Refused as refused:
            at = refused.at
            if line is None and (indented := re.compile(TERMINALS["BODY"]).match(text, at)):
                at = indented.end()
        parser.at = _recover(parts, parser, line, depth, at)


def _first_body(token: Token) -> Token:
    """The start of the first line of a run of lines, as the token that it would have been alone."""
    match = re.match(TERMINALS["BODY"], token + "x")  # a BODY ends before the content of its line
    return _cut(token, match.end() if match else 0, "BODY")


def _cut(token: Token, length: int, kind: str = "PLAIN") -> Token:
    """The beginning of a token."""
    return Token(kind, token[:length], token.start)


def _recover(parts: Parts, parser: Automaton, line: Token | None, depth: int, at: int) -> int:
    """Report the mistake at offset `at` of the parser's text and put the parser back; where to read on."""
    from hierdsl.syntax.mistakes import Failure, explain, unknown_section  # noqa: PLC0415 - a right file needs none

    text = parts.source.text
    states, values = parser.states, parser.values
    at -= 1  # from here on an offset into the source
    if line is None:
        parts.lose()
        parts.diagnostics.append(_stray(parts.source, at))
        return _next_section(text, at)
    start = span(line).end
    if values[-1] is line and line.type == "_TOP":
        # no section starts here: skip this line and the indented lines that belong to it
        is_first = len(values) == 1
        parts.lose()
        parts.diagnostics.append(
            unknown_section(parts.source, start, _line_end(text, start), is_first=is_first)
        )
        # a list of classes without any section is one mistake, however long it is
        resume = _next_section(text, at, _LIKELY_SECTION if is_first else _SECTION_START)
    else:
        # in a line of a body only what is before it: `labels` can stand in a line of the header
        before = values if line.type == "_TOP" else values[: depth - 1]
        keyword = next(v for v in reversed(before) if isinstance(v, Token) and v.type in _KEYWORDS)
        failure = Failure(parts.source, start, _line_end(text, start), at, str(keyword), parser.accepts())
        parts.diagnostics.append(explain(failure))
        resume = _line_end(text, at) + 1
        parts.lose(of_tree=keyword.type not in ("LABELS", "MIRROR", "HIERARCHY"))
        if line.type == "_TOP":
            parts.broken_heads.add(span(keyword).start)
            return resume  # the section has started: only the rest of its first line is lost
        parts.dropped.setdefault(span(keyword).start, []).append(Line(indent(line), start, None))
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
