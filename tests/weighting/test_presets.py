"""Each preset against numbers that are worked out another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighting.trees import TREES, compiled_of, log_p, logits, loss_of, step_weights, trees, way

from hierdsl.weighting import (
    Weighting,
    conditional,
    conditional_range,
    flat,
    hxe,
    level,
    levels,
    muller_smith,
    nodes,
    unbounded_targets,
)

EACH = pytest.mark.parametrize("name", TREES)
ALPHAS = st.floats(0, 3)


def presets(compiled):
    yield muller_smith(compiled)
    yield flat(compiled)
    yield from (hxe(compiled, alpha, m) for alpha in (0, 0.1, 2.5) for m in ("height", "depth"))
    yield from (level(compiled, i) for i in range(compiled.num_levels))
    yield levels(compiled, np.arange(compiled.num_levels) - 0.5)
    yield nodes(compiled, np.arange(compiled.num_nodes) - 1.5)


@EACH
def test_factors_are_0_outside_the_cuts_and_read_only(name):
    compiled = TREES[name]
    for weighting in presets(compiled):
        assert weighting.factors.shape == (compiled.num_levels, compiled.num_nodes)
        assert weighting.factors.dtype == np.float64
        assert not weighting.factors.flags.writeable
        for i, group_nodes in enumerate(compiled.group_nodes):
            outside = np.setdiff1d(np.arange(compiled.num_nodes), group_nodes)
            assert not weighting.factors[i, outside].any()


@EACH
def test_the_weights_of_levels_come_back(name):
    compiled = TREES[name]
    each = np.arange(compiled.num_levels) - 0.5
    assert levels(compiled, each).level_weights(compiled).tolist() == each.tolist()
    assert muller_smith(compiled).level_weights(compiled).tolist() == compiled.level_weights.tolist()
    finest = [0.0] * (compiled.num_levels - 1) + [1.0]
    assert flat(compiled).level_weights(compiled).tolist() == finest
    assert level(compiled, compiled.num_levels - 1).level_weights(compiled).tolist() == finest


def test_the_weights_of_levels_are_none_where_a_cut_has_two_factors():
    compiled = TREES["a leaf under the root"]
    assert hxe(compiled, 0.1).level_weights(compiled) is None
    assert nodes(compiled, {"sky": 1}).level_weights(compiled) is None
    even = TREES["flat"]
    assert hxe(even, 0.1).level_weights(even).tolist() == [1.0]


@settings(max_examples=80)
@given(trees, st.integers(0, 2**32 - 1))
def test_a_node_has_its_weight_once_at_the_first_cut_that_it_is_in(compiled, seed):
    weights = np.random.default_rng(seed).standard_normal(compiled.num_nodes)
    weighting = nodes(compiled, weights)
    assert np.array_equal(weighting.factors.sum(axis=0), weights)
    for node in range(compiled.num_nodes):
        cuts = [i for i, group_nodes in enumerate(compiled.group_nodes) if node in group_nodes]
        assert cuts == list(range(cuts[0], cuts[-1] + 1))
        assert weighting.factors[cuts[0], node] == weights[node]
        assert not np.delete(weighting.factors[:, node], cuts[0]).any()
        parent = compiled.parent[node]
        if parent >= 0:  # the first cut is the one behind the last one that has the parent
            above = [i for i, group_nodes in enumerate(compiled.group_nodes) if parent in group_nodes]
            assert cuts[0] == above[-1] + 1
        else:
            assert cuts[0] == 0
    assert np.array_equal(
        nodes(compiled, dict(zip(compiled.paths, weights, strict=True))).factors, weighting.factors
    )


@settings(max_examples=150)
@given(
    trees,
    ALPHAS,
    st.sampled_from(["height", "depth"]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 30, 1e3, 1e4]),
)
def test_hxe_is_the_sum_of_the_conditional_cross_entropies(compiled, alpha, measure, seed, scale):
    weighting, z = hxe(compiled, alpha, measure), logits(compiled, seed, scale)
    edge = step_weights(compiled, alpha, measure)
    for leaf in {0, compiled.num_leaves // 2, compiled.num_leaves - 1}:
        expected, above = np.longdouble(0), None
        for node in way(compiled, leaf):
            expected -= edge[node] * (log_p(compiled, z, node) - log_p(compiled, z, above))
            above = node
        assert float(loss_of(weighting, compiled, z, leaf)) == pytest.approx(
            float(expected), rel=1e-11, abs=1e-11
        )


@EACH
def test_the_height_of_hxe_is_that_of_the_tables_where_siblings_are_equally_high(name):
    compiled = TREES[name]
    found = conditional(hxe(compiled, 0.3), compiled)
    for node in range(compiled.num_nodes):
        siblings = np.flatnonzero(compiled.parent == compiled.parent[node])
        if compiled.parent[node] < 0 or len(set(compiled.height[siblings])) == 1:
            assert found[node] == pytest.approx(np.exp(-0.3 * compiled.height[node]))
    assert conditional(hxe(compiled, 0.3, "depth"), compiled) == pytest.approx(np.exp(-0.3 * compiled.depth))


@EACH
def test_hxe_of_alpha_0_is_the_cross_entropy_of_the_classes(name):
    compiled = TREES[name]
    for measure in ("height", "depth"):
        assert (
            hxe(compiled, 0, measure).factors.sum(axis=0).tolist()
            == flat(compiled).factors.sum(axis=0).tolist()
        )


@EACH
def test_a_great_alpha_leaves_the_last_steps_or_none(name):
    compiled = TREES[name]
    found = conditional(hxe(compiled, 1e308), compiled)
    assert set(found.tolist()) <= {0.0, 1.0}
    assert not hxe(compiled, 1e308, "depth").factors.any()


@EACH
def test_only_the_height_makes_negative_factors(name):
    compiled = TREES[name]
    inner = compiled.height > 0
    assert (hxe(compiled, 0.2, "depth").factors >= 0).all()
    assert (hxe(compiled, 0.2).factors.sum(axis=0)[compiled.height == 1] < 0).all()
    assert (hxe(compiled, 0.2).factors.sum(axis=0)[~inner] > 0).all()


# the edges


@settings(max_examples=120)
@given(trees, st.integers(0, 2**32 - 1), st.booleans())
def test_lambda_is_the_sum_of_the_factors_at_a_node_and_deeper(compiled, seed, whole):
    rng = np.random.default_rng(seed)
    weights = rng.integers(-2, 3, compiled.num_nodes) if whole else rng.standard_normal(compiled.num_nodes)
    weighting = nodes(compiled, weights.astype(float))
    of_leaf = {}
    for leaf in range(compiled.num_leaves):
        down = way(compiled, leaf)
        for i, node in enumerate(down):
            of_leaf.setdefault(node, []).append(sum(weights[v] for v in down[i:]))
    lowest, highest = conditional_range(weighting, compiled)
    found = conditional(weighting, compiled)
    for node, sums in of_leaf.items():
        assert (lowest[node], highest[node]) == pytest.approx((min(sums), max(sums)))
        if whole:
            agree = len(set(sums)) == 1
            assert np.isnan(found[node]) != agree
            assert not agree or found[node] == sums[0]


@EACH
def test_the_step_into_a_node_counts_at_all_levels_that_are_not_coarser(name):
    compiled = TREES[name]
    steps = conditional(muller_smith(compiled), compiled)
    for node in range(compiled.num_nodes):
        first = next(i for i, group_nodes in enumerate(compiled.group_nodes) if node in group_nodes)
        assert steps[node] == pytest.approx(compiled.level_weights[first:].sum())
    assert conditional(flat(compiled), compiled).tolist() == [1.0] * compiled.num_nodes


@settings(max_examples=60)
@given(trees, st.integers(0, 2**32 - 1))
def test_a_target_is_unbounded_where_a_step_on_its_way_has_a_negative_weight(compiled, seed):
    weighting = nodes(compiled, np.random.default_rng(seed).integers(-2, 3, compiled.num_nodes).astype(float))
    sizes = np.zeros(compiled.num_nodes, dtype=int)
    for leaf in range(compiled.num_leaves):
        sizes[way(compiled, leaf)] += 1
    weights = weighting.factors.sum(axis=0)
    expected = []
    for node in range(compiled.num_nodes):
        down = way(compiled, node)
        above = [compiled.num_leaves, *sizes[down[:-1]]]
        expected.append(
            any(sizes[v] < above[i] and sum(weights[u] for u in down[i:]) < 0 for i, v in enumerate(down))
        )
    assert unbounded_targets(weighting, compiled).tolist() == expected


@EACH
def test_classes_are_never_unbounded_with_hxe_nor_anything_with_factors_of_0_or_more(name):
    compiled = TREES[name]
    assert not unbounded_targets(hxe(compiled, 0.7), compiled)[: compiled.num_leaves].any()
    for weighting in (hxe(compiled, 0.7, "depth"), flat(compiled), level(compiled, 0)):
        assert not unbounded_targets(weighting, compiled).any()


def test_the_loss_of_an_unbounded_target_falls_without_end():
    compiled = TREES["a leaf under the root"]
    weighting, node = hxe(compiled, 0.1), compiled.names.index("flat")
    losses = [loss_of(weighting, compiled, np.array([gap, 0.0, 0.0]), node) for gap in (0, 10, 100, 1000)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < -90


# what does not fit


def test_a_weighting_has_finite_factors_on_two_axes():
    with pytest.raises(ValueError, match=r"shape \(levels, nodes\), not \(3,\)"):
        Weighting("x", np.zeros(3))
    with pytest.raises(ValueError, match="'x' has factors that are no finite numbers"):
        Weighting("x", np.array([[0.0, np.nan]]))


def test_a_weighting_keeps_its_own_copy():
    factors = np.zeros((1, 2))
    weighting = Weighting("x", factors)
    factors[0, 0] = 1
    assert not weighting.factors.any()


CAMVID = TREES["camvid"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hxe(CAMVID, -0.1), "alpha of hxe is a number, 0 or more, not -0.1"),
        (lambda: hxe(CAMVID, float("inf")), "alpha of hxe is a number, 0 or more, not inf"),
        (lambda: hxe(CAMVID, 1, "width"), "hxe measures height or depth, not 'width'"),
        (
            lambda: level(CAMVID, "knid"),
            "there is no level 'knid'; did you mean 'kind'? The levels are: region, kind, class",
        ),
        (lambda: level(CAMVID, 3), "there is no level '3'; the levels are: region, kind, class"),
        (lambda: level(CAMVID, -1), "there is no level '-1'; the levels are: region, kind, class"),
        (lambda: levels(CAMVID, [1, 2]), "2 weights for 3 levels; give one each for region, kind, class"),
        (lambda: levels(CAMVID, [1, 2, np.nan]), "the weight of a level is a finite number: 1,2,nan"),
        (lambda: nodes(CAMVID, [1, 2]), "2 weights for 17 nodes"),
        (lambda: nodes(CAMVID, {"sky": np.inf}), "the weight of 'sky' is no finite number"),
        (lambda: nodes(CAMVID, {"skye": 1}), "there is no node 'skye'; did you mean 'sky'?"),
        (lambda: nodes(CAMVID, {"zzz": 1}), "there is no node 'zzz'"),
    ],
)
def test_what_does_not_fit_is_said_with_its_mend(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_a_level_is_found_by_its_name_before_its_number():
    compiled = compiled_of('levels\n    "1"\n    "0"\ntree\n    a\n        b\n    c\n')
    assert level(compiled, "1").level_weights(compiled).tolist() == [1, 0]
    assert level(compiled, 1).level_weights(compiled).tolist() == [0, 1]
