"""Which files a command line means: files, bundled hierarchies, standard input, and what lies in a folder."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hierdsl.resources import bundled_hierarchies


@dataclass(frozen=True, slots=True)
class Input:
    """A file to read, or a path that stands for none and why."""

    path: str
    complaint: str | None = None


def expand(paths: Sequence[str]) -> Iterator[Input]:
    """The files that the paths stand for, each once, and the complaint where a path stands for none.

    A folder stands for the files in it and below that end in .hier, sorted by path; hidden ones, whose names
    start with a dot, are passed over, and so are links to folders. A bundled hierarchy goes before a folder of
    the same name.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _files(path):
            if found.path not in seen:
                seen.add(found.path)
                yield found


def _files(path: str) -> list[Input]:
    if path == "-" or not Path(path).is_dir() or path in bundled_hierarchies():
        return [Input(path)]
    refused: list[OSError] = []
    found: list[Path] = []
    for folder, folders, files in os.walk(path, onerror=refused.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = [Path(folder, name) for name in files if name.endswith(".hier") and not name.startswith(".")]
        # a link to nowhere is read too, for its error; a pipe would never end
        found += [file for file in below if file.is_file() or not file.exists()]
    if not found and not refused:
        return [Input(path, f"there is no .hier file in '{path}'")]
    return [
        *(Input(str(file)) for file in sorted(found)),
        *(
            Input(str(error.filename), f"cannot read '{error.filename}': {error.strerror}")
            for error in refused
        ),
    ]
