"""A linear head and the hierarchical cross-entropy in one: the logits of all pixels never exist.

For each tile of pixels the logits are one matrix product into a buffer, the loss makes their gradient, and two more
products carry it to the features and to the weight:

    z = W x + b,  g = dloss/dz,   dloss/dx = W^T g,   dloss/dW = sum over tiles of g x^T,   dloss/db = sum of g
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, overload

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv1d_weight

from hierdsl.compiler import IGNORE_INDEX, CompiledHierarchy, check_compiled
from hierdsl.loss.options import Options, Reduction, Smoothing, check_target_type, check_tensors
from hierdsl.loss.tiled import (
    Passed,
    Prepared,
    Tile,
    in_tiles,
    prepare,
    real_type,
    scale_against_underflow,
    tiles,
    uncompiled,
    values_of_tile,
)
from hierdsl.weighting import Weighting

_LEAST = 256  # pixels of one tile: fewer, and the products wait for the weight to be read


@overload
def hierarchical_linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    level_weights: Tensor | Sequence[float] | None = ...,
    weighting: Weighting | Tensor | None = ...,
    leaf_weights: Tensor | Sequence[float] | None = ...,
    ignore_index: int = ...,
    reduction: Reduction = ...,
    label_smoothing: float = ...,
    smoothing: Smoothing = ...,
    focal_gamma: float = ...,
    return_levels: Literal[False] = ...,
) -> Tensor: ...


@overload
def hierarchical_linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    level_weights: Tensor | Sequence[float] | None = ...,
    weighting: Weighting | Tensor | None = ...,
    leaf_weights: Tensor | Sequence[float] | None = ...,
    ignore_index: int = ...,
    reduction: Reduction = ...,
    label_smoothing: float = ...,
    smoothing: Smoothing = ...,
    focal_gamma: float = ...,
    return_levels: Literal[True],
) -> tuple[Tensor, Tensor]: ...


@uncompiled
def hierarchical_linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    compiled: CompiledHierarchy,
    *,
    level_weights: Tensor | Sequence[float] | None = None,
    weighting: Weighting | Tensor | None = None,
    leaf_weights: Tensor | Sequence[float] | None = None,
    ignore_index: int = IGNORE_INDEX,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    smoothing: Smoothing = "uniform",
    focal_gamma: float = 0.0,
    return_levels: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The hierarchical cross-entropy of a linear or 1x1-convolution head, without the memory of its logits.

    The same number, and the same gradients, as `hierarchical_cross_entropy` of `F.linear(features, weight, bias)`, or
    of `F.conv2d` for images; but logits exist for one tile of pixels at a time. The gradients of those of features,
    weight and bias that want one are made in the forward pass. With the reduction "none" they are made in backward,
    where the logits are made again.

    Args:
        features: What the head is given, shape (N, F) or (N, F, *S), floating point, in any memory layout. What is
            neither contiguous nor contiguous with the channels last is copied.
        weight: Of the head, (C, F), or (C, F, 1, 1) and the like as a convolution has it; one row a leaf.
        bias: (C,), or None.
        target: Node indices, shape (N, *S), an integer type, in [0, V) or `ignore_index`.
        compiled: The hierarchy.
        level_weights: As for `hierarchical_cross_entropy`, and so are the others.
        weighting: See there.
        leaf_weights: One factor a leaf, (C,), 0 or more; None for those of the hierarchy; there called `weight`.
        ignore_index: See there.
        reduction: See there.
        label_smoothing: See there.
        smoothing: See there.
        focal_gamma: See there.
        return_levels: Give the level losses too, without gradient; see there.

    Returns:
        The loss in nats: a scalar, or shape (N, *S) for "none"; float32 for float16 and bfloat16, else of the type
        of the features. Under autocast the products are of its type; of contiguous float32 images on a GPU and up to
        some two hundred classes, logits and the gradient of the weight are made by torch's convolution, in TF32 if
        `torch.backends.cudnn.allow_tf32` is on, as it is by itself, and repeatable to the last bit only if
        `torch.backends.cudnn.deterministic` is. The gradients of the weight and of the bias are summed in float32 at
        least. With `return_levels` also the level losses, (D,).

    Raises:
        ValueError: Shapes, types, devices or an option do not fit; level weights, weighting or leaf weights want a
            gradient; on the CPU also a target that is no node.
        TypeError: The hierarchy is not compiled, or what is to be a tensor or a number is none.
        RuntimeError: It is differentiated twice.

    Example:
        >>> import hierdsl
        >>> faces = hierdsl.compile_hierarchy(hierdsl.load("helen"))
        >>> head = torch.nn.Conv2d(64, 11, 1)
        >>> _ = torch.nn.init.zeros_(head.weight), torch.nn.init.zeros_(head.bias)
        >>> features, target = torch.ones(2, 64, 8, 8), torch.ones(2, 8, 8, dtype=torch.long)
        >>> loss = hierarchical_linear_cross_entropy(features, head.weight, head.bias, target, faces)
        >>> loss.backward()
        >>> round(loss.item(), 3), head.weight.grad.shape  # log(11/10) + log(11) + 2 * log(11)
        (7.289, torch.Size([11, 64, 1, 1]))

    Source:
        The loss: Muller & Smith, VISAPP 2020, DOI 10.5220/0008946002600267, section 3. Logits in tiles, with the
        gradients made in the forward pass: Hsu et al., "Liger Kernel: Efficient Triton Kernels for LLM Training",
        2024, arXiv:2410.10989, for the flat loss.
    """
    check_compiled(compiled)
    check_tensors(features=features, weight=weight, target=target)
    if bias is not None:
        check_tensors(bias=bias)
    options = Options(ignore_index, reduction, label_smoothing, smoothing, focal_gamma)
    _check(features, weight, bias, target, compiled)
    dtype = _type_of_products(features)
    prepared = prepare(
        target,
        real_type(dtype),
        compiled,
        options,
        level_weights,
        weighting,
        leaf_weights,
        return_levels,
    )

    def run(
        inputs: tuple[Tensor | None, ...],
        target: Tensor,
        wanted: tuple[bool, ...],
        by: Tensor | None,
    ) -> Passed:
        x, w, b = inputs
        assert x is not None  # noqa: S101 - for the type checker
        assert w is not None  # noqa: S101
        return _pass(prepared, dtype, x, w, b, target, options, compiled.num_levels, wanted, by)

    loss, level_losses = in_tiles(run, target, reduction, features, weight, bias)
    return (loss, level_losses) if return_levels else loss


