"""`hierdsl faces`: the embedded data set as files."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import TypeAdapter, ValidationError

from hierdsl.cli.common import Usage
from hierdsl.cli.extras import needs
from hierdsl.train.config import Counts, Size

if TYPE_CHECKING:
    from hierdsl.data.parallel import Advance


@click.command(
    epilog="""\b
Examples:
  hierdsl faces data/faces
  hierdsl faces data/faces --number 2000,400 --size 128x96 --seed 7
  hierdsl train helen --data data/faces --size 64x64 --width 8
"""
)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--number", default="400,100", show_default=True, help="Faces for training and validation.")
@click.option("--size", default="128x128", show_default=True, metavar="HxW", help="Height and width.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Other faces.")
def command(folder: Path, number: str, size: str, seed: int) -> None:
    """Draw the embedded data set into a folder, in the form that `hierdsl train --data` reads.

    The faces are drawn by code and labelled with the 11 classes of Helen, for which the bundled hierarchy
    'helen' is made. They show what a data set looks like on disk; 'hierdsl train helen --data demo' draws
    its own.
    """
    counts = _value("--number", Counts, number, "two numbers joined by a comma, such as 400,100")
    height, width = _value("--size", Size, size, "a height and a width, such as 128x128")
    if folder.exists():
        raise Usage(f"'{folder}' exists; choose another folder, or remove it first")
    with needs("train", "drawing"):
        from rich.console import Console  # noqa: PLC0415 - heavy imports come after the checks of the flags

        from hierdsl.train.display import RunDisplay  # noqa: PLC0415 - the same
    display = RunDisplay(Console(highlight=False), epochs=0)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        for part, (split, count) in enumerate(zip(("train", "val"), counts, strict=True)):
            with display.scan(f"drawing {split}", count) as advance:
                _draw(beside / split, 2 * seed + part, count, (height, width), advance)
        beside.rename(folder)
    except OSError as error:
        raise Usage(f"cannot write '{folder}': {error.strerror}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    click.echo(f"wrote {sum(counts):,} faces to {folder}")


def _value(flag: str, kind: Any, text: str, wanted: str) -> tuple[int, int]:
    """The two numbers of a flag."""
    try:
        value: tuple[int, int] = TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        if found["type"] in ("value_error", "missing", "too_long"):
            raise Usage(f"{flag}: {wanted}, not '{text}'") from None
        raise Usage(f"{flag}: {found['msg'][:1].lower()}{found['msg'][1:]}, not '{text}'") from None
    return value


def _draw(folder: Path, seed: int, count: int, size: tuple[int, int], advance: "Advance") -> None:
    from PIL import Image  # noqa: PLC0415 - as above

    from hierdsl.train.faces import draw_face  # noqa: PLC0415 - as above

    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        image, labels = draw_face(seed, index, size)
        Image.fromarray(image).save(folder / "images" / f"{index:05}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{index:05}.png")
        advance(1)
