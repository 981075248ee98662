"""Diagnostics as SARIF 2.1.0, the form that code scanning services and editors take from checkers.

One run: every rule of the registry, one result a diagnostic, its other places as related locations, its edits
as a fix; a file that could not be read is a notification of the invocation. A path is a URI reference, relative
where the user wrote it so, as services that look for the file in a repository want it.

Source:
    OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, errata 01.
"""

import json
import os
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from hierdsl.diagnostics.codes import CODES, Code
from hierdsl.diagnostics.model import Annotation, Diagnostic, Edit
from hierdsl.diagnostics.places import region
from hierdsl.diagnostics.report import FileReport, names_with_exact_offsets, unicode_text
from hierdsl.source import Source, Span

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX = {code: index for index, code in enumerate(CODES)}


def render_sarif(reports: Sequence[FileReport], *, version: str) -> str:
    """The document, without a newline at the end.

    Args:
        reports: The files in the order of the results.
        version: The version of hierdsl.
    """
    exact = names_with_exact_offsets(reports)
    failures = [report.failure for report in reports if report.failure]
    invocation: dict[str, Any] = {"executionSuccessful": not failures}
    if failures:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": unicode_text(failure)}} for failure in failures
        ]
    run = {
        "tool": {
            "driver": {
                "name": "hierdsl",
                "version": version,
                "rules": [_rule(code) for code in CODES.values()],
            }
        },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, exact) for report in reports for d in report.diagnostics],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document).replace("\x7f", "\\u007f")


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.code,
        "name": code.name,
        "shortDescription": {"text": code.law},
        "defaultConfiguration": {"level": code.severity.value},
    }


def _result(diagnostic: Diagnostic, exact: Collection[str]) -> dict[str, Any]:
    lines = [diagnostic.message, *(f"note: {note}" for note in diagnostic.notes)]
    if diagnostic.help:
        lines.append(f"help: {diagnostic.help}")
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": _INDEX[diagnostic.code],
        "level": diagnostic.rule.severity.value,
        "message": {"text": "\n".join(lines)},
        "locations": [_location(diagnostic.primary, exact)],
    }
    if diagnostic.secondary:
        result["relatedLocations"] = [
            {"id": number, **_location(annotation, exact)}
            for number, annotation in enumerate(diagnostic.secondary, start=1)
        ]
    if diagnostic.edits:
        fix: dict[str, Any] = {"artifactChanges": _changes(diagnostic.edits, exact)}
        if diagnostic.help:
            fix["description"] = {"text": diagnostic.help}
        result["fixes"] = [fix]
    return result


def _location(annotation: Annotation, exact: Collection[str]) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(annotation.source.name)},
            "region": _region(annotation.source, annotation.span, exact),
        }
    }
    if annotation.label:
        location["message"] = {"text": annotation.label}
    return location


def _changes(edits: Sequence[Edit], exact: Collection[str]) -> list[dict[str, Any]]:
    """The edits, file by file: SARIF has one change for each."""
    files: dict[str, list[dict[str, Any]]] = {}
    for edit in edits:
        replacement = {
            "deletedRegion": _region(edit.source, edit.span, exact),
            "insertedContent": {"text": edit.text},
        }
        files.setdefault(_uri(edit.source.name), []).append(replacement)
    return [{"artifactLocation": {"uri": uri}, "replacements": found} for uri, found in files.items()]


def _region(source: Source, span: Span, exact: Collection[str]) -> dict[str, int]:
    place = region(source, span)
    found = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    if source.name in exact:
        found |= {"charOffset": span.start, "charLength": span.end - span.start}
    return found


@cache
def _uri(name: str) -> str:
    """The path as a URI reference, relative where the path is."""
    path = PurePath(name)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))
