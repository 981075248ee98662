"""What is minimised: class weights, the two losses, and the learning rate over a run."""

import json
import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from train.runs import TOY, toy

from hierdsl.loss import hierarchical_cross_entropy, hierarchical_level_losses
from hierdsl.train.config import SettingsError, TrainConfig
from hierdsl.train.loop import RunningMean, _set_rate
from hierdsl.train.objective import Objective, class_weights

COMPILED = toy()
C, V = 5, 7
COUNTS = st.lists(st.integers(0, 10**7), min_size=V, max_size=V).map(np.array)


@given(COUNTS, st.sampled_from(["sqrt", "inverse"]))
def test_weights_fall_with_frequency_and_have_mean_1_over_the_classes_that_occur(counts, choice):
    weights = class_weights(choice, counts, COMPILED)
    leaves = counts[:C]
    seen = leaves > 0
    assert np.array_equal(weights[~seen], np.ones((~seen).sum()))
    if not seen.any():
        return
    assert weights[seen].mean() == pytest.approx(1)
    scaled = weights[seen] * leaves[seen] ** (0.5 if choice == "sqrt" else 1.0)
    assert scaled == pytest.approx(np.full(len(scaled), scaled[0]))


def test_coarse_labels_count_for_no_class():
    counts = np.array([10, 20, 30, 40, 50, 0, 0])
    coarse = counts + np.array([0, 0, 0, 0, 0, 10**6, 10**6])
    assert np.array_equal(class_weights("sqrt", counts, COMPILED), class_weights("sqrt", coarse, COMPILED))


def test_weights_of_the_hierarchy_are_a_factor_of_every_choice():
    heavy = toy(TOY.replace("road = 1", "road = 1 [weight=3]", 1))
    counts = np.array([10, 20, 30, 40, 50, 0, 0])
    Path("w.json").write_text(json.dumps({"ground/road": 2, "sky": 0.5}))
    assert class_weights("none", counts, heavy).tolist() == [1, 3, 1, 1, 1]
    assert class_weights("w.json", counts, heavy).tolist() == [0.5, 6, 1, 1, 1]
    for choice in ("sqrt", "inverse"):
        ratio = class_weights(choice, counts, heavy) / class_weights(choice, counts, COMPILED)
        assert ratio == pytest.approx(np.array([1, 3, 1, 1, 1]))


def batch(coarse=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, C, 6, 5, generator=generator)
    target = torch.randint(0, V if coarse else C, (2, 6, 5), generator=generator, dtype=torch.int32)
    target[0, :2] = -100
    return logits.requires_grad_(), target


def objective(weights=None, **changes):
    leaf_weights = np.ones(C) if weights is None else np.asarray(weights, dtype=float)
    return Objective(TrainConfig(**changes), COMPILED, leaf_weights)


WEIGHTS = [None, [0.5, 2, 1, 3, 0.1]]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_flat_loss_is_the_cross_entropy_of_torch(weights, smoothing):
    logits, target = batch()
    loss, levels = objective(weights, loss="flat", label_smoothing=smoothing)(logits, target)
    factors = None if weights is None else torch.tensor(weights)
    expected = functional.cross_entropy(logits, target.long(), factors, label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits))
    plain = functional.cross_entropy(logits, target.long(), factors)  # what is reported is not smoothed
    torch.testing.assert_close(levels, plain.detach()[None])


def test_the_flat_loss_passes_over_coarse_labels():
    logits, target = batch(coarse=True)
    loss, _ = objective(loss="flat")(logits, target)
    fine = torch.where(target >= C, -100, target).long()
    torch.testing.assert_close(loss, functional.cross_entropy(logits, fine))


