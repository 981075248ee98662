"""`hierdsl explain`: the page of a diagnostic code, as a terminal shows it.

The pages are Markdown of a few forms only, so that a page takes no library to show: a fifth of a second less.
"""

import re
import shutil
import sys
import textwrap

import click

from hierdsl.cli.common import Failure, Usage, colored
from hierdsl.diagnostics import CODES, nearest
from hierdsl.resources import diagnostic_page

_WIDEST = 88
"""Longer lines of prose are hard to read, however wide the terminal is."""


@click.command(
    epilog="""\b
Examples:
  hierdsl explain H203
  hierdsl explain duplicate-name         by its name
  hierdsl explain                        the table of all codes
"""
)
@click.argument("code", metavar="[CODE]", required=False)
def command(code: str | None) -> None:
    """Say what the diagnostic CODE means: why the rule exists, a file that breaks it, and the mend."""
    if code is None:
        click.echo(table())
        return
    names = {entry.name: entry.code for entry in CODES.values()}
    wanted = code.strip()
    found = wanted.upper() if wanted.upper() in CODES else names.get(wanted.lower())
    if found is None:
        close = nearest(wanted, [*CODES, *names])
        mend = f"did you mean '{close}'?" if close else "'hierdsl explain' lists all"
        raise Usage(f"there is no diagnostic '{code}'; {mend}")
    try:
        page = diagnostic_page(found)
    except FileNotFoundError as error:
        raise Failure(f"the page '{error.filename}' is missing; install hierdsl again") from None
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    click.echo(as_text(page, width=width, bold=colored(sys.stdout)))


def table() -> str:
    """Every code with its name, severity and law, a line each."""
    rows = [(entry.code, entry.severity.value, entry.name, entry.law) for entry in CODES.values()]
    severity, name = (max(len(row[column]) for row in rows) for column in (1, 2))
    return "\n".join(f"{row[0]}  {row[1]:<{severity}}  {row[2]:<{name}}  {row[3]}" for row in rows)


def as_text(page: str, *, width: int, bold: bool = False) -> str:
    r"""A page as text: headings without their marks, what is fenced indented, prose filled, links as their words.

    Args:
        page: Markdown with headings, paragraphs, lists of one level and fenced blocks.
        width: Columns of the prose; what is fenced keeps its lines.
        bold: Whether headings are bold, with ANSI codes.

    Example:
        >>> print(as_text("# H203: duplicate-name\n\nSiblings\ndiffer.\n\n```hier\ntree\n```\n", width=40))
        H203: duplicate-name
        <BLANKLINE>
        Siblings differ.
        <BLANKLINE>
            tree
    """
    shown: list[str] = []
    # a fenced block is one part, blank lines and all; between blocks a blank line parts the paragraphs
    for fence, prose in re.findall(
        r"^```[^\n]*\n(.*?)^```$|((?:(?!^```).)+)", page, re.MULTILINE | re.DOTALL
    ):
        if fence:
            shown.append(textwrap.indent(fence.rstrip("\n"), "    "))
        paragraphs = prose.strip().split("\n\n") if prose.strip() else []
        shown += [_paragraph(paragraph, width, bold) for paragraph in paragraphs]
    return "\n\n".join(shown)


def _paragraph(text: str, width: int, bold: bool) -> str:
    heading = re.fullmatch(r"#+ (.*)", text)
    if heading:
        return click.style(heading[1], bold=True) if bold else heading[1]
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    first, *items = (" ".join(part.split()) for part in re.split(r"^- ", words, flags=re.MULTILINE))
    filled = [_fill(first, width)] if first else []
    filled += [_fill(item, width, "- ", "  ") for item in items]
    return "\n".join(filled)


def _fill(text: str, width: int, first: str = "", rest: str = "") -> str:
    """Lines of at most `width` columns; a code or a path is not broken at its hyphen."""
    return textwrap.fill(text, width, break_on_hyphens=False, initial_indent=first, subsequent_indent=rest)
