"""What the check of one file gave, as the forms that join several files in one document take it.

Plain data: reading, checking and printing are done elsewhere.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hierdsl.diagnostics.model import Diagnostic


@dataclass(frozen=True, slots=True)
class FileReport:
    """The diagnostics of one file, or why it could not be read.

    Attributes:
        name: The file as messages call it.
        diagnostics: In file order.
        failure: Why the file could not be read, or None.
        exact: Whether an offset in the decoded text is one in the file too. It is not where a byte order mark or
            CRLF line ends were taken out; lines and columns are the same.
    """

    name: str
    diagnostics: tuple[Diagnostic, ...] = ()
    failure: str | None = None
    exact: bool = True

    @property
    def errors(self) -> int:
        """The number of errors."""
        return sum(d.is_error for d in self.diagnostics)

    @property
    def warnings(self) -> int:
        """The number of warnings."""
        return len(self.diagnostics) - self.errors


def names_with_exact_offsets(reports: Iterable[FileReport]) -> Collection[str]:
    """The files in which an offset of a span can be used as it is."""
    return frozenset(report.name for report in reports if report.exact)


def unicode_text(text: str) -> str:
    """A text without lone surrogates, which a file name that is not UTF-8 has and JSON may not hold."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
