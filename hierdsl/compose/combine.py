"""From a document and the files that it uses to one scope."""

from collections.abc import Mapping
from operator import itemgetter

from hierdsl.compose.edits import Editor, references
from hierdsl.compose.forest import Forest, Maps
from hierdsl.compose.history import History
from hierdsl.compose.twig import Twig
from hierdsl.diagnostics import Annotation, Diagnostic, Suggester
from hierdsl.id_ranges import Use
from hierdsl.scope import Inherited, MapScope, Scope
from hierdsl.source import Span
from hierdsl.syntax import Document, LevelDecl, NodeDecl, UseDecl
from hierdsl.syntax.assemble import MAX_DEPTH, MAX_NODES
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read


def compose(document: Document, used: Mapping[Span, tuple[str, Scope]]) -> tuple[Scope, list[Diagnostic]]:
    """The tree of a document with what it uses, and what could not be done.

    The parts stand in the order of their sections. Edits of a `use` section change the used tree, in their order,
    before it comes in: at the top, as a whole; or where `graft` lines put the parts that they name, and no more.
    The edits of `edit` change the whole.

    Args:
        document: The file.
        used: The name and scope of each used file that could be read, by the keyword of its section.
    """
    edits = [edit for section in (*document.uses, document.edit) if section for edit in section.edits]
    host = Forest(Scope(document), None, references(edits))
    found: list[Diagnostic] = []
    suggester, history = Suggester(whatever_size=True), History()
    parts: list[tuple[int, list[Twig]]] = [
        (document.tree.keyword.start if document.tree else 0, list(host.root.children))
    ]
    size = host.size
    for use in document.uses:
        if use.keyword not in used:
            continue
        name, scope = used[use.keyword]
        size += len(scope.nodes)
        if size > MAX_NODES:
            message = f"with this file the tree has {size:,} nodes, more than {MAX_NODES:,}"
            place = Annotation(document.source, use.file.span)
            found.append(
                Diagnostic("H902", message, place, help="use less, or collapse parts of the used files")
            )
            break
        parts.append(
            (
                use.keyword.start,
                _take(
                    document, host, use, Forest(scope, name, references(use.edits)), found, suggester, history
                ),
            )
        )
    host.sort(twig for _, tops in sorted(parts, key=itemgetter(0)) for twig in tops)
    if document.edit:
        keyword = Annotation(document.source, document.edit.keyword, "the edits")
        complete = document.tree_complete and len(used) == len(document.uses)
        editor = Editor(document.source, host, None, keyword, suggester, history, complete=complete)
        for edit in document.edit.edits:
            editor.apply(edit)
        editor.finish()
        found += editor.diagnostics
    nodes, positions = _flatten(host, found)
    complete = len(used) == len(document.uses) and not any(d.is_error for d in found)
    scope = Scope(
        document, nodes, _inherited(host, positions), complete=complete, explain_missing=history.explain
    )
    if scope.levels is None and len(document.uses) == 1 and used:
        ((_, only),) = used.values()
        scope.levels = _still_fitting(only.levels, scope, found)
    return scope, found


def _take(
    document: Document,
    host: Forest,
    use: UseDecl,
    forest: Forest,
    found: list[Diagnostic],
    suggester: Suggester,
    history: History,
) -> list[Twig]:
    """Edit a used tree and put it in; gives its new top nodes."""
    keyword = Annotation(document.source, use.file.span, "used here")
    own = History()
    editor = Editor(document.source, forest, host, keyword, suggester, own)
    for edit in use.edits:
        editor.apply(edit)
    if not editor.grafts:  # else the rest of the used tree stays away
        editor.finish()
    found += editor.diagnostics
    history.add(own)
    grafts = editor.grafts
    if not grafts and not any(d.is_error for d in editor.diagnostics):
        grafts = [(twig, None) for twig in forest.root.children]
        for twig, _ in grafts:
            forest.detach(twig)
    for twig, target in grafts:
        host.attach(twig, target or host.root)
    _take_label_maps(document, host, use, forest, found)
    host.mirror += forest.mirror
    return [twig for twig, target in grafts if target is None]


