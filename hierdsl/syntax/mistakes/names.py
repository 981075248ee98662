"""Mistakes in names and texts: quotes, spaces, digits, characters that the language has no use for."""

import re

from hierdsl.diagnostics import Diagnostic
from hierdsl.syntax.mistakes.failure import TEXT, Failure, code_of

_DRAWN = re.compile(r"[│├└─┬┼|`+\\ \t\-]*[│├└][│├└─┬┼|`+\\ \t\-]*|[|+`]--+[ \t]+")
_FULL_WIDTH = str.maketrans({chr(0xFF01 + i): chr(0x21 + i) for i in range(94)})


def unterminated(f: Failure) -> Diagnostic | None:
    """A text without its closing quote, or with an escape that there is not."""
    if not f.rest.startswith('"') or TEXT.match(f.rest):
        return None
    code = code_of(f.rest)
    escape = re.match(r'"(?:[^"\\]++|\\["\\])*+(\\[^"\\])', f.rest)
    if escape:
        at = escape.start(1)
        line = f"{f.prefix}{f.rest[:at]}\\{f.tail(at)}"
        return f.rewrite(
            rf"'{escape[1]}' is not an escape; a text knows \" and \\ only",
            line,
            len(code),
            mend=rf"write \{escape[1]}",
        )
    stop = "]" if "[" in f.before else "$" if f.section == "hierarchy" else "=" if f.before else "[=[]"
    text = re.split(stop, code[1:])[0].rstrip(" \t\\")
    return f.rewrite(
        "this text has no closing quote", f'{f.prefix}"{text}"{code[1 + len(text) :]}', len(code), code="H104"
    )


def quotes(f: Failure) -> Diagnostic | None:
    """Other quotes than straight double ones."""
    match = re.match(r"[‘’“”„«»'`]([^‘’“”„«»'`\n]*)[‘’“”„«»'`]?", f.rest)
    if not match or _DRAWN.match(f.rest):
        return None
    name = re.match(r"[^=\[<#]*", f.text)[0].rstrip()  # type: ignore[index]  # it matches the empty text
    if f.before and f.before == f.prefix and f.before == name[: len(f.before)]:
        line = f'"{name}" {code_of(f.text[len(name) :])}'
        return f.rewrite(f"a name with {f.rest[0]} needs double quotes", line, 1, code="H102")
    line = f'{f.prefix}"{match[1]}"{f.tail(match.end())}'
    return f.rewrite(
        f"{f.rest[0]} is not a quote of this language",
        line,
        len(match[0]),
        code="H102",
        mend=f'use straight double quotes: "{match[1]}"',
    )


def drawn_tree(f: Failure) -> Diagnostic | None:
    """The lines of a drawn tree, pasted with it."""
    match = _DRAWN.match(f.rest)
    name = code_of(f.rest[match.end() :]) if match else ""
    if f.before or not name:
        return None
    found = f.diagnostic(
        "the lines of a drawn tree are not part of the language",
        f"indent by spaces alone: {name}",
        len(f.rest[: match.end()].rstrip()) if match else 1,
        code="H102",
    )
    return f.rewrite(found.message, name, found.primary.span.end - f.at, "H102", mend=found.help or "")


def words(f: Failure) -> Diagnostic | None:
    """Two words in a row: a name with a space."""
    word = re.match(r"\w[\w.\-]*(?:[ \t]+\w[\w.\-]*)*", f.rest)
    if f.is_head and f.section == "labels" and (word or TEXT.match(f.rest)):
        name = re.sub(r"[^\w.\-]+", "_", " ".join(code_of(f.text).split()[1:])).strip("_")
        return f.rewrite("the name of a label map is one word, without quotes", f"labels {name}")
    last = re.search(r"[^\W\d][\w.\-]*(?:[ \t]+[\w.\-]+)*$", f.before)
    if not word or not last or f.is_head or f.section not in ("tree", "levels", "labels", "mirror"):
        return None
    if "=" in f.before and f.section == "tree":
        return None
    name = f"{last[0]} {word[0]}"
    tail = code_of(f.rest[word.end() :])
    line = f'{f.before[: last.start()]}"{name}"' + (f" {tail}" if tail else "")
    return f.rewrite("a name with a space needs double quotes", line, len(word[0]), label="a second word")


def digit_name(f: Failure) -> Diagnostic | None:
    """A name that starts with a digit."""
    match = re.match(r"\d[\w.\-]*(?:[ \t]+\w[\w.\-]*)*", f.rest)
    if "NAME" not in f.expected or f.is_head or "[" in f.before or not match:
        return None
    line = f'{f.prefix}"{match[0]}" {code_of(f.rest[match.end() :])}'
    return f.rewrite("a name starts with a letter or _", line, len(match[0]))


def sign_in_name(f: Failure) -> Diagnostic | None:
    """`R&B`, `road+path`: a sign in the middle of a name."""
    match = re.match(r"[&+%$@!?~^|]+[ \t]*[\w.\-]+(?:[ \t]*[\w.\-]+)*", f.rest)
    name = re.match(r"[^=\[<#]*", f.text)[0].rstrip()  # type: ignore[index]  # it matches the empty text
    if not match or not f.before or f.before != name[: len(f.before)] or f.section not in ("tree", "levels"):
        return None
    line = f'"{name}" {code_of(f.text[len(name) :])}'
    return f.rewrite(f"a name with {f.rest[0]} needs double quotes", line, 1, code="H102")


def comment(f: Failure) -> Diagnostic | None:
    """`//`, `/* */`, `;` and `--` as comments."""
    match = re.match(r"(?://+|/\*|--|;+|%+)[ \t]*([^*\n]*)(?:\*/)?", f.rest)
    text = match[1].strip() if match else ""
    if not match or (f.before and f.prefix[-1] not in " \t") or (text[:1].isdigit() and match[0][0] == ";"):
        return None
    line = f"{f.prefix}# {text}" if text else f.prefix
    return f.rewrite(
        f"a comment starts with '#', not with '{match[0][:2].strip()}'", line, len(match[0].rstrip())
    )


def full_width(f: Failure) -> Diagnostic | None:
    """The wide forms that an East Asian keyboard gives."""
    if not f.rest[:1].translate(_FULL_WIDTH).isascii() or f.rest[:1].isascii():
        return None
    line = code_of(f.text).translate(_FULL_WIDTH)
    return f.rewrite(
        f"'{f.rest[0]}' is the wide form of '{f.rest[0].translate(_FULL_WIDTH)}'", line, 1, "H102"
    )


_CHARACTERS = {
    "\ufeff": "a byte order mark",
    "\r": "a lone carriage return",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\u2028": "a line separator",
}


def character(f: Failure) -> Diagnostic | None:
    """A character that stands nowhere in the language."""
    char = f.rest[0]
    if char.isalnum() or char in '_"#[](),=/*.<>-+:;':
        return None
    said = _CHARACTERS.get(char, repr(char) if char.isprintable() else f"the character U+{ord(char):04X}")
    mend = "remove it" + (", or put the name in double quotes" if char.isprintable() else "")
    instead = ""
    if char == "\u00a0":
        mend, instead = "write an ordinary space", " "
    if char == "\r":
        return f.diagnostic(
            f"{said} has no meaning here", "end lines with a line feed, in the editor's settings", 1, "H102"
        )
    line = f"{f.prefix}{instead}{f.tail(1)}"
    return f.rewrite(f"{said} has no meaning here", line, 1, code="H102", mend=mend)
