"""Laws of the hierarchical cross-entropy, and the paper's own figures."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss.trees import FACES, STREET, compiled_of, flat_of, nested_of, pixels
from torch.nn import functional

import hierdsl
from hierdsl.loss import (
    HierarchicalCrossEntropyLoss,
    NodeLogProbs,
    hierarchical_cross_entropy,
    hierarchical_level_losses,
    hierarchical_linear_cross_entropy,
    hierarchical_upsampled_cross_entropy,
    marginal_log_probs,
)
from hierdsl.metrics import ConfusionMatrix

IGNORE = -100


def naive(logits, target, compiled, weight=None):
    """The definition, pixel by pixel, in NumPy's longest floats."""
    z = np.moveaxis(logits.detach().double().numpy().astype(np.longdouble), 1, -1).reshape(
        -1, logits.shape[1]
    )
    y = target.numpy().reshape(-1)
    leaves = compiled.group[:, : compiled.num_leaves]
    losses = []
    for level in range(compiled.num_levels):
        total, norm = np.longdouble(0), np.longdouble(0)
        for row, node in zip(z, y, strict=True):
            if node == IGNORE or compiled.group[level, node] < 0:
                continue
            inside = leaves[level] == compiled.group[level, node]
            peak, top = row.max(), row[inside].max()
            log_p = (np.log(np.exp(row[inside] - top).sum()) + top) - (
                np.log(np.exp(row - peak).sum()) + peak
            )
            factor = 1.0
            if weight is not None:
                below = [c for c in range(compiled.num_leaves) if under(compiled, c, node)]
                factor = float(np.mean([weight[c] for c in below]))
            total, norm = total - factor * log_p, norm + factor
        losses.append(float(total / norm) if norm else 0.0)
    return np.array(losses)


def under(compiled, leaf, node):
    while leaf not in (-1, node):
        leaf = compiled.parent[leaf]
    return leaf == node


@pytest.mark.parametrize("scale", [1, 8])
@pytest.mark.parametrize("name", ["helen", "vistas"])
def test_equals_the_papers_own_figures(shared, name, scale):
    oracle = np.load(shared / "oracle" / f"{name}_scale{scale}.npz")
    compiled = hierdsl.compile_hierarchy(hierdsl.load(name))
    logits = torch.tensor(oracle["logits"], requires_grad=True)
    target = torch.tensor(oracle["target"])
    loss = hierarchical_cross_entropy(logits, target, compiled)
    loss.backward()
    levels = hierarchical_level_losses(logits, target, compiled).detach().numpy()[::-1]
    np.testing.assert_allclose(loss.item(), oracle["total"], rtol=1e-12)
    np.testing.assert_allclose(levels, oracle["level_losses_fine_to_coarse"], rtol=1e-12)
    np.testing.assert_allclose(logits.grad, oracle["grad"], rtol=1e-12, atol=1e-15)
    single = hierarchical_cross_entropy(logits.detach().float(), target, compiled)
    np.testing.assert_allclose(single.item(), oracle["total"], rtol=1e-5)


@pytest.mark.parametrize("weight", [None, "random"])
@pytest.mark.parametrize("compiled", [FACES, STREET], ids=["helen", "street"])
def test_equals_the_definition(compiled, weight):
    logits, target = pixels(compiled)
    target[0, 0] = IGNORE
    weight = None if weight is None else torch.rand(compiled.num_leaves, dtype=torch.float64) + 0.1
    expected = naive(logits, target, compiled, None if weight is None else weight.tolist())
    found = hierarchical_level_losses(logits, target, compiled, weight=weight)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    total = hierarchical_cross_entropy(logits, target, compiled, weight=weight)
    np.testing.assert_allclose(total.item(), expected @ compiled.level_weights, rtol=1e-12)


@pytest.mark.parametrize("leaves", [2, 3, 31, 64, 257])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_level_is_cross_entropy(leaves, smoothing, reduction, weighted):
    compiled = flat_of(leaves)
    logits, target = pixels(compiled, (2, 3, 5), seed=leaves)
    target[1, 0] = IGNORE
    weight = torch.rand(leaves, dtype=torch.float64) if weighted else None
    mine, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    options = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
    found = hierarchical_cross_entropy(mine, target, compiled, **options)
    expected = functional.cross_entropy(theirs, target, **options)
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize("shape", [(7,), (2, 3), (2, 3, 5), (2, 3, 4, 5)])
def test_any_number_of_trailing_dimensions(shape):
    logits, target = pixels(FACES, shape)
    flat_logits = logits.movedim(1, -1).reshape(-1, FACES.num_leaves)
    found = hierarchical_cross_entropy(logits, target, FACES)
    torch.testing.assert_close(found, hierarchical_cross_entropy(flat_logits, target.reshape(-1), FACES))
    each = hierarchical_cross_entropy(logits, target, FACES, reduction="none")
    assert each.shape == target.shape


