"""A head and the loss in one equals the head and then the loss, and never has all logits."""

import pytest
import torch
from loss.tiled_cases import (
    IGNORE,
    LEAF_WEIGHTS,
    OPTIONS,
    STREET,
    agree,
    compiled_of,
    largest,
    random,
    small_tiles,
    targets,
    without_engine,
)
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import hierdsl
from hierdsl.loss import (
    hierarchical_cross_entropy,
    hierarchical_linear_cross_entropy,
    linear,
    tiled,
)

C = STREET.num_leaves
MANY = compiled_of(
    "tree\n" + "".join(f"    g{i}\n" + "".join(f"        c{i}_{j}\n" for j in range(10)) for i in range(60))
)


@pytest.fixture(autouse=True, params=["fused", "fallback"])
def engine(request, monkeypatch):
    monkeypatch.setattr(linear, "_LEAST", 1)
    if request.param == "fallback":
        without_engine(monkeypatch)
    return request.param


def head(shape, kernel=False, seed=0, dtype=torch.float64, leaves=C):
    weight = random(leaves, shape[1], *[1] * (len(shape) - 2 if kernel else 0), seed=seed + 1, dtype=dtype)
    given = random(*shape, seed=seed, dtype=dtype), weight, random(leaves, seed=seed + 2, dtype=dtype)
    return [tensor.requires_grad_() for tensor in given]


