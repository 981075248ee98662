"""The hierarchical cross-entropy in plain PyTorch: the readable reference.

One pass over the levels; a level is a cross-entropy over groups. Nothing here is fast on purpose: what is faster is
tested against it. It runs on every device, and can be differentiated any number of times.
"""

import torch
from torch import Tensor

from hierdsl.loss.eager import is_eager
from hierdsl.loss.marginal import group_logsumexp, in_float32
from hierdsl.loss.options import Options, no_node
from hierdsl.loss.tables import LossTables


def level_losses(
    logits: Tensor,
    target: Tensor,
    tables: LossTables,
    factors: Tensor | None,
    leaf_weights: Tensor | None,
    options: Options,
) -> Tensor:
    """The loss of every level, (D,), or (D, N, *S) for "none"; at the factors (D, V) if there are any."""
    target = target.long()  # in eight bits, torch takes 156 for -100
    check_targets(target, tables, options.ignore_index)
    valid = target != options.ignore_index
    node = torch.where(valid, target, 0)
    log_probs = in_float32(logits).log_softmax(1)
    pixel_weights = None
    if leaf_weights is not None:
        pixel_weights = node_weights(tables, leaf_weights)[node].to(log_probs)
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
            options,
        )
        for level in range(tables.num_levels)
    ]
    return torch.stack(losses)


def node_weights(tables: LossTables, leaf_weights: Tensor) -> Tensor:
    """A weight for each node, (V,): a leaf's own, else the mean of its leaves'.

    An inner node is a group of the level of its own depth, which is the finest level where it has a group. As
    `hierdsl.loss.options.node_weights`, but of operations that can be differentiated in every way.
    """
    weights = leaf_weights.new_zeros(tables.num_nodes)
    for level in range(tables.num_levels):
        group = tables.group[level]
        means = _group_weights(tables, level, leaf_weights)
        weights = torch.where(group >= 0, means[group.clamp(min=0)], weights)
    return torch.cat([leaf_weights, weights[tables.num_leaves :]])


def _group_weights(tables: LossTables, level: int, leaf_weights: Tensor) -> Tensor:
    """Mean weight of the leaves of each group of a level."""
    leaf_to_group = tables.group[level, : tables.num_leaves]
    sums = leaf_weights.new_zeros(tables.num_groups[level]).index_add(0, leaf_to_group, leaf_weights)
    return sums / tables.group_sizes[level]


def check_targets(target: Tensor, tables: LossTables, ignore_index: int) -> None:
    """Refuse targets that are no nodes, on the CPU: elsewhere it would synchronise the device at every step.

    Where torch only traces or transforms, there are no numbers to look at.

    Raises:
        ValueError: There are such.
    """
    if target.device.type != "cpu" or not is_eager(target) or not target.numel():
        return
    wrong = (target != ignore_index) & ((target < 0) | (target >= tables.num_nodes))
    if wrong.any():
        values = torch.unique(target[wrong])[:5].tolist()
        raise ValueError(no_node(int(wrong.sum()), tables.num_nodes, ignore_index, values))


def _level_loss(
    leaf_log_probs: Tensor,
    node: Tensor,
    valid: Tensor,
    tables: LossTables,
    level: int,
    group_factors: Tensor | None,
    leaf_weights: Tensor | None,
    pixel_weights: Tensor | None,
    options: Options,
) -> Tensor:
    """The loss of one level: a scalar, or one value a pixel."""
    log_probs = leaf_log_probs
    if not tables.one_each[level]:
        leaf_to_group = tables.group[level, : tables.num_leaves]
        log_probs = group_logsumexp(leaf_log_probs, leaf_to_group, tables.num_groups[level])
    group = tables.group[level][node]
    counts = valid & (group >= 0)
    group = torch.where(counts, group, 0)
    own = log_probs.gather(1, group.unsqueeze(1)).squeeze(1)
    loss = -own
    if options.focal_gamma > 0:
        loss = loss * (-torch.expm1(own)).clamp(min=torch.finfo(own.dtype).tiny) ** options.focal_gamma
    if pixel_weights is not None:
        loss = loss * pixel_weights
    if group_factors is not None:
        loss = loss * group_factors[group]
    if options.label_smoothing > 0:
        weights = None if leaf_weights is None else _group_weights(tables, level, leaf_weights)
        if group_factors is not None:
            weights = group_factors if weights is None else weights * group_factors
        spread = _spread(log_probs, weights, group, tables.above[level], loss, options)
        loss = (1 - options.label_smoothing) * loss + options.label_smoothing * spread
    # `where` and not a product: 0 * inf is not 0, and an ignored pixel must have no gradient at all
    loss = torch.where(counts, loss, 0.0)
    if options.reduction == "none":
        return loss
    if options.reduction == "sum":
        return loss.sum()
    if pixel_weights is None:
        return loss.sum() / counts.sum().clamp(min=1)
    total = torch.where(counts, pixel_weights, 0.0).sum()
    return loss.sum() / torch.where(total > 0, total, 1.0)


def _spread(
    log_probs: Tensor,
    weights: Tensor | None,
    group: Tensor,
    above: Tensor,
    alone: Tensor,
    options: Options,
) -> Tensor:
    """What smoothing makes of the target; a group without siblings keeps its loss `alone`."""
    if options.smoothing == "uniform":
        return _even(log_probs, weights)
    single = torch.bincount(above)[above[group]] == 1
    return torch.where(single, alone, _among_siblings(log_probs, weights, above, group))


def _even(log_probs: Tensor, weights: Tensor | None) -> Tensor:
    """Cross-entropy against the even distribution over groups, each group at its weight."""
    return -_weighted(log_probs, weights).mean(1)


def _among_siblings(log_probs: Tensor, weights: Tensor | None, above: Tensor, group: Tensor) -> Tensor:
    """Cross-entropy against the even distribution over the groups below the parent of the target's group."""
    count = int(above.max()) + 1
    shape = (log_probs.shape[0], count, *log_probs.shape[2:])
    sums = log_probs.new_zeros(shape).index_add(1, above, _weighted(log_probs, weights))
    sizes = torch.bincount(above, minlength=count).to(log_probs)
    parent = above[group].unsqueeze(1)
    return -sums.gather(1, parent).squeeze(1) / sizes[parent].squeeze(1)


def _weighted(log_probs: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return log_probs
    return log_probs * weights.to(log_probs).view(1, -1, *[1] * (log_probs.ndim - 2))
