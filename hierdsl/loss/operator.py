"""The fused loss as an operator of torch, `torch.ops.hierdsl.cross_entropy`, and as an autograd function.

One pass over the logits gives the loss, the level losses and the gradient, so that backward only multiplies. As the
program runs, the autograd function holds that gradient alone and multiplies it in place, and knows the transforms of
`torch.func`; compiled and exported code uses the operator, whose formula changes nothing in place.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn import Parameter

from hierdsl.loss.eager import transforms_active
from hierdsl.loss.engines import engine_of
from hierdsl.loss.options import gradient_type

_library = torch.library.Library("hierdsl", "DEF")
_library.define(
    "cross_entropy(Tensor logits, Tensor target, str plan, Tensor[] shape, Tensor factors, Tensor weights, "
    "int ignore_index, str reduction, float label_smoothing, bool siblings, float focal_gamma, "
    "bool gradient, bool levels) -> (Tensor loss, Tensor level_losses, Tensor gradient)"
)

Outputs = tuple[Tensor, Tensor, Tensor]
_TOGETHER = 1 << 20  # numbers that are converted at a time


class Call(NamedTuple):
    """What one call of the operator is given beside logits and target; see `hierdsl.loss.cpu.engine.fused`."""

    plan: str
    shape: list[Tensor]
    factors: Tensor
    weights: Tensor
    ignore_index: int
    reduction: str
    label_smoothing: float
    siblings: bool
    focal_gamma: float


def fused(
    logits: Tensor, target: Tensor, call: Call, gradient: bool, levels: bool
) -> Tensor | tuple[Tensor, Tensor]:
    """The loss, or the loss and the level losses, which have no gradient.

    Args:
        logits: See `hierdsl.loss.hierarchical_cross_entropy`.
        target: See there.
        call: What else there is.
        gradient: Whether one will be needed.
        levels: Whether the level losses are asked for.
    """
    loss: Tensor
    level_losses: Tensor
    if torch.compiler.is_compiling() or type(logits) not in (Tensor, Parameter):
        loss, level_losses, _ = torch.ops.hierdsl.cross_entropy(logits, target, *call, gradient, levels)
    elif transforms_active():
        loss, level_losses, _ = _Transformed.apply(logits, target, call, gradient, levels)  # type: ignore[no-untyped-call]
    elif not gradient and unpack_dual(logits).tangent is None:  # autograd has nothing to do
        loss, level_losses, _ = _made(logits, target, *call, False, levels)
    else:
        found: Tensor | tuple[Tensor, Tensor] = _Fused.apply(logits, target, call, gradient, levels)  # type: ignore[no-untyped-call]
        return found
    return (loss, level_losses) if levels else loss


def _made(logits: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor | None]:
    made: tuple[Tensor, Tensor, Tensor | None] = engine_of("cuda" if logits.is_cuda else "cpu").fused(
        logits, *others
    )
    return made


def _operator(logits: Tensor, *others: Any) -> Outputs:
    loss, level_losses, slope = _made(logits, *others)
    return loss, level_losses, logits.new_empty(0) if slope is None else slope


class _Fused(torch.autograd.Function):
    """Keeps the gradient as its own, and makes it anew if it is asked for a second time."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, call: Call, gradient: bool, levels: bool
    ) -> Tensor | tuple[Tensor, Tensor]:
        loss, level_losses, slope = _made(logits, target, *call, gradient, levels)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(logits, target)
        ctx.call, ctx.slope = call, slope
        if not levels:  # torch takes its time with each output
            return loss
        ctx.mark_non_differentiable(level_losses)
        return loss, level_losses

    @staticmethod
    def backward(ctx: Any, by: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        if by is None:  # nothing comes back to the loss
            return (None,) * 5
        logits, target = ctx.saved_tensors
        slope, ctx.slope = ctx.slope, None
        if slope is None:
            slope = _made(logits, target, *ctx.call, True, False)[2]
        if torch.is_grad_enabled():  # with create_graph
            return (_Once.apply(slope, by, logits), None, None, None, None)  # type: ignore[no-untyped-call]
        return _scale(slope, by).to(logits.dtype), None, None, None, None

    @staticmethod
    def jvp(*_: Any) -> tuple[Tensor, ...]:
        raise RuntimeError(
            "the fused hierarchical loss cannot be differentiated in forward mode: pass engine='reference', which can"
        )

    @staticmethod
    def vmap(*_: Any) -> tuple[Any, Any]:
        raise RuntimeError(
            "torch.func.vmap does not go over the fused hierarchical loss: it takes batches by itself, axis 0 of the "
            "logits, with reduction='none' for one loss each; or pass engine='reference'"
        )


class _Transformed(_Fused):
    """The same in the form that `torch.func` can transform, which torch takes 0.1 ms longer to call."""

    @staticmethod
    def forward(  # type: ignore[override]
        logits: Tensor, target: Tensor, call: Call, gradient: bool, levels: bool
    ) -> Outputs:
        return _operator(logits, target, *call, gradient, levels)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
        _, level_losses, slope = output
        ctx.mark_non_differentiable(level_losses, slope)
        ctx.save_for_backward(inputs[0], slope)

    @staticmethod
    def backward(ctx: Any, by: Any, *_: Any) -> tuple[Tensor | None, ...]:
        logits, slope = ctx.saved_tensors
        return (_Once.apply(slope, by, logits), None, None, None, None)  # type: ignore[no-untyped-call]


class _Once(torch.autograd.Function):
    """Lets the gradient depend on the logits, so that a second derivative is refused and not taken for 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(slope: Tensor, by: Tensor, logits: Tensor) -> Tensor:
        return _scaled(slope, by, logits.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(*_: Any) -> tuple[Tensor, ...]:
        raise RuntimeError(
            "the fused hierarchical loss cannot be differentiated twice: pass engine='reference', which can"
        )


def _scale(slope: Tensor, by: Tensor) -> Tensor:
    """Multiply the gradient in place."""
    if by.ndim:
        by = by.unsqueeze(1)
        if slope.device.type != "cpu" or slope.dtype == by.dtype or not slope.numel():
            return slope.mul_(by)
        # of two types, the CPU multiplies number by number
        several = max(1, _TOGETHER // slope[0].numel())
        for part, factor in zip(slope.split(several), by.split(several), strict=True):
            part.copy_(part.to(by.dtype).mul_(factor))
        return slope
    if slope.device.type == "cuda":
        from hierdsl.loss.gpu.scale import scale_  # noqa: PLC0415 - see above

        return scale_(slope, by)
    return slope if by.item() == 1 else slope.mul_(by)


def _scaled(slope: Tensor, by: Tensor, dtype: torch.dtype) -> Tensor:
    return (slope * (by.unsqueeze(1) if by.ndim else by)).to(dtype)


def _fake(logits: Tensor, target: Tensor, *others: Any) -> Outputs:
    *given, gradient, _ = others
    call = Call(*given)
    real = logits.dtype if logits.dtype == torch.float64 else torch.float32
    loss = logits.new_empty(target.shape if call.reduction == "none" else (), dtype=real)
    kept = gradient_type(logits)
    slope = torch.empty_like(logits, dtype=kept) if gradient else logits.new_empty(0)
    return loss, logits.new_empty(call.factors.shape[:1], dtype=real), slope


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
    logits, (_, level_losses, slope) = inputs[0], output
    ctx.mark_non_differentiable(level_losses, slope)
    ctx.save_for_backward(slope)
    ctx.dtype, ctx.inputs, ctx.tables = logits.dtype, len(inputs), len(inputs[3])


def _backward(ctx: Any, by: Tensor, *_: Tensor) -> tuple[Any, ...]:
    (slope,) = ctx.saved_tensors
    tables = [None] * ctx.tables
    return (_scaled(slope, by, ctx.dtype), None, None, tables, *[None] * (ctx.inputs - 4))


for _device in ("CPU", "CUDA"):
    _library.impl("cross_entropy", _operator, _device)
torch.library.register_fake("hierdsl::cross_entropy", _fake, lib=_library)
torch.library.register_autograd("hierdsl::cross_entropy", _backward, setup_context=_keep, lib=_library)
torch.library.register_vmap("hierdsl::cross_entropy", _Fused.vmap, lib=_library)
