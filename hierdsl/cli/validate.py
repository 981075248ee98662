"""`hierdsl validate`: is this file right?"""

import sys

import click

from hierdsl.cli.common import Usage, plural, read, show
from hierdsl.loading import examine
from hierdsl.scope import Scope


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
    alive = [position for position, ignored in enumerate(scope.ignored) if not ignored]
    inner = sum(position in scope.parents for position in alive)
    ids: set[int] = set()
    ignored_ids: set[int] = set()
    for use in scope.uses(None):
        ignored = use.node < 0 or scope.ignored[use.node]
        (ignored_ids if ignored else ids).update(range(use.ids.first, use.ids.last + 1))
    parts = [
        plural(len(alive) - inner, "class"),
        plural(inner, "inner node"),
        plural(max(scope.nodes[position].depth for position in alive), "level"),
        plural(len(ids), "id") + (f" (+ {len(ignored_ids):,} ignored)" if ignored_ids else ""),
    ]
    named = [labels.name.text for labels in scope.document.labels if labels.name]
    if named:
        parts.append(f"label maps: {', '.join(named)}")
    return ", ".join(parts)
