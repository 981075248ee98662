"""Log-probabilities of the groups of a level."""

import torch
from torch import Tensor

from hierdsl.loss.eager import exported
from hierdsl.loss.options import check_logits_type, check_tensors


def marginal_log_probs(logits: Tensor, leaf_to_group: Tensor, num_groups: int) -> Tensor:
    """Log-probability of every group of one level, summed over the leaves below it.

        log p_g = logsumexp{ z_c : m(c) = g } - logsumexp{ z_c : all c }

    Exact at any confidence: the largest logit of each group is taken out before the exponential, so that a
    group whose probability underflows still has its right logarithm and gradient.

    Args:
        logits: Leaf logits z, shape (B, C, *S), floating point, dimensionless.
        leaf_to_group: Level map m, shape (C,), int64, values in [0, num_groups).
        num_groups: At least 1.

    Returns:
        Log-probabilities in nats, shape (B, num_groups, *S), on the device of `logits`; float16 and
        bfloat16 give float32. A group with no leaf gets -inf.

    Raises:
        TypeError: `logits` is no tensor.
        ValueError: Axis 1 of `logits` is not C, or they are of no floating-point type. The values of
            `leaf_to_group` are not checked: that would synchronise the device at every step.

    Example:
        >>> z = torch.tensor([[0.0, 0.0, 2.0, 0.0]])
        >>> marginal_log_probs(z, torch.tensor([0, 0, 1, 1]), 2).exp()
        tensor([[0.1925, 0.8075]])

    Source:
        Muller & Smith, VISAPP 2020, DOI 10.5220/0008946002600267, section 3.
    """
    z = as_leaf_logits(logits, len(leaf_to_group))
    return group_logsumexp(z, leaf_to_group, num_groups) - z.logsumexp(1, keepdim=True)


def as_leaf_logits(logits: Tensor, num_leaves: int) -> Tensor:
    """The logits of so many leaves, in a type with enough digits to sum in.

    Raises:
        TypeError: They are no tensor.
        ValueError: Axis 1 has another size, or they are of no floating-point type.
    """
    check_tensors(logits=logits)
    if logits.ndim < 2 or logits.shape[1] != num_leaves:
        raise ValueError(f"logits of shape {tuple(logits.shape)} have no axis 1 of {num_leaves} leaves")
    check_logits_type(logits)
    return in_float32(logits)


def group_logsumexp(values: Tensor, leaf_to_group: Tensor, num_groups: int) -> Tensor:
    """Logarithm of the summed exponentials of each group's leaves: (B, C, *S) to (B, num_groups, *S)."""
    shape = (values.shape[0], num_groups, *values.shape[2:])
    index = leaf_to_group.view(1, -1, *[1] * (values.ndim - 2)).expand_as(values)
    # The shift is a constant to autograd: it cancels in value and in gradient.
    peak = values.new_full(shape, -torch.inf).scatter_reduce(1, index, values.detach(), "amax")
    peak = peak.masked_fill(peak == -torch.inf, 0.0)
    total, shifted = values.new_zeros(shape), values - peak.gather(1, index)
    if exported():  # ONNX Runtime's threads overwrite each other's sums in what index_add becomes
        total = total.scatter_add(1, index, shifted.exp())
    else:
        total = total.index_add(1, leaf_to_group, shifted.exp())
    # the logarithm of 0, where all leaves of a group are masked, has no gradient, and must not make one of 0 * inf
    masked = total == 0
    return total.masked_fill(masked, 1.0).log() + peak.masked_fill(masked, -torch.inf)


def in_float32(logits: Tensor) -> Tensor:
    """The logits in a type with enough digits to sum in: half precisions become float32."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
