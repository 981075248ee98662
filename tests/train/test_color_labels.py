"""Training on masks of colours whose borders were smoothed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from train.runs import IDS, TOY, make_data, make_pair

from hierdsl import analyze, compile_hierarchy
from hierdsl.data.error import DataError
from hierdsl.data.folder import find_samples
from hierdsl.model import LabelMap
from hierdsl.train.config import TrainConfig
from hierdsl.train.data.split import Legend, folder_split
from hierdsl.train.display import RunDisplay
from hierdsl.train.loop import fit
from hierdsl.train.start import HierarchyFile, start

COLORS = {"sky": 0x8080FF, "road": 0x804080, "grass": 0x107010, "car": 0x0000A0, "pole": 0xC0C0C0}
CONFIG = TrainConfig(width=1, size=(16, 24), epochs=1, batch_size=2, device="cpu", cache=0)


def hierarchy(**changes):
    """The toy hierarchy with a label map of colours, `painted`."""
    plain, _ = analyze(TOY, "toy.hier")
    position = {node.name: i for i, node in enumerate(plain.nodes)}
    ranges = tuple((color, color, position[name]) for name, color in COLORS.items())
    painted = LabelMap(**{"ranges": ranges, "colors": True, "tolerance": 24.0} | changes)
    return plain.model_copy(update={"label_maps": plain.label_maps | {"painted": painted}})


def file(**changes):
    return HierarchyFile("toy.hier", TOY.encode(), compile_hierarchy(hierarchy(**changes)))


def paint(folder, *, noise):
    """Repaint the labels of ids below a folder in colours, each pixel off by up to `noise` a channel."""
    numbers = np.array(list(COLORS.values()))
    rgb = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1)
    for path in sorted(folder.rglob("labels/*.png")):
        ids = np.asarray(Image.open(path))
        off = np.random.default_rng(ids.sum()).integers(-noise, noise + 1, (*ids.shape, 3))
        Image.fromarray(np.clip(rgb[ids] + off, 0, 255).astype(np.uint8)).save(path)


def run(data, out, label_map):
    started = start(file(), CONFIG, str(data), label_map, out, None, Console(quiet=True))
    fit(started.run, RunDisplay(Console(quiet=True), CONFIG.epochs))
    return json.loads((out / "metrics.jsonl").read_text()), json.loads((out / "run.json").read_text())


def test_a_run_on_colours_is_the_run_on_ids(tmp_path):
    make_data(tmp_path)
    of_ids, facts_of_ids = run("data", tmp_path / "ids", "")
    paint(tmp_path / "data", noise=10)
    of_colors, facts = run("data", tmp_path / "colors", "painted")
    same = {"train_loss", "train_levels", "val_loss", "val_levels", "mean_iou", "iou", "accuracy"}
    assert {key: of_colors[key] for key in same} == {key: of_ids[key] for key in same}
    assert facts["pixels"] == facts_of_ids["pixels"]
    assert facts["labels"] == "painted"


def split(folder, **changes):
    compiled = compile_hierarchy(hierarchy(**changes))
    legend = Legend(compiled, compiled.label_maps["painted"], "toy.hier", "painted")
    samples = find_samples(Path(folder), "train")
    return folder_split(Path(folder, "train"), samples, legend, 0, lambda _count: None)[0]


def test_without_a_tolerance_the_mend_is_one(tmp_path):
    make_data(tmp_path)
    paint(tmp_path / "data", noise=3)
    with pytest.raises(DataError) as caught:
        split("data", tolerance=None)
    message = str(caught.value)
    assert message.startswith("the train labels hold colours that 'toy.hier' does not list: colour #")
    assert message.endswith(
        "Most are near listed ones: take the nearest with this line below 'labels painted': tolerance 24"
    )
    assert len(message) < 1200
    assert (split("data").counts[: len(IDS)] > 0).all()


def test_colours_far_from_all_are_to_be_listed_or_ignored(tmp_path):
    make_data(tmp_path)
    paint(tmp_path / "data", noise=0)
    image, label = make_pair((24, 36), 5)
    Image.fromarray(image).save("data/train/images/new.png")
    mask = np.zeros((*label.shape, 3), np.uint8)
    mask[:3] = (255, 255, 0)
    Image.fromarray(mask).save("data/train/labels/new.png")
    with pytest.raises(
        DataError, match=r"colour #000000 \(756 pixels, in 'data/train/labels/new.png'\); "
    ) as caught:
        split("data", tolerance=None)
    assert str(caught.value).endswith(
        'or ignore them with this line below \'labels painted\': ignore = "#000000", "#ffff00"'
    )


def test_the_drawn_faces_have_ids(tmp_path):
    only = file()
    with pytest.raises(DataError, match="the drawn faces are labelled with the 11 classes of Helen"):
        start(only, CONFIG, "demo", "painted", tmp_path / "x", None, Console(quiet=True))


def test_masks_of_colours_by_a_map_of_ids(tmp_path):
    make_data(tmp_path)
    paint(tmp_path / "data", noise=0)
    with pytest.raises(
        DataError, match=r"holds colours \(RGB\), but the label map is of ids; .* by a label map of colours"
    ):
        start(file(), CONFIG, "data", "", tmp_path / "x", None, Console(quiet=True))
