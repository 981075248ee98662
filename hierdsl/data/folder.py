"""Find the images of a data set: `DIR/{train,val}/{images,labels}`, paired by stem, in folders of any depth."""

import os
from pathlib import Path
from typing import NamedTuple

from hierdsl.data.error import DataError

IMAGE_TYPES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
LABEL_TYPES = frozenset({".png", ".bmp"})
"""Formats without loss: a JPEG would change ids."""


class Sample(NamedTuple):
    """An image and its label image."""

    image: Path
    label: Path


def find_samples(root: Path, split: str) -> list[Sample]:
    """The pairs of a split, sorted by stem; in a subfolder the stem is the path without the file's ending.

    Raises:
        DataError: A folder is missing or empty, or an image has no label or the reverse.
    """
    if not root.is_dir():
        raise DataError(
            f"there is no folder '{root}'; --data is a folder with train/images, train/labels, val/..."
        )
    images = _by_stem(root / split / "images", IMAGE_TYPES)
    labels = _by_stem(root / split / "labels", LABEL_TYPES)
    for have, lack, kind, missing in (
        (images, labels, "image", "label"),
        (labels, images, "label", "image"),
    ):
        alone = sorted(have.keys() - lack.keys())
        if alone:
            first = have[alone[0]]
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            suffix = ".png" if missing == "label" else first.suffix
            wanted = root / split / f"{missing}s" / f"{alone[0]}{suffix}"
            raise DataError(f"{kind} '{first}'{more} has no {missing}; add '{wanted}' or remove the {kind}")
    return [Sample(images[stem], labels[stem]) for stem in sorted(images)]


def find_labels(root: Path) -> list[Path]:
    """All label images of a data set, sorted: those below `DIR/*/labels`, else below `DIR/labels`, else in DIR.

    Raises:
        DataError: There is no such folder, or no label image in it.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder '{root}'; --data is a folder of label images, or a data set")
    folders = sorted(path for path in root.glob("*/labels") if not path.parent.name.startswith("."))
    for found in (
        [path for folder in folders for path in _files(folder, LABEL_TYPES)],
        _files(root / "labels", LABEL_TYPES),
        _files(root, LABEL_TYPES, below=False),
    ):
        if found:
            return found
    listed = " or ".join(sorted(LABEL_TYPES))
    raise DataError(
        f"there are no label images ({listed}) in '{root / '*' / 'labels'}', '{root / 'labels'}' or '{root}' itself"
    )


def _files(folder: Path, types: frozenset[str], *, below: bool = True) -> list[Path]:
    """Files of some types in a folder, and below it if not said otherwise, sorted; nothing that is hidden."""
    endings = tuple(types)
    found: list[str] = []
    for place, folders, names in os.walk(folder):  # names only: a `Path` for each takes twice as long in all
        folders[:] = [name for name in folders if below and not name.startswith(".")]
        start = os.path.join(place, "")  # noqa: PTH118 - the same
        found += [
            start + name for name in names if name.lower().endswith(endings) and not name.startswith(".")
        ]
    found.sort(key=lambda file: file.split(os.sep))  # noqa: PTH206 - the same
    return list(map(Path, found))


def _by_stem(folder: Path, types: frozenset[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(
            f"there is no folder '{folder}'; a data set has train/images, train/labels, val/images, val/labels"
        )
    found: dict[str, Path] = {}
    for path in _files(folder, types):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise DataError(f"'{found[stem]}' and '{path}' have one stem; remove one of them")
        found[stem] = path
    if not found:
        listed = ", ".join(sorted(types))
        lossless = " (a JPEG would change ids)" if types == LABEL_TYPES else ""
        raise DataError(f"there is no file in '{folder}' that ends in {listed}{lossless}; put some there")
    return found
