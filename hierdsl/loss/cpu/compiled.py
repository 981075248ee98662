"""How the loops are compiled."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*, any_order: bool = False, inline: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function at its first call, without the interpreter's lock, and keep the result for later processes.

    Args:
        any_order: Whether sums may be made in another order, so that vector instructions can be used for them.
        inline: Whether it always becomes part of what calls it, however long it is.
    """
    # neither of the first two changes what is no number
    allowed = {"contract", "nsz", "reassoc"} if any_order else {"contract", "nsz"}

    def compile_(function: Callable[..., Any]) -> Any:
        options: Any = {"nogil": True, "error_model": "numpy", "fastmath": allowed, "forceinline": inline}
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError:  # no folder can be written to: each process compiles anew
            return njit(**options)(function)

    return compile_
