"""A diagnostic as a workflow command of GitHub Actions, which becomes an annotation on the changed line.

    ::error file=city.hier,line=14,endLine=14,col=9,endColumn=12,title=H203 duplicate-name::class 'car' is ...

The message goes on with the notes and the help, each on a line of its own. Columns are given only where the
place lies on one line: GitHub drops an annotation that has them otherwise.
"""

from hierdsl.diagnostics.model import Diagnostic
from hierdsl.diagnostics.places import region
from hierdsl.source import printable


def render_github(diagnostic: Diagnostic) -> str:
    """The command, one line without a newline at the end."""
    source = diagnostic.primary.source
    place = region(source, diagnostic.primary.span)
    properties = {
        "file": printable(source.name),
        "line": str(place.line),
        "endLine": str(place.end_line),
    }
    if place.line == place.end_line:
        properties |= {"col": str(place.column), "endColumn": str(place.end_column)}
    properties["title"] = f"{diagnostic.code} {diagnostic.rule.name}"
    lines = [diagnostic.message, *(f"note: {note}" for note in diagnostic.notes)]
    if diagnostic.help:
        lines.append(f"help: {diagnostic.help}")
    return _command(diagnostic.rule.severity.value, properties, "\n".join(lines))


def render_github_failure(reason: str) -> str:
    """The command that says why a file could not be read."""
    return _command("error", {"title": "hierdsl"}, reason)


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    joined = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    shown = "\n".join(printable(line) for line in message.split("\n"))
    return f"::{kind} {joined}::{_data(shown)}"


def _data(text: str) -> str:
    """The escapes that GitHub defines for a message; % comes first, since the others write it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The same for the value of a property, which also ends at a colon or a comma."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
