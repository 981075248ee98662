"""Which faces there are: `sample_person` draws every parameter of a `Person` by lot.

All from one random generator, in a fixed order: to add, drop or reorder a lot changes every face. What the
parameters mean is said in `person`; nothing here draws.
"""

# The numbers here are ranges and shares, named by the field they are drawn for.

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from hierdsl.train.faces.curves import Floats
from hierdsl.train.faces.person import Hair, Look, Person, Pose, Scene, Shape

_SKINS: Final = np.array(
    [(252, 222, 200), (240, 200, 172), (226, 180, 148), (205, 155, 118), (176, 124, 88), (140, 92, 62),
     (104, 66, 45), (72, 45, 34)], dtype=np.float64)  # fmt: skip
_HAIRS: Final = np.array(
    [
        (22, 19, 20), (44, 31, 26), (72, 48, 34), (104, 70, 44),
        (140, 98, 58), (186, 146, 92), (218, 190, 138), (124, 58, 32),
        (160, 82, 42), (128, 126, 124), (196, 194, 190), (232, 226, 212),
    ],
    dtype=np.float64,
)  # fmt: skip
_IRISES: Final = np.array(
    [
        (52, 32, 22), (78, 50, 30), (106, 74, 40), (92, 106, 66),
        (84, 122, 140), (104, 144, 176), (120, 126, 130),
    ],
    dtype=np.float64,
)  # fmt: skip
_LIPSTICKS: Final = np.array([(176, 24, 44), (206, 66, 96), (122, 30, 60), (198, 98, 84)], dtype=np.float64)

_STRANDS: Final = 40
_OCCLUDERS: Final = {"hand": 0.09, "mug": 0.04, "microphone": 0.05, "scarf": 0.05, "bar": 0.05, "": 0.72}


@dataclass(frozen=True, slots=True)
class _Style:
    """The ranges a hair style is drawn from; `drop` is the fall of the hairline from parting to temples."""

    weight: float
    volume: tuple[float, float]
    hairline: tuple[float, float]
    drop: tuple[float, float]
    long: float
    curl: float
    jag: float


_STYLES: Final = {
    "short": _Style(0.26, (0.05, 0.15), (-0.74, -0.56), (-0.05, 0.12), 0.0, 0.1, 0.012),
    "long": _Style(0.20, (0.08, 0.20), (-0.76, -0.58), (0.05, 0.25), 1.0, 0.2, 0.01),
    "curly": _Style(0.13, (0.18, 0.45), (-0.72, -0.50), (0.0, 0.15), 0.3, 1.0, 0.035),
    "fringe": _Style(0.14, (0.08, 0.20), (-0.46, -0.24), (-0.05, 0.06), 0.55, 0.1, 0.05),
    "parted": _Style(0.14, (0.06, 0.16), (-0.86, -0.74), (0.35, 0.6), 0.5, 0.1, 0.012),
    "receding": _Style(0.07, (0.02, 0.07), (-0.86, -0.74), (-0.35, -0.2), 0.0, 0.2, 0.01),
    "ring": _Style(0.03, (0.02, 0.06), (0.0, 0.0), (0.0, 0.0), 0.0, 0.3, 0.0),
    "bald": _Style(0.03, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), 0.0, 0.0, 0.0),
}


