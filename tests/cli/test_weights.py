"""`hierdsl show --weights`: what a preset does to each level and node."""

import json

import numpy as np
import pytest
from cli.test_commands import run

from hierdsl import compile_hierarchy, load
from hierdsl.weighting import conditional_range, parse, parse_schedule, unbounded_targets


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("weights_hxe", ["camvid", "--weights", "hxe(0.1)"]),
        ("weights_hxe_depth", ["camvid", "--weights", "hxe(0.1, depth)"]),
        ("weights_muller_smith", ["helen", "--weights", "muller_smith"]),
        ("weights_schedule", ["camvid", "--weights", "coarse_to_fine"]),
        ("weights_large", ["inat19", "--weights", "hxe(0.1)"]),
        ("weights_level", ["camvid", "--weights", "hxe(0.1)", "--level", "kind"]),
    ],
)
def test_what_show_prints_of_a_weighting(golden, name, arguments):
    result = run("show", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    golden(f"{name}.txt", result.stdout)


@pytest.mark.parametrize("text", ["muller_smith", "flat", "hxe(0.3)", "level(class)", "1,-0.5,2"])
@pytest.mark.parametrize("name", ["camvid", "vistas"])
def test_json_holds_all_factors(name, text):
    compiled = compile_hierarchy(load(name))
    text = text.replace("class", compiled.level_names[-1])
    shown = json.loads(run("show", name, "--weights", text, "--json").stdout)
    weighting = parse(text, compiled)
    lowest, highest = conditional_range(weighting, compiled)
    factors = np.zeros_like(weighting.factors)
    assert sorted(node["path"] for node in shown["nodes"]) == sorted(compiled.paths)
    for node in shown["nodes"]:
        v = compiled.paths.index(node["path"])
        for level, factor in node["factors"].items():
            factors[compiled.level_names.index(level), v] = factor
        assert node["weight"] == pytest.approx(sum(node["factors"].values()))
        assert node["conditional"] == [lowest[v], highest[v]]
        assert node["unbounded"] == unbounded_targets(weighting, compiled)[v]
    assert np.array_equal(factors, weighting.factors)
    for i, level in enumerate(shown["levels"]):
        cut = factors[i, compiled.group_nodes[i]]
        assert (level["groups"], level["lowest"], level["highest"]) == (len(cut), cut.min(), cut.max())


def test_json_of_a_schedule_has_its_turns():
    shown = json.loads(run("show", "camvid", "--weights", "fine_to_coarse(flat)", "--json").stdout)
    compiled = compile_hierarchy(load("camvid"))
    schedule = parse_schedule("fine_to_coarse(flat)", compiled)
    assert [moment["at"] for moment in shown["progress"]] == [0, 0.5, 1]
    for moment in shown["progress"]:
        found = [level["lowest"] for level in moment["levels"]]
        assert found == schedule(moment["at"]).level_weights(compiled).tolist()


def test_one_level_alone_lists_its_nodes():
    shown = json.loads(run("show", "camvid", "--weights", "flat", "--level", "region", "--json").stdout)
    assert [level["name"] for level in shown["levels"]] == ["region"]
    assert [node["path"] for node in shown["nodes"]] == ["sky", "ground", "static", "moving"]


def test_a_large_tree_of_many_kinds_is_cut_short(tmp_path):
    lines = ["tree"] + [f"{' ' * (1 + i)}n{i}" for i in range(70)] + [f" m{i}" for i in range(5)]
    (tmp_path / "deep.hier").write_text("\n".join(lines) + "\n")
    text = run("show", str(tmp_path / "deep.hier"), "--weights", "hxe(0.1)").stdout
    nodes = text.split("such as\n")[1].split("\n\n")[0].splitlines()
    assert len(nodes) == 21
    assert nodes[-1] == "... and 50 more kinds of nodes (--level NAME lists those of a level, --json all)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--weights", "hxee(1)"],
            (
                "--weights: there is no weighting 'hxee(1)'; did you mean 'hxe'? They are: muller_smith, flat, "
                "hxe(ALPHA), hxe(ALPHA, depth), level(NAME), or a weight for each level such as 1,0.5; "
                "or over a training coarse_to_fine(PRESET), fine_to_coarse(PRESET)"
            ),
        ),
        (["--weights", "1,2"], "--weights: 2 weights for 3 levels; give one each for region, kind, class"),
        (
            ["--weights", "level(knd)"],
            "--weights: there is no level 'knd'; did you mean 'kind'? The levels are: region, kind, class",
        ),
        (
            ["--weights", "flat", "--level", "x"],
            "there is no level 'x'; the levels are: region, kind, class",
        ),
        (
            ["--weights", "flat", "--expand"],
            "--expand prints the whole file: leave out --level, --weights and --json",
        ),
    ],
)
def test_a_wrong_use_is_one_line_with_the_mend(arguments, message):
    result = run("show", "camvid", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {message}\n")


def test_names_cannot_speak_to_the_terminal(tmp_path):
    (tmp_path / "x.hier").write_text('levels\n  "l\x1b[2J"\ntree\n  "\x1b[31m"\n  b\n')
    for arguments in (["flat"], ["coarse_to_fine"], ["flat", "--level", "l\x1b[2J"], ["flat", "--json"]):
        result = run("show", str(tmp_path / "x.hier"), "--weights", *arguments, color=True)
        assert result.exit_code == 0
        assert "\x1b" not in result.output