@pytest.mark.parametrize("level_weights", [None, (0.25, 2.0), (-0.5, 1.0)])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_hierarchical_loss_is_that_of_the_library(level_weights, weights, smoothing):
    logits, target = batch(coarse=True)
    compute = objective(weights, level_weights=level_weights, label_smoothing=smoothing)
    loss, levels = compute(logits, target)
    expected = hierarchical_cross_entropy(
        logits, target, COMPILED, weight=weights, level_weights=level_weights, label_smoothing=smoothing
    )
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits))
    plain = hierarchical_level_losses(
        logits, target, COMPILED, weight=weights
    )  # what is reported is not smoothed
    torch.testing.assert_close(levels, plain.detach())


def test_levels_of_the_flat_loss_end_with_the_flat_loss():
    logits, target = batch()
    compute = objective([0.5, 2, 1, 3, 0.1], loss="flat")
    assert compute.names == ("class",)
    found, levels = compute.last(logits, target)
    torch.testing.assert_close(found, compute(logits, target)[0])
    torch.testing.assert_close(found, levels[-1])
    torch.testing.assert_close(
        levels, hierarchical_level_losses(logits, target, COMPILED, weight=[0.5, 2, 1, 3, 0.1])
    )


@pytest.mark.parametrize("loss", ["flat", "hierarchical"])
def test_a_batch_of_ignored_pixels_has_loss_0_and_gradient_0(loss):
    logits, target = batch()
    value, _ = objective(loss=loss)(logits, torch.full_like(target, -100))
    value.backward()
    assert value.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss", ["flat", "hierarchical"])
def test_low_precision_logits_are_reduced_in_float32(loss, dtype):
    logits, target = batch()
    low = logits.detach().to(dtype)
    value, levels = objective(loss=loss)(low, target)
    assert value.dtype == levels.dtype == torch.float32
    torch.testing.assert_close(value, objective(loss=loss)(low.float(), target)[0])


def test_as_many_level_weights_as_levels():
    with pytest.raises(
        SettingsError, match="--level-weights: 3 weights for 2 levels; give one each for kind, class"
    ):
        objective(level_weights=(1, 1, 1))


def rates(epochs=5, steps=20, **changes):
    config = TrainConfig(epochs=epochs, **changes)
    group = {}
    run = SimpleNamespace(config=config, train=range(steps), optimizer=SimpleNamespace(param_groups=[group]))
    found = []
    for step in range(epochs * steps):
        _set_rate(run, step)
        found.append(group["lr"])
    return found


def test_the_rate_rises_and_then_falls_to_almost_0_along_a_half_cosine():
    found = rates(lr=2.0, warmup=0.1, schedule="cosine")
    warm, rest = found[:10], found[10:]
    assert all(a < b for a, b in pairwise(warm))
    assert np.diff(warm) == pytest.approx(np.full(9, warm[0]))
    assert 0 < warm[0] < 0.25
    assert rest[0] == max(found) == 2.0
    assert rest == pytest.approx([1 + math.cos(math.pi * k / 90) for k in range(90)])
    assert 0 < rest[-1] < 2e-3


def test_a_constant_rate_is_constant_after_the_warm_up():
    assert set(rates(lr=0.5, warmup=0.0, schedule="constant")) == {0.5}
    found = rates(lr=0.5, warmup=0.2, schedule="constant")
    assert set(found[20:]) == {0.5}
    assert max(found[:20]) < 0.5


@given(st.floats(0, 1), st.sampled_from(["cosine", "constant"]), st.integers(1, 4), st.integers(1, 7))
def test_no_rate_is_above_the_highest_or_below_0(warmup, schedule, epochs, steps):
    found = rates(epochs, steps, lr=0.1, warmup=warmup, schedule=schedule)
    assert all(0 < rate <= 0.1 + 1e-15 for rate in found)


def test_a_running_mean_weighs_by_images():
    mean = RunningMean(("a", "b"))
    assert math.isnan(mean.read()[0])
    mean.add(torch.tensor(1.0), torch.tensor([0.0, 2.0]), 3)
    mean.add(torch.tensor(5.0), torch.tensor([4.0, 6.0]))
    assert mean.read() == (2.0, {"a": 1.0, "b": 3.0})