def _check(
    features: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, compiled: CompiledHierarchy
) -> None:
    """Refuse tensors that do not belong together or to the hierarchy.

    Raises:
        ValueError: They do not.
    """
    leaves = compiled.num_leaves
    if features.ndim < 2:
        raise ValueError(
            f"features of shape {tuple(features.shape)}: they need an axis 1 of channels, (N, F, *S)"
        )
    if weight.ndim < 2 or weight.shape[0] != leaves or weight[0].numel() != weight.shape[1]:
        raise ValueError(
            f"weight of shape {tuple(weight.shape)}: it needs one row for each of the {leaves} leaves of the "
            f"hierarchy, ({leaves}, {features.shape[1]}), or 1x1 kernels, ({leaves}, {features.shape[1]}, 1, 1)"
        )
    if weight.shape[1] != features.shape[1]:
        raise ValueError(
            f"features of shape {tuple(features.shape)} and weight of shape {tuple(weight.shape)}: axis 1 of both "
            "must be the same; a linear layer over the last axis needs features.movedim(-1, 1)"
        )
    if bias is not None and bias.shape != (leaves,):
        raise ValueError(
            f"bias of shape {tuple(bias.shape)} and weight of shape {tuple(weight.shape)}: "
            f"the bias needs one number a leaf, ({leaves},)"
        )
    expected = tuple(features.shape[:1] + features.shape[2:])
    if target.shape != expected:
        raise ValueError(
            f"target of shape {tuple(target.shape)}; features of shape {tuple(features.shape)} need {expected}"
        )
    check_target_type(target)
    parameters = [weight] if bias is None else [weight, bias]
    for one in (features, *parameters):
        if not one.is_floating_point():
            raise ValueError(f"features, weight and bias are of a floating-point type, not {one.dtype}")
        if one.device != target.device:
            raise ValueError(
                f"features, weight, bias and target are on {one.device} and {target.device}: move them"
            )
        if one.dtype != features.dtype and not torch.is_autocast_enabled(one.device.type):
            raise ValueError(
                f"features are {features.dtype}, weight or bias {one.dtype}: convert one, or use torch.autocast"
            )


