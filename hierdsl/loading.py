"""Read a .hier file: text in, hierarchy and diagnostics out.

`analyze` never raises on what a file holds; `load` is for programs that want the hierarchy or an exception.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hierdsl.check import check
from hierdsl.diagnostics import Diagnostic, HierError
from hierdsl.resources import bundled_hierarchies
from hierdsl.scope import Scope
from hierdsl.source import Source
from hierdsl.syntax import decode, parse

if TYPE_CHECKING:
    from hierdsl.model import Hierarchy


def analyze(
    text: str | bytes | Source, name: str = "<string>"
) -> "tuple[Hierarchy | None, list[Diagnostic]]":
    r"""Parse and check a text.

    Args:
        text: The content of a .hier file: decoded, as bytes, or as a `Source`.
        name: How diagnostics call the file; not used when `text` is a `Source`.

    Returns:
        The hierarchy, None when there is an error, and all diagnostics in file order.

    Example:
        >>> hierarchy, diagnostics = analyze("tree\n    sky = 0\n    road = 1\n")
        >>> [hierarchy.path(leaf) for leaf in hierarchy.leaves], diagnostics
        (['sky', 'road'], [])
    """
    scope, found = examine(text, name)
    if scope is None:
        return None, found
    from hierdsl.model import build  # noqa: PLC0415 - pydantic, which only checking a file has no use for

    return build(scope), found


def examine(text: str | bytes | Source, name: str = "<string>") -> tuple[Scope | None, list[Diagnostic]]:
    """As `analyze`, but with the checked document in place of the hierarchy that `build` makes of it."""
    found: list[Diagnostic] = []
    if isinstance(text, Source):
        source = text
    else:
        data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
        source, found = decode(data, name)
    if found:
        return None, found
    document, syntax = parse(source)
    scope = Scope(document)
    found = sorted([*syntax, *check(scope)], key=lambda d: d.primary.span)
    if any(d.is_error for d in found):
        return None, found
    return scope, found


def find(name: str | os.PathLike[str]) -> Path:
    """The path of a file, or of the bundled hierarchy of that bare name.

    Raises:
        FileNotFoundError: There is neither; the message lists the bundled names.
    """
    path = Path(name)
    bundled = bundled_hierarchies()
    if not path.is_file() and str(name) in bundled:  # also where a folder of data has that name
        return bundled[str(name)]
    if not path.exists():
        known = ", ".join(bundled)
        raise FileNotFoundError(f"there is no file '{name}', and no bundled hierarchy of that name ({known})")
    return path


def load(file: str | os.PathLike[str]) -> "Hierarchy":
    """Load a hierarchy.

    Args:
        file: A path, or the bare name of a bundled hierarchy such as "helen".

    Returns:
        The validated hierarchy; warnings are not reported.

    Raises:
        HierError: The file has errors; the exception carries the diagnostics.
        OSError: The file cannot be read.

    Example:
        >>> len(load("helen").leaves)
        11
    """
    path = find(file)
    hierarchy, diagnostics = analyze(path.read_bytes(), str(file) if path == Path(file) else path.name)
    if hierarchy is None:
        raise HierError(diagnostics)
    return hierarchy
