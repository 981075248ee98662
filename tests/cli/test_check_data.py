"""The command on files, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hierdsl import compile_hierarchy, load
from hierdsl.cli import main
from hierdsl.loading import analyze

TEXT = """tree
    sky = 0
    ground
        road = 1
        grass = 2
labels
    ignore = 255
labels paint
    sky = "#0000ff"
    road = "#804080"
    grass = "#00ff00"
"""
IDS = np.array([[0, 1, 2, 2], [0, 1, 2, 255]], dtype=np.uint8)


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("toy.hier").write_text(TEXT)
    for split in ("train", "val"):
        for name in ("a", "day/b"):
            put(f"data/{split}/labels/{name}.png", IDS)


def put(path, array):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def check(*args):
    arguments = ["check-data", "toy.hier", "--data", "data", *map(str, args)]
    result = CliRunner().invoke(main, arguments, env={"HIERDSL_DEBUG": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_file_that_fits(golden):
    result = check()
    assert (result.exit_code, result.stderr) == (0, "")
    golden("check_data.txt", result.stdout)


def test_the_same_as_json():
    report = json.loads(check("--json").stdout)
    assert report["fits"] is True
    assert report["pixels"] == {"all": 32, "labelled": 28, "ignored": 4, "unknown": 0}
    assert {node["path"]: node["pixels"] for node in report["nodes"]} == {
        "sky": 8, "ground": 20, "ground/road": 8, "ground/grass": 12,
    }  # fmt: skip
    assert report["levels"][1] == {"name": "level1", "nodes": ["sky", "ground/road", "ground/grass"]}


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_any_number_of_threads_counts_the_same(jobs):
    assert check("--jobs", jobs).stdout == check().stdout


def test_unknown_ids_have_a_mend_that_mends(golden):
    put("data/val/labels/new.png", np.array([[7, 7, 9, 0]], dtype=np.uint8))
    result = check()
    assert result.exit_code == 1
    golden("check_data_unknown.txt", result.stdout)
    mend = json.loads(check("--json").stdout)["mend"]
    assert mend == "ignore = 7, 9"
    Path("toy.hier").write_text(TEXT.replace("labels\n", f"labels\n    {mend}\n", 1))
    assert check().exit_code == 0


def test_each_mend_of_an_unknown_id_is_a_line_of_the_language():
    put("data/val/labels/new.png", np.array([[7]], dtype=np.uint8))
    (unknown,) = json.loads(check("--json").stdout)["unknown"]
    assert unknown == {
        "value": 7, "pixels": 1, "images": 1, "examples": ["data/val/labels/new.png"],
        "section": "labels", "mends": ["ignore = 7", "NAME = 7"],
    }  # fmt: skip
    for line in unknown["mends"]:
        mended = TEXT.replace("labels\n", f"labels\n    {line.replace('NAME', 'road')}\n", 1)
        Path("toy.hier").write_text(mended)
        assert check().exit_code == 0


def paint(noise):
    colors = np.array([[0, 0, 255], [128, 64, 128], [0, 255, 0]])
    rng = np.random.default_rng(0)
    for path in sorted(Path("data").rglob("*.png")):
        off = rng.integers(-noise, noise + 1, (40, 40, 3))
        put(path, np.clip(colors[rng.integers(0, 3, (40, 40))] + off, 0, 255).astype(np.uint8))


def test_smoothed_colours_are_mended_by_a_tolerance():
    paint(noise=5)
    result = check("--labels", "paint")
    assert result.exit_code == 1
    assert result.stdout.count("  colour #") == 10
    assert (
        "100.00 % of these pixels are near a listed colour; write below 'labels paint': tolerance 24"
        in result.stdout
    )
    assert check("--labels", "paint", "--tolerance", 24).exit_code == 0
    Path("toy.hier").write_text(TEXT + "    tolerance 24\n")
    mended = check("--labels", "paint")
    assert mended.exit_code == 0
    assert "labelled 6,400 (100.00 %)" in mended.stdout


def test_colours_by_a_map_of_ids_and_the_reverse():
    put("data/val/labels/new.png", np.zeros((4, 4, 3), np.uint8))
    result = check()
    assert result.exit_code == 1
    assert "error: 1 label image cannot be read:" in result.stdout
    assert "'data/val/labels/new.png' holds colours (RGB), but the label map is of ids" in result.stdout
    assert "4 label images, 32 pixels" in result.stdout  # the rest is counted
    assert "does not fit: 1 unreadable image" in result.stdout
    other = check("--labels", "paint")
    assert "holds numbers (L), but the label map is of colours" in other.stdout


def test_an_image_that_cannot_be_read_is_named_and_the_rest_counted():
    Path("data/val/labels/a.png").write_bytes(b"no image")
    report = json.loads(check("--json").stdout)
    assert report["images"] == 3
    assert [entry["path"] for entry in report["unreadable"]] == ["data/val/labels/a.png"]


@pytest.mark.parametrize("layout", ["", "labels/", "one/labels/", "one/labels/deep/er/"])
def test_where_label_images_are_looked_for(layout):
    put(f"other/{layout}x.png", IDS)
    put(f"other/{layout}.hidden.png", IDS + 90)
    result = CliRunner().invoke(main, ["check-data", "toy.hier", "--data", "other"])
    assert result.exit_code == 0
    assert result.stdout.startswith("1 label image, 8 pixels")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["toy.hier", "--data", "nowhere"],
            "there is no folder 'nowhere'; --data is a folder of label images",
        ),
        (["toy.hier", "--data", "."], "there are no label images (.bmp or .png) in '*/labels', "),
        (["none", "--data", "data"], "there is no file 'none'"),
        (
            ["toy.hier", "--data", "data", "--labels", "x"],
            "--labels: 'toy.hier' has no label map 'x'; it has: the ",
        ),
        (
            ["toy.hier", "--data", "data", "--tolerance", "3"],
            "--tolerance is of colours, but the label map is of ids",
        ),
        (
            ["bare.hier", "--data", "data"],
            "'bare.hier' gives no ids to its classes; write the ids behind the names",
        ),
        (
            ["toy.hier", "--data", "data", "--write-counts", "no/x.json"],
            "cannot write 'no/x.json': No such file",
        ),
    ],
)
def test_used_wrongly_is_one_line(arguments, said):
    Path("bare.hier").write_text("tree\n    a\n    b\n")
    result = CliRunner().invoke(main, ["check-data", *arguments], env={"HIERDSL_DEBUG": "1"})
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {said}")
    assert len(result.stderr.splitlines()) == 1


def test_a_file_with_errors_is_diagnosed():
    Path("toy.hier").write_text("tree\n    a = 1\n    b = 1\n")
    result = check()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "H301" in result.stderr


def test_counts_are_written_whole_with_the_hash_of_the_tables():
    assert check("--write-counts", "counts.json").exit_code == 0
    counts = json.loads(Path("counts.json").read_text())
    assert counts["hash"] == compile_hierarchy(analyze(TEXT)[0]).hash
    assert counts["pixels"] == {"sky": 8, "ground": 20, "ground/road": 8, "ground/grass": 12}
    assert counts["direct_pixels"]["ground"] == 0
    assert (counts["ignored"], counts["images"]) == (4, 4)
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_no_control_character_reaches_the_terminal():
    put("data/val/labels/\x1b[31mred.png", np.array([[77]], dtype=np.uint8))
    result = check()
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\\x1b[31mred.png" in result.stdout


def test_an_interruption_is_quiet(tmp_path):
    put("many/0.png", np.zeros((3000, 3000), np.uint8))
    for i in range(1, 1500):
        os.link("many/0.png", f"many/{i}.png")
    running = subprocess.Popen(
        [sys.executable, "-m", "hierdsl", "check-data", "toy.hier", "--data", "many"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a shell's & ignores it
    )  # fmt: skip
    time.sleep(2.5)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out, err) == (130, b"", b"")


def test_road_scenes_have_the_pixels_that_numpy_counts(shared):
    root = shared / "data/camvid"
    result = CliRunner().invoke(main, ["check-data", "camvid", "--data", str(root), "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["images"] == 468
    totals = sum(
        np.bincount(np.asarray(Image.open(path)).ravel(), minlength=256)
        for path in root.glob("*/labels/*.png")
    )
    pixels = {node["path"]: node["direct_pixels"] for node in report["nodes"]}
    hierarchy = load("camvid")
    for raw, node in hierarchy.label_maps[""].ids.items():
        if node is not None:
            assert pixels[hierarchy.path(node)] == totals[raw]
    assert report["pixels"]["ignored"] == totals[11] + totals[255]


def test_faces_of_colours_fit_with_the_tolerance_of_the_bundled_file(shared):
    root = shared / "data/fasseg"
    result = CliRunner().invoke(main, ["check-data", "fasseg", "--data", str(root), "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    compiled = compile_hierarchy(load("fasseg"))
    direct = dict.fromkeys(compiled.paths, 0)
    for path in root.glob("*/labels/*.png"):
        nodes, counts = np.unique(
            compiled.label_maps[""].encode(np.asarray(Image.open(path).convert("RGB"))), return_counts=True
        )
        for node, count in zip(nodes.tolist(), counts.tolist(), strict=True):
            if node >= 0:
                direct[compiled.paths[node]] += count
    assert {node["path"]: node["direct_pixels"] for node in report["nodes"]} == direct
    assert report["pixels"]["labelled"] > 0.99 * report["pixels"]["all"]
    assert report["never_seen_classes"] == []


def test_counting_ids_imports_neither_numpy_nor_the_model():
    script = (
        "import sys\nfrom hierdsl.cli import main\n"
        "try:\n    main(['check-data', 'toy.hier', '--data', 'data'])\nexcept SystemExit as end:\n"
        "    assert not end.code\n"
        "absent = {'torch', 'numpy', 'pydantic', 'networkx', 'rich.console', 'matplotlib'}\n"
        "assert not absent & set(sys.modules), absent & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_pillow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = check()
    assert result.exit_code == 2
    assert result.stderr.startswith("error: reading images needs more packages (PIL is missing): ")
    assert result.stderr.endswith("pip install 'hierdsl[data]'\n")
