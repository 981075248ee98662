"""The loss of enlarged logits equals enlarging and then the loss, and never has all enlarged logits."""

import pytest
import torch
from loss.tiled_cases import (
    IGNORE,
    LEAF_WEIGHTS,
    OPTIONS,
    STREET,
    agree,
    largest,
    random,
    small_tiles,
    targets,
    without_engine,
)
from torch.autograd import forward_ad
from torch.nn import functional

import hierdsl
from hierdsl.loss import enlarge, hierarchical_cross_entropy, hierarchical_upsampled_cross_entropy

C = STREET.num_leaves


@pytest.fixture(autouse=True, params=["fused", "fallback"])
def engine(request, monkeypatch):
    if request.param == "fallback":
        without_engine(monkeypatch)
    return request.param


def two_steps(logits, target, compiled=STREET, **options):
    enlarged = functional.interpolate(logits, target.shape[1:], mode="bilinear", align_corners=False)
    return hierarchical_cross_entropy(enlarged, target, compiled, **options)


def grad(loss, logits, by=None, **options):
    return torch.autograd.grad(loss, logits, grad_outputs=by, **options)


def compare(logits, target, tolerance=1e-12, **options):
    found, levels = hierarchical_upsampled_cross_entropy(
        logits, target, STREET, return_levels=True, **options
    )
    expected, expected_levels = two_steps(logits, target, return_levels=True, **options)
    by = random(*found.shape, seed=9).to(found)
    agree([found, levels], [expected, expected_levels], tolerance)
    agree(grad(found, logits, by), grad(expected, logits, by), tolerance)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_equals_the_two_steps(monkeypatch, options, reduction):
    small_tiles(monkeypatch, 5 * 9 * C)
    compare(random(2, C, 3, 2).requires_grad_(), targets(2, 12, 9), reduction=reduction, **options)


