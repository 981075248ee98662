"""Rules on label maps: which raw id, or colour, means which node."""

from collections.abc import Iterator

from hierdsl.diagnostics import Annotation, Diagnostic, Edit, nearest
from hierdsl.endings import SHOWN
from hierdsl.id_ranges import Collision
from hierdsl.scope import MAX_ID, Scope, quote
from hierdsl.syntax import Document, IdRange, LabelDecl, LabelsDecl, Reference

MAX_TOLERANCE = 442
"""The distance from black to white, rounded up."""

_Said = dict[tuple[tuple[str, ...], bool], tuple[int, str]]
"""Of ambiguous references how many paths they could be, and the help: a file can have one thousands of times."""


def label_maps_have_different_names(scope: Scope) -> Iterator[Diagnostic]:
    """H304: a label map has a name of its own; the unnamed one stands once."""
    document = scope.document
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


def label_references_name_a_node(scope: Scope) -> Iterator[Diagnostic]:
    """H208, H209: what stands before the ids names one node of the tree."""
    document = scope.document
    said: _Said = {}
    for labels in document.labels:
        for entry in labels.entries:
            if _is_tolerance(scope, entry):
                place = Annotation(document.source, entry.span)
                mend = document.source.slice(entry.span).replace("=", "", 1)
                mend = " ".join(mend.split())
                edits = (Edit(document.source, entry.span, mend),)
                yield Diagnostic(
                    "H307", "a tolerance is given without '='", place, help=f"write {mend}", edits=edits
                )
            elif not entry.target.is_ignore:
                yield from reference_names_a_node(scope, entry.target, said)
            if entry.ids is None and not entry.target.is_ignore:
                yield Diagnostic(
                    "H103",
                    "'*' stands for whatever a map does not list: it can only be ignored",
                    Annotation(document.source, entry.span),
                    help="write ignore = *",
                    edits=(Edit(document.source, entry.span, "ignore = *"),),
                )


def _is_tolerance(scope: Scope, entry: LabelDecl) -> bool:
    """Whether `tolerance = 24` is no class, but what it looks like."""
    return (
        entry.target.parts == ("tolerance",)
        and not entry.target.quoted
        and not scope.resolve(entry.target).total
    )


def reference_names_a_node(scope: Scope, reference: Reference, said: _Said) -> Iterator[Diagnostic]:
    """H208, H209 for one reference; `said` is what was said of others of this kind."""
    document = scope.document
    found = scope.resolve(reference)
    if found.total == 1 or (not found.total and not scope.tree_complete):
        return
    written = document.source.slice(reference.span)
    place = Annotation(document.source, reference.span)
    if not found.total:
        close = scope.nearest(reference.parts[-1])
        mend, edits = "add it to the tree, or remove this line", tuple[Edit, ...]()
        if close:
            alike = Reference((close,), anchored=False, span=reference.span, quoted=False)
            paths = [scope.path(position) for position in scope.resolve(alike).first]
            meant = f'"{close}"' if close in ("ignore", "tolerance") else _anchor(paths[0], paths)
            mend, edits = f"did you mean '{meant}'?", (Edit(document.source, reference.span, meant),)
        gone = scope.explain_missing(reference)
        message = f"the tree has no node '{written}'"
        yield Diagnostic("H208", message, place, secondary=gone, help=mend, edits=edits)
        return
    key = reference.parts, reference.anchored
    if key not in said:
        paths = list(dict.fromkeys(map(scope.path, found.first)))
        mend = "write a longer path: " + " or ".join(_anchor(p, paths) for p in paths[:5])
        said[key] = len(paths), mend
    count, mend = said[key]
    if count == 1:  # siblings of one name: that is their own diagnostic
        return
    yield Diagnostic(
        "H209",
        f"'{written}' could be {count if found.total <= SHOWN else found.total:,} nodes",
        place,
        secondary=tuple(scope.name(position, "this one?") for position in found.first[:5]),
        help=mend,
    )


def _anchor(path: str, paths: list[str]) -> str:
    """The path, with a leading slash where it is itself the end of another path."""
    return f"/{path}" if any(other.endswith(f"/{path}") for other in paths) else path


def _listed(document: Document) -> Iterator[IdRange]:
    """All that the file itself lists."""
    for node in document.tree.nodes if document.tree else ():
        if node.ids:
            yield from node.ids
    for labels in document.labels:
        for entry in labels.entries:
            yield from entry.ids or ()


