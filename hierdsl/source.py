"""A text with a name, and the way from an offset to a line and a column.

Positions inside the program are half-open code-point offsets (`Span`). Lines and columns exist only where
something is shown to a person; both count from 1. Reading and decoding files is not done here.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open range [start, end) of code points of one source.

    A named tuple, as all that a big file has a million of: it is made in a quarter of a dataclass's time.
    """

    start: int
    end: int

    def to(self, other: "Span") -> "Span":
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


@dataclass(frozen=True)
class Source:
    """A text and the name under which messages speak of it (a path as the user wrote it, or `<string>`)."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first code point of each line; the last line may be empty."""
        return [0, *accumulate(len(line) + 1 for line in self.text.split("\n")[:-1])]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1; the end of the text is a position too."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its newline."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]

    def slice(self, span: Span) -> str:
        """The text of a span."""
        return self.text[span.start : span.end]


def printable(text: str) -> str:
    """A text from a file as a terminal or a picture can show it: a control character becomes its escape."""
    if text.isprintable():
        return text
    return "".join(ch if ch.isprintable() else repr(ch)[1:-1] for ch in text)
