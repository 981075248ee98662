"""The run as a whole: same seed same numbers, stop and go on, checkpoints, scores."""

import json
import math
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from train.runs import TINY, TOY, make_data, make_pair, put, toy, train, trained

from hierdsl import compile_hierarchy, load
from hierdsl.data.images import read_image, read_label
from hierdsl.train.data.augment import cut, whole
from hierdsl.train.display import RunDisplay
from hierdsl.train.loop import to_input
from hierdsl.train.objective import Objective
from hierdsl.train.unet import UNet

TIMES = ("seconds", "images_per_second", "time_shares")
NARROW = ("--width", "1", "--size", "16x24", "--batch-size", "2", "--device", "cpu")


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    """Curves are drawn in test_report; here they would only take time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hierdsl.train.report.curves", lambda *_: b"")
        yield


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path)


def metrics(run):
    records = [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]
    for record in records:
        for key in TIMES:
            del record[key]
    return records


def state(run, name="last.pt"):
    return torch.load(Path(run, name), weights_only=True)


def same(first, second):
    """Whether two checkpoints hold the same, bit for bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def interrupt(monkeypatch, epoch, step):
    """Ctrl-C in a step of an epoch, counted from 1."""
    seen = {"epoch": 0, "step": 0}

    def on_epoch(_self, number, _steps):
        seen.update(epoch=number, step=0)

    def on_step(_self, _losses):
        seen["step"] += 1
        if (seen["epoch"], seen["step"]) == (epoch, step):
            raise KeyboardInterrupt

    monkeypatch.setattr(RunDisplay, "epoch", on_epoch)
    monkeypatch.setattr(RunDisplay, "step", on_step)


def test_one_seed_gives_the_same_numbers_and_another_others(data):
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        trained(*data, *NARROW, "--epochs", 2, "--seed", seed, "--out", out)
    assert metrics("a") == metrics("b")
    assert same(state("a"), state("b"))
    assert all(x != y for x, y in zip(metrics("a"), metrics("c"), strict=True))


@pytest.mark.parametrize("flags", [(), ("--recipe", "paper", "--workers", "1")])
def test_an_interrupted_run_that_goes_on_is_the_uninterrupted_one(data, monkeypatch, flags):
    trained(*data, *NARROW, "--epochs", 4, "--out", "whole", *flags)
    with monkeypatch.context() as patch:
        interrupt(patch, epoch=3, step=2)
        stopped = train(*data, *NARROW, "--epochs", 4, "--out", "my part", *flags)
    assert stopped.exit_code == 130
    assert not Path("my part/table.txt").exists()
    line = stopped.stdout.splitlines()[-1]
    assert line == "stopped after epoch 2; go on with: hierdsl train --resume 'my part'"
    went_on = trained(*shlex.split(line.split("hierdsl train ")[1]))
    assert "going on after epoch 2" in went_on.stdout
    assert metrics("my part") == metrics("whole")
    for name in ("last.pt", "best.pt"):
        assert same(state("my part", name), state("whole", name))
    assert Path("my part/table.txt").read_text() == Path("whole/table.txt").read_text()


def test_an_interruption_in_the_first_epoch_leaves_nothing_to_go_on_from(data, monkeypatch):
    interrupt(monkeypatch, epoch=1, step=1)
    stopped = train(*data, *TINY)
    assert stopped.exit_code == 130
    assert stopped.stdout.splitlines()[-1] == "stopped before the end of epoch 1: nothing to go on from"


