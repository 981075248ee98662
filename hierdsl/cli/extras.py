"""What a command says when the packages of an extra are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from hierdsl.cli.common import Usage


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Around the imports of what an extra installs.

    Args:
        extra: Name of the extra.
        what: The work that needs it, which begins the message.

    Raises:
        Usage: A package is missing; the line says how to install it.
    """
    try:
        yield
    except ImportError as error:
        raise Usage(
            f"{what} needs more packages ({error.name} is missing): pip install 'hierdsl[{extra}]'"
        ) from None
