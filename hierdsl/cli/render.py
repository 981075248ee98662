"""`hierdsl render`: look at the tree."""

from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hierdsl.atomic import write_whole
from hierdsl.cli.common import Failure, Usage, load_or_exit
from hierdsl.source import printable

if TYPE_CHECKING:
    from hierdsl.model import Hierarchy

_FORMATS = ("svg", "png", "pdf", "dot", "html")
_UNBOUND = 1_000_000
"""Columns of the drawing in the terminal, which wraps it itself; rich drops what it has no room for."""

_WIDE = 40
"""Boxes of a picture above which it grows to the right, where nothing else is asked for: downwards, the page would
be some twenty times as wide as high."""
_SLOW = 2_000
"""Boxes of a picture above which graphviz takes seconds."""
_TOO_MANY = 10_000
"""Boxes of a picture that are refused: graphviz takes half a minute for so many, and ever longer for each more."""


@click.command(
    epilog="""\b
Examples:
  hierdsl render camvid                          a tree in the terminal
  hierdsl render hierarchies/vistas.hier -o vistas.svg
  hierdsl render vistas --level group -o groups.png --orientation right
  hierdsl render inat19 -o inat19.html           a page to open, close and search
"""
)
@click.argument("file", metavar="FILE")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="What to write: a picture .svg, .png or .pdf, graphviz's .dot, or a page .html.",
)
@click.option("--level", metavar="NAME", help="Cut the tree at this level.")
@click.option(
    "--orientation",
    type=click.Choice(["down", "right"]),
    help=f"Where the tree of a picture grows to; by default down, and right if it has more than {_WIDE} boxes.",
)
def command(
    file: str, output: Path | None, level: str | None, orientation: Literal["down", "right"] | None
) -> None:
    """Draw the tree of a .hier file."""
    hierarchy = load_or_exit(file)
    try:
        if level is not None:
            hierarchy.level_index(level)
    except ValueError as error:
        raise Usage(str(error)) from None
    if output is None:
        from rich.console import Console  # noqa: PLC0415 - a wrong file needs no drawing library

        from hierdsl.render.text import to_text  # noqa: PLC0415 - the same

        Console(highlight=False, width=_UNBOUND).print(to_text(hierarchy, level=level), crop=False)
        return
    suffix = output.suffix.removeprefix(".").lower()
    if suffix not in _FORMATS:
        raise Usage(f"'{output}' does not end in one of: {', '.join('.' + f for f in _FORMATS)}")
    if suffix == "html":
        from hierdsl.render.page import to_html  # noqa: PLC0415 - the same

        data = to_html(hierarchy, level=level).encode()
    else:
        data = _drawn(hierarchy, level, orientation, suffix)
    try:
        write_whole(output, data)
    except OSError as error:
        raise Usage(f"cannot write '{output}': {error.strerror}") from None
    click.echo(f"wrote {output}")


def _drawn(
    hierarchy: "Hierarchy", level: str | None, orientation: Literal["down", "right"] | None, suffix: str
) -> bytes:
    """The picture in a format of graphviz.

    Raises:
        Failure: It has too many boxes; or the `dot` program is missing or fails.
    """
    from hierdsl.render.dot import count_boxes, to_dot  # noqa: PLC0415 - as above

    boxes = count_boxes(hierarchy, level)
    if suffix != "dot":
        _announce(hierarchy, boxes)
    source = to_dot(
        hierarchy, level=level, orientation=orientation or ("right" if boxes > _WIDE else "down")
    ).source.encode()
    return source if suffix == "dot" else _run_dot(source, suffix)


def _announce(hierarchy: "Hierarchy", boxes: int) -> None:
    """Say that a big picture takes a while; refuse one that takes too long."""
    from hierdsl.render.dot import count_boxes  # noqa: PLC0415 - as above

    if boxes > _TOO_MANY:
        cuts = [(lv.name, count_boxes(hierarchy, lv.name)) for lv in hierarchy.levels]
        fits = [f"--level {printable(name)} has {count:,}" for name, count in cuts if count <= _TOO_MANY]
        mend = f"; {fits[-1]}, and" if fits else ";"
        raise Failure(
            f"the picture would have {boxes:,} boxes, and graphviz takes too long over more than {_TOO_MANY:,}"
            f"{mend} -o tree.html shows any number"
        )
    if boxes > _SLOW:
        click.echo(
            f"drawing {boxes:,} boxes with graphviz, which takes a while; -o tree.html does not", err=True
        )


class _Said(StringIO):
    """Where the graphviz package writes what dot says; it decodes that strictly, and this takes any byte."""

    encoding = "latin-1"


def _run_dot(source: bytes, suffix: str) -> bytes:
    """What the `dot` program makes of a graph; what it has to say goes to standard error.

    Raises:
        Failure: The program is missing or fails.
    """
    import graphviz  # noqa: PLC0415 - as above

    said = _Said()
    try:
        # not graph.pipe: it breaks off where a failing dot does not read all of its input
        with redirect_stderr(said):
            picture: bytes = graphviz.pipe("dot", suffix, source)
    except graphviz.ExecutableNotFound:
        raise Failure(
            f"drawing .{suffix} needs graphviz's program 'dot' (apt install graphviz, brew install graphviz); "
            "-o tree.dot, -o tree.html and the tree in the terminal work without it"
        ) from None
    except graphviz.CalledProcessError as error:
        words = (error.stderr or b"").decode(errors="replace").split() or [f"exit code {error.returncode}"]
        raise Failure(f"graphviz failed: {' '.join(words)}") from None
    if "too large" in said.getvalue():
        click.echo(
            f"a .{suffix} of this size can only be drawn scaled down; .svg, .html and --level keep it readable",
            err=True,
        )
    return picture
