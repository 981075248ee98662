"""`hierdsl explain`: every page can be read in a terminal."""

import re

import pytest
from click import unstyle
from click.testing import CliRunner

from hierdsl.cli import explain, main
from hierdsl.diagnostics import CODES
from hierdsl.resources import diagnostic_page


def run(*arguments):
    result = CliRunner().invoke(main, ["explain", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_by_code_and_by_name(code):
    shown = run(code)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"{code}: {CODES[code].name}\n\n")
    assert run(code.lower()).stdout == run(f" {CODES[code].name.upper()} ").stdout == shown.stdout


@pytest.mark.parametrize("code", CODES)
def test_a_page_loses_nothing_but_its_marks(code):
    page, shown = diagnostic_page(code), explain.as_text(diagnostic_page(code), width=72)
    words = re.sub(r"^```.*$|^#+ ", "", page, flags=re.MULTILINE)
    words = re.sub(r"\[([^\]\n]+)\]\([^)\n]+\)", r"\1", words)
    assert shown.split() == words.split()
    for block in re.findall(r"^```[^\n]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for line in filter(None, block.split("\n")):
            assert f"    {line}" in shown.split("\n")
    prose = [line for line in shown.split("\n") if not line.startswith("    ")]
    assert max(map(len, prose)) <= 72
    assert not any(line.startswith(("#", "```")) for line in prose)


def test_headings_are_bold_where_that_is_asked_for():
    page = diagnostic_page("H203")
    plain, bold = (explain.as_text(page, width=80, bold=bold) for bold in (False, True))
    assert unstyle(bold) == plain
    assert re.findall("\x1b\\[1m(.*?)\x1b\\[0m", bold) == ["H203: duplicate-name", "Wrong", "Mended"]


def test_lists_and_links_are_shown_as_text():
    page = "See [the\ntable](x.md) of `[a]`.\n\n- one\n  and more\n- two\n\n```\n# no heading\n\n- x\n```\n\nend\n"
    assert explain.as_text(page, width=11) == (
        "See the\ntable of\n`[a]`.\n\n- one and\n  more\n- two\n\n    # no heading\n\n    - x\n\nend"
    )


@pytest.mark.parametrize(
    ("word", "mend"),
    [
        ("H20", "did you mean 'H210'?"),
        ("duplicat-name", "did you mean 'duplicate-name'?"),
        ("zzz", "'hierdsl explain' lists all"),
        ("", "'hierdsl explain' lists all"),
        ("\x1b[31m", "'hierdsl explain' lists all"),
    ],
)
def test_an_unknown_code_is_one_line_with_the_nearest(word, mend):
    result = run(word)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: there is no diagnostic '{repr(word)[1:-1]}'; {mend}\n"


def test_without_a_code_all_are_listed():
    lines = run().stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        [c.code, c.severity.value, c.name] for c in CODES.values()
    ]
    assert all(line.endswith(f"  {c.law}") for line, c in zip(lines, CODES.values(), strict=True))


def test_a_missing_page_is_one_line(monkeypatch):
    def gone(code):
        raise FileNotFoundError(2, "No such file or directory", f"docs/{code}.md")

    monkeypatch.setattr(explain, "diagnostic_page", gone)
    result = run("H203")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: the page 'docs/H203.md' is missing; install hierdsl again\n",
    )
