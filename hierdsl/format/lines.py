"""The lines of the canonical form: where comments and blank lines go, and which lines are aligned together.

A comment line stands before the line that it stood before, indented like that; but where deeper lines end there, and
its own indentation is that of one of them, it stays with those: it may be the last of them, commented out.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from hierdsl.format.align import aligned
from hierdsl.format.rows import Row, rows
from hierdsl.syntax import Document

_INDENT = "    "
_CODE = re.compile(r'(?:[^"#]++|"(?:[^"\\]|\\.)*+")*+', re.DOTALL)


class Placed(NamedTuple):
    """A line of the canonical form and the line of the source that it was, from 0; None for an added blank one."""

    origin: int | None
    text: str


class _Comment(NamedTuple):
    origin: int
    indent: int
    text: str


def canonical_lines(document: Document) -> list[Placed]:
    """The canonical form of a document that was parsed without a diagnostic.

    Takes time in proportion to the text.
    """
    layout = _Layout()
    following = iter(rows(document))
    for origin, line in enumerate(document.source.text.split("\n")):
        content = line.lstrip(" \t")
        indent = len(line) - len(content)
        if not content:
            layout.blank(origin)
        elif content[0] == "#":
            layout.comment(_Comment(origin, indent, content.rstrip()))
        else:
            layout.row(origin, indent, next(following), _trailing_comment(content))
    layout.end()
    return layout.lines


def _trailing_comment(content: str) -> str:
    if "#" not in content:
        return ""
    code = _CODE.match(content)
    assert code  # noqa: S101 - it matches the empty text too
    return content[code.end() :].rstrip()


class _Layout:
    """Takes the lines of a source one by one."""

    def __init__(self) -> None:
        self.lines: list[Placed] = []
        self._pending: list[_Comment | int] = []  # since the last row; a number is a blank line
        self._run: list[tuple[int, Row, str]] = []  # rows that are aligned together
        self._inside: list[
            tuple[int, _Comment]
        ] = []  # comment lines before the row of that position in the run
        self._indents: list[int] = []  # of the open rows, outermost first: a row and those above it
        self._started = False  # whether there was a section

    def blank(self, origin: int) -> None:
        if not (self._pending and isinstance(self._pending[-1], int)):  # one of several is enough
            self._pending.append(origin)

    def comment(self, comment: _Comment) -> None:
        self._pending.append(comment)

    def row(self, origin: int, indent: int, row: Row, comment: str) -> None:
        if row.depth:
            self._before_row(row.depth)
        else:
            self._before_section()
        del self._indents[max(row.depth - 1, 0) :]
        if row.depth:
            self._indents.append(indent)
        self._run.append((origin, row, comment))
        self._pending.clear()

    def end(self) -> None:
        self._flush()
        self._place(self._without_last_blank(self._pending), 0)

    def _before_row(self, depth: int) -> None:
        if self._run[-1:] and self._run[-1][1].depth == depth and self._joins(depth):
            position = len(self._run)
            self._inside += [(position, each) for each in self._pending if isinstance(each, _Comment)]
            return
        is_first = bool(self._run) and self._run[-1][1].depth == 0
        self._flush()
        pending = self._pending
        if is_first and pending and isinstance(pending[0], int):  # nothing parts a section from its head
            pending = pending[1:]
        self._place(pending, depth)

    def _joins(self, depth: int) -> bool:
        return all(isinstance(each, _Comment) and self._depth(each, depth) == depth for each in self._pending)

    def _before_section(self) -> None:
        self._flush()
        pending = self._pending
        split = len(pending)
        while split and self._is_of_section(pending[split - 1]):
            split -= 1
        self._place(self._without_last_blank(pending[:split]), 0)
        if self.lines:
            blank = pending[split - 1] if split else None
            self.lines.append(Placed(blank if isinstance(blank, int) else None, ""))
        self._place(pending[split:], 0)
        self._started = True

    def _is_of_section(self, each: _Comment | int) -> bool:
        return isinstance(each, _Comment) and not (self._started and each.indent)

    def _without_last_blank(self, pending: list[_Comment | int]) -> list[_Comment | int]:
        return pending[:-1] if pending and isinstance(pending[-1], int) else pending

    def _place(self, pending: list[_Comment | int], depth: int) -> None:
        """Put comments and blank lines before what stands at that depth."""
        for each in pending:
            if isinstance(each, _Comment):
                self._put(each, self._depth(each, depth))
            elif self.lines:
                self.lines.append(Placed(each, ""))

    def _put(self, comment: _Comment, depth: int) -> None:
        self.lines.append(Placed(comment.origin, _INDENT * depth + comment.text))

    def _depth(self, comment: _Comment, following: int) -> int:
        """The depth of a comment line before a row of a depth."""
        least = 1 if self._started and comment.indent and not following else following
        return max(least, bisect_right(self._indents, comment.indent)) if comment.indent else following

    def _flush(self) -> None:
        """Write the run."""
        if not self._run:
            return
        indent = _INDENT * self._run[0][1].depth
        comments = iter([*self._inside, (len(self._run), None)])
        at, inside = next(comments)
        texts = aligned([(row, comment) for _, row, comment in self._run])
        for position, ((origin, row, _), text) in enumerate(zip(self._run, texts, strict=True)):
            while at == position and inside:
                self._put(inside, row.depth)
                at, inside = next(comments)
            self.lines.append(Placed(origin, indent + text))
        self._run.clear()
        self._inside.clear()


def joined(lines: list[Placed]) -> str:
    """The text of lines."""
    return "".join(_ended(lines))


def _ended(lines: list[Placed]) -> Iterator[str]:
    for line in lines:
        yield line.text
        yield "\n"
