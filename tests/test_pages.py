"""Every diagnostic code has a page of one form. That its blocks do what it says is held by test_docs.py."""

import os
import re

import pytest

from hierdsl import analyze
from hierdsl.diagnostics import CODES

HEADER = "| code | name | severity | law |\n|---|---|---|---|\n"
FORM = re.compile(
    r"# (?P<code>[HW]\d{3}): (?P<name>[a-z-]+)\n\n(?P<law>[^\n]+\.)\n\n(?P<why>(?!```)[^#\n].*?)\n\n"
    r"## Wrong\n\n(?P<wrong>.*?\n)\n## Mended\n\n```hier (?P<file>\S+)\n(?P<mended>.*?)^```\n(?P<note>\n[^#]+)?",
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture(scope="module")
def pages(root):
    return {p.stem: p.read_text(encoding="utf-8") for p in (root / "docs" / "diagnostics").glob("[HW]*.md")}


def test_every_code_has_a_page_and_every_page_a_code(pages):
    assert set(pages) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_the_form_and_the_words_of_the_registry(pages, code):
    page = FORM.fullmatch(pages[code])
    assert page, "a page is: title, law, why, ## Wrong, ## Mended with one clean file, and perhaps a note"
    assert (page["code"], page["name"], page["law"]) == (code, CODES[code].name, CODES[code].law)
    sentences = re.findall(r"[.?!](?=\s|$)", page["why"])
    assert 2 <= len(sentences) <= 6
    if code.startswith("W"):
        assert "fine to keep" in (page["note"] or ""), "a warning says when it may stay"


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_file_has_the_diagnostic_and_the_mended_one_has_none(pages, code):
    page = FORM.fullmatch(pages[code])
    output = re.search(r"^```console[^\n]*\n(.*?)^```", page["wrong"], re.DOTALL | re.MULTILINE)[1]
    assert f"$ hierdsl validate {page['file']}\n" in output
    assert f"\n{CODES[code].severity.value}[{code}]: " in output
    others = {*re.findall(r"(?:error|warning)\[(\w+)\]", output)} - {code}
    assert not others, "one mistake a page"
    assert analyze(page["mended"])[1] == []


def test_the_index_lists_all_codes_golden(root):
    path = root / "docs" / "diagnostics" / "README.md"
    intro, _, _ = path.read_text(encoding="utf-8").partition(HEADER)
    rows = [
        f"| [{c.code}]({c.code}.md) | {c.name} | {c.severity.value} | {c.law} |\n" for c in CODES.values()
    ]
    listed = intro + HEADER + "".join(rows)
    if os.environ.get("HIERDSL_REWRITE_GOLDEN") == "1":
        path.write_text(listed, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == listed
