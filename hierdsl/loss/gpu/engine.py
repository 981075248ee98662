"""The loss on a CUDA device: which kernel goes over which layout, and over how much of it.

One pass over the logits gives loss and gradient: they are read from memory once, the gradient is written once, and
nothing waits for the device. The sums of the programs are added in a fixed order, so that a result can be repeated.

Not measured: all of this was tested with Triton's interpreter and compiled for sm_90 (Triton 3.6 and 3.9), and never
ran on a GPU. So these are estimates: the plans and constants below, chosen from the compiler's counts of registers
and instructions instead of a search at run time, which would wait for the device; that a second walk over channels
hits the second cache; that counting the targets costs little beside the pass. Where channels lie side by side each
step of the path is asked at every channel, so that depth costs more there than it does over images.

There is no label smoothing here: the reference has it.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from hierdsl.loss.gpu.arithmetic import OPTIONS
from hierdsl.loss.gpu.coefficients import coefficients
from hierdsl.loss.gpu.columns import columns_kernel
from hierdsl.loss.gpu.rows import rows_kernel
from hierdsl.loss.options import gradient_type

_REGISTERS = 128  # of a lane at most: sixteen warps of a multiprocessor can then have loads on the way
_MOST_ROWS = 8  # rows that a lane keeps in registers; the time to compile grows with their cube
_WIDEST = 16  # lanes that share a pixel
_IN_LANE = 16  # channels of a row that a lane keeps in registers
_LEAST_LANES = 4  # of a row, so that they read 16 bytes side by side
_MOST_LANES = 512


def fused(
    logits: Tensor,
    target: Tensor,
    shape: list[Tensor],
    factors: Tensor,
    weights: Tensor,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    siblings: bool,
    focal_gamma: float,
    gradient: bool,
    levels: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The loss, the level losses (D,) and the gradient, in one pass.

    A target that is neither a node nor ignored makes the loss no number, and the gradient of its pixel.

    Args:
        logits: (N, C, *S), float32, bfloat16 or float16, of any layout.
        target: Node indices, (N, *S), an integer type.
        shape: The fields of `hierdsl.loss.gpu.layout.Layout`.
        factors: Of -log p of each node in each cut, (D, V) float64.
        weights: Of each node, (V,) float64.
        ignore_index: Target of pixels that count nowhere.
        reduction: mean, sum or none.
        label_smoothing: Share of the target that is spread: 0.
        siblings: Without meaning here.
        focal_gamma: Exponent of the focal modulation.
        gradient: Whether to make one, of the loss or, for none, of the summed losses.
        levels: Whether to make the level losses; zeros else.

    Raises:
        ValueError: There is label smoothing.
    """
    run = prepare(
        target,
        torch.float32,
        shape,
        factors,
        weights,
        ignore_index,
        reduction,
        label_smoothing,
        siblings,
        focal_gamma,
        levels,
    )
    slope = torch.empty_like(logits, dtype=gradient_type(logits)) if gradient else None
    losses = torch.empty(target.shape, dtype=torch.float32, device=logits.device) if run.each else None
    sums = run.tile(logits, target, slope, losses).float()
    return sums[0].clone() if losses is None else losses, sums[1:].clone(), slope


def prepare(
    target: Tensor,
    real: torch.dtype,
    shape: list[Tensor],
    factors: Tensor,
    weights: Tensor,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    siblings: bool,
    focal_gamma: float,
    levels: bool,
) -> "Run":
    """Count the targets of a batch, and make the coefficients that all tiles of it share.

    Args:
        target: Of the whole batch, of any shape, an integer type.
        real: What is computed in: float32.
        shape: As for `fused`, and so are the others.
        factors: See there.
        weights: See there.
        ignore_index: See there.
        reduction: See there.
        label_smoothing: See there.
        siblings: See there.
        focal_gamma: See there.
        levels: See there.

    Raises:
        ValueError: There is label smoothing, or another type.
    """
    del siblings
    if label_smoothing > 0:
        raise ValueError("the fused loss on a GPU has no label smoothing")
    if real != torch.float32:
        raise ValueError(f"the fused loss on a GPU computes in float32, not {real}")
    tree = Tables(*shape)
    with torch.cuda.device_of(target):
        parts, own = coefficients(
            target.detach().contiguous(),
            tree.node,
            tree.leaves.shape[0],
            factors.contiguous(),
            weights.contiguous(),
            ignore_index,
            reduction == "mean",
        )
    return Run(tree, parts, own, ignore_index, focal_gamma, reduction == "none", levels)


class Tables(NamedTuple):
    """`hierdsl.loss.gpu.layout.Layout` on the device."""

    siblings: Tensor
    rows: Tensor
    places: Tensor
    place: Tensor
    node: Tensor
    leaves: Tensor