@pytest.mark.parametrize(("leaves", "levels"), list(itertools.product([1, 2, 3, 31, 64, 257], [1, 2, 3, 5])))
def test_laws_of_the_gradient(leaves, levels):
    compiled = nested_of(leaves, levels)
    logits, target = pixels(compiled, (2, 3, 3), seed=leaves * levels, scale=3.0)
    target[0, 0] = IGNORE
    logits.requires_grad_()
    hierarchical_cross_entropy(logits, target, compiled).backward()
    np.testing.assert_allclose(logits.grad.sum(1), 0, atol=1e-12)
    assert (logits.grad[0, :, 0] == 0).all()
    shifted = hierarchical_cross_entropy(logits.detach() + 123.0, target, compiled)
    torch.testing.assert_close(shifted, hierarchical_cross_entropy(logits.detach(), target, compiled))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_a_parent_is_at_least_as_probable_as_its_child(seed):
    logits, _ = pixels(FACES, (4, 3), seed=seed, scale=4.0)
    previous = None
    for level in reversed(range(FACES.num_levels)):
        groups = torch.tensor(FACES.group[level, : FACES.num_leaves])
        log_probs = marginal_log_probs(logits, groups, int(FACES.num_groups[level])).gather(
            1, groups.view(1, -1, 1).expand_as(logits)
        )
        if previous is not None:
            assert (log_probs >= previous - 1e-12).all()
        previous = log_probs


def test_permuting_leaves_and_table_together_changes_nothing():
    """Two files of one tree in another order of lines."""
    one = compiled_of("tree\n    a\n    g\n        b\n        c\n    d\n")
    two = compiled_of("tree\n    d\n    g\n        c\n        b\n    a\n")
    logits, target = pixels(one, (3, 4), coarse=False)
    order = [one.names.index(name) for name in two.names[:4]]
    moved = torch.tensor([two.names.index(name) for name in one.names[:4]])[target]
    torch.testing.assert_close(
        hierarchical_cross_entropy(logits[:, order], moved, two),
        hierarchical_cross_entropy(logits, target, one),
    )


def test_gradcheck():
    logits, target = pixels(STREET, (2, 3))
    target[0, 0] = IGNORE
    weight = torch.rand(STREET.num_leaves, dtype=torch.float64) + 0.1
    logits.requires_grad_()

    def loss(z, engine="auto"):
        return hierarchical_cross_entropy(
            z, target, STREET, weight=weight, label_smoothing=0.1, engine=engine
        )

    assert torch.autograd.gradcheck(loss, logits)
    assert torch.autograd.gradcheck(lambda z: loss(z, "reference"), logits)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, "reference"), logits)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_batch_of_ignored_pixels_gives_0_and_no_gradient(reduction, weighted):
    logits, target = pixels(FACES)
    logits.requires_grad_()
    weight = torch.rand(FACES.num_leaves) if weighted else None
    loss = hierarchical_cross_entropy(
        logits,
        torch.full_like(target, IGNORE),
        FACES,
        reduction=reduction,
        weight=weight,
        label_smoothing=0.1,
    )
    assert (loss == 0).all()
    loss.sum().backward()
    assert (logits.grad == 0).all()


def test_an_ignored_pixel_stays_ignored_whatever_the_network_says():
    logits, target = pixels(FACES)
    target[0, 0, 0] = IGNORE
    logits[0, 0, 0, 0] = torch.inf
    logits[0, 1, 0, 0] = -torch.inf
    logits.requires_grad_()
    loss = hierarchical_cross_entropy(logits, target, FACES)
    assert loss.isfinite()


def test_the_target_is_never_edited():
    logits, target = pixels(FACES)
    target[0, 0] = IGNORE
    before = target.clone()
    hierarchical_cross_entropy(logits, target, FACES)
    assert torch.equal(target, before)


