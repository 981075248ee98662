"""Schedules: where they start and end, that nothing jumps, and that no weight is lost on the way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighting.trees import TREES, logits, loss_of, trees

from hierdsl.weighting import (
    coarse_to_fine,
    conditional,
    constant,
    fine_to_coarse,
    flat,
    hxe,
    level,
    levels,
    muller_smith,
    nodes,
    unbounded_targets,
)

BOTH = pytest.mark.parametrize("make", [coarse_to_fine, fine_to_coarse])
EACH = pytest.mark.parametrize("name", TREES)
TIMES = np.linspace(0, 1, 41)


def along(weighting, compiled, leaf):
    """The factors on the way to a leaf, coarse to fine, (D,)."""
    return np.array(
        [weighting.factors[i, v[compiled.group[i, leaf]]] for i, v in enumerate(compiled.group_nodes)]
    )


@EACH
@BOTH
def test_it_ends_with_the_preset_and_starts_with_one_level_alone(name, make):
    compiled = TREES[name]
    total = compiled.level_weights.sum()
    schedule = make(muller_smith(compiled), compiled)
    assert np.array_equal(schedule(1).factors, muller_smith(compiled).factors)
    start = schedule(0).level_weights(compiled)
    only = 0 if make is coarse_to_fine else compiled.num_levels - 1
    assert start.tolist() == pytest.approx([total if i == only else 0 for i in range(compiled.num_levels)])


@settings(max_examples=60)
@given(
    trees,
    st.sampled_from([muller_smith, flat, lambda c: hxe(c, 0.3), lambda c: hxe(c, 0.3, "depth")]),
    st.sampled_from([coarse_to_fine, fine_to_coarse]),
    st.floats(0, 1),
)
def test_no_leaf_loses_or_gains_weight(compiled, preset, make, progress):
    weighting = preset(compiled)
    now = make(weighting, compiled)(progress)
    for leaf in range(compiled.num_leaves):
        assert along(now, compiled, leaf).sum() == pytest.approx(along(weighting, compiled, leaf).sum())
    for i, group_nodes in enumerate(compiled.group_nodes):
        assert not np.delete(now.factors[i], group_nodes).any()


@settings(max_examples=40)
@given(trees, st.integers(0, 2**32 - 1))
def test_of_any_weights_it_is_the_mean_over_the_classes_that_stays(compiled, seed):
    weighting = nodes(compiled, np.random.default_rng(seed).standard_normal(compiled.num_nodes))
    schedule = coarse_to_fine(weighting, compiled)
    means = [
        np.mean([along(schedule(t), compiled, leaf).sum() for leaf in range(compiled.num_leaves)])
        for t in (0, 0.3, 0.8, 1)
    ]
    assert means == pytest.approx([means[-1]] * 4)


@EACH
@BOTH
def test_nothing_jumps(name, make):
    compiled = TREES[name]
    weighting = hxe(compiled, 0.3)
    schedule = make(weighting, compiled)
    steep = 3 * (compiled.num_levels + 1) * max(np.abs(schedule.alone).max(), np.abs(weighting.factors).max())
    for a, b in pairwise(TIMES):
        assert np.abs(schedule(b).factors - schedule(a).factors).max() <= steep * (b - a) + 1e-12
    for turn in schedule.turns:
        for near in (max(turn - 1e-9, 0), min(turn + 1e-9, 1)):
            assert schedule(near).factors == pytest.approx(schedule(turn).factors, abs=1e-7)


@EACH
def test_weight_moves_one_way(name):
    """Of weights of 0 or more, what lies at a level and the coarser ones falls with coarse_to_fine, and rises else."""
    compiled = TREES[name]
    weighting = levels(compiled, np.arange(compiled.num_levels) + 1)
    for make, sign in ((coarse_to_fine, -1), (fine_to_coarse, 1)):
        schedule = make(weighting, compiled)
        coarser = np.array([schedule(t).level_weights(compiled).cumsum() for t in TIMES])
        assert (sign * np.diff(coarser, axis=0) >= -1e-12).all()


@EACH
def test_hxe_is_at_each_turn_that_of_the_tree_that_ends_there(name):
    compiled = TREES[name]
    weighting = hxe(compiled, 0.3)
    whole = conditional(weighting, compiled)
    schedule = coarse_to_fine(weighting, compiled)
    for k, turn in enumerate(schedule.turns):
        steps = conditional(schedule(turn), compiled)
        for node in range(compiled.num_nodes):
            first = next(i for i, group_nodes in enumerate(compiled.group_nodes) if node in group_nodes)
            if first <= k:
                assert steps[node] == pytest.approx(whole[node])
            else:
                assert steps[node] == pytest.approx(0)


@EACH
@BOTH
def test_the_loss_of_a_class_has_a_floor_all_the_time(name, make):
    compiled = TREES[name]
    schedule = make(hxe(compiled, 0.5, "depth"), compiled)
    for t in TIMES:
        assert not unbounded_targets(schedule(t), compiled).any()


def test_the_tables_of_the_docstrings():
    compiled = TREES["camvid"]
    times = (0, 0.25, 0.5, 0.75, 1)
    table = [
        [schedule(t).level_weights(compiled).tolist() for t in times]
        for schedule in (make(muller_smith(compiled), compiled) for make in (coarse_to_fine, fine_to_coarse))
    ]
    assert table == [
        [[3, 0, 0], [2, 1, 0], [1, 2, 0], [1, 1.5, 0.5], [1, 1, 1]],
        [[0, 0, 3], [0, 1, 2], [0, 2, 1], [0.5, 1.5, 1], [1, 1, 1]],
    ]


def test_a_schedule_to_the_classes_visits_every_level():
    compiled = TREES["camvid"]
    schedule = coarse_to_fine(flat(compiled), compiled)
    found = [schedule(t).level_weights(compiled).tolist() for t in (0, 0.25, 0.5, 1)]
    assert found == [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]]


@BOTH
def test_one_level_has_nothing_to_change(make):
    compiled = TREES["flat"]
    schedule = make(muller_smith(compiled), compiled)
    assert schedule.constant
    assert schedule.turns == (0.0,)
    assert np.array_equal(schedule(0.3).factors, muller_smith(compiled).factors)


def test_a_constant_schedule_stays():
    compiled = TREES["camvid"]
    schedule = constant(level(compiled, "kind"))
    assert schedule.name == "level(kind)"
    assert schedule(0) is schedule(1) is schedule.preset


@pytest.mark.parametrize("progress", [-1e-9, 1.1, float("nan")])
@BOTH
def test_progress_is_between_0_and_1(make, progress):
    compiled = TREES["camvid"]
    with pytest.raises(ValueError, match="progress is between 0 and 1"):
        make(flat(compiled), compiled)(progress)


def test_the_loss_moves_with_the_factors():
    compiled = TREES["uneven siblings"]
    schedule, z = coarse_to_fine(muller_smith(compiled), compiled), logits(compiled, 3)
    for y in range(compiled.num_leaves):
        losses = [float(loss_of(schedule(t), compiled, z, y)) for t in TIMES]
        assert losses == pytest.approx(sorted(losses))  # finer nodes are never more probable
