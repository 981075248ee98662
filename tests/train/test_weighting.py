"""Training with a weighting: the loss that is minimised, over the run, and what does not go together."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from train.runs import TINY, TOY, make_data, refused, toy, train, trained
from train.test_loop import NARROW, interrupt, metrics, same, state

from hierdsl.loss import hierarchical_cross_entropy, hierarchical_level_losses
from hierdsl.train.config import SettingsError, TrainConfig, settings
from hierdsl.train.objective import Objective, demand_floor
from hierdsl.weighting import parse, parse_schedule

COMPILED = toy()
C, V = 5, 7
CLASS_WEIGHTS = [0.5, 2, 1, 3, 0.1]
WEIGHTINGS = ["muller_smith", "flat", "hxe(0.3)", "hxe(0.3, depth)", "level(kind)", "0.5,2"]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr("hierdsl.train.report.curves", lambda *_: b"")


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path)


def batch(top=C):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, C, 6, 5, generator=generator)
    target = torch.randint(0, top, (2, 6, 5), generator=generator, dtype=torch.int32)
    target[0, :2] = -100
    return logits.requires_grad_(), target


def objective(text, smoothing=0.0):
    config = TrainConfig(weighting=text, label_smoothing=smoothing)
    return Objective(config, COMPILED, np.array(CLASS_WEIGHTS))


@pytest.mark.parametrize("text", WEIGHTINGS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("top", [C, V])
def test_the_loss_is_that_of_the_library(text, smoothing, top):
    logits, target = batch(top)
    options = {"weight": CLASS_WEIGHTS, "label_smoothing": smoothing}
    loss, levels = objective(text, smoothing)(logits, target)
    expected = hierarchical_cross_entropy(
        logits, target, COMPILED, weighting=parse(text, COMPILED), **options
    )
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits))
    plain = hierarchical_level_losses(
        logits, target, COMPILED, weight=CLASS_WEIGHTS
    )  # what is reported is not smoothed
    torch.testing.assert_close(levels, plain.detach())
    assert not levels.requires_grad


@pytest.mark.parametrize(
    "text", ["coarse_to_fine", "fine_to_coarse(flat)", "coarse_to_fine(hxe(0.3, depth))"]
)
def test_a_schedule_is_followed_and_validation_sees_its_end(text):
    logits, target = batch()
    compute, schedule = objective(text), parse_schedule(text, COMPILED)
    for progress in (0.0, 0.3, 1.0):
        compute.at(progress)
        for found, moment in ((compute(logits, target), progress), (compute.last(logits, target), 1)):
            expected = hierarchical_cross_entropy(
                logits, target, COMPILED, weighting=schedule(moment), weight=CLASS_WEIGHTS
            )
            torch.testing.assert_close(found[0], expected)
    fresh = objective(text)
    fresh.at(0)
    torch.testing.assert_close(fresh(logits, target)[0], objective(text)(logits, target)[0])


def test_without_a_weighting_nothing_changes_over_the_run():
    logits, target = batch(V)
    compute = Objective(TrainConfig(), COMPILED, np.array(CLASS_WEIGHTS))
    before = compute(logits, target)[0]
    compute.at(0.7)
    assert torch.equal(compute(logits, target)[0], before)
    assert torch.equal(compute.last(logits, target)[0], before)


def test_the_weighting_of_the_levels_is_the_run_without_it(data):
    for name, flags in (("plain", ()), ("weighted", ("--weighting", "muller_smith"))):
        trained(*data, *TINY, *flags, "--out", name)
    assert metrics("plain") == metrics("weighted")
    assert same(state("plain")["network"], state("weighted")["network"])


@pytest.mark.parametrize("text", ["coarse_to_fine(hxe(0.2, depth))", "fine_to_coarse", "hxe(0.2)"])
def test_a_run_that_goes_on_gives_the_numbers_of_one_that_was_not_stopped(data, monkeypatch, text):
    flags = ("--epochs", 3, "--weighting", text)
    trained(*data, *NARROW, *flags, "--out", "whole")
    with monkeypatch.context() as patch:
        interrupt(patch, epoch=2, step=1)
        assert train(*data, *NARROW, *flags, "--out", "part").exit_code == 130
    trained("--resume", "part")
    assert metrics("part") == metrics("whole")
    assert same(state("part"), state("whole"))


def test_the_first_step_has_the_start_of_the_schedule_and_the_last_its_end(data, monkeypatch):
    seen = []
    at = Objective.at
    monkeypatch.setattr(Objective, "at", lambda self, progress: (seen.append(progress), at(self, progress)))
    result = trained(*data, *NARROW, "--epochs", 3, "--weighting", "coarse_to_fine", "--out", "run")
    assert seen == [0, 0.2, 0.4, 0.6, 0.8, 1]  # two steps an epoch
    assert "hierarchical, coarse_to_fine loss" in result.stdout
    assert 'weighting = "coarse_to_fine"' in Path("run/config.toml").read_text()


def test_a_run_of_one_step_starts_at_the_start(data, monkeypatch):
    seen = []
    monkeypatch.setattr(Objective, "at", lambda _, progress: seen.append(progress))
    trained(*data, *NARROW, "--epochs", 1, "--batch-size", 4, "--weighting", "coarse_to_fine")
    assert seen == [0]


def test_a_weighting_cannot_change_when_a_run_goes_on(data):
    trained(*data, *TINY, "--out", "run")
    message = refused("--resume", "run", "--epochs", 2, "--weighting", "flat", code=2)
    assert message.startswith("--weighting cannot change when a run goes on")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--level-weights", "1,2"), "--weighting takes the place of --level-weights: leave one of them out"),
        (
            ("--loss", "flat"),
            "--weighting is of the hierarchical loss: leave out --loss flat, or give --weighting flat alone",
        ),
    ],
)
def test_what_a_weighting_does_not_go_with(data, flags, message):
    assert refused(*data, *TINY, "--weighting", "flat", *flags, code=2) == message
    Path("my.toml").write_text('weighting = "flat"\n')
    with pytest.raises(SettingsError, match=message.split(":", maxsplit=1)[0]):
        settings(Path("my.toml"), {flags[0][2:].replace("-", "_"): flags[1]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hxe(", "--weighting: weighting 'hxe(' lacks its closing bracket"),
        (
            "level(kid)",
            "--weighting: there is no level 'kid'; did you mean 'kind'? The levels are: kind, class",
        ),
        ("1,2,3", "--weighting: 3 weights for 2 levels; give one each for kind, class"),
    ],
)
def test_a_weighting_that_there_is_not_is_told_before_the_data_is_read(data, text, message):
    assert refused(data[0], "--data", "nowhere", *TINY, "--weighting", text, code=1) == message


FLOOR = "the loss of the label 'ground' falls without end"


def test_a_coarse_label_whose_loss_has_no_floor_is_refused(tmp_path):
    data = make_data(tmp_path, ids=(0, 1, 2, 3, 4, 7))
    message = refused(*data, *TINY, "--weighting", "hxe(0.1)", code=1)
    assert message.startswith(f"--weighting hxe(0.1): {FLOOR}")
    assert "use hxe(ALPHA, depth)" in message
    trained(*data, *TINY, "--weighting", "hxe(0.1, depth)")


@pytest.mark.parametrize(
    ("text", "coarse", "smoothing", "said"),
    [
        ("hxe(0.1)", False, 0.0, None),
        ("hxe(0.1)", True, 0.0, FLOOR),
        ("hxe(0.1, depth)", True, 0.5, None),
        ("fine_to_coarse(hxe(0.1))", True, 0.0, FLOOR),
        ("hxe(0.1)", False, 0.1, "has negative factors, which --label-smoothing does not go with"),
        ("-1,0.5", False, 0.0, "the loss of the label 'sky' falls without end"),
        ("-1,1", False, 0.0, None),
        ("coarse_to_fine", True, 0.1, None),
    ],
)
def test_labels_that_a_weighting_does_not_go_with(text, coarse, smoothing, said):
    counts = np.array([9, 9, 9, 9, 9, 9 if coarse else 0, 0])
    config = TrainConfig(weighting=text, label_smoothing=smoothing)
    if said is None:
        demand_floor(config, counts, COMPILED)
    else:
        with pytest.raises(SettingsError, match=said):
            demand_floor(config, counts, COMPILED)


def test_the_curves_and_the_table_name_the_weighting(data):
    assert TrainConfig(weighting="flat").loss_name == "hierarchical, flat"
    assert TrainConfig().loss_name == "hierarchical"
    result = trained(*data, *TINY, "--weighting", "hxe(0.1)", "--out", "run")
    assert "(hierarchical, hxe(0.1) loss)" in result.stdout.replace("\n", " ")
    assert json.loads(Path("run/metrics.jsonl").read_text())["train_levels"].keys() == {"kind", "class"}


def test_a_level_weight_of_the_file_does_not_disturb_a_weighting(tmp_path):
    heavy = TOY.replace("class\n", "class [weight=2]\n", 1)
    data = make_data(tmp_path, hier=heavy)
    trained(*data, *TINY, "--weighting", "level(kind)", "--out", "run")
    record = json.loads(Path("run/metrics.jsonl").read_text())
    assert record["train_loss"] == pytest.approx(record["train_levels"]["kind"])