def ids_are_in_range(scope: Scope) -> Iterator[Diagnostic]:
    """H302, H303, H305: ids are 0 to 65535, ranges go upwards, and colours have 24 bits."""
    document = scope.document
    for item in _listed(document):
        if item.is_color:
            if item.first < 0:
                yield _invalid_color(document, item)
        elif max(item.first, item.last) > MAX_ID:
            yield Diagnostic(
                "H302",
                f"{document.source.slice(item.span)} is not a raw id; ids are 0 to {MAX_ID}",
                Annotation(document.source, item.span),
                notes=("an annotation image holds 8 or 16 bits a pixel",),
                help="correct the id, or remove it",
            )
        elif item.first > item.last:
            mend = f"{item.last}..{item.first}"
            yield Diagnostic(
                "H303",
                "this range goes downwards",
                Annotation(document.source, item.span),
                help=f"write {mend}",
                edits=(Edit(document.source, item.span, mend),),
            )


def _invalid_color(document: Document, item: IdRange) -> Diagnostic:
    written = document.source.slice(item.span)
    number = written.strip('"')
    if number.isdecimal() and len(number) < 6 and int(number) <= MAX_ID:
        message, mend = (
            f"{written} is neither an id nor a colour",
            f"write the id without quotes: {int(number)}",
        )
        return Diagnostic(
            "H305",
            message,
            Annotation(document.source, item.span),
            help=mend,
            edits=(Edit(document.source, item.span, str(int(number))),),
        )
    return Diagnostic(
        "H305",
        f"{written} is not a colour",
        Annotation(document.source, item.span),
        help='write it like "#40c0c0" or rgb(64, 192, 192)',
    )


def maps_hold_ids_or_colors(scope: Scope) -> Iterator[Diagnostic]:
    """H306: the values of one label map are of one kind."""
    for label_map in scope.label_maps.values():
        uses = [use for use in label_map.uses if use.ids.first >= 0]
        first = uses[0] if uses else None
        kind = label_map.is_color
        other = next((use for use in uses if use.ids.is_color != kind), None)
        if first is None or other is None:
            continue
        kinds = ("a colour", "an id") if first.ids.is_color else ("an id", "a colour")
        yield Diagnostic(
            "H306",
            f"{_called(label_map.name)} holds ids and colours",
            Annotation(other.source, other.ids.span, kinds[1]),
            secondary=(Annotation(first.source, first.ids.span, kinds[0]),),
            notes=("an annotation image holds one or the other",),
            help="move the colours into a map of their own: labels by_color",
        )


def _called(name: str) -> str:
    return f"label map '{name}'" if name else "the default label map"


def tolerances_fit(scope: Scope) -> Iterator[Diagnostic]:
    """H307: a tolerance is one number from 0 to 442, and only colours have one."""
    document = scope.document
    for labels in document.labels:
        label_map = scope.label_maps.get(labels.name.text if labels.name else "")
        for i, tolerance in enumerate(labels.tolerances):
            place = Annotation(document.source, tolerance.span)
            if i:
                before = Annotation(document.source, labels.tolerances[0].span, "first here")
                yield Diagnostic(
                    "H307",
                    "the tolerance is given twice",
                    place,
                    secondary=(before,),
                    help="remove one of the two",
                )
            elif not 0 <= tolerance.value <= MAX_TOLERANCE:
                yield Diagnostic(
                    "H307",
                    f"a tolerance is a distance between colours, 0 to {MAX_TOLERANCE}",
                    place,
                    notes=(f"black and white lie {MAX_TOLERANCE - 0.3:.1f} apart",),
                    help="write tolerance 24",
                    edits=(Edit(document.source, tolerance.span, "tolerance 24"),),
                )
            elif label_map and label_map.uses and not label_map.is_color:
                yield Diagnostic(
                    "H307",
                    f"{_called(label_map.name)} holds ids, and ids have no tolerance",
                    place,
                    secondary=(Annotation(label_map.uses[0].source, label_map.uses[0].ids.span, "an id"),),
                    help="remove this line",
                    edits=(Edit(document.source, tolerance.span, ""),),
                )


def ids_mean_one_node(scope: Scope) -> Iterator[Diagnostic]:
    """H301, W302: in one map an id means one thing, and is listed once."""
    for label_map in scope.label_maps.values():
        for collision in label_map.ranges.collisions:
            yield _collision(scope, label_map.name, collision)


