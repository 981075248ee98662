"""Read images and label images as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hierdsl.data.error import DataError
from hierdsl.data.opening import demand_kind, opened, stretch


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image as RGB, shape (H, W, 3); grey of 16 bits by its upper 8.

    Raises:
        DataError: It cannot be read.
    """
    with opened(path, "image", "label") as image:
        if image.mode.startswith("I"):  # Pillow would cut off at 255 instead
            grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        return np.asarray(_rgb(image))


def read_label(path: Path, *, colors: bool = False) -> NDArray[Any]:
    """The raw values of a label image, shape (H, W).

    Args:
        path: A PNG or BMP file.
        colors: Whether the label map is of colours.

    Returns:
        Ids, uint8 or uint16, of a palette image its indices; or colours 0xRRGGBB, int32, of a palette image
        those of its palette.

    Raises:
        DataError: It cannot be read, or holds colours where the map is of ids or the reverse.
    """
    with opened(path) as image:
        demand_kind(image.mode, path, colors=colors)
        if colors:
            return packed(image)
        divisor = stretch(image)  # before the pixels are read: what was read no longer says
        array = np.asarray(image)
    if divisor > 1:
        return array // divisor
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype not in (np.uint8, np.uint16):  # mode I: 32 bits that hold 16
        if array.min(initial=0) < 0 or array.max(initial=0) > np.iinfo(np.uint16).max:
            raise DataError(f"label '{path}' holds ids outside 0 to 65535; save it with 8 or 16 bits a pixel")
        return array.astype(np.uint16)
    return array


def packed(image: Image.Image) -> NDArray[np.int32]:
    """The colours of an image as 0xRRGGBB, shape (H, W)."""
    rgb = _rgb(image)
    # Pillow keeps four bytes a pixel and writes them in this order at the speed of a copy
    numbers = np.frombuffer(rgb.tobytes("raw", "BGRX"), dtype="<i4")
    return numbers.reshape(rgb.height, rgb.width).astype(np.int32, copy=False)


def _rgb(image: Image.Image) -> Image.Image:
    # not straight to RGB where a palette has transparent colours: Pillow warns of that
    return (image.convert("RGBA") if "transparency" in image.info else image).convert("RGB")
