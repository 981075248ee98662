"""What a line that does not parse was probably meant to say.

One table of mistakes: each looks at the line that failed and gives a message and a help when it knows the
mistake. The first that does, wins; the last resort says what was expected.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hierdsl.diagnostics import Annotation, Diagnostic, nearest
from hierdsl.source import Source, Span

SECTIONS = ("hierarchy", "levels", "tree", "labels", "mirror")

_TOKENS = {
    "NAME": "a name",
    "STRING": "a text in double quotes",
    "INT": "an id",
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
    "$END": "the end of the line",
    "__ANON_0": "'<->'",
    "__ANON_1": "'..'",
}


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
    def before(self) -> str:
        """What was read before the parser stopped."""
        return self.source.text[self.start : self.at].rstrip()

    @property
    def rest(self) -> str:
        """What the parser stopped at."""
        return self.source.text[self.at : self.end]

    def diagnostic(
        self, message: str, mend: str | None, length: int = 0, code: str = "H103", label: str = ""
    ) -> Diagnostic:
        """A diagnostic at the place where the parser stopped."""
        length = length or len(re.match(r"[\w.\-]+|.?", self.rest, re.DOTALL)[0])  # type: ignore[index]
        span = Span(self.at, min(self.at + max(length, 1), max(self.end, self.at + 1)))
        return Diagnostic(code, message, Annotation(self.source, span, label), help=mend)


def _unterminated(f: Failure) -> Diagnostic | None:
    if not f.rest.startswith('"'):
        return None
    escape = re.search(r'\\[^"\\]', f.rest)
    if escape:
        return f.diagnostic(
            rf"'{escape[0]}' is not an escape; a text knows \" and \\ only",
            f"write {escape[0].replace(chr(92), chr(92) * 2)}",
            len(f.rest),
        )
    return f.diagnostic(
        "this text has no closing quote", f'write {f.rest.rstrip()}"', len(f.rest), code="H104"
    )


def _quotes(f: Failure) -> Diagnostic | None:
    match = re.match(r"[‘’“”„«»'`]([^‘’“”„«»'`\n]*)[‘’“”„«»'`]?", f.rest)  # noqa: RUF001 - the quotes of word processors
    if not match:
        return None
    return f.diagnostic(
        f"{f.rest[0]} is not a quote of this language",
        f'use straight double quotes: "{match[1]}"',
        len(match[0]),
        code="H102",
    )


def _colon(f: Failure) -> Diagnostic | None:
    if not f.rest.startswith(":"):
        return None
    value = f.rest[1:].split("#")[0].strip()
    if not value:
        return f.diagnostic(
            "a name needs no colon: what is indented below it is its child", f"write {f.before}"
        )
    return f.diagnostic("an id or a value is given with '=', not with ':'", f"write {f.before} = {value}")


def _bullet(f: Failure) -> Diagnostic | None:
    match = re.match(r"[-*+•]\s+(.*)", f.rest)
    if f.before or not match:
        return None
    return f.diagnostic("a line needs no bullet", f"write {match[1].split('#')[0].strip()}", 1)


def _id_first(f: Failure) -> Diagnostic | None:
    match = re.match(r"(\d+)\s*[=:,]?\s*([^\W\d][\w.\- ]*)$", f.rest.split("#")[0].strip())
    if f.before or not match:
        return None
    name = match[2].strip()
    quoted = f'"{name}"' if " " in name else name
    return f.diagnostic("the name comes first, then its id", f"write {quoted} = {match[1]}", len(match[1]))


def _negative(f: Failure) -> Diagnostic | None:
    match = re.match(r"-\s*\d+", f.rest)
    if "INT" not in f.expected or not match:
        return None
    return f.diagnostic(
        f"{match[0]} is not a raw id; ids are 0 to 65535",
        "leave it out: an annotation image cannot hold it",
        len(match[0]),
        code="H302",
    )


def _color_id(f: Failure) -> Diagnostic | None:
    if "INT" not in f.expected or not f.rest.startswith(('"#', "rgb")):
        return None
    return f.diagnostic(
        "a raw id is a number; colour-coded masks are not read yet",
        "give the class the number that stands for it in the label images",
        len(f.rest.split(",")[0].rstrip()),
    )


def _words(f: Failure) -> Diagnostic | None:
    """Two words in a row: a name with a space, or a misspelt keyword."""
    word = re.match(r"\w[\w.\-]*(?:[ \t]+\w[\w.\-]*)*", f.rest)
    last = re.search(r"[^\W\d][\w.\-]*(?:[ \t]+[\w.\-]+)*$", f.before)
    if not word or not last or f.section not in ("tree", "levels", "labels", "mirror"):
        return None
    if "=" in f.before and f.section == "tree":
        return None
    name = f"{last[0]} {word[0]}"
    tail = f.rest[word.end() :].split("#")[0].strip()
    line = f'{f.before[: last.start()]}"{name}"' + (f" {tail}" if tail else "")
    return f.diagnostic(
        "a name with a space needs double quotes", f"write {line}", len(word[0]), label="a second word"
    )


def _title(f: Failure) -> Diagnostic | None:
    text = f.rest.split("#")[0].strip()
    if f.section != "hierarchy" or "STRING" not in f.expected or not text[:1].isalnum():
        return None
    what = "a title" if "NAME" in f.expected or f.before.startswith("hierarchy") else "the value of a field"
    return f.diagnostic(f"{what} stands in double quotes", f'write {f.before} "{text}"', len(text))


def _arrow(f: Failure) -> Diagnostic | None:
    match = re.match(r"(?:<?[-=~]+>|<[-=~]+|=|,|[↔→])\s*(.*)", f.rest)
    if f.section != "mirror" or not match:
        return None
    return f.diagnostic(
        "the two sides of a mirror pair are joined by '<->'",
        f"write {f.before} <-> {match[1].split('#')[0].strip()}",
        len(f.rest[: match.start(1)].rstrip()),
    )


def _digit_name(f: Failure) -> Diagnostic | None:
    match = re.match(r"\d[\w.\-]*", f.rest)
    if "NAME" not in f.expected or not match:
        return None
    return f.diagnostic("a name starts with a letter or _", f'write "{match[0]}" in double quotes', len(match[0]))


def _missing_comma(f: Failure) -> Diagnostic | None:
    match = re.match(r"[\w\"#]", f.rest)
    if "COMMA" not in f.expected or not match:
        return None
    if "RSQB" in f.expected:
        return f.diagnostic(
            "attributes are separated by commas", f"write {f.before}, {f.rest.split('#')[0].strip()}"
        )
    return f.diagnostic("ids are separated by commas", f"write {f.before}, {f.rest.split('#')[0].strip()}")


def _hyphen_range(f: Failure) -> Diagnostic | None:
    match = re.match(r"(?:-|to\b|\.\.\.+|…|–|—)\s*(\d+)", f.rest)  # noqa: RUF001 - dashes that people type
    first = re.search(r"\d+$", f.before)
    if "__ANON_1" not in f.expected or not match or not first:
        return None
    return f.diagnostic(
        "a range of ids is written with two dots", f"write {first[0]}..{match[1]}", len(match[0])
    )


def _unclosed(f: Failure) -> Diagnostic | None:
    if "RSQB" not in f.expected or f.rest.split("#")[0].strip():
        return None
    return f.diagnostic("this bracket is not closed", f"write {f.before}]", 1)


def _nothing_follows(f: Failure) -> Diagnostic | None:
    if f.rest.split("#")[0].strip():
        return None
    wanted = _listed(f.expected)
    return f.diagnostic(f"the line ends where {wanted} should follow", f"add {wanted} after {f.before!r}", 1)


def _character(f: Failure) -> Diagnostic | None:
    char = f.rest[0]
    if char.isalnum() or char in '_"#[](),=/*.<>-+:;':
        return None
    name = {"\ufeff": "a byte order mark", "\r": "a lone carriage return", "\u00a0": "a no-break space"}
    said = name.get(char, repr(char) if char.isprintable() else f"the character U+{ord(char):04X}")
    mend = "remove it" + (", or put the name in double quotes" if char.isprintable() else "")
    return f.diagnostic(f"{said} has no meaning here", mend, 1, code="H102")


_MISTAKES: tuple[Callable[[Failure], Diagnostic | None], ...] = (
    _nothing_follows,
    _unclosed,
    _quotes,
    _color_id,
    _unterminated,
    _bullet,
    _colon,
    _id_first,
    _negative,
    _hyphen_range,
    _missing_comma,
    _title,
    _arrow,
    _digit_name,
    _words,
    _character,
)


def explain(failure: Failure) -> Diagnostic:
    """The diagnostic of a line that does not parse."""
    if failure.rest:
        for mistake in _MISTAKES:
            found = mistake(failure)
            if found:
                return found
    elif (found := _unclosed(failure) or _nothing_follows(failure)) is not None:
        return found
    shown = re.match(r"[\w.\-]+|.", failure.rest, re.DOTALL)
    wanted = _listed(failure.expected)
    return failure.diagnostic(
        f"unexpected {shown[0]!r}" if shown else "unexpected end of the line",
        f"{wanted} can stand here",
    )


def unknown_section(source: Source, start: int, end: int) -> Diagnostic:
    """A line at column 1 that starts no section."""
    line = source.text[start:end]
    word = re.match(r"[\w.\-]*", line)[0]  # type: ignore[index] - the pattern always matches
    span = Span(start, start + max(len(word), 1))
    keywords = ", ".join(SECTIONS)
    close = nearest(word, SECTIONS) if word else None
    if close and close != word:
        return Diagnostic(
            "H107", f"'{word}' is no section", Annotation(source, span), help=f"did you mean '{close}'?"
        )
    return Diagnostic(
        "H107",
        f"'{word or line[:1]}' is no section",
        Annotation(source, span, "at column 1"),
        notes=(f"the sections are: {keywords}",),
        help="indent the line if it belongs to the section above it",
    )


def _listed(expected: Iterable[str]) -> str:
    words = sorted({_TOKENS.get(token, f"'{token.lower()}'") for token in expected})
    return " or ".join(words) if len(words) < 3 else ", ".join(words[:-1]) + " or " + words[-1]  # noqa: PLR2004
