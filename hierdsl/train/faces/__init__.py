"""An endless data set of drawn faces with exact pixel labels, made by code so that no download is needed.

`draw_face(seed, index, size)` draws face `index` of data set `seed`: an RGB image and a label map with the
ids of `FACE_IDS`. The same (seed, index) gives the same pixels whatever was drawn before, and the same face
at every size.

From the bottom up: `labels`, `curves` and `person` are names, geometry and parameters; `sampling` makes up a
person and `canvas` holds the picture; `head`, `features`, `hair` and `scene` draw upon it, `camera` turns it
into a photograph, and `drawing` says what comes after what. A module imports only from those before it, and
the drawing ones do not know each other.

It does not augment, does not cache, does not make tensors, and does not claim to be photographs.
"""

from hierdsl.train.faces.drawing import draw_face
from hierdsl.train.faces.labels import FACE_IDS

__all__ = ["FACE_IDS", "draw_face"]
