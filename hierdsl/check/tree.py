"""Rules on the shape of the tree."""

from collections import defaultdict
from collections.abc import Iterator

from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.scope import Scope
from hierdsl.source import Source
from hierdsl.syntax import IdRange, NodeDecl
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read


def _name(node: NodeDecl, label: str = "") -> Annotation:
    return Annotation(node.source, node.name.span, label)


def _written(node: NodeDecl) -> str:
    return node.source.slice(node.name.span)


def siblings_have_different_names(scope: Scope) -> Iterator[Diagnostic]:
    """H203: siblings have different names."""
    document = scope.document
    first: dict[tuple[int, str], NodeDecl] = {}
    for position, node in enumerate(scope.nodes):
        twin = first.setdefault((node.parent, node.name.text), node)
        if twin is node:
            continue
        where = (
            f"under the same parent '{_written(scope.nodes[node.parent])}'"
            if node.parent >= 0
            else "at the top"
        )
        inner = position in scope.parents
        mend = "rename one"
        secondary: tuple[Annotation, ...] = (_name(twin, "first defined here"),)
        if twin.source is node.source and twin.name.span == node.name.span:
            secondary, where = (), "comes in twice"
            mend = "rename it in one of the 'use' sections that take it in, or graft it elsewhere"
        elif twin.source is not node.source:
            mend = "rename one of them below its 'use', and merge the two below 'edit' if they are one class"
        elif inner:
            mend += ", or move these children under the first one"
        elif twin.ids and node.ids:
            ids = _ids(document.source, (*twin.ids, *node.ids))
            mend += f", or write both ids on one line: {_written(node)} = {ids}"
        else:
            mend += ", or remove it"
        yield Diagnostic(
            "H203",
            f"{'node' if inner else 'class'} '{node.name.text}' is already defined",
            _name(node, f"same name {where}" if secondary else where),
            secondary=secondary,
            help=mend,
        )


def _ids(source: Source, ids: tuple[IdRange, ...]) -> str:
    return ", ".join(dict.fromkeys(source.slice(r.span) for r in ids))


def nodes_keep_a_class(scope: Scope) -> Iterator[Diagnostic]:
    """H207: a node that is no ignored one has a class below it."""
    document = scope.document
    if not scope.complete:
        return
    alive = [False] * len(scope.nodes)
    ignored = scope.ignored
    for position in reversed(range(len(scope.nodes))):  # children before their parents
        node = scope.nodes[position]
        alive[position] |= position not in scope.parents and not ignored[position]
        if alive[position] and node.parent >= 0:
            alive[node.parent] = True
    if scope.nodes and not any(alive):
        section = document.tree or (document.uses or (document.edit,))[0]
        place = Annotation(document.source, section.keyword) if section else scope.name(0)
        yield Diagnostic(
            "H207", "every node of the tree is ignored", place, help="remove [ignore] from one of them"
        )
        return
    for position, node in enumerate(scope.nodes):
        parent_dead = node.parent >= 0 and not alive[node.parent]
        if not alive[position] and not ignored[position] and not parent_dead:
            yield Diagnostic(
                "H207",
                f"every child of '{node.name.text}' is ignored, so it has no class",
                _name(node),
                help=f"ignore it as a whole: {_written(node)} [ignore]",
            )


def inner_nodes_have_siblings_below(scope: Scope) -> Iterator[Diagnostic]:
    """W201: an inner node with one child repeats it at its own level; a pinned one says that it means to."""
    if not scope.complete:
        return
    pinned = {pin.node for pin in scope.pins}
    children: dict[int, list[int]] = defaultdict(list)
    ignored = scope.ignored
    for position, node in enumerate(scope.nodes):
        if not ignored[position]:
            children[node.parent].append(position)
    for position, below in children.items():
        if len(below) == 1 and position >= 0 and pinned.isdisjoint((position, below[0])):
            child, node = scope.nodes[below[0]], scope.nodes[position]
            yield Diagnostic(
                "W201",
                f"'{node.name.text}' has one child only: both always have the same probability",
                _name(node),
                secondary=(_name(child, "its only child"),),
                help=f"leave '{node.name.text}' out, or give it a second child",
            )


def classes_are_not_called_ignore(scope: Scope) -> Iterator[Diagnostic]:
    """W203: `ignore = 255` belongs into a label map; in the tree it is a class with a channel."""
    for position, node in enumerate(scope.document.tree.nodes if scope.document.tree else ()):
        if node.name.text == "ignore" and not node.name.quoted and position not in scope.parents:
            yield Diagnostic(
                "W203",
                "this is a class called 'ignore', with a channel of its own",
                _name(node),
                help='move it below labels, where it lists ids without a class; or write "ignore" in quotes',
            )


def classes_have_different_colors(scope: Scope) -> Iterator[Diagnostic]:
    """W202: two classes of one colour cannot be told apart in a picture."""
    ignored = scope.ignored
    first: dict[tuple[int, int, int], NodeDecl] = {}
    for position, node in enumerate(scope.nodes):
        color = read(node.attributes, NODE_ATTRIBUTES).get("color") if node.attributes else None
        if color is None or position in scope.parents or ignored[position]:
            continue
        twin = first.setdefault(color, node)
        if twin is not node:
            yield Diagnostic(
                "W202",
                f"'{node.name.text}' has the colour of '{twin.name.text}'",
                _name(node),
                secondary=(_name(twin, "the same colour"),),
                help="give one of them another colour, or none: a colour is then chosen",
            )
