"""Draw a hierarchy: as a tree in the terminal, as a page for a browser, or with graphviz.

Pure functions of a `Hierarchy`.
"""

from hierdsl.render.dot import Orientation, count_boxes, to_dot
from hierdsl.render.page import to_html
from hierdsl.render.text import to_text

__all__ = ["Orientation", "count_boxes", "to_dot", "to_html", "to_text"]
