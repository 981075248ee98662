"""The hair: what falls behind the neck, the cap over the head with its locks, and strands or small curls.

Which styles there are, and how often, is said in `sampling`. Brows and beards are not hair here.
"""

# The numbers of a drawing are its strokes: names for them would say less.

from typing import Final

import numpy as np

from hierdsl.train.faces.canvas import Canvas
from hierdsl.train.faces.curves import Floats, clamp, curve, mirrored, smooth
from hierdsl.train.faces.labels import HAIR
from hierdsl.train.faces.person import Person

_CENTRE: Final = -0.1  # y that the crown is drawn about
_ALONG: Final = np.linspace(0.0, 1.0, 8)  # a strand
_HAIRLINE: Final = np.linspace(1.0, -1.0, 61)
_RING: Final = np.array(
    [(1.03, -0.50), (1.10, -0.1), (1.05, 0.2), (0.93, 0.12), (0.88, -0.15), (0.90, -0.42)]
)


def draw_back_hair(canvas: Canvas, person: Person) -> None:
    """The hair behind head and body: long, or full enough to be seen past the cheeks."""
    hair = person.hair
    if not hair.length and hair.volume < 0.2:
        return
    fall = hair.length or 0.75
    w = person.shape.cheek * (1.04 + 0.8 * hair.volume)
    wide = w * (0.85 + 0.5 * hair.bumps[0, 2])
    right = [(0.6 * w, -0.9), (w, -0.3), (w * 1.04, 0.3), (wide, 0.55 * fall + 0.15), (wide * 0.9, fall)]
    outline = smooth([(0.0, -1.0), *right, (0.0, fall + 0.1), *mirrored(right)], 10)
    turn = np.linspace(0, 2 * np.pi, len(outline))
    outline *= 1.0 + 0.07 * hair.curl * np.sin(turn * 23)[:, None]
    canvas.fill(canvas.flat(outline), person.look.hair * 0.78, HAIR)


def draw_front_hair(canvas: Canvas, person: Person, outline: Floats, rng: np.random.Generator) -> None:
    """The hair before the head; `outline` is that of the head, `rng` is asked for small curls only."""
    hair, shape, colour = person.hair, person.shape, person.look.hair
    if hair.style == "bald":
        return
    _comb(canvas, person, rng)
    if hair.style == "ring":
        for side in (-1, 1):
            canvas.fill(canvas.flat(smooth(_RING * (side * shape.cheek, 1.0))), colour, HAIR)
        return
    cap = np.concatenate([canvas.flat(_crown(person, outline)), canvas.surface(_hairline(person))])
    canvas.shade(cap + person.pose.scale * np.array([-0.05 * person.scene.light[0], 0.06]), 0.6, 0.7)
    canvas.fill(cap, colour, HAIR)
    for side in (-1, 1):
        if hair.length and side * person.pose.yaw < 0.35:
            canvas.fill(canvas.flat(_lock(person, side)), colour, HAIR)


def _lock(person: Person, side: int) -> Floats:
    """Long hair beside the face, down past the chin."""
    hair, shape = person.hair, person.shape
    w = shape.cheek * (1.02 + 0.6 * hair.volume)
    inner = shape.cheek * (hair.lock if side < 0 else 0.5 * (hair.lock + 0.72 + 0.3 * hair.bumps[1, 2]))
    end = min(hair.length, 1.9) * 0.96
    inwards = [(0.82 * shape.temple, -0.80), (inner, -0.30), (inner, 0.25), (inner * 0.96, 0.7 * end)]
    outwards = [(inner * 1.05, end), (w * 1.12, end * 0.95), (w * 1.1, 0.4), (w, -0.4)]
    return smooth(np.array(inwards + outwards) * (side, 1))


def _crown(person: Person, outline: Floats) -> Floats:
    """The outer edge of the hair over the head from left to right, bumpy where it curls."""
    hair = person.hair
    x, y = outline[:, 0], outline[:, 1] - _CENTRE
    bearing = np.arctan2(x, -y)  # 0 is up, positive to the right
    order = np.argsort(bearing)
    end = np.pi / 2 + np.arctan2(hair.sideburn - _CENTRE, person.shape.cheek)
    angle = np.linspace(-end, end, 150)
    radius = np.interp(angle, bearing[order], np.hypot(x, y)[order])
    volume = hair.volume * (0.35 + 0.65 * np.cos(angle * 0.75)) * (1.0 + hair.lopsided * np.sin(angle))
    volume *= np.sqrt(clamp((end - np.abs(angle)) / 0.5, 0.0, 1.0))  # else full hair ends in two wings
    wave = np.sin(angle[:, None] * (4 + 16 * hair.bumps[:, 0]) + 2 * np.pi * hair.bumps[:, 1])
    wave = (np.abs(wave) * 2 - 1 if hair.curl else wave) @ hair.bumps[:, 2]
    ripple = (0.012 + 0.01 * hair.curl) * wave * min(1.0, 8 * hair.volume)
    radius = radius * (1.015 + volume * (1.0 + 0.13 * hair.curl * wave) + ripple)
    return curve(radius * np.sin(angle), _CENTRE - radius * np.cos(angle))


def _hairline(person: Person) -> Floats:
    """The lower edge of the hair on the face, from right to left, sideburns included."""
    hair, shape = person.hair, person.shape
    side = clamp((np.abs(_HAIRLINE) - 0.80) / 0.17, 0.0, 1.0) ** 2
    y = hair.hairline + hair.drop * np.abs(_HAIRLINE - hair.parting) ** 1.5
    wave = np.sin(_HAIRLINE[:, None] * (15 + 60 * hair.bumps[:, 0]) + 2 * np.pi * hair.bumps[:, 1])
    y = np.maximum(-0.97, y + hair.jag * (wave @ hair.bumps[:, 2])) * (1 - side) + hair.sideburn * side
    skull = np.minimum(0.98, np.sqrt(1.0 - np.abs(y) ** 2.6))  # keeps a high hairline on the head
    return curve(_HAIRLINE * skull * (shape.temple + (shape.cheek - shape.temple) * side), y)


def _comb(canvas: Canvas, person: Person, rng: np.random.Generator) -> None:
    """Tone of the hair: strands that fall from the parting, or the mottle of small curls."""
    hair = person.hair
    if hair.curl:
        canvas.mottle(rng, 0.05 + 0.06 * hair.curl, hair.contrast)
        return
    place, reach, tone, wave = hair.strands.T
    side = np.where(place < 0.5 + 0.3 * hair.parting, -1.0, 1.0)[:, None]
    half, turn = 0.10 + 1.1 * reach[:, None], np.minimum(_ALONG * 2.6, np.pi / 2)
    x = 0.6 * hair.parting + side * half * np.sin(turn) + 0.02 * np.sin(9 * _ALONG + 9 * wave[:, None])
    fall = np.maximum(0.0, _ALONG * 2.6 - np.pi / 2) * 2.0
    y = -0.2 - (0.72 + 0.5 * wave[:, None]) * np.cos(turn) + fall
    canvas.comb(canvas.flat(curve(x, y)), 128 + 230 * hair.contrast * (tone - 0.5), 0.022)
