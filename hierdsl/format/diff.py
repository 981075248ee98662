"""The difference that formatting makes, as a unified diff.

Which line became which is known, so that nothing is searched for: a million changed lines take a second, and not
the square of that.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

from hierdsl.format.text import Formatted
from hierdsl.source import printable

_Opcode = tuple[str, int, int, int, int]


class _Known(SequenceMatcher[str]):
    """A comparison whose result is known; what is left to do is to group it."""

    def __init__(self, opcodes: list[_Opcode]) -> None:
        super().__init__()
        self._known = opcodes

    def get_opcodes(self) -> list[_Opcode]:  # type: ignore[override]  # the stub is narrower
        return self._known


def unified_diff(before: str, after: Formatted, name: str) -> Iterator[str]:
    """The lines of a diff that `patch` takes, without their newlines; none where nothing changes.

    Args:
        before: The text as it is in the file.
        after: Its canonical form.
        name: Of the file.
    """
    old, new = _lines(before), _lines(after.text)
    opcodes = _opcodes(old, new, after)
    if len(opcodes) < 2 and all(tag == "equal" for tag, *_ in opcodes):
        return
    yield f"--- {printable(name)}"
    yield f"+++ {printable(name)}"
    for group in _Known(opcodes).get_grouped_opcodes():
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        yield f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@"
        for tag, i, i_end, j, j_end in group:
            if tag == "equal":
                yield from (f" {line[:-1]}" for line in old[i:i_end])
                continue
            for sign, changed in (("-", old[i:i_end]), ("+", new[j:j_end])):
                for line in changed:
                    yield sign + line.removesuffix("\n")
                    if not line.endswith("\n"):
                        yield "\\ No newline at end of file"


def _lines(text: str) -> list[str]:
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _opcodes(old: list[str], new: list[str], after: Formatted) -> list[_Opcode]:
    opcodes: list[_Opcode] = []
    i = j = 0  # what comes before is done

    def until(i_end: int, j_end: int, tag: str = "") -> None:
        nonlocal i, j
        tag = tag or ("replace" if i < i_end and j < j_end else "delete" if i < i_end else "insert")
        if (i, j) != (i_end, j_end):
            opcodes.append((tag, i, i_end, j, j_end))
        i, j = i_end, j_end

    start: tuple[int, int] | None = None  # of the equal lines before this one
    for at, (origin, _) in enumerate(after.lines):
        same = origin is not None and old[origin] == new[at]
        if start and not (same and origin == start[0] + at - start[1]):
            until(start[0] + at - start[1], at, "equal")
            start = None
        if same and start is None and origin is not None:
            until(origin, at)
            start = origin, at
    if start:
        until(start[0] + len(new) - start[1], len(new), "equal")
    until(len(old), len(new))
    return opcodes


def _range(first: int, end: int) -> str:
    """Lines as a diff gives them: an empty range is the line before it."""
    count = end - first
    return f"{first + 1}" if count == 1 else f"{first + (count > 0)},{count}"