def _type_of_products(features: Tensor) -> torch.dtype:
    """That of autocast, which like `F.linear` leaves float64 alone, or of the features."""
    device = features.device.type
    if torch.is_autocast_enabled(device) and features.dtype != torch.float64:
        return torch.get_autocast_dtype(device)
    return features.dtype


class _Pixels(NamedTuple):
    """Features as (B, F, P), a view where the layout allows; one image of all pixels where channels lie together."""

    values: Tensor
    shape: torch.Size
    flat: bool

    def restored(self, values: Tensor) -> Tensor:
        """Values that are laid out as these, as a view of the shape of the features."""
        if self.flat:
            channels_last = self.shape[:1] + self.shape[2:] + self.shape[1:2]
            return values[0].T.view(channels_last).movedim(-1, 1)
        return values.view(self.shape)


def _pixels(features: Tensor) -> _Pixels:
    count = features.shape[1]
    moved = features.movedim(1, -1)
    if moved.is_contiguous() and not (features.ndim > 2 and features.is_contiguous()):
        return _Pixels(moved.reshape(-1, count).T.unsqueeze(0), features.shape, True)
    positions = features[0, 0].numel() if features.numel() else 0
    return _Pixels(features.reshape(len(features), count, positions), features.shape, False)


class _Buffers:
    """What is used again for every tile of up to `most` pixels: logits, gradient, and for a half type one in it."""

    def __init__(
        self, most: int, leaves: int, by_rows: bool, dtype: torch.dtype, like: Tensor, slope: bool, conv: bool
    ) -> None:
        self.leaves, self.by_rows, self.conv = leaves, by_rows, conv
        real = real_type(dtype)
        self.z = like.new_empty(0 if conv else most * leaves, dtype=real)
        self.g = like.new_empty(most * leaves, dtype=real) if slope else None
        self.narrow = None if dtype == real else like.new_empty(most * leaves, dtype=dtype)

    def of(self, buffer: Tensor, width: int) -> Tensor:
        """The part of a buffer for so many pixels, (M, C) or (C, M)."""
        part = buffer[: width * self.leaves]
        return part.view(width, self.leaves) if self.by_rows else part.view(self.leaves, width)


class _Gradients:
    """The gradients of features (B, F, P), weight (C, F) and bias (C,), times `scale`; None if not wanted."""

    def __init__(
        self, x: Tensor, matrix: Tensor, offset: Tensor | None, wanted: tuple[bool, ...], scale: float
    ) -> None:
        real = real_type(matrix.dtype)
        self.by_matrix, self.scale = matrix.T, scale
        self.x = torch.empty_like(x) if wanted[0] else None
        self.matrix = torch.zeros_like(matrix, dtype=real) if wanted[1] else None
        self.offset = torch.zeros_like(offset, dtype=real) if offset is not None and wanted[2] else None
        self.narrow = torch.empty_like(matrix) if wanted[1] and matrix.dtype != real else None

    def add(self, tile: Tile, columns: Tensor, g: Tensor, buffers: _Buffers) -> None:
        """Carry the gradient of a tile's logits to its features (F, M), to the weight and to the bias."""
        if self.scale != 1:
            g.mul_(self.scale)
        if self.offset is not None:
            self.offset += g.sum(0 if buffers.by_rows else 1)
        if buffers.narrow is not None:
            g = buffers.of(buffers.narrow, columns.shape[1]).copy_(g)
        if buffers.by_rows:
            g = g.T
        if self.matrix is not None and buffers.conv:
            kernels = conv1d_weight(columns.unsqueeze(0), [*self.matrix.shape, 1], g.unsqueeze(0))
            self.matrix += kernels.squeeze(2)
        elif self.matrix is not None and self.narrow is not None:
            self.matrix += torch.mm(g, columns.T, out=self.narrow)
        elif self.matrix is not None:
            self.matrix.addmm_(g, columns.T)
        if self.x is not None:
            self._to_features(self.x[tile.n : tile.n_end, :, tile.at : tile.end], g)

    def _to_features(self, part: Tensor, g: Tensor) -> None:
        if len(part) == 1 and part.dtype == g.dtype:
            torch.mm(self.by_matrix, g, out=part[0])
        else:
            made = torch.mm(self.by_matrix, g).view(part.shape[1], part.shape[0], part.shape[2])
            part.copy_(made.transpose(0, 1))


