"""From a checked document to a `Hierarchy`. Relies on the checks: it reports nothing."""

from bisect import bisect_left, insort
from pathlib import PurePath
from typing import Any

from hierdsl.model.hierarchy import Hierarchy, LabelMap, Level, Node
from hierdsl.scope import Scope
from hierdsl.syntax import LabelsDecl, NodeDecl
from hierdsl.syntax.attributes import LEVEL_ATTRIBUTES, META, NODE_ATTRIBUTES, read


def build(scope: Scope) -> Hierarchy:
    """The hierarchy of a document in which the checks found no error."""
    document = scope.document
    header = document.header
    fields: dict[str, list[str]] = {}
    for field in header.fields if header else ():
        fields.setdefault(field.key.text, []).append(field.value)
    return Hierarchy(
        name=header.name.text if header and header.name else PurePath(document.source.name).stem,
        title=(header.title if header else None) or "",
        sources=tuple(fields.get("source", ())),
        **{key: fields[key][0] for key in ("license", "version", "doc") if key in fields},
        levels=_levels(scope),
        nodes=tuple(_node(node) for node in scope.nodes),
        label_maps=_label_maps(scope),
        mirror=tuple(
            (scope.resolve(pair.left)[0], scope.resolve(pair.right)[0])
            for pair in (document.mirror.pairs if document.mirror else ())
        ),
    )


def _node(decl: NodeDecl) -> Node:
    values: dict[str, Any] = read(decl.attributes, NODE_ATTRIBUTES) if decl.attributes else {}
    return Node(
        name=decl.name.text,
        parent=decl.parent,
        color=values.get("color"),
        weight=values.get("weight", 1.0),
        ignored=values.get("ignore", False),
        doc=values.get("doc", ""),
        meta={key.removeprefix(META): value for key, value in values.items() if key.startswith(META)},
    )


def _levels(scope: Scope) -> tuple[Level, ...]:
    if scope.document.levels is None:
        depth = max(n.depth for n, ignored in zip(scope.nodes, scope.ignored, strict=True) if not ignored)
        return tuple(Level(name=f"level{i}") for i in range(depth))
    levels = []
    for decl in scope.document.levels.levels:
        values = read(decl.attributes, LEVEL_ATTRIBUTES)
        levels.append(Level(name=decl.name.text, weight=values.get("weight", 1.0), doc=values.get("doc", "")))
    return tuple(levels)


def _label_maps(scope: Scope) -> dict[str, LabelMap]:
    """The default map first, if there is one."""
    maps: dict[str, LabelMap] = {}
    if scope.default_labels or any(node.ids for node in scope.nodes):
        maps[""] = _label_map(scope, None)
    for labels in scope.document.labels:
        if labels.name:
            maps[labels.name.text] = _label_map(scope, labels)
    return maps


def _label_map(scope: Scope, labels: LabelsDecl | None) -> LabelMap:
    """A label map, the default one for None. An ignored node's ids are ignored."""
    ranges: list[tuple[int, int, int | None]] = []
    taken: list[tuple[int, int]] = []  # disjoint, sorted
    for use in scope.uses(labels):
        target = None if use.node < 0 or scope.ignored[use.node] else use.node
        # what is listed twice, which is a warning, means the same: the first stands
        new = _without(taken, use.ids.first, use.ids.last)
        for first, last in new:
            insort(taken, (first, last))
            ranges.append((first, last, target))
    declared = labels or scope.default_labels
    has_star = declared is not None and any(entry.ids is None for entry in declared.entries)
    return LabelMap(ranges=tuple(ranges), unlisted="ignore" if has_star else "error")


def _without(taken: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """What of a range lies in none of the sorted, disjoint ranges before it."""
    parts = []
    at = max(bisect_left(taken, (first, first)) - 1, 0)
    while first <= last and at < len(taken) and taken[at][0] <= last:
        if taken[at][1] >= first:
            if taken[at][0] > first:
                parts.append((first, taken[at][0] - 1))
            first = taken[at][1] + 1
        at += 1
    return [*parts, (first, last)] if first <= last else parts
