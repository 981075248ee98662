"""How the loops are compiled."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from numba import njit

_HERE = Path(__file__).parent


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
            made: Any = njit(cache=True, **options)(function)
        except RuntimeError:  # no folder can be written to: each process compiles anew
            return njit(**options)(function)
        # Numba looks at the file of a function alone, and what it calls may be part of it and in another one
        kept = getattr(getattr(made, "_cache", None), "_cache_file", None)  # there is no other way
        if kept is not None:
            kept._source_stamp = (kept._source_stamp, _STAMP)  # noqa: SLF001
        return made

    return compile_


def _stamp_of(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Another one when a file changes: the name, size and time of each. Empty where there are none, as in a zip."""
    found = [(file.name, file.stat()) for file in sorted(files) if file.is_file()]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


_STAMP = _stamp_of([*_HERE.rglob("*.py"), _HERE.parent / "shape.py"])
