"""Read a .hier file, and those that it uses: text in, hierarchy and diagnostics out.

`analyze` never raises on what a file holds; `load` is for programs that want the hierarchy or an exception.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from hierdsl.check import check
from hierdsl.diagnostics import Annotation, Diagnostic, HierError, nearest
from hierdsl.resources import bundled_hierarchies
from hierdsl.scope import Scope
from hierdsl.source import Source
from hierdsl.syntax import Document, UseDecl, decode, parse, read_bytes

if TYPE_CHECKING:
    from hierdsl.model import Hierarchy

MAX_FILES = 1_000
MAX_USE_DEPTH = 100


def analyze(
    text: str | bytes | Source, name: str = "<string>", *, path: str | os.PathLike[str] | None = None
) -> "tuple[Hierarchy | None, list[Diagnostic]]":
    r"""Parse and check a text.

    Args:
        text: The content of a .hier file: decoded, as bytes, or as a `Source`.
        name: How diagnostics call the file; not used when `text` is a `Source`.
        path: Where the text comes from. Files that it uses are looked for beside it; without a path it can
            use bundled hierarchies only.

    Returns:
        The hierarchy, None when there is an error, and all diagnostics: first those of used files, which are
        errors only, then those of the file itself; each in file order.

    Raises:
        TypeError: The text is none.

    Example:
        >>> hierarchy, diagnostics = analyze("tree\n    sky = 0\n    road = 1\n")
        >>> [hierarchy.path(leaf) for leaf in hierarchy.leaves], diagnostics
        (['sky', 'road'], [])
    """
    scope, found = examine(text, name, path=path)
    if scope is None:
        return None, found
    from hierdsl.model import build  # noqa: PLC0415 - pydantic, which only checking a file has no use for

    return build(scope), found


def examine(
    text: str | bytes | Source, name: str = "<string>", *, path: str | os.PathLike[str] | None = None
) -> tuple[Scope | None, list[Diagnostic]]:
    """As `analyze`, but with the checked document in place of the hierarchy that `build` makes of it."""
    if isinstance(text, Source):
        name, text = text.name, text.text
    data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
    if not isinstance(data, bytes):
        raise TypeError(
            f"text is the content of a .hier file, str or bytes, not {type(text).__name__}; load() takes a file"
        )
    try:
        place = Path(path).resolve() if path is not None else None
    except RuntimeError:  # a ring of links
        place = None
    files = _Files(place.parent if place else None)
    with _no_collection():
        scope, found = files.examine(data, name, place)
    return scope, [*files.used_errors, *found]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Reading a big file makes millions of objects and drops none: looking for garbage is a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Files:
    """One file and all that it uses, each read once.

    Attributes:
        project: The folder that no used file may lie outside of; None where only bundled ones can be used.
        used_errors: The errors of the used files, each file's in its order.
    """

    def __init__(self, project: Path | None) -> None:
        self.project = project
        self.used_errors: list[Diagnostic] = []
        self._scopes: dict[Path, Scope | None] = {}
        self._open: list[Path] = []
        self._beside: dict[Path, list[str]] = {}
        self._asked = 0

    def examine(self, data: bytes, name: str, path: Path | None) -> tuple[Scope | None, list[Diagnostic]]:
        """Decode, parse, take in what is used, and check."""
        source, found = decode(data, name)
        if found:
            return None, found
        document, found = parse(source)
        if document.uses or document.edit:
            if path is not None:
                self._open.append(path)
            used = {}
            for use in document.uses:
                scope = self._use(document, use, name, path, found)
                if scope is not None:
                    used[use.keyword] = (use.name.text if use.name else Path(use.file.text).stem, scope)
            if path is not None:
                self._open.pop()
            from hierdsl.compose import compose  # noqa: PLC0415 - most files stand alone

            scope, composed = compose(document, used)
            found += composed
        else:
            scope = Scope(document)
        found += check(scope)
        found.sort(key=lambda d: (d.primary.source is not source, d.primary.span))
        return (None if any(d.is_error for d in found) or not scope.complete else scope), found

    def _use(
        self, document: Document, use: UseDecl, name: str, path: Path | None, found: list[Diagnostic]
    ) -> Scope | None:
        """The scope of a used file; None where it has none, which is reported."""
        place = Annotation(document.source, use.file.span)
        target = self._find(use, path, place, found)
        if target is None:
            return None
        if target in self._open:
            chain = " uses ".join(f"'{p.name}'" for p in [*self._open[self._open.index(target) :], target])
            found.append(
                Diagnostic(
                    "H503", f"this file would use itself: {chain}", place, help="remove one of these uses"
                )
            )
            return None
        if target in self._scopes:
            return self._scopes[target]
        if len(self._scopes) >= MAX_FILES or len(self._open) >= MAX_USE_DEPTH:
            message = f"a file uses at most {MAX_FILES:,} others, at most {MAX_USE_DEPTH} deep"
            found.append(Diagnostic("H904", message, place, help="put the trees of some into one file"))
            return None
        try:
            with target.open("rb") as stream:
                data = read_bytes(stream)
        except OSError as error:
            message = f"cannot read '{use.file.text}': {error.strerror}"
            found.append(Diagnostic("H501", message, place, help="make it readable, or use another file"))
            return None
        shown = os.path.normpath(os.path.join(os.path.dirname(name), use.file.text))  # noqa: PTH118, PTH120 - as written
        scope, diagnostics = self.examine(data, shown, target)
        self.used_errors += [d for d in diagnostics if d.is_error]
        self._scopes[target] = scope
        return scope

    def _find(
        self, use: UseDecl, path: Path | None, place: Annotation, found: list[Diagnostic]
    ) -> Path | None:
        """The file that is meant."""
        written = use.file.text
        bundled = bundled_hierarchies()
        if path is None or self.project is None:
            if written in bundled:
                return bundled[written].resolve()
            message = f"'{written}' cannot be found: this text lies in no folder"
            mend = f"save it as a file, or use a bundled hierarchy: {', '.join(bundled)}"
            found.append(Diagnostic("H501", message, place, help=mend))
            return None
        try:
            target = (path.parent / written).resolve()
            exists = target.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, a character that no path has, a ring of links
            target, exists = path, False
        if not exists and written in bundled:
            return bundled[written].resolve()
        if exists and not target.is_relative_to(self._root(path)):
            found.append(
                Diagnostic(
                    "H502",
                    f"'{written}' lies outside the folder of the file that was asked for",
                    place,
                    notes=("a file that comes from others must not read what lies elsewhere",),
                    help="copy it beside this file, or put this file higher up",
                )
            )
            return None
        if not exists:
            others = self._others(path)
            close = nearest(written, [*others, *bundled]) or nearest(Path(written).stem, bundled)
            mend = f'did you mean "{close}"?' if close else "the path counts from the folder of this file"
            found.append(Diagnostic("H501", f"there is no file '{written}'", place, help=mend))
            return None
        return target

    def _others(self, path: Path) -> list[str]:
        """What else could have been meant: files beside it and below, a few hundred at most."""
        if path not in self._beside:
            found = islice(path.parent.glob("**/*.hier"), 300)
            self._beside[path] = sorted(p.relative_to(path.parent).as_posix() for p in found if p != path)
        self._asked += 1
        return self._beside[path] if self._asked <= 100 else []

    def _root(self, path: Path) -> Path:
        """The project; or for a bundled file the folder of those."""
        bundled = {p.resolve().parent for p in bundled_hierarchies().values()}
        return path.parent if path.parent in bundled else self.project or path.parent


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
    name = str(file) if path == Path(file) else path.name
    with path.open("rb") as stream:
        data = read_bytes(stream)
    hierarchy, diagnostics = analyze(data, name, path=path)
    if hierarchy is None:
        raise HierError(diagnostics)
    return hierarchy
