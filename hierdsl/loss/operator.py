"""The fused loss as an operator of torch, `torch.ops.hierdsl.cross_entropy`, and as an autograd function.

One pass over the logits gives the loss, the level losses and the gradient, so that backward only multiplies. In plain
eager code the autograd function holds that gradient alone and multiplies it in place; compiled, exported and transformed
code (`torch.compile`, `torch.func`) uses the operator, whose formula changes nothing in place.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter

_library = torch.library.Library("hierdsl", "DEF")
_library.define(
    "cross_entropy(Tensor logits, Tensor target, Tensor[] shape, Tensor factors, Tensor weights, "
    "int ignore_index, str reduction, float label_smoothing, bool siblings, float focal_gamma, "
    "bool gradient, bool levels) -> (Tensor loss, Tensor level_losses, Tensor gradient)"
)
_library.define("scaled(Tensor gradient, Tensor by) -> Tensor")

Outputs = tuple[Tensor, Tensor, Tensor]


class Call(NamedTuple):
    """What one call of the operator is given beside logits and target; see `hierdsl.loss.cpu.engine.fused`."""

    shape: list[Tensor]
    factors: Tensor
    weights: Tensor
    ignore_index: int
    reduction: str
    label_smoothing: float
    siblings: bool
    focal_gamma: float
    gradient: bool
    levels: bool


def fused(logits: Tensor, target: Tensor, call: Call) -> tuple[Tensor, Tensor]:
    """The loss and the level losses, which are zeros where they are not asked for and have no gradient."""
    plain = type(logits) in (Tensor, Parameter) and not torch.compiler.is_compiling()
    if plain and not _transforms_active():
        found: tuple[Tensor, Tensor] = _Fused.apply(logits, target, call)
        return found
    loss, level_losses, _ = torch.ops.hierdsl.cross_entropy(logits, target, *call)
    return loss, level_losses


def _transforms_active() -> bool:
    """Whether `torch.func` is at work, which the autograd function is not made for."""
    asked = getattr(torch._C, "_are_functorch_transforms_active", None)  # noqa: SLF001 - torch itself asks so
    return asked is not None and bool(asked())


def _made(logits: Tensor, target: Tensor, call: Call) -> Outputs:
    if logits.device.type == "cuda":
        from hierdsl.loss.gpu.engine import fused as engine  # noqa: PLC0415 - Triton is loaded at the first loss
    else:
        from hierdsl.loss.cpu.engine import fused as engine  # noqa: PLC0415 - and so is Numba
    loss, level_losses, slope = engine(logits, target, *call)
    return loss, level_losses, logits.new_empty(0) if slope is None else slope


class _Fused(torch.autograd.Function):
    """Keeps the gradient as its own, and makes it anew if it is asked for a second time."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, call: Call) -> tuple[Tensor, Tensor]:
        call = call._replace(gradient=ctx.needs_input_grad[0])
        loss, level_losses, slope = _made(logits, target, call)
        ctx.mark_non_differentiable(level_losses)
        if call.gradient:
            ctx.save_for_backward(logits, target)
            ctx.call, ctx.slope = call, slope
        return loss, level_losses

    @staticmethod
    def backward(ctx: Any, by: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        logits, target = ctx.saved_tensors
        slope, ctx.slope = ctx.slope, None
        if slope is None:
            slope = _made(logits, target, ctx.call)[2]
        if torch.is_grad_enabled():  # with create_graph: a second derivative is refused when it is asked for
            return torch.ops.hierdsl.scaled(slope, by), None, None
        return _scale(slope, by), None, None


def _scale(slope: Tensor, by: Tensor) -> Tensor:
    """Multiply the gradient in place."""
    if by.ndim:
        return slope.mul_(by.unsqueeze(1))
    if slope.device.type == "cuda":
        from hierdsl.loss.gpu.scale import scale_  # noqa: PLC0415 - see above

        return scale_(slope, by)
    return slope if by.item() == 1 else slope.mul_(by)


def _operator(logits: Tensor, target: Tensor, *call: Any) -> Outputs:
    return _made(logits, target, Call(*call))


def _fake(logits: Tensor, target: Tensor, *call: Any) -> Outputs:
    options = Call(*call)
    real = logits.dtype if logits.dtype == torch.float64 else torch.float32
    loss = logits.new_empty(target.shape if options.reduction == "none" else (), dtype=real)
    slope = torch.empty_like(logits) if options.gradient else logits.new_empty(0)
    return loss, logits.new_empty(options.factors.shape[:1], dtype=real), slope


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
    _, level_losses, slope = output
    ctx.mark_non_differentiable(level_losses, slope)
    ctx.save_for_backward(slope)
    ctx.tables = len(inputs[2])


def _backward(ctx: Any, by: Tensor, *_: Tensor) -> tuple[Any, ...]:
    (slope,) = ctx.saved_tensors
    return (torch.ops.hierdsl.scaled(slope, by), None, [None] * ctx.tables, *[None] * (len(Call._fields) - 1))


def _scaled(gradient: Tensor, by: Tensor) -> Tensor:
    return gradient * (by.unsqueeze(1) if by.ndim else by).to(gradient.dtype)


def _not_twice(ctx: Any, by: Tensor) -> tuple[Tensor, ...]:
    raise RuntimeError(
        "the fused hierarchical loss cannot be differentiated twice: pass engine='reference', which can"
    )


def _not_over_batches(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
    raise RuntimeError(
        "torch.func.vmap does not go over the fused hierarchical loss: it takes batches by itself, axis 0 of the "
        "logits, with reduction='none' for one loss each; or pass engine='reference'"
    )


for _device in ("CPU", "CUDA"):
    _library.impl("cross_entropy", _operator, _device)
_library.impl("scaled", _scaled, "CompositeExplicitAutograd")
torch.library.register_fake("hierdsl::cross_entropy", _fake, lib=_library)
torch.library.register_fake("hierdsl::scaled", lambda gradient, by: torch.empty_like(gradient), lib=_library)
torch.library.register_autograd("hierdsl::cross_entropy", _backward, setup_context=_keep, lib=_library)
torch.library.register_autograd("hierdsl::scaled", _not_twice, lib=_library)
torch.library.register_vmap("hierdsl::cross_entropy", _not_over_batches, lib=_library)
