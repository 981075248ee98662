"""The loss on the CPU: which loop goes over which layout, in chunks over the threads of torch.

The result does not depend on the number of threads: the chunks depend on the sizes alone, and are summed in order.
"""

import itertools
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierdsl.loss.cpu.columns import columns
from hierdsl.loss.cpu.even_rows import even_rows, ranked
from hierdsl.loss.cpu.exact import exactly
from hierdsl.loss.cpu.memory import empty_like
from hierdsl.loss.cpu.rows import rows
from hierdsl.loss.cpu.sibling_rows import sibling_rows
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.cpu.terms import children_of, count, sibling_factors, terms, totals
from hierdsl.loss.cpu.threads import in_threads
from hierdsl.loss.cpu.whole_rows import whole_rows
from hierdsl.loss.options import gradient_type, no_node
from hierdsl.loss.shape import Shape

Sums = NDArray[np.float64]
"""The loss and the level losses, (1 + D,). Named, as what annotates an inner function is made at each call."""
_TILE = 1 << 15  # values of one tile: with their exponentials they stay in the second cache
# values of one chunk at least: 0.2 ms, as torch's own threads wait awake for a while and take turns with ours
_CHUNK = 1 << 18
_MOST_CHUNKS = 64
_MANY = 512  # leaves from which on a row a pixel is faster
_SLAB = 1 << 20  # values that are converted at a time, where the loops cannot read the logits as they are


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

    Args:
        logits: (N, C, *S), of any floating type and layout.
        target: Node indices, (N, *S), an integer type.
        plan: Without meaning here.
        shape: The fields of `Shape`.
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
        ValueError: A target is neither a node nor `ignore_index`.
    """
    real = torch.float64 if logits.dtype == torch.float64 else torch.float32
    run = prepare(
        target,
        real,
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
    slope = empty_like(logits, gradient_type(logits)) if gradient else None
    losses = torch.empty(target.shape, dtype=real) if reduction == "none" else None
    sums = run.sums(logits, target, slope, losses).astype(_NUMPY[real])
    # copies: an operator's outputs share no memory
    loss = torch.from_numpy(np.array(sums[0])) if losses is None else losses
    return loss, torch.from_numpy(sums[1:].copy()), slope


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
    """Count the targets of a batch, and make the coefficients that all tiles of it share.

    Args:
        target: Of the whole batch, of any shape, an integer type.
        real: What is computed in, float32 or float64.
        plan: Without meaning here.
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
        ValueError: A target is neither a node nor `ignore_index`.
    """
    del plan
    tree = _arrays(*shape)
    weights_of = weights.numpy()
    counts = _count(target, ignore_index, len(tree.up))
    total = totals(tree.rank, len(tree.groups), counts, weights_of, reduction == "mean")
    spread = Spread(label_smoothing, siblings, focal_gamma)
    return Run(tree, counts, total, factors.numpy(), weights_of, spread, real, ignore_index, levels)


@lru_cache(maxsize=64)
def _arrays(*shape: Tensor) -> Shape:
    """The tensors as arrays; by their identity, as tensors are hashed by that."""
    return Shape(*[table.numpy() for table in shape])


class Spread(NamedTuple):
    """What the options make of the terms of a target."""

    smoothing: float
    siblings: bool
    focus: float


_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


def _count(target: Tensor, ignore_index: int, nodes: int) -> NDArray[np.int64]:
    """Count the targets of each node, (V,)."""
    flat = target.long().reshape(-1).numpy()
    parts = max(1, min(torch.get_num_threads(), flat.size // _CHUNK))
    counts, wrong = np.zeros((parts, nodes), dtype=np.int64), [0] * parts

    def work(part: int) -> None:
        some = flat[flat.size * part // parts : flat.size * (part + 1) // parts]
        wrong[part] = count(some, ignore_index, counts[part])

    in_threads(work, parts)
    if any(wrong):
        values = np.unique(flat[(flat != ignore_index) & ((flat < 0) | (flat >= nodes))])[:5].tolist()
        raise ValueError(no_node(sum(wrong), nodes, ignore_index, values))
    total: NDArray[np.int64] = counts[0] if parts == 1 else counts.sum(axis=0)
    return total


def _rows_of(tensor: Tensor) -> Tensor | None:
    """A view with one row a pixel, (M, C), where the channels lie side by side."""
    if tensor.ndim == 2:
        return tensor if tensor.is_contiguous() else None
    moved = tensor.movedim(1, -1)
    return moved.reshape(-1, tensor.shape[1]) if moved.is_contiguous() else None


class Run:
    """The loops over a batch whose targets are counted; see `hierdsl.loss.tiled.Prepared`."""

    def __init__(
        self,
        shape: Shape,
        counts: NDArray[np.int64],
        total: NDArray[np.float64],
        factors: NDArray[np.float64],
        weights: NDArray[np.float64],
        spread: Spread,
        real: torch.dtype,
        ignore_index: int,
        levels: bool,
    ) -> None:
        self.shape, self.ignore_index, self.levels = shape, ignore_index, levels
        self.counts, self.total, self.factors, self.weights = counts, total, factors, weights
        self.spread, self.real = spread, real
        # the channels below each inner node are neighbours
        self.in_order = len(shape.span) == len(shape.children) - 1

    @cached_property
    def terms(self) -> Terms:
        """The coefficients of all nodes."""
        found = terms(self.shape, self.counts, self.factors, self.weights, self.total, *self.spread)
        number = _NUMPY[self.real]
        numbers = (name for name in Terms._fields if name not in {"step", "focus"})
        tables = {name: getattr(found, name).astype(number, copy=False) for name in numbers}
        return Terms(**tables, step=found.step, focus=found.focus)

    @cached_property
    def size(self) -> int:
        """Pixels of one tile of `columns`."""
        leaves = len(self.shape.up) + 1 - len(self.shape.children)
        return max(16, min(2048, _TILE // leaves // 16 * 16))

    @cached_property
    def starts(self) -> NDArray[np.uint32]:
        """Where the rows of the nodes on the way begin in a tile; see `columns`."""
        found: NDArray[np.uint32] = np.multiply(self.shape.path.T, self.size, dtype=np.uint32, order="C")
        return found

    @cached_property
    def row_loop(self) -> tuple[Callable[..., int], tuple[Any, ...]]:
        """The loop over rows, and what it is given between the shape and the first row."""
        number, (smoothing, siblings, focus) = _NUMPY[self.real], self.spread
        factors = (self.factors, self.weights, self.total)
        if smoothing == 0 and self.in_order:
            return rows, (*factors, focus)
        if siblings and self.in_order:
            made = sibling_factors(self.shape, *factors, smoothing)
            given = (*children_of(self.shape), *(table.astype(number) for table in made))
            return sibling_rows, (*given, *factors, smoothing, focus)
        if siblings or smoothing == 0:
            return whole_rows, (self.terms,)
        nodes = ranked(self.shape, *factors, smoothing, number)
        return even_rows, (nodes, *factors, smoothing, focus)

    @property
    def by_rows(self) -> bool:
        """Whether a tile is done faster as (M, C), where its layout can be chosen, than as (1, C, M)."""
        return (
            self.in_order
            and self.spread.smoothing == 0
            and len(self.shape.up) - len(self.shape.span) >= _MANY
        )

    def tile(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Tensor:
        """The loss and the level losses, (1 + D,) float64, of some pixels of the batch; fills the others."""
        return torch.from_numpy(self.sums(logits, target, gradient, losses))

    def sums(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """The same as an array."""
        target = target.long()  # of other types one more of each loop would have to be compiled
        if logits.numel() == 0:
            if losses is not None:
                losses.zero_()
            return np.zeros(1 + len(self.shape.groups))
        if logits.dtype == self.real:
            if logits.ndim > 2 and logits.is_contiguous():
                return self.columns(logits, target, gradient, losses)
            if (by_row := _rows_of(logits)) is not None:
                return self.rows(by_row, target, None if gradient is None else _rows_of(gradient), losses)
        return self.slabs(logits, target, gradient, losses)

    def columns(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """Channels as runs of pixels: logits (N, C, *S), contiguous."""
        images, leaves = logits.shape[:2]
        z = logits.detach().reshape(images, leaves, -1).numpy()
        y = target.reshape(images, -1).numpy()
        g = np.empty((1, 0, 0), z.dtype) if gradient is None else gradient.reshape(z.shape).numpy()
        each = np.empty((0, 0), z.dtype) if losses is None else losses.reshape(y.shape).numpy()
        size, starts = self.size, self.starts
        tiles = images * -(-z.shape[2] // size)

        what = (z, y, self.ignore_index, self.shape, self.terms)

        def work(first: int, last: int, sums: Sums) -> None:
            aside = np.empty((last - first) * size, np.int64)
            taken = columns(*what, starts, first, last, size, g, each, sums, self.levels, aside)
            if taken:
                exactly(*what, aside[:taken], g, each, sums)

        return _in_chunks(work, tiles, z.size, len(self.shape.groups))

    def rows(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """A row a pixel: logits (M, C), contiguous."""
        z, y = logits.detach().numpy(), target.reshape(-1).numpy()
        g = np.empty((1, 0), z.dtype) if gradient is None else gradient.numpy()
        each = np.empty(0, z.dtype) if losses is None else losses.reshape(-1).numpy()
        loop, given = self.row_loop

        def work(first: int, last: int, sums: Sums) -> None:
            aside = np.empty(last - first, np.int64)
            what = (first, last, g, each, sums, self.levels, aside)
            taken = loop(z, y, self.ignore_index, self.shape, *given, *what)
            if taken:
                one = (..., None)
                of_pixel = (self.ignore_index, self.shape, self.terms)
                exactly(z[one], y[one], *of_pixel, aside[:taken], g[one], each[one], sums)

        return _in_chunks(work, len(z), z.size, len(self.shape.groups))

    def slabs(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """Any type and layout: so many pixels at a time are copied into a layout and type that the loops read."""
        real = torch.float64 if logits.dtype == torch.float64 else torch.float32
        z, y = logits.detach(), target
        if z.ndim == 2:  # the rows are the pixels
            z, y = z.T.unsqueeze(0), y.unsqueeze(0)
            gradient = None if gradient is None else gradient.T.unsqueeze(0)
            losses = None if losses is None else losses.unsqueeze(0)
        total = np.zeros(1 + len(self.shape.groups))
        per_row = max(1, z[0, :, 0].numel())
        step = max(1, _SLAB // per_row)
        for n, at in itertools.product(range(len(z)), range(0, z.shape[2], step)):
            part = (slice(n, n + 1), slice(None), slice(at, at + step))
            values = z[part].to(real, memory_format=torch.contiguous_format).contiguous()
            slope = None if gradient is None else torch.empty_like(values)
            each = None if losses is None else torch.empty(values.shape[:1] + values.shape[2:], dtype=real)
            total += self.columns(values, y[n : n + 1, at : at + step].contiguous(), slope, each)
            if gradient is not None and slope is not None:
                gradient[part] = slope.to(gradient.dtype)
            if losses is not None and each is not None:
                losses[n : n + 1, at : at + step] = each
        return total


def _in_chunks(work: Callable[[int, int, Sums], None], items: int, values: int, levels: int) -> Sums:
    """Do `work(first, last, sums)` for all items, in chunks over the threads; the summed sums."""
    chunks = max(1, min(_MOST_CHUNKS, items, values // _CHUNK))
    if 1 < chunks < items:
        chunks += chunks % 2  # of three, one of two threads would have two
    sums = np.empty((chunks, 1 + levels))
    in_threads(
        lambda number: work(items * number // chunks, items * (number + 1) // chunks, sums[number]), chunks
    )
    total: Sums = sums[0] if chunks == 1 else sums.sum(axis=0)
    return total
