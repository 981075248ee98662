"""What every drawing shows of a hierarchy: which nodes a level leaves, their ids, and the levels that pins skip to.

Nothing is drawn here, and nothing is made safe for a form of output: names come as the file has them.
"""

from collections.abc import Sequence

from hierdsl.model import ROOT, Hierarchy


def drawn_children(hierarchy: Hierarchy, level: str | None) -> list[list[int]]:
    """The children of each node that are drawn when the tree ends at a level; all of them for None.

    A node is drawn where its parent lies above the level, so the ends are the nodes of the level's cut. What is
    ignored lies at a level too, and ends there.

    Raises:
        ValueError: There is no such level.
    """
    if level is None:
        return hierarchy.children
    cut = hierarchy.level_index(level)
    return [
        below if rank < cut else [] for rank, below in zip(hierarchy.ranks, hierarchy.children, strict=True)
    ]


def skipping_level(hierarchy: Hierarchy, position: int) -> str | None:
    r"""The name of the level of a node that lies deeper than one below its parent, None for any other.

    Example:
        >>> from hierdsl import analyze
        >>> levels, tree = "levels\n a\n b\n c\n", "tree\n x\n  y [level=c]\n z\n  z1\n   z2\n"
        >>> hierarchy, _ = analyze(levels + tree)
        >>> [skipping_level(hierarchy, position) for position in range(5)]
        [None, 'c', None, None, None]
    """
    skips = hierarchy.ranks[position] > hierarchy.rank_above(position) + 1
    return hierarchy.nodes[position].level if skips else None


def ids_by_node(hierarchy: Hierarchy) -> dict[int, str]:
    """The ids or colours of the default label map by node, as the language writes them: `3, 7..9`."""
    default = hierarchy.label_maps.get("")
    if default is None:
        return {}
    by_node: dict[int, list[int]] = {}
    for raw, position in default.ids.items():
        if position is not None:
            by_node.setdefault(position, []).append(raw)
    if default.colors:
        return {position: ", ".join(f"#{raw:06x}" for raw in raws) for position, raws in by_node.items()}
    return {position: ranges(raws) for position, raws in by_node.items()}


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


def hidden_below(hierarchy: Hierarchy, position: int, drawn: list[list[int]]) -> bool:
    """Whether a node stands in the drawing for classes that the drawing leaves out."""
    return bool(hierarchy.children[position]) and not drawn[position] and not hierarchy.ignored[position]


def says_ignored(hierarchy: Hierarchy, position: int) -> bool:
    """Whether a drawing says of a node that it is ignored: the top one of those below each other does."""
    parent = hierarchy.nodes[position].parent
    return hierarchy.ignored[position] and (parent == ROOT or not hierarchy.ignored[parent])


def classes(count: int) -> str:
    """`1 class`, `1,010 classes`."""
    return f"{count:,} class{'' if count == 1 else 'es'}"