@pytest.mark.parametrize("confidence", [1e2, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_true_class_whose_probability_underflows_keeps_its_loss_and_gradient(confidence, dtype):
    logits = torch.zeros(1, FACES.num_leaves, dtype=dtype)
    logits[0, FACES.names.index("hair")] = confidence
    logits.requires_grad_()
    target = torch.tensor([FACES.names.index("left_eye")])
    levels = hierarchical_level_losses(logits, target, FACES)
    # under foreground they agree; from there on the eye is e^-confidence as probable
    expected = torch.tensor([0.0, confidence - np.log(9), confidence - np.log(2), confidence], dtype=dtype)
    torch.testing.assert_close(levels, expected)
    levels.sum().backward()
    gradient = logits.grad[0]
    assert gradient.isfinite().all()
    found = gradient[[FACES.names.index(name) for name in ("hair", "left_eye", "right_eye")]]
    torch.testing.assert_close(found, torch.tensor([3.0, -1 - 1 / 2 - 1 / 9, -1 / 2 - 1 / 9], dtype=dtype))


def test_a_leaf_directly_under_the_root_counts_at_every_level():
    logits, _ = pixels(FACES, (1,))
    levels = hierarchical_level_losses(logits, torch.tensor([0]), FACES)
    expected = functional.cross_entropy(logits, torch.tensor([0]))
    torch.testing.assert_close(levels, expected.expand(4))


def test_level_losses_are_no_view_that_a_later_sum_overwrites():
    logits, target = pixels(FACES)
    levels = hierarchical_level_losses(logits, target, FACES)
    before = levels.clone()
    total = hierarchical_cross_entropy(logits, target, FACES)
    total += 1
    levels[0] += 0
    torch.testing.assert_close(levels, before)
    torch.testing.assert_close(before.sum(), total - 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_reduced_in_float32(dtype):
    logits, target = pixels(FACES, (2, 64, 64), dtype=dtype, scale=5.0)
    logits.requires_grad_()
    loss = hierarchical_cross_entropy(logits, target, FACES)
    assert loss.dtype == torch.float32
    exact = hierarchical_cross_entropy(logits.detach().double(), target, FACES)
    torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=0)
    loss.backward()
    assert logits.grad.dtype == dtype
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("layout", ["channels last", "transposed", "strided"])
def test_memory_layout_does_not_matter(layout):
    logits, target = pixels(FACES, (2, 6, 6))
    expected = hierarchical_cross_entropy(logits, target, FACES)
    if layout == "channels last":
        moved = logits.contiguous(memory_format=torch.channels_last)
    elif layout == "transposed":
        moved = logits.movedim(1, 0).contiguous().movedim(0, 1)
    else:
        moved = logits.repeat_interleave(2, dim=3)[..., ::2]
    moved = moved.detach().requires_grad_()
    loss = hierarchical_cross_entropy(moved, target, FACES)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert moved.grad.shape == moved.shape


def test_coarse_targets_add_to_their_own_level_and_above_only():
    logits, _ = pixels(FACES, (1,))
    levels = hierarchical_level_losses(logits, torch.tensor([FACES.names.index("face")]), FACES)
    assert (levels[:2] > 0).all()
    assert (levels[2:] == 0).all()


def test_level_weights_may_change_and_may_be_negative():
    logits, target = pixels(STREET)
    levels = hierarchical_level_losses(logits, target, STREET)
    default = hierarchical_cross_entropy(logits, target, STREET)
    torch.testing.assert_close(default, 0.5 * levels[0] - 0.25 * levels[1] + levels[2])
    module = HierarchicalCrossEntropyLoss(STREET)
    torch.testing.assert_close(module(logits, target), default)
    module.level_weights = torch.tensor([0.0, 0.0, 2.0])
    torch.testing.assert_close(module(logits, target), 2 * levels[2])
    torch.testing.assert_close(module.level_losses(logits, target), levels)
    assert module.state_dict() == {}


def test_leaf_weights_of_the_file_are_used():
    weighted = compiled_of("tree\n    a [weight=3]\n    b\n")
    logits, target = pixels(weighted)
    found = hierarchical_cross_entropy(logits, target, weighted)
    expected = functional.cross_entropy(logits, target, weight=torch.tensor([3.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_integer_types_of_the_target(dtype):
    logits, target = pixels(FACES)
    expected = hierarchical_cross_entropy(logits, target, FACES)
    torch.testing.assert_close(hierarchical_cross_entropy(logits, target.to(dtype), FACES), expected)


def test_another_ignore_index():
    logits, target = pixels(FACES)
    target[0] = IGNORE
    expected = hierarchical_cross_entropy(logits, target, FACES)
    byte = torch.where(target == IGNORE, 255, target).to(torch.uint8)
    torch.testing.assert_close(hierarchical_cross_entropy(logits, byte, FACES, ignore_index=255), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": torch.zeros(2, 10, 5, 4)}, "axis 1 must have the 11 leaves"),
        ({"logits": torch.zeros(11)}, "axis 1 must have the 11 leaves"),
        ({"target": torch.zeros(2, 4, 5, dtype=torch.long)}, r"these logits need \(2, 5, 4\)"),
        ({"target": torch.zeros(2, 5, 4)}, "an integer type, not torch.float32"),
        ({"target": torch.full((2, 5, 4), 17)}, "40 values that are no node index .0 to 16.*17.*label map"),
        ({"target": torch.full((2, 5, 4), -1)}, "no node index"),
        ({"reduction": "avg"}, "'mean', 'sum' or 'none', not 'avg'"),
        ({"label_smoothing": 1.5}, "between 0 and 1"),
        ({"level_weights": [1.0]}, "the hierarchy has 4 levels"),
        ({"level_weights": "flat"}, r"weighting=hierdsl.weighting.parse\('flat', compiled\)"),
        ({"target": torch.zeros(2, 5, 4, dtype=torch.long, device="meta")}, "on cpu and meta: move one"),
        ({"weight": [1.0]}, "the hierarchy has 11 leaves"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(change, message):
    logits, target = pixels(FACES)
    arguments = {"logits": logits, "target": target, "compiled": FACES} | change
    with pytest.raises(ValueError, match=message):
        hierarchical_cross_entropy(**arguments)


TAKE_COMPILED = {
    "cross-entropy": lambda c: hierarchical_cross_entropy(*pixels(FACES), c),
    "levels": lambda c: hierarchical_level_losses(*pixels(FACES), c),
    "linear": lambda c: hierarchical_linear_cross_entropy(
        torch.zeros(1, 2), torch.zeros(11, 2), None, torch.zeros(1, dtype=torch.long), c
    ),
    "upsampled": lambda c: hierarchical_upsampled_cross_entropy(*pixels(FACES), c),
    "module": HierarchicalCrossEntropyLoss,
    "log-probabilities": NodeLogProbs,
    "confusion": ConfusionMatrix,
    "flat": hierdsl.weighting.flat,
    "hxe": lambda c: hierdsl.weighting.hxe(c, 0.1),
    "level": lambda c: hierdsl.weighting.level(c, "fine"),
    "level weights": lambda c: hierdsl.weighting.levels(c, [1.0]),
    "node weights": lambda c: hierdsl.weighting.nodes(c, [1.0]),
    "preset": hierdsl.weighting.muller_smith,
    "parsed": lambda c: hierdsl.weighting.parse("flat", c),
    "schedule": lambda c: hierdsl.weighting.parse_schedule("coarse_to_fine", c),
    "to fine": lambda c: hierdsl.weighting.coarse_to_fine(hierdsl.weighting.flat(FACES), c),
    "to coarse": lambda c: hierdsl.weighting.fine_to_coarse(hierdsl.weighting.flat(FACES), c),
}


@pytest.mark.parametrize("take", TAKE_COMPILED.values(), ids=TAKE_COMPILED)
def test_a_hierarchy_that_is_not_compiled_is_refused_with_the_mend(take):
    for wrong, kind in ((hierdsl.load("helen"), "Hierarchy"), ("helen", "str")):
        with pytest.raises(TypeError, match=rf"not {kind}: hierdsl.compile_hierarchy\(hierdsl.load\("):
            take(wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"logits": np.zeros((2, 11, 5, 4))},
            r"logits is a torch.Tensor, not ndarray: torch.as_tensor\(logits\)",
        ),
        ({"target": np.zeros((2, 5, 4), int)}, r"target is a torch.Tensor, not ndarray"),
        ({"target": [0]}, "not list"),
        ({"ignore_index": None}, "ignore_index is an integer, not None; one that no target has"),
        ({"ignore_index": 255.0}, "an integer, not 255.0"),
        ({"ignore_index": [255]}, r"an integer, not \[255\]"),
        ({"ignore_index": True}, "an integer, not True"),
        ({"label_smoothing": "0.1"}, "label_smoothing is a number, not '0.1'"),
        ({"label_smoothing": [0.1]}, r"label_smoothing is a number, not \[0.1\]"),
        ({"focal_gamma": torch.tensor(2.0)}, r"focal_gamma is a number, not tensor\(2.\)"),
    ],
)
def test_arguments_of_a_wrong_type_say_what_they_are(change, message):
    logits, target = pixels(FACES)
    for call in (hierarchical_cross_entropy, hierarchical_level_losses, hierarchical_upsampled_cross_entropy):
        arguments = {"logits": logits, "target": target, "compiled": FACES} | change
        with pytest.raises(TypeError, match=message):
            call(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": [1.0] * 7 + [-0.5] + [1.0] * 3}, r"weight\[7\] is -0.5: all are finite, and 0 or more"),
        ({"weight": torch.tensor([1.0] * 10 + [math.nan])}, r"weight\[10\] is nan"),
        ({"level_weights": [1, 1, -math.inf, 1]}, r"level_weights\[2\] is -inf: all are finite"),
        ({"weighting": torch.full((4, 17), math.nan)}, r"weighting\[0, 0\] is nan: all are finite"),
        ({"weight": torch.ones(11, dtype=torch.complex64)}, "weight is of real numbers, not torch.complex64"),
        ({"ignore_index": 1 << 63}, "ignore_index is an integer of 64 bits, not 9223372036854775808"),
        ({"focal_gamma": 10**400}, "focal_gamma is 0 or more, not 1000"),
        ({"reduction": ["mean"]}, r"reduction is 'mean', 'sum' or 'none', not \['mean'\]"),
    ],
)
def test_values_that_do_not_fit_are_refused(change, message):
    logits, target = pixels(FACES)
    for call in (hierarchical_cross_entropy, hierarchical_upsampled_cross_entropy):
        with pytest.raises(ValueError, match=message):
            call(logits, target, FACES, **change)
    with pytest.raises(ValueError, match=message):
        HierarchicalCrossEntropyLoss(FACES, **change)


@pytest.mark.parametrize("numbers", [[1, None, 1, 1], ["a"] * 4, "balanced", {"scene": 1.0}])
def test_weights_that_are_no_numbers_are_refused(numbers):
    logits, target = pixels(FACES)
    with pytest.raises(TypeError, match="weight is a tensor or a list of numbers, not"):
        hierarchical_cross_entropy(logits, target, FACES, weight=numbers)


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int16])
def test_a_node_of_eight_bits_is_not_taken_for_a_negative_index(engine, dtype):
    compiled = flat_of(200)
    logits, target = torch.randn(3, 200), torch.tensor([156, 7, 199])
    expected = hierarchical_cross_entropy(logits, target, compiled)
    found = hierarchical_cross_entropy(logits, target.to(dtype), compiled, ignore_index=-100, engine=engine)
    torch.testing.assert_close(found, expected)
    matrix = ConfusionMatrix(compiled)
    matrix.update(target.to(dtype), target.to(dtype), ignore_index=-100)
    assert matrix.counts.sum() == 3


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("focal_gamma", [0.0, 0.5, 2.0])
def test_a_masked_group_takes_no_gradient_away(engine, shape, focal_gamma):
    names = FACES.names
    logits = torch.zeros(3, 11, *shape[1:])
    logits[:, [names.index("left_eye"), names.index("right_eye")]] = -torch.inf
    logits.requires_grad_()
    target = torch.tensor([names.index("hair"), -100, names.index("left_eye")]).view(shape)
    options = {"engine": engine, "focal_gamma": focal_gamma, "reduction": "none"}
    losses = hierarchical_cross_entropy(logits, target, FACES, **options)
    assert losses.flatten()[0].isfinite()
    assert losses.flatten()[1:].tolist() == [0, math.inf]
    losses.flatten()[:2].sum().backward()
    gradient = logits.grad.view(3, 11)
    assert gradient[0].isfinite().all()
    assert (gradient[0] != 0).any()
    assert (gradient[1] == 0).all()
    if engine == "fused":
        assert (gradient[2] == 0).all()  # 0 comes back to it


@pytest.mark.parametrize("number", [np.int64, np.uint8, int])
def test_numbers_of_numpy_are_numbers(number):
    logits, target = pixels(FACES)
    expected = hierarchical_cross_entropy(logits, target, FACES, ignore_index=7, focal_gamma=2.0)
    found = hierarchical_cross_entropy(logits, target, FACES, ignore_index=number(7), focal_gamma=number(2))
    assert found == expected


def test_a_group_with_no_leaf_has_no_probability():
    log_probs = marginal_log_probs(torch.zeros(1, 2), torch.tensor([0, 2]), 3)
    assert log_probs[0, 1] == -torch.inf
    with pytest.raises(ValueError, match="no axis 1 of 2 leaves"):
        marginal_log_probs(torch.zeros(1, 3), torch.tensor([0, 2]), 3)
