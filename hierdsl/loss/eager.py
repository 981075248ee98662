"""Whether Python may look at the numbers of a tensor, or torch only traces or transforms what is done with it."""

import torch
from torch import Tensor
from torch.nn import Parameter


def is_eager(tensor: Tensor) -> bool:
    """Whether this is a plain tensor with numbers, at a time when the program runs as it is written."""
    return (
        not torch.compiler.is_compiling() and type(tensor) in (Tensor, Parameter) and not transforms_active()
    )


def transforms_active() -> bool:
    """Whether `torch.func` is at work."""
    return torch._C._are_functorch_transforms_active()  # noqa: SLF001 - as torch's own code asks
