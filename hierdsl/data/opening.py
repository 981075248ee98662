"""Open image files, with one line for whatever is wrong with them. Imports no NumPy, which counting ids can spare."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from hierdsl.data.error import DataError

ID_MODES = frozenset({"1", "L", "P", "I;16", "I;16B", "I;16L", "I"})
"""Pillow's modes of one channel: the pixel values are ids."""
COLOR_MODES = frozenset({"P", "RGB", "RGBA", "RGBX"})
"""Pillow's modes of colours, a palette's included; an alpha channel says nothing about the class."""
_STRETCHED = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies grey of 2 and 4 bits by, to fill 8."""


@contextmanager
def opened(path: Path, kind: str = "label", other: str = "image") -> Iterator[ImageFile.ImageFile]:
    """An image file, open; its pixels may be read in the block.

    Raises:
        DataError: It cannot be opened, or its pixels cannot be read.
    """
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"cannot read {kind} '{path}' ({_short(error)}); replace or remove it and its {other}"
        ) from None


def stretch(image: ImageFile.ImageFile) -> int:
    """What the ids of a grey image were multiplied by when it was read: 1 for all but 2 and 4 bits a pixel."""
    return _STRETCHED.get(str(image.tile[0][3]), 1) if image.tile else 1


def demand_kind(mode: str, path: Path, *, colors: bool) -> None:
    """Refuse colours where the label map is of ids, and the reverse.

    Raises:
        DataError: The label image is of the other kind.
    """
    if mode in (COLOR_MODES if colors else ID_MODES):
        return
    if colors:
        raise DataError(
            f"label '{path}' holds numbers ({mode}), but the label map is of colours; "
            "save it as RGB or as a palette image, or read it by a label map of ids"
        )
    raise DataError(
        f"label '{path}' holds colours ({mode}), but the label map is of ids; "
        "save it with one channel of 8 or 16 bits, or as a palette image, the ids as pixel values, "
        "or read it by a label map of colours"
    )


def _short(error: Exception) -> str:
    return str(error).split(":")[0].split(" '")[0].strip() or type(error).__name__
