"""Bilinear interpolation of logits, in bands of rows, and its adjoint, with what torch has for one axis.

As `F.interpolate` with `align_corners=False`, along one axis after the other; see `hierdsl.loss.upsampled`. Torch's
kernels for one axis are slow on a GPU, which has its own: `hierdsl.loss.gpu.enlarge`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from hierdsl.loss.tiled import Tile


class Taps(NamedTuple):
    """The two rows, or columns, that each enlarged one is a mean of.

    With the arithmetic, and in the type, of `F.interpolate`: in another the rows of a large image would drift.

    Attributes:
        low: The first, (R,) int64, never descending.
        high: The one after it, or the last.
        part: What the second counts; the first counts the rest of 1.
    """

    low: Tensor
    high: Tensor
    part: Tensor


def taps(size: int, enlarged: int, real: torch.dtype, device: torch.device) -> Taps:
    """Of `size` rows that become `enlarged` ones, `real` a floating type."""
    at = torch.arange(enlarged, dtype=real, device=device)
    step = torch.tensor(size, dtype=real) / max(1, enlarged)
    source = (step.to(device) * (at + 0.5) - 0.5).clamp(min=0)
    low = source.long().clamp(max=max(0, size - 1))
    return Taps(low, (low + 1).clamp(max=max(0, size - 1)), (source - low).clamp(max=1))


class Enlarged:
    """Logits that exist for a band at a time.

    Attributes:
        gradient: What `add` was given, of the small logits: (N, C, h, w) of their type; None if not wanted.
    """

    def __init__(
        self, logits: Tensor, size: tuple[int, int], most: int, real: torch.dtype, *, wanted: bool
    ) -> None:
        """Take buffers.

        Args:
            logits: (N, C, h, w).
            size: (H, W).
            most: Enlarged logits of a band at most.
            real: What is computed in.
            wanted: Whether there is to be a gradient.
        """
        self.logits, self.rows, self.columns = logits, *size
        self.gradient = torch.zeros_like(logits) if wanted else None
        self._taps = taps(logits.shape[2], self.rows, real, logits.device)
        self._of_high = self._taps.part.unsqueeze(1)
        self._of_low = 1 - self._of_high
        self._buffer = logits.new_empty(most, dtype=real)
        self._v = self._buffer  # the rows of the band, not yet enlarged along them
        self._images: Tensor | None = None

    def band(self, band: Tile) -> Tensor:
        """The enlarged logits of a band, (B, C, M), until the next is asked for."""
        images, rows = self.logits[band.n : band.n_end], slice(band.at, band.end)
        real = self._buffer.dtype
        low = images.index_select(2, self._taps.low[rows]).to(real).contiguous()
        high = images.index_select(2, self._taps.high[rows]).to(real)
        self._v = low.mul_(self._of_low[rows]).addcmul_(high, self._of_high[rows])
        count, leaves, height, width = self._v.shape
        u = self._buffer[: self._v.numel() // width * self.columns].view(count, leaves * height, self.columns)
        _enlarge(self._v.view(count, -1, width), u)
        return u.view(count, leaves, -1)

    def add(self, band: Tile, slope: Tensor) -> None:
        """Add the gradient of the band that was asked for last, (B, C, M), to that of the small logits."""
        assert self.gradient is not None  # noqa: S101 - for the type checker
        count, leaves, height, width = self._v.shape
        _reduce(slope.view(count, leaves * height, self.columns), self._v.view(count, -1, width))
        images = self.gradient[band.n : band.n_end]
        if self.gradient.dtype == self._v.dtype:
            self._add_rows(images, band)
            return
        # in a half type the sum over the bands of an image is kept in float32
        if self._images is None or band.at == 0:
            self._images = torch.zeros_like(images, dtype=self._v.dtype)
        self._add_rows(self._images, band)
        if band.end == self.rows:
            images.copy_(self._images)

    def _add_rows(self, images: Tensor, band: Tile) -> None:
        at = slice(band.at, band.end)
        images.index_add_(2, self._taps.low[at], self._v * self._of_low[at])
        images.index_add_(2, self._taps.high[at], self._v.mul_(self._of_high[at]))


def _enlarge(rows: Tensor, out: Tensor) -> None:
    """Interpolate along the last axis."""
    torch.ops.aten.upsample_linear1d.out(rows, [out.shape[2]], False, None, out=out)


def _reduce(gradient: Tensor, out: Tensor) -> None:
    """The adjoint of `_enlarge`."""
    torch.ops.aten.upsample_linear1d_backward.grad_input(
        gradient, [gradient.shape[2]], list(out.shape), False, None, grad_input=out
    )
