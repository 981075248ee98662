"""Every part of the language means what its examples say."""

import numpy as np
import pytest

from hierdsl import analyze, compile_hierarchy

CITY = """# Road scenes of CamVid, 11 classes (Brostow et al. 2009; SegNet label order).
hierarchy camvid "CamVid road scenes"
    source "https://example.org/where-the-labels-come-from"

levels                      # coarse to fine; optional; weights default to 1
    region   [weight=0.5]
    class

tree
    sky = 0                 # a leaf at depth 1 stays a leaf at every finer level
    construction
        building = 1
        fence = 7  [color="#40c0c0"]
    flat
        road = 3   [color=rgb(128, 64, 128)]
        pavement = 4
    nature
        tree = 5            # keywords are only keywords where a section can start
        bush = 40
    object
        pole = 2
        sign_symbol = 6
    human
        pedestrian = 9
        bicyclist = 10
    vehicle
        car = 8
        bus = 41

labels                      # joins the ids written in the tree: the default label map
    ignore = 11, 255

labels cityscapes           # a second data set on the same tree
    flat/road = 7           # any path suffix that names one node
    pavement = 8
    building = 11, 12
    fence = 13, 14
    pole = 17, 18
    sign_symbol = 19..20    # an inclusive range
    tree = 21..22
    sky = 23
    human = 24, 25          # an inner node: a coarse label (see tensors.md)
    vehicle = 26..28, 31..33
    ignore = 0..6, 9, 10, 15, 16, 29, 30, 255

labels rest
    sky = 1
    ignore = *              # whatever the map does not list; without it an unlisted value is an error

mirror
    pedestrian <-> bicyclist
    /flat/road <-> flat/pavement
"""


@pytest.fixture(scope="module")
def city():
    hierarchy, diagnostics = analyze(CITY, "city.hier")
    assert diagnostics == []
    return hierarchy


def node(hierarchy, path):
    return next(n for i, n in enumerate(hierarchy.nodes) if hierarchy.path(i) == path)


def tree(lines):
    hierarchy, diagnostics = analyze(f"tree\n{lines}", "x.hier")
    assert [d for d in diagnostics if d.is_error] == []
    return hierarchy


def test_the_header_has_a_name_a_title_and_sources(city):
    assert (city.name, city.title) == ("camvid", "CamVid road scenes")
    assert city.sources == ("https://example.org/where-the-labels-come-from",)


def test_all_fields_of_the_header():
    text = 'hierarchy\n    source "a"\n    source "b"\n    license "MIT"\n    version "2"\n    doc "d"\ntree\n    x\n'
    hierarchy, diagnostics = analyze(text, "some/where/city.hier")
    assert diagnostics == []
    assert (hierarchy.name, hierarchy.title) == ("city", "")
    assert (hierarchy.sources, hierarchy.license) == (("a", "b"), "MIT")
    assert (hierarchy.version, hierarchy.doc) == ("2", "d")


def test_levels_stand_coarse_to_fine_with_weights(city):
    assert [(level.name, level.weight) for level in city.levels] == [("region", 0.5), ("class", 1.0)]


def test_a_level_may_have_a_negative_weight_and_a_doc():
    hierarchy, _ = analyze('levels\n    "my level" [weight=-0.25, doc="why"]\ntree\n    a\n    b\n')
    assert [(level.name, level.weight, level.doc) for level in hierarchy.levels] == [
        ("my level", -0.25, "why")
    ]


def test_levels_have_default_names_where_none_are_written():
    assert [level.name for level in tree("  a\n  b\n    c\n    d\n").levels] == ["level0", "level1"]


def test_leaves_are_the_channels_in_file_order(city):
    assert [city.nodes[leaf].name for leaf in city.leaves] == [
        *("sky", "building", "fence", "road", "pavement", "tree", "bush", "pole", "sign_symbol"),
        *("pedestrian", "bicyclist", "car", "bus"),
    ]


def test_both_forms_of_a_colour(city):
    assert node(city, "construction/fence").color == (0x40, 0xC0, 0xC0)
    assert node(city, "flat/road").color == (128, 64, 128)
    assert node(city, "sky").color is None


