"""The line of a .hier file that mends raw values it does not list."""

from collections.abc import Collection, Iterable, Mapping

MANY = 20
"""More values than these are not written out one by one."""
TOLERANCE = 24
"""RGB distance up to which a border that was smoothed is taken for the class beside it."""


def spelled(raw: int, *, colors: bool) -> str:
    """A raw value in prose: `12` or `#804080`."""
    return f"#{raw:06x}" if colors else str(raw)


def in_file(raw: int, *, colors: bool) -> str:
    """A raw value as the language writes it: `12` or `"#804080"`."""
    return f'"#{raw:06x}"' if colors else str(raw)


def section(label_map: str) -> str:
    """The head of the section of a label map."""
    return f"labels {label_map}".strip()


def ignore_line(raws: Collection[int], *, colors: bool) -> str:
    """The line that ignores values: `ignore = 12, 13`, or `ignore = *` for many."""
    if len(raws) > MANY:
        return "ignore = *"
    return "ignore = " + ", ".join(in_file(raw, colors=colors) for raw in sorted(raws))


def is_border(pixels: Mapping[int, int], distances: Mapping[int, float]) -> bool:
    """Whether most pixels of unknown colours are so near a listed one that a tolerance would mend them."""
    near = sum(count for raw, count in pixels.items() if distances[raw] <= TOLERANCE)
    return 2 * near > sum(pixels.values())


def joined(numbers: Iterable[int]) -> list[str]:
    """Ascending numbers as a file writes them, runs of three or more as one range.

    Example:
        >>> joined([1, 2, 3, 7, 8])
        ['1..3', '7', '8']
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]}..{run[-1]}"] if len(run) > 2 else map(str, run)
    return parts
