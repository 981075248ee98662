"""What a line that does not parse was probably meant to say.

One table of mistakes: each looks at the line that failed and gives a message and a help when it knows the
mistake. The first that does, wins; the last resort says what was expected.
"""

import re
from collections.abc import Callable
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

    @property
    def is_head(self) -> bool:
        """Whether this is the first line of a section, the one with its keyword."""
        return self.start == 0 or self.source.text[self.start - 1] == "\n"

    def diagnostic(
        self, message: str, mend: str | None, length: int = 0, code: str = "H103", label: str = ""
    ) -> Diagnostic:
        """A diagnostic at the place where the parser stopped."""
        length = length or len(_shown(self.rest))
        end = min(self.at + max(length, 1), max(self.end, self.at + 1), len(self.source.text))
        span = Span(self.at, end)
        return Diagnostic(code, message, Annotation(self.source, span, label), help=mend)


def _unterminated(f: Failure) -> Diagnostic | None:
    if not f.rest.startswith('"') or _TEXT.match(f.rest):
        return None
    escape = re.match(r'"(?:[^"\\]|\\["\\])*(\\[^"\\])', f.rest)
    if escape:
        return f.diagnostic(
            rf"'{escape[1]}' is not an escape; a text knows \" and \\ only",
            rf"write \{escape[1]}",
            len(_code(f.rest)),
        )
    stop = "]" if "[" in f.before else "$" if f.section == "hierarchy" else "=" if f.before else "[=[]"
    text = re.split(stop, _code(f.rest)[1:])[0].rstrip(" \t\\")
    return f.diagnostic("this text has no closing quote", f'write "{text}"', len(_code(f.rest)), code="H104")


def _quotes(f: Failure) -> Diagnostic | None:
    match = re.match(r"[‘’“”„«»'`]([^‘’“”„«»'`\n]*)[‘’“”„«»'`]?", f.rest)
    if not match:
        return None
    name = re.match(r"[^=\[<#]*", f.text)[0].rstrip()  # type: ignore[index]  # it matches the empty text
    if f.before and f.before == f.text[: f.at - f.start] and f.before == name[: len(f.before)]:
        return f.diagnostic(
            f"a name with {f.rest[0]} needs double quotes",
            f'write "{name}" {_code(f.text[len(name) :])}'.rstrip(),
            1,
            code="H102",
        )
    return f.diagnostic(
        f"{f.rest[0]} is not a quote of this language",
        f'use straight double quotes: "{match[1]}"',
        len(match[0]),
        code="H102",
    )


def _colon(f: Failure) -> Diagnostic | None:
    sign = f.rest[:1]
    if sign != ":" and not (sign == "=" and f.section == "hierarchy"):
        return None
    value = _code(f.rest[1:])
    if f.is_head:
        named = value and f.section in ("hierarchy", "labels")
        mend = f"write {f.before} {value}" if named else f"write {f.before}, and its lines indented below it"
        return f.diagnostic(f"a section needs no '{sign}'", mend)
    if not value:
        return f.diagnostic(
            "a name needs no ':': what is indented below it is its child", f"write {f.before}"
        )
    if f.section == "hierarchy":
        return f.diagnostic(f"a field needs no '{sign}'", f"write {f.before} {value}")
    return f.diagnostic("an id or a value is given with '=', not with ':'", f"write {f.before} = {value}")


def _level_weight(f: Failure) -> Diagnostic | None:
    match = re.fullmatch(r"[=:]?\s*([+\-]?[\d.]+)", _code(f.rest))
    if f.section != "levels" or "LSQB" not in f.expected or not match:
        return None
    return f.diagnostic(
        "the weight of a level stands in brackets", f"write {f.before} [weight={match[1]}]", len(match[0])
    )


def _bullet(f: Failure) -> Diagnostic | None:
    match = re.match(r"[-*+•]\s+([\w\"].*)", f.rest)
    if f.before or not match:
        return None
    return f.diagnostic("a line needs no bullet", f"write {_code(match[1])}", 1)


def _id_first(f: Failure) -> Diagnostic | None:
    match = re.fullmatch(r"(\d+)(?:\s+|\s*[=:,]\s*)([^\W\d][\w.\- ]*)", _code(f.rest))
    if f.before or not match:
        return None
    quoted = f'"{match[2]}"' if " " in match[2] else match[2]
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
    match = re.match(r'"#[^"]*"?|rgb(?:\s*\([^)#]*\)?)?', f.rest)
    if "INT" not in f.expected or not match:
        return None
    return f.diagnostic(
        "a raw id is a number; colour-coded masks are not read yet",
        "give the class the number that stands for it in the label images",
        len(match[0].rstrip()),
    )


