import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language.strategies import valid_texts
from render.pinned import pinned, pinned_hierarchies

from hierdsl import analyze, load, to_dot
from hierdsl.render import count_boxes
from hierdsl.source import printable

SMALL = """hierarchy small "Small & <simple>"
levels
  top
  class
tree
  sky = 0 [color="#4682b4"]
  ground
    road = 3, 7..9 [color="#804080"]
    grass
  ego [ignore]
    hood = 5
  object
    car = 4
    parts [ignore]
"""


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314


def svg(hierarchy, **options):
    return to_dot(hierarchy, **options).pipe(format="svg").decode()


def small():
    hierarchy, _ = analyze(SMALL)
    return hierarchy


def test_the_source_of_a_small_tree(golden):
    golden("small.dot", to_dot(small()).source)


def test_the_source_of_helen(golden):
    golden("helen.dot", to_dot(load("helen")).source)


@pytest.mark.parametrize("orientation", ["down", "right"])
def test_the_picture_of_vistas_has_every_class(orientation):
    hierarchy = load("vistas")
    shown = texts(svg(hierarchy, orientation=orientation))
    for node in hierarchy.nodes:
        assert node.name in shown
    assert "Mapillary Vistas v1.2" in shown
    assert {str(raw) for raw in range(66)} <= set(shown)


def test_a_class_without_an_id_is_drawn():
    hierarchy, _ = analyze("tree\n  a\n  b\n    c\n    d = 3\n")
    assert {"a", "b", "c", "d", "3"} <= set(texts(svg(hierarchy)))


def test_ignored_nodes_are_named_so():
    assert "ignored" in texts(svg(small()))


def test_orientation_is_the_direction_of_the_tree():
    assert "rankdir=TB" in to_dot(small()).source
    assert "rankdir=LR" in to_dot(small(), orientation="right").source


def test_a_level_cuts_the_tree():
    shown = texts(svg(load("vistas"), level="domain"))
    assert {"animal", "construction", "human", "marking", "nature", "object", "void"} <= set(shown)
    assert not {"barrier", "curb", "car", "rider"} & set(shown)
    shown = texts(svg(load("vistas"), level="group"))
    assert {"barrier", "bird", "rider", "vehicle"} <= set(shown)
    assert not {"curb", "bicyclist", "car"} & set(shown)


def test_pinned_nodes_are_cut_by_their_level_and_name_it():
    shown = texts(svg(pinned()))
    assert shown.count("at genus") == 2
    assert shown.count("at species") == 3
    shown = texts(svg(pinned(), level="family"))
    assert {"Ranidae", "Xenopus", "olm", "axolotl", "unplaced"} <= set(shown)
    assert not {"Rana", "temporaria", "laevis"} & set(shown)


@settings(max_examples=30)
@given(pinned_hierarchies(), st.integers(0, 9))
def test_boxes_are_counted_as_they_are_drawn(hierarchy, level):
    name = hierarchy.levels[min(level, len(hierarchy.levels) - 1)].name
    boxes = [line for line in to_dot(hierarchy, level=name).body if " -> " in line]
    assert count_boxes(hierarchy, name) == len(boxes)


def test_an_unknown_level_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="there is no level 'x'; the levels are: top, class"):
        to_dot(small(), level="x")


HOSTILE = [
    'say \\"hi\\"',
    "<b>bold</b>",
    "a & b",
    "back\\\\slash",
    "\\\\N\\\\G\\\\n",
    "&amp;",
    "]]>",
    "{x|y}",
    "'",
    "  ",
    "\u202e",
]


def test_hostile_names_are_shown_as_they_are():
    lines = "".join(
        f'  "{name}" = {i}\n  "g{name}"\n    "x{name}"\n    y\n' for i, name in enumerate(HOSTILE)
    )
    title = "".join(HOSTILE)
    hierarchy, diagnostics = analyze(f'hierarchy q "{title}"\nlevels\n  "<i>"\n  "&"\ntree\n{lines}')
    assert not [d for d in diagnostics if d.is_error]
    shown = "".join(text.replace("\u00a0", " ") for text in texts(svg(hierarchy)))
    for name in (hierarchy.title, *(node.name for node in hierarchy.nodes)):
        assert printable(name).strip() in shown


@settings(max_examples=12)
@given(valid_texts())
def test_graphviz_takes_any_tree(text):
    hierarchy, _ = analyze(text)
    ET.fromstring(svg(hierarchy))  # noqa: S314 - our own output


def test_a_deep_tree_is_drawn_without_recursion():
    hierarchy, _ = analyze("tree\n" + "".join(f"{' ' * i}n{i}\n" for i in range(1, 1001)))
    source = to_dot(hierarchy).source
    assert "n999" in source
