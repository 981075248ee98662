"""The tables of a compiled hierarchy that the loss reads, as tensors on one device."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss.gpu.layout import layout_of
from hierdsl.loss.shape import shape_of


@dataclass(frozen=True, eq=False)
class LossTables:
    """What the loss needs of a hierarchy with C leaves, V nodes and D levels.

    Attributes:
        group: Level maps, (D, V) int64, -1 for an inner node above the cut.
        group_nodes: For each level the node index of each of its groups, int64.
        above: For each level the group, one level up, of each of its groups, int64; 0 at the coarsest.
        in_cut: Whether each node is in the cut of each level, (D, V) float64, 1 or 0.
        num_groups: Groups of each level.
        group_sizes: Leaves of each group of each level, float64.
        one_each: For each level whether group g is leaf g, and nothing else.
        level_weights: (D,) float64.
        leaf_weights: (C,) float64.
        uniform: Whether all leaf weights are 1, so that weighting can be left out.
        factors: The level weights on the nodes of the cuts, (D, V) float64.
        node_weights: Mean weight of the leaves below each node, (V,) float64.
        shape: The fields of `Shape`, in their order; on a CUDA device those of `hierdsl.loss.gpu.layout.Layout`.
    """

    group: Tensor
    group_nodes: tuple[Tensor, ...]
    above: tuple[Tensor, ...]
    in_cut: Tensor
    num_groups: tuple[int, ...]
    group_sizes: tuple[Tensor, ...]
    one_each: tuple[bool, ...]
    level_weights: Tensor
    leaf_weights: Tensor
    uniform: bool
    factors: Tensor
    node_weights: Tensor
    shape: list[Tensor]

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
    shape = shape_of(compiled)
    leaves = compiled.group[:, : compiled.num_leaves]
    in_cut = (shape.node.T == np.arange(compiled.num_nodes)).astype(np.float64)
    sizes = [np.bincount(level) for level in leaves]
    weights = np.concatenate([compiled.leaf_weights, np.zeros(compiled.num_nodes - compiled.num_leaves)])
    for level, size, group in zip(leaves, sizes, compiled.group_nodes, strict=True):
        # an inner node is a group of some level; a leaf's own weight is the mean of one
        weights[group] = np.bincount(level, weights=compiled.leaf_weights) / size

    def put(array: NDArray[Any]) -> Tensor:
        return torch.tensor(array, device=device)

    return LossTables(
        group=put(compiled.group),
        group_nodes=tuple(map(put, compiled.group_nodes)),
        above=tuple(
            put(compiled.group[level - 1, nodes] if level else np.zeros(len(nodes), np.int64))
            for level, nodes in enumerate(compiled.group_nodes)
        ),
        in_cut=put(in_cut),
        num_groups=tuple(compiled.num_groups.tolist()),
        group_sizes=tuple(put(size).double() for size in sizes),
        one_each=tuple(np.array_equal(level, np.arange(compiled.num_leaves)) for level in leaves),
        level_weights=put(compiled.level_weights),
        leaf_weights=put(compiled.leaf_weights),
        uniform=bool((compiled.leaf_weights == 1).all()),
        factors=put(in_cut * compiled.level_weights[:, None]),
        node_weights=put(weights),
        shape=[put(array) for array in (layout_of(compiled) if device.type == "cuda" else shape)],
    )
