"""A hierarchy as a tree of text for the terminal."""

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from hierdsl.model import ROOT, Hierarchy
from hierdsl.palette import palette
from hierdsl.source import printable


def to_text(hierarchy: Hierarchy, *, level: str | None = None) -> Tree:
    """The tree with colours, ids and levels, ready for a rich console.

    Args:
        hierarchy: What to draw.
        level: Name of a level to cut at: nodes below it are counted and not drawn.

    Raises:
        ValueError: There is no such level.
    """
    deepest = depth_of_level(hierarchy, level)
    colors = palette(hierarchy)
    ids = ids_by_node(hierarchy)
    head = Text(printable(hierarchy.name), style="bold")
    if hierarchy.title:
        head.append(f"  {printable(hierarchy.title)}", style="not bold")
    head.append("\n")
    head.append_text(_levels(hierarchy))
    root = Tree(head, guide_style="dim")
    drawn: dict[int, Tree] = {ROOT: root}
    for position, node in enumerate(hierarchy.nodes):
        depth = hierarchy.depths[position]
        if depth > deepest:
            continue
        off = hierarchy.ignored[position]
        label = Text("■ ", style=f"rgb({','.join(map(str, colors[position]))})")
        inner = bool(hierarchy.children[position])
        label.append(printable(node.name), style="dim" if off else "bold" if inner else "default")
        if position in ids:
            label.append(f"  {ids[position]}", style="cyan")
        if off and (node.parent == ROOT or not hierarchy.ignored[node.parent]):
            label.append("  ignored", style="dim")
        elif inner and depth == deepest and not off:
            label.append(f"  {_leaves_below(hierarchy, position)} classes", style="dim")
        drawn[position] = drawn[node.parent].add(label)
    return root


def depth_of_level(hierarchy: Hierarchy, level: str | None) -> int:
    """The depth of the deepest nodes that the cut at a level holds; of the finest level for None.

    Raises:
        ValueError: There is no such level; the message names those there are.
    """
    names = [entry.name for entry in hierarchy.levels]
    if level is None:
        return max(hierarchy.depths)
    if level not in names:
        raise ValueError(f"there is no level '{level}'; the levels are: {', '.join(names)}")
    return names.index(level) + 1


def ids_by_node(hierarchy: Hierarchy) -> dict[int, str]:
    """The ids of the default label map by node, as the language writes them: `3, 7..9`."""
    by_node: dict[int, list[int]] = {}
    default = hierarchy.label_maps.get("")
    for raw, position in default.ids.items() if default else ():
        if position is not None:
            by_node.setdefault(position, []).append(raw)
    return {position: ranges(ids) for position, ids in by_node.items()}


def ranges(ids: Sequence[int]) -> str:
    """Ids with runs of three or more joined: `3, 7..9`."""
    runs: list[list[int]] = []
    for raw in sorted(ids):
        if runs and raw == runs[-1][-1] + 1:
            runs[-1].append(raw)
        else:
            runs.append([raw])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]}..{run[-1]}"] if len(run) > 2 else map(str, run)
    return ", ".join(parts)


def groups_at(hierarchy: Hierarchy, level: int) -> list[int]:
    """Positions of the nodes of the cut at a level: those of its depth, and the leaves above it."""
    leaves = set(hierarchy.leaves)
    return [
        position
        for position, depth in enumerate(hierarchy.depths)
        if not hierarchy.ignored[position] and (depth == level + 1 or (depth <= level and position in leaves))
    ]


def _leaves_below(hierarchy: Hierarchy, position: int) -> int:
    stack, count = [position], 0
    while stack:
        current = stack.pop()
        stack += hierarchy.children[current]
        count += not hierarchy.children[current] and not hierarchy.ignored[current]
    return count


def _levels(hierarchy: Hierarchy) -> Text:
    line = Text()
    for i, level in enumerate(hierarchy.levels):
        if i:
            line.append(" › ", style="dim")
        line.append(printable(level.name), style="italic")
        line.append(f" {len(groups_at(hierarchy, i))}", style="dim")
        if level.weight != 1:
            line.append(f" ×{level.weight:g}", style="dim")
    return line
