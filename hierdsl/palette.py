"""One sRGB colour a node: the written ones, the rest so that relatives look related.

Each subtree has a range of hues in proportion to its leaves, divided among its children in turn (the idea
of Tennekes & de Jonge, "Tree Colors", IEEE TVCG 20(12), 2014), in the perceptual space OKLCH (Ottosson, "A
perceptual color space for image processing", 2020). Neighbouring leaves differ in lightness too. A node
without a colour above leaves that have one takes their mean.
"""

import numpy as np
from numpy.typing import NDArray

from hierdsl.model import Hierarchy

_HUE_START = 25.0  # degrees: the first subtree is red
_GAP = 0.25  # share of a hue range left out between siblings, so that subtrees stay apart
_LIGHTNESS = (0.64, 0.78, 0.54)
_CHROMA = 0.14

_OKLAB_TO_LMS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


IGNORED = (128, 128, 128)
"""What an ignored node is drawn in, whatever the file says."""


def palette(hierarchy: Hierarchy) -> NDArray[np.uint8]:
    """A colour for each node of a hierarchy, ignored ones grey: sRGB, shape (len(nodes), 3)."""
    nodes = hierarchy.nodes
    written = [None if off else n.color for n, off in zip(nodes, hierarchy.ignored, strict=True)]
    colors = _derive([node.parent for node in nodes], hierarchy.leaf_counts, written)
    colors[hierarchy.ignored] = IGNORED
    return colors


def _derive(
    parent: list[int], leaf_counts: list[int], written: list[tuple[int, int, int] | None]
) -> NDArray[np.uint8]:
    """Colours from the shape of the tree; a node with no leaf below it takes no share of the hues."""
    count = len(parent)
    start, width = np.zeros(count), np.zeros(count)
    used: dict[int, float] = {}  # share of the parent's range taken by the siblings so far
    total = sum(n for n, p in zip(leaf_counts, parent, strict=True) if p < 0)
    index_among_siblings = np.zeros(count, dtype=np.int64)
    siblings: dict[int, int] = {}
    for v, p in enumerate(parent):
        low, span, leaves = (start[p], width[p], leaf_counts[p]) if p >= 0 else (0.0, 360.0, total)
        start[v] = low + used.get(p, 0.0)
        share = span * leaf_counts[v] / max(leaves, 1)
        width[v] = share * (1 - _GAP) if leaf_counts[v] > 1 else share
        used[p] = used.get(p, 0.0) + share
        index_among_siblings[v] = siblings[p] = siblings.get(p, -1) + 1
    lightness = np.take(_LIGHTNESS, index_among_siblings % len(_LIGHTNESS))
    colors = _oklch_to_srgb(lightness, _CHROMA, np.deg2rad(_HUE_START + start + width / 2))
    return _blend(colors, parent, leaf_counts, written)


def _blend(
    colors: NDArray[np.float64],
    parent: list[int],
    leaf_counts: list[int],
    written: list[tuple[int, int, int] | None],
) -> NDArray[np.uint8]:
    """Put the written colours in, and the mean of its leaves on a node above written ones."""
    count = len(parent)
    has_written = np.zeros(count, dtype=bool)
    sums = np.zeros((count, 3))
    inner = np.zeros(count, dtype=bool)
    inner[[p for p in parent if p >= 0]] = True
    for v in reversed(range(count)):
        color = written[v]
        if color is not None:
            colors[v] = np.array(color) / 255
            has_written[v] = True
        elif inner[v] and has_written[v]:
            colors[v] = sums[v] / max(leaf_counts[v], 1)
        if parent[v] >= 0:
            has_written[parent[v]] |= has_written[v]
            sums[parent[v]] += colors[v] * leaf_counts[v]
    return np.round(colors * 255).astype(np.uint8)


def _oklch_to_srgb(
    lightness: NDArray[np.float64], chroma: float, hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear = np.clip((lab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    srgb: NDArray[np.float64] = np.clip(encoded, 0.0, 1.0)
    return srgb