class Copies(TorchDispatchMode):
    """Keeps how many values are copied at once at most."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten.clone.default, torch.ops.aten.copy_.default):
            self.values = max(self.values, made.numel())
        return made


def two_steps(features, weight, bias, target, compiled=STREET, *, leaf_weights=None, **options):
    matrix = weight.reshape(len(weight), -1)
    logits = functional.linear(features.movedim(1, -1), matrix, bias).movedim(-1, 1)
    return hierarchical_cross_entropy(logits, target, compiled, weight=leaf_weights, **options)


def grads(loss, given, by=None, **options):
    wanted = [tensor for tensor in given if tensor is not None and tensor.requires_grad]
    return torch.autograd.grad(loss, wanted, grad_outputs=by, **options)


def compare(given, target, tolerance=1e-12, compiled=STREET, **options):
    options = {"leaf_weights" if key == "weight" else key: value for key, value in options.items()}
    found, levels = hierarchical_linear_cross_entropy(*given, target, compiled, return_levels=True, **options)
    expected, expected_levels = two_steps(*given, target, compiled, return_levels=True, **options)
    by = random(*found.shape, seed=9).to(found)
    agree([found, levels], [expected, expected_levels], tolerance)
    agree(grads(found, given, by), grads(expected, given, by), tolerance)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("shape", [(13, 5), (3, 5, 7, 5)], ids=["2d", "4d"])
def test_equals_the_two_steps(monkeypatch, shape, options, reduction):
    small_tiles(monkeypatch, 11 * C)
    compare(head(shape), targets(shape[0], *shape[2:]), reduction=reduction, **options)


@pytest.mark.parametrize("values", [C, 34 * C, 35 * C, 70 * C, 1 << 20])
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "neither", "sliced"])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_two_steps_at_any_tile_and_layout(monkeypatch, values, layout, bias):
    small_tiles(monkeypatch, values)
    given = head((3, 5, 7, 5), kernel=True)
    if layout == "channels last":
        given[0] = given[0].detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    elif layout == "neither":
        given[0] = given[0].detach().transpose(2, 3).contiguous().transpose(2, 3).requires_grad_()
    elif layout == "sliced":
        given[0] = random(3, 5, 9, 6)[:, :, 1:-1, 1:].requires_grad_()
    compare(given if bias else [*given[:2], None], targets(3, 7, 5))


@pytest.mark.parametrize("values", [C, 34 * C, 70 * C, 1 << 20])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_two_steps_as_a_convolution(monkeypatch, values, bias):
    """As on a GPU, where a convolution has TF32."""
    small_tiles(monkeypatch, values)
    monkeypatch.setattr(linear, "_as_convolution", lambda *_: True)
    weights_by, made = linear.conv1d_weight, []
    monkeypatch.setattr(linear, "conv1d_weight", lambda *given: made.append(1) or weights_by(*given))
    given = head((3, 5, 7, 5), kernel=True)
    for reduction in ("mean", "none"):
        made.clear()
        compare(given if bias else [*given[:2], None], targets(3, 7, 5), reduction=reduction)
        assert made


def test_rows_where_there_are_many_classes(monkeypatch):
    small_tiles(monkeypatch, 600 * 4)
    for shape in ((10, 6), (2, 6, 3, 3)):
        for reduction in ("mean", "none"):
            given = head(shape, leaves=600)
            target = torch.arange(shape[0] * (9 if len(shape) > 2 else 1)) * 7
            compare(given, target.reshape(shape[0], *shape[2:]), compiled=MANY, reduction=reduction)


def test_three_dimensions_of_pixels_and_one():
    compare(head((2, 4, 2, 3, 2), kernel=True), targets(2, 2, 3, 2))
    compare(head((2, 4, 6), kernel=True), targets(2, 6))


@pytest.mark.parametrize("wanted", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1)])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_makes_the_gradients_that_are_wanted(wanted, reduction):
    given = [
        tensor.detach().requires_grad_(bool(want)) for tensor, want in zip(head((9, 5)), wanted, strict=True)
    ]
    compare(given, targets(9), reduction=reduction)


def test_makes_no_gradient_where_none_is_wanted(monkeypatch):
    monkeypatch.setattr(linear._Gradients, "add", None)  # to call it would fail
    given, target = head((9, 5)), targets(9)
    with torch.no_grad():
        found = hierarchical_linear_cross_entropy(*given, target, STREET)
    assert not found.requires_grad
    agree([found], [two_steps(*given, target).detach()])


def test_all_ignored_is_nothing():
    given = head((2, 5, 3, 3))
    loss, levels = hierarchical_linear_cross_entropy(
        *given, torch.full((2, 3, 3), IGNORE), STREET, return_levels=True
    )
    assert loss == 0
    assert not levels.any()
    assert not any(gradient.any() for gradient in grads(loss, given))


@pytest.mark.parametrize("shape", [(0, 5), (0, 5, 2, 2), (2, 5, 0, 3)])
def test_an_empty_batch_is_nothing(shape):
    given = head(shape)
    loss = hierarchical_linear_cross_entropy(*given, targets(shape[0], *shape[2:]), STREET)
    assert loss == 0
    assert not any(gradient.any() for gradient in grads(loss, given))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_backward_again_and_scaled(reduction):
    given, target = head((13, 5)), targets(13)
    found = 3.5 * hierarchical_linear_cross_entropy(*given, target, STREET, reduction=reduction)
    expected = grads(3.5 * two_steps(*given, target, reduction=reduction).sum(), given)
    first = [tensor.clone() for tensor in grads(found.sum(), given, retain_graph=True)]
    again = grads(found.sum(), given)
    agree(first, expected)
    agree(again, expected)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_refuses_a_second_derivative(reduction):
    given = head((9, 5))
    loss = hierarchical_linear_cross_entropy(*given, targets(9), STREET, reduction=reduction).sum()
    first = grads(loss, given, create_graph=True)
    agree(
        [one.detach() for one in first],
        grads(two_steps(*given, targets(9), reduction=reduction).sum(), given),
    )
    with pytest.raises(RuntimeError, match=r"cannot be differentiated twice.*engine='reference'"):
        torch.autograd.grad(first[0].sum(), given[1])


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradcheck(monkeypatch, reduction):
    small_tiles(monkeypatch, 3 * C)
    given, target = head((2, 3, 2, 2)), targets(2, 2, 2)
    assert torch.autograd.gradcheck(
        lambda *given: hierarchical_linear_cross_entropy(
            *given, target, STREET, reduction=reduction, focal_gamma=1.0, label_smoothing=0.1
        ),
        given,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("autocast", [False, True])
def test_half_types_are_as_the_two_steps(monkeypatch, dtype, autocast):
    small_tiles(monkeypatch, 16 * C)
    given = head((3, 8, 6, 6), dtype=torch.float32 if autocast else dtype)
    target = targets(3, 6, 6)
    if autocast and dtype == torch.float32:
        pytest.skip("autocast has no float32")
    with torch.autocast("cpu", dtype=dtype, enabled=autocast):
        found = hierarchical_linear_cross_entropy(*given, target, STREET)
        expected = two_steps(*given, target)
    assert found.dtype == torch.float32
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    agree([found], [expected], tolerance)
    agree(grads(found, given), grads(expected, given), tolerance)


def test_float16_does_not_underflow():
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(1, 2, 512, 512, generator=generator).half().requires_grad_()
    weight = random(C, 2, dtype=torch.float16).requires_grad_()
    target = targets(1, 512, 512, ignored=0)
    scale = 2.0**16  # as a gradient scaler begins
    single = [tensor.detach().float().requires_grad_() for tensor in (features, weight)]
    expected = grads(scale * two_steps(*single, None, target), single)
    found = grads(
        scale * hierarchical_linear_cross_entropy(features, weight, None, target, STREET), [features, weight]
    )
    for one, other in zip(found, expected, strict=True):
        assert (one.float() - other).norm() < 2e-3 * other.norm()


def test_weight_gradients_are_summed_in_float32(monkeypatch):
    # 2**10 tiles that add 1 each: bfloat16 stops counting at 256
    small_tiles(monkeypatch, C)
    pixels = 1 << 10
    features = torch.ones(pixels, 1, dtype=torch.bfloat16)
    weight = torch.zeros(C, 1, dtype=torch.bfloat16, requires_grad=True)
    target = torch.zeros(pixels, dtype=torch.long)
    loss = hierarchical_linear_cross_entropy(features, weight, None, target, STREET, reduction="sum")
    (found,) = grads(loss, [weight])
    single = weight.detach().float().requires_grad_()
    (expected,) = grads(two_steps(features.float(), single, None, target, reduction="sum"), [single])
    torch.testing.assert_close(found.float(), expected, rtol=1e-2, atol=0)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_never_has_all_logits(monkeypatch, reduction):
    small_tiles(monkeypatch, 64 * C)
    given, target = head((2, 3, 32, 32), kernel=True), targets(2, 32, 32)
    logits = 2 * 32 * 32 * C

    def run(form):
        return lambda: grads(form(*given, target, STREET, reduction=reduction).sum(), given)

    assert largest(run(two_steps), *given, target) >= logits  # so it would be seen
    assert largest(run(hierarchical_linear_cross_entropy), *given, target) < logits
    # what is seen is the gradient of the features, and of that size are target and losses
    assert largest(run(hierarchical_linear_cross_entropy), *given, target) <= given[0].numel()


def test_tiles_are_at_most_an_eighth_of_many_logits():
    for total in (1 << 23, 1 << 30):
        assert tiled.values_of_tile(torch.device("cpu"), total) <= total // 8


def test_images_of_some_size_are_not_copied_together(monkeypatch):
    """Features of several images lie apart in memory: a tile of them would be a copy, and so would its gradient."""
    pixels, features = 1024, 2 * C  # so that the logits of a tile are fewer than its features
    monkeypatch.setattr(tiled, "_VALUES", {"cpu": (pixels * C, 4 * pixels * C)})
    given, target = head((32, features, 32, 32), kernel=True), targets(32, 32, 32)
    assert tiled.values_of_tile(torch.device("cpu"), 32 * pixels * C) == 4 * pixels * C
    assert tiled.values_of_tile(torch.device("cpu"), 32 * pixels * C, pixels * C) == pixels * C
    with Copies() as copies:
        grads(hierarchical_linear_cross_entropy(*given, target, STREET), given)
    assert copies.values < pixels * features
    with Copies() as copies:  # so it would be seen
        monkeypatch.setattr(tiled, "_VALUES", {"cpu": (2 * pixels * C, 4 * pixels * C)})
        grads(hierarchical_linear_cross_entropy(*given, target, STREET), given)
    assert copies.values == 4 * pixels * features


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # the compiler looks at it where its graph breaks
def test_in_a_compiled_function():
    given, target = head((9, 5), dtype=torch.float32), targets(9)

    @torch.compile(backend="eager")
    def loss(features, weight, bias):
        return 2 * hierarchical_linear_cross_entropy(features + 1, weight, bias, target, STREET)

    shifted = [given[0] + 1, *given[1:]]
    agree([loss(*given)], [2 * two_steps(*shifted, target)], 1e-5)
    agree(grads(loss(*given), given), grads(2 * two_steps(*shifted, target), given), 1e-5)


def test_top_level_name():
    assert hierdsl.hierarchical_linear_cross_entropy is hierarchical_linear_cross_entropy


def test_says_what_does_not_fit():
    features, weight, bias = head((4, 5))
    target = targets(4)

    def refuse(match, *given, **options):
        with pytest.raises(ValueError, match=match):
            hierarchical_linear_cross_entropy(*given, STREET, **options)

    refuse(r"features of shape \(5,\).*\(N, F, \*S\)", features[0], weight, bias, target)
    refuse(r"weight of shape \(3, 5\).*6 leaves.*\(6, 5\)", features, weight[:3], bias, target)
    refuse(r"weight of shape \(6, 5, 2\)", features, weight.unsqueeze(2).expand(-1, -1, 2), bias, target)
    refuse(r"\(4, 5\) and weight of shape \(6, 4\).*axis 1", features, weight[:, :4], bias, target)
    refuse(r"bias of shape \(5,\).*\(6,\)", features, weight, bias[:5], target)
    refuse(
        r"target of shape \(3,\); features of shape \(4, 5\) need \(4,\)", features, weight, bias, target[:3]
    )
    refuse("integer type", features, weight, bias, target.double())
    refuse("float64, weight or bias torch.float32.*convert", features, weight.float(), bias, target)
    refuse("floating-point", features.long(), weight, bias, target)
    refuse("no node index", features, weight, bias, target + 100)
    refuse(
        "exclude each other",
        features,
        weight,
        bias,
        target,
        level_weights=[1, 1, 1],
        weighting=torch.ones(3, 9),
    )
    refuse(
        "has no gradient here: detach",
        features,
        weight,
        bias,
        target,
        leaf_weights=LEAF_WEIGHTS.clone().requires_grad_(),
    )
    refuse("reduction", features, weight, bias, target, reduction="max")
