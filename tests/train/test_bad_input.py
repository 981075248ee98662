"""Whatever is wrong with what the user gives is said in one line before any training, and leaves nothing behind."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from train.runs import TINY, TOY, make_data, make_pair, put, refused, trained

from hierdsl.train.faces import FACE_IDS
from hierdsl.train.folder import CHECKPOINT_FORMAT


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path)


def test_a_missing_data_folder(data):
    message = refused(data[0], "--data", "nowhere", *TINY, code=1)
    assert (
        message == "there is no folder 'nowhere'; --data is a folder with train/images, train/labels, val/..."
    )


@pytest.mark.parametrize("part", ["train", "val", "train/labels", "val/images"])
def test_a_missing_split_folder(data, part):
    shutil.rmtree(Path("data", part))
    message = refused(*data, *TINY, code=1)
    wanted = Path(data[2], part) if "/" in part else Path(data[2], part, "images")
    assert message.startswith(f"there is no folder '{wanted}'; a data set has train/images, train/labels,")


@pytest.mark.parametrize("folder", ["images", "labels"])
def test_an_empty_split(data, folder):
    for path in Path("data/val", folder).iterdir():
        path.rename(path.with_suffix(".txt"))
    message = refused(*data, *TINY, code=1)
    assert message.startswith(f"there is no file in '{data[2]}/val/{folder}' that ends in .bmp")
    assert ("a JPEG would change ids" in message) == (folder == "labels")


def test_an_image_without_a_label(data):
    Path("data/train/labels/img1.png").unlink()
    assert refused(*data, *TINY, code=1) == (
        f"image '{data[2]}/train/images/img1.png' has no label; "
        f"add '{data[2]}/train/labels/img1.png' or remove the image"
    )


def test_labels_without_images_are_counted(data):
    for name in ("img0", "img1"):
        Path(f"data/val/images/{name}.png").unlink()
    put("data", "val", "other", *make_pair((24, 32), 1))
    assert refused(*data, *TINY, code=1) == (
        f"label '{data[2]}/val/labels/img0.png' (and 1 more) has no image; "
        f"add '{data[2]}/val/images/img0.png' or remove the label"
    )


def test_two_images_of_one_stem(data):
    shutil.copy("data/train/images/img0.png", "data/train/images/img0.bmp")
    message = refused(*data, *TINY, code=1)
    assert message.endswith("have one stem; remove one of them")
    assert f"'{data[2]}/train/images/img0.bmp' and '{data[2]}/train/images/img0.png'" in message


def test_a_label_of_another_size(data):
    put("data", "train", "img2", make_pair((24, 32), 0)[0], make_pair((32, 24), 0)[1])
    assert refused(*data, *TINY, code=1) == (
        f"'{data[2]}/train/images/img2.png' is 32 x 24 but its label '{data[2]}/train/labels/img2.png' "
        "is 24 x 32 (width x height); resize the label with nearest neighbour"
    )


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def _to_text(path):
    path.write_text("these are my notes, not an image")


def _empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_truncate, _to_text, _empty])
@pytest.mark.parametrize(
    ("folder", "kind", "other"), [("images", "image", "label"), ("labels", "label", "image")]
)
def test_a_file_that_cannot_be_read(data, folder, kind, other, damage):
    damage(Path("data/val", folder, "img1.png"))
    message = refused(*data, *TINY, code=1)
    assert message.startswith(f"cannot read {kind} '{data[2]}/val/{folder}/img1.png' (")
    assert message.endswith(f"); replace or remove it and its {other}")


def test_a_label_of_colours(data):
    Image.new("RGB", (32, 24)).save("data/train/labels/img0.png")
    message = refused(*data, *TINY, code=1)
    assert message.startswith(
        f"label '{data[2]}/train/labels/img0.png' holds colours (RGB), but the label map is of ids; save it with one"
    )


def _with_unknown_ids(values):
    image, label = make_pair((24, 32), 5)
    label[:2, :3], label[5, 5] = values[0], values[-1]
    put("data", "train", "img1", image, label)


def test_ids_that_the_file_does_not_list_and_the_mend(data):
    _with_unknown_ids([77, 80])
    message = refused(*data, *TINY, code=1)
    assert f"the train labels hold ids that '{data[0]}' does not list: " in message
    assert f"id 77 (6 pixels, in '{data[2]}/train/labels/img1.png'); id 80 (1 pixels, in" in message
    mend = "ignore them with this line below 'labels': "
    assert message.endswith(mend + "ignore = 77, 80")
    line = message.split(mend)[1]
    Path(data[0]).write_text(TOY.replace("labels\n", f"labels\n    {line}\n", 1))
    trained(*data, *TINY, "--out", "run")


def test_unlisted_ids_of_a_named_map_are_mended_in_that_map(data):
    make_data(Path(), ids=(300, 301, 400))
    message = refused(*data, *TINY, "--labels", "wide", code=1)
    mend = "ignore them with this line below 'labels wide': "
    assert mend in message
    Path(data[0]).write_text(TOY.replace("labels wide\n", f"labels wide\n    {message.split(mend)[1]}\n"))
    trained(*data, *TINY, "--labels", "wide", "--out", "run")


def test_hundreds_of_unlisted_ids_still_make_a_short_message(data):
    put("data", "train", "img1", make_pair((24, 32), 5)[0], np.arange(24 * 32).reshape(24, 32))
    message = refused(*data, *TINY, code=1)
    assert message.endswith(
        "and 756 other ids. Give them to classes, or ignore them with this line below 'labels': ignore = *"
    )
    assert len(message) < 1500
    Path(data[0]).write_text(TOY.replace("labels\n", "labels\n    ignore = *\n", 1))
    trained(*data, *TINY, "--out", "run")


@pytest.mark.parametrize("split", ["train", "val"])
def test_labels_that_are_all_ignored(data, split):
    for path in Path("data", split, "labels").iterdir():
        Image.new("L", (36, 24), 9).save(path)
    message = refused(*data, *TINY, code=1)
    assert (
        message
        == f"every pixel of the labels in '{data[2]}/{split}/labels' is ignored; check the ids in '{data[0]}'"
    )


def test_too_small_an_image(data):
    put("data", "val", "img0", *make_pair((15, 32), 0))
    message = refused(*data, *TINY, code=1)
    assert message == f"'{data[2]}/val/images/img0.png' is 32 x 15; an image has at least 16 pixels a side"


def test_a_run_folder_that_exists(data):
    Path("my run").mkdir()
    assert refused(*data, *TINY, "--out", "my run", code=1) == (
        "the run folder 'my run' exists; choose another --out, or go on with it: --resume 'my run'"
    )


def test_a_run_folder_that_cannot_be_made(data):
    Path("file").write_text("")
    assert refused(*data, *TINY, "--out", "file/run", code=1).startswith(
        "cannot make the run folder 'file/run': "
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there(data):
    message = refused(*data, *TINY, "--device", "cuda", code=1)
    assert message == "--device cuda: torch finds no CUDA device here; use --device cpu"


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", "meta", "mps", "0"])
def test_a_device_that_is_none(data, device):
    message = refused(*data, *TINY, "--device", device, code=1)
    assert message.startswith("--device")
    assert f"'{device}'" in message
    assert message.endswith("use auto, cpu, cuda or cuda:N")


def test_a_hierarchy_without_ids(data):
    Path("bare.hier").write_text("tree\n    sky\n    road\n")
    assert refused("bare.hier", *data[1:], *TINY, code=1) == (
        "'bare.hier' gives no ids to its classes, so label images cannot be read; write the ids behind the names: car = 8"
    )


def test_labels_of_an_unknown_map(data):
    message = refused(*data, *TINY, "--labels", "cityscapes", code=1)
    assert message == f"--labels: '{data[0]}' has no label map 'cityscapes'; it has: the default map, wide"


def test_drawn_faces_need_a_hierarchy_of_faces(data):
    message = refused(data[0], "--data", "demo", *TINY, code=1)
    assert message.startswith(
        f"the drawn faces are labelled with the 11 classes of Helen, which '{data[0]}' does not"
    )
    ids = "".join(f"    c{value} = {value}\n" for value in FACE_IDS.values())
    Path("ids.hier").write_text(f"tree\n{ids}")
    assert "use the bundled hierarchy" in refused("ids.hier", "--data", "demo", *TINY, code=1)


def test_an_unknown_hierarchy_and_a_broken_one(data):
    assert "there is no file 'camvit'" in refused("camvit", *data[1:], *TINY, code=2)
    Path("broken.hier").write_text("tree\n    sky = 0\n    sky = 1\n")
    before = set(Path.cwd().rglob("*"))
    result = _fails("broken.hier", *data[1:], *TINY)
    assert result.stderr.splitlines()[-1] == "error: 'broken.hier' has 1 error"
    assert "broken.hier:3:5" in result.stderr
    assert set(Path.cwd().rglob("*")) == before


def _fails(*args):
    from train.runs import train  # noqa: PLC0415 - used once

    result = train(*args)
    assert result.exit_code == 1, result.output
    return result


def test_what_is_missing_on_the_command_line_is_named(data):
    assert refused(code=2).startswith("give FILE, a .hier file or the name of a bundled hierarchy; see")
    assert refused(data[0], code=2) == "give --data DIR, or --data demo; see hierdsl train --help"


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--epochs", "0", '--epochs: input should be greater than or equal to 1, not "0"'),
        ("--epochs", "many", "--epochs: input should be a valid integer"),
        ("--size", "64", '--size: a size is HEIGHTxWIDTH, such as 120x160, not "64"'),
        ("--size", "8x64", "--size: input should be greater than or equal to 16, not 8"),
        ("--lr", "nan", "--lr: input should be a finite number"),
        ("--lr", "0", "--lr: input should be greater than 0"),
        ("--crop", "1.5", "--crop: input should be less than or equal to 1"),
        ("--scale", "2", "--scale: two numbers are needed, such as "),
        ("--faces", "10", "--faces: two numbers are needed, such as "),
        ("--faces", "inf,2", "--faces: input should be a "),
        ("--faces", "a,2", "--faces: these are numbers joined by commas"),
        ("--faces", "1.5,2", "--faces: input should be a valid integer"),
        ("--level-weights", "1;2", "--level-weights: these are numbers joined by commas, such as 1,0.5,1"),
        ("--optimizer", "adam", "--optimizer: input should be 'adamw' or 'sgd', not \"adam\""),
        ("--recipe", "old", "--recipe: input should be 'modern' or 'paper', not \"old\""),
        ("--momentum", "1", "--momentum: input should be less than 1"),
        ("--workers", "-1", "--workers: input should be greater than or equal to 0"),
        ("--seed", "99999999999999999999", "--seed: input should be less than "),
    ],
)
def test_a_wrong_flag_is_named(data, flag, value, said):
    assert said in refused(*data, flag, value, code=2)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("epoch = 3", "'my.toml': key 'epoch' is no setting; did you mean 'epochs'?"),
        ("[training]\nepochs = 3", "'my.toml': key 'training' is no setting"),
        ("epochs = 'three'", "'my.toml': key 'epochs': input should be a valid integer"),
        (
            "label-smoothing = 2",
            "'my.toml': key 'label_smoothing': input should be less than or equal to 1, not 2",
        ),
        ("size = [256]", "'my.toml': key 'size': two numbers are needed, such as "),
        ("epochs = ", "'my.toml' is no TOML: "),
    ],
)
def test_a_wrong_settings_file_is_named_with_its_key(data, toml, said):
    Path("my.toml").write_text(toml)
    assert refused(*data, "--config", "my.toml", code=2).startswith(said)


def test_a_missing_settings_file(data):
    assert refused(*data, "--config", "no.toml", code=2) == "cannot read 'no.toml': No such file or directory"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "--class-weights: 'w.json' is neither none, sqrt, inverse nor a file"),
        ("{", "--class-weights: 'w.json' cannot be read as JSON: "),
        (
            "[1, 2]",
            "--class-weights: 'w.json' must hold an object of weights by class path, such as {\"sky\": 2.0}",
        ),
        (
            '{"ground/raod": 2}',
            "--class-weights: 'w.json': there is no class 'ground/raod'; did you mean 'ground/road'?",
        ),
        ('{"sky": -1}', "--class-weights: 'w.json': the weight of 'sky' is a number, 0 or more, not -1"),
        ('{"sky": NaN}', "--class-weights: 'w.json': the weight of 'sky' is a number, 0 or more, not nan"),
        ('{"sky": true}', "--class-weights: 'w.json': the weight of 'sky' is a number, 0 or more, not True"),
        (
            '{"sky": 0, "ground/road": 0, "ground/grass": 0, "thing/car": 0, "thing/pole": 0}',
            "--class-weights: 'w.json': every class has weight 0",
        ),
    ],
)
def test_a_wrong_file_of_class_weights(data, content, said):
    if content is not None:
        Path("w.json").write_text(content)
    assert refused(*data, *TINY, "--class-weights", "w.json", code=1).startswith(said)


@pytest.mark.parametrize("weights", ["1", "1,1,1"])
def test_level_weights_of_a_wrong_length(data, weights):
    number = len(weights.split(","))
    assert refused(*data, *TINY, "--level-weights", weights, code=1) == (
        f"--level-weights: {number} weights for 2 levels; give one each for kind, class"
    )


def test_no_level_weights_in_a_file_are_not_taken_for_those_of_the_hierarchy(data):
    Path("my.toml").write_text("level_weights = []")
    assert "0 weights for 2 levels" in refused(*data, *TINY, "--config", "my.toml", code=1)


def test_one_pixel_a_channel_is_too_little_for_batch_norm(data):
    message = refused(*data, *TINY, "--batch-size", 1, "--crop", "0.5", code=1)
    assert message.startswith("one training crop of 16 x 16 is too little for batch norm; raise --batch-size")


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    """A run of one epoch, beside its data."""
    root = tmp_path_factory.mktemp("once")
    trained(*make_data(root), *TINY, "--out", root / "run")
    return root


@pytest.fixture
def run(data, trained_once):
    """A copy of that run, on the data of the test."""
    shutil.copytree(trained_once / "run", "run")
    facts = Path("run/run.json")
    facts.write_text(facts.read_text().replace(str(trained_once / "data"), data[2]))
    return Path("run")


@pytest.mark.usefixtures("data")
def test_resuming_what_is_no_run(tmp_path):
    assert refused("--resume", "nowhere", code=1) == "'nowhere' is no run folder: it has no config.toml"
    assert "is no run folder" in refused("--resume", tmp_path / "data", code=1)


def test_resuming_a_run_that_is_done(run):
    message = refused("--resume", run, code=1)
    assert message == "'run' has all its 1 epochs; go on with more: --epochs 11"
    config = Path("run/config.toml").read_text()
    refused("--resume", run, "--epochs", 1, code=1)
    assert Path("run/config.toml").read_text() == config


@pytest.mark.parametrize(
    "flags",
    [
        ("--lr", "1"),
        ("--width", "2"),
        ("--recipe", "paper"),
        ("--config", "my.toml"),
        ("--no-channels-last",),
    ],
)
def test_settings_that_would_make_it_another_run(run, flags):
    Path("my.toml").write_text("epochs = 2")
    message = refused("--resume", run, *flags, code=2)
    flag = flags[0].replace("--no-", "--")
    assert message.startswith(
        f"{flag} cannot change when a run goes on (--cache, --compile, --device, --epochs, "
    )


def test_resuming_into_another_folder(run):
    assert "--out is for a new run" in refused("--resume", run, "--out", "other", code=2)


def test_resuming_with_another_hierarchy_names_the_tables(run):
    Path("other.hier").write_text(
        TOY.replace("class\n", "class [weight=2]\n", 1).replace("car <-> pole", "car <-> road")
    )
    message = refused("other.hier", "--resume", run, "--epochs", 2, code=1)
    assert "is not the one that 'run' was trained with (changed: level_weights, mirror): hash " in message
    assert message.endswith("Go on with the run's own copy, or start a new run")


def test_a_copy_of_the_hierarchy_that_was_edited(run):
    Path("run/hierarchy.hier").write_text(TOY.replace("sky", "heaven"))
    assert "('run/hierarchy.hier' was edited)" in refused("--resume", run, "--epochs", 2, code=1)


def test_other_colours_are_no_other_hierarchy(run):
    Path("other.hier").write_text(TOY.replace("sky = 0", 'sky = 0 [color="#123456"]', 1))
    trained("other.hier", "--resume", run, "--epochs", 2)


class Malicious:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def _pickled(path):
    path.write_bytes(pickle.dumps(Malicious()))


def _pickled_inside(path):
    torch.save({"format": CHECKPOINT_FORMAT, "network": Malicious()}, path)


def _not_ours(path):
    torch.save({"state_dict": {}}, path)


def _lacking(path):
    torch.save({"format": CHECKPOINT_FORMAT, "epoch": 1}, path)


def _flipped(path):
    content = bytearray(path.read_bytes())
    first = content.index(b"FB", 2000) + 200  # behind the padding: amid the numbers of a tensor
    content[first : first + 200] = bytes(255 - byte for byte in content[first : first + 200])
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [_truncate, _to_text, _empty, _pickled, _pickled_inside, _not_ours, _lacking, _flipped]
)
def test_a_checkpoint_that_is_damaged_or_malicious(run, damage):
    damage(run / "last.pt")
    message = refused("--resume", run, "--epochs", 2, code=1)
    assert message.startswith("'run/last.pt' ")
    assert message.endswith("start a new run")
    assert "weights_only" not in message
    assert not Path("executed").exists()


def test_no_checkpoint_at_all(run):
    (run / "last.pt").unlink()
    assert refused("--resume", run, code=1) == (
        "'run' has no last.pt: its first epoch was not finished; start again with a new --out"
    )


def test_settings_of_the_run_that_were_edited(run):
    config = run / "config.toml"
    config.write_text(config.read_text().replace("width = 1", "width = 2"))
    assert "does not fit the settings in 'run/config.toml'" in refused("--resume", run, "--epochs", 2, code=1)


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"data": "x"})])
def test_facts_of_the_run_that_are_damaged(run, content):
    (run / "run.json").write_text(content)
    assert "'run/run.json' is damaged" in refused("--resume", run, "--epochs", 2, code=1)


def test_data_that_moved_is_given_again(run, data):
    Path("data").rename("elsewhere")
    assert refused("--resume", run, "--epochs", 2, code=1).startswith(f"there is no folder '{data[2]}'")
    trained("--resume", run, "--epochs", 2, "--data", "elsewhere")
