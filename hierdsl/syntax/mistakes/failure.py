"""A line that does not parse: where the parser stopped, and how a diagnostic about it is made."""

import re
from dataclasses import dataclass

from hierdsl.diagnostics import Annotation, Diagnostic, Edit
from hierdsl.source import Source, Span

_TOKENS = {
    "NAME": "a name",
    "STRING": "a text in double quotes",
    "IDS": "an id",
    "INT": "a number",
    "NUMBER": "a number",
    "RGB": "rgb(red, green, blue)",
    "SLASH": "'/'",
    "STAR": "'*'",
    "EQUAL": "'='",
    "COMMA": "','",
    "LSQB": "'['",
    "RSQB": "']'",
    "LPAR": "'('",
    "RPAR": "')'",
    "BODY": "the end of the line",
    "_TOP": "the end of the line",
    "PLAIN": "the end of the line",
    "$END": "the end of the line",
    "ARROW": "'->'",
    "SWAP": "'<->'",
    "AS": "'as'",
    "UNDER": "'under'",
    "CHANNELS": "a name",
    "TOLERANCE": "a name",
    **dict.fromkeys(("GRAFT", "DROP", "COLLAPSE", "MERGE", "RENAME"), "an edit"),
}
_ANY_VALUE = frozenset({"NAME", "NUMBER", "STRING", "RGB"})

TEXT = re.compile(r'"(?:[^"\\]++|\\["\\])*+"')
_CODE = re.compile(r'(?:"(?:[^"\\]++|\\.)*+"?+|[^"#]++)*+')


@dataclass(frozen=True, slots=True)
class Failure:
    """Where the parser stopped: the line's content, the offset in it, the section, what would have fitted."""

    source: Source
    start: int
    end: int
    at: int
    section: str
    expected: frozenset[str]

    @property
    def text(self) -> str:
        """The content of the line, without indentation and line end; a trailing comment is still there."""
        return self.source.text[self.start : self.end]

    @property
    def prefix(self) -> str:
        """What was read before the parser stopped, with the spaces behind it."""
        return self.source.text[self.start : self.at]

    @property
    def before(self) -> str:
        """What was read before the parser stopped."""
        return self.prefix.rstrip()

    @property
    def rest(self) -> str:
        """What the parser stopped at."""
        return self.source.text[self.at : self.end]

    def tail(self, skip: int) -> str:
        """What follows `skip` characters behind the place, with the spaces before it, without a comment."""
        match = _CODE.match(self.rest[skip:])
        return match[0].rstrip(" \t") if match else ""

    @property
    def is_head(self) -> bool:
        """Whether this is the first line of a section, the one with its keyword."""
        return self.start == 0 or self.source.text[self.start - 1] == "\n"

    def diagnostic(
        self, message: str, mend: str | None, length: int = 0, code: str = "H103", label: str = ""
    ) -> Diagnostic:
        """A diagnostic at the place where the parser stopped."""
        length = length or len(shown(self.rest))
        end = min(self.at + max(length, 1), max(self.end, self.at + 1), len(self.source.text))
        span = Span(self.at, end)
        return Diagnostic(code, message, Annotation(self.source, span, label), help=mend)

    def rewrite(
        self,
        message: str,
        line: str,
        length: int = 0,
        code: str = "H103",
        label: str = "",
        mend: str = "",
        until: int = 0,
    ) -> Diagnostic:
        """As `diagnostic`, where the whole line is known that the author meant; a comment behind it stays.

        The edit replaces the line up to its comment, or to `until` where a comment is part of the mistake.
        """
        line = line.strip(" \t")
        if line == code_of(self.text) and not until:  # nothing is mended by that
            return self.diagnostic(message, "correct this line", length, code, label)
        found = self.diagnostic(message, mend or f"write {line}", length, code, label)
        span = Span(self.start, max(until, self.start + len(code_of(self.text))))
        return Diagnostic(
            found.code,
            found.message,
            found.primary,
            help=found.help,
            edits=(Edit(self.source, span, line),),
        )


def code_of(text: str) -> str:
    """A text without the comment at its end; a `#` in quotes starts none."""
    match = _CODE.match(text)
    return match[0].strip(" \t") if match else ""


def shown(rest: str) -> str:
    """The word, text or sign that a line goes on with."""
    match = TEXT.match(rest) or re.match(r"[\w.\-]+|<->|.?", rest, re.DOTALL)
    return match[0] if match else ""


def listed(expected: frozenset[str]) -> str:
    """What could have stood somewhere, for people: one word for what they would call one thing."""
    rest, words = set(expected), set()
    if rest >= _ANY_VALUE:
        rest -= _ANY_VALUE
        words.add("a value")
    if "NAME" in rest:
        rest -= {"NAME", "STRING"}
        words.add("a name")
    if "IDS" in rest:
        rest -= {"IDS", "STRING", "RGB"}
        words.add("an id or a colour")
    if words or len(rest) > 1:
        rest.discard("SLASH")  # a path is possible wherever a name is
    words |= {_TOKENS.get(token, f"'{token.lower()}'") for token in rest}
    *most, last = sorted(words)
    return f"{', '.join(most)} or {last}" if most else last
