"""Nesting from indentation: which line is whose child.

Works on the indentations alone, with a stack and no recursion. Any consistent amount of spaces, or of tabs,
will do; a line must be indented like a sibling before it or deeper than the line before it.
"""

from collections.abc import Iterable

from hierdsl.diagnostics import Annotation, Diagnostic, Edit
from hierdsl.source import Source, Span

SECTIONS = ("hierarchy", "use", "levels", "tree", "labels", "mirror", "edit")

_NAMES = {" ": "spaces", "\t": "tabs"}


def mixed_indentation(source: Source, indents: Iterable[Span]) -> Diagnostic | None:
    """The first place where tabs and spaces meet: one diagnostic for the file, not one for each line.

    Args:
        source: The text.
        indents: The indentation of each line, in file order, none empty.
    """
    first: Span | None = None
    for span in indents:
        indent = source.slice(span)
        if first is None:
            first = span
        usual = source.text[first.start]
        other = "\t" if usual == " " else " "
        if other not in indent:
            continue
        secondary: tuple[Annotation, ...] = ()
        if first != span:
            secondary = (Annotation(source, first, f"{_NAMES[usual]} here"),)
        return Diagnostic(
            "H105",
            "tabs and spaces are mixed in the indentation",
            Annotation(source, span, f"{_NAMES[other]} here" if secondary else "both in one line"),
            secondary=secondary,
            notes=("a tab is as wide as the editor makes it, so a mix can look right and mean another tree",),
            help=f"indent this line with {_NAMES[usual]}" + (", as the lines before it" if secondary else ""),
            edits=(Edit(source, span, _like(indent, source.slice(first))),),
        )
    return None


def _like(indent: str, first: str) -> str:
    """An indentation in the signs of the first one of the file, which is taken for one step."""
    if first[0] == "\t":
        return "\t" * max(1, indent.count("\t") + indent.count(" ") // 4)
    return first * indent.count("\t") + " " * indent.count(" ")


def width(indent: str) -> int:
    """Columns of an indentation. In a mixed file, already an error, a tab counts as one level of four."""
    return len(indent) + 3 * indent.count("\t") if " " in indent and "\t" in indent else len(indent)


def nest(
    source: Source, lines: Iterable[tuple[int, Span]], *, max_depth: int
) -> tuple[list[int], list[Diagnostic]]:
    """The position of each line's parent, -1 for a line at the outermost indentation.

    Args:
        source: For the diagnostics.
        lines: For each line the width of its indentation and the span of its content.
        max_depth: The first line deeper than this is an error, and the lines at fault are cut off there.

    Returns:
        One parent for each line, and the diagnostics. A line that fits no open indentation becomes a child
        of the nearest shallower line, so that one wrong line is one diagnostic.
    """
    parents: list[int] = []
    diagnostics: list[Diagnostic] = []
    stack: list[tuple[int, int]] = []  # (width, position) of the open lines
    spans: list[Span] = []
    too_deep = False
    for position, (indent, span) in enumerate(lines):
        spans.append(span)
        closed: tuple[int, int] | None = None
        while stack and stack[-1][0] >= indent:
            closed = stack.pop()
        if closed is not None and closed[0] != indent:
            line = source.position(spans[closed[1]].start)[0]
            mended = source.text[span.start - 1] * closed[0]
            diagnostics.append(
                Diagnostic(
                    "H106",
                    "this line is indented like none of the lines above it",
                    Annotation(source, span, f"indented by {indent}"),
                    secondary=(Annotation(source, spans[closed[1]], f"indented by {closed[0]}"),),
                    help=f"indent it by {closed[0]}, like line {line}, or like one of the lines around that",
                    edits=(Edit(source, Span(span.start - indent, span.start), mended),),
                )
            )
            indent = closed[0]  # noqa: PLW2901 - as it was meant, so that one wrong line is one mistake
        parents.append(stack[-1][1] if stack else -1)
        if len(stack) < max_depth:
            stack.append((indent, position))
        elif not too_deep:
            too_deep = True
            diagnostics.append(
                Diagnostic(
                    "H903",
                    f"the tree is more than {max_depth:,} levels deep",
                    Annotation(source, span, f"level {max_depth + 1:,}"),
                    help="leave out levels that no class is told apart at",
                )
            )
    return parents, diagnostics
