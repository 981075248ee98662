"""Trees made from others: what is taken in, what edits change, and what label maps and levels do then."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language.strategies import valid_texts

from hierdsl import analyze, compile_hierarchy, load
from hierdsl.diagnostics import HierError

CITY = """\
hierarchy city
levels
    group
    class
tree
    void = 255 [ignore]
    sky = 0
    human
        person = 1 [color="#dc143c"]
        rider = 2
    vehicle
        car = 3
        bus = 4
        left = 5
        right = 6
mirror
    left <-> right
labels old
    car = 10
    human = 11
    sky = 12
    ignore = *
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "city.hier").write_text(CITY)
    return tmp_path


def made(folder, text):
    (folder / "main.hier").write_text(text)
    return load(folder / "main.hier")


def codes(folder, text, name="main.hier"):
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    return [d.code for d in analyze(path.read_bytes(), name, path=path)[1]]


def paths(hierarchy):
    return [hierarchy.path(position) for position in range(len(hierarchy.nodes))]


def meaning(hierarchy, name=""):
    """Raw value -> path of the node, or None."""
    ids = hierarchy.label_maps[name].ids
    return {raw: None if node is None else hierarchy.path(node) for raw, node in ids.items()}


def test_a_used_file_alone_is_that_file(folder):
    alone, used = load(folder / "city.hier"), made(folder, 'use "city.hier"\n')
    assert used.model_copy(update={"name": "city"}) == alone
    assert compile_hierarchy(used.model_copy(update={"name": "city"})).hash == compile_hierarchy(alone).hash


