"""The loss with a weighting is the sum that a weighting stands for."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from weighting.trees import TREES, log_p, loss_of, step_weights, trees, way

from hierdsl.loss import (
    HierarchicalCrossEntropyLoss,
    hierarchical_cross_entropy,
    hierarchical_level_losses,
)
from hierdsl.weighting import flat, hxe, level, levels, muller_smith, nodes

EACH = pytest.mark.parametrize("name", TREES)


def pixels(compiled, seed=0, coarse=True, scale=3.0, ignored=True):
    generator = torch.Generator().manual_seed(seed)
    z = scale * torch.randn(2, compiled.num_leaves, 3, 4, generator=generator, dtype=torch.float64)
    top = compiled.num_nodes if coarse else compiled.num_leaves
    target = torch.randint(0, top, (2, 3, 4), generator=generator)
    if ignored:
        target[0, 0, :2] = -100
    return z.requires_grad_(), target


def random_nodes(compiled, seed):
    return nodes(compiled, np.random.default_rng(seed).standard_normal(compiled.num_nodes))


def same(found, expected, z):
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(found, z, retain_graph=True)[0],
        torch.autograd.grad(expected, z, retain_graph=True)[0],
        rtol=1e-10,
        atol=1e-12,
    )


@EACH
@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"label_smoothing": 0.1}])
def test_muller_smith_is_the_loss_without_a_weighting(name, options):
    compiled = TREES[name]
    z, target = pixels(compiled)
    weighted = hierarchical_cross_entropy(z, target, compiled, weighting=muller_smith(compiled), **options)
    same(weighted, hierarchical_cross_entropy(z, target, compiled, **options), z)


@EACH
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_flat_is_the_cross_entropy_of_torch(name, smoothing):
    compiled = TREES[name]
    z, target = pixels(compiled, coarse=False)
    weight = torch.tensor(compiled.leaf_weights)
    found = hierarchical_cross_entropy(
        z, target, compiled, weighting=flat(compiled), label_smoothing=smoothing
    )
    same(found, functional.cross_entropy(z, target, weight, label_smoothing=smoothing), z)
    # a coarse label says nothing about a class
    z, target = pixels(compiled)
    found = hierarchical_cross_entropy(
        z, target, compiled, weighting=flat(compiled), label_smoothing=smoothing
    )
    fine = torch.where(target < compiled.num_leaves, target, -100)
    if (fine >= 0).any():
        same(found, functional.cross_entropy(z, fine, weight, label_smoothing=smoothing), z)


@EACH
def test_one_level_is_the_loss_of_that_level(name):
    compiled = TREES[name]
    z, target = pixels(compiled)
    losses = hierarchical_level_losses(z, target, compiled)
    for i, level_name in enumerate(compiled.level_names):
        for chosen in (level_name, i):
            found = hierarchical_cross_entropy(z, target, compiled, weighting=level(compiled, chosen))
            same(found, losses[i], z)


@EACH
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weights_of_levels_are_the_level_weights(name, smoothing, reduction):
    compiled = TREES[name]
    z, target = pixels(compiled)
    each = np.arange(compiled.num_levels) - 0.5
    options = {"label_smoothing": smoothing, "reduction": reduction}
    found = hierarchical_cross_entropy(z, target, compiled, weighting=levels(compiled, each), **options)
    same(found, hierarchical_cross_entropy(z, target, compiled, level_weights=each, **options), z)


@settings(max_examples=60)
@given(trees, st.integers(0, 2**32 - 1), st.sampled_from([1.0, 30.0, 1e3, 1e4]))
def test_the_loss_of_each_pixel_is_the_sum_that_a_weighting_stands_for(compiled, seed, scale):
    z, target = pixels(compiled, seed % 1000, scale=scale)
    weighting = random_nodes(compiled, seed)
    found = hierarchical_cross_entropy(
        z, target, compiled, weighting=weighting, reduction="none", weight=[1.0] * compiled.num_leaves
    )
    rows = z.detach().movedim(1, -1).reshape(-1, compiled.num_leaves).numpy()
    expected = [
        0.0 if y < 0 else float(loss_of(weighting, compiled, row, y))
        for row, y in zip(rows, target.flatten().tolist(), strict=True)
    ]
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-11, abs=1e-10 * scale)


@EACH
@pytest.mark.parametrize("scale", [3.0, 1e3, 1e4])
@pytest.mark.parametrize("measure", ["height", "depth"])
def test_hxe_is_the_sum_over_steps_of_conditional_cross_entropies(name, scale, measure):
    compiled = TREES[name]
    z, target = pixels(compiled, coarse=False, scale=scale, ignored=False)
    weighting = hxe(compiled, 0.4, measure)
    edge = step_weights(compiled, 0.4, measure)
    rows = z.detach().movedim(1, -1).reshape(-1, compiled.num_leaves).numpy()
    total = 0.0
    for row, y in zip(rows, target.flatten().tolist(), strict=True):
        above = None
        for node in way(compiled, y):
            total -= edge[node] * float(log_p(compiled, row, node) - log_p(compiled, row, above))
            above = node
    found = hierarchical_cross_entropy(
        z, target, compiled, weighting=weighting, weight=[1.0] * compiled.num_leaves
    )
    assert found.item() == pytest.approx(total / len(rows), rel=1e-10)
    assert torch.isfinite(torch.autograd.grad(found, z)[0]).all()


@EACH
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_each_level_is_divided_by_its_own_pixels_and_smoothed_over_its_own_groups(name, smoothing):
    compiled = TREES[name]
    z, target = pixels(compiled)
    weighting = random_nodes(compiled, 7)
    found = hierarchical_cross_entropy(z, target, compiled, weighting=weighting, label_smoothing=smoothing)
    leaf = compiled.leaf_weights
    rows = z.detach().movedim(1, -1).reshape(-1, compiled.num_leaves).numpy()
    total = 0.0
    for i, group_nodes in enumerate(compiled.group_nodes):
        members = [
            np.flatnonzero(compiled.group[i, : compiled.num_leaves] == g) for g in range(len(group_nodes))
        ]
        loss, norm = 0.0, 0.0
        for row, y in zip(rows, target.flatten().tolist(), strict=True):
            if y < 0 or compiled.group[i, y] < 0:
                continue
            minus_log_p = np.array([-float(log_p(compiled, row, int(v))) for v in group_nodes])
            factor = weighting.factors[i, group_nodes]
            pixel = np.mean([leaf[c] for c in range(compiled.num_leaves) if y in way(compiled, c)])
            g = compiled.group[i, y]
            even = np.mean(factor * [leaf[m].mean() for m in members] * minus_log_p)
            loss += (1 - smoothing) * pixel * factor[g] * minus_log_p[g] + smoothing * even
            norm += pixel
        total += loss / norm if norm else 0.0
    assert found.item() == pytest.approx(total, rel=1e-10, abs=1e-12)


def test_a_batch_of_ignored_pixels_has_loss_0_and_gradient_0():
    compiled = TREES["uneven siblings"]
    z, target = pixels(compiled)
    value = hierarchical_cross_entropy(z, torch.full_like(target, -100), compiled, weighting=hxe(compiled, 1))
    value.backward()
    assert value.item() == 0
    assert not z.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_is_reduced_in_float32(dtype):
    compiled = TREES["uneven siblings"]
    z, target = pixels(compiled)
    found = hierarchical_cross_entropy(z.to(dtype), target, compiled, weighting=hxe(compiled, 0.1))
    assert found.dtype == torch.float32
    exact = hierarchical_cross_entropy(z.to(dtype).double(), target, compiled, weighting=hxe(compiled, 0.1))
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)


def test_the_module_takes_a_weighting_or_a_tensor_and_follows_it():
    compiled = TREES["uneven siblings"]
    z, target = pixels(compiled)
    weighting = hxe(compiled, 0.1)
    expected = hierarchical_cross_entropy(z, target, compiled, weighting=weighting)
    module = HierarchicalCrossEntropyLoss(compiled, weighting=weighting)
    torch.testing.assert_close(module(z, target), expected)
    factors = torch.tensor(weighting.factors)
    torch.testing.assert_close(HierarchicalCrossEntropyLoss(compiled, weighting=factors)(z, target), expected)
    torch.testing.assert_close(hierarchical_cross_entropy(z, target, compiled, weighting=factors), expected)
    assert not module.state_dict()
    module.weighting.copy_(torch.tensor(muller_smith(compiled).factors))
    torch.testing.assert_close(module(z, target), hierarchical_cross_entropy(z, target, compiled))
    torch.testing.assert_close(module.level_losses(z, target), hierarchical_level_losses(z, target, compiled))


def test_a_weighting_excludes_level_weights():
    compiled = TREES["flat"]
    z, target = pixels(compiled)
    both = {"weighting": flat(compiled), "level_weights": [1.0]}
    with pytest.raises(ValueError, match="level_weights and weighting exclude each other"):
        hierarchical_cross_entropy(z, target, compiled, **both)
    with pytest.raises(ValueError, match="level_weights and weighting exclude each other"):
        HierarchicalCrossEntropyLoss(compiled, **both)


def test_a_weighting_of_another_hierarchy_does_not_fit():
    compiled = TREES["flat"]
    z, target = pixels(compiled)
    with pytest.raises(
        ValueError, match=r"factors of shape \(3, 17\); the hierarchy has 1 levels and 3 nodes"
    ):
        hierarchical_cross_entropy(z, target, compiled, weighting=flat(TREES["camvid"]))
