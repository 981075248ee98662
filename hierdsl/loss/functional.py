"""The hierarchical cross-entropy as functions: they check, and choose how it is computed."""

from collections.abc import Sequence
from typing import Literal, overload

import torch
from torch import Tensor

from hierdsl.compiler import IGNORE_INDEX, CompiledHierarchy, check_compiled
from hierdsl.loss import reference
from hierdsl.loss.operator import fused
from hierdsl.loss.options import (
    Engine,
    Options,
    Reduction,
    Smoothing,
    as_leaf_weights,
    check_shapes,
    check_tensors,
)
from hierdsl.loss.settled import settled
from hierdsl.loss.tables import LossTables, tables_on
from hierdsl.weighting import Weighting


@overload
def hierarchical_cross_entropy(
    logits: Tensor,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    level_weights: Tensor | Sequence[float] | None = ...,
    weighting: Weighting | Tensor | None = ...,
    weight: Tensor | Sequence[float] | None = ...,
    ignore_index: int = ...,
    reduction: Reduction = ...,
    label_smoothing: float = ...,
    smoothing: Smoothing = ...,
    focal_gamma: float = ...,
    return_levels: Literal[False] = ...,
    engine: Engine = ...,
) -> Tensor: ...


@overload
def hierarchical_cross_entropy(
    logits: Tensor,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    level_weights: Tensor | Sequence[float] | None = ...,
    weighting: Weighting | Tensor | None = ...,
    weight: Tensor | Sequence[float] | None = ...,
    ignore_index: int = ...,
    reduction: Reduction = ...,
    label_smoothing: float = ...,
    smoothing: Smoothing = ...,
    focal_gamma: float = ...,
    return_levels: Literal[True],
    engine: Engine = ...,
) -> tuple[Tensor, Tensor]: ...


