"""The fused loss against the plain reference: every option, layout and type, and any tree."""

import itertools
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from loss.trees import (
    CHAIN,
    FACES,
    PERMUTED,
    PINNED,
    STREET,
    WIDE,
    broad_of,
    compiled_of,
    flat_of,
    nested_of,
    pixels,
    random_tree,
)
from numba import njit
from numba.core.caching import CacheImpl

import hierdsl
from hierdsl.loss import hierarchical_cross_entropy, hierarchical_level_losses
from hierdsl.loss.cpu import arithmetic, even_rows, lanes, rows, threads
from hierdsl.loss.cpu import compiled as compilation
from hierdsl.loss.cpu import engine as of_cpu
from hierdsl.loss.cpu.lanes import LANES
from hierdsl.loss.cpu.terms import count
from hierdsl.loss.cpu.threads import lent, part, share, take
from hierdsl.loss.shape import shape_of, tree_of, without_chains
from hierdsl.weighting import hxe

IGNORE = -100
TREES = {
    "helen": FACES,
    "street": STREET,
    "permuted": PERMUTED,
    "chain": CHAIN,
    "pinned": PINNED,
    "permuted chains": compiled_of(
        "hierarchy permuted\n    channels labels\ntree\n    a\n        b\n            c = 3\n        d = 0\n"
        "    e\n        f\n            g = 1\n            h = 4\n    i = 2\n"
    ),
}
SMOOTHINGS = [(0.0, "uniform"), (0.1, "uniform"), (0.1, "siblings"), (1.0, "siblings")]


def both(logits, target, compiled, **options):
    """Loss, level losses and gradient of the fused form and of the reference in float64."""
    found = []
    for engine, values in (("fused", logits), ("reference", logits.double())):
        z = values.detach().clone().requires_grad_()
        loss, levels = hierarchical_cross_entropy(
            z, target, compiled, engine=engine, return_levels=True, **options
        )
        (loss.double() * spread_of(loss)).sum().backward()
        found.append((loss.detach().double(), levels.double(), z.grad.double()))
    return found


def spread_of(loss):
    """Another factor for each pixel's loss, so that what is upstream counts."""
    return torch.linspace(0.5, 1.5, loss.numel(), dtype=torch.float64).view(loss.shape)


