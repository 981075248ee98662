"""Mistakes in what stands behind a name: ids, ranges, colours, attributes, numbers."""

import re

from hierdsl.diagnostics import Diagnostic
from hierdsl.syntax.mistakes.failure import Failure, code_of

_ID_LIST = re.compile(r"\d+(?:\s*\.\.\s*\d+)?(?:\s*,\s*\d+(?:\s*\.\.\s*\d+)?)*")


def negative(f: Failure) -> Diagnostic | None:
    """A negative id."""
    match = re.match(r"-\s*\d+", f.rest)
    if "IDS" not in f.expected or not match:
        return None
    after = f.tail(match.end()).lstrip(" \t,")
    keeps = re.match(r"\d", after) or f.before.endswith(",")
    line = f"{f.before} {after}" if re.match(r"\d", after) else f"{f.before.rstrip('=,').rstrip()} {after}"
    return f.rewrite(
        f"{match[0]} is not a raw id; ids are 0 to 65535",
        line if keeps or after or f.before else f.before,
        len(match[0]),
        code="H302",
        mend="leave it out: an annotation image cannot hold it",
    )


def colon(f: Failure) -> Diagnostic | None:
    """`a:` and `a: 1`, as in YAML."""
    sign = f.rest[:1]
    if sign != ":" and not (sign == "=" and f.section == "hierarchy"):
        return None
    value = code_of(f.rest[1:].removeprefix("="))
    if f.is_head:
        if value and f.section in ("hierarchy", "labels"):
            return f.rewrite(f"a section needs no '{sign}'", f"{f.before} {value}")
        mend = f"write {f.before}, and its lines indented below it"
        return f.rewrite(f"a section needs no '{sign}'", f"{f.before} {value}", mend=mend)
    if not value:
        return f.rewrite("a name needs no ':': what is indented below it is its child", f.before)
    if f.section == "hierarchy":
        quoted = value if value.startswith('"') else f'"{value}"'
        return f.rewrite(f"a field needs no '{sign}'", f"{f.before} {quoted}")
    if value.startswith("{") and f.section == "tree":
        return f.rewrite("this is a line of JSON or YAML", f"{f.before}{_braces(value)}", len(f.tail(0)))
    return f.rewrite("an id or a value is given with '=', not with ':'", f"{f.before} = {value}")


def _braces(value: str) -> str:
    """`{id: 1, color: "#ff0000"}` as ids and attributes."""
    ids = re.search(r"\b\"?ids?\"?\s*:\s*(\d+)", value)
    color = re.search(r"#[0-9a-fA-F]{6}", value)
    return (f" = {ids[1]}" if ids else "") + (f' [color="{color[0]}"]' if color else "")


def level_weight(f: Failure) -> Diagnostic | None:
    """The weight of a level without brackets."""
    match = re.fullmatch(r"[=:]?\s*([+\-]?[\d.]+)", code_of(f.rest))
    if f.section != "levels" or "LSQB" not in f.expected or not match:
        return None
    return f.rewrite(
        "the weight of a level stands in brackets", f"{f.before} [weight={match[1]}]", len(match[0])
    )


def assignment(f: Failure) -> Diagnostic | None:
    """`a == 1`, `a := 1`, `a -> 1`."""
    match = re.match(r"(?:==+|:=|->|=>|→|<-)[ \t]*(?=\d|$|#)", f.rest)
    if not match and re.match(r"=[ \t]*\d", f.rest) and f.before.endswith("="):  # the first '=' is read
        match = re.match(r"=[ \t]*", f.rest)
    if not match or f.section not in ("tree", "labels") or f.is_head or not f.tail(match.end()):
        return None
    line = f"{f.before.rstrip('=').rstrip()} = {code_of(f.tail(match.end()))}"
    return f.rewrite("an id is given with one '='", line, len(match[0].rstrip()))


def bracketed_ids(f: Failure) -> Diagnostic | None:
    """`a = [1, 2]`, `a (1)`, `a {1}`, `a [1]`."""
    match = re.match(r"[\[({]?[ \t]*(\d[\d., \t]*?)[ \t]*[\])}]", f.rest)
    if not match or not _ID_LIST.fullmatch(match[1]) or f.section not in ("tree", "labels"):
        return None
    name = re.sub(r"[ \t]*=?[ \t]*[\[({]?[ \t]*$", "", f.prefix)
    if not name or "[" in name:
        return None
    line = f"{name} = {match[1]}{f.tail(match.end())}"
    return f.rewrite("ids stand without brackets", line, len(match[0]))


