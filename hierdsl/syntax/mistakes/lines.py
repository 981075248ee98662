"""Mistakes in the form of a line: bullets, arrows, the order of its parts, edits, where it ends."""

import re

from hierdsl.diagnostics import Diagnostic
from hierdsl.syntax.mistakes.failure import Failure, code_of, listed


def bullet(f: Failure) -> Diagnostic | None:
    """`- a`, as in YAML."""
    match = re.match(r"[-*+•][ \t]+([\w\"].*)", f.rest)
    if f.before or not match:
        return None
    line = re.sub(r"^([^:=\[]+?)[ \t]*:[ \t]*", r"\1 = ", code_of(match[1]))
    return f.rewrite("a line needs no bullet", line.removesuffix(" = "), 1)


def id_first(f: Failure) -> Diagnostic | None:
    """`7 = road`, `7: road`, `7 road`, `0,road`."""
    match = re.fullmatch(r"(\d+)(?:\s+|\s*[=:,;]\s*)([^\W\d][\w.\- ]*|\"[^\"]*\")", code_of(f.rest))
    if f.before or not match or f.section not in ("tree", "labels"):
        return None
    quoted = f'"{match[2]}"' if " " in match[2] and match[2][0] != '"' else match[2]
    return f.rewrite("the name comes first, then its id", f"{quoted} = {match[1]}", len(match[1]))


def mirror_arrow(f: Failure) -> Diagnostic | None:
    """Another sign than `<->` between the sides of a pair."""
    match = re.match(r"(?:<?[-=~]*>|<[-=~]*|=|,|:|[↔→]|and\b|(?=[\w\"]))\s*(.*)", f.rest)
    if f.section != "mirror" or "SWAP" not in f.expected or "<->" in f.text or not match:
        return None
    other = code_of(match[1])
    length = len(f.rest[: match.start(1)].rstrip())
    if not other:
        return f.diagnostic(
            "a mirror pair has two sides", f"write {f.before} <-> and the class on the other side", length
        )
    return f.rewrite("the two sides of a mirror pair are joined by '<->'", f"{f.before} <-> {other}", length)


def child_arrow(f: Failure) -> Diagnostic | None:
    """`vehicle > car`, `vehicle / car`, `vehicle: car` in the tree."""
    match = re.match(r"(?:[-=]*>+|/|\\|→|»)[ \t]*([^\W\d][\w.\-]*)", f.rest)
    if f.section != "tree" or not f.before or "=" in f.before or "[" in f.before or not match:
        return None
    indentation = re.match(r"[ \t]*", f.source.line(f.source.position(f.start)[0]))
    below = f"\n{indentation[0] if indentation else ''}    {match[1]}{f.tail(match.end())}"
    return f.rewrite(
        "a child stands on a line of its own",
        f"{f.before}{below}",
        len(match[0]),
        mend=f"write {match[1]} on the next line, indented below {f.before}",
    )


def two_classes(f: Failure) -> Diagnostic | None:
    """`car, bus` on one line of the tree."""
    match = re.match(r"[,;|][ \t]*([^\W\d][\w.\-]*|\"[^\"]*\")", f.rest)
    if f.section not in ("tree", "levels") or "=" in f.before or "[" in f.before or not match or f.is_head:
        return None
    indentation = re.match(r"[ \t]*", f.source.line(f.source.position(f.start)[0]))
    below = f"\n{indentation[0] if indentation else ''}{match[1]}{f.tail(match.end())}"
    what = "a class" if f.section == "tree" else "a level"
    return f.rewrite(
        f"{what} stands on a line of its own",
        f"{f.before}{below}",
        1,
        mend=f"write {match[1]} on the next line",
    )


def semicolon(f: Failure) -> Diagnostic | None:
    """A sign at the end of the line that other languages want there; or a bracket too many."""
    rest = code_of(f.rest)
    if not re.fullmatch(r"[;,.\])}]+", rest) or not (f.expected & {"BODY", "_TOP"}):
        return None
    if rest[0] in "])}":
        return f.rewrite(f"this '{rest[0]}' closes nothing", f.before, len(rest))
    return f.rewrite(f"a line needs no '{rest[0]}' at its end", f.before, len(rest))


def braces(f: Failure) -> Diagnostic | None:
    """Blocks in braces."""
    rest = code_of(f.rest)
    if rest != "{" or not f.before:
        return None
    return f.rewrite("a block needs no braces: what is indented below a line belongs to it", f.before, 1)


def title(f: Failure) -> Diagnostic | None:
    """A title, or the value of a field, without quotes."""
    text = f.rest.split(" #")[0].strip()
    if f.section != "hierarchy" or "STRING" not in f.expected or not text[:1].isalnum():
        return None
    if '"' in text:
        mend = "write one word as the name, then the title in double quotes"
        return f.diagnostic("a name of the hierarchy is one word", mend, len(text))
    what = "a title" if "NAME" in f.expected or f.before.startswith("hierarchy") else "the value of a field"
    return f.rewrite(f"{what} stands in double quotes", f'{f.before} "{text}"', len(text))


def channels(f: Failure) -> Diagnostic | None:
    """`channels` in the header in another form."""
    match = re.match(r"channels\b[ \t]*=?[ \t]*(?:labels?)?[ \t]*([^\W\d][\w.\-]*)?", f.text)
    if f.section != "hierarchy" or f.is_head or not match:
        return None
    return f.rewrite(
        "'channels' says which label map numbers the channels",
        f"channels labels {match[1] or ''}",
        len(code_of(f.rest)),
    )


