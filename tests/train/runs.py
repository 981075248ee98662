"""What the tests of training share: tiny data sets, and the command as a user runs it."""

from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from hierdsl import compile_hierarchy
from hierdsl.cli import main
from hierdsl.loading import analyze

TOY = """\
hierarchy toy
levels
    kind
    class
tree
    sky = 0
    ground = 7
        road = 1
        grass = 2
    thing
        car = 3
        pole = 4
mirror
    car <-> pole
labels
    ignore = 9
labels wide
    sky = 300
    road = 301
    ignore = 302
"""
IDS = (0, 1, 2, 3, 4)
TINY = ("--width", "1", "--size", "16x24", "--epochs", "1", "--batch-size", "2", "--device", "cpu")


def toy(text=TOY):
    hierarchy, found = analyze(text, "toy.hier")
    assert hierarchy is not None, found
    return compile_hierarchy(hierarchy)


def make_pair(size, seed, ids=IDS):
    """An image whose colours tell the class, and its label: blocks of random classes."""
    rng = np.random.default_rng(seed)
    height, width = size
    blocks = rng.choice(ids, (-(-height // 8), -(-width // 8)))
    label = blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
    image = np.stack([label * 50 % 256, label * 90 % 256, 255 - label * 40 % 256], axis=2)
    noise = rng.integers(0, 20, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), label


def put(root, split, stem, image, label, *, kind=".png"):
    for folder, array, suffix in (("images", image, kind), ("labels", label, ".png")):
        path = Path(root, split, folder, stem + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        if array is not None:
            wide = folder == "labels" and array.max() > 255
            Image.fromarray(array.astype(np.uint16 if wide else np.uint8)).save(path)


def make_data(root, train=4, val=2, size=(24, 36), ids=IDS, hier=TOY):
    """A data set below `root`/data, and the hierarchy beside it; the arguments of the command."""
    for split, number, first in (("train", train, 0), ("val", val, 1000)):
        for index in range(number):
            put(root / "data", split, f"img{index}", *make_pair(size, first + index, ids))
    (root / "toy.hier").write_text(hier, encoding="utf-8")
    return (str(root / "toy.hier"), "--data", str(root / "data"))


def train(*args):
    """The command, as a user runs it; an error that nobody foresaw is raised."""
    result = CliRunner().invoke(main, ["train", *map(str, args)], env={"HIERDSL_DEBUG": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def trained(*args):
    result = train(*args)
    assert result.exit_code == 0, result.output
    return result


def refused(*args, code):
    """The one line that a refused command says; no training was begun and nothing is left behind."""
    before = set(Path.cwd().rglob("*"))
    result = train(*args)
    lines = result.stderr.splitlines()
    assert (result.exit_code, len(lines)) == (code, 1), result.output
    assert lines[0].startswith("error: ")
    assert "epoch" not in result.stdout
    assert set(Path.cwd().rglob("*")) == before
    return lines[0].removeprefix("error: ")