def _pass(
    prepared: Prepared,
    dtype: torch.dtype,
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    options: Options,
    levels: int,
    wanted: tuple[bool, ...],
    by: Tensor | None,
) -> Passed:
    """Loss and gradients in one go over the tiles.

    Args:
        prepared: The batch.
        dtype: Of the products.
        features: (N, F, *S).
        weight: (C, F, ...).
        bias: (C,), or None.
        target: (N, *S).
        options: The reduction among them.
        levels: D.
        wanted: Whether gradients are, of features, weight and bias.
        by: Factors of the gradients of each pixel, (N, *S), or None.
    """
    pixels = _pixels(features.detach())
    x, real = pixels.values, real_type(dtype)
    images, channels, positions = x.shape
    matrix = weight.detach().reshape(len(weight), channels).to(dtype)
    offset = None if bias is None else bias.detach().to(dtype)
    y = target.reshape(images, positions).contiguous()
    factors = None if by is None else by.reshape(images, positions)
    losses = torch.empty_like(y, dtype=real) if options.reduction == "none" else None
    total = images * positions
    values = values_of_tile(x.device, total * len(weight), positions * len(weight))
    most = min(total, max(_LEAST, values // len(weight)))
    conv = _as_convolution(features, dtype) and not pixels.flat and not prepared.by_rows
    buffers = _Buffers(most, len(weight), prepared.by_rows, dtype, x, any(wanted), conv)
    scale = scale_against_underflow(dtype, options.reduction, total)
    gradients = _Gradients(x, matrix, offset, wanted, scale)
    sums = torch.zeros(1 + levels, dtype=torch.float64, device=x.device)
    for tile in tiles(images, positions, most):
        inside = (slice(tile.n, tile.n_end), slice(tile.at, tile.end))
        columns = _columns(x, tile).to(dtype)
        z = _logits(matrix, offset, columns, buffers)
        g = None if buffers.g is None else buffers.of(buffers.g, columns.shape[1])
        each = None if losses is None else losses[inside].view(-1)
        sums += _run_tile(prepared, z, y[inside].view(-1), g, each)
        if g is not None and factors is not None:
            g.mul_(factors[inside].reshape((-1, 1) if prepared.by_rows else -1))
        if g is not None:
            gradients.add(tile, columns, g, buffers)
        del z  # a convolution allocates the next one anew
    sums = sums.to(real)
    return Passed(
        sums[0].clone() if losses is None else losses.view(target.shape),
        sums[1:],
        (
            None if gradients.x is None else pixels.restored(gradients.x),
            None if gradients.matrix is None else gradients.matrix.view(weight.shape),
            gradients.offset,
        ),
        scale,
    )


def _as_convolution(features: Tensor, dtype: torch.dtype) -> bool:
    """Whether a product with the weight is left to torch's convolution.

    That may use TF32 on a GPU, and does unless `torch.backends.cudnn` says otherwise; a product of matrices may not.
    The product that is no slower without, that which gives the gradient of the features, stays one of matrices.
    """
    return features.ndim > 2 and features.is_cuda and dtype == torch.float32


def _columns(x: Tensor, tile: Tile) -> Tensor:
    """The features of a tile, (F, M): a view of one image, or a copy of the pixels of several."""
    part = x[tile.n : tile.n_end, :, tile.at : tile.end]
    return part[0] if len(part) == 1 else part.transpose(0, 1).reshape(part.shape[1], -1)


def _logits(matrix: Tensor, offset: Tensor | None, columns: Tensor, buffers: _Buffers) -> Tensor:
    """The logits of a tile, (M, C) or (C, M), in a type that the loss is made in."""
    if buffers.conv:
        return functional.conv1d(columns.unsqueeze(0), matrix.unsqueeze(2), offset).squeeze(0)
    out = buffers.of(buffers.z if buffers.narrow is None else buffers.narrow, columns.shape[1])
    left, right = (columns.T, matrix.T) if buffers.by_rows else (matrix, columns)
    if offset is None:
        torch.mm(left, right, out=out)
    else:
        torch.addmm(offset if buffers.by_rows else offset.unsqueeze(1), left, right, out=out)
    return out if buffers.narrow is None else buffers.of(buffers.z, columns.shape[1]).copy_(out)


def _run_tile(prepared: Prepared, z: Tensor, y: Tensor, g: Tensor | None, each: Tensor | None) -> Tensor:
    if prepared.by_rows:
        return prepared.tile(z, y, g, each)
    each = None if each is None else each.unsqueeze(0)
    return prepared.tile(z.unsqueeze(0), y.unsqueeze(0), None if g is None else g.unsqueeze(0), each)
