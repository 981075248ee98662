"""The tables of a compiled hierarchy that the loss reads, as tensors on one device."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from hierdsl.compiler import CompiledHierarchy


@dataclass(frozen=True, eq=False)
class LossTables:
    """What the loss needs of a hierarchy with C leaves, V nodes and D levels.

    Attributes:
        group: Level maps, (D, V) int64, -1 for an inner node above the cut.
        group_nodes: For each level the node index of each of its groups, int64.
        num_groups: Groups of each level.
        group_sizes: Leaves of each group of each level, float64.
        one_each: For each level whether group g is leaf g, and nothing else.
        level_weights: (D,) float64.
        leaf_weights: (C,) float64.
        uniform: Whether all leaf weights are 1, so that weighting can be left out.
    """

    group: Tensor
    group_nodes: tuple[Tensor, ...]
    num_groups: tuple[int, ...]
    group_sizes: tuple[Tensor, ...]
    one_each: tuple[bool, ...]
    level_weights: Tensor
    leaf_weights: Tensor
    uniform: bool

    @property
    def num_leaves(self) -> int:
        """C."""
        return len(self.leaf_weights)

    @property
    def num_nodes(self) -> int:
        """V."""
        return self.group.shape[1]

    @property
    def num_levels(self) -> int:
        """D."""
        return len(self.num_groups)


@lru_cache(maxsize=64)
def tables_on(compiled: CompiledHierarchy, device: torch.device) -> LossTables:
    """The tables on a device, copied there once."""
    leaves = compiled.group[:, : compiled.num_leaves]
    return LossTables(
        group=torch.tensor(compiled.group, device=device),
        group_nodes=tuple(torch.tensor(nodes, device=device) for nodes in compiled.group_nodes),
        num_groups=tuple(compiled.num_groups.tolist()),
        group_sizes=tuple(torch.tensor(np.bincount(level), device=device).double() for level in leaves),
        one_each=tuple(np.array_equal(level, np.arange(compiled.num_leaves)) for level in leaves),
        level_weights=torch.tensor(compiled.level_weights, device=device),
        leaf_weights=torch.tensor(compiled.leaf_weights, device=device),
        uniform=bool((compiled.leaf_weights == 1).all()),
    )
