"""The images of one split, encoded and counted: what the training reads, from a folder or drawn.

Everything that can be wrong with the data is found here, before any training.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from os import cpu_count
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import IGNORE_INDEX, CompiledHierarchy, CompiledLabelMap
from hierdsl.train.data.folder import DataError, Sample, find_samples
from hierdsl.train.data.images import read_image, read_label
from hierdsl.train.faces import FACE_IDS, draw_face

Image = NDArray[np.uint8]
Target = NDArray[np.int32]
Advance = Callable[[int], None]
"""Told how many images are done; drives a progress bar."""

_MANY_IDS = 20
"""More unknown ids than these are not listed one by one."""

MIN_SIDE = 16
"""Below this an image does not survive the network's four poolings."""


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
        return read_image(sample.image), self.labels.lookup(read_label(sample.label))


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
    root: Path,
    split: str,
    compiled: CompiledHierarchy,
    labels: CompiledLabelMap,
    file: str,
    label_map: str,
    cache: int,
    advance: Advance,
) -> tuple[FolderSplit, int]:
    """Read and check every pair of a split.

    Args:
        root: The data set.
        split: "train" or "val".
        compiled: The hierarchy.
        labels: The label map that the label images are written in.
        file: The .hier file, for messages.
        label_map: Name of the label map, for messages.
        cache: Bytes of decoded images to keep at most.
        advance: Called with 1 for each pair.

    Returns:
        The split and the bytes it keeps.

    Raises:
        DataError: A pair cannot be used, or the labels hold ids that the file does not list.
    """
    samples = find_samples(root, split)
    counts = np.zeros(compiled.num_nodes, dtype=np.int64)
    unknown: dict[int, list[tuple[int, Path]]] = defaultdict(list)
    kept: dict[int, tuple[Image, Target]] = {}
    used = 0
    for index, scanned in enumerate(_in_parallel(lambda s: _scan(s, compiled, labels), samples)):
        counts += scanned.counts
        for raw, pixels in scanned.unknown.items():
            unknown[raw].append((pixels, samples[index].label))
        size = sum(array.nbytes for array in scanned.pair)
        if used + size <= cache:
            kept[index] = scanned.pair
            used += size
        advance(1)
    if unknown:
        raise DataError(_unlisted(unknown, split, file, label_map))
    if not counts.any():
        raise DataError(
            f"every pixel of the labels in '{root / split / 'labels'}' is ignored; check the ids in '{file}'"
        )
    return FolderSplit(samples, labels, counts, kept), used


def drawn_split(
    compiled: CompiledHierarchy,
    labels: CompiledLabelMap,
    seed: int,
    number: int,
    size: tuple[int, int],
    file: str,
    advance: Advance,
) -> DrawnSplit:
    """Draw a split of the embedded data set.

    Raises:
        DataError: The hierarchy does not list the ids that the faces are labelled with.
    """
    missing = labels.colors or (labels.lookup(np.array([*FACE_IDS.values()])) < 0).any()
    faces = {name.replace("_", "").casefold() for name in FACE_IDS}
    known = {name.replace("_", "").replace(" ", "").casefold() for name in compiled.names}
    if missing or len(faces & known) < 3:
        raise DataError(
            f"the drawn faces are labelled with the 11 classes of Helen, which '{file}' does not describe; "
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


def _scan(sample: Sample, compiled: CompiledHierarchy, labels: CompiledLabelMap) -> _Scanned:
    image, raw = read_image(sample.image), read_label(sample.label)
    if image.shape[:2] != raw.shape:
        raise DataError(
            f"'{sample.image}' is {_size(image)} but its label '{sample.label}' is {_size(raw)} (width x height); "
            "resize the label with nearest neighbour"
        )
    if min(raw.shape) < MIN_SIDE:
        raise DataError(f"'{sample.image}' is {_size(image)}; an image has at least {MIN_SIDE} pixels a side")
    target = labels.lookup(raw)
    return _Scanned(_count(target, compiled), labels.unknown(raw), (image, target))


def _count(target: Target, compiled: CompiledHierarchy) -> NDArray[np.int64]:
    return np.bincount(target[target >= 0], minlength=compiled.num_nodes)


def _size(array: NDArray[np.generic]) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"


def _unlisted(unknown: dict[int, list[tuple[int, Path]]], split: str, file: str, label_map: str) -> str:
    """Which ids, how many pixels, which files, and the line that would mend it."""
    parts = []
    for raw, found in sorted(unknown.items())[:5]:
        pixels = sum(count for count, _ in found)
        files = ", ".join(f"'{path}'" for _, path in found[:2]) + (
            f" and {len(found) - 2} more" if len(found) > 2 else ""
        )
        parts.append(f"id {raw} ({pixels:,} pixels, in {files})")
    more = f" and {len(unknown) - 5} other ids" if len(unknown) > 5 else ""
    listed = ", ".join(map(str, sorted(unknown))) if len(unknown) <= _MANY_IDS else "*"
    section = f"labels {label_map}".strip()
    return (
        f"the {split} labels hold ids that '{file}' does not list: {'; '.join(parts)}{more}. "
        f"Give them to classes, or ignore them with this line below '{section}': ignore = {listed}"
    )


_T = TypeVar("_T")
_R = TypeVar("_R")


def _in_parallel(work: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """Results in order, a few ahead at a time, so that memory holds only what is used. Pillow decodes
    without the interpreter's lock, so threads do.
    """
    threads = min(8, cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        todo = iter(items)
        pending = [pool.submit(work, item) for item in islice(todo, 4 * threads)]
        try:
            while pending:
                yield pending.pop(0).result()
                pending += [pool.submit(work, item) for item in islice(todo, 1)]
        finally:
            for future in pending:
                future.cancel()


__all__ = ["IGNORE_INDEX", "DataError", "DrawnSplit", "FolderSplit", "Split", "drawn_split", "folder_split"]
