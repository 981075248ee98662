"""The full form of diagnostics as golden text: tests/golden/diagnostics.txt is what a terminal shows."""

import re

import pytest
from click import unstyle
from hypothesis import given, settings
from language.strategies import any_text

from hierdsl import HierError, analyze
from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.diagnostics.full import render_full
from hierdsl.source import Source, Span

FILES = {
    "two places of one file": "tree\n    vehicle\n        car = 26\n        bus = 27\n\n        car = 33\n",
    "neighbouring lines": "tree\n    car\n    car\n",
    "two places on one line": "tree\n    a [weight=1, weight=2]\n    b\n",
    "tabs in the line": "tree\n\ta\t=\t1\t[colour\t=\t3]\n\tb = 2\n",
    "wide characters": 'tree\n    "道路と車" = 1 2\n    日本語 [色="x"]\n',
    "a combining accent": "tree\n    cafe\u0301 = 70000\n    b = 1\n",
    "a very long line": "tree\n    a = " + ", ".join(map(str, range(0, 400, 2))) + ", 4\n    b = 99\n",
    "a mistake at the end of a long line": f'tree\n    a [doc="{"x" * 300}", weigth=2]\n    b\n',
    "many candidates": "tree\n"
    + "".join(f"    g{i}\n        other\n        x{i}\n" for i in range(7))
    + "mirror\n    other <-> x1\n",
    "several errors": "hierarchy city Scenes\n    sorce 'y'\ntree\n    traffic light = 3\n    car = 1 [weight=-1]\n"
    "    bus = 1\n       van\nlabels x\n    bsu = 4\n    ignore = 300..200\n",
    "a warning with a note of its own": "levels\n    x\n    y\ntree\n    a\n    b\n",
    "a hostile file": 'tree\n    "\x1b[31mred\x1b[0m" = 1\n    "\x1b[31mred\x1b[0m" = 1 [\x1b]\n    "\u202eevil" = 1\n    \x07\n',
    "the end of the file": "tree\n    a =",
    "an empty file": "",
    "no text at all": b"\xff\xfe\x00",
    "the byte that is no text": b"tree\n    stra\xdfe = 1 # gr\xfc\xdfe\n",
    "a mix of tabs and spaces": "tree\n    a\n \tb\n",
}


def full(content, **options):
    return "\n\n".join(render_full(d, **options) for d in analyze(content, "city.hier")[1])


def test_the_full_form(golden):
    golden(
        "diagnostics.txt", "\n\n".join(f"=== {title}\n\n{full(text)}" for title, text in FILES.items()) + "\n"
    )


def test_the_full_form_in_colour(golden):
    text = full("tree\n    car = 26\n    car = 33\n    bus\n        a\n", color=True)
    assert "\x1b[" in text
    golden("diagnostics_color.txt", text.replace("\x1b", "<ESC>") + "\n")


@pytest.mark.parametrize("title", FILES)
def test_colour_adds_nothing_but_colour(title):
    plain = full(FILES[title])
    assert "\x1b" not in plain
    assert unstyle(full(FILES[title], color=True)) == plain


@settings(max_examples=60)
@given(any_text)
def test_no_control_character_of_a_file_reaches_the_terminal(text):
    shown = full(text, color=True)
    assert all(line.isprintable() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).split("\n"))


def test_the_example_of_the_language_reference():
    text = "\n" * 10 + "tree\n    vehicle\n        car = 26\n        van = 1\n        car = 33\n"
    (diagnostic,) = analyze(text, "hierarchies/city.hier")[1]
    assert render_full(diagnostic) == (
        "error[H203]: class 'car' is already defined\n"
        "  --> hierarchies/city.hier:15:9\n"
        "   |\n"
        "13 |         car = 26\n"
        "   |         --- first defined here\n"
        "...\n"
        "15 |         car = 33\n"
        "   |         ^^^ same name under the same parent 'vehicle'\n"
        "   |\n"
        "   = help: rename one, or write both ids on one line: car = 26, 33"
    )


def test_places_in_two_files_stand_under_two_arrows():
    here, there = Source("a.hier", "use b\n"), Source("b.hier", "tree\n    car\n")
    diagnostic = Diagnostic(
        "H203",
        "class 'car' is already defined",
        Annotation(here, Span(4, 5), "here"),
        secondary=(Annotation(there, Span(9, 12), "first"),),
        notes=("a note\nof two lines",),
    )
    assert render_full(diagnostic).split("\n") == [
        "error[H203]: class 'car' is already defined",
        " --> a.hier:1:5",
        "  |",
        "1 | use b",
        "  |     ^ here",
        " ::: b.hier:2:5",
        "  |",
        "2 |     car",
        "  |     --- first",
        "  |",
        "  = note: a note",
        "          of two lines",
    ]


def test_the_exception_carries_the_diagnostics_and_reads_like_them():
    _, diagnostics = analyze(FILES["several errors"], "city.hier")
    error = HierError(diagnostics)
    assert error.diagnostics == tuple(diagnostics)
    assert str(error) == full(FILES["several errors"])
