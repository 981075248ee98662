"""Weightings that change over a training: from one level alone to a preset, one level after the other.

The factors have the same shape all the time, so that nothing has to be compiled again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy, check_compiled
from hierdsl.weighting.weighting import Weighting, cut_nodes, number


@dataclass(frozen=True, eq=False)
class Schedule:
    """A weighting for each moment of a training; called with the progress t in [0, 1].

    The levels come in one after the other, in `order`; each takes an equal share of the time. With
    x = t * (D - 1), k = floor(x) and r = x - k, in that order:

        levels before the k-th      their factors in the preset
        the k-th level              r * preset + (1 - r) * alone
        the next one                r * alone
        the levels after that       0

    where `alone` is what a level has as the last one that is in: its own factors, and on top of them those of all
    levels that are not in yet.

    Attributes:
        name: As one writes it.
        preset: The weighting at t = 1.
        alone: (D, V) float64.
        order: Indices of the levels as they come in; one alone if nothing changes.
    """

    name: str
    preset: Weighting
    alone: NDArray[np.float64]
    order: tuple[int, ...]

    @property
    def constant(self) -> bool:
        """Whether it is the same weighting all the time."""
        return len(self.order) < 2

    @property
    def turns(self) -> tuple[float, ...]:
        """The progress at which each level is the last one that is in; between two turns all is linear."""
        last = len(self.order) - 1
        return tuple(k / last for k in range(last + 1)) if last > 0 else (0.0,)

    def __call__(self, progress: float) -> Weighting:
        """The weighting at a progress.

        Raises:
            ValueError: The progress is not between 0 and 1.
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"progress is between 0 and 1, not {progress}")
        if self.constant:
            return self.preset
        x = progress * (len(self.order) - 1)
        k = min(int(x), len(self.order) - 2)
        r = x - k
        preset = self.preset.factors
        factors = np.zeros_like(preset)
        before, last, coming = list(self.order[:k]), self.order[k], self.order[k + 1]
        factors[before] = preset[before]
        factors[last] = r * preset[last] + (1 - r) * self.alone[last]
        factors[coming] = r * self.alone[coming]
        return Weighting(f"{self.name} at {number(progress)}", factors)


def constant(weighting: Weighting) -> Schedule:
    """The same weighting all the time."""
    return Schedule(weighting.name, weighting, weighting.factors, (0,))


def coarse_to_fine(weighting: Weighting, compiled: CompiledHierarchy) -> Schedule:
    """From the coarsest level alone to a preset: the finer levels come in one after the other.

    At the k-th of D equally spaced turns, t = k / (D - 1), the tree ends at level k: a node of that cut has the sum
    of the factors of itself at that level and of all nodes below it on the way to a leaf (their mean over the
    leaves where these disagree). So the sum of the level weights stays the same, and HXE is at each turn the HXE of
    the tree that ends there. Between two turns the factors are interpolated (`Schedule` has the formula). Three
    levels of weight 1:

        t        0    0.25   0.5   0.75   1
        coarse   3    2      1     1      1
        middle   0    1      2     1.5    1
        fine     0    0      0     0.5    1

    Args:
        weighting: The preset at the end; `flat` moves all to the finest level, `muller_smith` to all of them.
        compiled: The hierarchy that it is of.

    Example:
        >>> import hierdsl
        >>> from hierdsl.weighting import muller_smith
        >>> camvid = hierdsl.compile_hierarchy(hierdsl.load("camvid"))
        >>> schedule = coarse_to_fine(muller_smith(camvid), camvid)
        >>> [schedule(t).level_weights(camvid).tolist() for t in (0, 0.25, 0.75)]
        [[3.0, 0.0, 0.0], [2.0, 1.0, 0.0], [1.0, 1.5, 0.5]]
    """
    check_compiled(compiled)
    of_leaf = cut_nodes(compiled)[:, : compiled.num_leaves]
    on_way = np.take_along_axis(weighting.factors, of_leaf, axis=1)
    ahead = on_way[::-1].cumsum(axis=0)[::-1]
    alone = np.array([_mean_by_node(n, a, compiled.num_nodes) for n, a in zip(of_leaf, ahead, strict=True)])
    return Schedule(f"coarse_to_fine({weighting.name})", weighting, alone, tuple(range(compiled.num_levels)))


def fine_to_coarse(weighting: Weighting, compiled: CompiledHierarchy) -> Schedule:
    """From the finest level alone to a preset: the coarser levels come in one after the other.

    At the k-th of D equally spaced turns, t = k / (D - 1), the k + 1 finest levels are in; the coarsest of them has
    its own factors, and those of the nodes above: the sum of the level weights stays the same. Between two turns the
    factors are interpolated (`Schedule` has the formula). A coarse label counts for nothing until a level comes in
    that is as coarse. Three levels of weight 1:

        t        0    0.25   0.5   0.75   1
        coarse   0    0      0     0.5    1
        middle   0    1      2     1.5    1
        fine     3    2      1     1      1

    Args:
        weighting: The preset at the end.
        compiled: The hierarchy that it is of.

    Example:
        >>> import hierdsl
        >>> from hierdsl.weighting import muller_smith
        >>> camvid = hierdsl.compile_hierarchy(hierdsl.load("camvid"))
        >>> schedule = fine_to_coarse(muller_smith(camvid), camvid)
        >>> [schedule(t).level_weights(camvid).tolist() for t in (0, 0.25, 0.75)]
        [[0.0, 0.0, 3.0], [0.0, 1.0, 2.0], [0.5, 1.5, 1.0]]
    """
    check_compiled(compiled)
    of_leaf = cut_nodes(compiled)[:, : compiled.num_leaves]
    behind = np.take_along_axis(weighting.factors, of_leaf, axis=1).cumsum(axis=0)
    alone = np.zeros_like(weighting.factors)
    for row, node, value in zip(alone, of_leaf, behind, strict=True):
        row[node] = value  # all leaves below a node have one way down to it
    order = tuple(range(compiled.num_levels))[::-1]
    return Schedule(f"fine_to_coarse({weighting.name})", weighting, alone, order)


def _mean_by_node(
    node: NDArray[np.int64], values: NDArray[np.float64], num_nodes: int
) -> NDArray[np.float64]:
    """The mean of values (C,) by their node (C,), as (V,); exact where all values of a node are one number."""
    lowest, highest = np.full(num_nodes, np.inf), np.full(num_nodes, -np.inf)
    np.minimum.at(lowest, node, values)
    np.maximum.at(highest, node, values)
    count = np.bincount(node, minlength=num_nodes)
    mean = np.bincount(node, values, minlength=num_nodes) / count.clip(min=1)
    return np.where(lowest == highest, np.where(count > 0, highest, 0.0), mean)
