"""The hierarchical cross-entropy as functions: the readable reference.

One pass over the levels; a level is a cross-entropy over groups. Nothing here is fast on purpose: what is
faster is tested against it.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from hierdsl.compiler import IGNORE_INDEX, CompiledHierarchy
from hierdsl.loss.marginal import group_logsumexp, in_float32
from hierdsl.loss.tables import LossTables, tables_on
from hierdsl.weighting import Weighting

Reduction = Literal["mean", "sum", "none"]


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
) -> Tensor:
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
        label_smoothing: Share of the target's probability that is spread evenly over all groups of a level.

    Returns:
        The loss in nats: a scalar, or shape (N, *S) for "none"; float32 for float16 and bfloat16 logits,
        else of their type. Ignored pixels add 0 and have exactly 0 gradient; so has a batch of nothing else.

    Raises:
        ValueError: Shapes, the reduction or an option do not fit; on the CPU also a target that is no node
            (on other devices that is not checked: it would synchronise the device at every step).

    Example:
        >>> import hierdsl
        >>> faces = hierdsl.compile_hierarchy(hierdsl.load("helen"))
        >>> logits = torch.zeros(1, 11, 4, 4, requires_grad=True)
        >>> hierarchical_cross_entropy(logits, torch.ones(1, 4, 4, dtype=torch.long), faces)
        tensor(7.2890, grad_fn=<DotBackward0>)

    Source:
        Muller & Smith, VISAPP 2020, DOI 10.5220/0008946002600267, section 3.
    """
    tables = tables_on(compiled, logits.device)
    options = (weight, ignore_index, reduction, label_smoothing)
    if weighting is not None:
        if level_weights is not None:
            raise ValueError("level_weights and weighting exclude each other: give one of them")
        return _level_losses(logits, target, tables, as_factors(weighting, tables), *options).sum(0)
    losses = _level_losses(logits, target, tables, None, *options)
    factors = as_level_weights(level_weights, tables).to(losses)
    return factors @ losses if losses.ndim == 1 else torch.tensordot(factors, losses, dims=1)


