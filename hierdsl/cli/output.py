"""Texts of files on standard output: as they are for programs, without control characters for a terminal."""

import sys

import click

from hierdsl.source import printable


def print_text(text: str) -> None:
    """Print the text of a file, UTF-8 with LF."""
    if sys.stdout.isatty():
        click.echo("\n".join(map(printable, text.split("\n"))), nl=False)
    else:
        click.echo(text.encode(), nl=False)
