"""Diagnostics as one JSON document; docs/reference/diagnostics.schema.json is its schema.

    {"version": 1,
     "files": [
      {"file": "city.hier", "status": "errors", "errors": 1, "warnings": 0, "reason": null}],
     "diagnostics": [
      {"code": "H203", "name": "duplicate-name", "severity": "error", ...}]}

One file and one diagnostic a line, so that a reader of lines finds its way. Lines and columns count from 1,
offsets from 0, in code points of the text, where a line end is one and a byte order mark none; an end is behind
the last character. Pure ASCII: no control character of a file reaches a terminal.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hierdsl.diagnostics.model import Annotation, Diagnostic, Edit
from hierdsl.diagnostics.report import FileReport, unicode_text

VERSION = 1
"""Of the document: it rises when a key changes its meaning or goes, not when one is added."""


def render_json(reports: Sequence[FileReport]) -> str:
    """The document, without a newline at the end."""
    files = _lines(_file(report) for report in reports)
    diagnostics = _lines(_diagnostic(d) for report in reports for d in report.diagnostics)
    return f'{{"version": {VERSION},\n "files": [{files}],\n "diagnostics": [{diagnostics}]}}'


def _lines(values: Iterable[dict[str, Any]]) -> str:
    return ",".join(f"\n  {json.dumps(value).replace(chr(127), _DELETE)}" for value in values)


_DELETE = "\\u007f"  # the one control character that json leaves as it is


def _file(report: FileReport) -> dict[str, Any]:
    status = "unreadable" if report.failure else "errors" if report.errors else "ok"
    return {
        "file": unicode_text(report.name),
        "status": status,
        "errors": report.errors,
        "warnings": report.warnings,
        "reason": unicode_text(report.failure) if report.failure else None,
    }


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "name": diagnostic.rule.name,
        "severity": diagnostic.rule.severity.value,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "notes": diagnostic.notes,
        "primary": _annotation(diagnostic.primary),
        "secondary": [_annotation(annotation) for annotation in diagnostic.secondary],
        "edits": [{**_range(edit), "text": edit.text} for edit in diagnostic.edits],
    }


def _annotation(annotation: Annotation) -> dict[str, Any]:
    return {**_range(annotation), "label": annotation.label}


def _range(place: Annotation | Edit) -> dict[str, Any]:
    def point(offset: int) -> dict[str, int]:
        line, column = place.source.position(offset)
        return {"line": line, "column": column, "offset": offset}

    return {
        "file": unicode_text(place.source.name),
        "start": point(place.span.start),
        "end": point(place.span.end),
    }
