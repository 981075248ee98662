"""`hierdsl validate`: is this file right?"""

import sys

import click

from hierdsl.cli.common import Usage, plural, read, show
from hierdsl.loading import examine
from hierdsl.scope import Scope
from hierdsl.source import printable


@click.command(
    epilog="""\b
Examples:
  hierdsl validate hierarchies/camvid.hier
  hierdsl validate helen vistas          bundled hierarchies by bare name
  hierdsl validate - < city.hier         standard input

\b
Exit code: 0 no errors, 1 errors found, 2 a file cannot be read.
"""
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
def command(files: tuple[str, ...]) -> None:
    """Check .hier files: the diagnostics of each, or one line of counts."""
    code = 0
    for file in files:
        try:
            data, name = read(file)
        except Usage as error:
            error.show()
            code = 2
            continue
        scope, diagnostics = examine(data, name)
        show(diagnostics)
        errors = sum(d.is_error for d in diagnostics)
        warnings = len(diagnostics) - errors
        if scope is None:
            code = max(code, 1)
            click.echo(f"{name}: {plural(errors, 'error')}, {plural(warnings, 'warning')}")
        else:
            click.echo(
                f"{name}: ok, {summary(scope)}" + (f", {plural(warnings, 'warning')}" if warnings else "")
            )
    sys.exit(code)


def summary(scope: Scope) -> str:
    """Counts of a document without errors in a line; from its declarations, since building a model takes time."""
    classes = len(scope.classes)
    inner = len(scope.nodes) - sum(scope.ignored) - classes
    listed = ignored = 0
    default = scope.label_maps.get("")
    for first, last, use in default.ranges.pieces if default else ():
        count = last - first + 1
        if use.node < 0 or scope.ignored[use.node]:
            ignored += count
        else:
            listed += count
    kind = "colour" if default and default.is_color else "id"
    parts = [
        plural(classes, "class"),
        plural(inner, "inner node"),
        plural(scope.level_count, "level"),
        plural(listed, kind) + (f" (+ {ignored:,} ignored)" if ignored else ""),
    ]
    named = [printable(name) for name in scope.label_maps if name]
    if named:
        parts.append(f"label maps: {', '.join(named)}")
    return ", ".join(parts)
