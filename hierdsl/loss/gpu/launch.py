"""Launch kernels: the first time through Triton, which compiles them, then what it compiled itself.

At each launch Triton works out anew, in Python, what a kernel is to be compiled for. That takes longer than a small
batch keeps a device busy; what it depends on is looked at in a few microseconds.
"""

from typing import Any

from torch import Tensor

OPTIONS = {"enable_fp_fusion": True}
"""Of every launch: a multiplication and an addition are one operation, which newer versions do only if asked to."""
_WORD = 1 << 31


class Kernel:
    """A kernel of Triton, and what it was compiled to so far."""

    def __init__(self, function: Any) -> None:
        """Know its function, whose arguments that are constants of the compiler come last."""
        self.function = function
        self._compiled: dict[tuple[object, ...], tuple[Any, tuple[object, ...]]] = {}

    def __call__(
        self,
        programs: int,
        tensors: tuple[Tensor, ...],
        numbers: tuple[int | float, ...],
        *,
        num_warps: int,
        maxnreg: int | None = None,
        **constants: object,
    ) -> None:
        """Launch it on the device of its tensors, which is the current one, and on its current stream.

        Args:
            programs: Of the launch.
            tensors: The first arguments.
            numbers: Those that follow, which Triton is not to look at (`do_not_specialize`).
            num_warps: Of a program.
            maxnreg: Registers of a lane at most; None for no limit.
            constants: The others.
        """
        # what Triton compiles for: the types, and whether a tensor can be read 16 bytes at a time
        key = (
            tensors[0].get_device(),
            num_warps,
            maxnreg,
            *constants.values(),
            *[tensor.dtype for tensor in tensors],
            *[tensor.data_ptr() % 16 for tensor in tensors],
            *[type(number) is float or -_WORD <= number < _WORD for number in numbers],
        )
        found = self._compiled.get(key)
        if found is not None:
            compiled, values = found
            compiled[(programs, 1, 1)](*tensors, *numbers, *values)
            return
        limit = {} if maxnreg is None else {"maxnreg": maxnreg}
        launched = self.function[(programs,)]
        compiled = launched(*tensors, *numbers, **constants, num_warps=num_warps, **limit, **OPTIONS)
        if compiled is not None:  # the interpreter compiles nothing
            names = self.function.arg_names[len(tensors) + len(numbers) :]
            self._compiled[key] = compiled, tuple(constants[name] for name in names)


def blocks_of(size: int, block: int) -> int:
    """How many blocks there are in a size, the last not always full: `triton.cdiv`, which takes 10 microseconds."""
    return -(-size // block)
