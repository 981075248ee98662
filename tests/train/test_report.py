"""What a finished run leaves to look at."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from train.runs import TINY, TOY, make_data, toy, trained

from hierdsl.metrics import ConfusionMatrix
from hierdsl.train.config import TrainConfig
from hierdsl.train.folder import RunFolder
from hierdsl.train.report import _top, colored, curves, iou_table, marked, wrong

FILES = [
    "best.pt",
    "config.toml",
    "curves.png",
    "hierarchy.hier",
    "last.pt",
    "metrics.jsonl",
    "predictions.png",
    "run.json",
    "table.txt",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    data = make_data(root, val=3)
    result = trained(*data, *TINY, "--epochs", 3, "--lr", 0.03, "--out", root / "run")
    return root / "run", result.stdout


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def percent(value):
    return "-" if value is None else f"{100 * value:.2f}"


def test_a_run_leaves_these_files_and_nothing_half_written(run):
    assert sorted(path.name for path in run[0].iterdir()) == FILES


def test_the_table_has_every_class_and_every_level(run):
    folder, said = run
    table = (folder / "table.txt").read_text()
    assert table in said
    lines = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in table.splitlines()
        if line.startswith("│")
    ]
    last = records(folder)[-1]
    shown = {cells[0]: cells[1] for cells in lines}
    for path, iou in last["iou"]["class"].items():
        assert shown[path] == percent(iou)
    assert shown["mean of class (5 classes)"] == percent(last["mean_iou"]["class"])
    assert shown["mean of kind (3 groups)"] == percent(last["mean_iou"]["kind"])
    for level in ("kind", "class"):
        assert shown[f"pixel accuracy of {level}"] == percent(last["accuracy"][level])
    assert sum(float(cells[2]) for cells in lines if cells[2]) == pytest.approx(100, abs=0.05)
    assert "Validation after epoch 3 (hierarchical loss)" in table


def test_a_class_that_never_occurs_is_no_number_in_the_table():
    matrix = ConfusionMatrix(toy())
    console = Console(file=io.StringIO(), width=100, markup=False)
    console.print(iou_table(matrix.scores(), "nothing"))
    text = console.file.getvalue()
    assert "nan" not in text
    assert text.count(" - ") >= 5


def test_the_log_names_every_group_at_every_level(run):
    for epoch, record in enumerate(records(run[0]), 1):
        assert record["epoch"] == epoch
        assert list(record["iou"]["kind"]) == ["sky", "ground", "thing"]
        assert list(record["iou"]["class"]) == [
            "sky",
            "ground/road",
            "ground/grass",
            "thing/car",
            "thing/pole",
        ]
        assert record["seconds"] > 0
        assert 0.5 < sum(record["time_shares"].values()) <= 1.001


def test_pictures_are_whole_pngs(run):
    for name in ("curves.png", "predictions.png"):
        with Image.open(run[0] / name) as picture:
            assert picture.format == "PNG"
            picture.load()
            assert (
                len(np.unique(np.asarray(picture).reshape(-1, 3 if picture.mode == "RGB" else 4), axis=0)) > 5
            )


def test_predictions_have_a_row_an_image_and_four_columns(run):
    with Image.open(run[0] / "predictions.png") as sheet:
        width, height = sheet.size
    tile = width / 4
    assert 3 * tile * 16 / 24 < height < 3 * tile * 16 / 24 + 0.6 * tile


def test_a_prediction_is_wrong_where_it_is_not_at_or_below_the_target():
    compiled = toy()
    rng = np.random.default_rng(0)
    target = rng.choice([-100, *range(compiled.num_nodes)], (20, 20))
    predicted = rng.integers(0, compiled.num_leaves, (20, 20))

    def above(leaf):
        line = []
        while leaf >= 0:
            line.append(leaf)
            leaf = compiled.parent[leaf]
        return line

    expected = [
        [t >= 0 and t not in above(p) for t, p in zip(*row, strict=True)]
        for row in zip(target, predicted, strict=True)
    ]
    assert np.array_equal(wrong(target, predicted, compiled), expected)
    image = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
    picture = marked(image, np.array(expected))
    assert (picture[expected] == (214, 39, 40)).all()
    assert np.array_equal(picture[~np.array(expected)], (image // 3 + 160)[~np.array(expected)])


def test_ignored_pixels_are_white():
    nodes = np.array([[0, -100], [6, 4]])
    found = colored(nodes, toy())
    assert found[0, 1].tolist() == [255, 255, 255]
    assert found[0, 0].tolist() == toy().palette[0].tolist()
    assert found[1, 0].tolist() == toy().palette[6].tolist()


def test_one_spike_does_not_flatten_the_losses():
    assert _top([[1.0, 0.9, 78.0], [0.8, np.nan, 0.7]]) == pytest.approx(1.05 * 4 * 0.9)
    assert _top([[1.0, 0.5]]) == pytest.approx(1.05)
    assert _top([[np.nan]]) == 1.0


def history(levels, epochs=2, missing=False):
    values = dict.fromkeys(levels, 0.5)
    scores = dict.fromkeys(levels) if missing else values
    record = {"train_levels": values, "val_levels": values, "mean_iou": scores}
    return [{"epoch": epoch + 1, **record} for epoch in range(epochs)]


@pytest.mark.parametrize(
    ("levels", "epochs", "missing"),
    [
        (["class"], 1, False),
        (["a", "b"], 200, True),
        (["$x$", r"$\frac{$", "_hidden", "a_b", "50 %"], 3, False),
    ],
)
def test_curves_of_any_level_names_and_lengths(levels, epochs, missing):
    content = curves(history(levels, epochs, missing), TrainConfig())
    assert content.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(content)).size[0] > 800


def test_nothing_is_seen_until_it_is_whole(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.write(folder.table, "old")

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        folder.write(folder.table, "new")
    assert folder.table.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.txt"]


def test_a_validation_without_any_class_ends_well(tmp_path):
    """All labels of the validation are coarse: there is no mean over the classes."""
    data = make_data(tmp_path, val=1)
    for label in Path("data/val/labels").iterdir():
        Image.new("L", (36, 24), 7).save(label)
    result = trained(*data, *TINY, "--out", "run")
    (record,) = records(Path("run"))
    assert record["mean_iou"]["class"] is None
    assert math.isfinite(record["mean_iou"]["kind"])
    assert "nan" not in result.stdout


def test_long_names_stay_whole_in_the_table(tmp_path):
    name = "a_very_long_name_of_a_class_" * 3
    data = make_data(tmp_path, val=1, hier=TOY.replace("sky", name))
    trained(*data, *TINY, "--out", "run")
    assert name in Path("run/table.txt").read_text()
