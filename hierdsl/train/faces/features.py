"""The features of the face: nose, eyes, brows and mouth, each with its label.

All lie on the ellipsoid of the head (`Canvas.surface`), raised a little where they stand out. The shapes
come from `person`; hair and glasses that may hide them are drawn later, elsewhere.
"""

# The numbers of a drawing are its strokes: names for them would say less.

import numpy as np
from numpy.typing import ArrayLike

from hierdsl.train.faces.canvas import BLACK, WHITE, Canvas
from hierdsl.train.faces.curves import (
    ACROSS,
    BULGE,
    CIRCLE,
    Floats,
    band,
    clamp,
    curve,
    mirrored,
    moved,
    oval,
    smooth,
)
from hierdsl.train.faces.labels import FACE_IDS, NOSE
from hierdsl.train.faces.person import Person

_THROAT = np.array([78.0, 28.0, 30.0]) * 0.7
_TONGUE = np.array([176.0, 84.0, 86.0])


def draw_nose(canvas: Canvas, person: Person) -> None:
    """The nose, the darker of its two sides, a shine along it, nostrils and wings."""
    shape, look, yaw = person.shape, person.look, person.pose.yaw
    w, b, base, top = shape.nose_width, shape.nose_bridge, shape.nose_y, shape.eye_y - 0.02

    def put(points: ArrayLike) -> Floats:
        p = np.asarray(points, dtype=np.float64)
        rise = clamp((p[:, 1] - top) / (base - top), 0.0, 1.0)
        rise *= clamp(1.0 - (p[:, 0] / w) ** 2 * 0.6, 0.2, 1.0)
        return canvas.surface(p, 0.04 + shape.nose_lift * rise)

    bridge = [(b, top), (b * 1.1, top * 0.55 + base * 0.45)]
    right = [*bridge, (w * 0.88, base - 0.11), (w, base - 0.02), (w * 0.72, base + 0.045)]
    outline = smooth([(0.0, base + 0.065), *mirrored(right), (0.0, top - 0.03), *right], 4)
    canvas.fill(put(outline), look.skin, NOSE)
    far = -1.0 if person.scene.light[0] > 0 else 1.0
    if abs(yaw) > 0.2:
        far = float(np.sign(yaw))
    inner = [(far * b * 0.5, top), (far * b * 0.6, base - 0.2), (far * w * 0.5, base - 0.03)]
    outer = [(far * w * 1.25, base + 0.02), (far * w, base - 0.15), (far * b * 1.5, top)]
    canvas.shade(put(inner + outer), 0.62, 0.65 * look.relief)
    shine = [(b * 0.35, top), (b * 0.5, base - 0.08)]
    canvas.shade(put([*shine, *mirrored(shine)]), 1.25, 0.5 * look.relief)
    canvas.shade(put(oval(0.0, base - 0.03, w * 0.4, 0.06)), 1.3, 0.45 * look.relief)
    high = 0.022 + 0.03 * max(0.0, -person.pose.pitch)
    wing = np.array([(w * 0.84, base - 0.10), (w * 1.0, base - 0.03), (w * 0.80, base + 0.035)])
    for side in (-1, 1):
        nostril = put(oval(side * w * 0.45, base + 0.025, w * 0.24, high))
        canvas.fill(nostril, look.skin * (0.35, 0.25, 0.25), alpha=0.8)
        canvas.stroke(put(wing * (side, 1)), 0.016, look.skin * (0.55, 0.45, 0.45), 0.55)


def draw_eye(canvas: Canvas, person: Person, side: int) -> None:
    """Local x runs outwards from the middle of the eye and is 1 at the outer corner."""
    shape, look = person.shape, person.look
    w = shape.eye_width
    opening = shape.eye_open[side > 0] * w
    upper = -opening * BULGE**0.7
    lower = 0.5 * opening * BULGE**0.8

    def put(x: Floats, y: Floats) -> Floats:
        return canvas.surface(curve(side * (shape.eye_x + w * x), shape.eye_y + y - shape.eye_tilt * w * x))

    if look.makeup:
        canvas.fill(put(*band(ACROSS * 1.1, 2.2 * upper - 0.04, upper).T), look.lip * 0.6, alpha=look.makeup)
    label = FACE_IDS["left_eye" if side < 0 else "right_eye"]
    canvas.fill(put(*band(ACROSS, upper, lower).T), WHITE * 0.9, label)
    # Rim, iris and pupil: circles about the gaze, cut off by the lids.
    radii = shape.iris * np.array([1.0, 0.84, 0.42])[:, None]
    x = clamp(side * shape.gaze[0] + radii * CIRCLE[:, 0], -1.0, 1.0)
    y = w * (shape.gaze[1] * 0.5 - 0.05 + radii * CIRCLE[:, 1])
    discs = put(x, clamp(y, np.interp(x, ACROSS, upper), np.interp(x, ACROSS, lower)))
    for disc, colour in zip(discs, (look.iris * 0.55, look.iris, BLACK * 0.6), strict=True):
        canvas.fill(disc, colour)
    if opening > 0.35 * w:
        glint = oval(side * (shape.gaze[0] - 0.14), -0.2 * shape.iris * w, 0.1, 0.1 * w)
        canvas.fill(put(*glint.T), WHITE, alpha=0.9)
    shadow = band(ACROSS, upper, np.minimum(lower, upper + 0.3 * opening))
    canvas.fill(put(*shadow.T), BLACK, alpha=0.35)
    canvas.stroke(put(ACROSS * 1.03, upper), 0.018 + 0.03 * look.makeup, BLACK, 0.8)
    canvas.stroke(put(ACROSS, upper * 1.3 - 0.035), 0.012, look.skin * (0.5, 0.4, 0.4), 0.5)
    canvas.stroke(put(ACROSS, lower), 0.012, look.skin * (0.5, 0.38, 0.36), 0.5)


