"""From a checked document to a `Hierarchy`. Relies on the checks: it reports nothing."""

from pathlib import PurePath
from typing import Any

from hierdsl.model.hierarchy import Hierarchy, LabelMap, Level, Node
from hierdsl.scope import Scope
from hierdsl.syntax import Document, LabelsDecl, NodeDecl
from hierdsl.syntax.attributes import LEVEL_ATTRIBUTES, META, NODE_ATTRIBUTES, read


def build(document: Document) -> Hierarchy:
    """The hierarchy of a document in which the checks found no error."""
    scope = Scope(document)
    header = document.header
    fields: dict[str, list[str]] = {}
    for field in header.fields if header else ():
        fields.setdefault(field.key.text, []).append(field.value)
    return Hierarchy(
        name=header.name.text if header and header.name else PurePath(document.source.name).stem,
        title=(header.title if header else None) or "",
        sources=tuple(fields.get("source", ())),
        **{key: fields[key][0] for key in ("license", "version", "doc") if key in fields},
        levels=_levels(document, scope),
        nodes=tuple(_node(node) for node in scope.nodes),
        label_maps=_label_maps(document, scope),
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


def _levels(document: Document, scope: Scope) -> tuple[Level, ...]:
    if document.levels is None:
        depth = max(n.depth for n, ignored in zip(scope.nodes, scope.ignored, strict=True) if not ignored)
        return tuple(Level(name=f"level{i}") for i in range(depth))
    levels = []
    for decl in document.levels.levels:
        values = read(decl.attributes, LEVEL_ATTRIBUTES)
        levels.append(Level(name=decl.name.text, weight=values.get("weight", 1.0), doc=values.get("doc", "")))
    return tuple(levels)


def _label_maps(document: Document, scope: Scope) -> dict[str, LabelMap]:
    """The default map first: the ids of the tree's own lines joined by the `labels` without a name."""
    declared: dict[str, LabelsDecl] = {(m.name.text if m.name else ""): m for m in document.labels}
    maps: dict[str, LabelMap] = {}
    tree_ids: dict[int, int | None] = {}
    for position, node in enumerate(scope.nodes):
        for ids in node.ids:
            for raw in range(ids.first, ids.last + 1):
                tree_ids.setdefault(raw, None if scope.ignored[position] else position)
    if tree_ids or "" in declared:
        maps[""] = _label_map(declared.get(""), scope, tree_ids)
    for name, labels in declared.items():
        if name:
            maps[name] = _label_map(labels, scope, {})
    return maps


def _label_map(labels: LabelsDecl | None, scope: Scope, ids: dict[int, int | None]) -> LabelMap:
    unlisted: Any = "error"
    for entry in labels.entries if labels else ():
        if entry.ids is None:
            unlisted = "ignore"
            continue
        target = None if entry.target.is_ignore else scope.resolve(entry.target)[0]
        if target is not None and scope.ignored[target]:
            target = None
        for item in entry.ids:
            for raw in range(item.first, item.last + 1):
                ids.setdefault(raw, target)
    return LabelMap(ids=ids, unlisted=unlisted)
