"""From a checked document to a `Hierarchy`. Relies on the checks: it reports nothing."""

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
    ids: dict[int, int | None] = {}
    for use in scope.uses(labels):
        target = None if use.node < 0 or scope.ignored[use.node] else use.node
        for raw in range(use.ids.first, use.ids.last + 1):
            ids.setdefault(raw, target)
    declared = labels or scope.default_labels
    has_star = declared is not None and any(entry.ids is None for entry in declared.entries)
    return LabelMap(ids=ids, unlisted="ignore" if has_star else "error")
