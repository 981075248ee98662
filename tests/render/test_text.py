import io

import pytest
from hypothesis import given, settings
from language.strategies import valid_texts
from render.pinned import pinned, pinned_hierarchies
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from hierdsl import analyze, load
from hierdsl.palette import palette
from hierdsl.render import to_text
from hierdsl.render.facts import drawn_children, ids_by_node, ranges, skipping_level
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


def test_pinned_nodes_golden(golden):
    hierarchy = pinned()
    shown = [text_of(hierarchy)] + [text_of(hierarchy, level=level.name) for level in hierarchy.levels]
    golden("pinned.txt", "\n".join(shown))


@given(pinned_hierarchies())
def test_the_drawing_of_a_level_ends_with_the_nodes_of_its_cut(hierarchy):
    for i, level in enumerate(hierarchy.levels):
        drawn = drawn_children(hierarchy, level.name)
        todo, ends = hierarchy.tops[::-1], []
        while todo:
            position = todo.pop()
            todo += drawn[position][::-1]
            if not drawn[position] and not hierarchy.ignored[position]:
                ends.append(position)
        assert ends == hierarchy.cut(i)


@given(pinned_hierarchies())
def test_a_node_names_its_level_where_it_skips_one(hierarchy):
    for position, node in enumerate(hierarchy.nodes):
        shown = skipping_level(hierarchy, position)
        if hierarchy.ranks[position] == hierarchy.rank_above(position) + 1:
            assert shown is None
        else:
            assert shown == node.level == hierarchy.levels[hierarchy.ranks[position]].name


def test_the_look_on_a_terminal_is_that_of_a_tree_of_rich():
    """Colours and guides, held against rich's own Tree of the same labels."""
    hierarchy = load("camvid")
    rgb = ["rgb({},{},{})".format(*color) for color in palette(hierarchy)]
    trees = {-1: Tree("", guide_style="dim")}
    for position, node in enumerate(hierarchy.nodes):
        label = Text("■ ", style=rgb[position])
        label.append(node.name, style="bold" if hierarchy.children[position] else "default")
        ids = [raw for raw, p in hierarchy.label_maps[""].ids.items() if p == position]
        label.append(f"  {ids[0]}" if ids else "", style="cyan")
        trees[position] = trees[node.parent].add(label)
    ours, theirs = cells(to_text(hierarchy)), cells(trees[-1])
    assert ours[2:] == theirs[1:]


def cells(renderable):
    """Each line as characters with their colour and whether they are bold, and dim."""
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False, width=200
    )
    lines = console.render_lines(renderable, pad=False)

    def look(style):
        color = style.color.get_ansi_codes() if style and style.color else ("39",)
        return (color, bool(style and style.bold), bool(style and style.dim))

    return [[(ch, look(segment.style)) for segment in line for ch in segment.text] for line in lines]


def test_an_output_without_line_drawing_gets_ascii_guides():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    Console(file=out, width=200).print(to_text(pinned()))
    out.seek(0)
    assert "|   +-- \\u25a0 Ranidae" in out.read()


def test_colours_of_a_label_map_are_written_as_colours():
    hierarchy, _ = analyze('tree\n    sky = "#0000FF", rgb(1, 2, 3)\n    road = "#00ff00"\n')
    assert ids_by_node(hierarchy) == {0: "#0000ff, #010203", 1: "#00ff00"}


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
