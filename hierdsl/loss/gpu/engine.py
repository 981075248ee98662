"""The loss on a CUDA device: which kernel goes over which layout, and over how much of it.

One pass over the logits gives loss and gradient: they are read from memory once, the gradient is written once, and
nothing waits for the device. The sums of the programs are added in a fixed order, so that a result can be repeated.

Tested and timed on an H200 (docs/explanation/one-pass.md has the figures), from which the number of registers and of
pixels of a program are; a search at run time would wait for the device. Estimates are the plans of the kernels that
walk through tables, and that a second walk over a row hits the second cache. Where channels lie side by side each
step of the path is asked at every channel, so that depth costs more there than it does over images.

Label smoothing is part of the kernel that is unrolled over a tree; for larger trees kernels of its own add it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
import triton
from torch import Tensor

from hierdsl.loss.gpu.coefficients import Coefficients, Weighed, coefficients, weigh
from hierdsl.loss.gpu.columns import columns_kernel
from hierdsl.loss.gpu.forks import Plan, read
from hierdsl.loss.gpu.launch import Kernel, blocks_of
from hierdsl.loss.gpu.rows import rows_kernel
from hierdsl.loss.gpu.smoothed import Tables as SmoothingTables
from hierdsl.loss.gpu.smoothed import add_smoothing
from hierdsl.loss.gpu.steps import Step, read_steps
from hierdsl.loss.gpu.totals import add_up
from hierdsl.loss.gpu.unrolled import EVEN, SIBLINGS, unrolled_kernel
from hierdsl.loss.options import gradient_type
from hierdsl.loss.tiled import tiles

_BLOCK = 64  # pixels of a program of the unrolled kernel, a lane each
_REGISTERS = 128  # of a lane at most: sixteen warps of a multiprocessor can then have loads on the way
_CHOICES = (64, _REGISTERS, 168, 255)  # for a lane of the unrolled kernel
_BESIDE = 40  # registers that are for neither leaves nor forks
_MOST_ROWS = 8  # rows that a lane keeps in registers; the time to compile grows with their cube
_WIDEST = 16  # lanes that share a pixel
_IN_LANE = 16  # channels of a row that a lane keeps in registers
_LEAST_LANES = 4  # of a row, so that they read 16 bytes side by side
_MOST_LANES = 512
_WALKING_LANES = 256  # of a row that is walked through twice
# values of a tile to whose rows smoothing is added, least and most: beside it there are up to four times as many
_SMOOTHED = (1 << 24, 1 << 26)
_COLUMNS, _ROWS, _UNROLLED = map(Kernel, (columns_kernel, rows_kernel, unrolled_kernel))


def fused(
    logits: Tensor,
    target: Tensor,
    plan: str,
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
        plan: The text of `hierdsl.loss.gpu.layout.text_of`; without one the kernels walk through tables, and there is
            no label smoothing.
        shape: The fields of `hierdsl.loss.gpu.layout.Layout`.
        factors: Of -log p of each node in each cut, (D, V) float64.
        weights: Of each node, (V,) float64.
        ignore_index: Target of pixels that count nowhere.
        reduction: mean, sum or none.
        label_smoothing: Share of the target that is spread.
        siblings: Whether over the siblings of each node of the path, else over all groups of a level.
        focal_gamma: Exponent of the focal modulation.
        gradient: Whether to make one, of the loss or, for none, of the summed losses.
        levels: Whether to make the level losses; zeros else.

    Raises:
        ValueError: There is label smoothing without a plan.
    """
    run = prepare(
        target,
        torch.float32,
        plan,
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
    each = torch.empty(target.shape, dtype=torch.float32, device=logits.device) if run.each else None
    loss = torch.empty((), dtype=torch.float32, device=logits.device)
    level_losses = torch.empty(run.depth, dtype=torch.float32, device=logits.device)
    run.fill(logits, target, slope, each, loss, level_losses)
    return loss if each is None else each, level_losses, slope


def prepare(
    target: Tensor,
    real: torch.dtype,
    plan: str,
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
    """Weigh the targets of a batch, which is what all tiles of it share.

    Args:
        target: Of the whole batch, of any shape, an integer type.
        real: What is computed in: float32.
        plan: As for `fused`, and so are the others.
        shape: See there.
        factors: See there.
        weights: See there.
        ignore_index: See there.
        reduction: See there.
        label_smoothing: See there.
        siblings: See there.
        focal_gamma: See there.
        levels: See there.

    Raises:
        ValueError: There is label smoothing without a plan, or another type.
    """
    if label_smoothing > 0 and not plan:
        raise ValueError("the fused loss on a GPU has no label smoothing without a plan of the tree")
    if real != torch.float32:
        raise ValueError(f"the fused loss on a GPU computes in float32, not {real}")
    tree = Tables(*shape)
    with torch.cuda.device_of(target):
        weighed = weigh(
            target.detach().contiguous(),
            tree.levels,
            factors.contiguous(),
            weights.contiguous(),
            ignore_index,
            reduction == "mean",
            float(label_smoothing),  # an integer would be one for the compiler, too
            siblings,
        )
    return Run(
        read(plan) if plan.startswith("[") else None,
        read_steps(plan) if plan.startswith("{") else (),
        tree,
        weighed,
        {},
        ignore_index,
        float(focal_gamma),
        reduction == "none",
        levels,
    )


class Tables(NamedTuple):
    """`hierdsl.loss.gpu.layout.Layout` on the device."""

    siblings: Tensor
    rows: Tensor
    places: Tensor
    place: Tensor
    node: Tensor
    term: Tensor
    levels: Tensor
    entries: Tensor
    turns: Tensor
    shared: Tensor
    sharers: Tensor
    up: Tensor
    child: Tensor
    first_child: Tensor
    ordered: Tensor
    opened: Tensor


class Run(NamedTuple):
    """What a kernel is given beside logits, target and gradient; see `hierdsl.loss.tiled.Prepared`."""

    plan: Plan | None
    steps: tuple[Step, ...]
    tree: Tables
    weighed: Weighed
    made: dict[bool, Coefficients]
    ignore_index: int
    gamma: float
    each: bool
    levels: bool

    @property
    def smoothing(self) -> int:
        """What the unrolled kernel calls it."""
        if self.weighed.smoothing <= 0:
            return 0
        return int((SIBLINGS if self.weighed.siblings else EVEN).value)

    def coefficients(self, plan: Plan | None) -> Coefficients:
        """Those of the kernel that is unrolled by a plan, or of the others; made when they are first asked for."""
        unrolled = plan is not None
        if unrolled not in self.made:
            term = self.tree.turns if unrolled else self.tree.term
            terms = self.depth if plan is None else plan.turns + 1
            tree = self.tree
            self.made[unrolled] = coefficients(
                self.weighed, tree.node, term, terms, tree.shared, tree.sharers
            )
        return self.made[unrolled]

    @property
    def by_rows(self) -> bool:
        """Whether a tile is done faster as (M, C), where one can choose, than as (1, C, M)."""
        return self.plan is None

    @property
    def depth(self) -> int:
        """D."""
        return self.tree.node.shape[1]

    @property
    def nodes(self) -> int:
        """V."""
        return self.tree.node.shape[0]

    def tile(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Tensor:
        """The loss and the level losses, (1 + D,) float64, of some pixels of the batch; fills the others."""
        found = torch.empty(1 + self.depth, dtype=torch.float64, device=logits.device)
        self.fill(logits, target, gradient, losses, found[:1], found[1:])
        if losses is not None:
            found[0] = losses.sum(dtype=torch.float64)  # the programs wrote no sums of it
        return found

    def fill(
        self,
        logits: Tensor,
        target: Tensor,
        gradient: Tensor | None,
        losses: Tensor | None,
        loss: Tensor,
        level_losses: Tensor,
    ) -> None:
        """Write what is found of some pixels of the batch: `loss` is not told where each pixel has its own."""
        leaves = logits.shape[1]
        if logits.numel() == 0:
            for empty in (losses, loss, level_losses):
                if empty is not None:
                    empty.zero_()
            return
        with torch.cuda.device_of(logits):
            z, y = logits.detach(), target.detach().contiguous()
            # one pixel an image is a row, too; with one channel nobody can tell, and pixels side by side are better
            in_rows = z.movedim(1, -1).is_contiguous() and (leaves > 1 or z.ndim == 2)
            if self.smoothing and self.plan is None:
                each, sums = _smoothed(self, z, y, gradient)
            elif in_rows and self.smoothing and self.plan is not None:
                each, sums = _unrolled(self, self.plan, z, y, gradient, last=True)
            elif in_rows:
                each, sums = _rows(self, z, y, gradient)
            elif z.is_contiguous():
                each, sums = _columns(self, z, y, gradient)
            else:
                each, sums = _copied(self, z, y, gradient, _columns)
            if losses is not None:
                losses.copy_(each.view(losses.shape))
            add_up(sums, loss, level_losses)
            if losses is None and self.smoothing and self.plan is None:  # what was added is in no sum yet
                loss.copy_(each.sum(dtype=torch.float64))

    def buffers(
        self, logits: Tensor, target: Tensor, gradient: Tensor | None, programs: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What every kernel is given first: what it reads, and where it writes; what it does not is in its place.

        The last two are the losses of the pixels and the sums of the programs.
        """
        sums = torch.empty(1 + self.depth * self.levels, programs, dtype=torch.float32, device=target.device)
        losses = torch.empty_like(target, dtype=torch.float32) if self.each else sums
        return logits, logits if gradient is None else gradient, target, losses, sums

    def constants(self, gradient: Tensor | None) -> dict[str, bool]:
        """What every kernel is compiled for."""
        return {
            "GRADIENT": gradient is not None,
            "EACH": self.each,
            "LEVELS": self.levels,
            "FOCAL": self.gamma > 0,
        }


def _columns(call: Run, logits: Tensor, target: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    """Channels as runs of pixels: logits (N, C, *S), contiguous."""
    if call.plan is not None:
        return _unrolled(call, call.plan, logits, target, gradient, last=False)
    images, leaves = logits.shape[:2]
    pixels = target.numel() // images
    row_count, width = call.tree.siblings.shape[0], call.tree.siblings.shape[1] - 1
    rows, split, block, warps = _columns_plan(row_count)
    blocks = blocks_of(pixels, block)
    programs = images * blocks
    buffers = call.buffers(logits, target, gradient, programs)
    made = call.coefficients(None)
    _COLUMNS(
        programs,
        (*buffers, call.tree.siblings, call.tree.rows, made.parts),
        (leaves, pixels, blocks, programs, row_count, call.nodes, call.ignore_index, call.gamma),
        K=call.depth - 1,
        W=width,
        ROWS=rows,
        SPLIT=split,
        BLOCK=block,
        num_warps=warps,
        maxnreg=_REGISTERS,
        **call.constants(gradient),
    )
    return buffers[-2:]


def _unrolled(
    call: Run, plan: Plan, logits: Tensor, target: Tensor, gradient: Tensor | None, *, last: bool
) -> tuple[Tensor, Tensor]:
    """A kernel compiled for the tree: logits as for `_columns` or, with the channels last in memory, for `_rows`."""
    tree = call.tree
    images, leaves = logits.shape[:2]
    if last:
        images = 1
    pixels = target.numel() // images
    blocks = blocks_of(pixels, _BLOCK)
    programs = images * blocks
    buffers = call.buffers(logits, target, gradient, programs)
    made = call.coefficients(plan)
    _UNROLLED(
        programs,
        (*buffers, tree.entries, tree.turns, tree.levels, made.parts, made.spread),
        (leaves, pixels, blocks, programs, call.nodes, call.ignore_index, call.gamma, 1),
        TREE=plan,
        BLOCK=_BLOCK,
        SMOOTHING=call.smoothing,
        LAST=last,
        num_warps=_BLOCK // 32,
        maxnreg=_registers(plan, smoothed=call.smoothing > 0),
        **call.constants(gradient),
    )
    return buffers[-2:]


def _registers(plan: Plan, *, smoothed: bool) -> int:
    """How many of a lane: few, so that more lanes are at work, but enough that little goes to memory."""
    forks = len(plan.turn) if smoothed else 0  # of each the share and the ratio are kept for the gradient
    needed = plan.leaves + 2 * forks + _BESIDE
    return next((choice for choice in _CHOICES if needed <= choice), _CHOICES[-1])


def _rows(call: Run, logits: Tensor, target: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    """A row a pixel: the channels lie side by side, and so do those of the gradient, which is laid out alike."""
    leaves, pixels = logits.shape[1], target.numel()
    rows, lanes, each_lane, parts, warps = _rows_plan(leaves)
    programs = blocks_of(pixels, rows)
    buffers = call.buffers(logits, target, gradient, programs)
    made = call.coefficients(None)
    _ROWS(
        programs,
        (*buffers, call.tree.place, call.tree.places, made.parts),
        (leaves, pixels, programs, call.nodes, call.ignore_index, call.gamma),
        K=call.depth - 1,
        PLACED=call.tree.place.numel() > 0,
        ROWS=rows,
        LANES=lanes,
        EACH_LANE=each_lane,
        PARTS=parts,
        num_warps=warps,
        maxnreg=_REGISTERS,
        **call.constants(gradient),
    )
    return buffers[-2:]


def _smoothed(call: Run, logits: Tensor, target: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor]:
    """Any layout: some rows at a time, to whose losses and gradients that of label smoothing is added."""
    leaves, tree = logits.shape[1], call.tree
    rows, slopes = _in_rows(logits), None if gradient is None else _in_rows(gradient)
    if rows is None or (gradient is not None and slopes is None):
        return _copied(call, logits, target, gradient, _smoothed)
    y = target.view(rows.shape[:2])
    each, of_tiles = torch.empty_like(y, dtype=torch.float32), []
    values = min(_SMOOTHED[1], max(_SMOOTHED[0], logits.numel() // 8))
    spread = call.coefficients(None).spread
    tables = SmoothingTables(tree.up, tree.child, tree.first_child, tree.ordered, tree.opened)
    call = call._replace(each=True)
    for tile in tiles(len(y), y.shape[1], max(1, values // leaves)):
        here = (slice(tile.n, tile.n_end), slice(tile.at, tile.end))
        z, t = rows[here].reshape(-1, leaves).contiguous(), y[here].reshape(-1)
        to, slope = None if slopes is None else slopes[here], None
        if to is not None:
            slope = to.view(z.shape) if to.is_contiguous() else torch.empty_like(z, dtype=to.dtype)
        losses, sums = _rows(call, z, t, slope)
        add_smoothing(
            z,
            slope,
            t,
            losses,
            spread,
            tree.levels,
            tables,
            call.steps,
            call.nodes,
            call.ignore_index,
            call.weighed.siblings,
        )
        each[here] = losses.view(y[here].shape)
        if to is not None and slope is not None and not to.is_contiguous():
            to.copy_(slope.view(to.shape))
        of_tiles.append(sums)
    return each, torch.cat(of_tiles, dim=1)


def _in_rows(tensor: Tensor) -> Tensor | None:
    """A view, (B, P, C), of what is contiguous, or with the channels last: then of one image of all pixels."""
    moved = tensor.movedim(1, -1)
    if moved.is_contiguous():
        return moved.view(1, -1, tensor.shape[1])
    return tensor.flatten(2).transpose(1, 2) if tensor.is_contiguous() else None


@lru_cache(maxsize=64)
def _rows_plan(leaves: int) -> tuple[int, int, int, int, int]:
    """Pixels of a program, lanes of a row, channels of a lane in a part, parts (0: too many), and warps."""
    lanes = max(_LEAST_LANES, triton.next_power_of_2(triton.cdiv(leaves, _IN_LANE)))
    lanes = min(lanes, triton.next_power_of_2(leaves), _MOST_LANES)
    in_lane = triton.cdiv(leaves, lanes)
    each = min(4, triton.next_power_of_2(in_lane))
    rows = max(1, 128 // lanes)
    warps = rows * lanes // 32
    if in_lane > _IN_LANE:
        return 1, _WALKING_LANES, 8, 0, _WALKING_LANES // 32
    return rows, lanes, each, triton.cdiv(in_lane, each), warps


def _copied(
    call: Run,
    logits: Tensor,
    target: Tensor,
    gradient: Tensor | None,
    run: Callable[..., tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """Any layout: by way of a copy with one image whose pixels lie side by side, which is run."""
    leaves = logits.shape[1]
    columns = logits.movedim(1, 0).reshape(1, leaves, -1).contiguous()
    slope = None if gradient is None else torch.empty_like(columns, dtype=gradient.dtype)
    found = run(call, columns, target, slope)
    if gradient is not None and slope is not None:
        moved = gradient.movedim(1, 0)
        moved.copy_(slope.view(moved.shape))
    return found


@lru_cache(maxsize=64)
def _columns_plan(row_count: int) -> tuple[int, int, int, int]:
    """Rows that a lane keeps in registers (0 for none), lanes of a pixel, pixels of a program, and its warps."""
    split = 1
    while split < _WIDEST and triton.cdiv(row_count, split) > _MOST_ROWS:
        split *= 2
    rows = triton.cdiv(row_count, split)
    block = max(32, 128 // split)
    return rows if rows <= _MOST_ROWS else 0, split, block, block * split // 32
