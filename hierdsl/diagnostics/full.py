"""The full form of a diagnostic: headline, source lines with underlines, notes and help.

    error[H203]: class 'car' is already defined
      --> hierarchies/city.hier:14:9
       |
    12 |         car = 26
       |         --- first defined here
    ...
    14 |         car = 33
       |         ^^^ same name under the same parent 'vehicle'
       |
       = help: rename one, or write both ids on one line: car = 26, 33

Pure: text in, text out. Colour is asked for by the caller.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

import click
from rich.cells import cell_len

from hierdsl.diagnostics.codes import Severity
from hierdsl.diagnostics.model import Annotation, Diagnostic
from hierdsl.source import Source, printable

MOST = 100
"""Diagnostics of one file that a person is shown; nobody reads more, and a wrong file can have a million."""

_MAX_LINE = 160
"""A longer source line is shown as a window around its annotation."""

_HEAD = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def first_of(diagnostics: Sequence[Diagnostic], most: int = MOST) -> list[Diagnostic]:
    """At most so many of them, in their order; where there are more, warnings make room for errors."""
    if len(diagnostics) <= most:
        return list(diagnostics)
    errors = [i for i, d in enumerate(diagnostics) if d.is_error][:most]
    warnings = [i for i, d in enumerate(diagnostics) if not d.is_error][: most - len(errors)]
    return [diagnostics[i] for i in sorted(errors + warnings)]


def _plain(text: str, **_: object) -> str:
    return text


def render_full(diagnostic: Diagnostic, *, color: bool = False) -> str:
    """The full form, several lines, no newline at the end.

    Args:
        diagnostic: What to show.
        color: Whether to use ANSI colours.
    """
    style: Callable[..., str] = click.style if color else _plain
    hue = _HEAD[diagnostic.rule.severity]
    places = [(diagnostic.primary, "^", hue), *((a, "-", "blue") for a in diagnostic.secondary)]
    width = max(len(str(a.source.position(a.span.start)[0])) for a, _, _ in places)
    bar = " " * width + " " + style("|", fg="blue")

    lines = [
        style(f"{diagnostic.rule.severity.value}[{diagnostic.code}]", fg=hue, bold=True)
        + style(f": {_escape(diagnostic.message)}", bold=True)
    ]
    # The primary file comes first; annotations in other files follow under their own arrow.
    files: dict[str, list[tuple[Annotation, str, str]]] = {}
    for place in places:
        files.setdefault(place[0].source.name, []).append(place)
    for name, group in files.items():
        first = group[0][0]
        line, column = first.source.position(first.span.start)
        arrow = "-->" if first is diagnostic.primary else ":::"
        lines.append(f"{' ' * width}{style(arrow, fg='blue')} {_escape(name)}:{line}:{column}")
        lines.append(bar)
        lines += _snippets(first.source, group, width, bar, style)
    remarks = [("note", note) for note in diagnostic.notes]
    if diagnostic.help:
        remarks.append(("help", diagnostic.help))
    if remarks:
        lines.append(bar)
    for kind, text in remarks:
        # a long text goes on under its own start, so that an edit of several lines keeps its shape
        indent = " " * (width + 3 + len(kind) + 2)
        lines.append(
            f"{' ' * width} {style('=', fg='blue')} {style(kind, bold=True)}: {_escape(text, indent)}"
        )
    return "\n".join(lines)


def _snippets(
    source: Source,
    places: list[tuple[Annotation, str, str]],
    width: int,
    bar: str,
    style: Callable[..., str],
) -> list[str]:
    """Source lines in file order, each with the underlines of its annotations below it."""
    lines: list[str] = []
    located = sorted(
        ((*source.position(a.span.start), a, mark, hue) for a, mark, hue in places), key=itemgetter(0, 1)
    )
    previous = None
    for number, group in groupby(located, key=itemgetter(0)):
        if previous is not None and number > previous + 1:
            lines.append(style("...", fg="blue"))
        previous = number
        text = source.line(number)
        marks = list(group)
        # of a long line a window is shown; it holds the primary place, which has the mark ^
        focus = next((column for _, column, _, mark, _ in marks if mark == "^"), marks[0][1])
        start = max(0, focus - 1 - _MAX_LINE // 2) if len(text) > _MAX_LINE else 0
        end = start + _MAX_LINE
        before, after = "…" if start else "", "…" if end < len(text) else ""
        shown = before + _visible(text[start:end]) + after
        gutter = f"{style(f'{number:>{width}}', fg='blue')} {style('|', fg='blue')}"
        lines.append(f"{gutter} {shown}" if shown else gutter)
        for _, column, annotation, mark, hue in marks:
            left = column - 1
            if not start <= left <= end:
                continue
            right = min(left + annotation.span.end - annotation.span.start, end)
            pad = cell_len(before + _visible(text[start:left]))
            under = mark * max(1, cell_len(_visible(text[left:right])))
            label = f" {_escape(annotation.label)}" if annotation.label else ""
            lines.append(f"{bar} {' ' * pad}{style(under + label, fg=hue)}")
    return lines


def _visible(text: str) -> str:
    """The text as a terminal can show it; a tab is four columns."""
    return printable(text.replace("\t", "    "))


def _escape(text: str, newline: str = "") -> str:
    """A message may quote what a file holds: no control character of it reaches the terminal."""
    return f"\n{newline}".join(printable(line) for line in text.split("\n"))
