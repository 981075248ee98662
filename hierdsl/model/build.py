"""From a checked document to a `Hierarchy`. Relies on the checks: it reports nothing."""

from pathlib import PurePath
from typing import Any

from hierdsl.model.hierarchy import Hierarchy, LabelMap, Level, Node
from hierdsl.scope import MapScope, Scope
from hierdsl.syntax import NodeDecl
from hierdsl.syntax.attributes import LEVEL_ATTRIBUTES, META, NODE_ATTRIBUTES, read


def build(scope: Scope) -> Hierarchy:
    """The hierarchy of a document in which the checks found no error."""
    document = scope.document
    header = document.header
    fields: dict[str, list[str]] = {}
    for field in header.fields if header else ():
        fields.setdefault(field.key.text, []).append(field.value)
    channels = header.channels[0] if header and header.channels else None
    return Hierarchy(
        name=header.name.text if header and header.name else PurePath(document.source.name).stem,
        title=(header.title if header else None) or "",
        sources=tuple(fields.get("source", ())),
        **{key: fields[key][0] for key in ("license", "version", "doc") if key in fields},
        levels=_levels(scope),
        nodes=tuple(_node(node) for node in scope.nodes),
        label_maps={name: _label_map(scope, label_map) for name, label_map in scope.label_maps.items()},
        mirror=tuple(scope.mirror),
        channels=None if channels is None else channels.name.text if channels.name else "",
    )


def _node(decl: NodeDecl) -> Node:
    values: dict[str, Any] = read(decl.attributes, NODE_ATTRIBUTES) if decl.attributes else {}
    return Node(
        name=decl.name.text,
        parent=decl.parent,
        color=values.get("color"),
        weight=values.get("weight", 1.0),
        level=values.get("level"),
        ignored=values.get("ignore", False),
        doc=values.get("doc", ""),
        meta={key.removeprefix(META): value for key, value in values.items() if key.startswith(META)},
    )


def _levels(scope: Scope) -> tuple[Level, ...]:
    if scope.levels is None:
        return tuple(Level(name=f"level{i}") for i in range(scope.level_count))
    levels = []
    for decl in scope.levels:
        values = read(decl.attributes, LEVEL_ATTRIBUTES)
        levels.append(Level(name=decl.name.text, weight=values.get("weight", 1.0), doc=values.get("doc", "")))
    return tuple(levels)


def _label_map(scope: Scope, label_map: MapScope) -> LabelMap:
    """A label map. An ignored node's ids are ignored."""
    return LabelMap(
        ranges=tuple(
            (first, last, None if use.node < 0 or scope.ignored[use.node] else use.node)
            for first, last, use in label_map.ranges.pieces
        ),
        colors=label_map.is_color,
        tolerance=label_map.tolerance if label_map.is_color else None,
        unlisted="ignore" if label_map.has_star else "error",
    )
