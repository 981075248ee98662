import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language.strategies import valid_texts
from pydantic import ValidationError

from hierdsl import Hierarchy, HierError, analyze, load
from hierdsl.model import ROOT, LabelMap, Level, Node
from hierdsl.resources import bundled_hierarchies

hierarchies = valid_texts().map(lambda text: analyze(text)[0])
plain_hierarchies = valid_texts(plain=True).map(lambda text: analyze(text)[0])


def make(**changes):
    """A valid model with two levels, changed."""
    parts = {
        "name": "x",
        "levels": (Level(name="a"), Level(name="b")),
        "nodes": (
            Node(name="g"),
            Node(name="c", parent=0),
            Node(name="d", parent=0),
            Node(name="e", ignored=True),
        ),
    }
    return Hierarchy(**{**parts, **changes})


@settings(max_examples=25)
@given(hierarchies)
def test_json_round_trip_is_identity(hierarchy):
    again = Hierarchy.model_validate_json(hierarchy.model_dump_json())
    assert again == hierarchy
    assert again.model_dump_json() == hierarchy.model_dump_json()
    assert list(again.label_maps) == list(hierarchy.label_maps)
    for name, label_map in hierarchy.label_maps.items():
        assert list(again.label_maps[name].ids.items()) == list(label_map.ids.items())


def test_a_map_of_colours_round_trips():
    colors = LabelMap(
        ranges=((0xFF0000, 0xFF0000, 1), (0, 0, None)), colors=True, tolerance=24, unlisted="ignore"
    )
    hierarchy = make(label_maps={"seen": colors})
    assert Hierarchy.model_validate_json(hierarchy.model_dump_json()) == hierarchy
    assert colors.ids == {0xFF0000: 1, 0: None}


def test_a_map_of_all_ids_is_kept_as_it_is_written():
    label_map = LabelMap(ranges=((10, 65535, 0), (0, 9, None)))
    assert list(label_map.ids)[:2] == [10, 11]
    assert len(label_map.ids) == 65536
    assert len(label_map.model_dump_json()) < 200


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=12))
def test_ids_that_are_listed_twice_are_kept_once_where_they_were_first(listed):
    text = ", ".join(f"{first}..{first + more}" if more else str(first) for first, more in listed)
    hierarchy, _ = analyze(f"tree\n    a = {text or 99}\n    b = 50\n")
    expected = dict.fromkeys(raw for first, more in listed for raw in range(first, first + more + 1))
    assert [raw for raw, node in hierarchy.label_maps[""].ids.items() if node == 0] == (
        list(expected) or [99]
    )


@pytest.mark.parametrize("name", bundled_hierarchies())
def test_the_bundled_ones_round_trip_too(name):
    hierarchy = load(name)
    assert Hierarchy.model_validate_json(hierarchy.model_dump_json()) == hierarchy


@settings(max_examples=25)
@given(plain_hierarchies)
def test_the_derived_views_agree_with_networkx(hierarchy):
    graph = hierarchy.graph
    assert nx.is_arborescence(graph)
    depths = nx.single_source_shortest_path_length(graph, ROOT)
    assert hierarchy.depths == [depths[p] for p in range(len(hierarchy.nodes))]
    assert list(nx.dfs_preorder_nodes(graph, ROOT))[1:] == list(range(len(hierarchy.nodes)))
    for position, below in enumerate(hierarchy.children):
        assert list(graph.successors(position)) == below
        assert graph.nodes[position]["name"] == hierarchy.nodes[position].name
        off = any(hierarchy.nodes[a].ignored for a in {position, *nx.ancestors(graph, position)} - {ROOT})
        assert hierarchy.ignored[position] == graph.nodes[position]["ignored"] == off
    leaves = [p for p in range(len(hierarchy.nodes)) if graph.out_degree(p) == 0 and not hierarchy.ignored[p]]
    assert hierarchy.leaves == leaves == [p for p in sorted(graph) if graph.nodes[p]["leaf"]]
    assert sorted(
        [*leaves, *hierarchy.inner_nodes, *(p for p, off in enumerate(hierarchy.ignored) if off)]
    ) == list(range(len(hierarchy.nodes)))


def test_the_graph_is_frozen():
    with pytest.raises(nx.NetworkXError):
        load("helen").graph.add_edge(0, 1)


