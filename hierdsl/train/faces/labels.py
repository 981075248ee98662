"""The label ids: the eleven classes of the Helen data set in the form of Smith et al., 2013.

"left" and "right" are meant as seen in the picture: the left eye of an upright face has the smaller x. Ears
and bare neck are face_skin, and so is a beard; cloth, glasses frames, dark lenses and whatever is in front
of the face are background; a clear lens hides nothing. How the ids form a tree is not said here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BACKGROUND: Final = 0
SKIN: Final = 1
NOSE: Final = 6
HAIR: Final = 10

FACE_IDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "background": BACKGROUND,
        "face_skin": SKIN,
        "left_eyebrow": 2,
        "right_eyebrow": 3,
        "left_eye": 4,
        "right_eye": 5,
        "nose": NOSE,
        "upper_lip": 7,
        "inner_mouth": 8,
        "lower_lip": 9,
        "hair": HAIR,
    }
)
