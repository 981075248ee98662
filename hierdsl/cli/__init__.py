"""The command line. Each command lives in a module of its own, imported when it is called."""

from hierdsl.cli.main import main

__all__ = ["main"]
