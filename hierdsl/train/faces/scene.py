"""What is behind the face and what is before it: background, glasses, and one thing that may hide the rest.

Everything here has the label background or, as a clear lens, none at all. Light and camera are in `camera`.
"""

# The numbers of a drawing are its strokes: names for them would say less.

import math

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFilter

from hierdsl.train.faces.canvas import BLACK, SOFT, WHITE, Canvas
from hierdsl.train.faces.curves import CIRCLE, Floats, mirrored, moved, oval, rotation, smooth
from hierdsl.train.faces.labels import BACKGROUND
from hierdsl.train.faces.person import Person, Scene

_BOX = np.clip(CIRCLE * 1.35, -1.0, 1.0)


def draw_background(canvas: Canvas, scene: Scene) -> None:
    """Far things are drawn small and stretched, so out of focus; the last blobs are near and sharp."""
    width, height = canvas.soft
    x, y = np.linspace(-0.36, 0.36, width), np.linspace(-0.36, 0.36, height)[:, None]
    along = x * math.cos(scene.slope) + y * math.sin(scene.slope) + 0.5
    if scene.stripes:
        along = np.floor(along * scene.stripes) % 2
    ends = [Image.new("RGB", canvas.soft, tuple(colour.astype(int).tolist())) for colour in scene.background]
    far = Image.composite(ends[1], ends[0], Image.fromarray((along * 255).clip(0, 255).astype(np.uint8)))
    blobs = _blobs(scene.blobs) * canvas.extent + canvas.extent
    near = len(blobs) - scene.blob_sharp
    pen = ImageDraw.Draw(far)
    colours = scene.blob_colours.astype(int).tolist()
    for blob, colour in zip(blobs[:near] * (SOFT / 2), colours[:near], strict=True):
        pen.polygon(blob.ravel().tolist(), tuple(colour))
    canvas.backdrop(far.filter(ImageFilter.BoxBlur(1.0)))
    for blob, shade in zip(blobs[near:], scene.blob_colours[near:], strict=True):
        canvas.fill(blob, shade)


def _blobs(places: Floats) -> Floats:
    """(n, points, 2): rounded or, for small squash, leaf-like shapes; large squash makes boxes."""
    x, _, radius, squash = places.T
    corners = np.where((squash > 1.3)[:, None, None], _BOX, CIRCLE)
    corners = corners * np.stack([radius, radius * np.minimum(squash, 1.0)], axis=1)[:, None]
    tilt = radius * 40 + x * 7
    turn = np.stack([np.cos(tilt), np.sin(tilt), -np.sin(tilt), np.cos(tilt)], axis=1).reshape(-1, 2, 2)
    blobs: Floats = corners @ turn + places[:, None, :2]
    return blobs


def draw_occluders(canvas: Canvas, person: Person) -> None:
    """Glasses, and whatever else is before the face."""
    if person.scene.glasses:
        _draw_glasses(canvas, person)
    if person.scene.occluder:
        _OCCLUDERS[person.scene.occluder](canvas, person)


def _draw_glasses(canvas: Canvas, person: Person) -> None:
    shape, scene, skin = person.shape, person.scene, person.look.skin.mean()
    rx, ry = scene.glasses_form
    frame = scene.occluder_colour * 0.5
    if abs(frame.mean() - skin) < 50:  # a rim of the colour of the skin could not be seen
        frame = BLACK if skin > 90 else WHITE * 0.75
    squarish = 0.55 if rx >= 0.2 else 1.0  # wide lenses are
    corners = smooth(np.sign(CIRCLE) * np.abs(CIRCLE) ** squarish, 3) * (rx, ry)
    glare = np.array([(-0.5, -0.6), (-0.1, -0.7), (-0.4, 0.5), (-0.65, 0.2)]) * (rx, ry)
    for side in (-1, 1):
        x = side * shape.eye_x
        rim = canvas.surface(_closed(moved(corners, x, shape.eye_y + 0.02)), 0.12)
        if scene.glasses == "dark":
            canvas.fill(rim, BLACK + 0.1 * frame, BACKGROUND, alpha=0.95)
        else:
            canvas.fill(rim, WHITE, alpha=0.07)
        canvas.fill(canvas.surface(moved(glare, x, shape.eye_y), 0.12), WHITE, alpha=0.25)
        canvas.stroke(rim, 0.032, frame, label=BACKGROUND)
        arm = [
            (side * (shape.eye_x + rx), shape.eye_y - 0.03),
            (side * shape.cheek * 0.99, shape.eye_y - 0.02),
        ]
        canvas.stroke(canvas.surface(np.array(arm), 0.06), 0.035, frame, label=BACKGROUND)
    half = shape.eye_x - rx
    bridge = moved(np.array([(-half, 0.0), (0.0, -0.03), (half, 0.0)]), 0.0, shape.eye_y)
    canvas.stroke(canvas.surface(bridge, 0.12), 0.032, frame, label=BACKGROUND)


def _closed(points: Floats) -> Floats:
    """An outline for `Canvas.stroke`: one step past its start, so that the joint is covered."""
    return np.concatenate([points, points[:2]])