@pytest.mark.parametrize(
    "sizes",
    [
        ((3, 4), (12, 16)),
        ((3, 4), (13, 9)),
        ((5, 7), (5, 7)),
        ((5, 7), (6, 7)),
        ((9, 8), (4, 3)),
        ((30, 2), (7, 11)),
        ((1, 1), (3, 5)),
        ((4, 4), (1, 1)),
        ((2, 9), (9, 2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("values", [1, 100, 1 << 20])
def test_any_ratio_at_any_tile(monkeypatch, sizes, values):
    small_tiles(monkeypatch, values)
    small, large = sizes
    compare(random(3, C, *small).requires_grad_(), targets(3, *large))


@pytest.mark.parametrize(
    "size", [((33, 31), (129, 513)), ((70, 97), (257, 1025)), ((300, 77), (129, 200))], ids=str
)
def test_float32(monkeypatch, size):
    small_tiles(monkeypatch, 300_000)
    small, large = size
    compare(random(1, C, *small, dtype=torch.float32).requires_grad_(), targets(1, *large), 1e-5)


@pytest.mark.parametrize("layout", ["channels last", "sliced"])
def test_any_layout(monkeypatch, layout):
    small_tiles(monkeypatch, 100)
    logits = random(2, C, 5, 4)
    if layout == "channels last":
        logits = logits.contiguous(memory_format=torch.channels_last)
    else:
        logits = logits[:, :, 1:, 1:]
    compare(logits.requires_grad_(), targets(2, 9, 11))
    compare(logits, targets(2, 11, 9).transpose(1, 2))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_types_are_interpolated_in_float32(monkeypatch, dtype):
    small_tiles(monkeypatch, 300)
    logits, target = random(2, C, 5, 4).to(dtype).requires_grad_(), targets(2, 19, 16)
    single = logits.detach().float().requires_grad_()
    found = hierarchical_upsampled_cross_entropy(logits, target, STREET)
    expected = two_steps(single, target)
    agree([found], [expected], 1e-5)
    (gradient,), (of_single,) = grad(found, logits), grad(expected, single)
    agree([gradient], [of_single.to(dtype)], torch.finfo(dtype).eps)


def test_float16_does_not_underflow():
    logits, target = random(1, C, 64, 64).half().requires_grad_(), targets(1, 512, 512, ignored=0)
    single = logits.detach().float().requires_grad_()
    scale = 2.0**16  # as a gradient scaler begins
    (found,) = grad(scale * hierarchical_upsampled_cross_entropy(logits, target, STREET), logits)
    (expected,) = grad(scale * two_steps(single, target), single)
    assert (found.float() - expected).norm() < 2e-3 * expected.norm()


def test_all_ignored_is_nothing():
    logits = random(2, C, 3, 3).requires_grad_()
    loss = hierarchical_upsampled_cross_entropy(logits, torch.full((2, 6, 6), IGNORE), STREET)
    assert loss == 0
    assert not grad(loss, logits)[0].any()


def test_an_empty_batch_is_nothing():
    for logits, target in ((random(0, C, 3, 3), targets(0, 6, 6)), (random(2, C, 3, 3), targets(2, 0, 6))):
        logits.requires_grad_()
        loss = hierarchical_upsampled_cross_entropy(logits, target, STREET)
        assert loss == 0
        assert not grad(loss, logits)[0].any()


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_backward_again_and_scaled(reduction):
    logits, target = random(2, C, 3, 3).requires_grad_(), targets(2, 7, 7)
    found = 3.5 * hierarchical_upsampled_cross_entropy(logits, target, STREET, reduction=reduction).sum()
    expected = grad(3.5 * two_steps(logits, target, reduction=reduction).sum(), logits)
    first = grad(found, logits, retain_graph=True)[0].clone()
    agree([first], expected)
    agree(grad(found, logits), expected)


def test_refuses_a_second_derivative():
    logits = random(2, C, 3, 3).requires_grad_()
    loss = hierarchical_upsampled_cross_entropy(logits, targets(2, 7, 7), STREET)
    (first,) = grad(loss, logits, create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        first.sum().backward()


def test_makes_no_gradient_where_none_is_wanted(monkeypatch):
    monkeypatch.setattr(enlarge, "_reduce", None)  # to call it would fail
    logits, target = random(2, C, 3, 3).requires_grad_(), targets(2, 7, 7)
    with torch.no_grad():
        found = hierarchical_upsampled_cross_entropy(logits, target, STREET)
    agree([found], [two_steps(logits, target).detach()])


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradcheck(monkeypatch, reduction):
    small_tiles(monkeypatch, 2 * C * 3)
    logits, target = random(2, C, 2, 2).requires_grad_(), targets(2, 5, 3)
    assert torch.autograd.gradcheck(
        lambda logits: hierarchical_upsampled_cross_entropy(
            logits, target, STREET, reduction=reduction, focal_gamma=1.0, label_smoothing=0.1
        ),
        logits,
    )


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_never_has_all_logits(monkeypatch, reduction):
    small_tiles(monkeypatch, 4 * 64 * C)
    logits, target = random(2, C, 16, 16).requires_grad_(), targets(2, 64, 64)
    full = target.numel() * C

    def run(form):
        return lambda: grad(form(logits, target, STREET, reduction=reduction).sum(), logits)

    assert largest(run(two_steps), logits, target) >= full  # so it would be seen
    assert largest(run(hierarchical_upsampled_cross_entropy), logits, target) <= full // 4


def test_top_level_name():
    assert hierdsl.hierarchical_upsampled_cross_entropy is hierarchical_upsampled_cross_entropy


def test_says_what_does_not_fit():
    logits, target = random(2, C, 3, 3), targets(2, 6, 6)

    def refuse(match, *given, **options):
        with pytest.raises(ValueError, match=match):
            hierarchical_upsampled_cross_entropy(*given, STREET, **options)

    refuse(r"logits of shape \(2, 5, 3, 3\).*6 leaves.*\(N, 6, h, w\)", logits[:, :5], target)
    refuse(r"logits of shape \(2, 6, 3\)", logits[..., 0], target)
    refuse(r"target of shape \(1, 6, 6\) and logits of shape \(2, 6, 3, 3\).*\(2, H, W\)", logits, target[:1])
    refuse(r"they are empty", logits[:, :, :0], target)
    refuse("integer type", logits, target.double())
    refuse("floating-point", logits.long(), target)
    refuse("no node index", logits, target + 100)
    refuse("has no gradient here: detach", logits, target, weight=LEAF_WEIGHTS.clone().requires_grad_())
    refuse("has no gradient here", logits, target, level_weights=torch.ones(3, requires_grad=True))
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(LEAF_WEIGHTS, torch.ones_like(LEAF_WEIGHTS))
        refuse("has no gradient here", logits, target, weight=dual)
