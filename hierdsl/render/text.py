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
    deepest = deepest_drawn(hierarchy, level)
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
            label.append(f"  {hierarchy.leaf_counts[position]} classes", style="dim")
        drawn[position] = drawn[node.parent].add(label)
    return root


def deepest_drawn(hierarchy: Hierarchy, level: str | None) -> int:
    """The depth of the deepest nodes of a level; of the whole tree for None.

    Raises:
        ValueError: There is no such level.
    """
    return max(hierarchy.depths) if level is None else hierarchy.level_index(level) + 1


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


def _levels(hierarchy: Hierarchy) -> Text:
    line = Text()
    for i, level in enumerate(hierarchy.levels):
        if i:
            line.append(" › ", style="dim")
        line.append(printable(level.name), style="italic")
        line.append(f" {len(hierarchy.cut(i))}", style="dim")
        if level.weight != 1:
            line.append(f" ×{level.weight:g}", style="dim")
    return line