def test_an_interruption_while_the_checkpoint_is_written_is_one_before_it(data, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_saving = iter([None, None, KeyboardInterrupt()])  # best.pt, last.pt, then a file of epoch 2

        def replace(self, target):
            if self.suffix == ".new" and ".pt" in self.suffixes and (error := next(interrupt_saving)):
                raise error
            self.rename(target)

        patch.setattr(Path, "replace", replace)
        stopped = train(*data, *NARROW, "--epochs", 2, "--out", "part")
    assert "stopped after epoch 1; go on with: hierdsl train --resume part" in stopped.stdout
    assert len(metrics("part")) == 2  # logged, and yet the checkpoint is of epoch 1
    assert not list(Path("part").glob(".*"))
    trained("--resume", "part")
    trained(*data, *NARROW, "--epochs", 2, "--out", "whole")
    assert metrics("part") == metrics("whole")
    assert same(state("part"), state("whole"))


def test_the_rate_goes_on_over_the_epochs(data):
    flags = ("--epochs", 4, "--schedule", "cosine", "--warmup", 0, "--lr", 0.02, "--out", "run")
    trained(*data, *NARROW, *flags)
    last_steps = (1, 3, 5, 7)  # of 8, two an epoch
    expected = [0.01 * (1 + math.cos(math.pi * step / 8)) for step in last_steps]
    assert [record["lr"] for record in metrics("run")] == pytest.approx(expected)


def test_metrics_are_cut_back_to_the_checkpoint(data):
    trained(*data, *NARROW, "--epochs", 2, "--out", "run")
    path = Path("run/metrics.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1].replace('"epoch": 2', '"epoch": 3'), '{"epoch": 4, "lr']))
    trained("--resume", "run", "--epochs", 3)
    assert [record["epoch"] for record in metrics("run")] == [1, 2, 3]
    assert path.read_text().splitlines()[:2] == lines


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(data, monkeypatch):
    calls = []
    right = Objective.__call__

    def wrong(self, logits, target):
        calls.append(1)
        loss, levels = right(self, logits, target)
        return (loss * math.nan if len(calls) == 6 else loss), levels  # in the third epoch of 2 steps

    monkeypatch.setattr(Objective, "__call__", wrong)
    stopped = train(*data, *NARROW, "--epochs", 4, "--out", "run", "--lr", "0.5")
    assert stopped.exit_code == 1
    assert stopped.stderr == (
        "error: the loss became nan in epoch 3; 'run/last.pt' holds epoch 2. "
        "Start a new run with a lower --lr (now 0.5)\n"
    )
    assert len(metrics("run")) == 2
    kept = state("run")
    assert kept["epoch"] == 2
    assert all(tensor.isfinite().all() for tensor in kept["network"].values())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_network_that_blew_up_in_its_last_step_is_no_checkpoint(data, precision):
    """One step an epoch: the loss of the step is still good, the network after it is not."""
    flags = ("--batch-size", 4, "--lr", "1e30", "--clip", 0, "--recipe", "paper", "--precision", precision)
    stopped = train(*data, *NARROW, "--epochs", 2, "--out", "run", *flags)
    assert stopped.exit_code == 1
    assert (
        "in epoch 1; no epoch was finished before. Start a new run with a lower --lr (now 1e+30)"
        in stopped.stderr
    )
    assert ("or with --precision fp32 (now bf16)" in stopped.stderr) == (precision == "bf16")
    assert not Path("run/last.pt").exists()
    assert not Path("run/best.pt").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--loss", "flat", "--class-weights", "none"),
        ("--loss", "flat", "--label-smoothing", 0.1, "--class-weights", "inverse"),
        ("--class-weights", "w.json", "--level-weights", "0,1", "--label-smoothing", 0.1),
        ("--precision", "bf16", "--no-channels-last", "--clip", 0),
        ("--precision", "fp16", "--optimizer", "sgd"),
        ("--labels", "", "--cache", 0, "--workers", 2, "--crop", 1, "--scale", "2,0.5", "--jitter", 0),
    ],
    ids=lambda flags: " ".join(map(str, flags[:4])),
)
def test_every_way_to_train_gives_finite_numbers_and_a_whole_folder(data, flags):
    Path("w.json").write_text('{"ground/road": 2.5, "sky": 0}')
    trained(*data, *TINY, *flags, "--out", "run")
    (record,) = metrics("run")
    flat = "flat" in flags
    assert list(record["train_levels"]) == (["class"] if flat else ["kind", "class"])
    assert list(record["val_levels"]) == list(record["mean_iou"]) == ["kind", "class"]
    numbers = [
        record["train_loss"],
        record["val_loss"],
        *record["train_levels"].values(),
        *record["val_levels"].values(),
    ]
    assert all(math.isfinite(number) for number in numbers)
    files = {"config.toml", "hierarchy.hier", "run.json", "metrics.jsonl", "last.pt", "best.pt", "table.txt"}
    assert {path.name for path in Path("run").iterdir()} == files | {"curves.png", "predictions.png"}
    facts = json.loads(Path("run/run.json").read_text())
    assert facts["hash"] == state("run")["hash"] == toy().hash
    if "w.json" in flags:
        assert facts["class_weights"] == {
            "sky": 0,
            "ground/road": 2.5,
            "ground/grass": 1,
            "thing/car": 1,
            "thing/pole": 1,
        }


