"""Multiply a gradient in place by a number that lies on the device, without waiting to see what it is."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from hierdsl.loss.gpu.launch import Kernel, blocks_of

_BLOCK = 4096
_FEW = 1 << 20
_MOST_PROGRAMS = 1024  # they fill a device; more would only take their time to find nothing to do


def scale_(gradient: Tensor, by: Tensor) -> Tensor:
    """Multiply in place; where the factor is 1, as it is in most trainings, nothing is read or written.

    Args:
        gradient: Of any floating type, without gaps in memory.
        by: A 0-d tensor on the same device.

    Returns:
        `gradient`.
    """
    size = gradient.numel()
    if not size:
        return gradient
    # torch is launched sooner; but shorter types would round the factor
    if size <= _FEW and gradient.dtype == torch.float32:
        return gradient.mul_(by)
    # a tensor made by empty_like has its numbers side by side, in whatever order of dimensions
    if not _has_no_gaps(gradient):
        return gradient.mul_(by)
    with torch.cuda.device_of(gradient):
        programs = min(_MOST_PROGRAMS, blocks_of(size, _BLOCK))
        _multiply(programs, (gradient, by), (size, programs), BLOCK=_BLOCK, num_warps=8)
    return gradient


def _has_no_gaps(tensor: Tensor) -> bool:
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True


@triton.jit(do_not_specialize=["size", "programs"])
def _scale(gradient, by, size, programs, BLOCK: tl.constexpr):
    factor = tl.load(by).to(tl.float32)
    if factor != 1.0:
        for block in range(tl.program_id(0), tl.cdiv(size, BLOCK), programs):
            at = tl.cast(block, tl.int64) * BLOCK + tl.arange(0, BLOCK)
            value = tl.load(gradient + at, mask=at < size, other=0.0).to(tl.float32)
            tl.store(gradient + at, (value * factor).to(gradient.dtype.element_ty), mask=at < size)


_multiply = Kernel(_scale)
