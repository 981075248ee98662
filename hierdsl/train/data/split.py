"""The images of one split, encoded and counted: what the training reads, from a folder or drawn.

Everything that can be wrong with the data is found here, before any training.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy, CompiledLabelMap
from hierdsl.compiler.color_table import nearest
from hierdsl.compiler.index import UNKNOWN
from hierdsl.data.error import DataError
from hierdsl.data.folder import Sample
from hierdsl.data.images import read_image, read_label
from hierdsl.data.mend import TOLERANCE, ignore_line, is_border, section, spelled
from hierdsl.data.parallel import Advance, InParallel
from hierdsl.train.faces import FACE_IDS, draw_face

Image = NDArray[np.uint8]
Target = NDArray[np.int32]

MIN_SIDE = 16
"""Below this an image does not survive the network's four poolings."""


@dataclass(frozen=True, slots=True)
class Legend:
    """What the label images of a run are read by.

    Attributes:
        compiled: The hierarchy.
        labels: The label map that the label images are written in.
        file: The .hier file, for messages.
        label_map: Name of the label map, for messages.
    """

    compiled: CompiledHierarchy
    labels: CompiledLabelMap
    file: str
    label_map: str


class Split(Protocol):
    """Images of one split with their node indices, read by position."""

    counts: NDArray[np.int64]
    """Labelled pixels of each node, (V,)."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, index: int) -> tuple[Image, Target]:
        """Image (H, W, 3) uint8 and node indices (H, W), `IGNORE_INDEX` where ignored."""
        ...


@dataclass(slots=True)
class FolderSplit:
    """A split of a folder. Decoded images stay in memory as far as `cache` allows; the rest is read again."""

    samples: list[Sample]
    labels: CompiledLabelMap
    counts: NDArray[np.int64]
    cached: dict[int, tuple[Image, NDArray[np.int32]]]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Image, Target]:
        """Image and node indices."""
        if index in self.cached:
            return self.cached[index]
        sample = self.samples[index]
        raw = read_label(sample.label, colors=self.labels.colors)
        return read_image(sample.image), self.labels.lookup(raw)


@dataclass(slots=True)
class DrawnSplit:
    """A split of the embedded data set, drawn once and kept."""

    images: list[tuple[Image, Target]]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Image, Target]:
        """Image and node indices."""
        return self.images[index]


@dataclass(frozen=True, slots=True)
class _Scanned:
    """What one pair turned out to be."""

    counts: NDArray[np.int64]
    unknown: dict[int, int]
    pair: tuple[Image, Target]


def folder_split(
    folder: Path, samples: list[Sample], legend: Legend, cache: int, advance: Advance
) -> tuple[FolderSplit, int]:
    """Read and check every pair of a split.

    Args:
        folder: Of the split, for messages.
        samples: Its pairs.
        legend: How the labels are read.
        cache: Bytes of decoded images to keep at most.
        advance: Called with 1 for each pair.

    Returns:
        The split and the bytes it keeps.

    Raises:
        DataError: A pair cannot be used, or the labels hold values that the file does not list.
    """
    counts = np.zeros(legend.compiled.num_nodes, dtype=np.int64)
    unknown: dict[int, list[tuple[int, Path]]] = defaultdict(list)
    kept: dict[int, tuple[Image, Target]] = {}
    used = 0
    with InParallel(lambda sample: _scan(sample, legend), samples) as work:
        for index, scanned in enumerate(work):
            counts += scanned.counts
            for raw, pixels in scanned.unknown.items():
                unknown[raw].append((pixels, samples[index].label))
            size = sum(array.nbytes for array in scanned.pair)
            if used + size <= cache:
                kept[index] = scanned.pair
                used += size
            advance(1)
    if unknown:
        raise DataError(_unlisted(unknown, folder.name, legend))
    if not counts.any():
        raise DataError(
            f"every pixel of the labels in '{folder / 'labels'}' is ignored; check the ids in '{legend.file}'"
        )
    return FolderSplit(samples, legend.labels, counts, kept), used


def drawn_split(
    legend: Legend, seed: int, number: int, size: tuple[int, int], advance: Advance
) -> DrawnSplit:
    """Draw a split of the embedded data set.

    Raises:
        DataError: The hierarchy does not list the ids that the faces are labelled with.
    """
    labels, compiled = legend.labels, legend.compiled
    missing = labels.colors or (labels.lookup(np.array([*FACE_IDS.values()])) == UNKNOWN).any()
    faces = {name.replace("_", "").casefold() for name in FACE_IDS}
    known = {name.replace("_", "").replace(" ", "").casefold() for name in compiled.names}
    if missing or len(faces & known) < 3:
        raise DataError(
            f"the drawn faces are labelled with the 11 classes of Helen, which '{legend.file}' does not describe; "
            "use the bundled hierarchy: hierdsl train helen --data demo"
        )
    images: list[tuple[Image, Target]] = []
    counts = np.zeros(compiled.num_nodes, dtype=np.int64)
    for index in range(number):
        image, raw = draw_face(seed, index, size)
        target = labels.lookup(raw)
        counts += _count(target, compiled)
        images.append((image, target))
        advance(1)
    return DrawnSplit(images, counts)


def _scan(sample: Sample, legend: Legend) -> _Scanned:
    image, raw = read_image(sample.image), read_label(sample.label, colors=legend.labels.colors)
    if image.shape[:2] != raw.shape:
        raise DataError(
            f"'{sample.image}' is {_size(image)} but its label '{sample.label}' is {_size(raw)} (width x height); "
            "resize the label with nearest neighbour"
        )
    if min(raw.shape) < MIN_SIDE:
        raise DataError(f"'{sample.image}' is {_size(image)}; an image has at least {MIN_SIDE} pixels a side")
    target = legend.labels.lookup(raw)
    unknown = legend.labels.unknown(raw) if (target == UNKNOWN).any() else {}
    return _Scanned(_count(target, legend.compiled), unknown, (image, target))


def _count(target: Target, compiled: CompiledHierarchy) -> NDArray[np.int64]:
    return np.bincount(target[target >= 0], minlength=compiled.num_nodes)


def _size(array: NDArray[np.generic]) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"


def _unlisted(unknown: dict[int, list[tuple[int, Path]]], split: str, legend: Legend) -> str:
    """Which ids or colours, how many pixels, which files, and the line that would mend it."""
    colors = legend.labels.colors
    kind = "colour" if colors else "id"
    pixels = {raw: sum(count for count, _ in found) for raw, found in unknown.items()}
    # ids in their order; of colours, which may be thousands, those that matter
    order = sorted(unknown, key=lambda raw: (-pixels[raw] if colors else 0, raw))
    parts = []
    for raw in order[:5]:
        found = unknown[raw]
        files = ", ".join(f"'{path}'" for _, path in found[:2]) + (
            f" and {len(found) - 2} more" if len(found) > 2 else ""
        )
        parts.append(f"{kind} {spelled(raw, colors=colors)} ({pixels[raw]:,} pixels, in {files})")
    more = f" and {len(unknown) - 5} other {kind}s" if len(unknown) > 5 else ""
    return (
        f"the {split} labels hold {kind}s that '{legend.file}' does not list: {'; '.join(parts)}{more}. "
        + _mend(pixels, legend)
    )


def _mend(pixels: dict[int, int], legend: Legend) -> str:
    where = f"with this line below '{section(legend.label_map)}'"
    if legend.labels.colors:
        raws = np.array(list(pixels))
        distances = dict(zip(pixels, nearest(raws, legend.labels.first)[1].tolist(), strict=True))
        if is_border(pixels, distances):
            return f"Most are near listed ones: take the nearest {where}: tolerance {TOLERANCE}"
    return f"Give them to classes, or ignore them {where}: {ignore_line(pixels, colors=legend.labels.colors)}"
