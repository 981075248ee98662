"""What the commands share: reading files, showing diagnostics, failing in one line."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from hierdsl.diagnostics import Diagnostic
from hierdsl.diagnostics.full import render_full
from hierdsl.loading import analyze, find
from hierdsl.source import printable

if TYPE_CHECKING:
    from hierdsl.model import Hierarchy


class Usage(click.ClickException):
    """Used wrongly, or a file cannot be read: one line, exit code 2."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        """Print the line to standard error."""
        del file
        click.echo(
            f"{click.style('error', fg='red', bold=True)}: {printable(self.format_message())}", err=True
        )


class Failure(Usage):
    """The command could not do its work: one line, exit code 1."""

    exit_code = 1


def read(file: str) -> tuple[bytes, str]:
    """The bytes of a file, of a bundled hierarchy, or of standard input for `-`; and its name in messages.

    Raises:
        Usage: It cannot be read.
    """
    if file == "-":
        return sys.stdin.buffer.read(), "<stdin>"
    try:
        path = find(file)
        return path.read_bytes(), file if path == Path(file) else os.path.relpath(path)
    except OSError as error:
        raise Usage(_reason(file, error)) from None


def _reason(file: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and error.strerror is None:
        return str(error)
    return f"cannot read '{file}': {error.strerror}"


def show(diagnostics: list[Diagnostic]) -> None:
    """Print diagnostics in full to standard error, in colour on a terminal unless NO_COLOR is set."""
    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    for diagnostic in diagnostics:
        click.echo(render_full(diagnostic, color=color) + "\n", err=True, color=color)


def load_or_exit(file: str) -> "Hierarchy":
    """The hierarchy of a file; its diagnostics on standard error, and the end of the program on errors."""
    hierarchy, diagnostics = analyze(*read(file))
    if hierarchy is None:
        show(diagnostics)
        stop_with_errors(file, diagnostics)
    return hierarchy


def stop_with_errors(file: str, diagnostics: list[Diagnostic]) -> NoReturn:
    """End with exit code 1 and the number of errors."""
    errors = sum(d.is_error for d in diagnostics)
    raise Failure(f"'{file}' has {plural(errors, 'error')}")


def plural(count: int, word: str) -> str:
    """`1 class`, `2 classes`."""
    end = "" if count == 1 else "es" if word.endswith("s") else "s"
    return f"{count:,} {word}{end}"
