"""The program `hierdsl`, or `python -m hierdsl`: its start and its end are what a user waits for most."""

import gc
import os
import sys
from typing import NoReturn


def program() -> NoReturn:
    """Run the command line, and end the process."""
    gc.set_threshold(50_000)  # importing makes much and drops nothing
    from hierdsl.cli import main  # noqa: PLC0415 - after that

    try:
        main()
    except SystemExit as end:
        # Python would first take every object apart, for longer than `validate` takes for a small file; only torch,
        # with its threads and devices, needs that
        if "torch" in sys.modules or not isinstance(end.code, int | None):
            raise
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # a program was started without it
                stream.flush()
        os._exit(end.code or 0)
    raise AssertionError  # click ends by SystemExit


if __name__ == "__main__":
    program()
