"""What a line that does not parse was probably meant to say.

A table of mistakes: each looks at the line that failed and gives a message and a help when it knows the
mistake. The first that does, wins; the last resort says what was expected. `tests/language/test_mistakes.py`
is the specification: one snippet for each.
"""

import re
from collections.abc import Callable

from hierdsl.diagnostics import Annotation, Diagnostic, Edit, nearest
from hierdsl.source import Source, Span
from hierdsl.syntax.layout import SECTIONS
from hierdsl.syntax.mistakes import lines, names, values
from hierdsl.syntax.mistakes.failure import Failure, code_of, listed, shown

_ALIASES = {
    "import": "use",
    "include": "use",
    "from": "use",
    "classes": "tree",
    "nodes": "tree",
    "taxonomy": "tree",
    "name": "hierarchy",
    "ids": "labels",
    "map": "labels",
    "mapping": "labels",
    "flip": "mirror",
    "swap": "mirror",
    "graft": "edit",
    "drop": "edit",
    "collapse": "edit",
    "merge": "edit",
    "rename": "edit",
}

_MISTAKES: tuple[Callable[[Failure], Diagnostic | None], ...] = (
    values.unclosed,
    values.hash_color,
    lines.channels,
    lines.tolerance,
    lines.misplaced_word,
    values.double_comma,
    lines.nothing_follows,
    names.full_width,
    names.drawn_tree,
    values.open_range,
    lines.semicolon,
    names.comment,
    values.rgb_form,
    names.quotes,
    names.unterminated,
    lines.use_head,
    lines.tree_edit,
    lines.braces,
    lines.bullet,
    lines.mirror_arrow,
    values.level_weight,
    values.assignment,
    values.bracketed_ids,
    values.quoted_id,
    values.hyphen_range,
    values.colon,
    lines.id_first,
    values.negative,
    values.number_form,
    values.letter_in_id,
    values.word_for_id,
    values.decimal_comma,
    values.missing_equals,
    values.missing_comma,
    lines.title,
    lines.child_arrow,
    lines.two_classes,
    names.digit_name,
    names.words,
    names.sign_in_name,
    names.character,
)


def explain(failure: Failure) -> Diagnostic:
    """The diagnostic of a line that does not parse."""
    for mistake in _MISTAKES:
        found = mistake(failure)
        if found:
            return found
    word = shown(failure.rest)
    quoted = word if word.startswith('"') else f"'{word}'"
    message = f"expected {listed(failure.expected)}, found {quoted}"
    if failure.before and failure.expected & {"BODY", "_TOP"}:
        return failure.diagnostic(message, f"end the line behind '{failure.before}'", len(word))
    return failure.diagnostic(message, f"write {listed(failure.expected)} here", len(word))


def unknown_section(source: Source, start: int, end: int, *, is_first: bool) -> Diagnostic:
    """A line at column 1 that starts no section; `is_first` when no section stands above it."""
    failure = Failure(source, start, end, start, "", frozenset())
    rule = re.fullmatch(r"[-=_*~]{3,}|\.\.\.", code_of(failure.text))
    if rule:
        place = Annotation(source, Span(start, start + len(rule[0])))
        edit = Edit(source, place.span, "")
        message = f"'{rule[0]}' has no meaning here"
        return Diagnostic("H102", message, place, help="remove this line", edits=(edit,))
    if found := names.quotes(failure) or names.comment(failure) or names.character(failure):
        return found
    word = shown(failure.text)
    place = Annotation(source, Span(start, start + len(word)))
    close = _ALIASES.get(word.casefold()) or nearest(word, SECTIONS)
    is_class = re.match(r"[ \t]*[=\[]", failure.text[len(word) :])
    if close and close != word and not is_class:
        edit = Edit(source, place.span, close)
        return Diagnostic(
            "H107", f"'{word}' is no section", place, help=f"did you mean '{close}'?", edits=(edit,)
        )
    notes = (f"the sections are: {', '.join(SECTIONS)}",)
    message = f"'{word}' is no section"
    place = Annotation(source, place.span, "at column 1")
    if is_first:
        mend = "if it is a class, write the word tree on a line above it and indent it below that"
        return Diagnostic("H107", message, place, notes=notes, help=mend)
    mend = "indent the line if it belongs to the section above it"
    return Diagnostic("H107", message, place, notes=notes, help=mend)


__all__ = ["SECTIONS", "Failure", "explain", "unknown_section"]