def number_form(f: Failure) -> Diagnostic | None:
    """`0x10`, `1.5` and `"1"` where an id stands."""
    prefix = re.search(r"(?:=|,)[ \t]*(0)$", f.prefix)
    match = re.match(r"[xX]([0-9a-fA-F]+)", f.rest)
    if prefix and match and len(match[1]) < 9:
        line = f"{f.prefix[:-1]}{int(match[1], 16)}{f.tail(match.end())}"
        return f.rewrite("ids are decimal numbers", line, len(match[0]))
    match = re.match(r"\.\d+", f.rest)
    if match and "COMMA" in f.expected and "RSQB" not in f.expected and re.search(r"\d$", f.before):
        return f.diagnostic(
            "ids are whole numbers", "write the id without a point, or leave it out", len(match[0])
        )
    return None


def letter_in_id(f: Failure) -> Diagnostic | None:
    """`1O` for 10."""
    digits = re.search(r"\d+$", f.prefix)
    word = re.match(r"\w+", f.rest)
    if "COMMA" not in f.expected or "RSQB" in f.expected or not digits or not word:
        return None
    written = digits[0] + word[0]
    meant = written.translate(str.maketrans("OolI", "0011")).replace("_", "")
    if meant.isdecimal():
        line = f"{f.prefix[: digits.start()]}{meant}{f.tail(word.end())}"
        return f.rewrite(f"'{written}' is not a raw id: ids are numbers", line, len(word[0]))
    mend = "write its digits alone, or leave it out: a class needs no id"
    return f.diagnostic(f"'{written}' is not a raw id: ids are numbers", mend, len(word[0]))


def missing_equals(f: Failure) -> Diagnostic | None:
    """A value without its '='."""
    value = code_of(f.rest)
    if "EQUAL" not in f.expected or f.is_head:
        return None
    if "RSQB" in f.expected and re.match(r"[+\-.\d\"]|rgb", value):
        return f.rewrite("the value of an attribute is given with '='", f"{f.before}={value}")
    if "RSQB" in f.expected or not _ID_LIST.fullmatch(value.lstrip(",; \t")):
        return None
    return f.rewrite("an id is given with '='", f"{f.before} = {value.lstrip(',; ')}", len(value))


def missing_comma(f: Failure) -> Diagnostic | None:
    """Two ids, or two attributes, without a comma between them; or with another sign."""
    attributes = "RSQB" in f.expected
    sign = re.match(r"[;|&/+][ \t]*|and[ \t]+", f.rest)
    rest = f.tail(sign.end() if sign else 0).lstrip()
    if "COMMA" not in f.expected or not re.match(r"[^\W\d]" if attributes else r"\d|rgb|\"#", rest):
        return None
    what = "attributes" if attributes else "ids"
    return f.rewrite(f"{what} are separated by commas", f"{f.before}, {rest}")


def double_comma(f: Failure) -> Diagnostic | None:
    """`1,,2`, `1,` and `[a=1,]`."""
    rest = code_of(f.rest)
    if not f.before.endswith(",") or not (rest == "" or rest[0] in ",[]"):
        return None
    line = (
        f"{f.before}{f.tail(1)}"
        if rest[:1] == ","
        else f"{f.before[:-1].rstrip()}{'' if rest[:1] == ']' else ' '}{rest}"
    )
    return f.rewrite("a comma stands between two things, and not behind the last", line, 1)


def decimal_comma(f: Failure) -> Diagnostic | None:
    """`weight=0,5`."""
    match = re.match(r"\d+", f.rest)
    whole = re.search(r"=[ \t]*[+\-]?\d+(,[ \t]*)$", f.prefix)
    if not match or not whole or "NAME" not in f.expected or "[" not in f.prefix:
        return None
    line = f"{f.prefix[: whole.start(1)]}.{f.tail(0)}"
    return f.rewrite("a number is written with a decimal point", line, len(match[0]))