def test_a_valid_model_is_accepted():
    assert make(mirror=((1, 2),), label_maps={"": LabelMap(ranges=((0, 0, 1), (7, 7, None)))}).leaves == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes": ()}, "at least 1"),
        ({"nodes": (Node(name="g", parent=1), Node(name="c"))}, "stands before its parent"),
        ({"nodes": (Node(name="g", parent=0),)}, "stands before its parent"),
        ({"nodes": (Node(name="g"), Node(name="g"))}, "a sibling is named 'g' too"),
        (
            {"nodes": (Node(name="a"), Node(name="b"), Node(name="c", parent=0))},
            "not in depth-first order",
        ),
        ({"nodes": (Node(name="g", ignored=True),)}, "every node is ignored"),
        (
            {"nodes": (Node(name="a"), Node(name="b", parent=0, ignored=True), Node(name="c"))},
            "has no class below it",
        ),
        ({"levels": (Level(name="a"),)}, "1 levels for a tree of depth 2"),
        ({"levels": (Level(name="a"), Level(name="a"))}, "two levels have one name"),
        ({"label_maps": {"x": LabelMap(ranges=((1, 1, 4),))}}, "names a node that is not there"),
        ({"mirror": ((0, 1),)}, "a mirror pair exchanges two different leaves"),
        ({"mirror": ((1, 1),)}, "a mirror pair exchanges two different leaves"),
        ({"mirror": ((1, 2), (2, 1))}, "a mirror pair exchanges two different leaves"),
        ({"mirror": ((1, 3),)}, "a mirror pair exchanges two different leaves"),
        ({"mirror": ((1, 9),)}, "a mirror pair exchanges two different leaves"),
        ({"color": "red"}, "Extra inputs"),
    ],
)
def test_invalid_models_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Node, {"name": ""}),
        (Node, {"name": "a", "parent": -2}),
        (Node, {"name": "a", "weight": -1.0}),
        (Node, {"name": "a", "weight": float("inf")}),
        (Node, {"name": "a", "color": (0, 0, 256)}),
        (Node, {"name": "a", "unknown": 1}),
        (Level, {"name": "a", "weight": float("nan")}),
        (LabelMap, {"ranges": ((65536, 65536, 0),)}),
        (LabelMap, {"ranges": ((60000, 65536, 0),)}),
        (LabelMap, {"ranges": ((-1, 3, 0),)}),
        (LabelMap, {"ranges": ((1, 1, -1),)}),
        (LabelMap, {"ranges": ((3, 2, 0),)}),
        (LabelMap, {"ranges": ((1, 4, 0), (7, 9, 1), (4, 5, 0))}),
        (LabelMap, {"ranges": ((1, 2, 0),), "colors": True}),
        (LabelMap, {"ranges": ((0x1000000, 0x1000000, 0),), "colors": True}),
        (LabelMap, {"ranges": ((7, 7, 0), (7, 7, 0)), "colors": True}),
        (LabelMap, {"tolerance": 3.0}),
        (LabelMap, {"colors": True, "tolerance": -1.0}),
        (LabelMap, {"colors": True, "tolerance": float("inf")}),
        (LabelMap, {"unlisted": "maybe"}),
    ],
)
def test_invalid_parts_are_refused(kind, values):
    with pytest.raises(ValidationError):
        kind(**values)


def test_a_model_cannot_be_changed():
    hierarchy = load("helen")
    with pytest.raises(ValidationError):
        hierarchy.name = "other"


@pytest.mark.parametrize("text", ["", "null", "3", "[]", "{}", '{"name": "x"}', "[" * 5000, '"\\ud800"'])
def test_json_that_is_no_hierarchy_is_a_validation_error(text):
    with pytest.raises(ValidationError):
        Hierarchy.model_validate_json(text)


def test_load_raises_with_the_diagnostics(tmp_path):
    file = tmp_path / "city.hier"
    file.write_text("tree\n    a\n    a\n")
    with pytest.raises(HierError, match=r"error\[H203\]") as caught:
        load(file)
    assert [d.code for d in caught.value.diagnostics] == ["H203"]
    assert caught.value.diagnostics[0].primary.source.name == str(file)


def test_load_of_a_missing_file_lists_the_bundled_names(tmp_path):
    with pytest.raises(FileNotFoundError, match="camvid, fasseg, helen, inat19, vistas"):
        load(tmp_path / "none.hier")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def test_a_file_wins_over_a_bundled_name(tmp_path, monkeypatch):
    (tmp_path / "helen").write_text("tree\n    mine\n")
    monkeypatch.chdir(tmp_path)
    assert [n.name for n in load("helen").nodes] == ["mine"]
    assert load("camvid").name == "camvid"


def test_paths_are_different_for_different_nodes_whatever_their_names():
    hierarchy, _ = analyze('tree\n    "a/b" = 1\n    a\n        b = 2\n        "c/" = 3\n')
    paths = [hierarchy.path(position) for position in range(len(hierarchy.nodes))]
    assert paths == ['"a/b"', "a", "a/b", 'a/"c/"']


@pytest.mark.parametrize("text", [None, bytearray(b"tree\n"), 3])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(TypeError, match=rf"str or bytes, not {type(text).__name__}; load\(\) takes a file"):
        analyze(text)
