"""Diagnostics as plain frozen data, and the one exception that carries them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hierdsl.diagnostics.codes import CODES, Code, Severity
from hierdsl.source import Source, Span


@dataclass(frozen=True, slots=True)
class Annotation:
    """A pointer to a place in a source, with a few words that stand beside it."""

    source: Source
    span: Span
    label: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of a span by another: what a program does to follow a help."""

    source: Source
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake, in one sentence, with its place and where there is one its mend.

    Attributes:
        code: A key of `CODES`, such as "H203".
        message: One sentence, lower case, no full stop.
        primary: Where the mistake is.
        secondary: Other places that belong to it, each with its label.
        notes: Background, one sentence each.
        help: One concrete edit that mends it, or None.
        edits: That edit for programs, where one can make it without asking; none overlap.
    """

    code: str
    message: str
    primary: Annotation
    secondary: tuple[Annotation, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = field(default=None)
    edits: tuple[Edit, ...] = ()

    @property
    def rule(self) -> Code:
        """The registry entry of the code."""
        return CODES[self.code]

    @property
    def is_error(self) -> bool:
        """Whether the file cannot be used."""
        return self.rule.severity is Severity.ERROR


class HierError(Exception):
    """A .hier file could not be used; `diagnostics` says why, in file order.

    The text of the exception is the full rendering of the diagnostics, of the first 100 where there are more.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from hierdsl.diagnostics.full import first_of, render_full  # noqa: PLC0415 - it reads this module's types

        shown = first_of(self.diagnostics)
        rest = len(self.diagnostics) - len(shown)
        return "\n\n".join([*map(render_full, shown), *([f"... and {rest:,} more"] if rest else [])])