def test_the_labels_without_a_name_join_the_ids_of_the_tree(city):
    default = city.label_maps[""]
    named = {raw: city.nodes[p].name if p is not None else "ignored" for raw, p in default.ids.items()}
    assert named == {
        0: "sky",
        1: "building",
        7: "fence",
        3: "road",
        4: "pavement",
        5: "tree",
        40: "bush",
        2: "pole",
        6: "sign_symbol",
        9: "pedestrian",
        10: "bicyclist",
        8: "car",
        41: "bus",
        11: "ignored",
        255: "ignored",
    }
    assert default.unlisted == "error"


def test_a_second_data_set_has_path_suffixes_lists_ranges_and_coarse_labels(city):
    ids = city.label_maps["cityscapes"].ids
    paths = {raw: city.path(p) for raw, p in ids.items() if p is not None}
    assert paths[7] == "flat/road"
    assert paths[19] == paths[20] == "object/sign_symbol"
    assert paths[21] == paths[22] == "nature/tree"
    assert paths[24] == paths[25] == "human"
    assert {raw for raw, path in paths.items() if path == "vehicle"} == {26, 27, 28, 31, 32, 33}
    assert {raw for raw, p in ids.items() if p is None} == {*range(7), 9, 10, 15, 16, 29, 30, 255}
    assert len(ids) == 35


def test_a_star_ignores_whatever_is_not_listed(city):
    assert {name: m.unlisted for name, m in city.label_maps.items()} == {
        "": "error",
        "cityscapes": "error",
        "rest": "ignore",
    }


def test_a_mirror_exchanges_classes(city):
    pairs = [(city.path(left), city.path(right)) for left, right in city.mirror]
    assert pairs == [("human/pedestrian", "human/bicyclist"), ("flat/road", "flat/pavement")]


def test_quoted_names():
    text = '  "Traffic Light" = 3\n  "say \\"hi\\"" = 4\n  "back\\\\slash"\n  "a/b"\n  "# no comment"\n'
    names = [n.name for n in tree(text).nodes]
    assert names == ["Traffic Light", 'say "hi"', "back\\slash", "a/b", "# no comment"]


def test_a_quoted_name_with_a_slash_is_no_path():
    hierarchy, diagnostics = analyze('tree\n  a\n    b\n    c\n  "a/b"\nlabels x\n  a/b = 1\n  "a/b" = 2\n')
    assert diagnostics == []
    assert {raw: hierarchy.depths[p] for raw, p in hierarchy.label_maps["x"].ids.items()} == {1: 2, 2: 1}


@pytest.mark.parametrize(
    "name", ["é", "straße", "car.1", "traffic-light", "_x", "tree", "labels", "日本", "x_1"]
)
def test_bare_names(name):
    assert tree(f"  {name} = 1\n  other = 2\n").nodes[0].name == name


def test_names_compare_after_normalisation():
    hierarchy, diagnostics = analyze("tree\n  caf\u00e9\n  b\nlabels x\n  cafe\u0301 = 1\n")
    assert diagnostics == []
    assert hierarchy.label_maps["x"].ids == {1: 0}
    assert [d.code for d in analyze("tree\n  caf\u00e9\n  cafe\u0301\n")[1]] == ["H203"]


def test_attributes():
    hierarchy = tree(
        '  ego [ignore]\n    hood = 9\n  car = 1 [weight=2, doc="all \\"cars\\"", meta.wordnet="n02958343", meta.size=1.5]\n'
    )
    ego, hood, car = hierarchy.nodes
    assert (ego.ignored, hood.ignored, hierarchy.ignored) == (True, False, [True, True, False])
    assert (car.weight, car.doc, car.meta) == (2.0, 'all "cars"', {"wordnet": "n02958343", "size": 1.5})
    assert [hierarchy.nodes[leaf].name for leaf in hierarchy.leaves] == ["car"]
    assert hierarchy.label_maps[""].ids == {9: None, 1: 2}


def test_the_same_name_may_stand_under_itself():
    hierarchy, diagnostics = analyze(
        "tree\n  road\n    road = 1\n    lane = 2\n  sky = 0\nlabels x\n  /road = 1\n  road/road = 2\n"
    )
    assert diagnostics == []
    assert hierarchy.label_maps["x"].ids == {1: 0, 2: 1}


