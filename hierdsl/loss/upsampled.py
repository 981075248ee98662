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
    leaves, width = logits.shape[1], logits.shape[3]
    real = real_type(logits.dtype)
    y = target.contiguous()
    losses = torch.empty_like(y, dtype=real) if options.reduction == "none" else None
    sums = torch.zeros(1 + levels, dtype=torch.float64, device=logits.device)
    to_logits = torch.zeros_like(logits) if wanted else None
    scale = scale_against_underflow(logits.dtype, options.reduction, target.numel())
    values = values_of_tile(logits.device, target.numel() * leaves)
    most = max(1, values // max(1, leaves * columns))
    bands = tiles(images, rows, most) if target.numel() else []
    most = max((leaves * columns * (b.n_end - b.n) * (b.end - b.at) for b in bands), default=0)
    enlarged = logits.new_empty(most, dtype=real)
    slope = logits.new_empty(most, dtype=real) if wanted else None
    taps = _Taps(logits.shape[2], rows, real, logits.device)
    to_images: Tensor | None = None
    for band in bands:
        n = slice(band.n, band.n_end)
        at = slice(band.at, band.end)
        v = taps.rows(logits[n], at).to(real)
        shape = (len(v), leaves * v.shape[2], columns)
        u = enlarged[: v.numel() // width * columns]
        _enlarge(v.view(*shape[:2], width), u.view(shape))
        g = None if slope is None else slope[: len(u)]
        flat = (len(v), leaves, -1)
        each = None if losses is None else losses[n, at].view(len(v), -1)
        sums += prepared.tile(
            u.view(flat), y[n, at].view(len(v), -1), None if g is None else g.view(flat), each
        )
        if g is None or to_logits is None:
            continue
        if by is not None:
            g.view(flat).mul_(by[n, at].reshape(len(v), 1, -1))
        if scale != 1:
            g.mul_(scale)
        _reduce(g.view(shape), v.view(*shape[:2], width))
        if real == logits.dtype:
            taps.add_rows(to_logits[n], at, v)
            continue
        # in a half type the sum over the bands of an image is kept in float32
        if to_images is None or band.at == 0:
            to_images = torch.zeros_like(logits[n], dtype=real)
        taps.add_rows(to_images, at, v)
        if band.end == rows:
            to_logits[n] = to_images
    sums = sums.to(real)
    return Passed(sums[0].clone() if losses is None else losses, sums[1:], (to_logits,), scale)


class _Taps:
    """The two rows that each enlarged row is a mean of, and their parts.

    With the arithmetic, and in the type, of `F.interpolate`: in another the rows of a large image would drift.
    """

    def __init__(self, size: int, enlarged: int, real: torch.dtype, device: torch.device) -> None:
        at = torch.arange(enlarged, dtype=real, device=device)
        step = torch.tensor(size, dtype=real) / max(1, enlarged)
        source = (step.to(device) * (at + 0.5) - 0.5).clamp(min=0)
        self.low = source.long().clamp(max=max(0, size - 1))
        self.high = (self.low + 1).clamp(max=max(0, size - 1))
        part = (source - self.low).clamp(max=1)
        self.of_high, self.of_low = part.unsqueeze(1), (1 - part).unsqueeze(1)

    def rows(self, images: Tensor, at: slice) -> Tensor:
        """Rows of the enlarged images, (B, C, R, w), from images (B, C, h, w)."""
        real = self.of_low.dtype
        low = images.index_select(2, self.low[at]).to(real).contiguous()
        high = images.index_select(2, self.high[at]).to(real)
        return low.mul_(self.of_low[at]).addcmul_(high, self.of_high[at])

    def add_rows(self, images: Tensor, at: slice, gradient: Tensor) -> None:
        """Add what the gradient of these rows is to the images."""
        images.index_add_(2, self.low[at], gradient * self.of_low[at])
        images.index_add_(2, self.high[at], gradient.mul_(self.of_high[at]))


def _enlarge(rows: Tensor, out: Tensor) -> None:
    """Interpolate along the last axis."""
    torch.ops.aten.upsample_linear1d.out(rows, [out.shape[2]], False, None, out=out)


def _reduce(gradient: Tensor, out: Tensor) -> None:
    """The adjoint of `_enlarge`."""
    torch.ops.aten.upsample_linear1d_backward.grad_input(
        gradient, [gradient.shape[2]], list(out.shape), False, None, grad_input=out
    )