@settings(max_examples=40)
@given(valid_texts())
def test_any_file_can_be_used(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("use")
    (folder / "any.hier").write_text(text, encoding="utf-8", newline="")
    alone = load(folder / "any.hier")
    used = made(folder, 'use "any.hier"\n')
    assert used.nodes == alone.nodes
    assert used.label_maps == alone.label_maps
    assert used.mirror == alone.mirror


def test_parts_stand_in_the_order_of_their_sections(folder):
    before = made(folder, 'use "city.hier"\n    graft sky\ntree\n    own\n')
    behind = made(folder, 'tree\n    own\nuse "city.hier"\n    graft sky\n')
    assert (paths(before), paths(behind)) == (["sky", "own"], ["own", "sky"])


def test_graft_takes_what_it_names_and_no_more(folder):
    hierarchy = made(
        folder,
        'tree\n    object\n        thing\nuse "city.hier"\n    graft city/vehicle under object\n    graft sky\n',
    )
    assert paths(hierarchy) == [
        *("object", "object/thing", "object/vehicle", "object/vehicle/car", "object/vehicle/bus"),
        *("object/vehicle/left", "object/vehicle/right", "sky"),
    ]
    assert meaning(hierarchy) == {
        3: "object/vehicle/car",
        4: "object/vehicle/bus",
        5: "object/vehicle/left",
        6: "object/vehicle/right",
        0: "sky",
        255: None,
        1: None,
        2: None,
    }
    assert [tuple(map(hierarchy.path, pair)) for pair in hierarchy.mirror] == [
        ("object/vehicle/left", "object/vehicle/right")
    ]


def test_the_whole_file_can_be_grafted_under_a_node(folder):
    hierarchy = made(
        folder, 'tree\n    object\nuse "city.hier"\n    drop void\n    graft city under object\n'
    )
    assert paths(hierarchy)[:3] == ["object", "object/sky", "object/human"]


def test_what_is_dropped_is_ignored_in_every_map(folder):
    hierarchy = made(folder, 'use "city.hier"\n    drop human, sky\n')
    assert "human" not in paths(hierarchy)
    assert [meaning(hierarchy)[raw] for raw in (0, 1, 2)] == [None] * 3
    assert meaning(hierarchy, "old") == {10: "vehicle/car", 11: None, 12: None}


def test_what_is_collapsed_takes_all_ids(folder):
    hierarchy = made(folder, 'use "city.hier"\n    collapse vehicle\n')
    assert "vehicle/car" not in paths(hierarchy)
    assert [meaning(hierarchy)[raw] for raw in (3, 4, 5, 6)] == ["vehicle"] * 4
    assert meaning(hierarchy, "old")[10] == "vehicle"
    assert hierarchy.mirror == ()


def test_what_is_merged_is_one_node_in_place_of_the_first(folder):
    hierarchy = made(
        folder, 'use "city.hier"\n    merge rider, person as human_being\n    merge car, sky as x\n'
    )
    assert paths(hierarchy) == [
        *("void", "human", "human/human_being", "vehicle", "vehicle/x", "vehicle/bus"),
        *("vehicle/left", "vehicle/right"),
    ]
    assert [meaning(hierarchy)[raw] for raw in (0, 1, 2, 3)] == [
        *("vehicle/x", "human/human_being", "human/human_being", "vehicle/x")
    ]
    assert meaning(hierarchy, "old") == {10: "vehicle/x", 11: "human", 12: "vehicle/x"}


def test_merged_groups_have_the_children_of_all(folder):
    hierarchy = made(folder, 'use "city.hier"\n    merge vehicle, human as agent\n')
    assert paths(hierarchy) == [
        *("void", "sky", "agent", "agent/car", "agent/bus", "agent/left", "agent/right"),
        *("agent/person", "agent/rider"),
    ]


def test_edits_are_done_in_their_order(folder):
    hierarchy = made(
        folder,
        'use "city.hier"\n    rename car -> auto\n    rename bus -> car\n    merge car, auto as wheels\n    drop left\n',
    )
    assert [meaning(hierarchy)[raw] for raw in (3, 4)] == ["vehicle/wheels"] * 2


def test_a_name_keeps_label_maps_apart(folder):
    text = 'use "city.hier" as a\n    rename human -> people\n    graft people\n    graft sky\ntree\n    own = 0\n'
    hierarchy = made(folder, text)
    assert set(hierarchy.label_maps) == {"", "a", "a.old"}
    assert meaning(hierarchy) == {0: "own"}
    assert meaning(hierarchy, "a")[0] == "sky"
    assert hierarchy.label_maps["a.old"].unlisted == "ignore"


def test_without_a_name_ids_must_not_collide(folder):
    assert codes(folder, 'use "city.hier"\ntree\n    own = 3\n') == ["H301"]


def test_edit_changes_the_whole_tree(folder):
    hierarchy = made(
        folder,
        'tree\n    walker = 70\n    x\n        y\nuse "city.hier"\nedit\n    merge person, walker as person\n'
        "    graft x under vehicle\n    drop void\nlabels more\n    person = 9\n    vehicle/x/y = 8\n",
    )
    assert meaning(hierarchy)[70] == meaning(hierarchy)[1] == meaning(hierarchy, "more")[9] == "human/person"
    assert meaning(hierarchy, "more")[8] == "vehicle/x/y"
    assert meaning(hierarchy)[255] is None


def test_a_group_can_be_dissolved_in_any_order_of_edits(folder):
    lines = "    graft person\n    graft rider\n    drop human\n"
    hierarchy = made(folder, f'use "city.hier"\nedit\n{lines}')
    assert {"person", "rider"} <= set(paths(hierarchy))
    assert "human" not in paths(hierarchy)
    assert codes(folder, 'use "city.hier"\nedit\n    graft person\n    graft rider\n') == ["H504"]
    assert codes(folder, 'use "city.hier"\n    drop person, rider\n    collapse human\n') == []


def test_levels_that_do_not_fit_any_more_are_said(folder):
    assert codes(folder, 'use "city.hier"\n    collapse human, vehicle\n') == ["W403"]


def test_levels_fit_whatever_is_ignored(folder):
    (folder / "sub.hier").write_text(
        "levels\n    region\n    class\ntree\n    a\n        x = 1\n        y = 2\n    b = 3\n    v [ignore]\n        w\n            z\n"
    )
    assert [level.name for level in made(folder, 'use "sub.hier"\n').levels] == ["region", "class"]
    assert codes(folder, 'use "sub.hier"\n    collapse a\n') == ["W403"]


def test_ids_of_ignored_nodes_stay_ignored(folder):
    (folder / "sub.hier").write_text(
        "tree\n    v\n        car = 1\n        bus = 2\n        ghost = 3 [ignore]\n    s = 4\n"
    )
    hierarchy = made(folder, 'use "sub.hier"\n    collapse v\n')
    assert meaning(hierarchy) == {1: "v", 2: "v", 3: None, 4: "s"}
    assert codes(folder, 'use "sub.hier"\n    merge car, ghost as c\n') == ["H505"]
    assert codes(folder, 'use "sub.hier"\n    merge ghost, car as c\n') == ["H505"]


def test_a_ring_of_links_is_no_file(folder):
    (folder / "l1.hier").symlink_to(folder / "l2.hier")
    (folder / "l2.hier").symlink_to(folder / "l1.hier")
    assert codes(folder, 'use "l1.hier"\n') == ["H501"]


def test_a_wrong_pin_of_a_renamed_node_is_shown_at_its_new_name(folder):
    (folder / "sub.hier").write_text(
        "levels\n    genus\n    class\ntree\n    a [level=genus]\n        b\n        c\n    d\n"
    )
    text = 'use "sub.hier"\n    rename a -> e\nlevels\n    genuss\n    class\n'
    (folder / "main.hier").write_text(text)
    _, (found,) = analyze(text, "main.hier", path=folder / "main.hier")
    assert (found.code, found.edits) == ("H403", ())
    assert found.primary.source.slice(found.primary.span) == "e"


def test_a_path_is_no_name_and_keeps_its_normal_form(folder):
    (folder / "e\u0301.hier").write_text("tree\n    a\n")
    assert codes(folder, 'use "e\u0301.hier"\n') == []


def test_a_file_called_like_its_top_class(folder):
    (folder / "a.hier").write_text("tree\n    a\n        b\n        c\n")
    assert codes(folder, 'use "a.hier"\n    collapse a\n') == []


def test_what_a_broken_line_may_hold_is_no_second_mistake(folder):
    assert codes(folder, "tree\n    a = = 1\n    b\nedit\n    rename a -> c\n") == ["H103"]
    assert codes(folder, 'use "none.hier"\nedit\n    drop x\n') == ["H501"]


def test_levels_follow_where_they_fit(folder):
    assert [level.name for level in made(folder, 'use "city.hier"\n').levels] == ["group", "class"]
    deeper = made(folder, 'tree\n    top\nuse "city.hier"\n    graft city under top\n')
    assert [level.name for level in deeper.levels] == ["level0", "level1", "level2"]
    own = made(folder, 'levels\n    a\n    b\nuse "city.hier"\n')
    assert [level.name for level in own.levels] == ["a", "b"]


def test_files_use_files_and_each_is_read_once(folder):
    (folder / "mid.hier").write_text('use "city.hier"\n    drop void\n')
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.hier").write_text('use "../mid.hier"\n    collapse human\n')
    text = 'tree\n    x\nuse "mid.hier" as m\nuse "sub/deep.hier" as d\n    graft d/human under x\n'
    hierarchy = made(folder, text)
    assert {"human/person", "x/human"} <= set(paths(hierarchy))
    assert "x/human/person" not in paths(hierarchy)


def test_what_comes_in_twice_is_said_so(folder):
    (folder / "main.hier").write_text('use "city.hier"\n    graft sky\nuse "city.hier" as b\n    graft sky\n')
    _, (found,) = analyze((folder / "main.hier").read_bytes(), path=folder / "main.hier")
    assert (found.code, found.help) == (
        "H203",
        "rename it in one of the 'use' sections that take it in, or graft it elsewhere",
    )


def test_a_bundled_hierarchy_can_be_used_by_any_text():
    hierarchy, found = analyze('use "helen"\n    collapse face\n')
    assert hierarchy is not None or found  # face may be called otherwise
    hierarchy, found = analyze('use "camvid"\n')
    assert found == []
    assert len(hierarchy.leaves) == 11


# What goes wrong


def test_two_tolerances_of_one_map_are_said(folder):
    for name, red, tolerance in (("a", 10, "24"), ("b", 20, "10.5"), ("c", 30, "24"), ("d", 40, "")):
        (folder / f"{name}.hier").write_text(
            f"tree\n    {name}\n    {name}2\nlabels rgb\n    {name} = rgb({red}, 0, 0)\n"
            + (f"    tolerance {tolerance}\n" if tolerance else "")
        )
    both = 'use "a.hier"\nuse "b.hier"\n'
    (folder / "main.hier").write_text(both)
    hierarchy, (found,) = analyze(both, "main.hier", path=folder / "main.hier")
    assert hierarchy.label_maps["rgb"].tolerance == 24
    assert (found.code, found.primary.label) == ("W303", "tolerance 10.5")
    assert found.message == (
        "label map 'rgb' comes from two files with different tolerances: that of the first one holds"
    )
    assert [(a.source.slice(a.span), a.label) for a in found.secondary] == [('"a.hier"', "tolerance 24")]
    assert found.help == "write the one that is meant below 'labels rgb': tolerance 24"
    assert codes(folder, both + "labels rgb\n    tolerance 24\n") == []
    assert codes(folder, both + 'labels rgb\n    a = "#000001"\n') == ["W303"]
    assert codes(folder, 'use "a.hier"\nuse "b.hier" as b\n') == []
    assert codes(folder, 'use "a.hier"\nuse "c.hier"\nuse "d.hier"\n') == []
    assert codes(folder, 'use "d.hier"\nuse "b.hier"\n') == []
    assert codes(folder, both + 'use "c.hier"\nuse "d.hier"\n') == ["W303"]


def gone(folder, text):
    """What is said of each reference that names no node: the reference, and the edit that took the node away."""
    (folder / "main.hier").write_text(text)
    _, found = analyze(text, "main.hier", path=folder / "main.hier")
    assert {d.code for d in found if d.is_error} == {"H208"}
    return [
        (
            d.primary.source.slice(d.primary.span),
            *(
                f"{a.label}: {a.source.slice(a.span)}"
                for a in d.secondary
                if a.label not in ("used here", "the edits")
            ),
        )
        for d in found
        if d.is_error
    ]


@pytest.mark.parametrize(
    ("edit", "reference", "said"),
    [
        ("drop car", "car", "dropped here: car"),
        ("drop vehicle", "vehicle/car", "dropped here: vehicle"),
        ("drop vehicle", "/vehicle/car", "dropped here: vehicle"),
        ("collapse vehicle", "bus", "collapsed into 'vehicle' here: vehicle"),
        ("merge car, bus as wheels", "car", "merged into 'wheels' here: car"),
        ("merge car, bus as wheels", "bus", "merged into 'wheels' here: bus"),
        ("merge human, vehicle as moving", "vehicle/bus", "merged into 'moving' here: vehicle"),
        ("rename vehicle -> v", "vehicle/bus", "renamed to 'v' here: vehicle"),
        ("drop human/rider", "vehicle/rider", None),
        ("drop human/rider", "/rider", None),
        ("drop rider", "ridder", None),
    ],
)
def test_the_edit_that_took_a_node_away_is_shown(folder, edit, reference, said):
    expected = [(reference, *([said] if said else []))]
    for text in (
        f'use "city.hier"\n    {edit}\n    rename {reference} -> x\n',
        f'use "city.hier"\nedit\n    {edit}\n    rename {reference} -> x\n',
        f'use "city.hier"\n    {edit}\nedit\n    drop {reference}\n',
        f'use "city.hier"\n    {edit}\nlabels x\n    {reference} = 7\n',
        f'use "city.hier"\nedit\n    {edit}\nmirror\n    {reference} <-> sky\n',
    ):
        assert gone(folder, text) == expected


def test_a_node_that_was_grafted_is_not_where_it_was(folder):
    moved = 'use "city.hier"\nedit\n    graft car\n'
    assert gone(folder, moved + "labels x\n    vehicle/car = 7\n") == [("vehicle/car", "grafted here: car")]
    taken = 'use "city.hier"\n    graft vehicle\n    drop car\n    graft sky\n'
    assert gone(folder, taken) == [("car", "grafted here: vehicle")]


def test_of_two_edits_the_last_is_shown(folder):
    text = 'use "city.hier"\n    rename car -> bus2\n    rename left -> car\n    drop car\nlabels x\n    car = 7\n'
    assert gone(folder, text) == [("car", "dropped here: car")]


def test_cycles_are_errors(folder):
    assert codes(folder, 'use "main.hier"\n') == ["H503"]
    (folder / "a.hier").write_text('use "b.hier"\n')
    assert codes(folder, 'use "a.hier"\n', "b.hier") == ["H503"]


def test_missing_files_are_errors_and_near_ones_are_named(folder):
    (folder / "main.hier").write_text('use "ctiy.hier"\n')
    _, (found,) = analyze((folder / "main.hier").read_bytes(), path=folder / "main.hier")
    assert (found.code, found.help) == ("H501", 'did you mean "city.hier"?')
    assert codes(folder, 'use "."\n') == ["H501"]
    assert codes(folder, f'use "{"x" * 5000}"\n') == ["H501"]
    assert codes(folder, 'use "a\\\\b"\n') == ["H501"]


def test_paths_that_leave_the_folder_are_errors(folder):
    outside = folder.parent / f"{folder.name}_outside.hier"
    outside.write_text(CITY)
    (folder / "sub").mkdir()
    assert codes(folder, f'use "../{outside.name}"\n') == ["H502"]
    assert codes(folder, f'use "{outside}"\n') == ["H502"]
    (folder / "link.hier").symlink_to(outside)
    assert codes(folder, 'use "link.hier"\n') == ["H502"]
    (folder / "linked").symlink_to(folder.parent)
    assert codes(folder, f'use "linked/{outside.name}"\n') == ["H502"]
    (folder / "inside.hier").symlink_to(folder / "city.hier")
    assert codes(folder, 'use "inside.hier"\n') == []
    assert codes(folder, 'use "../city.hier"\n', "sub/main.hier") == ["H502"]
    outside.unlink()


def test_errors_of_a_used_file_are_reported_where_they_are(folder):
    (folder / "bad.hier").write_text("tree\n    a = 1\n    b = 1\n    c [level=x]\n")
    (folder / "main.hier").write_text('use "bad.hier"\ntree\n    c c\n')
    _, found = analyze((folder / "main.hier").read_bytes(), "x/main.hier", path=folder / "main.hier")
    assert [(d.code, d.primary.source.name) for d in found] == [
        *(("H301", "x/bad.hier"), ("H403", "x/bad.hier"), ("H103", "x/main.hier"))
    ]


def test_names_that_collide_point_into_both_files(folder):
    (folder / "main.hier").write_text('use "city.hier"\n    drop void\ntree\n    sky\n')
    _, (found,) = analyze((folder / "main.hier").read_bytes(), "main.hier", path=folder / "main.hier")
    assert found.code == "H203"
    assert (found.primary.source.name, found.secondary[0].source.name) == ("main.hier", "city.hier")


def test_a_file_that_cannot_be_read(folder):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (folder / "city.hier").chmod(0)
    assert codes(folder, 'use "city.hier"\n') == ["H501"]


def test_too_many_files_and_too_deep(folder):
    for i in range(120):
        (folder / f"f{i}.hier").write_text(f'use "f{i + 1}.hier"\n' if i < 119 else "tree\n    a\n")
    assert "H904" in codes(folder, 'use "f0.hier"\n')
    for i in range(1001):
        (folder / f"g{i}.hier").write_text(f"tree\n    a{i}\n")
    assert codes(folder, "".join(f'use "g{i}.hier"\n' for i in range(1001))) == ["H904"]
    assert codes(folder, "".join(f'use "g{i}.hier"\n' for i in range(1000))) == []


def test_trees_that_double_are_stopped_by_the_limit(folder, monkeypatch):
    monkeypatch.setattr("hierdsl.compose.combine.MAX_NODES", 2000)
    (folder / "h0.hier").write_text("tree\n" + "".join(f"    a{i}\n" for i in range(10)))
    for i in range(1, 30):
        use = f'use "h{i - 1}.hier"\n    graft h{i - 1} under'
        (folder / f"h{i}.hier").write_text(f"tree\n    l\n    r\n{use} /l\n{use} /r\n")
    found = codes(folder, 'use "h29.hier"\n')
    assert "H902" in found


def test_a_pair_of_a_used_file_is_a_pair_here(folder):
    assert codes(folder, 'tree\n    a\nuse "city.hier"\nmirror\n    left <-> a\n') == ["W301", "H211"]
    assert codes(folder, 'use "city.hier"\nmirror\n    left <-> right\n') == ["H211"]
    assert codes(
        folder, 'tree\n    off [ignore]\nuse "city.hier"\n    graft vehicle under off\n    graft sky\n'
    ) == ["W403"]


def test_nothing_but_ignored_nodes_can_be_left(folder):
    (folder / "used.hier").write_text("tree\n    a\n        b\n    c [ignore]\n")
    assert codes(folder, 'use "used.hier"\n    drop /a\n') == ["H207"]


def test_the_exception_carries_the_diagnostics(folder):
    with pytest.raises(HierError, match="would use itself"):
        made(folder, 'use "main.hier"\n')


EDITS = ["drop {}", "collapse {}", "merge {}, {} as m", "rename {} -> {}", "graft {}", "graft {} under {}"]


@settings(max_examples=60)
@given(valid_texts(), st.data())
def test_any_edits_give_a_tree_or_a_diagnostic(tmp_path_factory, text, data):
    folder = tmp_path_factory.mktemp("edits")
    (folder / "any.hier").write_text(text, encoding="utf-8", newline="")
    hierarchy = load(folder / "any.hier")
    names = [
        "any",
        *(
            f'"{n.name}"'.replace("\\", "")
            for n in hierarchy.nodes
            if '"' not in n.name and "\\" not in n.name
        ),
    ]
    lines = []
    for _ in range(data.draw(st.integers(1, 4))):
        form = data.draw(st.sampled_from(EDITS))
        lines.append("    " + form.format(*(data.draw(st.sampled_from(names)) for _ in range(2))) + "\n")
    kind = data.draw(st.sampled_from(['use "any.hier"\n{}', 'use "any.hier"\nedit\n{}']))
    main = Path(folder / "main.hier")
    main.write_text(kind.format("".join(lines)) + "tree\n    own\n", encoding="utf-8", newline="")
    made_of, found = analyze(main.read_bytes(), path=main)
    assert (made_of is None) == any(d.is_error for d in found)
    if made_of is not None:
        tables = compile_hierarchy(made_of)
        listed = set(hierarchy.label_maps[""].ids) if "" in hierarchy.label_maps else set()
        assert listed <= set(made_of.label_maps[""].ids if "" in made_of.label_maps else ())
        assert tables.num_leaves == len(made_of.leaves)
