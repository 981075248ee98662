"""The tables of a compiled hierarchy that the loss reads, as tensors on one device."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss.eager import untransformed
from hierdsl.loss.gpu.layout import layout_of, text_of
from hierdsl.loss.shape import tree_of
from hierdsl.weighting import Weighting
from hierdsl.weighting.weighting import in_cut

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False)
class LossTables:
    """What the loss needs of a hierarchy with C leaves, V nodes and D levels.

    Attributes:
        num_leaves: C.
        num_nodes: V.
        num_levels: D.
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
        below: The leaves below each inner node, one after the other, int64.
        below_from: Where those of each inner node begin, and the end, (V - C + 1,) int64.
        plan: On a CUDA device the text of `hierdsl.loss.gpu.layout.text_of`, else empty.
        shape: What `hierdsl.loss.shape.tree_of` gives, or, on a CUDA device, the fields of
            `hierdsl.loss.gpu.layout.Layout`.
    """

    num_leaves: int
    num_nodes: int
    num_levels: int
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
    below: Tensor
    below_from: Tensor
    plan: str
    shape: list[Tensor]


def constant_to_compile(function: _F) -> _F:
    """Let `torch.compile` call a function while it compiles and keep the result: it traces neither caches nor NumPy.

    `torch.compiler.assume_constant_result` does this, but imports all of dynamo, 1.2 s, for losses never compiled.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    return function


@constant_to_compile
def tables_on(compiled: CompiledHierarchy, device: torch.device) -> LossTables:
    """The tables on a device, copied there once."""
    # what is made in a mode, of fake tensors, say, is good for that mode alone
    if is_in_torch_dispatch_mode():
        return _tables(compiled, device)
    return _kept(compiled, device)


@constant_to_compile
def factors_on(weighting: Weighting, device: torch.device) -> Tensor:
    """The factors of a weighting on a device, copied there once."""
    if is_in_torch_dispatch_mode():
        return torch.tensor(weighting.factors, device=device)
    return _kept_factors(weighting, device)


@lru_cache(maxsize=4)
def _kept_factors(weighting: Weighting, device: torch.device) -> Tensor:
    with untransformed():
        return torch.tensor(weighting.factors, device=device)


@lru_cache(maxsize=64)
def _kept(compiled: CompiledHierarchy, device: torch.device) -> LossTables:
    # the first loss may be one of a validation, whose tensors autograd would refuse to keep
    with untransformed():
        return _tables(compiled, device)


def _tables(compiled: CompiledHierarchy, device: torch.device) -> LossTables:
    leaves = compiled.group[:, : compiled.num_leaves]
    inside = in_cut(compiled).astype(np.float64)
    sizes = [np.bincount(level) for level in leaves]
    below, below_from = _below(compiled)
    counts = np.diff(below_from)
    node = np.repeat(np.arange(counts.size), counts)
    means = np.bincount(node, weights=compiled.leaf_weights[below], minlength=counts.size) / counts

    def put(array: NDArray[Any]) -> Tensor:
        return torch.tensor(array, device=device)

    return LossTables(
        num_leaves=compiled.num_leaves,
        num_nodes=compiled.num_nodes,
        num_levels=compiled.num_levels,
        group=put(compiled.group),
        group_nodes=tuple(map(put, compiled.group_nodes)),
        above=tuple(
            put(compiled.group[level - 1, nodes] if level else np.zeros(len(nodes), np.int64))
            for level, nodes in enumerate(compiled.group_nodes)
        ),
        in_cut=put(inside),
        num_groups=tuple(compiled.num_groups.tolist()),
        group_sizes=tuple(put(size).double() for size in sizes),
        one_each=tuple(np.array_equal(level, np.arange(compiled.num_leaves)) for level in leaves),
        level_weights=put(compiled.level_weights),
        leaf_weights=put(compiled.leaf_weights),
        uniform=bool((compiled.leaf_weights == 1).all()),
        factors=put(inside * compiled.level_weights[:, None]),
        node_weights=put(np.append(compiled.leaf_weights, means)),
        below=put(below),
        below_from=put(below_from),
        plan=text_of(compiled) if device.type == "cuda" else "",
        shape=[put(array) for array in (layout_of(compiled) if device.type == "cuda" else tree_of(compiled))],
    )


def _below(compiled: CompiledHierarchy) -> tuple[NDArray[Any], NDArray[Any]]:
    """The leaves below each inner node, and where those of each begin."""
    leaves, inner = np.arange(compiled.num_leaves), compiled.num_nodes - compiled.num_leaves
    found, above = [np.zeros((2, 0), np.int64)], compiled.parent[: compiled.num_leaves]
    while (some := above >= 0).any():
        leaves, above = leaves[some], above[some]
        found.append(np.stack([above - compiled.num_leaves, leaves]))
        above = compiled.parent[above]
    node, leaf = np.concatenate(found, axis=1)
    order = np.lexsort([leaf, node])
    return leaf[order], np.append(0, np.bincount(node, minlength=inner).cumsum())
