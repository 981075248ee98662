"""What tired authors write: tests/language/mistakes.txt holds each mistake, what is said, and the mended file.

An entry is the file under `==`; behind `--` the first line and the help of its error; under `++` the file after
the help was followed: by the edit that the diagnostic carries, or by hand where the help leaves a choice. Unprintable
characters are written ‹U+FEFF›. HIERDSL_REWRITE_GOLDEN=1 writes all but the files and the mends by hand.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from hierdsl import analyze
from hierdsl.diagnostics.full import render_full

TABLE = Path(__file__).with_name("mistakes.txt")
HEAD = TABLE.read_text(encoding="utf-8").split("\n== ")[0]


@dataclass
class Entry:
    title: str
    text: str
    said: str
    by: str
    mended: str


def unescape(text):
    return re.sub(r"‹U\+([0-9A-F]+)›", lambda m: chr(int(m[1], 16)), text)


def escape(text):
    return "".join(c if c == "\n" or c.isprintable() else f"‹U+{ord(c):04X}›" for c in text)


def entries():
    for part in TABLE.read_text(encoding="utf-8").split("\n== ")[1:]:
        match = re.fullmatch(
            r"(.*)\n((?:.*\n)*?)((?:-- .*\n)+)\+\+ (by its edit|by hand)\n((?:.*\n?)*)", part
        )
        assert match, part
        yield Entry(match[1], unescape(match[2]), match[3], match[4], unescape(match[5].rstrip("\n") + "\n"))


ENTRIES = list(entries())


def said(diagnostics):
    lines = []
    for d in diagnostics:
        first, place = render_full(d).split("\n")[:2]
        lines.append(
            f"-- {place.rpartition('file.hier:')[2]} {escape(first)}\n-- help: {escape(d.help or '')}\n"
        )
    return "".join(dict.fromkeys(lines))


def follow(text, diagnostics):
    """The text after the edits of all its errors."""
    edits = sorted((e for d in diagnostics for e in d.edits), key=lambda e: e.span, reverse=True)
    for edit in edits:
        assert edit.source.text == text if edit is edits[0] else True
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def errors(text):
    return [d for d in analyze(text, "file.hier")[1] if d.is_error]


def test_there_are_many_and_all_different():
    assert len(ENTRIES) >= 60
    assert len({entry.title for entry in ENTRIES}) == len(ENTRIES)
    assert len({entry.text for entry in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.title)
def test_the_first_line_says_what_is_wrong_and_the_help_what_to_do(entry):
    found = errors(entry.text)
    assert all(d.help for d in found)
    assert len({d.primary.source.position(d.primary.span.start)[0] for d in found}) == len(found)
    if os.environ.get("HIERDSL_REWRITE_GOLDEN") != "1":
        assert said(found) == entry.said


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.title)
def test_following_the_help_mends_the_file(entry):
    found = errors(entry.text)
    if any(d.edits for d in found):
        assert entry.by == "by its edit"
        assert all(d.edits for d in found)
        assert follow(entry.text, found) == entry.mended
    else:
        assert entry.by == "by hand"
    assert entry.mended != entry.text
    assert errors(entry.mended) == []


def test_golden():
    """Rewrites the table when asked to; else the tests above compare it."""
    if os.environ.get("HIERDSL_REWRITE_GOLDEN") != "1":
        return
    parts = [HEAD]
    for entry in ENTRIES:
        found = errors(entry.text)
        by_edit = all(d.edits for d in found)
        mended = follow(entry.text, found) if by_edit else entry.mended
        by = "by its edit" if by_edit else "by hand"
        parts.append(f"{entry.title}\n{escape(entry.text)}{said(found)}++ {by}\n{escape(mended)}")
    TABLE.write_text("\n== ".join(parts), encoding="utf-8")
