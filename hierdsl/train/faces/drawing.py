"""`draw_face`: one face from its number to its pixels, and what is drawn after what.

The parts themselves are drawn in `head`, `features`, `hair` and `scene`.
"""

import numpy as np
from numpy.typing import NDArray

from hierdsl.train.faces.camera import photograph
from hierdsl.train.faces.canvas import Canvas
from hierdsl.train.faces.features import draw_brow, draw_eye, draw_mouth, draw_nose
from hierdsl.train.faces.hair import draw_back_hair, draw_front_hair
from hierdsl.train.faces.head import draw_body, draw_ears, draw_head, draw_skin, head_outline
from hierdsl.train.faces.person import Person
from hierdsl.train.faces.sampling import sample_person
from hierdsl.train.faces.scene import draw_background, draw_occluders


def draw_face(seed: int, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image (H, W, 3) uint8 RGB and labels (H, W) uint8 of face `index` of the endless data set `seed`.

    `size` is (height, width); the face is scaled by the shorter side. "left" and "right" in `FACE_IDS` mean
    as seen in the picture.
    """
    height, width = size
    if height <= 0 or width <= 0:
        raise ValueError(f"size must be (height, width) with both at least 1, got {size!r}")
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative, got seed={seed}, index={index}")
    rng = np.random.default_rng((seed, index))
    person = sample_person(rng)
    canvas = Canvas((height, width), person.pose, person.shape.cheek)
    _draw(canvas, person, rng)
    return photograph(canvas, person, rng), canvas.final_labels()


def _draw(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Back to front; what is drawn later hides what was drawn before, in the image and in the labels."""
    outline = head_outline(person.shape, person.pose)
    draw_background(canvas, person.scene)
    draw_back_hair(canvas, person)
    draw_body(canvas, person)
    draw_ears(canvas, person, behind=True)
    draw_head(canvas, person, outline)
    draw_ears(canvas, person, behind=False)
    draw_skin(canvas, person)
    draw_nose(canvas, person)
    for side in (-1, 1):
        draw_eye(canvas, person, side)
        draw_brow(canvas, person, side)
    draw_mouth(canvas, person)
    draw_front_hair(canvas, person, outline, rng)
    draw_occluders(canvas, person)
