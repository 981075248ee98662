"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole(target: Path) -> Iterator[BinaryIO]:
    """A stream to a file beside the target, which takes its place when the block ends well.

    Whatever happens, what was there before stays until the new file is complete and on the disk, and nothing is
    left beside it.

    Raises:
        OSError: The file cannot be written.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(target: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    with whole(target) as stream:
        stream.write(data)
