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
from hierdsl.loss.cpu.even_rows import Places, even_rows, places_of, ranked
from hierdsl.loss.cpu.exact import exactly
from hierdsl.loss.cpu.lanes import LANES
from hierdsl.loss.cpu.memory import empty_like
from hierdsl.loss.cpu.rows import rows
from hierdsl.loss.cpu.sibling_rows import Siblings, parts_of, sibling_rows
from hierdsl.loss.cpu.structures import Terms
from hierdsl.loss.cpu.terms import count_parts, counted, sibling_factors, starts, terms, totals
from hierdsl.loss.cpu.threads import Chunks, added_up, in_chunks, on_threads
from hierdsl.loss.cpu.whole_rows import whole_rows
from hierdsl.loss.options import gradient_type, no_node
from hierdsl.loss.shape import Shape, shape_from, without_chains

Sums = NDArray[np.float64]
"""The loss and the level losses, (1 + D,)."""
Targets = NDArray[np.int64]
_TILE = 3 << 14  # values of one tile: with their exponentials they stay in the second cache
_TARGETS, _MOST_PARTS = 1 << 15, 16  # of one part that is counted by itself, and parts
_MANY = 512  # leaves from which on a row a pixel is faster
# up to so many leaves, rows are done faster in turned tiles: so many of them, and some more for each leaf, in a tree
# of up to so many nodes a leaf
_TURNED, _ENOUGH, _MORE, _NODES = 128, 512, 16, 4
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
        shape: What `hierdsl.loss.shape.tree_of` gives.
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
    y = _as_long(target)
    run = prepare(
        torch.from_numpy(y),
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
    sums = run.sums(logits, y, slope, losses)
    # two arrays: an operator's outputs share no memory
    loss = torch.from_numpy(np.array(sums[0], _NUMPY[real])) if losses is None else losses
    return loss, torch.from_numpy(sums[1:].astype(_NUMPY[real])), slope


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
    tree, weights_of = _tree(*shape), weights.numpy()
    counts, total = _counted(
        _as_long(target).reshape(-1), ignore_index, tree.shape, weights_of, reduction == "mean"
    )
    # a whole number would be another type, for which the loops were compiled once more
    spread = Spread(float(label_smoothing), siblings, float(focal_gamma))
    return Run(tree, counts, total, factors.numpy(), weights_of, spread, real, ignore_index, levels)


class _Tree:
    """What depends on the tree alone."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    @cached_property
    def places(self) -> Places:
        """See `even_rows`."""
        found: Places = places_of(self.forks)
        return found

    @cached_property
    def parts(self) -> tuple[NDArray[Any], ...]:
        """See `sibling_rows`."""
        return parts_of(self.forks)

    @cached_property
    def turned(self) -> bool:
        """Whether rows are turned, if there are enough."""
        leaves = len(self.shape.up) + 1 - len(self.shape.children)
        return leaves <= _TURNED and len(self.shape.up) <= _NODES * leaves

    @cached_property
    def forks(self) -> Shape:
        """The shape for `rows`, `sibling_rows` and `even_rows`: its inner nodes are those with several children."""
        return without_chains(self.shape)


@lru_cache(maxsize=64)
def _tree(*shape: Tensor) -> _Tree:
    """What is made of some tables, by their identity, as tensors are hashed by that."""
    return _tree_from(*[table.numpy().tobytes() for table in shape])


@lru_cache(maxsize=64)
def _tree_from(up: bytes, node: bytes, groups: bytes) -> _Tree:
    """The same by what is in the tables: an exported program copies them at each call."""
    counts = np.frombuffer(groups, np.uint32)
    nodes = np.frombuffer(node, np.int32).reshape(-1, counts.size)
    return _Tree(shape_from(np.frombuffer(up, np.uint32), nodes, counts))


class Spread(NamedTuple):
    """What the options make of the terms of a target."""

    smoothing: float
    siblings: bool
    focus: float


_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}
_LIKE = {real: np.empty(0, number) for real, number in _NUMPY.items()}


def _as_long(target: Tensor) -> Targets:
    """The targets side by side as int64: of other kinds one more of each loop would have to be compiled."""
    return np.ascontiguousarray((target if target.dtype == torch.int64 else target.long()).numpy())


def _counted(
    target: Targets, ignore_index: int, shape: Shape, weights: NDArray[np.float64], mean: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count the targets of each node, (V,); and what each level is divided by, (D,)."""
    nodes, levels = len(shape.up), len(shape.groups)
    parts = min(_MOST_PARTS, target.size // _TARGETS)
    if parts < 2:
        counts, total, wrong = counted(target, ignore_index, shape.rank, levels, weights, mean)
    else:
        of_parts, wrong_of = np.zeros((parts, nodes), np.int64), np.zeros(parts, np.int64)
        on_threads(count_parts, parts, np.zeros(1, np.int64), target, ignore_index, of_parts, wrong_of)
        counts, wrong = of_parts.sum(axis=0), int(wrong_of.sum())
        total = totals(shape.rank, levels, counts, weights, mean)
    if wrong:
        none = (target != ignore_index) & ((target < 0) | (target >= nodes))
        raise ValueError(no_node(wrong, nodes, ignore_index, np.unique(target[none])[:5].tolist()))
    return counts, total


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
        tree: _Tree,
        counts: NDArray[np.int64],
        total: NDArray[np.float64],
        factors: NDArray[np.float64],
        weights: NDArray[np.float64],
        spread: Spread,
        real: torch.dtype,
        ignore_index: int,
        levels: bool,
    ) -> None:
        self.tree, self.shape, self.ignore_index, self.levels = tree, tree.shape, ignore_index, levels
        self.counts, self.total, self.factors, self.weights = counts, total, factors, weights
        self.spread, self.real = spread, real
        # the channels below each inner node are neighbours
        self.in_order = len(self.shape.span) == len(self.shape.children) - 1

    @cached_property
    def terms(self) -> Terms:
        """The coefficients of all nodes."""
        factors = (self.factors, self.weights, self.total)
        found: Terms = terms(self.shape, self.counts, *factors, *self.spread, _LIKE[self.real])
        return found

    @cached_property
    def size(self) -> int:
        """Pixels of one tile of `columns`."""
        leaves = len(self.shape.up) + 1 - len(self.shape.children)
        return max(16, min(2048, _TILE // leaves // 16 * 16))

    @cached_property
    def row_loop(self) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """The loop over rows, and what it is given from the shape to the gradient."""
        forks, number, (smoothing, siblings, focus) = self.tree.forks, _NUMPY[self.real], self.spread
        factors = (self.factors, self.weights, self.total)
        if smoothing == 0 and self.in_order:
            return rows, (forks, *factors, focus)
        if siblings and self.in_order:
            made = sibling_factors(forks, *factors, smoothing)
            nodes_and_factors = Siblings(*self.tree.parts, *(table.astype(number) for table in made))
            return sibling_rows, (forks, nodes_and_factors, *factors, smoothing, focus)
        if siblings or smoothing == 0:
            return whole_rows, (self.shape, self.terms)
        nodes = ranked(forks, self.tree.places, self.counts, *factors, smoothing, _LIKE[self.real])
        return even_rows, (forks, self.tree.places, nodes, *factors, smoothing, focus)

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
        return torch.from_numpy(self.sums(logits, _as_long(target), gradient, losses))

    def sums(self, logits: Tensor, y: Targets, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """The same as an array, from the targets as one of any shape."""
        if logits.numel() == 0:
            if losses is not None:
                losses.zero_()
            return np.zeros(1 + len(self.shape.groups))
        logits = logits.detach()
        if logits.dtype == self.real:
            if logits.ndim > 2 and logits.is_contiguous():
                return self.columns(logits, y, gradient, losses)
            if (by_row := _rows_of(logits)) is not None:
                return self.rows(by_row, y, None if gradient is None else _rows_of(gradient), losses)
        return self.slabs(logits, y, gradient, losses)

    def columns(self, logits: Tensor, y: Targets, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """Channels as runs of pixels: logits (N, C, *S), contiguous."""
        images, leaves = logits.shape[:2]
        z, y = logits.numpy().reshape(images, leaves, -1), y.reshape(images, -1)
        g = np.empty((1, 0, 0), z.dtype) if gradient is None else gradient.numpy().reshape(z.shape)
        each = np.empty((0, 0), z.dtype) if losses is None else losses.numpy().reshape(y.shape)
        return self.tiles(z, y, g, each, by_row=False)

    def tiles(self, z: Any, y: Targets, g: Any, each: Any, *, by_row: bool) -> Sums:
        """The loop over runs of pixels: arrays (N, C, P) or, `by_row`, (1, M, C), of which each tile is turned."""
        images, pixels = y.shape
        chunks = in_chunks(images * -(-pixels // self.size), self.size, z.size, len(self.shape.groups))
        what = (z, y, self.ignore_index, self.shape, self.terms)
        begins = starts(self.shape, self.size)
        on_threads(columns, len(chunks.taken), chunks, *what, begins, self.size, g, each, self.levels, by_row)
        return self.summed(chunks, *((z[0], y[0], g[0], each[0]) if by_row else (z, y, g, each)))

    def rows(self, logits: Tensor, y: Targets, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """A row a pixel: logits (M, C), contiguous."""
        z, y = logits.numpy(), y.reshape(-1)
        g = np.empty((1, 0), z.dtype) if gradient is None else gradient.numpy()
        each = np.empty(0, z.dtype) if losses is None else losses.numpy().reshape(-1)
        enough = _ENOUGH + _MORE * z.shape[1]
        if self.spread.siblings and self.spread.smoothing > 0:
            enough //= 4  # of which a row by itself costs more
        if self.tree.turned and len(z) >= enough:
            return self.tiles(z[None], y[None], g[None], each[None], by_row=True)
        loop, given = self.row_loop
        together = LANES if loop is even_rows else 1
        chunks = in_chunks(-(-len(z) // together), together, z.size, len(self.shape.groups))
        on_threads(loop, len(chunks.taken), chunks, z, y, self.ignore_index, *given, g, each, self.levels)
        return self.summed(chunks, z, y, g, each)

    def summed(self, chunks: Chunks, z: Any, y: Targets, g: Any, each: Any) -> Sums:
        """The sums of all chunks, once what they have set aside is computed too."""
        total: Sums
        total, aside = added_up(chunks.sums, chunks.taken)
        if aside:
            chunks.next[0] = 0
            z, y, g, each = (array if z.ndim == 3 else array[..., None] for array in (z, y, g, each))
            what = (z, y, self.ignore_index, self.shape, self.terms)
            on_threads(exactly, len(chunks.taken), chunks, *what, g, each)
            total, _ = added_up(chunks.sums, chunks.taken)
        return total

    def slabs(self, z: Tensor, y: Targets, gradient: Tensor | None, losses: Tensor | None) -> Sums:
        """Any type and layout: so many pixels at a time are copied into a layout and type that the loops read."""
        rows = z if z.ndim == 2 else _rows_of(z)
        if rows is not None:  # one image of rows
            slopes = gradient if gradient is None or z.ndim == 2 else _rows_of(gradient)
            z, y, gradient = rows[None], y.reshape(1, -1), None if slopes is None else slopes[None]
            losses = None if losses is None else losses.view(1, -1)
        total = np.zeros(1 + len(self.shape.groups))
        axis = 2 if rows is None else 1  # the first one of the pixels
        step = max(1, _SLAB // z[0].select(axis - 1, 0).numel())
        for n, at in itertools.product(range(len(z)), range(0, y.shape[1], step)):
            here = slice(n, n + 1), slice(at, at + step)
            of_target = np.ascontiguousarray(y[here])
            part = axis, at, of_target.shape[1]
            values = (
                z[here[0]].narrow(*part).to(self.real, memory_format=torch.contiguous_format).contiguous()
            )
            slope = None if gradient is None else torch.empty_like(values)
            each = None if losses is None else torch.empty(of_target.shape, dtype=self.real)
            if rows is None:
                total += self.columns(values, of_target, slope, each)
            else:
                total += self.rows(values[0], of_target, None if slope is None else slope[0], each)
            if gradient is not None and slope is not None:
                gradient[here[0]].narrow(*part).copy_(slope)
            if losses is not None and each is not None:
                losses[here] = each
        return total