def assert_equal(logits, target, compiled, rtol=1e-12, atol=1e-13, **options):
    fused, plain = both(logits, target, compiled, **options)
    for mine, theirs in zip(fused, plain, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize("layout", ["columns", "rows", "slabs"])
@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("focal_gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("label_smoothing", "smoothing"), SMOOTHINGS)
def test_equals_the_reference(layout, tree, focal_gamma, label_smoothing, smoothing):
    compiled = TREES[tree]
    logits, target = pixels(compiled, (2, 5, 3), scale=3.0)
    target[0, 0] = IGNORE
    if layout == "rows":
        logits = logits.contiguous(memory_format=torch.channels_last)
    elif layout == "slabs":
        logits = logits.repeat_interleave(2, dim=3)[..., ::2]
    weight = torch.rand(compiled.num_leaves, dtype=torch.float64) + 0.1
    options = {"focal_gamma": focal_gamma, "label_smoothing": label_smoothing, "smoothing": smoothing}
    for reduction, weighting in itertools.product(("mean", "sum", "none"), (None, hxe(compiled, 0.3))):
        chosen = options | {"reduction": reduction, "weighting": weighting, "weight": weight}
        assert_equal(logits, target, compiled, **chosen)
    assert_equal(logits, target, compiled, **options)


@pytest.mark.parametrize("tree", [STREET, nested_of(31, 5), PINNED], ids=["street", "nested", "pinned"])
@pytest.mark.parametrize(("label_smoothing", "smoothing"), SMOOTHINGS)
@pytest.mark.parametrize("focal_gamma", [0.0, 2.0])
def test_targets_that_are_all_leaves(tree, focal_gamma, label_smoothing, smoothing):
    """Much is then the same for all of them, but not for pixels that count nowhere."""
    logits, target = pixels(tree, (2, 5, 3), scale=3.0, coarse=False)
    target[1, 2:4] = IGNORE
    options = {"focal_gamma": focal_gamma, "label_smoothing": label_smoothing, "smoothing": smoothing}
    assert_equal(logits, target, tree, **options)
    _, _, gradient = both(logits, target, tree, **options)[0]
    assert (gradient.movedim(1, -1)[target == IGNORE] == 0).all()


@settings(max_examples=60, deadline=None)
@given(
    tree=random_tree(),
    seed=st.integers(0, 2**20),
    scale=st.sampled_from([0.0, 1.0, 30.0]),
    coarse=st.booleans(),
    smoothing=st.sampled_from(SMOOTHINGS),
    focal_gamma=st.sampled_from([0.0, 1.0, 1.5, 3.0, 5.0, 6.0]),
    rows=st.booleans(),
)
def test_any_tree(tree, seed, scale, coarse, smoothing, focal_gamma, rows):
    compiled = compiled_of(tree)
    logits, target = pixels(compiled, (7,) if rows else (2, 3), seed=seed, scale=scale, coarse=coarse)
    target[0] = IGNORE
    share, kind = smoothing
    assert_equal(
        logits, target, compiled, label_smoothing=share, smoothing=kind, focal_gamma=focal_gamma, atol=1e-11
    )


@pytest.mark.parametrize(("leaves", "levels"), list(itertools.product([1, 2, 3, 31, 64, 257], [1, 2, 3, 5])))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_sizes_types_and_layouts(leaves, levels, dtype):
    compiled = nested_of(leaves, levels)
    logits, target = pixels(compiled, (3, 5, 7), seed=leaves, scale=4.0, dtype=dtype)
    target[1] = IGNORE  # an image without a label
    target[0, 2] = IGNORE
    precision = torch.finfo(dtype).eps
    for layout in (torch.contiguous_format, torch.channels_last):
        z = logits.contiguous(memory_format=layout).clone(memory_format=layout)
        fused, plain = both(z, target, compiled)
        torch.testing.assert_close(fused[0], plain[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(fused[1], plain[1], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(fused[2], plain[2], rtol=4 * precision, atol=1e-2 * precision + 1e-8)
        assert (fused[2][1] == 0).all()
    rows, of_rows = logits.movedim(1, -1).reshape(-1, leaves), target.reshape(-1)
    fused, plain = both(rows, of_rows, compiled)
    torch.testing.assert_close(fused[0], plain[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(fused[2], plain[2], rtol=4 * precision, atol=1e-2 * precision + 1e-8)


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0, 1e4])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("smoothing", SMOOTHINGS[:3])
@pytest.mark.parametrize("name", ["helen", "vistas"])
def test_exact_at_any_confidence(name, smoothing, rows, scale):
    compiled = hierdsl.compile_hierarchy(hierdsl.load(name))
    logits, target = pixels(compiled, (400,) if rows else (2, 20, 10), scale=scale, dtype=torch.float32)
    target.view(-1)[::7] = IGNORE
    fused, plain = both(logits, target, compiled, label_smoothing=smoothing[0], smoothing=smoothing[1])
    assert (fused[2].movedim(1, -1)[target == IGNORE] == 0).all()
    torch.testing.assert_close(fused[0], plain[0], rtol=1e-6, atol=0)
    torch.testing.assert_close(fused[1], plain[1], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(fused[2], plain[2], rtol=1e-4, atol=2e-6 * float(plain[2].abs().max()))


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-11), (torch.float32, 3e-6)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [1, 45, 301])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize(
    "compiled", [broad_of(300, 4), broad_of(300, 4, chains=True), WIDE], ids=["broad", "chains", "wide"]
)
def test_rows_of_a_broad_tree(compiled, smoothing, rows, weighted, dtype, rtol):
    """Hundreds of inner nodes, many of one factor without class weights, each of its own with them."""
    logits, target = pixels(compiled, (rows,), seed=rows, scale=5.0, dtype=dtype)
    options = {"label_smoothing": smoothing[0], "smoothing": smoothing[1], "reduction": "sum"}
    if weighted:
        options["weight"] = torch.rand(compiled.num_leaves, generator=torch.Generator().manual_seed(1)) + 0.1
    target[5:9] = IGNORE
    if rows > 30:
        logits[30] *= 40  # sums that underflow
    assert_equal(logits, target, compiled, rtol=rtol, atol=rtol, **options)


@pytest.mark.parametrize("scale", [1, 8])
@pytest.mark.parametrize("name", ["helen", "vistas"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_the_papers_own_figures(shared, name, scale, dtype):
    oracle = np.load(shared / "oracle" / f"{name}_scale{scale}.npz")
    compiled = hierdsl.compile_hierarchy(hierdsl.load(name))
    logits = torch.tensor(oracle["logits"], dtype=dtype, requires_grad=True)
    loss, levels = hierarchical_cross_entropy(
        logits, torch.tensor(oracle["target"]), compiled, engine="fused", return_levels=True
    )
    loss.backward()
    rtol = 1e-12 if dtype == torch.float64 else 1e-5
    np.testing.assert_allclose(loss.item(), oracle["total"], rtol=rtol)
    np.testing.assert_allclose(levels.numpy()[::-1], oracle["level_losses_fine_to_coarse"], rtol=rtol)
    np.testing.assert_allclose(
        logits.grad, oracle["grad"], rtol=rtol, atol=rtol * np.abs(oracle["grad"]).max()
    )


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("channel", [3, 10])
@pytest.mark.parametrize("smoothing", SMOOTHINGS[:3])
def test_what_is_no_number_shows_where_it_counts_and_nowhere_else(rows, value, channel, smoothing):
    logits, target = pixels(FACES, (6,) if rows else (1, 6))
    flat = target.view(-1)
    flat[0] = IGNORE
    view = logits.view(6, 11) if rows else logits[0].T
    view[0, channel] = value
    for spoilt in (False, True):
        if spoilt:
            view[1, channel] = value
        z = logits.clone().requires_grad_()
        loss, levels = hierarchical_cross_entropy(
            z,
            target,
            FACES,
            engine="fused",
            return_levels=True,
            label_smoothing=smoothing[0],
            smoothing=smoothing[1],
        )
        loss.backward()
        gradient = z.grad.view(6, 11) if rows else z.grad[0].T
        assert (gradient[0] == 0).all()
        assert gradient[2:].isfinite().all()
        assert loss.isnan() == spoilt
        assert gradient[1].isnan().all() == spoilt
        assert levels[0].isnan() == spoilt


@pytest.mark.parametrize("focal_gamma", [0.1, 0.5, 1.5])
@pytest.mark.parametrize(("label_smoothing", "smoothing"), SMOOTHINGS[:3])
@pytest.mark.parametrize("rows", [False, True])
def test_a_focal_power_below_1_where_the_network_is_sure(rows, label_smoothing, smoothing, focal_gamma):
    """Near p = 1 its slope is without bound, and what rounding makes of 1 - p must not be taken for it."""
    logits = 10 * torch.randn(4000, 11, generator=torch.Generator().manual_seed(0))
    target = torch.randint(17, (4000,), generator=torch.Generator().manual_seed(1))
    if not rows:
        logits, target = logits.T.reshape(1, 11, 4000), target.view(1, 4000)
    options = {"focal_gamma": focal_gamma, "label_smoothing": label_smoothing, "smoothing": smoothing}
    assert_equal(logits, target, FACES, rtol=1e-5, atol=2e-5, reduction="sum", **options)


def test_siblings_whose_factors_cancel_count_all_the_same():
    compiled = compiled_of("tree\n    a\n        x\n        y\n    b\n")
    factors = torch.ones(compiled.num_levels, compiled.num_nodes)
    factors[1, compiled.names.index("x")] = -1
    logits, target = pixels(compiled, (3, 4))
    options = {"weighting": factors, "label_smoothing": 0.2, "smoothing": "siblings"}
    assert_equal(logits, target, compiled, **options)
    assert_equal(logits.movedim(1, -1).reshape(-1, 3), target.reshape(-1), compiled, **options)


def test_a_masked_class_has_no_probability():
    logits, target = pixels(FACES, (4, 3), coarse=False)
    target[target == 3] = 4
    logits[:, 3] = -torch.inf
    assert_equal(logits, target, FACES)
    assert_equal(logits.movedim(1, -1).reshape(-1, 11), target.view(-1), FACES)


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("rows", [1, 9, 1000])
@pytest.mark.parametrize(("label_smoothing", "smoothing"), SMOOTHINGS[:3])
def test_a_factor_of_0_silences_a_target_that_is_masked(rows, images, label_smoothing, smoothing):
    """Leaves at the end of a chain, and others; the level above still counts."""
    compiled = compiled_of("tree\n    a\n        b\n            c\n        d\n    e\n        f\n        g\n")
    weights = [1.0, 0.0, 0.0]
    logits, _ = pixels(compiled, (rows,))
    for masked in (0, 1, 2):
        target = torch.full((rows,), masked)
        z = logits.clone()
        z[:, masked] = -torch.inf
        if images:
            z, target = z.T.contiguous()[None], target[None]
        z.requires_grad_()
        loss = hierarchical_cross_entropy(
            z, target, compiled, level_weights=weights, label_smoothing=label_smoothing, smoothing=smoothing
        )
        loss.backward()
        assert loss.isfinite()
        assert z.grad.isfinite().all()
        assert (z.grad[:, masked] == 0).all()


@pytest.mark.parametrize("smoothing", SMOOTHINGS[:3])
@pytest.mark.parametrize("rows", [False, True])
def test_the_number_of_threads_changes_nothing(rows, smoothing):
    logits, target = pixels(FACES, (4, 70, 130), dtype=torch.float32)
    if rows:
        logits, target = logits.movedim(1, -1).reshape(-1, 11), target.view(-1)
    found, threads = [], torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            z = logits.clone().requires_grad_()
            options = {"label_smoothing": smoothing[0], "smoothing": smoothing[1], "return_levels": True}
            loss, levels = hierarchical_cross_entropy(z, target, FACES, engine="fused", **options)
            loss.backward()
            found.append((loss, levels, z.grad))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(*pair) for pair in zip(found[0], other, strict=True))


def test_tiles_cover_every_pixel():
    """Sizes around those of a tile and of a slab."""
    for size in (1, 15, 16, 17, 1023, 1024, 1025, 2049):
        logits, target = pixels(FACES, (2, size), seed=size)
        assert_equal(logits, target, FACES, reduction="none")
    for dtype in (torch.bfloat16,):
        logits, target = pixels(FACES, (1, 300, 400), dtype=dtype)
        fused, plain = both(logits, target, FACES, reduction="none")
        torch.testing.assert_close(fused[0], plain[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(fused[2], plain[2], rtol=1e-2, atol=1e-3)


def test_level_losses_are_plain():
    logits, target = pixels(FACES)
    plain = hierarchical_level_losses(logits, target, FACES)
    for options in ({}, {"label_smoothing": 0.2}, {"focal_gamma": 2.0}, {"weighting": hxe(FACES, 0.5)}):
        for engine in ("fused", "reference"):
            _, levels = hierarchical_cross_entropy(
                logits, target, FACES, return_levels=True, engine=engine, **options
            )
            torch.testing.assert_close(levels, plain)


@pytest.mark.parametrize("weighted", [False, True])
def test_smoothing_within_siblings_is_the_cross_entropy_against_its_distribution(weighted):
    """Written out with a loop over pixels, levels and siblings."""
    logits, target = pixels(STREET, (9,))
    weight = torch.rand(STREET.num_leaves, dtype=torch.float64) + 0.1 if weighted else torch.ones(6)
    share, expected = 0.3, []
    log_p = logits.log_softmax(1)
    below = [[c for c in range(6) if is_under(STREET, c, v)] for v in range(STREET.num_nodes)]
    for row, y in zip(log_p, target.tolist(), strict=True):
        loss = 0.0
        for level, factor in enumerate(STREET.level_weights):
            if STREET.group[level, y] < 0:
                continue
            cut = STREET.group_nodes[level].tolist()
            own = cut[STREET.group[level, y]]
            coarser = [] if level == 0 else STREET.group_nodes[level - 1].tolist()
            siblings = [
                v
                for v in cut
                if (own in coarser and v == own)
                or (own not in coarser and v not in coarser and STREET.parent[v] == STREET.parent[own])
                or (own not in coarser and level == 0)
            ]
            for v in {*siblings, own}:
                alone = {*siblings, own} == {own}
                part = share / len(siblings) * float(np.mean([weight[c] for c in below[v]])) * (not alone)
                if v == own:
                    part += (1 if alone else 1 - share) * float(np.mean([weight[c] for c in below[y]]))
                loss -= factor * part * row[below[v]].logsumexp(0).item()
        expected.append(loss)
    for engine in ("fused", "reference"):
        found = hierarchical_cross_entropy(
            logits,
            target,
            STREET,
            weight=weight,
            reduction="none",
            label_smoothing=share,
            smoothing="siblings",
            engine=engine,
        )
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def is_under(compiled, leaf, node):
    while leaf not in (-1, node):
        leaf = compiled.parent[leaf]
    return leaf == node


def test_focal_modulation_of_one_level_is_that_of_its_paper():
    compiled = flat_of(5)
    logits, target = pixels(compiled, (20,))
    p = logits.softmax(1).gather(1, target[:, None])[:, 0]
    for gamma in (0.5, 1.0, 2.0, 5.0):
        found = hierarchical_cross_entropy(logits, target, compiled, reduction="none", focal_gamma=gamma)
        torch.testing.assert_close(found, -((1 - p) ** gamma) * p.log())


def test_shape_of_a_tree_follows_its_parents():
    for compiled in TREES.values():
        shape, leaves = shape_of(compiled), compiled.num_leaves
        inner = compiled.num_nodes - leaves
        for v in range(compiled.num_nodes):
            above, node = [], v
            while node >= 0:
                if node >= leaves:
                    above.append(node - leaves)
                node = compiled.parent[node]
            assert [i for i in shape.path[v] if i < inner] == above[::-1]
            assert [i for i in shape.opened[v] if i < inner] == [i for i in above[::-1] if i + leaves != v]
        if len(shape.span):
            for i, (start, end) in enumerate(shape.span):
                assert [is_under(compiled, c, leaves + i) for c in range(leaves)] == [
                    start <= c < end for c in range(leaves)
                ]
    assert not len(shape_of(PERMUTED).span)


@given(tree=random_tree())
@example(tree="tree\n    a\n        b\n            c\n            d\n                e\n")
def test_a_tree_without_chains_has_the_same_groups(tree):
    compiled = compiled_of(tree)
    shape = without_chains(shape_of(compiled))
    leaves, root = compiled.num_leaves, len(shape.children) - 1
    above = [*shape.up.tolist(), None]

    def ways_up(node):
        return [] if node == leaves + root else [node, *ways_up(leaves + above[node])]

    below = {node: {c for c in range(leaves) if node in ways_up(c)} for node in range(leaves + root)}
    assert all(count > 1 for count in shape.children[:root])
    assert len(set(map(frozenset, below.values()))) == len(below)
    for v in range(compiled.num_nodes):
        assert below[shape.one[v]] == {c for c in range(leaves) if is_under(compiled, c, v)}
        way = [leaves + i for i in shape.path[v] if i < root]
        assert way == [node for node in reversed(ways_up(shape.one[v])) if node >= leaves]
        for level in range(shape.rank[v] + 1):
            one, step = shape.one[shape.node[v, level]], shape.step[v, level]
            assert one == (leaves + shape.path[v, step] if step < shape.path.shape[1] else shape.one[v])
            assert (one < leaves) == (step == shape.path.shape[1])


def test_exponential_and_logarithm():
    x = -np.linspace(0, 86, 4001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64))
    found = np.array([arithmetic.exp32(v) for v in x])
    assert (np.abs(found / exact - 1) <= _bound_of_exp(x)).all()
    assert arithmetic.exp32(np.float32(0)) == 1
    y = np.concatenate([exact, np.linspace(0.4, 3, 1001)]).astype(np.float32)
    found = np.array([arithmetic.log32(v) for v in y])
    reference = np.log(y.astype(np.float64))
    assert np.abs(found - reference).max() < 8e-6  # half a unit of the largest, 86
    assert (np.abs(found - reference) <= 2e-7 * np.maximum(np.abs(reference), 0.5)).all()
    assert arithmetic.exp32(np.float32(-88)) == 0
    assert arithmetic.exp32(np.float32(-np.inf)) == 0
    assert np.isnan(arithmetic.exp32(np.float32(np.nan)))


@pytest.mark.parametrize("count", [1, 2, 7, arithmetic.TOGETHER])
@pytest.mark.parametrize(("number", "rtol"), [(np.float32, 3e-7), (np.float64, 1e-14)])
def test_logarithm_of_a_product(count, number, rtol):
    values = np.exp(np.random.default_rng(0).uniform(-69, 12, (200, LANES))).astype(number)
    logs = np.log(values.astype(np.float64))
    found = np.empty((150, LANES), number)
    _logs_of_products(values, count, found)
    exact = np.stack([logs[at : at + count].sum(axis=0) for at in range(len(found))])
    np.testing.assert_allclose(found, exact, rtol=rtol, atol=30 * rtol)


@njit
def _logs_of_products(values, count, found):
    for at in range(len(found)):
        lanes.store(found, at * LANES, arithmetic.log_of_product(values, at * LANES, count))


def test_logarithm_of_a_product_of_four():
    rng = np.random.default_rng(0)
    for number, rtol in ((np.float32, 3e-7), (np.float64, 1e-14)):
        values = np.exp(rng.uniform(-69, 20, (4, 200))).astype(number)
        find = njit(lambda a, b, c, d: arithmetic.log_of_four(a, b, c, d))  # noqa: PLW0108
        found = [find(*four) for four in values.T]
        np.testing.assert_allclose(
            found, np.log(values.astype(np.float64)).sum(axis=0), rtol=rtol, atol=20 * rtol
        )
        assert found == pytest.approx(
            [arithmetic.log_of_four(*four) for four in values.T], rel=1e-5, abs=1e-5
        )


@njit
def _on_vectors(rows, found, numbers):
    a, b = lanes.load(rows, 0), lanes.load(rows, 13)  # of any place
    factor = rows.dtype.type(0.5)
    lanes.store(found, 0, a + b)
    lanes.store(found, 1 * LANES, factor - a)
    lanes.store(found, 2 * LANES, a * b - b * factor)
    lanes.store(found, 3 * LANES, factor / b)
    lanes.store(found, 4 * LANES, lanes.larger(a, b))
    lanes.store(found, 5 * LANES, lanes.larger(factor, b))
    lanes.store(found, 6 * LANES, lanes.smaller(a, b))
    lanes.store(found, 7 * LANES, lanes.every(factor))
    lanes.store(found, 8 * LANES, lanes.between(b, 2, 5))
    lanes.store(found, 9 * LANES, lanes.between(b, -7, 1 << 20))
    lanes.store(found, 10 * LANES, lanes.product(lanes.between(a, 3, 8), b / lanes.between(a, 3, 8)))
    columns = lanes.turned(
        (
            lanes.load(rows, 0),
            lanes.load(rows, 8),
            lanes.load(rows, 16),
            lanes.load(rows, 24),
            lanes.load(rows, 32),
            lanes.load(rows, 40),
            lanes.load(rows, 48),
            lanes.load(rows, 56),
        )
    )
    lanes.store(found, 11 * LANES, columns[0])
    lanes.store(found, 12 * LANES, columns[3])
    lanes.store(found, 13 * LANES, columns[7])
    numbers[0], numbers[1], numbers[2] = lanes.summed(a), lanes.largest_of(b), lanes.one_of(b, 6)


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_vectors(number):
    rows = np.random.default_rng(0).uniform(0.2, 0.8, (LANES, LANES)).astype(number)
    found, numbers = np.full((15, LANES), 7, number), np.empty(3, number)
    _on_vectors(rows, found, numbers)
    a, b = rows[0], rows.reshape(-1)[13:21]
    places = np.arange(LANES)
    expected = [
        a + b,
        0.5 - a,
        a * b - b / 2,
        0.5 / b,
        np.maximum(a, b),
        np.maximum(0.5, b),
        np.minimum(a, b),
        np.full(LANES, 0.5),
        np.where((places >= 2) & (places < 5), b, 0),
        b,
        np.where(places >= 3, b, 0),  # 0 times infinity is 0
        *rows.T[[0, 3, 7]],
        np.full(LANES, 7),
    ]
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(number).eps, atol=np.finfo(number).eps)
    np.testing.assert_allclose(numbers, [a.sum(), b.max(), b[6]], rtol=4 * np.finfo(number).eps)


def _bound_of_exp(x):
    """Two units in the last place, and what is wrong of log(2) as a number of float32 in |x| / log(2) of them.

    Ten times less than x = z - max z, as a number of float32, is wrong itself.
    """
    return 2e-7 + np.minimum(np.abs(x), 1e3) * abs(float(np.float32(math.log(2))) / math.log(2) - 1)


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_exponentials_and_logarithms_of_vectors_are_those_of_numbers(number):
    x = np.append(-np.linspace(0, 86, 4000), [-88.1, -1e30, -np.inf, np.nan] * 2).astype(number)
    found, logs = np.empty_like(x), np.empty_like(x)
    _exp_and_log(x, found, logs)
    rtol, bound = (3e-7, _bound_of_exp(x)) if number == np.float32 else (1e-15, np.full(x.size, 1e-15))
    _check_exp(x, found, bound)
    np.testing.assert_allclose(logs[:4000], np.log(found[:4000].astype(np.float64)), rtol=rtol, atol=rtol)
    if number == np.float32:
        _exp_without_looking_up(x, found)
        _check_exp(x, found, bound)


def _check_exp(x, found, bound):
    """In float64 -88.1 is no number to be taken for 0."""
    below = x < (-88 if x.dtype == np.float32 else -1e3)
    number = ~(below | np.isnan(x))
    assert found[0] == 1
    assert (np.abs(found[number] / np.exp(x[number].astype(np.float64)) - 1) <= bound[number]).all()
    assert (found[below] == 0).all()
    assert np.isnan(found[np.isnan(x)]).all()


@njit
def _exp_and_log(x, found, logs):
    for at in range(0, x.size, LANES):
        e = arithmetic.exp(lanes.load(x, at))
        lanes.store(found, at, e)
        lanes.store(logs, at, arithmetic.log(e))


@njit
def _exp_without_looking_up(x, found):
    for at in range(0, x.size, LANES):
        lanes.store(found, at, arithmetic.exp32(lanes.load(x, at)))


@given(
    st.lists(st.integers(-3, 20), max_size=40).map(lambda values: np.array(values, np.int64)),
    st.sampled_from([-100, -1, 0, 5, 16, 17, 255]),
    st.sampled_from([1, 30]),
)
def test_targets_are_counted(target, ignore_index, times):
    target = np.repeat(target, times)
    counts = np.zeros(17, np.int64)
    wrong = count(target, ignore_index, counts)
    counting = target[target != ignore_index]
    nodes = counting[(counting >= 0) & (counting < 17)]
    assert counts.tolist() == np.bincount(nodes, minlength=17).tolist()
    assert wrong == len(counting) - len(nodes)


@compilation.compiled()
def _mark(begin, threads, chunks, done):
    if begin:
        share(begin, threads)
        return
    chunks, done = lent((chunks, done))
    number = take(chunks.next)
    while number < chunks.taken.size:
        first, last, sums, aside = part(chunks, number)
        done[first:last] += 1
        aside[:] = number
        sums[:] = number
        number = take(chunks.next)


@pytest.mark.parametrize("openmp", [True, False])
def test_each_chunk_is_done_once_whatever_the_threads(openmp, monkeypatch):
    if not openmp:
        monkeypatch.setattr(threads, "_begin", lambda: 0)
    elif not threads._begin():
        pytest.skip("torch has no OpenMP here")
    before = torch.get_num_threads()
    try:
        for count, items, values in itertools.product((1, 2, 3, 8), (1, 3, 1000), (1, 1 << 18, 1 << 23)):
            torch.set_num_threads(count)
            chunks, done = threads.in_chunks(items, 2, values, 4), np.zeros(items)
            threads.on_threads(_mark, len(chunks.taken), chunks, done)
            assert (done == 1).all()
            assert (chunks.sums == np.arange(len(chunks.taken))[:, None]).all()
            assert (np.diff(chunks.aside) >= 0).all()
            assert np.bincount(chunks.aside, minlength=len(chunks.taken)).min() >= 2
    finally:
        torch.set_num_threads(before)


@compilation.compiled()
def _fail(begin, threads, chunks):
    if begin:
        share(begin, threads)
        return
    chunks = lent(chunks)
    number = take(chunks.next)
    while number < chunks.taken.size:
        if number == 7:
            raise ZeroDivisionError
        number = take(chunks.next)


@pytest.mark.parametrize(("openmp", "error"), [(True, RuntimeError), (False, ZeroDivisionError)])
def test_an_error_on_a_thread_is_raised(openmp, error, monkeypatch):
    if not openmp:
        monkeypatch.setattr(threads, "_begin", lambda: 0)
    elif not threads._begin():
        pytest.skip("torch has no OpenMP here")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(error):
            threads.on_threads(_fail, 20, threads.in_chunks(1000, 1, 1 << 22, 4))
    finally:
        torch.set_num_threads(before)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=70))
def test_largest_number(values):
    for number in (np.float32, np.float64):
        row = np.array(values, number)
        assert rows.largest(row) == row.max()


@pytest.mark.parametrize("compiled", [WIDE, broad_of(300, 4, chains=True), CHAIN, FACES, flat_of(17)])
def test_places_are_those_of_the_tree(compiled):
    shape = without_chains(shape_of(compiled))
    places, inner, leaves = even_rows.places_of(shape), len(shape.order), compiled.num_leaves
    for v in range(leaves + inner):
        place = v if v < leaves else leaves + places.at[v - leaves]
        assert places.up[place] == places.at[shape.up[v]]
    eights = places.up[: leaves // LANES * LANES].reshape(-1, LANES)
    assert np.array_equal(places.siblings, [len(set(eight)) == 1 for eight in eights.tolist()])
    parents = range(inner, inner + 1)
    for first, after in itertools.pairwise(places.depths.tolist()):
        assert all(place in parents for place in places.up[leaves + first : leaves + after])
        parents = range(first, after)
    assert parents.stop == inner or not inner


def test_copies_of_the_tables_are_the_same_tree():
    """An exported program copies its constants at each call."""
    tables = [torch.from_numpy(table) for table in tree_of(WIDE)]
    found = of_cpu._tree(*tables)
    assert of_cpu._tree(*[table.clone() for table in tables]) is found
    assert np.array_equal(found.shape.path, shape_of(WIDE).path)


@given(lengths=st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_pieces_of_a_row_are_written_and_nothing_beside_it(lengths):
    ends = np.cumsum(lengths)
    width, random_numbers = int(ends[-1]), np.random.default_rng(len(lengths))
    e, factors = random_numbers.random(width + LANES), random_numbers.random(len(lengths))
    written = np.full((3, width), 7.0)
    half = len(lengths) // 2
    rows.write_pieces(written[1], e, ends, factors, 0, half, 0)
    rows.write_pieces(written[1], e, ends, factors, half, len(lengths), ends[half - 1] if half else 0)
    assert np.array_equal(written[1], e[:width] * np.repeat(factors, lengths))
    assert (written[::2] == 7).all()


def test_targets_are_counted_in_all_threads():
    target = torch.randint(17, (3, 500, 500), generator=torch.Generator().manual_seed(0))
    logits = torch.zeros(3, 11, 500, 500)
    loss = hierarchical_cross_entropy(logits, target, FACES)
    plain = hierarchical_cross_entropy(logits.double(), target, FACES, engine="reference")
    torch.testing.assert_close(loss.double(), plain, rtol=1e-6, atol=0)
    target[0, 3, :7], target[2, 499, 490:] = 17, -1
    with pytest.raises(
        ValueError, match=r"target holds 17 values that are no node index .0 to 16.*: \[-1, 17\]"
    ):
        hierarchical_cross_entropy(logits, target, FACES)


def test_without_a_folder_for_the_cache_each_process_compiles(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert compilation.compiled()(lambda x: x + 1)(2) == 3


def test_what_is_kept_of_a_loop_is_not_used_when_another_file_changes(tmp_path):
    """Of 2 a loop makes 3; when the file of what it calls says so, 4, though its own file is as it was."""
    package = tmp_path / "hierdsl_loops"
    package.mkdir()
    (package / "__init__.py").write_text("")
    source = Path(compilation.__file__).read_text().replace(' / "shape.py"', ' / "run.py"')
    (package / "compiled.py").write_text(source)
    header = "from hierdsl_loops.compiled import compiled\n"
    called = "@compiled(inline=True)\ndef called(x):\n    return x + {}\n"
    loop = "from hierdsl_loops.called import called\n@compiled()\ndef loop(x):\n    return called(x)\n"
    (package / "loop.py").write_text(header + loop)
    (tmp_path / "run.py").write_text(
        "from hierdsl_loops.loop import loop\nprint(loop(2), sum(loop.stats.cache_hits.values()))\n"
    )
    printed = []
    for added in (1, 1, 2, 2):
        if not printed or len(printed) == 2:
            (package / "called.py").write_text(header + called.format(added))
        run = subprocess.run(
            [sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        printed.append(run.stdout.split())
    assert printed == [["3", "0"], ["3", "1"], ["4", "0"], ["4", "1"]]


def test_what_cannot_be_fused_says_why():
    logits, target = pixels(FACES)
    with pytest.raises(RuntimeError, match="it has no gradient for weights"):
        hierarchical_cross_entropy(
            logits, target, FACES, level_weights=torch.ones(4, requires_grad=True), engine="fused"
        )
    weights = torch.ones(4, dtype=torch.float64, requires_grad=True)
    hierarchical_cross_entropy(logits, target, FACES, level_weights=weights).backward()
    torch.testing.assert_close(weights.grad, hierarchical_level_losses(logits, target, FACES))
    with pytest.raises(ValueError, match="'uniform' or 'siblings', not 'even'"):
        hierarchical_cross_entropy(logits, target, FACES, smoothing="even")
    with pytest.raises(ValueError, match="focal_gamma is 0 or more"):
        hierarchical_cross_entropy(logits, target, FACES, focal_gamma=-1)
    with pytest.raises(ValueError, match=r"made once: hierdsl.weighting.parse\('flat', compiled\)"):
        hierarchical_cross_entropy(logits, target, FACES, weighting="flat")
    for weighting in ([1.0, 2.0], 1.0, np.ones(4)):
        with pytest.raises(
            ValueError, match=r"weighting is one of hierdsl\.weighting or a tensor of factors, not "
        ):
            hierarchical_cross_entropy(logits, target, FACES, weighting=weighting)
    with pytest.raises(ValueError, match="logits are of a floating-point type"):
        hierarchical_cross_entropy(logits.long(), target, FACES)