def test_the_same_name_may_stand_under_different_parents():
    hierarchy, diagnostics = analyze(
        "tree\n  a\n    other\n    x\n  b\n    other\n    y\nlabels m\n  a/other = 1\n  b/other = 2\n"
    )
    assert diagnostics == []
    assert [hierarchy.path(p) for p in hierarchy.label_maps["m"].ids.values()] == ["a/other", "b/other"]


def test_ignore_in_quotes_is_a_class_of_that_name():
    hierarchy, _ = analyze('tree\n  ignore\n  b\nlabels x\n  ignore = 1\n  "ignore" = 2\n  /ignore = 3\n')
    assert hierarchy.label_maps["x"].ids == {1: None, 2: 0, 3: 0}


def test_a_forest_of_one_top_node_is_fine():
    assert tree("  all\n    a\n    b\n").tops == [0]
    assert tree("  only\n").leaves == [0]


def test_ids_reach_from_0_to_65535():
    hierarchy = tree("  a = 0..65534\n  b = 65535\n")
    assert len(hierarchy.label_maps[""].ids) == 65536


def test_sections_stand_in_any_order():
    text = "mirror\n  a <-> b\nlabels\n  a = 1\n  b = 2\nlevels\n  x\ntree\n  a\n  b\nhierarchy h\n"
    hierarchy, diagnostics = analyze(text)
    assert diagnostics == []
    assert (hierarchy.name, hierarchy.mirror) == ("h", ((0, 1),))


def test_colours_mean_what_the_example_says():
    text = """labels by_colour            # colour-coded masks
    a = rgb(128, 128, 128)
    b = "#804080"
    tolerance 24            # anti-aliased borders: the nearest colour within this RGB distance, else ignored
    ignore = *              # whatever the map does not list; without it an unlisted value is an error
"""
    hierarchy, diagnostics = analyze(f"tree\n    a\n    b\n{text}")
    assert diagnostics == []
    found = hierarchy.label_maps["by_colour"]
    assert (found.colors, found.tolerance, found.unlisted) == (True, 24, "ignore")
    assert found.ids == {0x808080: 0, 0x804080: 1}
    encode = compile_hierarchy(hierarchy).label_maps["by_colour"].encode
    seen = [[128, 128, 128], [127, 127, 129], [128, 70, 128], [128, 104, 128], [0, 0, 0]]
    assert encode(np.array(seen, dtype=np.uint8)).tolist() == [0, 0, 1, 0, -100]


def test_a_line_of_the_tree_holds_colours_too():
    assert tree('  a = "#000001", rgb(0, 0, 2)\n  b = rgb(1, 0, 0)\n').label_maps[""].ids == {
        1: 0,
        2: 0,
        65536: 1,
    }


def test_channels_are_the_ids_of_a_map():
    own = "hierarchy x\n    channels labels\ntree\n    a = 1\n    b = 0\n"
    named = "hierarchy x\n    channels labels trainids\ntree\n    a = 7\n    b = 8\nlabels trainids\n    a = 1\n    b = 0\n"
    for text in (own, named):
        hierarchy, diagnostics = analyze(text)
        assert diagnostics == []
        assert compile_hierarchy(hierarchy).names == ("b", "a")


def test_words_of_the_language_are_names_where_no_section_or_edit_starts():
    words = [
        "use",
        "as",
        "under",
        "edit",
        "graft",
        "drop",
        "collapse",
        "merge",
        "rename",
        "channels",
        "tolerance",
        "level",
    ]
    text = "tree\n" + "".join(f"    {word} = {i}\n" for i, word in enumerate(words))
    labels = "labels x\n" + "".join(f"    {word} = {i}\n" for i, word in enumerate(words))
    edits = "edit\n" + "".join(f"    rename {word} -> {word}{word}\n" for word in words)
    hierarchy, diagnostics = analyze(text + labels)
    assert diagnostics == []
    assert hierarchy.label_maps["x"].ids == hierarchy.label_maps[""].ids
    hierarchy, diagnostics = analyze(text + edits)
    assert [node.name for node in hierarchy.nodes] == [2 * word for word in words]
    assert diagnostics == []