def _not_read_yet(f: Failure) -> Diagnostic | None:
    """Parts of the language that this version does not know."""
    if f.section == "hierarchy" and f.before == "channels":
        return f.diagnostic(
            "'channels' is not read yet: the classes are the channels in file order",
            "remove this line, and write the classes in the order of the channels",
            len(_code(f.rest)),
        )
    if f.section == "labels" and f.before == "tolerance":
        return f.diagnostic(
            "'tolerance' is not read yet, nor are colour-coded masks", "remove this line", len(_code(f.rest))
        )
    return None


def _missing_equals(f: Failure) -> Diagnostic | None:
    value = _code(f.rest)
    if "EQUAL" not in f.expected or f.is_head:
        return None
    if "RSQB" in f.expected and re.match(r"[+\-.\d\"]|rgb", value):
        return f.diagnostic("the value of an attribute is given with '='", f"write {f.before}={value}")
    if "RSQB" in f.expected or not re.fullmatch(r"\d+(?:\.\.\d+)?(?:\s*,\s*\d+(?:\.\.\d+)?)*", value):
        return None
    return f.diagnostic("an id is given with '='", f"write {f.before} = {value}", len(value))


def _words(f: Failure) -> Diagnostic | None:
    """Two words in a row: a name with a space, or a misspelt keyword."""
    word = re.match(r"\w[\w.\-]*(?:[ \t]+\w[\w.\-]*)*", f.rest)
    if f.is_head and f.section == "labels" and word:
        return f.diagnostic(
            "the name of a label map is one word", f"write labels {'_'.join(_code(f.text).split()[1:])}"
        )
    last = re.search(r"[^\W\d][\w.\-]*(?:[ \t]+[\w.\-]+)*$", f.before)
    if not word or not last or f.is_head or f.section not in ("tree", "levels", "labels", "mirror"):
        return None
    if "=" in f.before and f.section == "tree":
        return None
    name = f"{last[0]} {word[0]}"
    tail = _code(f.rest[word.end() :])
    line = f'{f.before[: last.start()]}"{name}"' + (f" {tail}" if tail else "")
    return f.diagnostic(
        "a name with a space needs double quotes", f"write {line}", len(word[0]), label="a second word"
    )


def _title(f: Failure) -> Diagnostic | None:
    text = f.rest.split(" #")[0].strip()
    if f.section != "hierarchy" or "STRING" not in f.expected or not text[:1].isalnum():
        return None
    what = "a title" if "NAME" in f.expected or f.before.startswith("hierarchy") else "the value of a field"
    return f.diagnostic(f"{what} stands in double quotes", f'write {f.before} "{text}"', len(text))


def _arrow(f: Failure) -> Diagnostic | None:
    match = re.match(r"(?:<?[-=~]*>|<[-=~]*|=|,|:|[↔→]|(?=[\w\"]))\s*(.*)", f.rest)
    if f.section != "mirror" or "__ANON_0" not in f.expected or "<->" in f.text or not match:
        return None
    other = _code(match[1])
    return f.diagnostic(
        "the two sides of a mirror pair are joined by '<->'",
        f"write {f.before} <-> {other}" if other else f"write {f.before} <-> and the other class",
        len(f.rest[: match.start(1)].rstrip()),
    )


def _digit_name(f: Failure) -> Diagnostic | None:
    match = re.match(r"\d[\w.\-]*(?:[ \t]+\w[\w.\-]*)*", f.rest)
    if "NAME" not in f.expected or f.is_head or "[" in f.before or not match:
        return None
    mend = f'write {f.before} "{match[0]}" {_code(f.rest[match.end() :])}'
    return f.diagnostic("a name starts with a letter or _", " ".join(mend.split()), len(match[0]))


def _letter_in_id(f: Failure) -> Diagnostic | None:
    digits = re.search(r"\d+$", f.source.text[f.start : f.at])
    word = re.match(r"\w+", f.rest)
    if "__ANON_1" not in f.expected or not digits or not word:
        return None
    written = digits[0] + word[0]
    meant = written.translate(str.maketrans("OolI", "0011"))
    mend = f"write {meant}" if meant.isdecimal() else "write digits only"
    return f.diagnostic(f"'{written}' is not a raw id: ids are numbers", mend, len(word[0]))


def _missing_comma(f: Failure) -> Diagnostic | None:
    attributes = "RSQB" in f.expected
    if "COMMA" not in f.expected or not re.match(r"[^\W\d]" if attributes else r"\d", f.rest):
        return None
    what = "attributes" if attributes else "ids"
    return f.diagnostic(f"{what} are separated by commas", f"write {f.before}, {_code(f.rest)}")


def _hyphen_range(f: Failure) -> Diagnostic | None:
    match = re.match(r"(?:-|to\b|\.\.\.+|…|–|—)\s*(\d+)", f.rest)
    first = re.search(r"\d+$", f.before)
    if "__ANON_1" not in f.expected or not match or not first:
        return None
    return f.diagnostic(
        "a range of ids is written with two dots", f"write {first[0]}..{match[1]}", len(match[0])
    )


