"""The head without its features: outline, neck and cloth, ears, and the marks upon the bare skin.

Relief (soft light and dark places) goes to `Canvas.shade`, everything else straight into the image. Eyes,
brows, nose and mouth are drawn in `features`.
"""

# The numbers of a drawing are its strokes: names for them would say less.

import numpy as np
from numpy.typing import ArrayLike

from hierdsl.train.faces.canvas import BLACK, Canvas
from hierdsl.train.faces.curves import (
    ACROSS,
    BULGE,
    CIRCLE,
    Floats,
    clamp,
    curve,
    mirrored,
    moved,
    oval,
    rotation,
    smooth,
)
from hierdsl.train.faces.labels import BACKGROUND, SKIN
from hierdsl.train.faces.person import Look, Person, Pose, Shape


def head_outline(shape: Shape, pose: Pose) -> Floats:
    """Silhouette of the head in face units; chin and back of the head follow the turn."""
    upper = [(0.50 * shape.temple, -0.91), (0.92 * shape.temple, -0.58), (shape.cheek, -0.12)]
    lower = [(0.96 * shape.cheek, 0.25), (shape.jaw, 0.58), (0.45 * shape.jaw + 0.6 * shape.chin, 0.83)]
    right = [*upper, *lower, (shape.chin * 0.6, 0.97)]
    x, y = smooth([(0.0, -1.0), *right, (0.0, 1.0), *mirrored(right)]).T
    y = y + np.maximum(y - 0.3, 0.0) * 0.6 * shape.mouth_open
    turn = np.sin(pose.yaw)
    x = np.where(x * turn < 0, x * (1 + 0.22 * abs(turn) * clamp(0.5 - y, 0, 1)), x)
    return curve(x + turn * 0.3 * clamp(y + 0.1, 0, 1), y + np.sin(pose.pitch) * 0.3 * clamp(y, 0, 1))


def draw_head(canvas: Canvas, person: Person, outline: Floats) -> None:
    """The bare head, one colour."""
    canvas.fill(canvas.flat(outline), person.look.skin, SKIN)


def draw_body(canvas: Canvas, person: Person) -> None:
    """Neck and cloth; the body stays more upright than the head."""
    look, n = person.look, person.shape.neck
    turn = rotation(0.7 * person.pose.roll)

    def body(points: ArrayLike) -> Floats:
        return canvas.flat(moved(moved(np.asarray(points), 0.0, -0.8) @ turn, 0.0, 0.8))

    neck = body(smooth([(-n, 0.3), (-n, 1.1), (-n * 1.5, 1.9), (n * 1.5, 1.9), (n, 1.1), (n, 0.3)]))
    canvas.fill(neck, look.skin * 0.9, SKIN)
    canvas.shade(neck, 0.62, 0.7)
    middle = (0.0, look.collar + 0.25)
    half = [(n * 1.12, look.collar), (1.25, 1.42), (1.75, 1.8), (2.0, 3.6)]
    canvas.fill(body([*mirrored(half), middle, *half]), look.cloth, BACKGROUND)
    canvas.stroke(body([*mirrored(half[:1]), middle, half[0]]), 0.04, look.cloth * 0.7)


def draw_ears(canvas: Canvas, person: Person, *, behind: bool) -> None:
    """The ear on the far side is behind the head, that on the near side of a turned head in front of it."""
    shape, skin, yaw = person.shape, person.look.skin, person.pose.yaw
    for side in (-1, 1):
        in_front = side * yaw < -0.15
        if in_front == behind or side * yaw > 0.3:
            continue
        x = side * shape.cheek * (1.01 - 0.5 * max(0.0, -side * yaw - 0.15))
        ear = oval(x, 0.08, 0.11 * shape.ear, 0.20 * shape.ear)
        canvas.fill(canvas.flat(ear), skin * 0.96, SKIN)
        inner = moved(moved(ear, -x, -0.08) * 0.6, x + side * 0.02, 0.07)
        canvas.fill(canvas.flat(inner), skin * (0.72, 0.62, 0.60), alpha=0.5)
        if in_front:
            edge = ear if side > 0 else np.roll(ear, 10, axis=0)
            canvas.stroke(canvas.flat(edge[3:17]), 0.02, BLACK, 0.25)