def hyphen_range(f: Failure) -> Diagnostic | None:
    """`1-5`, `1 to 5`, `1...5`, `1:5` as ranges."""
    match = re.match(r"(?:-|to\b|\.\.\.+|…|–|—|:)\s*(\d+)", f.rest)
    first = re.search(r"\d+$", f.before)
    if "COMMA" not in f.expected or "RSQB" in f.expected or not match or not first:
        return None
    line = f"{f.before[: first.start()]}{first[0]}..{match[1]}{f.tail(match.end())}"
    return f.rewrite("a range of ids is written with two dots", line, len(match[0]))


def open_range(f: Failure) -> Diagnostic | None:
    """`5..` and `..5`."""
    match = re.match(r"\.\.+[ \t]*(\d*)", f.rest)
    is_range = match and match[1] and f.before[-1:].isdigit()
    if match and not (match[1] or f.before[-1:].isdigit()):
        return f.diagnostic("a range is of ids, not of colours", "list the colours one by one")
    if not match or is_range or not ("COMMA" in f.expected or "IDS" in f.expected):
        return None
    number = match[1] or (re.findall(r"\d+$", f.before) or [""])[0]
    line = f"{f.prefix}{match[1]}{f.tail(match.end())}"
    return f.rewrite(
        "a range has an id on both sides", line, len(match[0].rstrip()), mend=f"write both, or {number} alone"
    )


def word_for_id(f: Failure) -> Diagnostic | None:
    """`a = one`, `a = None`."""
    match = re.match(r"[^\W\d][\w.\-]*", f.rest)
    if "IDS" not in f.expected or not match or match[0] == "rgb" or "=" in f.rest:
        return None
    line = f"{f.before.rstrip('=, ').rstrip()}{f.tail(match.end())}"
    return f.rewrite(
        f"'{match[0]}' is not a raw id: ids are numbers",
        line,
        len(match[0]),
        mend="write a number, or leave it out: a class needs no id",
    )


def hash_color(f: Failure) -> Diagnostic | None:
    """`color=#ff0000` and `= #ff0000`: the # starts a comment."""
    color = re.match(r"\s*(#[0-9a-fA-F]{3,8})\b(.*)", f.rest)
    if code_of(f.rest) or not color or "RGB" not in f.expected:
        return None
    line = f'{f.prefix}"{color[1]}"{code_of(color[2])}'
    return f.rewrite(
        "a colour stands in double quotes, since # starts a comment",
        line,
        len(color[0].rstrip()),
        until=f.at + color.start(2) + len(code_of(color[2])),
    )


def rgb_form(f: Failure) -> Diagnostic | None:
    """`rgb(1 2 3)`, `rgb(1, 2)`, `rgba(..)`."""
    call = re.search(r"\brgba?[ \t]*\([^()#\n]*$", f.prefix + (f.rest[:1] if f.rest[:1] == "(" else ""))
    if not call or "LSQB" in f.expected:
        return None
    inside = re.match(r"\(?[^()#\n]*\)?", f.rest)
    numbers = re.findall(r"\d+", call[0].rstrip("(") + (inside[0] if inside else ""))
    if call[0].startswith("rgba"):
        numbers = numbers[:3]  # there is no transparency
    if len(numbers) != 3:
        return f.diagnostic(
            "a colour has red, green and blue", "write three numbers from 0 to 255: rgb(128, 64, 0)"
        )
    tail = f.tail(len(inside[0]) if inside else 0)
    line = f"{f.prefix[: call.start()]}rgb({', '.join(numbers)}){tail}"
    return f.rewrite("red, green and blue are joined by commas, in brackets", line)


def unclosed(f: Failure) -> Diagnostic | None:
    """A bracket that is not closed."""
    if "RSQB" not in f.expected or code_of(f.rest):
        return None
    return f.rewrite("this bracket is not closed", f"{f.before}]", 1)


def quoted_id(f: Failure) -> Diagnostic | None:
    """`"1": a` is no id, nor is `[color=red]`; here: an attribute in other brackets."""
    match = re.match(r"[({<](.*)[)}>]$", code_of(f.rest))
    known = r"[ \t]*(color|weight|level|doc|ignore|meta\.)"
    if f.section not in ("tree", "levels") or "LSQB" not in f.expected or not match:
        return None
    if not re.match(known, match[1]):
        return None
    return f.rewrite("attributes stand in square brackets", f"{f.before} [{match[1]}]", 1)
