"""A weighting seen from the edges: the factor of each step from parent to child, and where a loss has no floor."""

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy
from hierdsl.weighting.weighting import Weighting, cut_nodes

_ALIKE = 1e-9
"""Two sums of factors that differ by less, relative to the largest factor, are one number."""


def conditional(weighting: Weighting, compiled: CompiledHierarchy) -> NDArray[np.float64]:
    r"""The weight lambda of the step from its parent to each node: the other way to write a weighting.

        sum over levels l of  factors[l, u_l] * -log p(u_l)  =  sum over j of  lambda(v_j) * -log p(v_j | v_(j-1))

    for the way root, v_1, .., v_k to a leaf. lambda(v) is the sum of the factors of v and of all nodes below it on
    that way. Leaves below v can disagree about it; then there is no one lambda(v), and `conditional_range` says
    between what it lies.

    Args:
        weighting: Factors (D, V).
        compiled: The hierarchy that it is of.

    Returns:
        lambda of each node, (V,) float64; NaN where the leaves below a node disagree.

    Example:
        >>> import hierdsl
        >>> from hierdsl.weighting import muller_smith, nodes
        >>> hierarchy, _ = hierdsl.analyze("tree\n    sky\n    flat\n        road\n        path\n")
        >>> compiled = hierdsl.compile_hierarchy(hierarchy)
        >>> conditional(muller_smith(compiled), compiled)  # sky, road, path, flat
        array([2., 1., 1., 2.])
        >>> conditional(nodes(compiled, {"flat": 1, "flat/road": 2}), compiled)
        array([ 0.,  2.,  0., nan])

    Source:
        Bertinetto et al., CVPR 2020, section 3.1, for the form with lambda.
    """
    lowest, highest = conditional_range(weighting, compiled)
    alike = highest - lowest <= _ALIKE * np.abs(weighting.factors).max()
    return np.where(alike, (lowest + highest) / 2, np.nan)


def conditional_range(
    weighting: Weighting, compiled: CompiledHierarchy
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest lambda of each node over the leaves below it, (V,) each; see `conditional`."""
    weight = weighting.factors.sum(axis=0)
    lowest = np.where(compiled.height > 0, np.inf, 0.0)
    highest = np.where(compiled.height > 0, -np.inf, 0.0)
    for depth in range(int(compiled.depth.max()), 0, -1):  # children before their parents
        here = np.flatnonzero(compiled.depth == depth)
        lowest[here] += weight[here]
        highest[here] += weight[here]
        here = here[compiled.parent[here] >= 0]
        np.minimum.at(lowest, compiled.parent[here], lowest[here])
        np.maximum.at(highest, compiled.parent[here], highest[here])
    return lowest, highest


def unbounded_targets(weighting: Weighting, compiled: CompiledHierarchy) -> NDArray[np.bool_]:
    """Whether the loss of a target that is this node falls without end, (V,).

    It does where some step on the way to the target has a negative weight, counted up to the target: the loss then
    falls as the probability of that step goes to 0. Such a target must not be trained on.

    Args:
        weighting: Factors (D, V).
        compiled: The hierarchy that it is of.

    Example:
        >>> import hierdsl
        >>> from hierdsl.weighting import hxe
        >>> camvid = hierdsl.compile_hierarchy(hierdsl.load("camvid"))
        >>> unbounded = unbounded_targets(hxe(camvid, 0.1), camvid)
        >>> [camvid.names[node] for node in unbounded.nonzero()[0]]
        ['ground', 'static', 'construction', 'roadside', 'moving', 'human']
        >>> bool(unbounded_targets(hxe(camvid, 0.1, "depth"), camvid).any())
        False
    """
    node = cut_nodes(compiled)
    on_way = np.where(node >= 0, np.take_along_axis(weighting.factors, node.clip(min=0), axis=1), 0.0)
    ahead = on_way[::-1].cumsum(axis=0)[::-1]
    # a step that leads to all classes of its parent has probability 1, and a node that stays is no step
    leaves = np.array(
        [np.bincount(group, minlength=compiled.num_nodes) for group in node[:, : compiled.num_leaves]]
    )
    size = np.where(node >= 0, np.take_along_axis(leaves, node.clip(min=0), axis=1), 0)
    above = np.vstack([np.full((1, compiled.num_nodes), compiled.num_leaves), size[:-1]])
    is_step = (node >= 0) & (size < above)
    negative = ahead < -_ALIKE * np.abs(weighting.factors).max()
    unbounded: NDArray[np.bool_] = (is_step & negative).any(axis=0)
    return unbounded
