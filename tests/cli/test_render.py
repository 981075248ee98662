"""`hierdsl render` of pages, and of trees that are big."""

import pytest
from click.testing import CliRunner

from hierdsl import load
from hierdsl.cli import main
from hierdsl.render import to_html


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(main, ["render", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def groups(folder, count):
    """A file of as many groups, each with a class and a group of two."""
    lines = (f"  g{i}\n    h{i}\n      a\n      b\n    k\n" for i in range(count))
    (folder / "groups.hier").write_text("levels\n  top\n  mid\n  class\ntree\n" + "".join(lines))


def test_a_page_is_written_whole(folder):
    result = run("helen", "-o", "tree.html", "--level", "part")
    assert (result.exit_code, result.output) == (0, "wrote tree.html\n")
    assert (folder / "tree.html").read_text(encoding="utf-8") == to_html(load("helen"), level="part")
    assert [path.name for path in folder.iterdir()] == ["tree.html"]


def test_a_page_needs_no_graphviz(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert run("helen", "-o", "tree.html").exit_code == 0


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_a_picture_that_would_take_minutes_is_refused_with_what_to_do(folder, suffix):
    groups(folder, 4000)
    result = run("groups.hier", "-o", f"x.{suffix}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: the picture would have 12,000 boxes, and graphviz takes too long over more than 10,000; "
        "--level mid has 4,000, and -o tree.html shows any number\n"
    )
    assert not (folder / f"x.{suffix}").exists()
    for output in ("x.dot", "x.html"):
        assert run("groups.hier", "-o", output).exit_code == 0


def test_where_no_level_is_small_enough_none_is_offered(folder):
    (folder / "flat.hier").write_text("tree\n" + "".join(f"  c{i}\n" for i in range(10_001)))
    assert run("flat.hier", "-o", "x.svg").stderr == (
        "error: the picture would have 10,001 boxes, and graphviz takes too long over more than 10,000; "
        "-o tree.html shows any number\n"
    )


def test_a_slow_picture_is_announced_before_it_is_drawn(folder, monkeypatch):
    groups(folder, 1000)
    program = folder / "bin" / "dot"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ncat > /dev/null\necho drawn\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    result = run("groups.hier", "-o", "x.svg")
    assert result.output == (
        "drawing 3,000 boxes with graphviz, which takes a while; -o tree.html does not\nwrote x.svg\n"
    )
    assert run("groups.hier", "--level", "mid", "-o", "x.svg").output == "wrote x.svg\n"


def test_a_picture_scaled_down_beyond_reading_is_said(folder):
    groups(folder, 600)
    result = run("groups.hier", "--level", "mid", "--orientation", "down", "-o", "x.png")
    assert result.stderr == (
        "a .png of this size can only be drawn scaled down; .svg, .html and --level keep it readable\n"
    )
    assert (folder / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "direction"),
    [
        (["vistas"], "TB"),
        (["inat19"], "LR"),
        (["inat19", "--level", "order"], "TB"),
        (["inat19", "--orientation", "down"], "TB"),
        (["vistas", "--orientation", "right"], "LR"),
    ],
)
def test_a_big_picture_grows_to_the_right_where_nothing_else_is_asked_for(folder, arguments, direction):
    assert run(*arguments, "-o", "x.dot").exit_code == 0
    assert f"rankdir={direction}" in (folder / "x.dot").read_text(encoding="utf-8")