@pytest.mark.parametrize("loss", ["flat", "hierarchical"])
def test_coarse_labels_train_the_levels_that_they_say_something_of(tmp_path, loss):
    data = make_data(tmp_path, ids=(0, 1, 7))
    trained(*data, *TINY, "--loss", loss, "--out", "run")
    counts = json.loads(Path("run/run.json").read_text())["pixels"]
    assert counts["ground"] > 0
    assert counts["ground/grass"] == 0
    (record,) = metrics("run")
    assert math.isfinite(record["val_loss"])


def test_four_faces_are_learnt_at_every_level():
    trained(
        "helen", "--data", "demo", "--faces", "4,1", "--size", "32x32", "--width", 2, "--epochs", 25, "--device", "cpu",
        "--batch-size", 2, "--class-weights", "none", "--lr", 0.02, "--crop", 1, "--scale", "1,1", "--jitter", 0, "--flip", 0,
        "--optimizer", "adamw", "--out", "run",
    )  # fmt: skip
    first, *_, last = metrics("run")
    assert list(last["train_levels"]) == ["scene", "person", "part", "detail"]
    for level, loss in last["train_levels"].items():
        assert loss < 0.75 * first["train_levels"][level], level


def _plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, str | int) and _plain(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or type(value) in (str, int, float, bool, torch.Tensor)


def test_checkpoints_hold_tensors_and_plain_data_only(data):
    trained(*data, *TINY, "--out", "run")
    for name in ("last.pt", "best.pt"):
        kept = state("run", name)
        assert _plain(kept), name
        assert kept["classes"] == ["sky", "ground/road", "ground/grass", "thing/car", "thing/pole"]
        assert kept["epoch"] == 1


def test_best_is_the_epoch_of_the_best_mean_over_the_classes(data):
    result = trained(*data, *NARROW, "--epochs", 6, "--lr", 0.05, "--out", "run")
    scores = [record["mean_iou"]["class"] for record in metrics("run")]
    best = int(np.argmax(scores)) + 1
    assert len(set(scores)) > 2  # else any epoch would do
    assert state("run", "best.pt")["epoch"] == best
    assert state("run", "best.pt")["best"] == scores[best - 1]
    assert state("run")["best"] == scores[best - 1]
    assert f"best epoch {best}: mean IoU {100 * scores[best - 1]:.2f} %" in result.stdout


def independent_scores(run, data, compiled, size):
    """Scores of a checkpoint from its file alone, in plain loops over classes and groups."""
    kept = state(run)
    network = UNet(compiled.num_leaves, kept["width"])
    network.load_state_dict(kept["network"])
    network.eval()
    truth, guess = [], []
    for label in sorted(Path(data, "val/labels").iterdir()):
        target = compiled.label_maps[""].encode(read_label(label)).astype(np.int32)
        image, target = cut(
            read_image(Path(data, "val/images", label.name)), target, whole(target.shape), size
        )
        with torch.no_grad():
            logits = network(to_input(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]))
        truth.append(target.ravel())
        guess.append(logits[0].argmax(0).numpy().ravel())
    truth, guess = np.concatenate(truth), np.concatenate(guess)
    truth, guess = truth[truth >= 0], guess[truth >= 0]
    scores = {}
    for level, name in enumerate(compiled.level_names):
        t, g = compiled.group[level][truth], compiled.group[level][guess]
        t, g = t[t >= 0], g[t >= 0]
        union = {k: ((t == k) | (g == k)).sum() for k in range(compiled.num_groups[level])}
        iou = {k: ((t == k) & (g == k)).sum() / u for k, u in union.items() if u}
        scores[name] = (np.mean(list(iou.values())), np.mean(t == g), list(iou.values()))
    return scores