def hierarchical_level_losses(
    logits: Tensor,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    weight: Tensor | Sequence[float] | None = None,
    ignore_index: int = IGNORE_INDEX,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross-entropy of every level, before the level weights.

    Args:
        logits: As for `hierarchical_cross_entropy`, and so are the others.
        target: See there.
        compiled: See there.
        weight: See there.
        ignore_index: See there.
        reduction: See there.
        label_smoothing: See there.

    Returns:
        Level losses in nats, coarse to fine: shape (D,), or (D, N, *S) for "none".

    Raises:
        ValueError: As `hierarchical_cross_entropy`.
    """
    tables = tables_on(compiled, logits.device)
    return _level_losses(logits, target, tables, None, weight, ignore_index, reduction, label_smoothing)


def _level_losses(
    logits: Tensor,
    target: Tensor,
    tables: LossTables,
    factors: Tensor | None,
    weight: Tensor | Sequence[float] | None,
    ignore_index: int,
    reduction: Reduction,
    label_smoothing: float,
) -> Tensor:
    """The loss of every level, at the factors (D, V) of its nodes if there are any."""
    _check(logits, target, tables, ignore_index, reduction, label_smoothing)
    leaf_weights = _as_leaf_weights(weight, tables, logits)
    target = target.long()
    valid = target != ignore_index
    node = torch.where(valid, target, 0)
    log_probs = in_float32(logits).log_softmax(1)
    pixel_weights = None
    if leaf_weights is not None:
        pixel_weights = _node_weights(tables, leaf_weights)[node].to(log_probs)
    losses = [
        _level_loss(
            log_probs,
            node,
            valid,
            tables,
            level,
            None if factors is None else factors[level, tables.group_nodes[level]].to(log_probs),
            leaf_weights,
            pixel_weights,
            reduction,
            label_smoothing,
        )
        for level in range(tables.num_levels)
    ]
    return torch.stack(losses)


def as_level_weights(level_weights: Tensor | Sequence[float] | None, tables: LossTables) -> Tensor:
    """Level weights as a tensor of shape (D,), the hierarchy's own for None.

    Raises:
        ValueError: There is not one for each level.
    """
    if level_weights is None:
        return tables.level_weights
    factors = torch.as_tensor(level_weights, device=tables.group.device)
    if factors.shape != (tables.num_levels,):
        raise ValueError(
            f"level_weights has shape {tuple(factors.shape)}; the hierarchy has {tables.num_levels} levels"
        )
    return factors


def as_factors(weighting: Weighting | Tensor, tables: LossTables) -> Tensor:
    """The factors of a weighting as a tensor of shape (D, V).

    Raises:
        ValueError: They are of another shape.
    """
    if isinstance(weighting, Weighting):
        factors = torch.tensor(weighting.factors, device=tables.group.device)
    else:
        factors = weighting.to(tables.group.device)
    if factors.shape != tables.group.shape:
        raise ValueError(
            f"weighting has factors of shape {tuple(factors.shape)}; "
            f"the hierarchy has {tables.num_levels} levels and {tables.num_nodes} nodes"
        )
    return factors


def _level_loss(
    leaf_log_probs: Tensor,
    node: Tensor,
    valid: Tensor,
    tables: LossTables,
    level: int,
    group_factors: Tensor | None,
    leaf_weights: Tensor | None,
    pixel_weights: Tensor | None,
    reduction: Reduction,
    label_smoothing: float,
) -> Tensor:
    """The loss of one level: a scalar, or one value a pixel."""
    log_probs = leaf_log_probs
    if not tables.one_each[level]:
        leaf_to_group = tables.group[level, : tables.num_leaves]
        log_probs = group_logsumexp(leaf_log_probs, leaf_to_group, tables.num_groups[level])
    group = tables.group[level][node]
    counts = valid & (group >= 0)
    group = torch.where(counts, group, 0)
    loss = -log_probs.gather(1, group.unsqueeze(1)).squeeze(1)
    if pixel_weights is not None:
        loss = loss * pixel_weights
    if group_factors is not None:
        loss = loss * group_factors[group]
    if label_smoothing > 0:
        group_weights = None if leaf_weights is None else _group_weights(tables, level, leaf_weights)
        if group_factors is not None:
            group_weights = group_factors if group_weights is None else group_weights * group_factors
        loss = (1 - label_smoothing) * loss + label_smoothing * _even(log_probs, group_weights)
    # `where` and not a product: 0 * inf is not 0, and an ignored pixel must have no gradient at all
    loss = torch.where(counts, loss, 0.0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if pixel_weights is None:
        return loss.sum() / counts.sum().clamp(min=1)
    total = torch.where(counts, pixel_weights, 0.0).sum()
    return loss.sum() / torch.where(total > 0, total, 1.0)


def _even(log_probs: Tensor, group_weights: Tensor | None) -> Tensor:
    """Cross-entropy against the even distribution over groups, each group at its weight."""
    if group_weights is None:
        return -log_probs.mean(1)
    shape = (1, -1, *[1] * (log_probs.ndim - 2))
    return -(log_probs * group_weights.to(log_probs).view(shape)).mean(1)


def _group_weights(tables: LossTables, level: int, leaf_weights: Tensor) -> Tensor:
    """Mean weight of the leaves of each group of a level."""
    leaf_to_group = tables.group[level, : tables.num_leaves]
    sums = leaf_weights.new_zeros(tables.num_groups[level]).index_add(0, leaf_to_group, leaf_weights)
    return sums / tables.group_sizes[level]


def _node_weights(tables: LossTables, leaf_weights: Tensor) -> Tensor:
    """A weight for each node, (V,): a leaf's own, the mean of its leaves' for an inner node.

    An inner node is a group of the level of its own depth, which is the finest level where it has a group.
    """
    weights = leaf_weights.new_zeros(tables.num_nodes)
    for level in range(tables.num_levels):
        group = tables.group[level]
        means = _group_weights(tables, level, leaf_weights)
        weights = torch.where(group >= 0, means[group.clamp(min=0)], weights)
    return torch.cat([leaf_weights, weights[tables.num_leaves :]])


def _as_leaf_weights(
    weight: Tensor | Sequence[float] | None, tables: LossTables, logits: Tensor
) -> Tensor | None:
    if weight is None:
        return None if tables.uniform else tables.leaf_weights
    factors = torch.as_tensor(weight, device=logits.device).double()
    if factors.shape != (tables.num_leaves,):
        raise ValueError(
            f"weight has shape {tuple(factors.shape)}; the hierarchy has {tables.num_leaves} leaves"
        )
    return factors


def _check(
    logits: Tensor,
    target: Tensor,
    tables: LossTables,
    ignore_index: int,
    reduction: Reduction,
    label_smoothing: float,
) -> None:
    if logits.ndim < 2 or logits.shape[1] != tables.num_leaves:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)}: "
            f"axis 1 must have the {tables.num_leaves} leaves of the hierarchy"
        )
    if target.shape != logits.shape[:1] + logits.shape[2:]:
        expected = tuple(logits.shape[:1] + logits.shape[2:])
        raise ValueError(f"target of shape {tuple(target.shape)}; these logits need {expected}")
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise ValueError(f"target holds node indices, an integer type, not {target.dtype}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing is between 0 and 1, not {label_smoothing}")
    if target.device.type == "cpu" and target.numel():
        wrong = (target != ignore_index) & ((target < 0) | (target >= tables.num_nodes))
        if wrong.any():
            values = torch.unique(target[wrong])[:5].tolist()
            raise ValueError(
                f"target holds {int(wrong.sum())} values that are no node index (0 to {tables.num_nodes - 1}) "
                f"and not ignore_index {ignore_index}: {values}; encode raw ids with a label map first"
            )
