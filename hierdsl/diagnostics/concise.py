"""The concise form of a diagnostic: one line, as compilers write it and editors read it.

    hierarchies/city.hier:14:9: error[H203] class 'car' is already defined

Pure: no colour, and no control character of the file.
"""

from hierdsl.diagnostics.model import Diagnostic
from hierdsl.source import printable


def render_concise(diagnostic: Diagnostic) -> str:
    """The line, without a newline at the end."""
    place = diagnostic.primary
    line, column = place.source.position(place.span.start)
    name, message = printable(place.source.name), printable(diagnostic.message)
    return f"{name}:{line}:{column}: {diagnostic.rule.severity.value}[{diagnostic.code}] {message}"
