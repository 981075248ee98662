"""`hierdsl check-data`: does this file fit these label images?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hierdsl.atomic import write_whole
from hierdsl.cli.common import Usage, read, scope_or_exit
from hierdsl.cli.extras import needs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hierdsl.data.content import Content
    from hierdsl.data.fit import Fit
    from hierdsl.data.labelled_tree import LabelledTree
    from hierdsl.data.parallel import Advance
    from hierdsl.scope import Scope

AHEAD = 256
"""Images that may wait to be counted: what is kept of each is small."""


@click.command(
    epilog="""\b
Examples:
  hierdsl check-data camvid --data path/to/camvid
  hierdsl check-data city.hier --data masks --labels by_colour --tolerance 24
  hierdsl check-data city.hier --data masks --json > report.json

\b
Label images are those below DIR/*/labels (the splits of a data set), else
below DIR/labels, else those in DIR: png or bmp.

\b
Exit code: 0 the file fits, 1 it does not, 2 used wrongly.
"""
)
@click.argument("file", metavar="FILE")
@click.option(
    "--data", "root", metavar="DIR", required=True, type=click.Path(path_type=Path), help="Label images."
)
@click.option("--labels", "label_map", metavar="MAP", help="Label map, if not the default one.")
@click.option("--json", "as_json", is_flag=True, help="Print all that was found as JSON.")
@click.option(
    "--write-counts",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT",
    help="Write the pixels of each node, and the hash of the tables, as a JSON file.",
)
@click.option(
    "--tolerance",
    metavar="X",
    type=click.FloatRange(min=0, max=442),
    help="RGB distance up to which the nearest colour counts, instead of that of the file.",
)
@click.option("--jobs", metavar="N", type=click.IntRange(1, 256), help="Images that are read at once.")
def command(
    file: str,
    root: Path,
    label_map: str | None,
    as_json: bool,
    write_counts: Path | None,
    tolerance: float | None,
    jobs: int | None,
) -> None:
    """Count the pixels of every class in label images, and find what the file does not list.

    Each id or colour that the images hold and the label map does not list is named with the line that would
    mend it. Of a map of colours, the pixels are counted by distance from the nearest listed colour, so that
    one sees what a tolerance would do.
    """
    with needs("data", "reading images"):
        from PIL import Image  # noqa: F401, PLC0415 - the command needs the extra, its --help does not
    from hierdsl.data.content import read_content  # noqa: PLC0415 - the same
    from hierdsl.data.error import DataError  # noqa: PLC0415 - the same
    from hierdsl.data.folder import find_labels  # noqa: PLC0415 - the same
    from hierdsl.data.forked import at_once  # noqa: PLC0415 - the same

    try:
        paths = find_labels(root)
        # the images are decoded while the file is parsed
        with at_once(read_content, paths, jobs, AHEAD) as contents:
            text = read(file)
            name, scope = text.name, scope_or_exit(text, text.name)
            tree = _tree(scope, name, label_map or "", tolerance)
            fit = _count(tree, paths, contents)
        if write_counts is not None:
            _write(write_counts, fit, name, scope)
        _print(fit, name, as_json=as_json)
    except DataError as error:
        raise Usage(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    sys.exit(0 if fit.fits else 1)


def _tree(scope: "Scope", name: str, label_map: str, tolerance: float | None) -> "LabelledTree":
    from hierdsl.data.labelled_tree import labelled_tree  # noqa: PLC0415 - see above

    if label_map not in scope.label_maps:
        listed = ", ".join(other or "the default map" for other in scope.label_maps)
        if label_map:
            raise Usage(f"--labels: '{name}' has no label map '{label_map}'; it has: {listed or 'none'}")
        mend = f"choose one with --labels: {listed}" if listed else "write the ids behind the names: car = 8"
        raise Usage(f"'{name}' gives no ids to its classes; {mend}")
    tree = labelled_tree(scope, label_map)
    if tolerance is None:
        return tree
    from hierdsl.check.labels import MAX_TOLERANCE  # noqa: PLC0415 - see above

    if not 0 <= tolerance <= MAX_TOLERANCE:
        raise Usage(f"--tolerance: {tolerance} is no distance between colours, 0 to {MAX_TOLERANCE}")
    if not tree.colors:
        raise Usage("--tolerance is of colours, but the label map is of ids")
    return replace(tree, tolerance=tolerance)


def _count(tree: "LabelledTree", paths: list[Path], contents: "Iterable[Content]") -> "Fit":
    from hierdsl.data.fit import Counting  # noqa: PLC0415 - see above

    counting = Counting(tree, paths)
    with _progress(len(paths)) as advance:
        for image, content in enumerate(contents):
            counting.add(image, content)
            advance(1)
    return counting.done()


@contextmanager
def _progress(total: int) -> "Iterator[Advance]":
    """A bar on standard error where that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - the same

    columns = (TextColumn("reading labels"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)


def _print(fit: "Fit", name: str, *, as_json: bool) -> None:
    from hierdsl.data.fit_text import to_data, to_lines  # noqa: PLC0415 - see above

    if as_json:
        import json  # noqa: PLC0415 - only for this flag

        click.echo(json.dumps(to_data(fit, name), indent=1, ensure_ascii=False))
        return
    for line in to_lines(fit, name):
        click.echo(line)


def _write(path: Path, fit: "Fit", name: str, scope: "Scope") -> None:
    import json  # noqa: PLC0415 - only for this flag

    from hierdsl.compiler import compile_hierarchy  # noqa: PLC0415 - the same
    from hierdsl.data.fit_text import to_counts  # noqa: PLC0415 - see above
    from hierdsl.model import build  # noqa: PLC0415 - as above

    counts = to_counts(fit, name, compile_hierarchy(build(scope)).hash)
    text = json.dumps(counts, indent=1, ensure_ascii=False) + "\n"
    try:
        write_whole(path, text.encode("utf-8", errors="surrogateescape"))
    except OSError as error:
        raise Usage(f"cannot write '{path}': {error.strerror}") from None
