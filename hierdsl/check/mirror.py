"""Rules on the mirror section."""

from collections.abc import Iterator

from hierdsl.check.labels import reference_names_a_node
from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.scope import Scope
from hierdsl.syntax import Reference


def mirror_pairs_exchange_classes(scope: Scope) -> Iterator[Diagnostic]:
    """H208 to H211: a pair names two different classes, and a class is in one pair at most."""
    document = scope.document
    said: dict[tuple[tuple[str, ...], bool], tuple[int, str]] = {}
    seen: dict[int, Reference | None] = dict.fromkeys(
        position for pair in scope.inherited_mirror for position in pair
    )
    for pair in document.mirror.pairs if document.mirror else ():
        for reference in (pair.left, pair.right):
            yield from reference_names_a_node(scope, reference, said)
            found = scope.resolve(reference)
            if found.total != 1:
                continue
            position = found.first[0]
            place = Annotation(document.source, reference.span)
            name = scope.nodes[position].name.text
            if position in scope.parents or scope.ignored[position]:
                what = "is no class: it has classes below it" if position in scope.parents else "is ignored"
                mend = (
                    "pair its classes instead, one line for each"
                    if position in scope.parents
                    else "remove this line"
                )
                yield Diagnostic("H210", f"'{name}' {what}", place, help=mend)
            elif position in seen:
                first = seen[position]
                if first is None:
                    before = scope.name(position, "paired in the file that it comes from")
                    message, mend = f"class '{name}' is already in a mirror pair", "remove this line"
                    yield Diagnostic("H211", message, place, secondary=(before,), help=mend)
                    break
                if first is pair.left:
                    message, mend = (
                        f"class '{name}' is paired with itself",
                        "remove this line: it needs no pair",
                    )
                else:
                    message, mend = f"class '{name}' is already in a mirror pair", "remove one of the two"
                before = Annotation(document.source, first.span, "first here")
                yield Diagnostic("H211", message, place, secondary=(before,), help=mend)
                break  # a pair that is there twice is one mistake
            seen.setdefault(position, reference)
