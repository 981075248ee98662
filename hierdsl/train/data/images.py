"""Read images and label images as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from hierdsl.train.data.folder import DataError

_ID_MODES = frozenset({"1", "L", "P", "I;16", "I;16B", "I;16L", "I"})
_STRETCHED = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies grey of 2 and 4 bits by, to fill 8."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """An image as RGB, shape (H, W, 3); grey of 16 bits by its upper 8.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with Image.open(path) as image:
            if image.mode.startswith("I"):  # Pillow would cut off at 255 instead
                grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
                return np.repeat(grey[:, :, None], 3, axis=2)
            # not straight to RGB where a palette has transparent colours: Pillow warns of that
            opaque = image.convert("RGBA") if "transparency" in image.info else image
            return np.asarray(opaque.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"cannot read image '{path}' ({_short(error)}); replace or remove it and its label"
        ) from None


def read_label(path: Path) -> NDArray[Any]:
    """The raw ids of a label image, shape (H, W), uint8 or uint16; of a palette image its indices.

    Raises:
        DataError: It cannot be read, or holds colours instead of ids.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in _ID_MODES:
                raise DataError(
                    f"label '{path}' holds colours ({image.mode}), not ids; "
                    "save it with one channel of 8 or 16 bits, or as a palette image, the ids as pixel values"
                )
            stretched = _STRETCHED.get(str(image.tile[0][3]), 1) if image.tile else 1
            array = np.asarray(image) // stretched if stretched > 1 else np.asarray(image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"cannot read label '{path}' ({_short(error)}); replace or remove it and its image"
        ) from None
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype not in (np.uint8, np.uint16):  # mode I: 32 bits that hold 16
        if array.min(initial=0) < 0 or array.max(initial=0) > np.iinfo(np.uint16).max:
            raise DataError(f"label '{path}' holds ids outside 0 to 65535; save it with 8 or 16 bits a pixel")
        return array.astype(np.uint16)
    return array


def _short(error: Exception) -> str:
    return str(error).split(":")[0].split(" '")[0].strip() or type(error).__name__
