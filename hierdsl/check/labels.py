"""Rules on label maps: which raw id means which node."""

from bisect import bisect_right
from collections.abc import Iterator

from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.scope import Scope, Use
from hierdsl.syntax import Document, LabelsDecl, Reference

MAX_ID = 65535
_MANY = 50
"""Candidates of an ambiguous reference that are looked at: a file of many must not take its square in time."""


def label_maps_have_different_names(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """H304: a label map has a name of its own; the unnamed one stands once."""
    del scope
    first: dict[str | None, LabelsDecl] = {}
    for labels in document.labels:
        twin = first.setdefault(labels.name.text if labels.name else None, labels)
        if twin is labels:
            continue
        what = f"label map '{labels.name.text}'" if labels.name else "the label map without a name"
        yield Diagnostic(
            "H304",
            f"{what} is already defined",
            Annotation(document.source, labels.name.span if labels.name else labels.keyword),
            secondary=(
                Annotation(
                    document.source, twin.name.span if twin.name else twin.keyword, "first defined here"
                ),
            ),
            help="move its lines into the first one" + (", or rename it" if labels.name else ""),
        )


def label_references_name_a_node(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """H208, H209: what stands before the ids names one node of the tree."""
    for labels in document.labels:
        for entry in labels.entries:
            if not entry.target.is_ignore:
                yield from reference_names_a_node(document, scope, entry.target)
            if entry.ids is None and not entry.target.is_ignore:
                yield Diagnostic(
                    "H103",
                    "'*' stands for whatever a map does not list: it can only be ignored",
                    Annotation(document.source, entry.span),
                    help="write ignore = *",
                )


def reference_names_a_node(document: Document, scope: Scope, reference: Reference) -> Iterator[Diagnostic]:
    """H208, H209 for one reference."""
    found = scope.resolve(reference)
    if len(found) == 1 or (not found and not document.complete):
        return
    written = document.source.slice(reference.span)
    place = Annotation(document.source, reference.span)
    if not found:
        close = scope.nearest(reference.parts[-1])
        mend = "add it to the tree, or remove this line"
        if close:
            alike = Reference((close,), anchored=False, span=reference.span, quoted=False)
            paths = [scope.path(position) for position in scope.resolve(alike)]
            mend = f"did you mean '{_anchor(paths[0], paths)}'?"
        yield Diagnostic("H208", f"the tree has no node '{written}'", place, help=mend)
        return
    paths = list(dict.fromkeys(scope.path(position) for position in found[:_MANY]))
    if len(paths) == 1:  # siblings of one name: that is their own diagnostic
        return
    shown = [Annotation(document.source, scope.nodes[p].name.span, "this one?") for p in found[:5]]
    yield Diagnostic(
        "H209",
        f"'{written}' could be {len(paths) if len(found) <= _MANY else len(found):,} nodes",
        place,
        secondary=tuple(shown),
        help="write a longer path: " + " or ".join(_anchor(p, paths) for p in paths[:5]),
    )


def _anchor(path: str, paths: list[str]) -> str:
    """The path, with a leading slash where it is itself the end of another path."""
    return f"/{path}" if any(other.endswith(f"/{path}") for other in paths) else path


def ids_are_in_range(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """H302, H303: ids are 0 to 65535, and ranges go upwards."""
    lists = [node.ids for node in scope.nodes if node.ids]
    lists += [entry.ids for labels in document.labels for entry in labels.entries if entry.ids]
    for ids in lists:
        for item in ids:
            place = Annotation(document.source, item.span)
            if max(item.first, item.last) > MAX_ID:
                yield Diagnostic(
                    "H302",
                    f"{document.source.slice(item.span)} is not a raw id; ids are 0 to {MAX_ID}",
                    place,
                    notes=("an annotation image holds 8 or 16 bits a pixel",),
                    help="correct the id, or remove it",
                )
            elif item.first > item.last:
                yield Diagnostic(
                    "H303", "this range goes downwards", place, help=f"write {item.last}..{item.first}"
                )


def ids_mean_one_node(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """H301, W302: in one map an id means one thing, and is listed once.

    Sorted ranges, so that the cost does not grow with the width of a range.
    """
    for labels in (None, *(labels for labels in document.labels if labels.name)):
        uses = sorted(scope.uses(labels), key=lambda use: use.ids.span)
        yield from _collisions(document, scope, uses)


def _collisions(document: Document, scope: Scope, uses: list[Use]) -> Iterator[Diagnostic]:
    taken: list[tuple[int, int, Use]] = []  # disjoint, sorted by first id
    for use in uses:
        first, last = use.ids.first, use.ids.last
        if first > last or last > MAX_ID:
            continue
        at = bisect_right(taken, first, key=lambda item: item[0])
        hit = None
        if at and taken[at - 1][1] >= first:
            hit = taken[at - 1][2]
        elif at < len(taken) and taken[at][0] <= last:
            hit = taken[at][2]
        if hit is None:
            taken.insert(at, (first, last, use))
            continue
        shared = max(first, hit.ids.first), min(last, hit.ids.last)
        yield _collision(document, scope, hit, use, shared)


def _collision(document: Document, scope: Scope, old: Use, new: Use, shared: tuple[int, int]) -> Diagnostic:
    ids = f"id {shared[0]}" if shared[0] == shared[1] else f"ids {shared[0]}..{shared[1]}"
    verb = "is" if shared[0] == shared[1] else "are"
    before = Annotation(document.source, old.ids.span, "first here")
    if old.node == new.node:
        return Diagnostic(
            "W302",
            f"{ids} {verb} listed twice",
            Annotation(document.source, new.ids.span),
            secondary=(before,),
            help="remove one of the two",
        )
    names = [f"'{scope.nodes[n].name.text}'" if n >= 0 else "ignored" for n in (old.node, new.node)]
    return Diagnostic(
        "H301",
        f"{ids} already {'means' if verb == 'is' else 'mean'} {names[0]}",
        Annotation(document.source, new.ids.span, f"again, as {names[1]}"),
        secondary=(before,),
        help=f"an id means one thing: remove it here, or from {names[0]}"
        if old.node >= 0
        else "an id means one thing: remove it here, or from the ignored ones",
    )


def classes_have_an_id(document: Document, scope: Scope) -> Iterator[Diagnostic]:
    """W301: if there is a default label map, every class has an id in it."""
    uses = list(scope.uses(None))
    if not document.complete or not any(use.node >= 0 for use in uses):
        return
    labelled = {use.node for use in uses}
    first: dict[tuple[int, str], int] = {}
    for position, node in enumerate(scope.nodes):
        is_twin = first.setdefault((node.parent, node.name.text), position) != position
        if position in scope.parents or scope.ignored[position] or position in labelled or is_twin:
            continue
        yield Diagnostic(
            "W301",
            f"class '{node.name.text}' has no id: no pixel can ever be labelled so",
            Annotation(document.source, node.name.span),
            help=f"write its id: {document.source.slice(node.name.span)} = 12",
        )
