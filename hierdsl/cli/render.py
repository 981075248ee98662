"""`hierdsl render`: look at the tree."""

from pathlib import Path

import click

from hierdsl.atomic import write_whole
from hierdsl.cli.common import Failure, Usage, load_or_exit

_FORMATS = ("svg", "png", "pdf", "dot")
_UNBOUND = 1_000_000
"""Columns of the drawing in the terminal, which wraps it itself; rich drops what it has no room for."""


@click.command(
    epilog="""\b
Examples:
  hierdsl render camvid                          a tree in the terminal
  hierdsl render hierarchies/vistas.hier -o vistas.svg
  hierdsl render vistas --level group -o groups.png --orientation right
"""
)
@click.argument("file", metavar="FILE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Picture to write: .svg, .png, .pdf or .dot."
)
@click.option("--level", metavar="NAME", help="Cut the tree at this level.")
@click.option(
    "--orientation",
    type=click.Choice(["down", "right"]),
    default="down",
    show_default=True,
    help="Where the tree of a picture grows to.",
)
def command(file: str, output: Path | None, level: str | None, orientation: str) -> None:
    """Draw the tree of a .hier file."""
    hierarchy = load_or_exit(file)
    from hierdsl.render import to_dot, to_text  # noqa: PLC0415 - a wrong file needs no drawing library

    try:
        if output is None:
            from rich.console import Console  # noqa: PLC0415 - the same

            Console(highlight=False, width=_UNBOUND).print(to_text(hierarchy, level=level))
            return
        graph = to_dot(hierarchy, level=level, orientation="down" if orientation == "down" else "right")
    except ValueError as error:
        raise Usage(str(error)) from None
    write_picture(graph, output)
    click.echo(f"wrote {output}")


def write_picture(graph: object, output: Path) -> None:
    """Write a graphviz graph in the format of the output's suffix, beside it first.

    Raises:
        Usage: The suffix is none that can be drawn, or the folder cannot be written.
        Failure: The `dot` program is missing or fails.
    """
    import graphviz  # noqa: PLC0415 - as above

    assert isinstance(graph, graphviz.Digraph)  # noqa: S101 - what to_dot gives
    suffix = output.suffix.removeprefix(".").lower()
    if suffix not in _FORMATS:
        raise Usage(f"'{output}' does not end in one of: {', '.join('.' + f for f in _FORMATS)}")
    try:
        data = graph.source.encode()
        if suffix != "dot":
            # not graph.pipe: it breaks off where a failing dot does not read all of its input
            data = graphviz.pipe("dot", suffix, data, quiet=True)
    except graphviz.ExecutableNotFound:
        raise Failure(
            f"drawing .{suffix} needs graphviz's program 'dot' (apt install graphviz, brew install graphviz); "
            "-o tree.dot and the tree in the terminal work without it"
        ) from None
    except graphviz.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip() or f"exit code {error.returncode}"
        raise Failure(f"graphviz failed: {' '.join(said.split())}") from None
    try:
        write_whole(output, data)
    except OSError as error:
        raise Usage(f"cannot write '{output}': {error.strerror}") from None
