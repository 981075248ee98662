"""Rules on the levels: their names and number, and the nodes that are pinned to one."""

from collections.abc import Iterator

from hierdsl.diagnostics import Annotation, Diagnostic, Edit
from hierdsl.scope import Scope
from hierdsl.syntax import AttributeDecl, Document, LevelDecl, NodeDecl
from hierdsl.syntax.attributes import LEVEL_ATTRIBUTES, read


def _declared(document: Document) -> tuple[LevelDecl, ...]:
    return document.levels.levels if document.levels else ()


def levels_have_different_names(scope: Scope) -> Iterator[Diagnostic]:
    """H402: a level has a name of its own."""
    document = scope.document
    first: dict[str, LevelDecl] = {}
    for level in _declared(document):
        twin = first.setdefault(level.name.text, level)
        if twin is not level:
            yield Diagnostic(
                "H402",
                f"level '{level.name.text}' is already defined",
                Annotation(document.source, level.name.span),
                secondary=(Annotation(document.source, twin.name.span, "first defined here"),),
                help="rename one",
            )


def levels_are_as_many_as_the_tree_is_deep(scope: Scope) -> Iterator[Diagnostic]:
    """H401: there are as many levels as the deepest class is deep, where no node is pinned to one."""
    document = scope.document
    if document.levels is None or not scope.complete or scope.pins:
        return
    alive = [n for n, ignored in zip(scope.nodes, scope.ignored, strict=True) if not ignored]
    deepest = max(alive, key=lambda node: node.depth, default=None)
    if deepest is None or deepest.depth == len(document.levels.levels):
        return
    count, depth = len(document.levels.levels), deepest.depth
    given = f"{count or 'no'} level{' is' if count < 2 else 's are'} named"
    yield Diagnostic(
        "H401",
        f"{given}, but the deepest class lies at depth {depth}",
        Annotation(document.source, document.levels.keyword, given),
        secondary=(Annotation(deepest.source, deepest.name.span, f"depth {depth}"),),
        notes=("a level is a cut of the tree, from its top nodes (depth 1) down to its classes",),
        help=(
            f"name {depth - count} more, coarse to fine"
            if depth > count
            else f"remove {count - depth} of them, or the whole section: levels then have default names"
        ),
    )


def levels_have_weight(scope: Scope) -> Iterator[Diagnostic]:
    """W401: a level has a weight other than 0."""
    document = scope.document
    for level in _declared(document):
        if read(level.attributes, LEVEL_ATTRIBUTES).get("weight", 1.0) == 0:
            yield Diagnostic(
                "W401",
                f"level '{level.name.text}' has weight 0: it adds nothing to the loss",
                Annotation(document.source, level.name.span),
                help="give it a weight, or leave it so if only its metrics are of use",
            )


def pins_name_a_level(scope: Scope) -> Iterator[Diagnostic]:
    """H403: a node is pinned to one of the levels."""
    document = scope.document
    names = [level.name.text for level in scope.levels or ()]
    notes = (f"the levels are: {', '.join(names)}",)  # once for all: there can be many of both
    for pin in scope.pins:
        if pin.level is not None:
            continue
        node = scope.nodes[pin.node]
        written = _pin(node)
        if written is None:
            continue
        wanted = getattr(written.value, "text", written.value)
        if scope.levels is None:
            if document.levels is not None or not scope.complete:
                continue
            yield Diagnostic(
                "H403",
                f"'{node.name.text}' is pinned to level '{wanted}', but no levels are named",
                _place(node, written),
                help="add a section 'levels' that names them, coarse to fine",
            )
            return  # it is one section that is missing
        close = scope.suggest(str(wanted), lambda: names)
        yield Diagnostic(
            "H403",
            f"there is no level '{wanted}'",
            _place(node, written),
            notes=notes,
            help=f"did you mean '{close}'?"
            if close
            else "add it to the levels, or pin the node to one of them",
            edits=(Edit(node.source, written.value_span, _quoted(close)),)
            if close and written.value_span.start > node.name.span.start and node.source is document.source
            else (),
        )


