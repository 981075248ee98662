"""The options of the loss, and what is said where they do not fit."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from hierdsl.loss.eager import is_eager
from hierdsl.loss.tables import LossTables, factors_on
from hierdsl.weighting import Weighting

Reduction = Literal["mean", "sum", "none"]
Smoothing = Literal["uniform", "siblings"]
Engine = Literal["auto", "fused", "reference"]
_INTEGERS = (int, np.integer, torch.SymInt)
_NUMBERS = (*_INTEGERS, float, np.floating, torch.SymFloat)
_LEAST = -(1 << 63)
_REDUCTIONS, _SMOOTHINGS, _ENGINES = get_args(Reduction), get_args(Smoothing), get_args(Engine)


@dataclass(frozen=True)
class Options:
    """The options that are plain values: see `hierarchical_cross_entropy`."""

    ignore_index: int
    reduction: Reduction
    label_smoothing: float
    smoothing: Smoothing
    focal_gamma: float

    def __post_init__(self) -> None:
        ignored: object = self.ignore_index
        if isinstance(ignored, bool) or not isinstance(ignored, _INTEGERS):
            raise TypeError(
                f"ignore_index is an integer, not {self.ignore_index!r}; one that no target has, to ignore none"
            )
        if not _LEAST <= self.ignore_index <= -1 - _LEAST:
            raise ValueError(f"ignore_index is an integer of 64 bits, not {self.ignore_index}")
        for name in ("label_smoothing", "focal_gamma"):
            if not isinstance(value := getattr(self, name), _NUMBERS):
                raise TypeError(f"{name} is a number, not {value!r}")
        if self.reduction not in _REDUCTIONS:
            raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {self.reduction!r}")
        if not 0 <= self.label_smoothing <= 1:
            raise ValueError(f"label_smoothing is between 0 and 1, not {self.label_smoothing}")
        if self.smoothing not in _SMOOTHINGS:
            raise ValueError(f"smoothing is 'uniform' or 'siblings', not {self.smoothing!r}")
        if not 0 <= self.focal_gamma <= sys.float_info.max:
            raise ValueError(f"focal_gamma is 0 or more, not {self.focal_gamma}")


def check_tensors(**given: object) -> None:
    """Refuse what is no tensor: an array of NumPy, say.

    Raises:
        TypeError: One is none; the message names it, and says how to make one.
    """
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} is a torch.Tensor, not {type(value).__name__}: torch.as_tensor({name}) makes one"
            )


def check_shapes(logits: Tensor, target: Tensor, tables: LossTables) -> None:
    """Refuse logits and targets that do not belong together or to the hierarchy.

    Raises:
        ValueError: They do not.
    """
    if logits.ndim < 2 or logits.shape[1] != tables.num_leaves:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)}: "
            f"axis 1 must have the {tables.num_leaves} leaves of the hierarchy"
        )
    expected = (logits.shape[0], *logits.shape[2:])
    if target.shape != expected:
        raise ValueError(f"target of shape {tuple(target.shape)}; these logits need {expected}")
    check_types(logits, target)


def check_types(logits: Tensor, target: Tensor) -> None:
    """Refuse logits and targets of a wrong type, or on two devices.

    Raises:
        ValueError: They are.
    """
    check_logits_type(logits)
    check_target_type(target)
    if logits.device != target.device:
        raise ValueError(f"logits and target are on {logits.device} and {target.device}: move one")


def check_logits_type(logits: Tensor) -> None:
    """Refuse logits that are whole or complex numbers.

    Raises:
        ValueError: They are.
    """
    if not logits.is_floating_point():
        raise ValueError(f"logits are of a floating-point type, not {logits.dtype}")


def check_engine(engine: str) -> None:
    """Refuse an engine that there is not.

    Raises:
        ValueError: It is none.
    """
    if engine not in _ENGINES:
        raise ValueError(f"engine is 'auto', 'fused' or 'reference', not {engine!r}")


def check_target_type(target: Tensor) -> None:
    """Refuse targets that are no integers.

    Raises:
        ValueError: They are not.
    """
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise ValueError(f"target holds node indices, an integer type, not {target.dtype}")


def gradient_type(logits: Tensor) -> torch.dtype:
    """The type that a gradient is kept in until it is scaled: no scale brings back what float16 cannot hold."""
    return torch.float32 if logits.dtype == torch.float16 else logits.dtype


def no_node(wrong: int, nodes: int, ignore_index: int, values: list[int]) -> str:
    """What is said of targets that are no nodes."""
    return (
        f"target holds {wrong} values that are no node index (0 to {nodes - 1}) "
        f"and not ignore_index {ignore_index}: {values}; encode raw ids with a label map first"
    )


def as_level_weights(level_weights: Tensor | Sequence[float] | None, tables: LossTables) -> Tensor:
    """Level weights as a tensor of shape (D,), the hierarchy's own for None.

    Raises:
        ValueError: There is not one for each level, or one is not finite.
    """
    if level_weights is None:
        return tables.level_weights
    if isinstance(level_weights, str):
        raise ValueError(
            "level_weights are numbers: a preset is a weighting, "
            f"weighting=hierdsl.weighting.parse({level_weights!r}, compiled)"
        )
    factors = _as_tensor("level_weights", level_weights)
    if factors.shape != (tables.num_levels,):
        raise ValueError(
            f"level_weights has shape {tuple(factors.shape)}; the hierarchy has {tables.num_levels} levels"
        )
    _check_numbers("level_weights", factors, -math.inf, "finite")
    return factors.to(tables.group.device)


def as_factors(weighting: Weighting | Tensor, tables: LossTables) -> Tensor:
    """The factors of a weighting as a tensor of shape (D, V).

    Raises:
        ValueError: They are of another shape, or neither, or one is not finite.
    """
    if isinstance(weighting, str):
        raise ValueError(
            f"a weighting by text is made once: hierdsl.weighting.parse({weighting!r}, compiled)"
        )
    if not isinstance(weighting, Weighting | Tensor):
        raise ValueError(
            f"weighting is one of hierdsl.weighting or a tensor of factors, not {type(weighting).__name__}"
        )
    device = tables.group.device
    factors = factors_on(weighting, device) if isinstance(weighting, Weighting) else weighting.to(device)
    if factors.shape != tables.group.shape:
        raise ValueError(
            f"weighting has factors of shape {tuple(factors.shape)}; "
            f"the hierarchy has {tables.num_levels} levels and {tables.num_nodes} nodes"
        )
    if isinstance(weighting, Tensor):
        _check_numbers("weighting", _as_tensor("weighting", weighting), -math.inf, "finite")
    return factors


def factors_of(
    level_weights: Tensor | Sequence[float] | None, weighting: Weighting | Tensor | None, tables: LossTables
) -> Tensor:
    """The factors of -log p, (D, V) float64, of whichever of the two is given, or of the hierarchy's level weights.

    Raises:
        ValueError: Both are given, or one does not fit.
    """
    if weighting is not None and level_weights is not None:
        raise ValueError("level_weights and weighting exclude each other: give one of them")
    if weighting is not None:
        return as_factors(weighting, tables).double()
    if level_weights is None:
        return tables.factors
    return tables.in_cut * as_level_weights(level_weights, tables).double().unsqueeze(1)


def as_leaf_weights(weight: Tensor | Sequence[float] | None, tables: LossTables) -> Tensor | None:
    """Leaf weights as a float64 tensor of shape (C,), the hierarchy's own for None; None where all are 1.

    Raises:
        ValueError: There is not one for each leaf, or one is negative or not finite.
    """
    if weight is None:
        return None if tables.uniform else tables.leaf_weights
    factors = _as_tensor("weight", weight).double()
    if factors.shape != (tables.num_leaves,):
        raise ValueError(
            f"weight has shape {tuple(factors.shape)}; the hierarchy has {tables.num_leaves} leaves"
        )
    _check_numbers("weight", factors, 0, "finite, and 0 or more")
    return factors.to(tables.group.device)


def _as_tensor(name: str, numbers: Tensor | Sequence[float]) -> Tensor:
    """Where it is, or, of what is no tensor, one that can be looked at.

    Raises:
        TypeError: They are no numbers.
        ValueError: They are complex.
    """
    if not isinstance(numbers, Tensor):
        try:
            numbers = torch.as_tensor(numbers, device="cpu")
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"{name} is a tensor or a list of numbers, not {numbers!r}") from error
    if numbers.is_complex():
        raise ValueError(f"{name} is of real numbers, not {numbers.dtype}")
    return numbers


def _check_numbers(name: str, numbers: Tensor, least: float, what: str) -> None:
    """Refuse a number that is not finite or too small, where looking waits for no device and ends no trace.

    Raises:
        ValueError: There is one; the message gives the first and its place.
    """
    if not (numbers.is_cpu and is_eager(numbers)):
        return
    low, high = (bound.item() for bound in numbers.detach().aminmax())
    if not (least <= low and -math.inf < low <= high < math.inf):
        wrong = ~(numbers.isfinite() & (numbers >= least))
        place = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(f"{name}[{', '.join(map(str, place))}] is {numbers[place].item()}: all are {what}")


def node_weights(tables: LossTables, leaf_weights: Tensor | None) -> Tensor:
    """A weight for each node, (V,): a leaf's own, else the mean of its leaves'; None for those of the hierarchy.

    In three operations, whatever the depth, summed in the same order each time.
    """
    if leaf_weights is None or leaf_weights is tables.leaf_weights:
        return tables.node_weights
    if not tables.below.numel():
        return leaf_weights
    # unsafe: where each begins is known to be right, and to look would be to wait for the device
    means = torch.segment_reduce(leaf_weights[tables.below], "mean", offsets=tables.below_from, unsafe=True)
    return torch.cat([leaf_weights, means])
