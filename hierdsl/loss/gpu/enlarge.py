"""Bilinear interpolation of logits, in bands of rows, and its adjoint, on a CUDA device.

Each enlarged logit is made of four small ones. The gradient of a small one is gathered from all that are made of it,
row by row: nothing is added by several lanes at once, so that a result can be repeated.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from hierdsl.loss.enlarge import Taps, taps
from hierdsl.loss.gpu.launch import Kernel, blocks_of
from hierdsl.loss.tiled import Tile

_MOST_COLUMNS = 1024  # of a program that enlarges
_MOST_SMALL_COLUMNS = 256  # of one that gathers
_LEAST_COLUMNS = 128  # a lane each


class Enlarged:
    """As `hierdsl.loss.enlarge.Enlarged`, whose arguments it has; the gradient is of the type computed in."""

    def __init__(
        self, logits: Tensor, size: tuple[int, int], most: int, real: torch.dtype, *, wanted: bool
    ) -> None:
        """See there."""
        self.logits, self.rows, self.columns = logits.contiguous(), *size
        self.gradient = torch.zeros_like(self.logits, dtype=real) if wanted else None
        height, width = logits.shape[2:]
        self._of_rows = taps(height, self.rows, real, logits.device)
        self._of_columns = taps(width, self.columns, real, logits.device)
        self._buffer = logits.new_empty(most, dtype=real)
        if wanted:
            self._to_rows = gathered(self._of_rows, height)
            self._to_columns = gathered(self._of_columns, width)

    def band(self, band: Tile) -> Tensor:
        """The enlarged logits of a band, (B, C, M), until the next is asked for."""
        images = self.logits[band.n : band.n_end]
        count, leaves, height, width = images.shape
        rows = band.end - band.at
        u = self._buffer[: count * leaves * rows * self.columns]
        block = _block(self.columns, _MOST_COLUMNS)
        blocks = blocks_of(self.columns, block)
        with torch.cuda.device_of(u):
            _ENLARGE(
                count * leaves * rows * blocks,
                (images, u, *self._of_rows, *self._of_columns),
                (band.at, rows, self.columns, height, width, blocks),
                BLOCK=block,
                num_warps=4,
            )
        return u.view(count, leaves, -1)

    def add(self, band: Tile, slope: Tensor) -> None:
        """Add the gradient of a band, (B, C, M), to that of the small logits."""
        assert self.gradient is not None  # noqa: S101 - for the type checker
        images = self.gradient[band.n : band.n_end]
        count, leaves, height, width = images.shape
        block = _block(width, _MOST_SMALL_COLUMNS)
        blocks = blocks_of(width, block)
        with torch.cuda.device_of(slope):
            _REDUCE(
                count * leaves * height * blocks,
                (slope, images, *self._to_rows, *self._to_columns),
                (band.at, band.end, self.columns, height, width, blocks),
                BLOCK=block,
                num_warps=4,
            )


def _block(columns: int, most: int) -> int:
    """Columns of a program: a power of two, not many more than there are."""
    return min(most, max(_LEAST_COLUMNS, 1 << (columns - 1).bit_length()))


def gathered(found: Taps, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Taps from the other side: the enlarged ones that each of `size` small ones counts in.

    Returns:
        The first that it counts in, and the one after the last, both (size,) int64; and what it counts in each from
        the first on, (K, size), 0 beyond the last. K follows from the sizes, as nothing waits for the device.
    """
    low, high, part = found
    enlarged = len(low)
    small = torch.arange(size, device=low.device)
    first, end = torch.searchsorted(high, small), torch.searchsorted(low, small, right=True)
    # those between the neighbours on both sides and, near an end, those beyond it
    most = min(enlarged, 3 * enlarged // max(1, size) + 2)
    at = first + torch.arange(most, device=low.device).unsqueeze(1)
    counts = at < end
    at = at.clamp(max=max(0, enlarged - 1))
    by = torch.where(low[at] == small, 1 - part[at], 0) + torch.where(high[at] == small, part[at], 0)
    return first, end, torch.where(counts, by, 0)


@triton.jit(do_not_specialize=["first_row", "rows", "columns", "height", "width", "blocks"])
def _enlarge(
    images,
    out,
    row_low,
    row_high,
    row_part,
    column_low,
    column_high,
    column_part,
    first_row,
    rows,
    columns,
    height,
    width,
    blocks,
    BLOCK: tl.constexpr,
):
    """Make BLOCK columns of one row of (B * C, rows, columns) from (B * C, height, width)."""
    line = tl.program_id(0) // blocks
    c = (tl.program_id(0) % blocks) * BLOCK + tl.arange(0, BLOCK)
    inside = c < columns
    row = first_row + line % rows
    plane = images + (line // rows).to(tl.int64) * height * width
    upper = plane + tl.load(row_low + row) * width
    lower = plane + tl.load(row_high + row) * width
    down = tl.load(row_part + row)
    low = tl.load(column_low + c, mask=inside, other=0)
    high = tl.load(column_high + c, mask=inside, other=0)
    right = tl.load(column_part + c, mask=inside, other=0.0)
    real: tl.constexpr = out.dtype.element_ty
    left_values = tl.load(upper + low).to(real) * (1 - down) + tl.load(lower + low).to(real) * down
    right_values = tl.load(upper + high).to(real) * (1 - down) + tl.load(lower + high).to(real) * down
    value = left_values * (1 - right) + right_values * right
    tl.store(out + line.to(tl.int64) * columns + c, value, mask=inside)


@triton.jit(do_not_specialize=["first_row", "end_row", "columns", "height", "width", "blocks"])
def _reduce(
    slope,
    out,
    row_first,
    row_end,
    row_by,
    column_first,
    column_end,
    column_by,
    first_row,
    end_row,
    columns,
    height,
    width,
    blocks,
    BLOCK: tl.constexpr,
):
    """Add to BLOCK columns of one row of (B * C, height, width) what (B * C, rows, columns) are to them."""
    line = tl.program_id(0) // blocks
    j = (tl.program_id(0) % blocks) * BLOCK + tl.arange(0, BLOCK)
    inside = j < width
    i = line % height
    begin = tl.load(row_first + i)
    start = tl.maximum(begin, first_row)
    end = tl.minimum(tl.load(row_end + i), end_row)
    if start < end:
        rows = end_row - first_row
        first = tl.load(column_first + j, mask=inside, other=0)
        count = tl.load(column_end + j, mask=inside, other=0) - first
        most = tl.max(count, axis=0)
        plane = slope + (line // height).to(tl.int64) * rows * columns + first
        total = tl.zeros([BLOCK], out.dtype.element_ty)
        for row in range(start, end):
            along = tl.zeros([BLOCK], out.dtype.element_ty)
            for k in range(most):
                by = tl.load(column_by + k * width + j, mask=inside, other=0.0)
                value = tl.load(plane + (row - first_row) * columns + k, mask=inside & (k < count), other=0.0)
                along += by * value
            total += tl.load(row_by + (row - begin) * height + i) * along
        at = out + line.to(tl.int64) * width + j
        tl.store(at, tl.load(at, mask=inside, other=0.0) + total, mask=inside)


_ENLARGE, _REDUCE = Kernel(_enlarge), Kernel(_reduce)
