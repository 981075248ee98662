"""The nearest known word to a misspelt one, and how many of these a file can ask for."""

from collections.abc import Callable, Collection, Iterable

_MAX_COMPARISONS = 60_000
"""Words compared with misspelt ones, in all: a second, however many references a file has wrong."""
_MAX_LENGTH = 1_000
"""Of a misspelt word; to compare two long ones takes up to the square of their length."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when none is close. Case does not count."""
    if len(word) > _MAX_LENGTH:
        return None
    from difflib import get_close_matches  # noqa: PLC0415 - a right file needs none of it

    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


class Suggester:
    """Finds the nearest known words for one file, as long as that does not take too much time in all."""

    def __init__(self, *, whatever_size: bool = False) -> None:
        """With `whatever_size` the number of known words does not matter for the last one that is looked for."""
        self._compared = 0
        self._whatever_size = whatever_size

    def nearest(self, word: str, words: Callable[[], Collection[str]]) -> str | None:
        """The known word most like `word`; None when none is close, or too many were compared before."""
        if self._compared > _MAX_COMPARISONS:
            return None
        known = words()
        # of words that are longer than usual all characters are read, and those of two alike again and again
        count = max(len(known), sum(map(len, known)) // 64)
        long = len(known) * (len(word) // 32) ** 2
        allowed = self._compared + long + (0 if self._whatever_size else count) <= _MAX_COMPARISONS
        self._compared += count + long
        return nearest(word, known) if allowed else None