def misplaced_word(f: Failure) -> Diagnostic | None:
    """`use "x"` or `tolerance 24` in a section that has no such line."""
    where = {"use": ("tree", "levels", "labels", "mirror"), "tolerance": ("tree", "levels", "mirror")}
    if f.section not in where.get(f.before, ()) or not re.match(r"[\"\d]", f.rest):
        return None
    mend = "write it at column 1: a section of its own" if f.before == "use" else "move it below labels"
    return f.diagnostic(f"'{f.before}' does not stand in '{f.section}'", mend, len(code_of(f.rest)))


def tolerance(f: Failure) -> Diagnostic | None:
    """`tolerance = 24`."""
    match = re.match(r"tolerance\b[ \t]*[=:]?[ \t]*([\d.]*)", f.text)
    if (
        f.section != "labels"
        or f.is_head
        or not match
        or f.before.partition(" ")[0] not in ("tolerance", "tolerance=")
    ):
        return None
    if not match[1]:
        return f.diagnostic("a tolerance is a number", "write tolerance 24", len(code_of(f.rest)) or 1)
    return f.rewrite("a tolerance is given without a sign", f"tolerance {match[1]}", len(code_of(f.rest)))


_EDITS = ("graft", "drop", "collapse", "merge", "rename")
_WANTS = {
    "graft": "write graft PART under NODE",
    "drop": "write drop NODE",
    "collapse": "write collapse NODE",
    "merge": "write merge NODE, NODE as NAME",
    "rename": "write rename NODE -> NAME",
}
_ALIASES = {
    "remove": "drop",
    "delete": "drop",
    "add": "graft",
    "take": "graft",
    "join": "merge",
    "import": "graft",
}


def tree_edit(f: Failure) -> Diagnostic | None:
    """Lines of `use` and `edit`."""
    if f.section not in ("use", "edit") or f.is_head:
        return None
    word, _, rest = code_of(f.text).partition(" ")
    if not f.before and word not in _EDITS:
        meant = _ALIASES.get(word.lower()) or (word.lower() if word.lower() in _EDITS else None)
        what = f"'{word or f.rest[0]}' is no edit; the edits are: {', '.join(_EDITS)}"
        if meant:
            return f.rewrite(what, f"{meant} {rest}", len(word))
        return f.diagnostic(what, "start the line with one of them", len(word))
    verb = word if word in _EDITS else ""
    joined = {
        "graft": (r"\b(?:to|into|below|in|onto|as)\b|->|=>|:|=", "under"),
        "merge": (r"\b(?:to|into)\b|->|=>|=", "as"),
        "rename": (r"\b(?:to|as|into)\b|=>|→|=|:|,", "->"),
    }.get(verb)
    if (
        joined
        and not re.search(r"[ \t]->[ \t]", f.rest)
        and (match := re.match(rf"(?:{joined[0]})[ \t]*(\S.*)", code_of(f.rest)))
    ):
        return f.rewrite(
            f"'{verb}' goes on with '{joined[1]}'",
            f"{f.before} {joined[1]} {match[1]}",
            len(match[0]) - len(match[1]),
        )
    if verb == "rename" and "ARROW" in f.expected and (match := re.match(r"[\w\"]", f.rest)):
        return f.rewrite("'rename' goes on with '->'", f"{f.before} -> {f.tail(0)}")
    if verb in ("drop", "collapse", "merge") and "COMMA" in f.expected:
        match = re.match(r"(?:and\b|[&+;])?[ \t]*([\w\"/].*)", code_of(f.rest))
        if match and not match[1].startswith(("as ", "->")):
            return f.rewrite("nodes are separated by commas", f"{f.before}, {match[1]}")
    return f.diagnostic(
        f"expected {listed(f.expected)}" + (f", found '{code_of(f.rest)}'" if code_of(f.rest) else ""),
        _WANTS.get(verb, "start the line with one of: " + ", ".join(_EDITS)),
        len(code_of(f.rest)) or 1,
    )


def use_head(f: Failure) -> Diagnostic | None:
    """`use city.hier`, `use "city.hier" city`."""
    if f.section != "use" or not f.is_head:
        return None
    if f.before == "use":
        match = re.match(r"([^\s\"#=:]+)(.*)", f.rest.lstrip("=: "))
        if match:
            tail = code_of(match[2])
            return f.rewrite("the file stands in double quotes", f'use "{match[1]}" {tail}', len(match[1]))
        return f.diagnostic("the file is missing that is to be used", 'write use "city.hier"', 1)
    match = re.match(r"(?:->|=|:|,)?[ \t]*(?:as\b)?[ \t]*\"?([^\W\d][\w.\-]*)\"?$", code_of(f.rest))
    if match:
        return f.rewrite(
            "the name of a used file stands behind 'as'",
            f"{re.sub(r'[ 	]+as$', '', f.before)} as {match[1]}",
        )
    return f.diagnostic(
        f"expected {listed(f.expected)}",
        'write use "city.hier", or use "city.hier" as NAME',
        len(code_of(f.rest)) or 1,
    )


def nothing_follows(f: Failure) -> Diagnostic | None:
    """The line ends too early."""
    if code_of(f.rest):
        return None
    what = listed(f.expected)
    message = f"the line ends where {what} should follow"
    if re.search(r"[=,/]$", f.before) and "[" not in f.before:
        line = f.before[:-1].rstrip()
        return f.rewrite(message, line, 1, mend=f"write it, or leave the '{f.before[-1]}' out")
    return f.diagnostic(message, f"write {what} behind '{f.before}'", 1)
