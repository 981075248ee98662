"""From spans to lines and columns, for the forms that programs read. The full form counts for itself."""

from dataclasses import dataclass

from hierdsl.source import Source, Span


@dataclass(frozen=True, slots=True)
class Region:
    """A span as lines and columns, all from 1; the end is behind its last character."""

    line: int
    column: int
    end_line: int
    end_column: int


def region(source: Source, span: Span) -> Region:
    r"""Where a span lies.

    Example:
        >>> region(Source("x.hier", "tree\n    car\n"), Span(9, 12))
        Region(line=2, column=5, end_line=2, end_column=8)
    """
    return Region(*source.position(span.start), *source.position(span.end))
