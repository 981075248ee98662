"""The picture while it is drawn: `Canvas` keeps image and labels in step and maps face units to the frame.

Both come from the very same polygons and are drawn at two or three times the asked size; then the image is
averaged and the labels are decimated, so that no label is ever a mixture. What is drawn is said elsewhere.

Face units are those of `person`. Frame units have their origin at the top left corner and count half the
shorter side as 1.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from hierdsl.train.faces.curves import Floats
from hierdsl.train.faces.person import Pose

BLACK: Final = np.array([24.0, 18.0, 18.0])
WHITE: Final = np.array([246.0, 244.0, 242.0])
# Shorter side of the surfaces that only hold soft things: skin relief, light, far background.
SOFT: Final = 64

_COARSE: Final = 64  # up to this size three supersampled pixels a side are needed, then two
_DEPTH: Final = 0.70  # of the ellipsoid the features lie on, in face units


class Canvas:
    """Image, labels, skin relief and hair tone of one picture.

    Args:
        size: (height, width) of the picture in the end.
        pose: where the head is and how it is turned.
        cheek: half the width of the head, in face units.
    """

    def __init__(self, size: tuple[int, int], pose: Pose, cheek: float) -> None:
        short = min(size)
        self.size = size
        self.factor = 3 if short <= _COARSE else 2
        self.extent: Floats = np.array([size[1] / short, size[0] / short])  # the middle of the frame
        self.full = (size[1] * self.factor, size[0] * self.factor)
        self.soft = (round(SOFT * size[1] / short), round(SOFT * size[0] / short))
        self._unit = short * self.factor / 2
        self._scale = pose.scale
        cos, sin = math.cos(pose.roll) * pose.scale, math.sin(pose.roll) * pose.scale
        self._flat: Floats = np.array([[cos, sin], [-sin, cos]])
        self._middle: Floats = self.extent + pose.centre
        nod = math.sin(pose.pitch)
        turn = np.array([[math.cos(pose.yaw), -math.sin(pose.yaw) * nod], [0.0, math.cos(pose.pitch)]])
        self._surface: Floats = turn @ self._flat
        self._outwards: Floats = np.array([[math.sin(pose.yaw), math.cos(pose.yaw) * nod]]) @ self._flat
        self._ellipse: Floats = np.array([1.0 / (cheek * 1.08) ** 2, 1.0 / 1.2**2])
        self.image = Image.new("RGB", self.full)
        self.labels = Image.new("L", self.full)
        self.relief = Image.new("RGB", self.soft, (128, 128, 128))
        self.tone = Image.new("L", self.full, 128)
        self._image_pen = ImageDraw.Draw(self.image, "RGBA")
        self._label_pen = ImageDraw.Draw(self.labels)
        self._relief_pen = ImageDraw.Draw(self.relief, "RGBA")

    def flat(self, points: ArrayLike) -> Floats:
        """Face to frame for outlines: turned in the plane only. Any leading axes are kept."""
        placed: Floats = np.asarray(points) @ self._flat + self._middle
        return placed

    def surface(self, points: Floats, lift: float | Floats = 0.0) -> Floats:
        """Face to frame for features: laid `lift` above the ellipsoid of the head, then turned in space."""
        inside = 1.0 - (points * points) @ self._ellipse
        depth = _DEPTH * np.sqrt(np.maximum(inside, 0.0)) + lift
        placed: Floats = points @ self._surface
        placed += depth[..., None] * self._outwards
        placed += self._middle
        return placed

    def fill(self, points: Floats, colour: Floats, label: int | None = None, alpha: float = 1.0) -> None:
        """A closed shape (frame units) into the image and, where a label is given, the labels."""
        corners = (points * self._unit).ravel().tolist()
        self._image_pen.polygon(corners, _ink(colour, alpha))
        if label is not None:
            self._label_pen.polygon(corners, label)

    def stroke(
        self, points: Floats, width: float, colour: Floats, alpha: float = 1.0, label: int | None = None
    ) -> None:
        """An open line, `width` in face units; never thinner than a supersampled pixel."""
        corners = (points * self._unit).ravel().tolist()
        pixels = self._pixels(width)
        self._image_pen.line(corners, _ink(colour, alpha), pixels)
        if label is not None:
            self._label_pen.line(corners, label, pixels)

    def shade(self, points: Floats, tone: float | tuple[float, float, float], alpha: float) -> None:
        """A soft lighter (tone > 1) or darker place on the skin; three tones give it a hue."""
        red, green, blue = tone if isinstance(tone, tuple) else (tone, tone, tone)
        ink = (int(128 * red), int(128 * green), int(128 * blue), int(255 * min(1.0, max(0.0, alpha))))
        self._relief_pen.polygon((points * (SOFT / 2)).ravel().tolist(), ink)

    def comb(self, lines: Floats, tones: Floats, width: float) -> None:
        """Strands: (n, points, 2) in frame units, with a tone each in 0..255; they show only on hair."""
        pen, pixels = ImageDraw.Draw(self.tone), self._pixels(width)
        corners = (lines * self._unit).reshape(len(lines), -1).tolist()
        for line, tone in zip(corners, tones.astype(int).tolist(), strict=True):
            pen.line(line, tone, pixels)

    def mottle(self, rng: np.random.Generator, grain: float, strength: float) -> None:
        """Soft random tone all over, in cells of `grain` face units; like strands it shows only on hair."""
        cells = np.ceil(2 * self.extent / (grain * self._scale)).astype(int)[::-1]
        tones = (128 + 150 * strength * (rng.random(tuple(cells.tolist())) - 0.5)).astype(np.uint8)
        self.tone = Image.fromarray(tones).resize(self.full, Image.Resampling.BICUBIC)

    def backdrop(self, far: Image.Image) -> None:
        """Put `far`, stretched, behind all that is drawn later."""
        # In two steps: only whole pixels are repeated in the second, and that is the cheapest way up.
        small = far.resize((self.size[1], self.size[0]), Image.Resampling.BILINEAR)
        self.image.paste(small.resize(self.full, Image.Resampling.NEAREST))

    def final_labels(self) -> NDArray[np.uint8]:
        """The labels at the asked size: one supersampled pixel each, the one nearest to the middle."""
        start = self.factor // 2
        return np.asarray(self.labels)[start :: self.factor, start :: self.factor].copy()

    def _pixels(self, width: float) -> int:
        return max(1, round(width * self._scale * self._unit))


def _ink(colour: Floats, alpha: float) -> tuple[int, int, int, int]:
    red, green, blue = colour.tolist()
    return min(255, int(red)), min(255, int(green)), min(255, int(blue)), int(255 * min(1.0, alpha))
