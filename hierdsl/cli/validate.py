"""`hierdsl validate`: is this file right?"""

import codecs
import gc
import sys
from collections.abc import Iterator

import click

from hierdsl.cli.common import Usage, plural, read, show
from hierdsl.cli.inputs import expand
from hierdsl.diagnostics.report import FileReport
from hierdsl.scope import Scope
from hierdsl.source import printable


@click.command(
    epilog="""\b
Examples:
  hierdsl validate hierarchies/camvid.hier
  hierdsl validate helen vistas          bundled hierarchies by bare name
  hierdsl validate hierarchies           every .hier file in a folder and below
  hierdsl validate - < city.hier         standard input
  hierdsl validate --format json hierarchies

\b
Exit code: 0 no errors, 1 errors found (with --strict: or warnings), 2 a file
cannot be read.
"""
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["full", "concise", "json", "github", "sarif"]),
    default="full",
    show_default=True,
    help="How diagnostics are printed: full is for people, the others are for programs.",
)
@click.option("--strict", is_flag=True, help="A warning makes the exit code 1 too.")
def command(paths: tuple[str, ...], form: str, strict: bool) -> None:
    """Check .hier files: the diagnostics of each, and one line of counts."""
    gc.disable()  # what is made is kept to the end
    code = 0
    reports: list[FileReport] = []
    for report, scope in _checked(paths):
        passed = scope is not None and not (strict and report.warnings)
        code = max(code, 2 if report.failure else 0 if passed else 1)
        if form == "full":
            show(report.diagnostics, "--format concise lists all")
        elif form in ("concise", "github"):
            _print_lines(report, form)
        reports.append(report)
        counts = f"{plural(report.errors, 'error')}, {plural(report.warnings, 'warning')}"
        if report.failure:
            Usage(report.failure).show()
        elif form != "full":
            if report.diagnostics:
                click.echo(f"{report.name}: {counts}", err=True)
        elif scope is not None and passed:
            found = f", {plural(report.warnings, 'warning')}" if report.warnings else ""
            click.echo(f"{report.name}: ok, {summary(scope)}{found}")
        else:
            click.echo(f"{report.name}: {counts}")
    if form == "full":
        _print_hint(reports)
    elif form in ("json", "sarif"):
        _print_document(reports, form)
    sys.exit(code)


def _checked(paths: tuple[str, ...]) -> Iterator[tuple[FileReport, Scope | None]]:
    """The report of each file, and its checked document where it has no error."""
    for file in expand(paths):
        try:
            if file.complaint:
                raise Usage(file.complaint)
            text = read(file.path)
        except Usage as error:
            yield FileReport(file.path, failure=error.format_message()), None
            continue
        scope, diagnostics = text.examine()
        exact = b"\r\n" not in text.data and not text.data.startswith(codecs.BOM_UTF8)
        yield FileReport(text.name, tuple(diagnostics), exact=exact), scope


def _print_lines(report: FileReport, form: str) -> None:
    """The forms of one line a diagnostic, as soon as the file is checked."""
    if form == "concise":
        from hierdsl.diagnostics.concise import render_concise  # noqa: PLC0415 - only when asked for

        lines = [render_concise(diagnostic) for diagnostic in report.diagnostics]
    else:
        from hierdsl.diagnostics.github import render_github, render_github_failure  # noqa: PLC0415 - the same

        lines = [render_github(diagnostic) for diagnostic in report.diagnostics]
        lines += [render_github_failure(report.failure)] if report.failure else []
    click.echo("".join(f"{line}\n" for line in lines), nl=False)


def _print_document(reports: list[FileReport], form: str) -> None:
    """The forms that join all files in one document."""
    if form == "json":
        from hierdsl.diagnostics.json_form import render_json  # noqa: PLC0415 - only when asked for

        click.echo(render_json(reports))
    else:
        from hierdsl import __version__  # noqa: PLC0415 - the same, and slow
        from hierdsl.diagnostics.sarif import render_sarif  # noqa: PLC0415 - the same

        click.echo(render_sarif(reports, version=__version__))


def _print_hint(reports: list[FileReport]) -> None:
    """Once for all files: where to read more, by the first error."""
    first = next((d.code for report in reports for d in report.diagnostics if d.is_error), None)
    if first:
        click.echo(f"for more about an error: hierdsl explain {first}", err=True)


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