def hierarchical_cross_entropy(
    logits: Tensor,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    level_weights: Tensor | Sequence[float] | None = None,
    weighting: Weighting | Tensor | None = None,
    weight: Tensor | Sequence[float] | None = None,
    ignore_index: int = IGNORE_INDEX,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    smoothing: Smoothing = "uniform",
    focal_gamma: float = 0.0,
    return_levels: bool = False,
    engine: Engine = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """Sum of the cross-entropies at every level of a hierarchy.

        log p(g) = logsumexp(z over leaves(g)) - logsumexp(z over all leaves)
        loss     = sum over levels l of  weight_l * mean over pixels of  -log p(group of the target at l)

    A target that is an inner node is a coarse label: it adds to the levels at and above its own depth only.
    With one level this is `torch.nn.functional.cross_entropy`.

    Args:
        logits: Leaf logits z, shape (N, C, *S), floating point, dimensionless; S may be empty.
        target: Node indices, shape (N, *S), an integer type, in [0, V) or `ignore_index`.
        compiled: The hierarchy.
        level_weights: One finite factor a level, coarse to fine, (D,); None for those of the hierarchy.
        weighting: One finite factor for each node of each cut, (D, V), instead of the level weights: what a pixel
            adds at level l is multiplied by `factors[l, u]`, u the node of the cut that its target is or lies
            under. None for the level weights.
        weight: One factor a leaf, (C,), 0 or more; None for those of the hierarchy. A pixel counts by the
            weight of its target, an inner node by the mean of its leaves'.
        ignore_index: The target value of pixels that count nowhere.
        reduction: "mean" divides each level by the sum of the weights of its pixels, as torch does; "sum"
            does not; "none" gives the loss of every pixel.
        label_smoothing: Share of the target's probability that is spread evenly over other groups.
        smoothing: Over which: "uniform" for all groups of a level, "siblings" for those below the parent of the
            target's own group alone (both with that group itself; a group without siblings keeps all).
        focal_gamma: Exponent gamma, 0 or more: the -log p of the target's own groups is multiplied by
            (1 - p)**gamma (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017), what is spread is not.
        return_levels: Give the level losses too: the plain -log p of each level, before weights of levels, smoothing
            and modulation, without gradient.
        engine: "auto" takes the fused form where there is one: one pass that makes the gradient too. "fused"
            demands it, "reference" takes plain PyTorch, which can be differentiated twice.

    Returns:
        The loss in nats: a scalar, or shape (N, *S) for "none"; float32 for float16 and bfloat16 logits,
        else of their type. Ignored pixels add 0 and have exactly 0 gradient; so has a batch of nothing else.
        With `return_levels` also the level losses, (D,): a mean over the pixels, or for "sum" and "none" a sum.

    Raises:
        ValueError: Shapes, the reduction or an option do not fit; on the CPU also a target that is no node
            (on other devices that is not checked: it would synchronise the device at every step).
        TypeError: The hierarchy is not compiled, or what is to be a tensor or a number is none.
        RuntimeError: "fused" is demanded, and cannot be had; the message says why.

    Example:
        >>> import hierdsl
        >>> faces = hierdsl.compile_hierarchy(hierdsl.load("helen"))
        >>> logits = torch.zeros(1, 11, 4, 4, requires_grad=True)
        >>> loss = hierarchical_cross_entropy(logits, torch.ones(1, 4, 4, dtype=torch.long), faces)
        >>> round(loss.item(), 3)
        7.289

    Source:
        Muller & Smith, VISAPP 2020, DOI 10.5220/0008946002600267, section 3.
    """
    check_compiled(compiled)
    check_tensors(logits=logits, target=target)
    tables, options, factors, leaf_weights, call = settled(
        compiled,
        logits.device,
        logits.dtype,
        (level_weights, weighting, weight),
        ignore_index,
        reduction,
        label_smoothing,
        smoothing,
        focal_gamma,
        engine,
    )
    check_shapes(logits, target, tables)
    if call is None:
        return _plainly(logits, target, tables, factors, leaf_weights, options, return_levels)
    gradient = logits.requires_grad and torch.is_grad_enabled()
    return fused(logits, target, call, gradient, return_levels)


def hierarchical_level_losses(
    logits: Tensor,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    weight: Tensor | Sequence[float] | None = None,
    ignore_index: int = IGNORE_INDEX,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    smoothing: Smoothing = "uniform",
    focal_gamma: float = 0.0,
) -> Tensor:
    """The cross-entropy of every level, before the level weights, each with its gradient.

    In plain PyTorch. `hierarchical_cross_entropy(..., return_levels=True)` gives them at no cost, without gradient.

    Args:
        logits: As for `hierarchical_cross_entropy`, and so are the others.
        target: See there.
        compiled: See there.
        weight: See there.
        ignore_index: See there.
        reduction: See there.
        label_smoothing: See there.
        smoothing: See there.
        focal_gamma: See there.

    Returns:
        Level losses in nats, coarse to fine: shape (D,), or (D, N, *S) for "none".

    Raises:
        ValueError: As `hierarchical_cross_entropy`.
        TypeError: As there.
    """
    check_compiled(compiled)
    check_tensors(logits=logits, target=target)
    tables = tables_on(compiled, logits.device)
    options = Options(ignore_index, reduction, label_smoothing, smoothing, focal_gamma)
    check_shapes(logits, target, tables)
    return reference.level_losses(logits, target, tables, None, as_leaf_weights(weight, tables), options)


def _plainly(
    logits: Tensor,
    target: Tensor,
    tables: LossTables,
    factors: Tensor,
    leaf_weights: Tensor | None,
    options: Options,
    return_levels: bool,
) -> Tensor | tuple[Tensor, Tensor]:
    loss = reference.level_losses(logits, target, tables, factors, leaf_weights, options).sum(0)
    if not return_levels:
        return loss
    plain = Options(
        options.ignore_index, "sum" if options.reduction == "none" else options.reduction, 0.0, "uniform", 0.0
    )
    with torch.no_grad():
        return loss, reference.level_losses(logits, target, tables, None, leaf_weights, plain)