@pytest.mark.parametrize(
    "ids", [(0, 1, 2, 3, 4), (0, 1, 2, 3, 9), (0, 2, 7, 3)], ids=["all", "ignored", "coarse"]
)
def test_reported_scores_are_those_of_the_checkpoint_computed_anew(tmp_path, ids):
    data = make_data(tmp_path, ids=ids, val=3)
    trained(*data, *NARROW, "--epochs", 2, "--lr", 0.03, "--no-channels-last", "--out", "run")
    record = metrics("run")[-1]
    for level, (mean, accuracy, iou) in independent_scores("run", data[2], toy(), (16, 24)).items():
        assert record["mean_iou"][level] == pytest.approx(mean, abs=1e-12)
        assert record["accuracy"][level] == pytest.approx(accuracy, abs=1e-12)
        assert [value for value in record["iou"][level].values() if value is not None] == pytest.approx(
            iou, abs=1e-12
        )


def test_the_reported_validation_loss_is_the_mean_over_the_images(tmp_path):
    """Without weights and ignored pixels: a plain mean of cross-entropies, though the last batch is smaller."""
    data = make_data(tmp_path, val=3)
    flags = ("--batch-size", 2, "--size", "32x48", "--class-weights", "none", "--no-channels-last")
    trained(*data, *TINY, *flags, "--out", "run")
    compiled, kept = toy(), state("run")
    network = UNet(5, 1)
    network.load_state_dict(kept["network"])
    network.eval()
    losses = []
    for label in sorted(Path("data/val/labels").iterdir()):
        target = compiled.label_maps[""].encode(read_label(label)).astype(np.int32)
        image, target = cut(
            read_image(Path("data/val/images", label.name)), target, whole(target.shape), (32, 48)
        )
        with torch.no_grad():
            p = (
                network(to_input(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]))
                .double()
                .softmax(1)[0]
            )
        fine = p.gather(0, torch.from_numpy(target).long()[None])
        kinds = torch.stack([p[0], p[1] + p[2], p[3] + p[4]])
        coarse = kinds.gather(0, torch.from_numpy(compiled.group[0][target])[None])
        losses.append([-coarse.log().mean().item(), -fine.log().mean().item()])
    (record,) = metrics("run")
    assert list(record["val_levels"].values()) == pytest.approx(np.mean(losses, 0), rel=1e-5)
    assert record["val_loss"] == pytest.approx(np.sum(np.mean(losses, 0)), rel=1e-5)


def test_runs_without_a_name_are_numbered_and_one_that_comes_between_is_passed_over(data, monkeypatch):
    trained(*data, *TINY)
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: real(self) and "runs" not in self.parts)  # seen too late
    trained(*data, *TINY)
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "toy-hierarchical-1",
        "toy-hierarchical-2",
    ]


def test_a_name_of_any_letters_makes_a_plain_folder(data):
    Path("Straße (v2) <b>.hier").write_text(TOY.replace("hierarchy toy\n", ""))
    trained("Straße (v2) <b>.hier", *data[1:], *TINY)
    assert [path.name for path in Path("runs").iterdir()] == ["Straße-v2-b-hierarchical-1"]


class NoCompilerError(RuntimeError):
    """As torch raises it; importing that module takes seconds."""

    __module__ = "torch._inductor.exc"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried"),
            "memory is full; start a new run with a lower --batch-size",
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "memory is full; "),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error."),
            "a process that reads images died",
        ),
        (
            NoCompilerError("InductorError: no C++ compiler\nfound"),
            "torch.compile cannot compile the network here; leave",
        ),
        (OSError(28, "No space left on device", "run/last.pt"), "'run/last.pt': No space left on device"),
    ],
)
def test_trouble_of_the_machine_is_one_line(data, monkeypatch, error, said):
    def fail(*_):
        raise error

    monkeypatch.setattr(RunDisplay, "step", fail)
    stopped = train(*data, *TINY)
    assert stopped.exit_code == 1
    assert stopped.stderr.startswith(f"error: {said}")
    assert stopped.stderr.count("\n") == 1


def test_a_compiled_network_trains_and_its_checkpoint_is_that_of_the_plain_one(data, monkeypatch):
    """torch.compile itself takes half a minute here; what is tested is how the run uses its result."""
    compiled = []

    def compile_(network):
        compiled.append(network)
        return network.forward

    monkeypatch.setattr(torch, "compile", compile_)
    trained(*data, *TINY, "--compile", "--out", "compiled")
    trained(*data, *TINY, "--out", "plain")
    assert len(compiled) == 1
    assert metrics("compiled") == metrics("plain")
    assert same(state("compiled"), state("plain"))


