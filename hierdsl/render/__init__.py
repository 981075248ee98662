"""Draw a hierarchy: as a tree in the terminal, or with graphviz. Pure functions of a `Hierarchy`."""

from hierdsl.render.dot import Orientation, to_dot
from hierdsl.render.text import to_text

__all__ = ["Orientation", "to_dot", "to_text"]
