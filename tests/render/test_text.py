import io

import pytest
from hypothesis import given, settings
from language.strategies import valid_texts
from rich.console import Console

from hierdsl import analyze, load
from hierdsl.render import to_text
from hierdsl.render.text import ranges
from hierdsl.source import printable


def text_of(hierarchy, **options):
    out = io.StringIO()
    Console(file=out, highlight=False, width=1_000_000).print(to_text(hierarchy, **options))
    return out.getvalue()


def test_the_tree_of_helen(golden):
    golden("helen.txt", text_of(load("helen")))


def test_names_ids_and_levels_are_shown():
    hierarchy = load("camvid")
    shown = text_of(hierarchy)
    assert "region 4 › kind 8 › class 11" in shown
    for position, node in enumerate(hierarchy.nodes):
        ids = [raw for raw, p in hierarchy.label_maps[""].ids.items() if p == position]
        assert f"■ {node.name}  {ids[0]}\n" in shown if ids else f"■ {node.name}\n" in shown


def test_a_level_cuts_the_tree_and_counts_what_is_below():
    shown = text_of(load("helen"), level="person")
    assert "face  9 classes" in shown
    assert "hair  10" in shown
    assert "nose" not in shown


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="there is no level 'x'"):
        to_text(load("helen"), level="x")


def test_weights_and_ignored_nodes_are_shown():
    hierarchy, _ = analyze("levels\n  top [weight=0.5]\ntree\n  a = 1, 4..6\n  ego [ignore]\n    hood\n")
    shown = text_of(hierarchy)
    assert "top 1 ×0.5" in shown
    assert "■ a  1, 4..6\n" in shown
    assert "■ ego  ignored\n" in shown
    assert "■ hood\n" in shown


@settings(max_examples=20)
@given(valid_texts())
def test_every_node_is_one_line(text):
    hierarchy, _ = analyze(text)
    lines = text_of(hierarchy).split("\n")
    drawn = [line for line in lines if "■ " in line]
    assert len(drawn) >= len(hierarchy.nodes)
    assert all(printable(node.name).rstrip() in "\n".join(drawn) for node in hierarchy.nodes)
    assert all(line.isprintable() for line in lines)


def test_a_deep_tree_is_drawn_whole():
    hierarchy, _ = analyze("tree\n" + "".join(f"{' ' * i}n{i}\n" for i in range(1, 301)))
    assert text_of(hierarchy).endswith("■ n300\n")


def test_a_hostile_title_reaches_no_terminal():
    hierarchy, _ = analyze('hierarchy x "\x1b[31mred"\nlevels\n  "l\x1b[2J"\ntree\n  "[bold]a\x1b[0m"\n  b\n')
    shown = text_of(hierarchy)
    assert "\x1b" not in shown
    assert "[bold]a\\x1b[0m" in shown


@pytest.mark.parametrize(
    ("ids", "shown"),
    [([3], "3"), ([3, 4], "3, 4"), ([3, 4, 5], "3..5"), ([9, 1, 2, 3, 7, 8], "1..3, 7..9"), ([], "")],
)
def test_runs_of_ids_are_joined(ids, shown):
    assert ranges(ids) == shown