def draw_brow(canvas: Canvas, person: Person, side: int) -> None:
    """A band of even colour and, over it, hatching."""
    shape, look = person.shape, person.look
    half = shape.eye_width * shape.brow_width
    t = 0.5 * (ACROSS + 1.0)  # 0 at the nose, 1 at the temple
    x = shape.eye_x + half * (ACROSS * 0.95 + 0.12)
    gap = shape.brow_gap[side > 0]
    middle = shape.eye_y - gap - shape.brow_tilt * half * ACROSS - shape.brow_arch * np.sin(np.pi * t**1.4)
    thick = shape.brow_thick * np.sin(np.pi * (0.14 + 0.86 * t)) ** 0.6 * (1.15 - 0.5 * t)
    area = band(x, middle - thick, middle + thick) * (side, 1)
    label = FACE_IDS["left_eyebrow" if side < 0 else "right_eyebrow"]
    canvas.fill(canvas.surface(area, 0.04), look.brow, label, look.brow_strength)
    ends = [curve(x, middle + thick * 0.9), curve(x + 0.02, middle - thick * 0.8)]
    hatch = np.stack(ends, axis=1).reshape(-1, 2) * (side, 1)
    canvas.stroke(canvas.surface(hatch, 0.04), 0.010, look.brow * 0.7, 0.5 * look.brow_strength)


def draw_mouth(canvas: Canvas, person: Person) -> None:
    """Lips and, in an open mouth, the dark between them with tongue and teeth."""
    shape, look = person.shape, person.look
    middle = shape.mouth_y + shape.mouth_skew * ACROSS - shape.smile * (ACROSS**2 - 0.4)
    bow = 1.0 - shape.bow * np.exp(-((ACROSS / 0.16) ** 2))
    gap = shape.mouth_open * BULGE**0.8
    inner_top, inner_low = middle - 0.22 * gap, middle + 0.78 * gap
    top = inner_top - shape.lip_upper * BULGE**0.75 * bow
    low = inner_low + shape.lip_lower * BULGE**0.6
    x = ACROSS * shape.mouth_width

    def put(points: Floats) -> Floats:
        return canvas.surface(points, 0.06)

    lip = look.skin + (look.lip - look.skin) * look.lip_strength
    canvas.fill(put(band(x, inner_low, low)), lip, FACE_IDS["lower_lip"])
    canvas.fill(put(band(x, top, inner_top)), lip * 0.88, FACE_IDS["upper_lip"])
    shine = (inner_low + (low - inner_low) * 0.45)[4:-4]
    canvas.fill(put(band(x[4:-4], shine - 0.012, shine + 0.012)), WHITE, alpha=0.16)
    if not shape.mouth_open:
        canvas.stroke(put(curve(x, middle)), 0.014, look.skin * (0.38, 0.24, 0.24), 0.75)
    else:
        canvas.fill(put(band(x, inner_top, inner_low)), _THROAT, FACE_IDS["inner_mouth"])
        if shape.tongue:
            tongue = np.maximum(inner_top, inner_low - shape.tongue * 0.5 * gap * BULGE)
            canvas.fill(put(band(x * 0.8, tongue, inner_low)), _TONGUE, alpha=0.9)
        if shape.teeth:
            edge = np.minimum(inner_low, inner_top + shape.teeth * BULGE**0.4)
            canvas.fill(put(band(x * 0.9, inner_top, edge)), WHITE * 0.88)
            places = np.array([-0.5, -0.25, 0.0, 0.25, 0.5])
            roots = curve(places * shape.mouth_width, np.interp(places, ACROSS, inner_top))
            tips = moved(roots, 0.0, min(shape.teeth, shape.mouth_open) * 0.8)
            for line in put(np.stack([roots, tips], axis=1)):
                canvas.stroke(line, 0.008, BLACK, 0.25)
    for end in (0, -1):
        canvas.shade(put(oval(x[end] * 1.06, middle[end], 0.04, 0.05)), 0.7, 0.5 * look.relief)
