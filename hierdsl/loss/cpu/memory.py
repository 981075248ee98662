"""Memory for a large result that is written once: in huge pages, where Linux gives them on request.

A new tensor of many megabytes has no memory until it is touched, and the kernel hands it out in pages of 4 KiB, each
at the price of a fault: for the gradient of a loss that takes longer than the loss. Pages of 2 MiB cost a fifth.
"""

import ctypes
import sys
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

_HUGE = 1 << 21
_LEAST = 2 * _HUGE
_MADV_HUGEPAGE = 14  # of <sys/mman.h>


def empty_like(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor of that shape and layout whose values are not set, as `torch.empty_like`."""
    made = torch.empty_like(tensor, dtype=dtype)
    size = made.numel() * made.element_size()
    advise = _madvise()
    if advise is not None and size >= _LEAST:
        start = -(-made.data_ptr() // _HUGE) * _HUGE
        length = (made.data_ptr() + size - start) // _HUGE * _HUGE
        advise(start, length, _MADV_HUGEPAGE)  # no more than advice: that it fails changes nothing
    return made


@lru_cache(maxsize=1)
def _madvise() -> Any:
    if sys.platform != "linux":
        return None
    function = ctypes.CDLL(None).madvise
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return function
