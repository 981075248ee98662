"""The hierarchical cross-entropy of logits at a lower resolution than the target: they are enlarged in bands.

Bilinear interpolation with `align_corners=False` goes along one axis after the other. For a band of rows of the
target

    v = A z        rows: each is a mean of two rows of the small logits z
    u = v B^T      columns, likewise
    dloss/dv = dloss/du B,   dloss/dz += A^T dloss/dv

and u, the enlarged logits, exist for that band alone.
"""

from collections.abc import Sequence
from typing import Literal, overload

import torch
from torch import Tensor

from hierdsl.compiler import IGNORE_INDEX, CompiledHierarchy, check_compiled
from hierdsl.loss.engines import enlarged_on
from hierdsl.loss.options import Options, Reduction, Smoothing, check_tensors, check_types
from hierdsl.loss.tiled import (
    Passed,
    Prepared,
    in_tiles,
    prepare,
    real_type,
    scale_against_underflow,
    tiles,
    uncompiled,
    values_of_tile,
)
from hierdsl.weighting import Weighting


@overload
def hierarchical_upsampled_cross_entropy(
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
) -> Tensor: ...


@overload
def hierarchical_upsampled_cross_entropy(
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
) -> tuple[Tensor, Tensor]: ...


@uncompiled
def hierarchical_upsampled_cross_entropy(
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
) -> Tensor | tuple[Tensor, Tensor]:
    """The hierarchical cross-entropy of logits that are enlarged to the size of the target, a band at a time.

    The same number, and the same gradient, as `hierarchical_cross_entropy` of
    `F.interpolate(logits, target.shape[1:], mode="bilinear", align_corners=False)`, whose memory it does without.
    With the reduction "none" the gradient is made in backward, where the logits are enlarged again.

    Args:
        logits: Leaf logits, shape (N, C, h, w), floating point, of any size: h and w may be larger too, and then rows
            and columns are left out as `F.interpolate` does without antialiasing.
        target: Node indices, shape (N, H, W), an integer type, in [0, V) or `ignore_index`.
        compiled: The hierarchy.
        level_weights: As for `hierarchical_cross_entropy`, and so are the others.
        weighting: See there.
        weight: See there.
        ignore_index: See there.
        reduction: See there.
        label_smoothing: See there.
        smoothing: See there.
        focal_gamma: See there.
        return_levels: Give the level losses too, without gradient; see there.

    Returns:
        The loss in nats: a scalar, or shape (N, H, W) for "none"; float32 for float16 and bfloat16 logits, which are
        interpolated in float32, else of their type. With `return_levels` also the level losses, (D,).

    Raises:
        ValueError: Shapes, types, devices or an option do not fit; level weights, weighting or leaf weights want a
            gradient; on the CPU also a target that is no node.
        TypeError: The hierarchy is not compiled, or what is to be a tensor or a number is none.
        RuntimeError: It is differentiated twice.

    Example:
        >>> import hierdsl
        >>> faces = hierdsl.compile_hierarchy(hierdsl.load("helen"))
        >>> logits = torch.zeros(1, 11, 4, 4, requires_grad=True)
        >>> loss = hierarchical_upsampled_cross_entropy(logits, torch.ones(1, 16, 16, dtype=torch.long), faces)
        >>> loss.backward()
        >>> round(loss.item(), 3), logits.grad.shape  # log(11/10) + log(11) + 2 * log(11)
        (7.289, torch.Size([1, 11, 4, 4]))

    Source:
        The loss: Muller & Smith, VISAPP 2020, DOI 10.5220/0008946002600267, section 3. The interpolation: that of
        `torch.nn.functional.interpolate`.
    """
    check_compiled(compiled)
    check_tensors(logits=logits, target=target)
    options = Options(ignore_index, reduction, label_smoothing, smoothing, focal_gamma)
    _check(logits, target, compiled)
    real = real_type(logits.dtype)
    prepared = prepare(target, real, compiled, options, level_weights, weighting, weight, return_levels)

    def run(
        inputs: tuple[Tensor | None, ...],
        target: Tensor,
        wanted: tuple[bool, ...],
        by: Tensor | None,
    ) -> Passed:
        (small,) = inputs
        assert small is not None  # noqa: S101 - for the type checker
        return _pass(prepared, small.detach(), target, options, compiled.num_levels, wanted[0], by)

    loss, level_losses = in_tiles(run, target, reduction, logits)
    return (loss, level_losses) if return_levels else loss


def _check(logits: Tensor, target: Tensor, compiled: CompiledHierarchy) -> None:
    """Refuse logits and targets that do not belong together or to the hierarchy.

    Raises:
        ValueError: They do not.
    """
    leaves = compiled.num_leaves
    if logits.ndim != 4 or logits.shape[1] != leaves:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)}: they need the {leaves} leaves of the hierarchy as axis 1 and "
            f"two axes of an image, (N, {leaves}, h, w)"
        )
    if target.ndim != 3 or len(target) != len(logits):
        raise ValueError(
            f"target of shape {tuple(target.shape)} and logits of shape {tuple(logits.shape)}: "
            f"the target needs as many images, ({len(logits)}, H, W)"
        )
    if target.numel() and not logits.numel():
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} cannot be enlarged to a target of shape {tuple(target.shape)}: "
            "they are empty"
        )
    check_types(logits, target)


def _pass(
    prepared: Prepared,
    logits: Tensor,
    target: Tensor,
    options: Options,
    levels: int,
    wanted: bool,
    by: Tensor | None,
) -> Passed:
    """Loss and gradient in one go over the bands.

    Args:
        prepared: The batch.
        logits: (N, C, h, w).
        target: (N, H, W).
        options: The reduction among them.
        levels: D.
        wanted: Whether the gradient is.
        by: Factors of the gradient of each pixel, (N, H, W), or None.
    """
    images, rows, columns = target.shape
    leaves = logits.shape[1]
    real = real_type(logits.dtype)
    y = target.contiguous()
    losses = torch.empty_like(y, dtype=real) if options.reduction == "none" else None
    sums = torch.zeros(1 + levels, dtype=torch.float64, device=logits.device)
    scale = scale_against_underflow(logits.dtype, options.reduction, target.numel())
    values = values_of_tile(logits.device, target.numel() * leaves)
    most = max(1, values // max(1, leaves * columns))
    bands = tiles(images, rows, most) if target.numel() else []
    most = max((leaves * columns * (b.n_end - b.n) * (b.end - b.at) for b in bands), default=0)
    enlarged = enlarged_on(logits.device.type, real)(logits, (rows, columns), most, real, wanted=wanted)
    slope = logits.new_empty(most, dtype=real) if wanted else None
    for band in bands:
        n, at = slice(band.n, band.n_end), slice(band.at, band.end)
        u = enlarged.band(band)
        g = None if slope is None else slope[: u.numel()].view(u.shape)
        each = None if losses is None else losses[n, at].view(len(u), -1)
        sums += prepared.tile(u, y[n, at].view(len(u), -1), g, each)
        if g is None:
            continue
        if by is not None:
            g.mul_(by[n, at].reshape(len(u), 1, -1))
        if scale != 1:
            g.mul_(scale)
        enlarged.add(band, g)
    sums = sums.to(real)
    return Passed(sums[0].clone() if losses is None else losses, sums[1:], (enlarged.gradient,), scale)