def _collision(scope: Scope, name: str, collision: Collision) -> Diagnostic:
    old, new, first, last = collision
    if old.ids.is_color:
        ids, one = f"colour #{first:06x}", True
    else:
        ids, one = (f"id {first}", True) if first == last else (f"ids {first}..{last}", False)
    place = Annotation(new.source, new.ids.span)
    before = Annotation(old.source, old.ids.span, "first here")
    if old.node == new.node:
        message = f"{ids} {'is' if one else 'are'} listed twice"
        return Diagnostic("W302", message, place, secondary=(before,), help="remove one of the two")
    names = [f"'{scope.nodes[n].name.text}'" if n >= 0 else "ignored" for n in (old.node, new.node)]
    what = "a colour" if old.ids.is_color else "an id"
    mend = (
        f"{what} means one thing: remove it here, or from {names[0] if old.node >= 0 else 'the ignored ones'}"
    )
    if old.source is not new.source and not name:
        mend = f'{what} means one thing: keep the label maps apart with use "..." as NAME, or remove it here'
    return Diagnostic(
        "H301",
        f"{ids} already {'means' if one else 'mean'} {names[0]}",
        Annotation(new.source, new.ids.span, f"again, as {names[1]}"),
        secondary=(before,),
        help=mend,
    )


def classes_have_an_id(scope: Scope) -> Iterator[Diagnostic]:
    """W301: if there is a default label map, every class has an id in it."""
    document = scope.document
    default = scope.label_maps.get("")
    if not scope.complete or default is None or not any(use.node >= 0 for use in default.uses):
        return
    labelled = {use.node for use in default.uses}
    elsewhere = {use.node for label_map in scope.label_maps.values() for use in label_map.uses}
    what = "colour" if default.is_color else "id"
    highest = max((last for _, last, _ in default.ranges.pieces), default=-1)
    example = '"#40c0c0"' if default.is_color else str(highest + 1) if highest < MAX_ID else "and a free id"
    first: dict[tuple[int, str], int] = {}
    for position in scope.classes:
        node = scope.nodes[position]
        is_twin = first.setdefault((node.parent, node.name.text), position) != position
        is_used = node.source is not document.source  # with a label map of its own, perhaps
        if position in labelled or is_twin or (is_used and position in elsewhere):
            continue
        yield Diagnostic(
            "W301",
            f"class '{node.name.text}' has no {what} in the default label map",
            scope.name(position),
            help=f"write its {what}: {node.source.slice(node.name.span)} = {example}",
        )


def channels_are_numbered(scope: Scope) -> Iterator[Diagnostic]:
    """H308, H309: with `channels labels`, the ids of that map are 0 to C-1, one for each class."""
    document = scope.document
    declared = document.header.channels if document.header else ()
    for again in declared[1:]:
        before = Annotation(document.source, declared[0].span, "first here")
        place = Annotation(document.source, again.span)
        message = "the channels are numbered twice"
        yield Diagnostic("H110", message, place, secondary=(before,), help="remove one of the two")
    if not declared or not scope.complete:
        return
    name = declared[0].name.text if declared[0].name else ""
    place = Annotation(document.source, declared[0].span)
    label_map = scope.label_maps.get(name)
    if label_map is None:
        known = [key for key in scope.label_maps if key]
        close = nearest(name, known) if name else None
        mend = f"did you mean '{close}'?" if close else f"add a section: labels {name}".rstrip()
        if not name and known:
            mend = f"write channels labels {known[0]}"
        yield Diagnostic("H309", f"there is no {_called(name).removeprefix('the ')}", place, help=mend)
        return
    yield from _numbering(scope, name, place)


def _numbering(scope: Scope, name: str, place: Annotation) -> Iterator[Diagnostic]:
    """H308: at the first thing that does not fit."""
    label_map = scope.label_maps[name]
    classes = frozenset(scope.classes)
    count = len(classes)
    listed: dict[int, int] = {}
    for first, last, use in label_map.ranges.pieces:
        if use.node < 0 or scope.ignored[use.node]:
            continue
        at = Annotation(use.source, use.ids.span)
        node = scope.nodes[use.node].name.text
        if use.node not in classes:
            message, mend = f"'{node}' has an id, but is no class and has no channel", "remove the id"
        elif label_map.is_color:
            message, mend = f"{_called(name)} holds colours, which number no channels", "name a map of ids"
        elif last >= count:
            message = (
                f"the id of '{node}' is no channel: the {count:,} classes have channels 0 to {count - 1}"
            )
            mend = "number the classes from 0 without gaps, or remove 'channels labels' from the header"
        elif first != last or use.node in listed:
            message, mend = f"class '{node}' has two channels", "leave it one id"
        else:
            listed[use.node] = first
            continue
        yield Diagnostic("H308", message, at, secondary=(place,), help=mend)
        return
    missing = next((p for p in scope.classes if p not in listed), None)
    if missing is not None:
        taken = set(listed.values())
        free = next(i for i in range(count) if i not in taken)
        node = scope.nodes[missing].name.text
        yield Diagnostic(
            "H308",
            f"class '{node}' has no id in {_called(name)}, and so no channel",
            scope.name(missing),
            secondary=(place,),
            help=f"give it one that is free: {quote(node)} = {free}",
        )
