"""Laws of the confusion matrix and its scores."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import hierdsl
from hierdsl.metrics import ConfusionMatrix

FACES = hierdsl.compile_hierarchy(hierdsl.load("helen"))


def random_pixels(seed, coarse):
    generator = torch.Generator().manual_seed(seed)
    top = FACES.num_nodes if coarse else FACES.num_leaves
    target = torch.randint(0, top, (3, 20), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.1] = -100
    return target, torch.randint(0, FACES.num_leaves, (3, 20), generator=generator)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), coarse=st.booleans())
def test_scores_equal_their_definition_at_every_level(seed, coarse):
    target, predicted = random_pixels(seed, coarse)
    matrix = ConfusionMatrix(FACES)
    matrix.update(target[:1], predicted[:1])
    matrix.update(target[1:], predicted[1:])
    for level, scores in enumerate(matrix.scores()):
        group = torch.tensor(FACES.group[level])
        truth = torch.where(target >= 0, group[target.clamp(min=0)], -1)
        said = group[predicted]
        seen = truth >= 0
        ious = []
        for g in range(int(FACES.num_groups[level])):
            union = (seen & ((truth == g) | (said == g))).sum().item()
            hit = (seen & (truth == g) & (said == g)).sum().item()
            ious.append(hit / union if union else math.nan)
            assert scores.pixels[g] == (truth == g).sum().item()
        np.testing.assert_allclose(scores.iou, ious)
        np.testing.assert_allclose(scores.mean_iou, np.nanmean(ious))
        np.testing.assert_allclose(scores.accuracy, ((truth == said) & seen).sum() / seen.sum())


def test_a_perfect_prediction_scores_1_and_a_coarser_level_is_never_less_accurate():
    target, predicted = random_pixels(1, coarse=False)
    perfect = ConfusionMatrix(FACES)
    perfect.update(target, target.clamp(min=0))
    assert all(level.mean_iou == 1 and level.accuracy == 1 for level in perfect.scores())
    matrix = ConfusionMatrix(FACES)
    matrix.update(target, predicted)
    accuracies = [level.accuracy for level in matrix.scores()]
    assert accuracies == sorted(accuracies, reverse=True)


def test_nothing_seen_gives_no_number():
    scores = ConfusionMatrix(FACES).scores()
    assert all(math.isnan(level.mean_iou) and math.isnan(level.accuracy) for level in scores)
    assert all(np.isnan(level.iou).all() for level in scores)


def test_groups_are_named_by_their_paths():
    scores = ConfusionMatrix(FACES).scores()
    assert scores[0].groups == ("background", "foreground")
    assert scores[2].groups[2] == "foreground/face/mouth"


@pytest.mark.parametrize(
    ("target", "predicted", "error", "message"),
    [
        (np.zeros(2, int), torch.tensor([0, 0]), TypeError, "target is a torch.Tensor, not ndarray"),
        (torch.tensor([0, 0]), [0, 0], TypeError, "predicted is a torch.Tensor, not list"),
        (
            torch.tensor([0.0, 0.0]),
            torch.tensor([0, 0]),
            ValueError,
            "target holds indices.*not torch.float32",
        ),
        (torch.tensor([0, 0]), torch.zeros(2, 11), ValueError, "predicted holds indices.*not torch.float32"),
        (
            torch.tensor([0, 0]),
            torch.tensor([0]),
            ValueError,
            r"\(2,\) and predicted of shape \(1,\).*argmax\(1\)",
        ),
        (
            torch.tensor([0, 17]),
            torch.tensor([0, 0]),
            ValueError,
            r"1 pixels .*\(0 to 16\).*\(0 to 10\).*label map",
        ),
        (torch.tensor([-1, 17]), torch.tensor([0, 0]), ValueError, "2 pixels"),
        (torch.tensor([0, 0]), torch.tensor([11, -1]), ValueError, "2 pixels"),
    ],
)
def test_what_is_no_index_is_refused_and_counts_nowhere(target, predicted, error, message):
    """A predicted leaf 11 of 11 would be leaf 0 of the next node."""
    matrix = ConfusionMatrix(FACES)
    with pytest.raises(error, match=message):
        matrix.update(target, predicted)
    assert not matrix.counts.any()


def test_where_looking_would_wait_for_the_device_the_scores_say_it(monkeypatch):
    matrix = ConfusionMatrix(FACES)
    monkeypatch.setattr(ConfusionMatrix, "_at_once", False)
    matrix.update(torch.tensor([0, 17, 3]), torch.tensor([0, 0, 11]))
    matrix.update(torch.tensor([1]), torch.tensor([2]))
    assert matrix.counts.sum() == 2
    with pytest.raises(ValueError, match="2 pixels have a target that is no node index"):
        matrix.scores()


def test_an_ignored_pixel_may_have_any_prediction():
    matrix = ConfusionMatrix(FACES)
    matrix.update(torch.tensor([255, 3], dtype=torch.uint8), torch.tensor([99, 3]), ignore_index=255)
    assert matrix.counts.sum() == matrix.counts[3, 3] == 1
