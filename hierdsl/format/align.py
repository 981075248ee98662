"""Columns of a run of lines: names, what stands behind them, attributes and comments, each from one column on."""

from collections.abc import Iterable, Sequence

from hierdsl.format.rows import Row

WIDEST = 60
"""A line that is wider than this before a column keeps its own: one long line must not push all others away, nor
its square in blanks into a big file."""


def aligned(run: Sequence[tuple[Row, str]]) -> list[str]:
    """The lines of rows with their comments, "" for none; without indentation."""
    lines = [row.left for row, _ in run]
    if len(run) == 1:
        ((row, comment),) = run
        return ["  ".join(filter(None, (row.left + row.separator + row.right, row.attributes, comment)))]
    column = _column(row.left for row, _ in run if row.separator)
    for i, (row, _) in enumerate(run):
        if row.separator:
            lines[i] = _padded(row.left, column) + row.separator + row.right
    for cells in ([row.attributes for row, _ in run], [comment for _, comment in run]):
        if any(cells):
            column = _column(line for line, cell in zip(lines, cells, strict=True) if cell)
            for i, cell in enumerate(cells):
                if cell:
                    lines[i] = f"{_padded(lines[i], column)}  {cell}"
    return lines


def _column(texts: Iterable[str]) -> int:
    return max((w for w in map(_width, texts) if w <= WIDEST), default=0)


def _padded(text: str, column: int) -> str:
    return text + " " * (column - _width(text))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - most files are done without it

    return cell_len(text)