class Run(NamedTuple):
    """What a kernel is given beside logits, target and gradient; see `hierdsl.loss.tiled.Prepared`."""

    tree: Tables
    parts: Tensor
    own: Tensor
    ignore_index: int
    gamma: float
    each: bool
    levels: bool

    @property
    def by_rows(self) -> bool:
        """Whether a tile is done faster as (M, C), where one can choose, than as (1, C, M): not measured."""
        return self.tree.siblings.shape[0] > _MOST_ROWS * _WIDEST

    def tile(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Tensor:
        """The loss and the level losses, (1 + D,) float64, of some pixels of the batch; fills the others."""
        depth, leaves = self.parts.shape[1], logits.shape[1]
        if logits.numel() == 0:
            if losses is not None:
                losses.zero_()
            return torch.zeros(1 + depth, dtype=torch.float64, device=logits.device)
        with torch.cuda.device_of(logits):
            z, y = logits.detach(), target.detach().contiguous()
            # one pixel an image is a row, too; with one channel nobody can tell, and pixels side by side are better
            if z.movedim(1, -1).is_contiguous() and (leaves > 1 or z.ndim == 2):
                each, sums = _rows(self, z, y, gradient)
            elif z.is_contiguous():
                each, sums = _columns(self, z, y, gradient)
            else:
                each, sums = _copied(self, z, y, gradient)
            if losses is not None:
                losses.copy_(each.view(losses.shape))
            found = sums.sum(1, dtype=torch.float64)
            if self.each:
                found[0] = each.sum(dtype=torch.float64)  # the programs wrote no sums of it
            return found if self.levels else torch.cat([found, found.new_zeros(depth)])

    def outputs(self, target: Tensor, programs: int) -> tuple[Tensor, Tensor]:
        """Where the losses of the pixels and the sums of the programs are written."""
        depth = self.parts.shape[1]
        losses = torch.empty(target.shape if self.each else 0, dtype=torch.float32, device=target.device)
        sums = torch.empty(1 + depth * self.levels, programs, dtype=torch.float32, device=target.device)
        return losses, sums


def _columns(call: Run, logits: Tensor, target: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    """Channels as runs of pixels: logits (N, C, *S), contiguous."""
    images, leaves = logits.shape[:2]
    pixels = target.numel() // images
    row_count, width = call.tree.siblings.shape[0], call.tree.siblings.shape[1] - 1
    rows, split, block, warps = _columns_plan(row_count)
    blocks = triton.cdiv(pixels, block)
    programs = images * blocks
    losses, sums = call.outputs(target, programs)
    columns_kernel[(programs,)](
        logits,
        logits if gradient is None else gradient,
        target,
        losses if call.each else sums,
        sums,
        call.tree.siblings,
        call.tree.rows,
        call.parts,
        call.own,
        leaves,
        pixels,
        blocks,
        programs,
        row_count,
        call.parts.shape[0] - 1,
        call.ignore_index,
        call.gamma,
        K=call.parts.shape[1] - 1,
        W=width,
        ROWS=rows,
        SPLIT=split,
        BLOCK=block,
        GRADIENT=gradient is not None,
        EACH=call.each,
        LEVELS=call.levels,
        FOCAL=call.gamma > 0,
        num_warps=warps,
        maxnreg=_REGISTERS,
        **OPTIONS,
    )
    return losses, sums


def _rows(call: Run, logits: Tensor, target: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    """A row a pixel: the channels lie side by side, and so do those of the gradient, which is laid out alike."""
    leaves, pixels = logits.shape[1], target.numel()
    rows, lanes, each_lane, parts, warps = _rows_plan(leaves)
    programs = triton.cdiv(pixels, rows)
    losses, sums = call.outputs(target, programs)
    rows_kernel[(programs,)](
        logits,
        logits if gradient is None else gradient,
        target,
        losses if call.each else sums,
        sums,
        call.tree.place,
        call.tree.places,
        call.parts,
        call.own,
        leaves,
        pixels,
        programs,
        call.parts.shape[0] - 1,
        call.ignore_index,
        call.gamma,
        K=call.parts.shape[1] - 1,
        PLACED=call.tree.place.numel() > 0,
        ROWS=rows,
        LANES=lanes,
        EACH_LANE=each_lane,
        PARTS=parts,
        GRADIENT=gradient is not None,
        EACH=call.each,
        LEVELS=call.levels,
        FOCAL=call.gamma > 0,
        num_warps=warps,
        maxnreg=_REGISTERS,
        **OPTIONS,
    )
    return losses, sums


def _rows_plan(leaves: int) -> tuple[int, int, int, int, int]:
    """Pixels of a program, lanes of a row, channels of a lane in a part, parts (0: too many), and warps."""
    lanes = max(_LEAST_LANES, triton.next_power_of_2(triton.cdiv(leaves, _IN_LANE)))
    lanes = min(lanes, triton.next_power_of_2(leaves), _MOST_LANES)
    in_lane = triton.cdiv(leaves, lanes)
    each = min(4, triton.next_power_of_2(in_lane))
    rows = max(1, 128 // lanes)
    warps = rows * lanes // 32
    if in_lane > _IN_LANE:
        return rows, lanes, 8, 0, warps
    return rows, lanes, each, triton.cdiv(in_lane, each), warps


def _copied(call: Run, logits: Tensor, target: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    """Any layout: by way of a copy with one image whose pixels lie side by side."""
    leaves = logits.shape[1]
    columns = logits.movedim(1, 0).reshape(1, leaves, -1).contiguous()
    slope = None if gradient is None else torch.empty_like(columns, dtype=gradient.dtype)
    found = _columns(call, columns, target, slope)
    if gradient is not None and slope is not None:
        moved = gradient.movedim(1, 0)
        moved.copy_(slope.view(moved.shape))
    return found


def _columns_plan(row_count: int) -> tuple[int, int, int, int]:
    """Rows that a lane keeps in registers (0 for none), lanes of a pixel, pixels of a program, and its warps."""
    split = 1
    while split < _WIDEST and triton.cdiv(row_count, split) > _MOST_ROWS:
        split *= 2
    rows = triton.cdiv(row_count, split)
    block = max(32, 128 // split)
    return rows if rows <= _MOST_ROWS else 0, split, block, block * split // 32
