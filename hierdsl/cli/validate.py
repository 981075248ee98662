"""`hierdsl validate`: is this file right?"""

import sys

import click

from hierdsl.cli.common import Usage, plural, read, show
from hierdsl.loading import analyze
from hierdsl.model import Hierarchy


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
        hierarchy, diagnostics = analyze(data, name)
        show(diagnostics)
        errors = sum(d.is_error for d in diagnostics)
        warnings = len(diagnostics) - errors
        if hierarchy is None:
            code = max(code, 1)
            click.echo(f"{name}: {plural(errors, 'error')}, {plural(warnings, 'warning')}")
        else:
            click.echo(
                f"{name}: ok, {summary(hierarchy)}" + (f", {plural(warnings, 'warning')}" if warnings else "")
            )
    sys.exit(code)


def summary(hierarchy: Hierarchy) -> str:
    """Counts of a hierarchy in a line."""
    default = hierarchy.label_maps.get("")
    ids = sum(node is not None for node in default.ids.values()) if default else 0
    ignored = len(default.ids) - ids if default else 0
    parts = [
        plural(len(hierarchy.leaves), "class"),
        plural(len(hierarchy.inner_nodes), "inner node"),
        plural(len(hierarchy.levels), "level"),
        plural(ids, "id") + (f" (+ {ignored:,} ignored)" if ignored else ""),
    ]
    named = [name for name in hierarchy.label_maps if name]
    if named:
        parts.append(f"label maps: {', '.join(named)}")
    return ", ".join(parts)
