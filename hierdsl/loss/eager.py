"""Whether Python may look at the numbers of a tensor, or torch only traces or transforms what is done with it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn import Parameter


def is_eager(tensor: Tensor) -> bool:
    """Whether this is a plain tensor with numbers, at a time when the program runs as it is written."""
    return (
        not torch.compiler.is_compiling() and type(tensor) in (Tensor, Parameter) and not transforms_active()
    )


def transforms_active() -> bool:
    """Whether `torch.func` is at work."""
    return torch._C._are_functorch_transforms_active()  # noqa: SLF001 - as torch's own code asks


def has_derivative(tensor: Tensor) -> bool:
    """Whether autograd, backward or forward, wants to know what a tensor is made into."""
    if tensor.requires_grad or torch.compiler.is_compiling():
        return tensor.requires_grad
    return unpack_dual(tensor).tangent is not None


def recorded() -> bool:
    """Whether `torch.jit.trace` writes down what is done with tensors."""
    return not torch.compiler.is_compiling() and torch._C._get_tracing_state() is not None  # noqa: SLF001 - see above


@contextmanager
def untransformed() -> Iterator[None]:
    """What is made here are plain tensors, to keep: of no inference mode, and not wrapped for `torch.func`."""
    with torch.inference_mode(mode=False), torch._C._DisableFuncTorch():  # noqa: SLF001 - see above
        yield


def exported() -> bool:
    """Whether what runs now may be for another runtime: it is exported, or else compiled."""
    return torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()
