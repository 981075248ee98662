"""`hierdsl validate`: is this file right?"""

import sys

import click

from hierdsl.cli.common import Usage, plural, read, show
from hierdsl.loading import examine
from hierdsl.scope import Scope
from hierdsl.syntax import Document, IdRange


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
        document, diagnostics = examine(data, name)
        show(diagnostics)
        errors = sum(d.is_error for d in diagnostics)
        warnings = len(diagnostics) - errors
        if document is None:
            code = max(code, 1)
            click.echo(f"{name}: {plural(errors, 'error')}, {plural(warnings, 'warning')}")
        else:
            click.echo(
                f"{name}: ok, {summary(document)}" + (f", {plural(warnings, 'warning')}" if warnings else "")
            )
    sys.exit(code)


def summary(document: Document) -> str:
    """Counts of a document without errors in a line; from its declarations, since building a model takes time."""
    scope = Scope(document)
    alive = [position for position, ignored in enumerate(scope.ignored) if not ignored]
    parents = {node.parent for node in scope.nodes}
    inner = sum(position in parents for position in alive)
    ids: set[int] = set()
    ignored_ids: set[int] = set()
    for node, ignored in zip(scope.nodes, scope.ignored, strict=True):
        (ignored_ids if ignored else ids).update(*map(_each, node.ids))
    for labels in document.labels:
        for entry in labels.entries if labels.name is None else ():
            ignored = entry.target.is_ignore or scope.ignored[scope.resolve(entry.target)[0]]
            (ignored_ids if ignored else ids).update(*map(_each, entry.ids or ()))
    parts = [
        plural(len(alive) - inner, "class"),
        plural(inner, "inner node"),
        plural(max(scope.nodes[position].depth for position in alive), "level"),
        plural(len(ids), "id") + (f" (+ {len(ignored_ids):,} ignored)" if ignored_ids else ""),
    ]
    named = [labels.name.text for labels in document.labels if labels.name]
    if named:
        parts.append(f"label maps: {', '.join(named)}")
    return ", ".join(parts)


def _each(ids: IdRange) -> range:
    return range(ids.first, ids.last + 1)
