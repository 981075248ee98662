"""The loss of a batch in tiles, for what makes its logits itself and never has all of them.

A mean divides by what is counted over the whole batch, so that is done first; then any tile of pixels gives its part
of the loss and of the gradient. The gradient of what the logits are made of is summed in the forward pass, where a
tile is at hand, and backward only multiplies it.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

import torch
from torch import Tensor

from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss.eager import has_derivative
from hierdsl.loss.engines import against, engine_of
from hierdsl.loss.fallback import ReferenceRun
from hierdsl.loss.marginal import in_float32
from hierdsl.loss.options import (
    Options,
    as_leaf_weights,
    factors_of,
    node_weights,
)
from hierdsl.loss.tables import tables_on
from hierdsl.weighting import Weighting

# Logits of one tile, least and most. With their gradient the most fill the last cache of a CPU, and a GPU's units;
# less costs waiting, as each of some ten operations on a tile ends when the last thread does.
_VALUES = {"cpu": (1 << 19, 1 << 22)}
_VALUES_ELSEWHERE = (1 << 20, 1 << 26)


class Prepared(Protocol):
    """A batch whose targets are counted: what an engine offers to be used in tiles.

    The module of an engine has a function `prepare(target, real, plan, shape, factors, weights, ignore_index,
    reduction, label_smoothing, siblings, focal_gamma, levels)`, which gives one of these: `target` is all of the
    batch's, `real` the type that is computed in, and the others are those of `hierdsl.loss.cpu.engine.fused`, which
    is itself a `prepare` and one tile of everything. Tiles may be run in any order, and share no state but what was
    counted.

    Attributes:
        by_rows: Whether a tile is wanted as (M, C), one row a pixel, and not as (1, C, M), where one can choose.
    """

    @property
    def by_rows(self) -> bool:
        """See above."""

    def tile(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Tensor:
        """Work through some pixels of the batch.

        Args:
            logits: (M, C) or (B, C, M), contiguous, of the type `real`.
            target: (M,) or (B, M), contiguous.
            gradient: To write, as the logits: that of the loss, or, for the reduction none, of the summed losses.
            losses: To write, as the target, for the reduction none.

        Returns:
            The part of these pixels in the loss and in each level's loss, (1 + D,), float64, on their device. Added
            up over all tiles they are those of the batch.
        """


class Tile(NamedTuple):
    """The images from `n` to before `n_end` and their pixels, or rows of pixels, from `at` to before `end`."""

    n: int
    n_end: int
    at: int
    end: int


def values_of_tile(device: torch.device, total: int, image: int = 0) -> int:
    """How many logits a tile has, of so many in all: an eighth, within bounds.

    Args:
        device: Where they would be.
        total: Of the batch.
        image: Of one image, where several in a tile would have to be copied: it is enough, if within the bounds.
    """
    least, most = _VALUES.get(device.type, _VALUES_ELSEWHERE)
    values = min(most, max(least, total // 8))
    return image if least <= image < values else values


def tiles(images: int, length: int, most: int) -> list[Tile]:
    """Tiles of up to `most` items of images of `length`: whole images, or a part of one."""
    if length == 0 or images == 0:
        return []
    if length <= most:
        step = most // length
        return [Tile(n, min(images, n + step), 0, length) for n in range(0, images, step)]
    return [
        Tile(n, n + 1, at, min(length, at + most)) for n in range(images) for at in range(0, length, most)
    ]


def prepare(
    target: Tensor,
    real: torch.dtype,
    compiled: CompiledHierarchy,
    options: Options,
    level_weights: Tensor | Sequence[float] | None,
    weighting: Weighting | Tensor | None,
    weight: Tensor | Sequence[float] | None,
    levels: bool,
) -> Prepared:
    """Check the options and count the targets, with the fused engine of the device or, without one, in plain PyTorch.

    Raises:
        ValueError: An option does not fit, or wants a gradient; on the CPU also a target that is no node.
    """
    tables = tables_on(compiled, target.device)
    factors = factors_of(level_weights, weighting, tables)
    leaf_weights = as_leaf_weights(weight, tables)
    for name, constant in (("level_weights or weighting", factors), ("weight", leaf_weights)):
        if constant is not None and has_derivative(constant):
            raise ValueError(
                f"{name} has no gradient here: detach it, or make the logits and use "
                "hierarchical_cross_entropy with engine='reference'"
            )
    if against(target.device.type, real):
        return ReferenceRun(target, real, tables, factors, leaf_weights, options, levels)
    weights = node_weights(tables, leaf_weights)
    found: Prepared = engine_of(target.device.type).prepare(
        target,
        real,
        tables.plan,
        tables.shape,
        factors,
        weights,
        options.ignore_index,
        options.reduction,
        options.label_smoothing,
        options.smoothing == "siblings",
        options.focal_gamma,
        levels,
    )
    return found


def real_type(dtype: torch.dtype) -> torch.dtype:
    """What the loss of logits of a type is computed in."""
    return in_float32(torch.empty(0, dtype=dtype)).dtype


def scale_against_underflow(dtype: torch.dtype, reduction: str, pixels: int) -> float:
    """What gradients are held at, a power of two, until backward knows what they are multiplied by.

    Divided by the pixels of a batch they are too small for float16, whatever the loss is scaled by afterwards.
    """
    if dtype != torch.float16 or reduction != "mean":
        return 1.0
    return 2.0 ** max(
        0, pixels.bit_length() - 7
    )  # at most 1/64 a pixel, so that sums of many do not overflow


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def uncompiled(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Have `torch.compile` call a function as it is: a loop over tiles is not for it.

    `torch.compiler.disable` does that too, but loads the compiler, seconds, for everybody.
    """
    outside = torch._disable_dynamo(function)  # type: ignore[attr-defined]  # noqa: SLF001 - waits for a call

    @wraps(function)
    def called(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        if torch.compiler.is_compiling():
            found: _Result = outside(*args, **kwargs)
            return found
        return function(*args, **kwargs)

    return called


class Passed(NamedTuple):
    """What a pass over all tiles gives.

    Attributes:
        loss: The loss, or one of each pixel.
        level_losses: (D,).
        gradients: Of the inputs, times `scale`; None where not wanted.
        scale: A power of two, which keeps gradients in half types from underflow.
    """

    loss: Tensor
    level_losses: Tensor
    gradients: tuple[Tensor | None, ...]
    scale: float


Pass = Callable[[tuple[Tensor | None, ...], Tensor, tuple[bool, ...], Tensor | None], Passed]
"""A pass over all tiles, of the inputs, the target, which gradients are wanted, and what the gradient of each pixel's
loss is multiplied by (for the reduction none)."""


def in_tiles(run: Pass, target: Tensor, reduction: str, *inputs: Tensor | None) -> tuple[Tensor, Tensor]:
    """The loss and the level losses, with a gradient for the inputs."""
    found: tuple[Tensor, Tensor] = _InTiles.apply(  # type: ignore[no-untyped-call]
        run, target, reduction == "none", torch.is_grad_enabled(), *inputs
    )
    return found


class _InTiles(torch.autograd.Function):
    """Keeps the gradients as its own, and makes them anew if they are asked for a second time.

    With a loss for each pixel they depend on what backward brings, and are made there.
    """

    @staticmethod
    def forward(
        ctx: Any, run: Pass, target: Tensor, each: bool, gradients: bool, *inputs: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        wanted = tuple(gradients and need for need in ctx.needs_input_grad[4:])
        now = (False,) * len(wanted) if each else wanted
        made = _passed(run, inputs, target, now, None)
        ctx.mark_non_differentiable(made.level_losses)
        if any(wanted):
            ctx.save_for_backward(target, *inputs)
            ctx.run, ctx.wanted, ctx.each = run, wanted, each
            ctx.held = None if each else (made.gradients, made.scale)
        return made.loss, made.level_losses

    @staticmethod
    def backward(ctx: Any, by: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        target, *inputs = ctx.saved_tensors
        held, ctx.held = ctx.held, None
        with torch.no_grad():
            if held is None:
                made = _passed(ctx.run, tuple(inputs), target, ctx.wanted, by if ctx.each else None)
                held = made.gradients, made.scale
            gradients = [
                None if held_one is None else _scaled(held_one, by, held[1], ctx.each, one.dtype)
                for held_one, one in zip(held[0], inputs, strict=True)
            ]
        if torch.is_grad_enabled():  # with create_graph: a second derivative is refused when it is asked for
            gradients = list(
                _NotTwice.apply(len(gradients), *gradients, by, *inputs)  # type: ignore[no-untyped-call]
            )
        return (None, None, None, None, *gradients)


def _passed(
    run: Pass,
    inputs: tuple[Tensor | None, ...],
    target: Tensor,
    wanted: tuple[bool, ...],
    by: Tensor | None,
) -> Passed:
    # the types of the products are chosen already
    with torch.autocast(target.device.type, enabled=False):
        return run(inputs, target, wanted, by)


def _scaled(gradient: Tensor, by: Tensor, scale: float, each: bool, dtype: torch.dtype) -> Tensor:
    """Multiply a gradient in place, and give it in the type of its input."""
    factor = torch.ones((), dtype=by.dtype, device=by.device) if each else by
    if scale != 1:
        factor = factor / scale
    if factor.device.type != "cpu" or factor.item() != 1:
        gradient = gradient.mul_(factor)
    return gradient.to(dtype)


class _NotTwice(torch.autograd.Function):
    """Hands gradients on, and refuses to be differentiated by what they depend on."""

    @staticmethod
    def forward(_: Any, count: int, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(None if tensor is None else tensor.view_as(tensor) for tensor in tensors[:count])

    @staticmethod
    def backward(_: Any, *__: Tensor) -> tuple[Tensor, ...]:
        raise RuntimeError(
            "the hierarchical loss in tiles cannot be differentiated twice: make the logits and pass them to "
            "hierarchical_cross_entropy with engine='reference', which can"
        )