def _take_label_maps(
    document: Document, host: Forest, use: UseDecl, forest: Forest, found: list[Diagnostic]
) -> None:
    """Join the label maps of a used tree with those of the same names."""
    own = {labels.name.text if labels.name else "" for labels in document.labels if labels.tolerances}
    for name, theirs in forest.label_maps.items():
        if use.name:  # kept apart under the name that the author gave
            name = f"{use.name.text}.{name}" if name else use.name.text  # noqa: PLW2901 - as it is called here
        mine = host.label_maps.setdefault(name, Maps())
        mine.listed += theirs.listed
        mine.has_star |= theirs.has_star
        if theirs.tolerance is None:
            continue
        if mine.tolerance is None or mine.given is None:
            given = f"tolerance {_number(theirs.tolerance)}"
            mine.tolerance = theirs.tolerance
            mine.given = Annotation(document.source, use.file.span, given)
        elif mine.tolerance != theirs.tolerance and name not in own:
            what = f"label map '{name}'" if name else "the default label map"
            section = f"labels {name}".rstrip()
            place = Annotation(document.source, use.file.span, f"tolerance {_number(theirs.tolerance)}")
            message = f"{what} comes from two files with different tolerances: that of the first one holds"
            mend = f"write the one that is meant below '{section}': {mine.given.label}"
            found.append(Diagnostic("W303", message, place, secondary=(mine.given,), help=mend))


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _flatten(host: Forest, found: list[Diagnostic]) -> tuple[list[NodeDecl], dict[Twig, int]]:
    """The nodes in depth-first order, and where each one is; a tree that is too deep is cut off."""
    nodes: list[NodeDecl] = []
    positions: dict[Twig, int] = {}
    too_deep = False
    for twig in host.root.below():
        if twig.decl is None:
            continue
        parent = positions.get(twig.parent, -1) if twig.parent else -1
        depth = nodes[parent].depth + 1 if parent >= 0 else 1
        if depth > MAX_DEPTH or (twig.parent is not host.root and parent < 0):
            if not too_deep:
                too_deep = True
                message = f"the tree is more than {MAX_DEPTH:,} levels deep"
                place = Annotation(twig.source, twig.name.span, f"level {MAX_DEPTH + 1:,}")
                found.append(
                    Diagnostic("H903", message, place, help="graft it higher up, or collapse a part")
                )
            continue
        positions[twig] = len(nodes)
        attributes = twig.decl.attributes
        if twig.name is not twig.decl.name:  # they stand in another file than the name: point at that
            here = twig.name.span
            attributes = tuple(a._replace(span=here, value_span=here) for a in attributes)
        nodes.append(NodeDecl(twig.name, (), attributes, parent, depth, twig.source))
    return nodes, positions


def _inherited(host: Forest, positions: Mapping[Twig, int]) -> Inherited:
    """Label maps and mirror pairs, by position. What stood for a dropped node is ignored now."""
    inherited = Inherited()
    for name, label_map in host.label_maps.items():
        uses = [
            Use(listed.ids, positions.get(listed.twig.last(), -1) if listed.twig else -1, listed.source)
            for listed in label_map.listed
        ]
        inherited.label_maps[name] = MapScope(name, uses, label_map.has_star, label_map.tolerance)
    paired: set[int] = set()
    for left, right in host.mirror:
        pair = positions.get(left.last(), -1), positions.get(right.last(), -1)
        if min(pair) >= 0 and pair[0] != pair[1] and paired.isdisjoint(pair):
            inherited.mirror.append(pair)
            paired.update(pair)
    return inherited


def _still_fitting(
    levels: tuple[LevelDecl, ...] | None, scope: Scope, found: list[Diagnostic]
) -> tuple[LevelDecl, ...] | None:
    """The levels of the one used file, as long as they fit the tree that is made of it."""
    if levels is None:
        return None
    pinned = any("level" in read(node.attributes, NODE_ATTRIBUTES) for node in scope.nodes if node.attributes)
    depth = scope.level_count  # what is ignored needs no level
    if pinned or depth == len(levels) or not scope.nodes:
        return levels
    place = Annotation(scope.document.source, scope.document.uses[0].file.span)
    message = f"the {len(levels)} levels of this file do not fit the tree of depth {depth} that is left of it"
    notes = ("levels without a section have default names, and weight 1",)
    mend = f"add a section 'levels' with {depth} names"
    found.append(Diagnostic("W403", message, place, notes=notes, help=mend))
    return None
