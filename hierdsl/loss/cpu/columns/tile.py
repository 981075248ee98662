"""A tile of pixels: what its rows are, and what is done with any of them. `w` is how many pixels it has."""

from typing import Any

from hierdsl.loss.cpu.compiled import compiled

# rows of one value a pixel
PEAK = 0  # largest logit
LOG_ROOT = 1
LEAF = 2  # factor of the target that is a leaf
PART = 3  # factor of the node of one step of the path
SUM = 4  # and its sum of exponentials
LOSS = 5
FACTORS = 6  # F
SPREAD = 7  # sum over all nodes of even factor * (z - peak, or log s)
VALID = 8  # 1 where the pixel counts in these loops
MODULATION = 9  # focal, of the node of one step
SLOPE = 10
LINES = 11
# rows of one index a pixel
Y = 0  # the target; V where the pixel does not count in these loops
FINEST = 1  # the finest level where the target has a group
INDICES = 2


@compiled()
def fill(row: Any, w: int) -> None:
    """Write zeros into a row."""
    for p in range(w):
        row[p] = 0


@compiled()
def fill_with(row: Any, number: Any, w: int) -> None:
    """Write the same number everywhere into a row."""
    for p in range(w):
        row[p] = number


@compiled()
def fill_rows(rows: Any, w: int) -> None:
    """Write zeros into some rows."""
    for i in range(rows.shape[0]):
        fill(rows[i], w)


@compiled()
def copy(source: Any, to: Any, w: int) -> None:
    """Copy the first numbers of a row."""
    for p in range(w):
        to[p] = source[p]


@compiled()
def add(row: Any, to: Any, w: int) -> None:
    """Add a row to another."""
    for p in range(w):
        to[p] += row[p]


@compiled(any_order=True)
def total_of(row: Any, w: int) -> float:
    """The sum of a row."""
    total = 0.0
    for p in range(w):
        total += row[p]
    return total


@compiled()
def spread_of(high: Any, low: Any, factors: Any, spread: Any, finest: Any, w: int, alike: bool) -> None:
    """Add factor * (high - low), the factor by the finest level of each pixel's target."""
    if not alike:
        for p in range(w):
            factor = factors[finest[p]]
            if factor != 0:
                spread[p] += factor * (high[p] - low[p])
    elif factors[finest[0]] != 0:
        factor = factors[finest[0]]
        for p in range(w):
            spread[p] += factor * (high[p] - low[p])
