"""From the finished drawing to a photograph: light upon the head, then a poor camera.

Labels are read here, to know where light and relief fall, but never changed: blur, noise and JPEG touch the
image alone.
"""

import math
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from hierdsl.train.faces.canvas import SOFT, Canvas
from hierdsl.train.faces.labels import BACKGROUND, HAIR, NOSE, SKIN
from hierdsl.train.faces.person import Person, Pose, Scene

_GREY = 118  # what contrast turns about


def photograph(canvas: Canvas, person: Person, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Average the supersampled image down, light it and pass it through the camera."""
    scene = person.scene
    # Saturation, white balance, exposure and contrast are one affine map of colour.
    mix = np.full((3, 3), (1 - scene.saturation) / 3) + scene.saturation * np.eye(3)
    mix *= scene.white_balance[:, None] * scene.exposure * scene.contrast
    picture: NDArray[np.float32] = _lit(canvas, person) @ mix.astype(np.float32)
    picture += _GREY * (1 - scene.contrast)
    if scene.blur:
        lens = ImageFilter.GaussianBlur(scene.blur * min(canvas.size))
        picture = np.array(Image.fromarray(_bytes(picture)).filter(lens), dtype=np.float32)
    # Even noise, not normal: raw bytes cost a twentieth, and the sum over a receptive field is normal anyway.
    grain = np.frombuffer(rng.bytes(picture.size), dtype=np.int8).reshape(picture.shape)
    picture += grain * np.float32(scene.noise / 74)
    if not scene.jpeg:
        return _bytes(picture)
    file = BytesIO()
    Image.fromarray(_bytes(picture)).save(file, "JPEG", quality=scene.jpeg)
    return np.array(Image.open(file))


def _bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(picture, 0, 255).astype(np.uint8)


def _lit(canvas: Canvas, person: Person) -> NDArray[np.float32]:
    """The image at the asked size, with relief upon bare skin, tone in the hair and light on the head."""
    factor, size = canvas.factor, (canvas.size[1], canvas.size[0])
    labels = np.asarray(canvas.labels)

    def share(where: NDArray[np.bool_]) -> Image.Image:
        """How much of each final pixel, in 0..255."""
        return Image.fromarray(where.view(np.uint8) * np.uint8(255)).reduce(factor)

    relief = canvas.relief.filter(ImageFilter.BoxBlur(0.033 * SOFT * (0.5 + person.pose.scale)))
    relief = relief.resize(size, Image.Resampling.BICUBIC)
    bare = share((labels == SKIN) | (labels == NOSE))
    relief = Image.composite(relief, Image.new("RGB", size, (128, 128, 128)), bare)
    tone = Image.composite(canvas.tone.reduce(factor), Image.new("L", size, 128), share(labels == HAIR))
    sun = _sunlight(canvas, person.pose, person.scene).resize(size, Image.Resampling.BILINEAR)
    gain = (np.asarray(sun) - 1) * np.asarray(share(labels != BACKGROUND)) / np.float32(255) + 1
    gain *= np.asarray(tone) / np.float32(128 * 128)
    picture: NDArray[np.float32] = np.multiply(
        np.asarray(canvas.image.reduce(factor)), np.asarray(relief), dtype=np.float32
    )
    picture *= gain[..., None]
    return picture


def _sunlight(canvas: Canvas, pose: Pose, scene: Scene) -> Image.Image:
    """Gain, as a small image: the head taken as an ellipsoid under one lamp and some ambient light."""
    width, height = (side // 2 for side in canvas.soft)
    x = np.linspace(-1, 1, width) * canvas.extent[0] - pose.centre[0]
    y = (np.linspace(-1, 1, height) * canvas.extent[1] - pose.centre[1])[:, None]
    cos, sin = math.cos(pose.roll) / pose.scale, math.sin(pose.roll) / pose.scale
    nx, ny = x * cos + y * sin, (y * cos - x * sin) / 1.35
    away = np.maximum(1.0, np.hypot(nx, ny) / 0.95)
    nx, ny = nx / away, ny / away
    facing = nx * scene.light[0] + ny * scene.light[1] + np.sqrt(1.0 - nx**2 - ny**2) * scene.light[2]
    gain = scene.ambient + (1.25 - scene.ambient) * np.clip(facing, 0, 1)
    return Image.fromarray(gain.astype(np.float32))
