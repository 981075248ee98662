"""A weighting, and the cuts that it is written on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy


@dataclass(frozen=True, eq=False)
class Weighting:
    """The factor of -log p of each node at each level of a hierarchy with V nodes and D levels.

    Attributes:
        name: As one writes it: `muller_smith`, `hxe(0.1)`, `level(kind)`, `0.5,1,2`.
        factors: Dimensionless, (D, V) float64, read-only: `factors[l, u]` where node u is in the cut at level l
            (0 coarsest), 0 where it is not. Negative ones are legal.

    Raises:
        ValueError: The factors have another number of axes than two, or one of them is not finite.
    """

    name: str
    factors: NDArray[np.float64]

    def __post_init__(self) -> None:
        factors = np.array(self.factors, dtype=np.float64)
        if factors.ndim != 2:
            raise ValueError(f"factors of a weighting have shape (levels, nodes), not {factors.shape}")
        if not np.isfinite(factors).all():
            raise ValueError(f"weighting '{self.name}' has factors that are no finite numbers")
        factors.setflags(write=False)
        object.__setattr__(self, "factors", factors)

    def level_weights(self, compiled: CompiledHierarchy) -> NDArray[np.float64] | None:
        """One weight a level, (D,), where every node of a cut has the same factor; None where not."""
        cuts = [self.factors[i, group_nodes] for i, group_nodes in enumerate(compiled.group_nodes)]
        if any((cut != cut[0]).any() for cut in cuts):
            return None
        return np.array([cut[0] for cut in cuts])


def in_cut(compiled: CompiledHierarchy) -> NDArray[np.bool_]:
    """Whether each node is in the cut at each level, (D, V)."""
    inside = np.zeros(compiled.group.shape, dtype=bool)
    for i, group_nodes in enumerate(compiled.group_nodes):
        inside[i, group_nodes] = True
    return inside


def on_first_level(compiled: CompiledHierarchy, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors (D, V) of one weight a node, (V,), each put at the coarsest level whose cut has the node."""
    first = in_cut(compiled).argmax(axis=0)  # every node is in a cut
    factors = np.zeros(compiled.group.shape)
    node = np.arange(compiled.num_nodes)
    factors[first, node] = weights
    return factors


def cut_nodes(compiled: CompiledHierarchy) -> NDArray[np.int64]:
    """The node of each cut that each node is or lies under, (D, V) int64; -1 where it is above the cut."""
    found = np.full(compiled.group.shape, -1, dtype=np.int64)
    for i, group_nodes in enumerate(compiled.group_nodes):
        group = compiled.group[i]
        found[i, group >= 0] = group_nodes[group[group >= 0]]
    return found


def number(value: float) -> str:
    """A number as one writes it."""
    return f"{value + 0.0:.12g}"  # + 0.0: a negative zero is a zero