def test_another_error_is_not_hidden(data, monkeypatch):
    def fail(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(RunDisplay, "step", fail)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        train(*data, *TINY)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_vanishes_while_training_is_one_line(data, monkeypatch, workers):
    def vanish(self, epoch, steps):
        del self, epoch, steps
        for path in Path("data/train/images").iterdir():
            path.unlink()

    monkeypatch.setattr(RunDisplay, "epoch", vanish)
    stopped = train(*data, *TINY, "--cache", 0, "--workers", workers)
    assert stopped.exit_code == 1
    assert stopped.stderr.startswith(f"error: cannot read image '{data[2]}/train/images/img")
    assert stopped.stderr.count("\n") == 1


def test_one_image_is_enough(tmp_path):
    data = make_data(tmp_path, train=1, val=1)
    trained(*data, "--width", 1, "--size", "48x48", "--epochs", 1, "--batch-size", 5, "--device", "cpu")


def test_names_that_look_like_markup_are_shown_as_they_are(data):
    text = (
        TOY.replace("sky", '"[red]:car:"').replace("    kind\n", '    "[/kind]"\n').replace("road", '"[/x]"')
    )
    Path(data[0]).write_text(text)
    result = trained(*data, *TINY, "--out", "[b]run")
    assert "[red]:car:" in result.stdout
    assert 'ground/"[/x]"' in result.stdout
    assert "[/kind] › class" in result.stdout
    assert "run folder [b]run" in result.stdout
    assert "[red]:car:" in Path("[b]run/table.txt").read_text()


def test_images_of_many_sizes_train_together(tmp_path):
    data = make_data(tmp_path)
    for index, size in enumerate([(16, 16), (40, 17), (17, 60), (64, 64)]):
        put("data", "train", f"other{index}", *make_pair(size, index))
    trained(*data, *TINY)


def test_what_a_hierarchy_calls_ignored_is_no_class(tmp_path):
    text = TOY.replace("pole = 4", "pole = 4 [ignore]", 1).replace("mirror\n    car <-> pole\n", "")
    data = make_data(tmp_path, hier=text)
    trained(*data, *TINY, "--out", "run")
    assert state("run")["classes"] == ["sky", "ground/road", "ground/grass", "thing/car"]


def test_a_run_on_real_road_scenes(shared, tmp_path):
    for split, number in (("train", 12), ("val", 4)):
        for label in sorted((shared / "data/camvid" / split / "labels").iterdir())[:number]:
            image = shared / "data/camvid" / split / "images" / f"{label.stem}.jpg"
            for source, folder in ((image, "images"), (label, "labels")):
                target = tmp_path / "scenes" / split / folder / source.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
    flags = ("--width", 2, "--size", "24x32", "--epochs", 1, "--device", "cpu", "--out", "run")
    trained("camvid", "--data", tmp_path / "scenes", *flags)
    counts = json.loads(Path("run/run.json").read_text())["pixels"]
    compiled = compile_hierarchy(load("camvid"))
    ids = np.concatenate(
        [np.asarray(Image.open(p)).ravel() for p in (tmp_path / "scenes/train/labels").iterdir()]
    )
    for raw, node in zip(compiled.label_maps[""].first, compiled.label_maps[""].nodes, strict=True):
        if node >= 0:
            assert counts[compiled.paths[node]] == (ids == raw).sum()
    (record,) = metrics("run")
    assert list(record["mean_iou"]) == ["region", "kind", "class"]
    assert all(0 < loss < 10 for loss in record["val_levels"].values())
    assert record["accuracy"]["region"] >= record["accuracy"]["class"]


def test_a_run_needs_the_files_that_its_hierarchy_uses_only_once(data):
    Path(data[0]).rename("base.hier")
    Path(data[0]).write_text('use "base.hier"\n')
    trained(*data, *TINY, "--epochs", 1, "--out", "run")
    Path("base.hier").unlink()
    Path(data[0]).unlink()
    result = trained("--resume", "run", "--epochs", 2)
    assert "going on after epoch 1" in result.stdout
