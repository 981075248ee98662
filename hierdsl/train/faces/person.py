"""What a face of the data set is made of: one `Person` holds every parameter of one drawing.

Numbers without pixels, and none depends on the size of the picture. How they are drawn by lot is said in
`sampling`; how they become a drawing, in the modules after it.

Face units: the origin is the middle of the head, x grows to the right of the picture, y grows downwards,
the crown is at y = -1 and the chin (mouth closed) at y = +1. Angles are radians. Colours are RGB in 0..255.
"""

from dataclasses import dataclass

from hierdsl.train.faces.curves import Floats


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is and how it is turned; `scale` and `centre` are in units of half the shorter side."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """The geometry of head and features, expression included. Pairs are (left, right) in the picture."""

    temple: float
    cheek: float
    jaw: float
    chin: float
    neck: float
    ear: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_open: tuple[float, float]
    eye_tilt: float
    gaze: tuple[float, float]
    iris: float
    brow_gap: tuple[float, float]
    brow_width: float
    brow_thick: float
    brow_arch: float
    brow_tilt: float
    nose_y: float
    nose_width: float
    nose_bridge: float
    nose_lift: float
    mouth_y: float
    mouth_width: float
    mouth_skew: float
    lip_upper: float
    lip_lower: float
    bow: float
    smile: float
    mouth_open: float
    teeth: float
    tongue: float


@dataclass(frozen=True, slots=True)
class Hair:
    """The form of the hair. `length` is the y it falls to behind the neck, 0 for hair that does not fall."""

    style: str
    volume: float
    lopsided: float
    hairline: float
    drop: float
    parting: float
    sideburn: float
    jag: float
    length: float
    lock: float
    curl: float
    bumps: Floats  # rows: waves per turn, phase, share
    strands: Floats  # (n, 4) in 0..1: place, reach, tone, wave
    contrast: float


@dataclass(frozen=True, slots=True)
class Look:
    """Colours and the marks upon the skin; strengths are 0..1, 0 for none."""

    skin: Floats
    hair: Floats
    brow: Floats
    brow_strength: float
    iris: Floats
    lip: Floats
    lip_strength: float
    cloth: Floats
    collar: float
    blush: float
    stubble: float
    beard: float
    wrinkles: float
    makeup: float
    relief: float
    freckles: Floats  # (n, 2) places, in face units


@dataclass(frozen=True, slots=True)
class Scene:
    """What is behind and before the face, the light and the camera."""

    background: Floats  # (2, 3) the two ends of a gradient
    slope: float
    stripes: int
    blobs: Floats  # (n, 4): x, y, radius (share of the shorter side), squash
    blob_colours: Floats
    blob_sharp: int  # how many of the last blobs are in focus
    glasses: str  # "", "clear" or "dark"
    glasses_form: tuple[float, float]
    occluder: str  # "", "hand", "mug", "microphone", "scarf" or "bar"
    occluder_place: tuple[float, float, float]
    occluder_colour: Floats
    light: Floats  # unit vector towards the light
    ambient: float
    white_balance: Floats
    exposure: float
    contrast: float
    saturation: float
    blur: float
    noise: float
    jpeg: int  # quality, 0 for no JPEG step


@dataclass(frozen=True, slots=True)
class Person:
    """One face of the data set, complete."""

    pose: Pose
    shape: Shape
    hair: Hair
    look: Look
    scene: Scene
