"""Add up what the programs of a kernel found, always in the same order, so that a result can be repeated."""

import triton
import triton.language as tl
from torch import Tensor

from hierdsl.loss.gpu.launch import Kernel

_BLOCK = 8192


def add_up(sums: Tensor, loss: Tensor, levels: Tensor) -> None:
    """Sum in float64.

    Args:
        sums: Of each program, (1 + D, programs) float32, or the first row alone, where there are no level losses.
        loss: To write, one number of any floating type.
        levels: To write, (D,), of the same type; zeros where there are none.
    """
    rows, programs = sums.shape
    _add(1 + levels.numel(), (sums, loss, levels), (rows, programs), BLOCK=_BLOCK, num_warps=16)


@triton.jit(do_not_specialize=["rows", "programs"])
def _add_up(sums, loss, levels, rows, programs, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    total = tl.zeros([BLOCK], tl.float64)
    if row < rows:
        for first in range(0, programs, BLOCK):
            at = first + tl.arange(0, BLOCK)
            total += tl.load(sums + row * programs + at, mask=at < programs, other=0.0).to(tl.float64)
    found = tl.sum(total, axis=0).to(loss.dtype.element_ty)
    if row == 0:
        tl.store(loss, found)
    else:
        tl.store(levels + row - 1, found)


_add = Kernel(_add_up)
