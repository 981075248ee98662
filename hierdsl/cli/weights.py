"""What `hierdsl show --weights` prints: the factors of a weighting by level and node, or of a schedule over time."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy
from hierdsl.source import printable
from hierdsl.weighting import Schedule, Weighting, conditional_range, unbounded_targets

_WHOLE_TREE = 60
"""Nodes up to which a tree is printed; of a larger one, how many nodes have which factors."""
_KINDS = 20
"""Kinds of nodes that are printed of a larger tree."""
_NAMED = 4
"""Nodes that a line names."""
_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Progress at which a schedule is printed."""


def weights_text(
    compiled: CompiledHierarchy, order: Sequence[int], schedule: Schedule, levels: Sequence[int]
) -> str:
    """The factors for people.

    Args:
        compiled: The hierarchy.
        order: Node indices, depth first.
        schedule: What to print; of a constant one its weighting.
        levels: The levels to print; not all of them: also every node of their cuts.
    """
    lines = [f"{printable(compiled.name)}, weighted by {printable(schedule.name)}", ""]
    if not schedule.constant:
        lines += _table(_over_time(compiled, schedule, levels), left=1)
        return "\n".join(lines)
    weighting = schedule.preset
    head = ("level", "groups", "factor")
    lines += _table([head, *(_level_row(compiled, weighting, i) for i in levels)], left=1)
    lines += [
        "",
        "w: the factor of -log p(node), summed over the levels; lambda: that of -log p(node | parent)",
        "",
    ]
    values = _Values(compiled, weighting)
    if len(levels) < compiled.num_levels:
        cut = [[v for v in order if v in set(compiled.group_nodes[i].tolist())] for i in levels]
        rows = [(printable(compiled.paths[v]), *values.row(v)) for nodes in cut for v in nodes]
        lines += _table([("node", "height", "w", "lambda"), *rows], left=1)
    elif compiled.num_nodes <= _WHOLE_TREE:
        indent = [f"{'  ' * (compiled.depth[v] - 1)}{printable(compiled.names[v])}" for v in order]
        rows = [(name, *values.row(v)) for name, v in zip(indent, order, strict=True)]
        lines += _table([("node", "height", "w", "lambda"), *rows], left=1)
    else:
        lines += _kinds(compiled, order, values)
    lines += _without_floor(compiled, order, weighting)
    return "\n".join(lines)


def weights_json(
    compiled: CompiledHierarchy, order: Sequence[int], schedule: Schedule, levels: Sequence[int]
) -> str:
    """The factors for programs; arguments as for `weights_text`. All nodes, or those of the cuts of the levels."""
    shown: dict[str, Any] = {"hierarchy": compiled.name, "weighting": schedule.name}
    if not schedule.constant:
        shown["progress"] = [
            {"at": turn, "levels": [_level_facts(compiled, schedule(turn), i) for i in levels]}
            for turn in schedule.turns
        ]
        return json.dumps(shown, indent=1)
    weighting = schedule.preset
    shown["levels"] = [_level_facts(compiled, weighting, i) for i in levels]
    lowest, highest = conditional_range(weighting, compiled)
    unbounded = unbounded_targets(weighting, compiled)
    factors_of: dict[int, dict[str, float]] = {}
    for i in levels:
        for v in compiled.group_nodes[i].tolist():
            factors_of.setdefault(v, {})[compiled.level_names[i]] = float(weighting.factors[i, v])
    shown["nodes"] = [
        {
            "path": compiled.paths[v],
            "depth": int(compiled.depth[v]),
            "height": int(compiled.height[v]),
            "factors": factors_of[v],
            "weight": float(weighting.factors[:, v].sum()),
            "conditional": [float(lowest[v]), float(highest[v])],
            "unbounded": bool(unbounded[v]),
        }
        for v in order
        if v in factors_of
    ]
    return json.dumps(shown, indent=1)


class _Values:
    """The columns of a node: height, w and lambda."""

    def __init__(self, compiled: CompiledHierarchy, weighting: Weighting) -> None:
        self._height = compiled.height
        least = 1e-12 * float(np.abs(weighting.factors).max())  # what is left of a sum that is 0
        self._weight = _cleaned(weighting.factors.sum(axis=0), least)
        self._lowest, self._highest = (_cleaned(x, least) for x in conditional_range(weighting, compiled))

    def row(self, node: int) -> tuple[str, str, str]:
        edge = _range(self._lowest[node], self._highest[node])
        return str(self._height[node]), _number(self._weight[node]), edge


def _kinds(compiled: CompiledHierarchy, order: Sequence[int], values: _Values) -> Iterator[str]:
    """How many nodes have the same height and factors, with one of them, as a table."""
    alike: dict[tuple[str, str, str], list[int]] = {}
    for v in order:
        alike.setdefault(values.row(v), []).append(v)
    kinds = sorted(alike.items(), key=lambda kind: (-int(kind[0][0]), -len(kind[1])))
    rows = [(*row, f"{len(nodes):,}", printable(compiled.paths[nodes[0]])) for row, nodes in kinds[:_KINDS]]
    yield from _table([("height", "w", "lambda", "nodes", "such as"), *rows], left=0)
    if len(kinds) > _KINDS:
        yield f"... and {len(kinds) - _KINDS:,} more kinds of nodes (--level NAME lists those of a level, --json all)"


def _without_floor(compiled: CompiledHierarchy, order: Sequence[int], weighting: Weighting) -> Iterator[str]:
    """A line about the nodes that are no labels for this weighting, if there are any."""
    unbounded = unbounded_targets(weighting, compiled)
    nodes = [printable(compiled.paths[v]) for v in order if unbounded[v]]
    if nodes:
        some = ", ".join(nodes[:_NAMED]) + (
            f" and {len(nodes) - _NAMED:,} more" if len(nodes) > _NAMED else ""
        )
        yield ""
        yield f"not fit as labels, where their loss would fall without end: {some}"


def _over_time(
    compiled: CompiledHierarchy, schedule: Schedule, levels: Sequence[int]
) -> Iterator[tuple[str, ...]]:
    yield ("level", "groups", *(f"at {t:g}" for t in _TIMES))
    moments = [schedule(t) for t in _TIMES]
    for i in levels:
        name, groups, _ = _level_row(compiled, moments[0], i)
        yield (name, groups, *(_level_row(compiled, moment, i)[2] for moment in moments))


def _level_row(compiled: CompiledHierarchy, weighting: Weighting, i: int) -> tuple[str, str, str]:
    factors = weighting.factors[i, compiled.group_nodes[i]]
    name = printable(compiled.level_names[i])
    return name, f"{len(factors):,}", _range(factors.min(), factors.max())


def _level_facts(compiled: CompiledHierarchy, weighting: Weighting, i: int) -> dict[str, Any]:
    factors = weighting.factors[i, compiled.group_nodes[i]]
    return {
        "name": compiled.level_names[i],
        "groups": len(factors),
        "lowest": float(factors.min()),
        "highest": float(factors.max()),
    }


def _cleaned(values: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    return np.where(np.abs(values) < least, 0.0, values)


def _number(value: float) -> str:
    return f"{value + 0.0:.3g}"  # a negative zero is a zero


def _range(lowest: float, highest: float) -> str:
    low, high = _number(lowest), _number(highest)
    return low if low == high else f"{low} to {high}"


def _table(rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]], left: int) -> Iterator[str]:
    """Rows as lines of columns: the first `left` ones and the last one flush left, the others flush right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if n < left or n == len(row) - 1 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
