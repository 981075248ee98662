"""The bundled hierarchies against the paper's own level lists and the data sets' own label tables."""

import csv
import json

import pytest

from hierdsl import compile_hierarchy, load


def rows(shared, name):
    with (shared / "labels" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def channels_by_group(compiled, level):
    groups = [[] for _ in range(compiled.num_groups[level])]
    for channel, group in enumerate(compiled.group[level, : compiled.num_leaves]):
        groups[group].append(channel)
    return groups


@pytest.mark.parametrize("name", ["helen", "vistas"])
def test_channels_and_levels_are_those_of_the_paper(shared, name):
    oracle = json.loads((shared / "oracle" / f"{name}_levels.json").read_text())
    compiled = compile_hierarchy(load(name))
    assert list(compiled.names[: compiled.num_leaves]) == oracle["leaf_names_in_channel_order"]
    levels = [channels_by_group(compiled, level) for level in range(compiled.num_levels)]
    # the paper orders the groups of a level in its own way
    assert [sorted(level) for level in levels[::-1]] == [
        sorted(level) for level in oracle["levels_fine_to_coarse"]
    ]
    assert [level == sorted(level) for level in levels] == [True] * len(levels)


@pytest.mark.parametrize(
    ("name", "table", "to_name"),
    [
        ("helen", "helen", lambda name: name.replace(" ", "_")),
        ("vistas", "mapillary_vistas_v1.2", lambda name: name.split("--")[-1]),
    ],
)
def test_ids_and_names_are_those_of_the_data_set(shared, name, table, to_name):
    hierarchy = load(name)
    ids = {raw: hierarchy.nodes[p].name for raw, p in hierarchy.label_maps[""].ids.items()}
    assert ids == {int(row["raw_id"]): to_name(row["name"]) for row in rows(shared, table)}


def test_the_colours_of_vistas_are_those_of_the_data_set(shared):
    compiled = compile_hierarchy(load("vistas"))
    encoded = compiled.label_maps[""]
    colors = {
        int(raw): "#{:02x}{:02x}{:02x}".format(*compiled.palette[v])
        for raw, v in zip(encoded.first, encoded.nodes, strict=True)
    }
    assert colors == {int(row["raw_id"]): row["color"] for row in rows(shared, "mapillary_vistas_v1.2")}


def test_camvid_has_the_ids_names_and_colours_of_segnet(shared):
    hierarchy = load("camvid")
    ids = hierarchy.label_maps[""].ids
    for row in rows(shared, "camvid_11_segnet"):
        position = ids[int(row["raw_id"])]
        if row["ignore"] == "1":
            assert position is None
        else:
            node = hierarchy.nodes[position]
            assert node.name.replace("_", "") == row["name"].lower()
            assert "#{:02x}{:02x}{:02x}".format(*node.color) == row["color"]
    assert len(hierarchy.leaves) == 11
    assert {raw for raw, p in ids.items() if p is None} == {11, 255}


def test_what_the_faces_exchange_in_a_mirror():
    compiled = compile_hierarchy(load("helen"))
    exchanged = {compiled.names[a]: compiled.names[b] for a, b in enumerate(compiled.mirror) if a != b}
    assert exchanged == {
        "left_eye": "right_eye",
        "right_eye": "left_eye",
        "left_eyebrow": "right_eyebrow",
        "right_eyebrow": "left_eyebrow",
    }
