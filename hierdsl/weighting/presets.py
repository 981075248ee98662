"""The presets: what the field weighs the nodes of a hierarchy by."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy, check_compiled
from hierdsl.diagnostics import nearest
from hierdsl.weighting.weighting import Weighting, in_cut, number, on_first_level

Measure = Literal["height", "depth"]


def muller_smith(compiled: CompiledHierarchy) -> Weighting:
    r"""The level weights of the hierarchy: the sum of the cross-entropies at every level.

        factors[l, u] = level_weights[l]    for each node u of the cut at level l

    A class that is carried down to finer levels counts at each of them.

    Args:
        compiled: The hierarchy.

    Returns:
        Factors (D, V); the loss without any weighting is the one with this.

    Example:
        >>> import hierdsl
        >>> hierarchy, _ = hierdsl.analyze("tree\n    sky\n    flat\n        road\n        path\n")
        >>> muller_smith(hierdsl.compile_hierarchy(hierarchy)).factors
        array([[1., 0., 0., 1.],
               [1., 1., 1., 0.]])

    Source:
        Muller & Smith, VISAPP 2020, DOI 10.5220/0008946002600267, section 3 (all weights 1).
    """
    check_compiled(compiled)
    return Weighting("muller_smith", in_cut(compiled) * compiled.level_weights[:, None])


def flat(compiled: CompiledHierarchy) -> Weighting:
    r"""The cross-entropy of the classes alone: the finest level, once.

        factors[D - 1, c] = 1    for each leaf c, else 0

    A coarse label says nothing about a class and counts nowhere.

    Args:
        compiled: The hierarchy.

    Returns:
        Factors (D, V); the loss is `torch.nn.functional.cross_entropy`.

    Example:
        >>> import hierdsl
        >>> hierarchy, _ = hierdsl.analyze("tree\n    sky\n    flat\n        road\n        path\n")
        >>> flat(hierdsl.compile_hierarchy(hierarchy)).factors
        array([[0., 0., 0., 0.],
               [1., 1., 1., 0.]])
    """
    check_compiled(compiled)
    return Weighting("flat", _one_level(compiled, compiled.num_levels - 1))


def hxe(compiled: CompiledHierarchy, alpha: float, measure: Measure = "height") -> Weighting:
    r"""The hierarchical cross-entropy (HXE), which weighs the steps from parent to child on the way to a class.

        HXE    = sum over j = 1..k of  lambda(v_j) * -log p(v_j | v_(j-1)),    root = v_0, v_1, .., v_k = leaf
        lambda = exp(-alpha * h(v))
        w(v_j) = lambda(v_j) - lambda(v_(j+1)),    w(leaf) = lambda(leaf)

    w(v) is the factor of -log p(v) and stands at the coarsest level whose cut has v. Alpha 0 is the cross-entropy
    of the classes.

    h is the height of v, the edges to the deepest leaf below it: 0 for a leaf. A greater alpha then counts coarse
    steps less, and w is negative on inner nodes. That is right for labels that are classes; a coarse label has a
    loss that falls without end (`unbounded_targets`). Siblings share the factor of log p of their parent, so one
    lambda serves them all: where their heights differ, that of the highest one. Top nodes, whose parent has
    probability 1, have each their own.

    With `measure="depth"` h is the depth of v, the edges from the root: 1 for a top node. A greater alpha then counts
    fine steps less, which prefers mistakes close to the true class; no w is negative, siblings always agree, and
    coarse labels are fine.

    The paper calls h the height of a node, and alpha that which discounts information down the hierarchy; its code
    (get_exponential_weighting) counts the edges from the root. So what was published is `measure="depth"`, but for
    one factor of all nodes: that code divides lambda by its sum over all nodes, the root and its lambda of 1 among
    them. The root's own lambda is used neither there nor here, as it has probability 1.

    Args:
        compiled: The hierarchy.
        alpha: Dimensionless, finite, 0 or more.
        measure: What h counts.

    Returns:
        Factors (D, V).

    Raises:
        ValueError: Alpha is negative or not finite; the measure is neither of the two.

    Example:
        >>> import hierdsl
        >>> hierarchy, _ = hierdsl.analyze("tree\n    sky\n    flat\n        road\n        path\n")
        >>> compiled = hierdsl.compile_hierarchy(hierarchy)
        >>> hxe(compiled, 0.1).factors.round(3)
        array([[ 1.   ,  0.   ,  0.   , -0.095],
               [ 0.   ,  1.   ,  1.   ,  0.   ]])
        >>> hxe(compiled, 0.1, "depth").factors.round(3)
        array([[0.905, 0.   , 0.   , 0.086],
               [0.   , 0.819, 0.819, 0.   ]])

    Source:
        Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020,
        section 3.1; the code is github.com/fiveai/making-better-mistakes.
    """
    check_compiled(compiled)
    if not (math.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha of hxe is a number, 0 or more, not {alpha}")
    if measure not in ("height", "depth"):
        raise ValueError(f"hxe measures height or depth, not '{measure}'")
    with np.errstate(over="ignore"):  # the exponential of -inf is what it should be
        edge = np.exp(-alpha * _step_heights(compiled, measure))
    below = np.zeros(compiled.num_nodes)  # lambda of the children, the same for all of them
    inner = compiled.parent >= 0
    below[compiled.parent[inner]] = edge[inner]
    name = f"hxe({number(alpha)})" if measure == "height" else f"hxe({number(alpha)}, {measure})"
    return Weighting(name, on_first_level(compiled, edge - below))


def level(compiled: CompiledHierarchy, name: str | int) -> Weighting:
    """One level alone.

        factors[l, u] = 1    for each node u of the cut at that level l, else 0

    Args:
        compiled: The hierarchy.
        name: Name of the level, or its number, 0 coarsest.

    Returns:
        Factors (D, V).

    Raises:
        ValueError: There is no such level; the message names those there are.

    Example:
        >>> import hierdsl
        >>> camvid = hierdsl.compile_hierarchy(hierdsl.load("camvid"))
        >>> level(camvid, "kind").level_weights(camvid)
        array([0., 1., 0.])
        >>> level(camvid, "kinds")
        Traceback (most recent call last):
        ValueError: there is no level 'kinds'; did you mean 'kind'? The levels are: region, kind, class
    """
    check_compiled(compiled)
    index = _level_index(compiled, name)
    return Weighting(f"level({compiled.level_names[index]})", _one_level(compiled, index))


def levels(compiled: CompiledHierarchy, weights: Sequence[float] | NDArray[np.float64]) -> Weighting:
    """One weight a level.

        factors[l, u] = weights[l]    for each node u of the cut at level l

    Args:
        compiled: The hierarchy.
        weights: Coarse to fine, (D,), finite.

    Returns:
        Factors (D, V).

    Raises:
        ValueError: There is not one finite weight for each level.

    Example:
        >>> import hierdsl
        >>> camvid = hierdsl.compile_hierarchy(hierdsl.load("camvid"))
        >>> levels(camvid, [0.5, 1, 2]).name
        '0.5,1,2'
    """
    check_compiled(compiled)
    each = np.array(weights, dtype=np.float64)
    if each.shape != (compiled.num_levels,):
        raise ValueError(
            f"{each.size} weights for {compiled.num_levels} levels; give one each for "
            f"{', '.join(compiled.level_names)}"
        )
    if not np.isfinite(each).all():
        raise ValueError(f"the weight of a level is a finite number: {','.join(map(number, each))}")
    return Weighting(",".join(map(number, each)), in_cut(compiled) * each[:, None])


def nodes(
    compiled: CompiledHierarchy, weights: Sequence[float] | NDArray[np.float64] | Mapping[str, float]
) -> Weighting:
    r"""One weight a node, at the coarsest level whose cut has the node.

        factors[l, u] = w(u)    at the first level l whose cut has u, else 0

    Args:
        compiled: The hierarchy.
        weights: By node index, (V,), or by path, where what is not named has weight 0. Finite.

    Returns:
        Factors (D, V).

    Raises:
        ValueError: There is not one finite weight for each node, or no node of a path.

    Example:
        >>> import hierdsl
        >>> hierarchy, _ = hierdsl.analyze("tree\n    sky\n    flat\n        road\n        path\n")
        >>> compiled = hierdsl.compile_hierarchy(hierarchy)
        >>> nodes(compiled, {"sky": 1, "flat": 0.5, "flat/road": 2}).factors
        array([[1. , 0. , 0. , 0.5],
               [0. , 2. , 0. , 0. ]])
    """
    check_compiled(compiled)
    if isinstance(weights, Mapping):
        each = np.zeros(compiled.num_nodes)
        index = {path: node for node, path in enumerate(compiled.paths)}
        for path, weight in weights.items():
            if path not in index:
                close = nearest(path, index)
                raise ValueError(
                    f"there is no node '{path}'" + (f"; did you mean '{close}'?" if close else "")
                )
            each[index[path]] = weight
    else:
        each = np.array(weights, dtype=np.float64)
    if each.shape != (compiled.num_nodes,):
        raise ValueError(f"{each.size} weights for {compiled.num_nodes} nodes")
    if not np.isfinite(each).all():
        raise ValueError(
            f"the weight of '{compiled.paths[int(np.isfinite(each).argmin())]}' is no finite number"
        )
    return Weighting("nodes", on_first_level(compiled, each))


def _one_level(compiled: CompiledHierarchy, index: int) -> NDArray[np.float64]:
    return np.where((np.arange(compiled.num_levels) == index)[:, None] & in_cut(compiled), 1.0, 0.0)


def _level_index(compiled: CompiledHierarchy, name: str | int) -> int:
    names = compiled.level_names
    if isinstance(name, str):
        if name in names:
            return names.index(name)
        if name.strip() in names:
            return names.index(name.strip())
    if str(name).strip().isdecimal() and int(name) < len(names):
        return int(name)
    close = nearest(str(name), names)
    mend = f"; did you mean '{close}'? The" if close else "; the"
    raise ValueError(f"there is no level '{str(name).strip()}'{mend} levels are: {', '.join(names)}")


def _step_heights(compiled: CompiledHierarchy, measure: Measure) -> NDArray[np.int64]:
    """What h counts for each node, (V,), the same for siblings below one node."""
    if measure == "depth":
        return compiled.depth
    # the height of a node is one more than that of its highest child
    return np.where(compiled.parent >= 0, compiled.height[compiled.parent] - 1, compiled.height)
