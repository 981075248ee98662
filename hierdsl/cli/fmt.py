"""`hierdsl fmt`: write files in the canonical form."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from hierdsl.atomic import whole
from hierdsl.cli.common import Usage, colored, plural, read, show, stop_with_errors
from hierdsl.cli.inputs import expand
from hierdsl.cli.output import print_text
from hierdsl.format import format_bytes, unified_diff
from hierdsl.source import printable

_HUES = {"-": "red", "+": "green", "@": "cyan"}


@click.command(
    epilog="""\b
Examples:
  hierdsl fmt city.hier                  rewrite a file
  hierdsl fmt .                          every .hier file in a folder and below
  hierdsl fmt --check .                  for CI: is anything not as it should be?
  hierdsl fmt --diff city.hier           see first what would change
  hierdsl fmt - < city.hier > new.hier   from standard input to standard output

\b
Exit code: 0 done, 1 a file has errors of syntax (with --check: or would
change), 2 a file cannot be read or written.
"""
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Write nothing; the exit code is 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
def command(paths: tuple[str, ...], check: bool, diff: bool) -> None:
    """Write .hier files in the canonical form: one style, the same meaning.

    Comments stay with their lines, and sections, ids and attributes in their order. A file with an error of
    syntax is left as it is.
    """
    aside = diff or "-" in paths  # standard output is the diff, or the text, and nothing else
    code = 0
    results: Counter[str] = Counter()
    for file in expand(paths):
        try:
            if file.complaint:
                raise Usage(file.complaint)
            result = _format(file.path, write=not (check or diff), diff=diff)
        except click.ClickException as error:
            error.show()
            result = "failed"
            code = max(code, error.exit_code)
        if result == "changed":
            code = max(code, int(check))
            if check and not diff:
                click.echo(f"would reformat: {printable(file.path)}", err=aside)
        results[result] += 1
    _print_summary(results, would=check or diff, aside=aside)
    sys.exit(code)


def _format(path: str, *, write: bool, diff: bool) -> str:
    """Format one file: `changed` or `unchanged`.

    Raises:
        Usage: It cannot be read or written.
        Failure: It has errors of syntax, which were shown.
    """
    data, name, found_at = read(path)
    target = _writable(path, found_at) if write and path != "-" else None
    formatted, found = format_bytes(data, name)
    if formatted is None:
        show(found)
        stop_with_errors(name, found)
    new = formatted.text.encode()
    if diff:
        _print_diff(unified_diff(data.decode(), formatted, name))
    elif write and target is None:
        print_text(formatted.text)
    elif target and new != data:
        _replace(target, new)
    return "unchanged" if new == data else "changed"


def _writable(path: str, found_at: Path) -> Path:
    """The file that is meant, behind all links."""
    if found_at != Path(path):
        raise Usage(
            f"'{path}' is a bundled hierarchy, which is not written to; --check and --diff can be used with it"
        )
    if not found_at.is_file():
        raise Usage(f"cannot write '{path}': it is no regular file")
    return found_at.resolve()


def _replace(target: Path, data: bytes) -> None:
    try:
        if not os.access(target, os.W_OK):  # a new file in its place would be, where its folder is
            raise PermissionError(None, "it is read-only")
        with whole(target) as stream:
            shutil.copymode(target, stream.name)
            stream.write(data)
    except OSError as error:
        raise Usage(f"cannot write '{target}': {error.strerror}") from None


def _print_diff(lines: Iterable[str]) -> None:
    """A diff as it is for programs; without what would move the cursor for people."""
    if not sys.stdout.isatty():
        print_text("".join(f"{line}\n" for line in lines))
        return
    color = colored(sys.stdout)
    for line in lines:
        shown = printable(line)
        bold = line.startswith(("---", "+++"))
        click.echo(click.style(shown, fg=_HUES.get(line[0]), bold=bold or None) if color else shown)


def _print_summary(results: Counter[str], *, would: bool, aside: bool) -> None:
    verb = "would be reformatted" if would else "reformatted"
    parts = [
        f"{plural(results[key], 'file')} {words}"
        for key, words in (("changed", verb), ("unchanged", "unchanged"), ("failed", "not formatted"))
        if results[key]
    ]
    if parts:
        click.echo(", ".join(parts), err=aside)