def nodes_lie_below_their_parents(scope: Scope) -> Iterator[Diagnostic]:
    """H404: a node is pinned to a finer level than its parent lies at."""
    names = [level.name.text for level in scope.levels or ()]
    for pin in scope.pins:
        node = scope.nodes[pin.node]
        if pin.level is None or node.parent < 0 or pin.level > scope.ranks[node.parent]:
            continue
        parent, rank = scope.nodes[node.parent], scope.ranks[node.parent]
        parent_pin = _pin(parent)
        where = f"level '{names[rank]}'" if rank < len(names) else "no level"
        why = "is pinned to" if parent_pin else "has no pin, so it lies one below its own parent: at"
        written = _pin(node)
        yield Diagnostic(
            "H404",
            f"'{node.name.text}' is pinned to '{names[pin.level]}', but its parent '{parent.name.text}' lies at "
            f"{where} already",
            _place(node, written),
            secondary=(_place(parent, parent_pin, f"{why} {where}"),),
            help=f"pin '{node.name.text}' to a finer level, or '{parent.name.text}' to a coarser one",
        )


def classes_have_a_level_left(scope: Scope) -> Iterator[Diagnostic]:
    """H405: with pins, no node lies below the finest level."""
    if not scope.pins or scope.levels is None or not scope.complete:
        return
    count = len(scope.levels)
    # what lies below a wrong pin is that pin's mistake, and what lies below no level is its parent's
    reported: set[int] = set()
    misplaced = {pin.node for pin in scope.pins if pin.level is None or pin.level < scope.ranks[pin.node]}
    for position, rank in enumerate(scope.ranks):
        if scope.nodes[position].parent in misplaced:
            misplaced.add(position)
        if rank < count or scope.ignored[position] or position in misplaced:
            continue
        if scope.nodes[position].parent >= 0:  # once for all children of a node
            if scope.nodes[position].parent in reported:
                continue
            reported.add(scope.nodes[position].parent)
        misplaced.add(position)
        node = scope.nodes[position]
        above = position
        while above >= 0 and not _pin(scope.nodes[above]):
            above = scope.nodes[above].parent
        secondary: tuple[Annotation, ...] = ()
        if above >= 0:
            secondary = (_place(scope.nodes[above], _pin(scope.nodes[above]), "pinned here"),)
        yield Diagnostic(
            "H405",
            f"no level is left for '{node.name.text}': it lies below the finest",
            scope.name(position),
            secondary=secondary,
            notes=("a node without a pin lies one level below its parent",),
            help="name one more level, or pin a node above it to a coarser one",
        )


def levels_have_nodes(scope: Scope) -> Iterator[Diagnostic]:
    """W402: with pins, a level has nodes of its own, or its cut repeats that of the next."""
    document = scope.document
    if not scope.pins or document.levels is None or not scope.complete:
        return
    ranks = {rank for rank, off in zip(scope.ranks, scope.ignored, strict=True) if not off}
    for i, level in enumerate(document.levels.levels[:-1]):
        if i not in ranks:
            yield Diagnostic(
                "W402",
                f"no node lies at level '{level.name.text}': its groups are those of the next level",
                Annotation(document.source, level.name.span),
                help=f"pin the nodes of that level: [level={_quoted(level.name.text)}], or remove the level",
            )


def _pin(node: NodeDecl) -> AttributeDecl | None:
    return next((a for a in node.attributes if a.key.text == "level"), None)


def _place(node: NodeDecl, pin: AttributeDecl | None, label: str = "") -> Annotation:
    """Where a node is pinned; its name where it is not."""
    return Annotation(node.source, pin.span if pin else node.name.span, label)


def _quoted(name: str | None) -> str:
    return name if name and name.isidentifier() else f'"{name}"'