def _draw_hand(canvas: Canvas, person: Person) -> None:
    """Four fingers and a palm of nearly the colour of the face, from below and one side."""
    across, up, turn = person.scene.occluder_place
    colour = person.scene.occluder_colour
    side = 1.0 if across > 0 else -1.0
    spin = rotation(side * (0.2 + 0.9 * turn))
    root = np.array([side * (0.35 + 0.5 * abs(across)), 0.75 + 0.35 * up])

    def put(points: ArrayLike) -> Floats:
        return canvas.flat(np.asarray(points) @ spin + root)

    left = [(-0.26, 0.0), (-0.30, 0.4), (-0.2, 0.8), (-0.2, 2.2)]
    right = [(0.2, 2.2), (0.22, 0.8), (0.30, 0.4), (0.26, 0.0)]
    canvas.fill(put(smooth(left + right)), colour * 0.93, BACKGROUND)
    for finger, tall in enumerate((0.40, 0.52, 0.56, 0.44)):
        x = -0.205 + 0.137 * finger
        half = [(0.06, -tall), (0.075, -0.5 * tall), (0.07, 0.12)]
        digit = put(moved(smooth([*mirrored(half), (0.0, -tall - 0.07), *half], 3), x, 0.0))
        canvas.fill(digit, colour * (1.0 - 0.03 * finger), BACKGROUND)
        canvas.stroke(digit, 0.014, colour * (0.55, 0.45, 0.42), 0.7)
        canvas.fill(put(oval(x, -tall + 0.02, 0.035, 0.05)), np.minimum(colour * 1.15 + 12, 255), alpha=0.6)


def _draw_bar(canvas: Canvas, person: Person) -> None:
    """A post or a rail right across the picture."""
    across, up, turn = person.scene.occluder_place
    tilt = np.pi * turn
    along, normal = np.array([np.cos(tilt), np.sin(tilt)]), np.array([-np.sin(tilt), np.cos(tilt)])
    middle, half = canvas.extent + normal * 0.55 * across, 0.05 + 0.05 * (up + 1)
    reach = along * 2 * float(canvas.extent.max())
    a, b = middle - reach, middle + reach
    for share, tone in ((1.0, 0.7), (0.6, 1.0), (0.2, 1.2)):
        edge = normal * half * share
        corners = np.stack([a - edge, b - edge, b + edge, a + edge])
        canvas.fill(corners, person.scene.occluder_colour * tone, BACKGROUND)


def _draw_mug(canvas: Canvas, person: Person) -> None:
    across, up, _ = person.scene.occluder_place
    colour = person.scene.occluder_colour
    x, y = 0.35 * across, person.shape.mouth_y + 0.10 + 0.12 * up
    handle = smooth(oval(x + math.copysign(0.42, across), y + 0.38, 0.17, 0.22), 3)
    canvas.stroke(canvas.flat(_closed(handle)), 0.08, colour * 0.85, label=BACKGROUND)
    right = [(x + 0.38, y), (x + 0.34, y + 0.85)]
    canvas.fill(canvas.flat([(x - 0.38, y), *right, (x - 0.34, y + 0.85)]), colour, BACKGROUND)
    canvas.fill(canvas.flat([(x + 0.1, y), *right, (x + 0.1, y + 0.85)]), colour * 0.7, alpha=0.6)
    canvas.fill(canvas.flat(oval(x, y, 0.38, 0.08)), np.minimum(colour * 1.2, 255), BACKGROUND)
    canvas.fill(canvas.flat(oval(x, y + 0.01, 0.33, 0.06)), colour * 0.5)


def _draw_microphone(canvas: Canvas, person: Person) -> None:
    across, up, turn = person.scene.occluder_place
    colour = person.scene.occluder_colour
    x, y = 0.45 * across, person.shape.mouth_y + 0.16 + 0.12 * up
    canvas.stroke(
        canvas.flat([(x, y), (x + 1.2 * (turn - 0.5), y + 1.9)]), 0.15, colour * 0.5, label=BACKGROUND
    )
    canvas.fill(canvas.flat(oval(x, y, 0.19, 0.2)), colour * 0.6, BACKGROUND)
    for mesh in (-0.12, -0.04, 0.04, 0.12):
        canvas.stroke(canvas.flat([(x - 0.15, y + mesh), (x + 0.15, y + mesh)]), 0.015, BLACK, 0.4)


def _draw_scarf(canvas: Canvas, person: Person) -> None:
    _, up, turn = person.scene.occluder_place
    colour, top = person.scene.occluder_colour, 0.80 + 0.22 * up
    right = [(0.5, top + 0.04), (1.0, top - 0.06), (1.35, 1.6), (0.9, 2.2)]
    canvas.fill(canvas.flat(smooth([(0.0, top + 0.1), *right, *mirrored(right)])), colour, BACKGROUND)
    for fold in range(5):
        y = top + 0.16 + 0.17 * fold
        line = [(-1.0, y - 0.16), (0.1, y + turn * 0.1), (1.0, y - 0.16)]
        canvas.stroke(canvas.flat(line), 0.05, colour * 0.6, 0.7)


_OCCLUDERS = {
    "hand": _draw_hand,
    "mug": _draw_mug,
    "microphone": _draw_microphone,
    "scarf": _draw_scarf,
    "bar": _draw_bar,
}