def draw_skin(canvas: Canvas, person: Person) -> None:
    """Relief, blush, wrinkles, beard and freckles; the label stays face_skin."""
    look = person.look
    _draw_relief(canvas, person)
    if look.wrinkles:
        _draw_wrinkles(canvas, person.shape, look)
    if look.beard or look.stubble:
        _draw_beard(canvas, person)
    for freckle in canvas.surface(look.freckles[:, None] + 0.014 * CIRCLE[::3]):
        canvas.fill(freckle, look.skin * (0.70, 0.55, 0.48), alpha=0.6)


def _draw_relief(canvas: Canvas, person: Person) -> None:
    shape, look = person.shape, person.look
    depth, width = look.relief, shape.eye_width * 1.5
    # x, y, two radii, tone, alpha
    spots = [
        (0.0, -0.5, 0.35, 0.2, 1.15, 0.4 * depth),
        (0.0, shape.mouth_y + 0.2, 0.17, 0.045, 0.65, 0.6 * depth),
        (0.0, 0.9, 0.15, 0.07, 1.2, 0.4 * depth),
        (0.0, shape.nose_y + 0.09, shape.nose_width * 0.9, 0.04, 0.6, 0.7 * depth),
    ]
    for side in (-1, 1):
        lit = 0.25 * side * float(person.scene.light[0])
        x = side * shape.cheek
        spots += [
            (side * shape.eye_x, shape.eye_y - 0.05, width, 0.17, 0.72, (0.55 - lit) * depth),
            (x * 0.58, shape.eye_y + 0.30, 0.17, 0.13, 1.22, (0.35 + lit) * depth),
            (x * 0.78, 0.47, 0.14, 0.24, 0.72, (0.35 - lit) * depth),
        ]
    table = np.array(spots)[:, None]
    places = canvas.surface(table[..., :2] + table[..., 2:4] * CIRCLE)
    for place, (*_, tone, alpha) in zip(places, spots, strict=True):
        canvas.shade(place, tone, alpha)
    for side in (-1, 1) if look.blush else ():
        flush = canvas.surface(oval(side * shape.cheek * 0.60, shape.eye_y + 0.36, 0.20, 0.14))
        canvas.shade(flush, (1.08, 0.72, 0.74), 0.65 * look.blush)


def _draw_wrinkles(canvas: Canvas, shape: Shape, look: Look) -> None:
    """A fold from the nose past each corner of the mouth and, where it shows enough, three on the brow."""
    x = np.array([shape.nose_width * 1.15, shape.mouth_width * 0.95, shape.mouth_width * 1.25])
    y = np.array([shape.nose_y - 0.05, 0.5, shape.mouth_y + 0.02])
    for side in (-1, 1):
        canvas.stroke(canvas.surface(curve(side * x, y)), 0.014, look.skin * 0.6, look.wrinkles)
    for line in range(3 if look.wrinkles > 0.2 else 0):
        ridge = curve(ACROSS * 0.5 * shape.cheek, -0.62 + 0.09 * line - 0.03 * BULGE)
        canvas.stroke(canvas.surface(ridge), 0.012, look.skin * 0.6, 0.7 * look.wrinkles)


def _draw_beard(canvas: Canvas, person: Person) -> None:
    shape, look = person.shape, person.look
    jaw, top = 0.93 * shape.cheek, shape.mouth_y - 0.02
    chin = 0.985 + 0.4 * shape.mouth_open
    outer = [(jaw, 0.1), (jaw * 0.97, 0.45), (shape.jaw * 0.93, 0.66), (shape.chin, 0.93)]
    inner = [(-0.8 * jaw, 0.35), (-0.5 * jaw, top), (-0.3 * jaw, shape.nose_y + 0.09)]
    under_nose = (0.0, shape.nose_y + 0.08)
    area = smooth([*outer, (0.0, chin), *mirrored(outer), *inner, under_nose, *mirrored(inner)], 4)
    strength = max(look.beard, look.stubble)
    canvas.fill(canvas.surface(area), look.brow if look.beard else look.brow * 0.5 + 40, alpha=strength)
    bristles = person.hair.strands  # any fixed lots serve; bristles are not where the strands are
    x = (bristles[:, 0] * 2 - 1) * jaw * 0.75
    y = 0.76 + bristles[:, 1] * 0.2 - 0.5 * np.abs(x / jaw) ** 3
    ends = np.stack([curve(x, y), curve(x * 1.04, y + 0.05)], axis=1)
    for bristle, tone in zip(canvas.surface(ends), bristles[:, 2].tolist(), strict=True):
        canvas.stroke(bristle, 0.010, look.brow * (0.4 + tone), 0.6 * strength)
