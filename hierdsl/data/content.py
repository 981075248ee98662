"""What raw values a label image holds, and how many pixels of each.

Ids of 8 bits, the usual case, are counted by Pillow alone: NumPy is imported for the rest only.
"""

from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageFile

from hierdsl.data.error import DataError
from hierdsl.data.opening import COLOR_MODES, demand_kind, opened, stretch

_BYTES = frozenset({"1", "L", "P"})


class Content(NamedTuple):
    """The raw values of one label image, read before it is known whether they should be ids or colours.

    Attributes:
        mode: Pillow's name of what the file holds.
        ids: Ids with their pixels; None where it holds none.
        colors: Packed colours, and their pixels, as two sequences of one length; None where it holds none.
        error: Why it cannot be read, else empty.
    """

    mode: str = ""
    ids: list[tuple[int, int]] | None = None
    colors: tuple[Any, Any] | None = None
    error: str = ""

    def demand(self, path: Path, *, colors: bool) -> Any:
        """The ids or the colours.

        Raises:
            DataError: It could not be read, or is of the other kind.
        """
        if self.error:
            raise DataError(self.error)
        demand_kind(self.mode, path, colors=colors)
        return self.colors if colors else self.ids


def read_content(path: Path) -> Content:
    """The raw values of a label image. What is wrong with it is told in `Content.error`, not raised."""
    try:
        with opened(path) as image:
            if image.mode in _BYTES:
                return _of_bytes(image)
            if image.mode in COLOR_MODES:
                return _of_colors(image)
            mode = image.mode
        return _of_wide_ids(path, mode) if mode.startswith("I") else Content(mode)
    except DataError as error:
        return Content(error=str(error))


def _of_bytes(image: ImageFile.ImageFile) -> Content:
    divisor = 255 if image.mode == "1" else stretch(image)
    ids = [(value // divisor, pixels) for value, pixels in enumerate(image.histogram()) if pixels]
    if image.mode != "P":
        return Content(image.mode, ids)
    palette = image.getpalette("RGB") or []
    pixels_of: dict[int, int] = {}
    for index, pixels in ids:
        red, green, blue = palette[3 * index : 3 * index + 3] or (0, 0, 0)
        color = red << 16 | green << 8 | blue
        pixels_of[color] = pixels_of.get(color, 0) + pixels
    return Content("P", ids, (list(pixels_of), list(pixels_of.values())))


def _of_colors(image: Image.Image) -> Content:
    import numpy as np  # noqa: PLC0415 - see the top

    from hierdsl.data.images import packed  # noqa: PLC0415 - see the top

    return Content(image.mode, None, np.unique(packed(image), return_counts=True))


def _of_wide_ids(path: Path, mode: str) -> Content:
    import numpy as np  # noqa: PLC0415 - see the top

    from hierdsl.data.images import read_label  # noqa: PLC0415 - see the top

    values, counts = np.unique(read_label(path), return_counts=True)
    return Content(mode, list(zip(values.tolist(), counts.tolist(), strict=True)))
