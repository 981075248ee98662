"""Random views of an image and its labels: zoom and crop, flip, colour. Labels by nearest neighbour only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from hierdsl.compiler import IGNORE_INDEX

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of an image in its pixels, possibly between them."""

    top: float
    left: float
    height: float
    width: float


def whole(size: Size) -> Window:
    """All of an image."""
    return Window(0.0, 0.0, *size)


def largest(source: Size, aspect: Size) -> Size:
    """The largest height and width of an aspect that fits into an image, in whole pixels."""
    scale = min(source[0] / aspect[0], source[1] / aspect[1])
    return max(1, round(aspect[0] * scale)), max(1, round(aspect[1] * scale))


def covering(source: Size, size: Size) -> Size:
    """The smallest size of an image's aspect that covers `size`: `size` itself where the aspects agree."""
    scale = min(source[0] / size[0], source[1] / size[1])
    return max(size[0], round(source[0] / scale)), max(size[1], round(source[1] / scale))


def cut(
    image: NDArray[np.uint8], target: NDArray[np.int32], window: Window, size: Size
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A window of an image and its labels, resized.

    Args:
        image: RGB, (H, W, 3).
        target: Node indices, (H, W).
        window: Within the image.
        size: Of the result.

    Returns:
        The image, bilinear with antialiasing, and the labels, nearest neighbour.
    """
    box = (window.left, window.top, window.left + window.width, window.top + window.height)
    resized = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
    rows = _nearest(window.top, window.height, size[0], image.shape[0])
    columns = _nearest(window.left, window.width, size[1], image.shape[1])
    return np.asarray(resized), target[rows[:, None], columns]


def _nearest(start: float, length: float, count: int, limit: int) -> NDArray[np.int64]:
    """The source pixel that the centre of each of `count` pixels falls into."""
    centres = start + (np.arange(count) + 0.5) * (length / count)
    return np.clip(centres.astype(np.int64), 0, limit - 1)


@dataclass(frozen=True, slots=True)
class Augment:
    """Random views for training.

    Attributes:
        size: Of a validation image, height and width.
        crop: Training crops as a share of that size.
        zoom: Range of the random scale; 1 is the scale of validation.
        flip: Probability of a horizontal flip.
        jitter: Largest relative change of brightness, contrast and saturation.
        mirror: Node that each node becomes in a flipped image, (V,).
    """

    size: Size
    crop: float
    zoom: tuple[float, float]
    flip: float
    jitter: float
    mirror: NDArray[np.int64]

    @property
    def output(self) -> Size:
        """Height and width of a training crop."""
        return max(16, round(self.size[0] * self.crop)), max(16, round(self.size[1] * self.crop))

    def __call__(
        self, image: NDArray[np.uint8], target: NDArray[np.int32], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """One random view. All randomness comes from `rng`, in a fixed order."""
        source = (image.shape[0], image.shape[1])
        fit = largest(source, self.output)
        # Where validation shrinks the image by some factor, a zoom of s shrinks it by s less; a window can
        # at most be the largest of its aspect.
        shrink = min(source[0] / self.size[0], source[1] / self.size[1])
        share = shrink * self.output[0] / (self.log_uniform(rng) * fit[0])
        height, width = fit[0] * min(share, 1.0), fit[1] * min(share, 1.0)
        top, left = rng.random() * (source[0] - height), rng.random() * (source[1] - width)
        image, target = cut(image, target, Window(top, left, height, width), self.output)
        if rng.random() < self.flip:
            image, target = self.flipped(image, target)
        if self.jitter:
            image = self.recolored(image, rng)
        return image, target

    def log_uniform(self, rng: np.random.Generator) -> float:
        """A zoom from the range, its logarithm uniform: twice and half as large are as likely."""
        low, high = np.log(self.zoom)
        return float(np.exp(low + rng.random() * (high - low)))

    def flipped(
        self, image: NDArray[np.uint8], target: NDArray[np.int32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """The mirror image, with mirrored classes exchanged."""
        target = target[:, ::-1]
        exchanged = np.where(target == IGNORE_INDEX, IGNORE_INDEX, self.mirror[np.maximum(target, 0)])
        return np.ascontiguousarray(image[:, ::-1]), exchanged.astype(np.int32)

    def recolored(self, image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Brightness, contrast and saturation, each changed by a random factor."""
        factors = 1 + self.jitter * (2 * rng.random(3) - 1)
        picture = Image.fromarray(image)
        enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
        for enhancer, factor in zip(enhancers, factors, strict=True):
            picture = enhancer(picture).enhance(float(factor))
        return np.asarray(picture)
