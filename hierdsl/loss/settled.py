"""What the arguments of a loss come to, but for logits and target: checked and computed once for those that stay.

Numbers that Python can look at without waiting for a device are told apart by what they are, and not by which tensor
holds them: a tensor can change.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss.eager import has_derivative, is_eager, recorded, transforms_active, untransformed
from hierdsl.loss.engines import against
from hierdsl.loss.operator import Call
from hierdsl.loss.options import (
    Engine,
    Options,
    Reduction,
    Smoothing,
    as_leaf_weights,
    check_engine,
    factors_of,
    node_weights,
)
from hierdsl.loss.tables import LossTables, tables_on
from hierdsl.weighting import Weighting

_MOST = 1 << 16  # bytes that are compared sooner than computed with
_SEVERAL = 64  # numbers of a list, likewise
_KINDS, _PLAIN = {torch.float32, torch.float64, torch.int64}, {int, float}
_ANY = object()


Numbers = tuple[Tensor | Sequence[float] | None, Weighting | Tensor | None, Tensor | Sequence[float] | None]
"""The arguments `level_weights`, `weighting` and `weight`."""


class Settled(NamedTuple):
    """What the arguments come to; `call` is None for plain PyTorch."""

    tables: LossTables
    options: Options
    factors: Tensor
    leaf_weights: Tensor | None
    call: Call | None


def settled(
    compiled: CompiledHierarchy,
    device: torch.device,
    dtype: torch.dtype,
    numbers: Numbers,
    *options: Any,
) -> Settled:
    """Check the arguments of `hierarchical_cross_entropy`, and compute with them.

    Args:
        compiled: See there.
        device: Of the logits.
        dtype: Of the logits.
        numbers: See there.
        *options: Those from `ignore_index` to `engine`, but for `return_levels`: see there.

    Raises:
        ValueError: As there.
        TypeError: As there.
        RuntimeError: As there.
    """
    if _may_keep(device):
        values = tuple([None if one is None else _by_value(one) for one in numbers])
        if _ANY not in values:
            try:
                return _settled_once(compiled, device, dtype, values, *options)
            except TypeError:  # of what cannot be kept, as a list for a number, the same says what is wrong
                pass
    return _settled(compiled, device, dtype, numbers, *options)


def _may_keep(device: torch.device) -> bool:
    """Whether what is computed now is good for later calls, too.

    Not where torch only records or transforms it: numbers are not looked at there, and wrong ones not refused.
    """
    if torch.compiler.is_compiling() or is_in_torch_dispatch_mode() or transforms_active():
        return False
    if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        return False
    return not recorded()


class _Values(NamedTuple):
    """Those of a tensor on the CPU."""

    numbers: bytes
    dtype: torch.dtype
    shape: torch.Size


class _List(NamedTuple):
    """A short list of numbers: 1 and 1.0 are equal, and become tensors of two types."""

    numbers: tuple[float, ...]
    types: tuple[type, ...]
    kind: type
    dtype: torch.dtype


def _by_value(given: Any) -> Any:
    """What is equal where the same is computed, and can be kept; `_ANY` if there is no such thing."""
    if isinstance(given, Weighting):
        return given
    if isinstance(given, Tensor):
        plain = is_eager(given) and given.is_cpu and given.layout == torch.strided
        if plain and given.dtype in _KINDS and 0 < given.nbytes <= _MOST and not has_derivative(given):
            return _Values(given.numpy(force=True).tobytes(), given.dtype, given.shape)
    elif type(given) in (list, tuple) and len(given) <= _SEVERAL:
        types = tuple(map(type, given))
        if _PLAIN.issuperset(types):
            return _List(tuple(given), types, type(given), torch.get_default_dtype())
    return _ANY


def _as_given(value: Any) -> Any:
    """The inverse."""
    if isinstance(value, _Values):
        return torch.frombuffer(bytearray(value.numbers), dtype=value.dtype).view(value.shape)
    return value.kind(value.numbers) if isinstance(value, _List) else value


@lru_cache(maxsize=16, typed=True)  # 255.0 is refused, though it equals 255
def _settled_once(
    compiled: CompiledHierarchy, device: torch.device, dtype: torch.dtype, values: Any, *options: Any
) -> Settled:
    """The same, kept."""
    with untransformed():
        found = _settled(compiled, device, dtype, tuple(map(_as_given, values)), *options)
    if device.type == "cuda":  # a later call may be on another stream
        torch.cuda.current_stream(device).synchronize()
    return found


def _settled(
    compiled: CompiledHierarchy,
    device: torch.device,
    dtype: torch.dtype,
    numbers: Numbers,
    ignore_index: int,
    reduction: Reduction,
    label_smoothing: float,
    smoothing: Smoothing,
    focal_gamma: float,
    engine: Engine,
) -> Settled:
    level_weights, weighting, weight = numbers
    tables = tables_on(compiled, device)
    options = Options(ignore_index, reduction, label_smoothing, smoothing, focal_gamma)
    check_engine(engine)
    factors = factors_of(level_weights, weighting, tables)
    leaf_weights = as_leaf_weights(weight, tables)
    why_not = against(device.type, dtype)
    if why_not is None and any(isinstance(one, Tensor) and has_derivative(one) for one in numbers):
        why_not = "it has no gradient for weights"
    if why_not is None and recorded():
        why_not = "torch.jit.trace does not record it; torch.export does"
    if engine == "fused" and why_not:
        raise RuntimeError(f"the fused loss cannot be used: {why_not}")
    call = None
    if engine != "reference" and not why_not:
        call = Call(
            tables.plan,
            tables.shape,
            factors,
            node_weights(tables, leaf_weights),
            ignore_index,
            reduction,
            label_smoothing,
            smoothing == "siblings",
            focal_gamma,
        )
    return Settled(tables, options, factors, leaf_weights, call)
