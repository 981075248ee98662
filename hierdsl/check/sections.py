"""Rules on the sections as such: the header's fields and the presence of a tree."""

from collections.abc import Iterator

from hierdsl.diagnostics import Annotation, Diagnostic, Edit, nearest
from hierdsl.scope import Scope
from hierdsl.source import Span
from hierdsl.syntax import FieldDecl, MergeDecl, RenameDecl

FIELDS = {
    "source": "where the classes and their ids come from; may stand several times",
    "license": "the licence of the data set or of the hierarchy",
    "version": "the version of the hierarchy",
    "doc": "a sentence about the hierarchy",
}
_REPEATABLE = frozenset({"source"})


def header_fields_are_known(scope: Scope) -> Iterator[Diagnostic]:
    """H110: the header has known fields only, each once."""
    document = scope.document
    seen: dict[str, FieldDecl] = {}
    for field in document.header.fields if document.header else ():
        place = Annotation(document.source, field.key.span)
        if field.key.text not in FIELDS:
            close = nearest(field.key.text, FIELDS)
            yield Diagnostic(
                "H110",
                f"the header has no field '{field.key.text}'",
                place,
                notes=(f"the fields are: {', '.join(FIELDS)}",),
                help=f"did you mean '{close}'?" if close else "write it as a comment, behind a #",
                edits=(Edit(document.source, field.key.span, close),)
                if close
                else (Edit(document.source, Span(field.key.span.start, field.key.span.start), "# "),),
            )
        elif field.key.text in seen and field.key.text not in _REPEATABLE:
            first = Annotation(document.source, seen[field.key.text].key.span, "first here")
            message = f"the field '{field.key.text}' is given twice"
            yield Diagnostic("H110", message, place, secondary=(first,), help="remove one of the two")
        seen.setdefault(field.key.text, field)


def names_are_not_empty(scope: Scope) -> Iterator[Diagnostic]:
    """H212: a node or a level has a name of at least one character, and gets no empty one by an edit."""
    document = scope.document
    edits = [edit for use in document.uses for edit in use.edits] + list(
        document.edit.edits if document.edit else ()
    )
    names = [
        *(node.name for node in (document.tree.nodes if document.tree else ())),
        *(level.name for level in (document.levels.levels if document.levels else ())),
        *(edit.name for edit in edits if isinstance(edit, MergeDecl | RenameDecl)),
    ]
    for name in names:
        if not name.text:
            place = Annotation(document.source, name.span)
            yield Diagnostic("H212", "this name is empty", place, help='write one, in quotes or bare: "road"')


def tree_has_a_class(scope: Scope) -> Iterator[Diagnostic]:
    """H201: a file has a tree with at least one class."""
    document = scope.document
    if scope.nodes or not scope.complete:
        return
    if document.edit and document.tree and document.tree.nodes:
        place = Annotation(document.source, document.edit.keyword)
        yield Diagnostic("H201", "the edits leave nothing of the tree", place, help="drop less of it")
    elif document.tree and not document.uses:
        place = Annotation(document.source, document.tree.keyword, "no line is indented below it")
        yield Diagnostic("H201", "the tree has no class", place, help="write a class below it: car = 1")
    elif document.uses:
        place = Annotation(document.source, document.uses[0].keyword)
        yield Diagnostic(
            "H201", "nothing is left of the used tree", place, help="drop less of it, or add a section: tree"
        )
    else:
        end = len(document.source.text)
        yield Diagnostic(
            "H201",
            "the file has no tree",
            Annotation(document.source, Span(end, end)),
            help="add a section: the word 'tree' at column 1, and the classes indented below it",
        )
