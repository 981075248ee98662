"""What the commands share: reading files, showing diagnostics, failing in one line."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn

import click

from hierdsl.source import printable

if TYPE_CHECKING:
    from hierdsl.diagnostics import Diagnostic
    from hierdsl.model import Hierarchy
    from hierdsl.scope import Scope


class Usage(click.ClickException):
    """Used wrongly, or a file cannot be read: one line, exit code 2."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        """Print the line to standard error."""
        del file
        word = click.style("error", fg="red", bold=True) if colored(sys.stderr) else "error"
        click.echo(f"{word}: {printable(self.format_message())}", err=True)


class Failure(Usage):
    """The command could not do its work: one line, exit code 1."""

    exit_code = 1


class Text(NamedTuple):
    """A text that was read: its bytes, its name in messages, and the path that what it uses lies beside."""

    data: bytes
    name: str
    path: Path

    def examine(self) -> "tuple[Scope | None, list[Diagnostic]]":
        """Check it."""
        from hierdsl.loading import examine  # noqa: PLC0415 - the parser; some have other things to start first

        return examine(self.data, self.name, path=self.path)


def read(file: str) -> Text:
    """A file, a bundled hierarchy, or standard input for `-`, which stands in the current folder.

    Raises:
        Usage: It cannot be read.
    """
    from hierdsl.loading import find  # noqa: PLC0415 - the same
    from hierdsl.syntax import read_bytes  # noqa: PLC0415 - the same

    try:
        if file == "-":
            if sys.stdin is None:  # a program was started without it
                raise Usage("standard input is closed")
            return Text(read_bytes(sys.stdin.buffer), "<stdin>", Path("<stdin>"))
        path = find(file)
        with path.open("rb") as stream:
            data = read_bytes(stream)
        return Text(data, file if path == Path(file) else os.path.relpath(path), path)
    except OSError as error:
        raise Usage(_reason("standard input" if file == "-" else f"'{file}'", error)) from None


def _reason(what: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and error.strerror is None:
        return str(error)
    return f"cannot read {what}: {error.strerror}"


def colored(stream: IO[str]) -> bool:
    """Whether text for this stream is coloured: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def show(
    diagnostics: "Sequence[Diagnostic]", all_by: str = "hierdsl validate --format concise FILE lists all"
) -> None:
    """Print diagnostics in full to standard error, the first 100.

    Args:
        diagnostics: Those of one file.
        all_by: How to see all of them, where there are more.
    """
    if not diagnostics:
        return
    from hierdsl.diagnostics.full import first_of, render_full  # noqa: PLC0415 - a file without any is shown sooner

    color = colored(sys.stderr)
    shown = first_of(diagnostics)
    parts = [render_full(diagnostic, color=color) for diagnostic in shown]
    if len(shown) < len(diagnostics):
        parts.append(f"... and {len(diagnostics) - len(shown):,} more ({all_by})")
    click.echo("".join(f"{part}\n\n" for part in parts), nl=False, err=True, color=color)


def load_or_exit(file: str) -> "Hierarchy":
    """The hierarchy of a file; its diagnostics on standard error, and the end of the program on errors."""
    scope = scope_or_exit(read(file), file)
    from hierdsl.model import build  # noqa: PLC0415 - pydantic; a wrong file needs none of it

    return build(scope)


def scope_or_exit(text: Text, file: str, *, warnings: bool = False) -> "Scope":
    """The checked document of a text; its diagnostics on standard error, and the end of the program on errors.

    Args:
        text: What was read.
        file: How the user called it.
        warnings: Whether they are shown where there is no error.
    """
    scope, diagnostics = text.examine()
    if warnings or scope is None:
        show(diagnostics)
    if scope is None:
        stop_with_errors(file, diagnostics)
    return scope


def expanded(scope: "Scope", file: str) -> str:
    """The text of a document that needs no other file.

    Raises:
        Failure: It cannot be written as one.
    """
    from hierdsl.format import expand  # noqa: PLC0415 - few want it

    try:
        return expand(scope)
    except ValueError as error:
        raise Failure(f"'{file}' cannot be written as one file: {error}") from None


def stop_with_errors(file: str, diagnostics: "list[Diagnostic]") -> NoReturn:
    """End with exit code 1 and the number of errors."""
    errors = sum(d.is_error for d in diagnostics)
    raise Failure(f"'{file}' has {plural(errors, 'error')}")


def plural(count: int, word: str) -> str:
    """`1 class`, `2 classes`."""
    end = "" if count == 1 else "es" if word.endswith("s") else "s"
    return f"{count:,} {word}{end}"