class _Lots:
    """A generator with the kinds of lot that the samplers need."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.rng.random()

    def bell(self, sigma: float, limit: float) -> float:
        return min(limit, max(-limit, sigma * self.rng.standard_normal()))

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, shares: Mapping[str, float]) -> str:
        """A name by its share; what rounding leaves over goes to the last."""
        place = np.searchsorted(np.cumsum(list(shares.values())), self.rng.random())
        return list(shares)[min(int(place), len(shares) - 1)]

    def colour_near(self, colour: Floats, spread: float) -> Floats:
        return np.clip(colour + self.rng.normal(0.0, spread, 3), 4.0, 251.0)

    def any_colour(self) -> Floats:
        """A muted colour, as cloth and walls are: grey drawn towards one hue."""
        return np.clip(self.between(25, 235) + self.rng.normal(0.0, self.between(4, 45), 3), 4.0, 251.0)


def _sample_pose(lots: _Lots) -> Pose:
    return Pose(
        yaw=lots.bell(0.24, 0.55),
        pitch=lots.bell(0.10, 0.22),
        roll=lots.bell(0.17, 0.44),
        scale=lots.between(0.52, 0.92),
        centre=(lots.bell(0.13, 0.40), lots.bell(0.12, 0.38)),
    )


def _sample_shape(lots: _Lots) -> Shape:
    cheek = lots.between(0.66, 0.80)
    opening = lots.between(0.30, 0.62) if lots.chance(0.93) else lots.between(0.04, 0.15)
    wink = 0.15 if lots.chance(0.02) else 1.0
    gap, uneven = lots.between(0.15, 0.27), lots.bell(0.015, 0.05)
    mouth_open = lots.between(0.025, 0.13) if lots.chance(0.5) else lots.between(0.13, 0.34)
    return Shape(
        temple=cheek * lots.between(0.88, 1.02),
        cheek=cheek,
        jaw=cheek * lots.between(0.72, 0.92),
        chin=cheek * lots.between(0.30, 0.55),
        neck=cheek * lots.between(0.50, 0.75),
        ear=lots.between(0.75, 1.2),
        eye_x=cheek * lots.between(0.42, 0.49),
        eye_y=lots.between(-0.10, 0.02),
        eye_width=cheek * lots.between(0.18, 0.235),
        eye_open=(opening, opening * wink),
        eye_tilt=lots.bell(0.10, 0.2),
        gaze=(lots.bell(0.25, 0.5), lots.bell(0.12, 0.3)),
        iris=lots.between(0.40, 0.50),
        brow_gap=(gap + uneven, gap - uneven),
        brow_width=lots.between(1.15, 1.5),
        brow_thick=lots.between(0.022, 0.065),
        brow_arch=lots.between(0.0, 0.09),
        brow_tilt=lots.bell(0.12, 0.28),
        nose_y=lots.between(0.32, 0.44),
        nose_width=cheek * lots.between(0.21, 0.33),
        nose_bridge=cheek * lots.between(0.075, 0.12),
        nose_lift=lots.between(0.10, 0.24),
        mouth_y=lots.between(0.58, 0.66),
        mouth_width=cheek * lots.between(0.33, 0.52),
        mouth_skew=lots.bell(0.02, 0.05),
        lip_upper=lots.between(0.030, 0.085),
        lip_lower=lots.between(0.045, 0.12),
        bow=lots.between(0.05, 0.45),
        smile=lots.bell(0.055, 0.12),
        mouth_open=mouth_open if lots.chance(0.66) else 0.0,
        teeth=lots.between(0.03, 0.09) if lots.chance(0.75) else 0.0,
        tongue=lots.between(0.3, 1.0) if lots.chance(0.4) else 0.0,
    )


def _sample_hair(lots: _Lots) -> Hair:
    name = lots.pick({name: style.weight for name, style in _STYLES.items()})
    style = _STYLES[name]
    is_long = lots.chance(style.long)
    return Hair(
        style=name,
        volume=lots.between(*style.volume),
        lopsided=lots.bell(0.2, 0.5),
        hairline=lots.between(*style.hairline),
        drop=lots.between(*style.drop),
        parting=lots.bell(0.25, 0.5),
        sideburn=lots.between(-0.12, 0.30),
        jag=style.jag * lots.between(0.5, 1.5),
        length=lots.between(0.75, 2.3) if is_long else 0.0,
        lock=lots.between(0.72, 1.02),
        curl=lots.between(0.5, 1.0) if lots.chance(style.curl) else 0.0,
        bumps=lots.rng.random((5, 3)),
        strands=lots.rng.random((_STRANDS, 4)),
        contrast=lots.between(0.15, 0.6),
    )


def _sample_look(lots: _Lots) -> Look:
    tone = lots.between(0, len(_SKINS) - 1)
    low = min(int(tone), len(_SKINS) - 2)
    skin = lots.colour_near(_SKINS[low] + (tone - low) * (_SKINS[low + 1] - _SKINS[low]), 5.0)
    # Dark skin goes mostly with dark hair; one head in twelve has hair of nearly the colour of the skin.
    shade = int(lots.between(0, len(_HAIRS) if tone < 3.5 or lots.chance(0.15) else 4))
    hair = lots.colour_near(skin * lots.between(0.7, 1.0) if lots.chance(0.08) else _HAIRS[shade], 7.0)
    hair = lots.any_colour() if lots.chance(0.03) else hair
    brow = _HAIRS[int(lots.between(0, 4))] if lots.chance(0.25) else hair * lots.between(0.6, 1.0)
    natural = skin * np.array([0.92, 0.62, 0.62]) + np.array([10.0, 4.0, 8.0])
    painted = lots.chance(0.2)
    male = lots.chance(0.3)
    return Look(
        skin=skin,
        hair=hair,
        brow=lots.colour_near(brow, 5.0),
        brow_strength=lots.between(0.30, 0.95),
        iris=lots.colour_near(_IRISES[int(lots.between(0, 3 if tone > 4 else len(_IRISES)))], 8.0),
        lip=lots.colour_near(_LIPSTICKS[int(lots.between(0, len(_LIPSTICKS)))] if painted else natural, 7.0),
        lip_strength=lots.between(0.6, 0.95) if painted else lots.between(0.12, 0.85),
        cloth=lots.colour_near(skin, 12.0) if lots.chance(0.08) else lots.any_colour(),
        collar=lots.between(0.98, 1.6),
        blush=lots.between(0.2, 1.0) if lots.chance(0.45) else 0.0,
        stubble=lots.between(0.1, 0.4) if male and lots.chance(0.6) else 0.0,
        beard=lots.between(0.45, 0.95) if male and lots.chance(0.5) else 0.0,
        wrinkles=lots.between(0.1, 0.5) if lots.chance(0.4) else 0.0,
        makeup=lots.between(0.2, 0.6) if painted or lots.chance(0.1) else 0.0,
        relief=lots.between(0.45, 1.1),
        freckles=lots.rng.normal(0.0, 1.0, (40 if lots.chance(0.15) else 2, 2)) * (0.3, 0.14) + (0.0, 0.2),
    )


def _sample_scene(lots: _Lots, look: Look) -> Scene:
    base = lots.any_colour()
    if lots.chance(0.12):
        base = lots.colour_near(look.hair, 10.0)
    elif lots.chance(0.1):
        base = lots.colour_near(look.skin, 10.0)
    count = int(lots.between(0, 9)) if lots.chance(0.7) else int(lots.between(20, 50))  # many: foliage
    blobs = lots.rng.random((count, 4)) * (2.2, 2.2, 1.0, 1.4) + (-1.1, -1.1, 0.0, 0.3)
    blobs[:, 2] = 0.08 + blobs[:, 2] * (0.45 if count < 12 else 0.16)
    foliage = lots.any_colour()
    kinds = np.stack([look.skin, look.hair, lots.any_colour(), foliage, lots.any_colour()])
    picks = lots.rng.integers(0, len(kinds), count) if count < 12 else np.full(count, 3)
    occluder = lots.pick(_OCCLUDERS)
    azimuth, height = lots.between(0, 2 * np.pi), lots.between(0.25, 0.97)
    side = float(np.sqrt(1.0 - height * height))
    dim = lots.chance(0.15)
    return Scene(
        background=np.stack([base, lots.colour_near(base, lots.between(5, 60))]),
        slope=lots.between(0, 2 * np.pi),
        stripes=int(lots.between(4, 24)) if lots.chance(0.15) else 0,
        blobs=blobs,
        blob_colours=np.clip(kinds[picks] + lots.rng.normal(0, 16, (count, 3)), 4.0, 251.0),
        blob_sharp=int(lots.between(0, count + 1)) if lots.chance(0.5) else 0,
        glasses="" if lots.chance(0.72) else ("clear" if lots.chance(0.75) else "dark"),
        glasses_form=(lots.between(0.17, 0.24), lots.between(0.12, 0.20)),
        occluder=occluder,
        occluder_place=(lots.between(-1, 1), lots.between(-1, 1), lots.between(0, 1)),
        occluder_colour=lots.colour_near(look.skin, 8.0) if occluder == "hand" else lots.any_colour(),
        light=np.array([side * np.cos(azimuth), 0.7 * side * np.sin(azimuth) - 0.15, height]),
        ambient=lots.between(0.38, 0.88),
        white_balance=np.exp(
            np.array([1.0, 0.1, -1.0]) * lots.bell(0.09, 0.25) + lots.rng.normal(0, 0.025, 3)
        ),
        exposure=lots.between(0.45, 0.7) if dim else lots.between(0.75, 1.25),
        contrast=lots.between(0.8 if dim else 0.62, 1.2),
        saturation=0.0 if lots.chance(0.05) else lots.between(0.65, 1.3),
        blur=lots.between(0.002, 0.010) if lots.chance(0.35) else 0.0,
        noise=lots.between(6.0, 18.0) if lots.chance(0.3) else lots.between(0.5, 5.0),
        jpeg=int(lots.between(15, 60)) if lots.chance(0.35) else 0,
    )


def sample_person(rng: np.random.Generator) -> Person:
    """One person, all of them from `rng` alone."""
    lots = _Lots(rng)
    look = _sample_look(lots)
    return Person(
        _sample_pose(lots), _sample_shape(lots), _sample_hair(lots), look, _sample_scene(lots, look)
    )
