"""Rules on the levels."""

from collections.abc import Iterator

from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.scope import Scope
from hierdsl.syntax import Document, LevelDecl
from hierdsl.syntax.attributes import LEVEL_ATTRIBUTES, read


def _declared(document: Document) -> tuple[LevelDecl, ...]:
    return document.levels.levels if document.levels else ()


def levels_have_different_names(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """H402: a level has a name of its own."""
    del scope
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


def levels_are_as_many_as_the_tree_is_deep(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """H401: there are as many levels as the deepest class is deep."""
    if document.levels is None or not document.complete:
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
        secondary=(Annotation(document.source, deepest.name.span, f"depth {depth}"),),
        notes=("a level is a cut of the tree, from its top nodes (depth 1) down to its classes",),
        help=(
            f"name {depth - count} more, coarse to fine"
            if depth > count
            else f"remove {count - depth} of them, or the whole section: levels then have default names"
        ),
    )


def levels_have_weight(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """W401: a level has a weight other than 0."""
    del scope
    for level in _declared(document):
        if read(level.attributes, LEVEL_ATTRIBUTES).get("weight", 1.0) == 0:
            yield Diagnostic(
                "W401",
                f"level '{level.name.text}' has weight 0: it adds nothing to the loss",
                Annotation(document.source, level.name.span),
                help="give it a weight, or leave it so if only its metrics are of use",
            )