def _unclosed(f: Failure) -> Diagnostic | None:
    if "RSQB" not in f.expected or _code(f.rest):
        return None
    return f.diagnostic("this bracket is not closed", f"write {f.before}]", 1)


def _nothing_follows(f: Failure) -> Diagnostic | None:
    if _code(f.rest):
        return None
    color = re.match(r"\s*(#[0-9a-fA-F]{3,8})\b(.*)", f.rest)
    if color and "RGB" in f.expected:
        return f.diagnostic(
            "a colour stands in double quotes, since # starts a comment",
            f'write {f.before}"{color[1]}"{color[2].rstrip()}',
            len(color[0].rstrip()),
        )
    return f.diagnostic(f"the line ends where {_listed(f.expected)} should follow", None, 1)


def _character(f: Failure) -> Diagnostic | None:
    char = f.rest[0]
    if char.isalnum() or char in '_"#[](),=/*.<>-+:;':
        return None
    name = {"\ufeff": "a byte order mark", "\r": "a lone carriage return", "\u00a0": "a no-break space"}
    said = name.get(char, repr(char) if char.isprintable() else f"the character U+{ord(char):04X}")
    mend = "remove it" + (", or put the name in double quotes" if char.isprintable() else "")
    if char == "\u00a0":
        mend = "write an ordinary space"
    return f.diagnostic(f"{said} has no meaning here", mend, 1, code="H102")


_MISTAKES: tuple[Callable[[Failure], Diagnostic | None], ...] = (
    _unclosed,
    _nothing_follows,
    _not_read_yet,
    _quotes,
    _color_id,
    _unterminated,
    _bullet,
    _arrow,
    _level_weight,
    _colon,
    _id_first,
    _negative,
    _hyphen_range,
    _letter_in_id,
    _missing_equals,
    _missing_comma,
    _title,
    _digit_name,
    _words,
    _character,
)


def explain(failure: Failure) -> Diagnostic:
    """The diagnostic of a line that does not parse."""
    for mistake in _MISTAKES:
        found = mistake(failure)
        if found:
            return found
    shown = _shown(failure.rest)
    quoted = shown if shown.startswith('"') else f"'{shown}'"
    return failure.diagnostic(f"expected {_listed(failure.expected)}, found {quoted}", None, len(shown))


def unknown_section(source: Source, start: int, end: int, *, is_first: bool) -> Diagnostic:
    """A line at column 1 that starts no section; `is_first` when no section stands above it."""
    failure = Failure(source, start, end, start, "", frozenset())
    if found := _quotes(failure) or _character(failure):
        return found
    word = _shown(failure.text)
    close = nearest(word, SECTIONS)
    notes: tuple[str, ...] = ()
    label = ""
    if word == "use":
        message, mend = (
            "'use' is not read yet: a file cannot build on another one",
            "copy the lines of that file",
        )
    elif close and close != word:
        message, mend = f"'{word}' is no section", f"did you mean '{close}'?"
    else:
        message, label = f"'{word}' is no section", "at column 1"
        notes = (f"the sections are: {', '.join(SECTIONS)}",)
        mend = "indent the line if it belongs to the section above it"
        if is_first:
            mend = "if it is a class, write the word tree on a line above it and indent it below that"
    place = Annotation(source, Span(start, start + len(word)), label)
    return Diagnostic("H107", message, place, notes=notes, help=mend)


_TEXT = re.compile(r'"(?:[^"\\]|\\["\\])*"')
_CODE = re.compile(r'(?:"(?:[^"\\]|\\.)*"?|[^"#])*')


def _code(text: str) -> str:
    """A text without the comment at its end; a `#` in quotes starts none."""
    match = _CODE.match(text)
    return match[0].strip(" \t") if match else ""


def _shown(rest: str) -> str:
    """The word, text or sign that a line goes on with."""
    match = _TEXT.match(rest) or re.match(r"[\w.\-]+|<->|.?", rest, re.DOTALL)
    return match[0] if match else ""


_ANY_VALUE = frozenset({"NAME", "NUMBER", "STRING", "RGB"})


def _listed(expected: frozenset[str]) -> str:
    """What could have stood somewhere, for people: one word for what they would call one thing."""
    rest, words = set(expected), set()
    if rest >= _ANY_VALUE:
        rest -= _ANY_VALUE
        words.add("a value")
    if "NAME" in rest:
        rest -= {"NAME", "STRING"}
        words.add("a name")
    if words or len(rest) > 1:
        rest.discard("SLASH")  # a path is possible wherever a name is
    words |= {_TOKENS.get(token, f"'{token.lower()}'") for token in rest}
    *most, last = sorted(words)
    return f"{', '.join(most)} or {last}" if most else last
