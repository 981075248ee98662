"""The `hierdsl` command: finds its subcommands late, so that `validate` never pays for `train`.

Exit codes: 0 clean (warnings allowed), 1 errors found, 2 the command was used wrongly or a file cannot be
read, 130 interrupted.
"""

import gc
import io
import os
import sys
from importlib import import_module

import click

_COMMANDS = {
    "validate": "Check files: diagnostics, or one line of counts.",
    "fmt": "Write files in the canonical form, or check that they are.",
    "explain": "Say what a diagnostic means, with an example and its mend.",
    "render": "Draw the tree: in the terminal, or as html, svg, png, pdf, dot.",
    "show": "Print the levels with their groups, or the tree of several files as one.",
    "compile": "Write the tables of a hierarchy as .npz.",
    "check-data": "Count the classes in label images, and find what the file does not list.",
    "train": "Train a segmentation network on images labelled with the classes.",
    "faces": "Write the embedded data set of drawn faces as a folder.",
}


class _Lazy(click.Group):
    """A group that imports `hierdsl.cli.NAME` when the subcommand NAME is used."""

    # ruff: noqa: ARG002 - the signatures are click's

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        gc.disable()  # importing makes much and drops nothing: a tenth of the time that a user waits for `validate`
        try:
            command = import_module(f"hierdsl.cli.{cmd_name.replace('-', '_')}").command
        finally:
            gc.freeze()  # nor need it be looked through later
            gc.enable()
        assert isinstance(command, click.Command)  # noqa: S101 - our own modules
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand. What nobody foresaw is one line too, and a request to report it."""
        try:
            return super().invoke(ctx)
        except (
            click.ClickException,
            click.exceptions.Exit,
            click.Abort,
            BrokenPipeError,
        ):  # click ends quietly
            raise
        except Exception as error:
            if "HIERDSL_DEBUG" in os.environ:
                raise
            from hierdsl.cli.common import Failure  # noqa: PLC0415 - only when something went wrong

            first = (str(error).strip() or "no message").splitlines()[0]
            raise Failure(
                f"{type(error).__name__}: {first} (not foreseen; HIERDSL_DEBUG=1 shows where, please report it)"
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, without importing every command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command has its own --help, with examples. A bundled hierarchy is found by its bare name: "
    "try 'hierdsl render helen'.",
)
@click.version_option(package_name="hierdsl", prog_name="hierdsl")
def main() -> None:
    """One checked text file for classes that form a tree."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a letter that the terminal does not know is shown by its number
            stream.reconfigure(errors="backslashreplace")
