"""The loss as a citizen of torch: compiled, transformed, distributed, copied, in threads and in forks.

Each test is a law that holds for `torch.nn.functional.cross_entropy` too, or says what is refused and how it is mended.
"""

import copy
import gc
import io
import itertools
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

import hierdsl
from hierdsl.loss import (
    HierarchicalCrossEntropyLoss,
    hierarchical_cross_entropy,
    hierarchical_level_losses,
    settled,
    tables,
)
from hierdsl.loss.operator import Call
from hierdsl.loss.tables import tables_on
from hierdsl.weighting import hxe

IGNORE = -100
FACES = hierdsl.compile_hierarchy(hierdsl.load("helen"))
CPU = torch.device("cpu")


def compiled_of(text):
    hierarchy, diagnostics = hierdsl.analyze(text)
    assert hierarchy is not None, diagnostics
    return hierdsl.compile_hierarchy(hierarchy)


STREET = compiled_of(
    "levels\n    a [weight=0.5]\n    b [weight=-0.25]\n    c\n"
    "tree\n    sky\n    flat\n        road\n        path\n    thing\n        car\n        human\n"
    "            walker\n            rider\n"
)
LAYOUTS = {
    "contiguous": lambda z: z,
    "channels last": lambda z: z.contiguous(memory_format=torch.channels_last),
    "transposed": lambda z: z.transpose(2, 3).contiguous().transpose(2, 3),
    "strided": lambda z: z.repeat_interleave(2, dim=3)[..., ::2],
    "expanded": lambda z: z[:, :, :, :1].expand_as(z),
}
OPTIONS = {
    "mean": {},
    "sum": {"reduction": "sum", "label_smoothing": 0.1},
    "none": {"reduction": "none", "focal_gamma": 2.0},
    "siblings": {"smoothing": "siblings", "label_smoothing": 0.2, "ignore_index": 255},
}


# at the first use of forward mode torch scripts formulas of its own, and says itself that this is deprecated
FORWARD_MODE = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pixels(compiled=FACES, shape=(2, 4, 6), seed=0, dtype=torch.float32):
    """Logits that want a gradient, and targets among which are coarse and ignored ones."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(shape[0], compiled.num_leaves, *shape[1:], generator=generator)
    target = torch.randint(0, compiled.num_nodes, shape, generator=generator)
    target.view(-1)[::5] = IGNORE
    return logits.to(dtype).requires_grad_(), target


def reference(logits, target, compiled=FACES, **options):
    """Value and gradient of the readable form, in float64."""
    z = logits.detach().double().requires_grad_()
    loss = hierarchical_cross_entropy(z, target, compiled, engine="reference", **options)
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    return loss.detach(), gradient


def close(found, expected, **tolerance):
    torch.testing.assert_close(found.detach(), expected.to(found.dtype), check_stride=False, **tolerance)


def arguments(logits, target, compiled, gradient=True, levels=True, **options):
    """What the operator is called with."""
    found = tables_on(compiled, CPU)
    names = {
        "ignore_index": IGNORE,
        "reduction": "mean",
        "label_smoothing": 0.0,
        "focal_gamma": 0.0,
    } | options
    siblings = names.pop("smoothing", "uniform") == "siblings"
    call = Call(
        plan=found.plan,
        shape=found.shape,
        factors=found.factors,
        weights=found.node_weights,
        siblings=siblings,
        **names,
    )
    return (logits, target, *call, gradient, levels)


# The operator


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "expanded"])
def test_the_operator_passes_the_checks_of_torch(layout, options):
    logits, target = pixels(STREET)
    target = torch.where(target == IGNORE, options.get("ignore_index", IGNORE), target)
    logits = LAYOUTS[layout](logits.detach()).requires_grad_()
    torch.library.opcheck(torch.ops.hierdsl.cross_entropy, arguments(logits, target, STREET, **options))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_operator_passes_the_checks_of_torch_in_other_types(dtype):
    logits, target = pixels(STREET, dtype=dtype)
    call = arguments(logits, target, STREET)
    torch.library.opcheck(torch.ops.hierdsl.cross_entropy, call)
    torch.library.opcheck(
        torch.ops.hierdsl.cross_entropy, arguments(logits.detach(), target, STREET, gradient=False)
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_value_and_gradient(layout):
    logits, target = pixels()
    logits = LAYOUTS[layout](logits.detach()).requires_grad_()
    loss = hierarchical_cross_entropy(logits, target, FACES, engine="fused")
    (gradient,) = torch.autograd.grad(loss, logits)
    expected, slope = reference(logits, target)
    close(loss, expected)
    close(gradient, slope)


def test_a_target_of_any_strides_gives_the_same_value():
    logits, target = pixels()
    expected, slope = reference(logits, target)
    spread = target.repeat_interleave(2, dim=2)[..., ::2]
    turned = target.transpose(1, 2).contiguous().transpose(1, 2)
    for other in (spread, turned):
        loss = hierarchical_cross_entropy(logits, other, FACES, engine="fused")
        close(loss, expected)
        close(torch.autograd.grad(loss, logits)[0], slope)
    of_one = torch.ones(1, 1, 1, dtype=torch.long).expand(2, 4, 6)
    loss = hierarchical_cross_entropy(logits, of_one, FACES, engine="fused")
    close(loss, reference(logits, of_one)[0])


@pytest.mark.parametrize("shape", [(0, 4, 6), (2, 0, 6), (2, 4, 0), (0,)])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_the_mean_over_no_pixel_is_0_as_over_ignored_ones(shape, options, engine):
    logits = torch.randn(shape[0], 11, *shape[1:], requires_grad=True)
    target = torch.zeros(shape, dtype=torch.long)
    loss, levels = hierarchical_cross_entropy(
        logits, target, FACES, return_levels=True, engine=engine, **options
    )
    assert loss.shape == (shape if options.get("reduction") == "none" else ())
    assert (loss == 0).all()
    assert (levels == 0).all()
    loss.sum().backward()
    assert logits.grad.shape == logits.shape


# Compiled


class Network(nn.Module):
    """A small network with its loss."""

    def __init__(self, criterion, layout=torch.contiguous_format):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Conv2d(3, 11, 1)
        self.criterion, self.layout = criterion, layout

    def forward(self, images, target):
        logits = self.head(images).contiguous(memory_format=self.layout)
        return self.criterion(logits, target)


def functional_form(**options):
    def criterion(logits, target):
        return hierarchical_cross_entropy(logits, target, FACES, **options)

    return criterion


def step(network, run, images, target):
    """The loss and the gradient of the weights."""
    network.zero_grad()
    loss = run(images, target)
    loss = loss[0] if isinstance(loss, tuple) else loss
    loss.sum().backward()
    return loss.detach(), network.head.weight.grad.clone()


@pytest.fixture
def images():
    torch._dynamo.reset()
    return torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("form", "layout"), [("module", torch.contiguous_format), ("function", torch.channels_last)]
)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_compiled_in_one_graph_it_is_the_same(images, form, options, layout):
    target = pixels()[1]
    target = torch.where(target == IGNORE, options.get("ignore_index", IGNORE), target)
    criterion = (
        HierarchicalCrossEntropyLoss(FACES, **options) if form == "module" else functional_form(**options)
    )
    network = Network(criterion, layout)
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, fullgraph=True, backend=counter)
    for found, expected in zip(
        step(network, compiled, images, target), step(network, network, images, target), strict=True
    ):
        torch.testing.assert_close(found, expected)
    assert counter.frame_count == 1
    with torch.no_grad():
        torch.testing.assert_close(compiled(images, target), network(images, target))


def test_compiled_with_all_that_a_call_can_be_given(images):
    """Weights of levels and leaves as sequences and tensors, a weighting, level losses: one graph."""
    target = pixels()[1]
    for options in (
        {"level_weights": [1.0, 0.5, 0.25, 2.0], "weight": [1.0] * 10 + [3.0]},
        {"level_weights": torch.tensor([1.0, 0.5, 0.25, 2.0]), "weight": torch.rand(11) + 0.5},
        {"weighting": torch.rand(4, FACES.num_nodes)},
        {"weighting": hierdsl.weighting.flat(FACES)},
    ):
        network = Network(functional_form(return_levels=True, **options))
        compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
        for found, expected in zip(compiled(images, target), network(images, target), strict=True):
            torch.testing.assert_close(found, expected)


def test_two_trees_in_one_compiled_function_keep_apart():
    flat = compiled_of("tree\n" + "".join(f"    c{i}\n" for i in range(11)))
    logits, target = pixels(flat)

    def both(logits, target):
        of_faces = hierarchical_cross_entropy(logits, target, FACES)
        return of_faces + 10 * hierarchical_cross_entropy(logits, target, flat)

    def given(logits, target, compiled):
        return hierarchical_cross_entropy(logits, target, compiled)

    run = torch.compile(both, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(run(logits, target), both(logits, target))
    run = torch.compile(given, fullgraph=True, backend="aot_eager")
    for compiled in (FACES, flat, FACES):
        torch.testing.assert_close(run(logits, target, compiled), given(logits, target, compiled))


def test_level_weights_change_from_step_to_step_without_compiling_again(images):
    target = pixels()[1]
    network = Network(HierarchicalCrossEntropyLoss(FACES))
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, fullgraph=True, backend=counter)
    for number in range(5):
        network.criterion.level_weights = torch.tensor([1.0, 0.5, 0.25 * number, -float(number)])
        torch.testing.assert_close(compiled(images, target), network(images, target))
    assert counter.frame_count == 1

    def call(images, target, weights):
        return hierarchical_cross_entropy(network.head(images), target, FACES, level_weights=weights)

    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(call, fullgraph=True, backend=counter)
    for number in range(5):
        weights = torch.tensor([1.0, 0.5, 0.25 * number, -float(number)])
        torch.testing.assert_close(compiled(images, target, weights), call(images, target, weights))
    assert counter.frame_count == 1


def test_compiled_for_sizes_that_change():
    torch._dynamo.reset()
    network = Network(HierarchicalCrossEntropyLoss(FACES))
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(network, fullgraph=True, backend=counter, dynamic=True)
    counts = []
    for shape in [
        (6, 7, 8),
        (3, 5, 7),
        (4, 8, 2),
        (5, 3, 3),
    ]:  # at first none like the levels: dynamo takes such for one
        target = pixels(shape=shape)[1]
        batch = torch.randn(shape[0], 3, *shape[1:])
        for found, expected in zip(
            step(network, compiled, batch, target), step(network, network, batch, target), strict=True
        ):
            torch.testing.assert_close(found, expected)
        counts.append(
            counter.frame_count
        )  # at the first, numbers such as the smoothing make dynamo begin anew
    assert counts == [counts[0]] * 4


@pytest.mark.skipif(
    shutil.which("g++") is None, reason="inductor compiles C++ for the CPU, and there is no g++"
)
# inductor imports a module of torch that still uses it
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_compiled_by_inductor_it_is_the_same(images):
    target = pixels()[1]
    network = Network(HierarchicalCrossEntropyLoss(FACES))
    compiled = torch.compile(network, fullgraph=True)
    for found, expected in zip(
        step(network, compiled, images, target), step(network, network, images, target), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_compiled_logits_that_are_a_leaf_get_their_gradient():
    torch._dynamo.reset()
    logits, target = pixels()
    run = torch.compile(functional_form(), fullgraph=True, backend="aot_eager")
    run(logits, target).backward()
    close(logits.grad, reference(logits, target)[1])


# Automatic differentiation


def test_under_autocast_bfloat16_logits_give_a_float32_loss():
    _, target = pixels()
    network = Network(HierarchicalCrossEntropyLoss(FACES))
    images = torch.randn(2, 3, 4, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network.head(images)
        loss = network.criterion(logits, target)
    assert logits.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    expected, slope = reference(logits, target)
    close(loss, expected, rtol=1e-5, atol=0)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.dtype == torch.bfloat16
    close(gradient, slope, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_scale_brings_back_what_float16_cannot_hold(reduction):
    """Of a mean over many pixels the gradient of one is below the least float16; so it is until it is scaled."""
    logits, target = pixels(shape=(1, 512, 512), dtype=torch.float16)
    _, slope = reference(logits, target, reduction=reduction)
    loss = hierarchical_cross_entropy(logits, target, FACES, reduction=reduction)
    scale = 65536.0 if reduction == "mean" else 0.5
    (scale * loss.sum()).backward()
    assert logits.grad.dtype == torch.float16
    close(logits.grad, scale * slope, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpointed_it_is_the_same(use_reentrant):
    logits, target = pixels()
    expected, slope = reference(logits, target)
    loss = checkpoint(functional_form(), logits * 1.0, target, use_reentrant=use_reentrant)
    loss.backward()
    close(loss, expected)
    close(logits.grad, slope)


def test_transformed_by_torch_func_it_is_the_same():
    logits, target = pixels()
    expected, slope = reference(logits, target)
    z = logits.detach()
    close(torch.func.grad(functional_form())(z, target), slope)
    gradient, value = torch.func.grad_and_value(functional_form())(z, target)
    close(gradient, slope)
    close(value, expected)
    value, pullback = torch.func.vjp(lambda z: hierarchical_cross_entropy(z, target, FACES), z)
    close(pullback(torch.tensor(2.0))[0], 2 * slope)


def test_a_functional_call_of_a_network_is_the_same():
    _, target = pixels()
    network = Network(HierarchicalCrossEntropyLoss(FACES))
    images = torch.randn(2, 3, 4, 6)
    parameters = dict(network.named_parameters())
    loss = torch.func.functional_call(network, parameters, (images, target))
    torch.testing.assert_close(loss, network(images, target))
    other = torch.tensor([1.0, 0.0, 0.0, 2.0], dtype=torch.float64)
    loss = torch.func.functional_call(network, {"criterion.level_weights": other}, (images, target))
    expected = hierarchical_cross_entropy(network.head(images), target, FACES, level_weights=other)
    torch.testing.assert_close(loss, expected)
    slopes = torch.func.grad(lambda p: torch.func.functional_call(network, p, (images, target)))(parameters)
    (expected,) = torch.autograd.grad(network(images, target), network.head.weight)
    torch.testing.assert_close(slopes["head.weight"], expected)


def test_all_gradients_of_a_loss_per_pixel_at_once_are_the_same():
    logits, target = pixels(shape=(2, 3))
    each = functional_form(reduction="none")
    expected = torch.autograd.functional.jacobian(lambda z: each(z, target), logits)
    close(torch.func.jacrev(lambda z: each(z, target))(logits.detach()), expected)


@FORWARD_MODE
def test_vmap_and_jvp_are_refused_with_the_mend():
    logits, target = pixels()
    z = logits.detach()
    with pytest.raises(RuntimeError, match="reduction='none' for one loss each; or pass engine='reference'"):
        torch.func.vmap(functional_form())(z.unsqueeze(1), target.unsqueeze(1))
    with pytest.raises(RuntimeError, match="engine='reference'"):
        torch.func.vmap(torch.func.grad(functional_form()))(z.unsqueeze(1), target.unsqueeze(1))
    with pytest.raises(RuntimeError, match=r"forward mode.*engine='reference'"):
        torch.func.jvp(lambda z: hierarchical_cross_entropy(z, target, FACES), (z,), (z,))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(z, z)
        with pytest.raises(RuntimeError, match=r"forward mode.*engine='reference'"):
            hierarchical_cross_entropy(dual, target, FACES)


@FORWARD_MODE
def test_vmap_and_jvp_go_over_the_reference_form():
    logits, target = pixels()
    z = logits.detach()
    _, slope = torch.func.jvp(
        lambda z: hierarchical_cross_entropy(z, target, FACES, engine="reference"),
        (z,),
        (torch.ones_like(z),),
    )
    torch.testing.assert_close(slope, torch.tensor(0.0), atol=1e-5, rtol=0)


def test_a_second_derivative_is_refused_with_the_mend():
    logits, target = pixels()
    loss = hierarchical_cross_entropy(logits, target, FACES)
    (gradient,) = torch.autograd.grad(loss, logits, create_graph=True)
    close(gradient, reference(logits, target)[1])
    with pytest.raises(RuntimeError, match="cannot be differentiated twice: pass engine='reference'"):
        gradient.square().sum().backward()
    with pytest.raises(RuntimeError, match="cannot be differentiated twice: pass engine='reference'"):
        torch.func.grad(lambda z: torch.func.grad(functional_form())(z, target).square().sum())(
            logits.detach()
        )
    with pytest.raises(RuntimeError, match="cannot be differentiated twice: pass engine='reference'"):
        torch.autograd.functional.hessian(
            lambda z: hierarchical_cross_entropy(z, target, FACES), logits.detach()
        )


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_backward_as_often_as_the_graph_is_kept(reduction, dtype):
    logits, target = pixels(dtype=dtype)
    _, slope = reference(logits, target, reduction=reduction)
    loss = hierarchical_cross_entropy(logits, target, FACES, reduction=reduction).sum()
    tolerance = {"rtol": 2**-5, "atol": 1e-3} if dtype == torch.bfloat16 else {}
    for times in (1, 2, 3):
        (3 * loss).backward(retain_graph=True)
        close(logits.grad, 3 * times * slope, **tolerance)
    loss.backward()
    close(logits.grad, 10 * slope, **tolerance)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


@pytest.mark.parametrize("scale", [1.0, 65536.0, 0.25])
@pytest.mark.parametrize("leaf", [True, False])
def test_gradients_add_up_over_scaled_losses(scale, leaf):
    logits, target = pixels()
    _, slope = reference(logits, target)
    for times in (1, 2):
        z = logits if leaf else logits.clone()
        (scale * hierarchical_cross_entropy(z, target, FACES)).backward()
        close(logits.grad, times * scale * slope, rtol=1e-5, atol=1e-5 * scale)


def test_only_some_pixels_of_the_loss_are_asked_for():
    logits, target = pixels()
    each = hierarchical_cross_entropy(logits, target, FACES, reduction="none")
    by = torch.rand_like(each)
    each.backward(by)
    _, slope = reference(logits, target, reduction="none")
    close(logits.grad, slope * by.unsqueeze(1))
    assert hierarchical_cross_entropy(logits.detach(), target, FACES).grad_fn is None


def test_level_losses_have_no_gradient_and_are_no_view():
    logits, target = pixels()
    loss, levels = hierarchical_cross_entropy(logits, target, FACES, return_levels=True)
    assert not levels.requires_grad
    torch.testing.assert_close(levels, hierarchical_level_losses(logits, target, FACES).detach())
    levels.zero_()
    loss.backward()
    close(logits.grad, reference(logits, target)[1])


@pytest.mark.parametrize("scale", [1.0, 65536.0])
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_the_gradient_is_made_once_and_nothing_is_copied(scale, layout):
    """The one tensor of the size of the target or more is the gradient, from the loss to the leaf."""
    logits, target = pixels(shape=(2, 64, 64))
    logits = LAYOUTS[layout](logits.detach()).requires_grad_()
    with Allocations(target.numel()) as made:
        loss = hierarchical_cross_entropy(logits, target, FACES)
        (scale * loss).backward()
    assert made.large == 1


class Allocations(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts the new tensors of at least so many numbers that operators give, one a storage."""

    def __init__(self, numel):
        super().__init__()
        self.numel, self.seen = numel, {}

    @property
    def large(self):
        return len(self.seen)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given = {x.untyped_storage().data_ptr() for x in args if isinstance(x, torch.Tensor)}
        for x in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(x, torch.Tensor) and x.numel() >= self.numel:
                address = x.untyped_storage().data_ptr()
                if address not in given:
                    self.seen[address] = x  # held, so that no address comes twice
        return out


# Copies and other devices


def pickled(module):
    return pickle.loads(pickle.dumps(module))  # noqa: S301 - our own


@pytest.mark.parametrize("way", [copy.deepcopy, pickled])
def test_a_copy_of_the_module_is_the_same(way):
    logits, target = pixels()
    module = HierarchicalCrossEntropyLoss(FACES, level_weights=[1.0, 2.0, 0.5, 0.0], weight=torch.rand(11))
    expected = module(logits, target)
    other = way(module)
    torch.testing.assert_close(other(logits, target), expected)
    assert other.compiled == module.compiled
    other.level_weights.zero_()
    torch.testing.assert_close(module(logits, target), expected)


def test_the_module_has_no_state_of_its_own():
    network = Network(HierarchicalCrossEntropyLoss(FACES, weighting=torch.ones(4, FACES.num_nodes)))
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert sorted(state) == ["head.bias", "head.weight"]
    network.load_state_dict(state, strict=True)


@pytest.mark.parametrize(
    "move", [lambda m: m.to("cpu"), lambda m: m.half(), lambda m: m.double(), lambda m: m.to(torch.bfloat16)]
)
def test_a_module_that_was_moved_or_converted_works(move):
    logits, target = pixels()
    expected, _ = reference(logits, target)
    close(move(HierarchicalCrossEntropyLoss(FACES))(logits, target), expected)


def test_on_the_meta_device_it_is_refused():
    logits = torch.zeros(2, 11, 4, device="meta", requires_grad=True)
    target = torch.zeros(2, 4, dtype=torch.long, device="meta")
    with pytest.raises(RuntimeError, match="there is none for the device meta"):
        hierarchical_cross_entropy(logits, target, FACES, engine="fused")
    loss = hierarchical_cross_entropy(logits, target, FACES)
    assert loss.device.type == "meta"


def forget():
    """Have the next loss be the first."""
    tables._kept.cache_clear()
    settled._settled_once.cache_clear()


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_fake_tensors_give_shapes_and_types_and_leave_no_trace(engine):
    forget()
    for options, shape in (({}, ()), ({"reduction": "none"}, (2, 4, 6))):
        with FakeTensorMode():
            logits = torch.empty(2, 11, 4, 6, dtype=torch.bfloat16, requires_grad=True)
            target = torch.empty(2, 4, 6, dtype=torch.long)
            loss, levels = hierarchical_cross_entropy(
                logits, target, FACES, return_levels=True, engine=engine, **options
            )
            assert (loss.shape, loss.dtype) == (shape, torch.float32)
            assert levels.shape == (4,)
            (gradient,) = torch.autograd.grad(loss.sum(), logits)
            assert (gradient.shape, gradient.dtype) == (logits.shape, logits.dtype)
    logits, target = pixels()
    close(hierarchical_cross_entropy(logits, target, FACES), reference(logits, target)[0])


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_a_first_loss_in_inference_mode_leaves_training_as_it_was(engine):
    forget()
    logits, target = pixels()
    with torch.inference_mode():
        first = hierarchical_cross_entropy(logits.detach(), target, FACES, engine=engine)
    loss = hierarchical_cross_entropy(logits, target, FACES, engine=engine)
    loss.backward()
    close(first, loss)


# What is kept from call to call


@pytest.mark.parametrize(
    "compile_", [lambda f: f, lambda f: torch.compile(f, fullgraph=True, backend="eager")]
)
def test_options_count_anew_at_every_call(compile_):
    logits, target = pixels()
    found = compile_(partial(hierarchical_cross_entropy, engine="fused"))
    weighted = torch.ones(4, FACES.num_nodes, dtype=torch.float64)
    some = (None, hxe(FACES, 0.1), hxe(FACES, 0.5), weighted)
    for gamma, smoothing, weighting in itertools.product((0.0, 2.0), (0.0, 0.1), some):
        if weighting is None:
            torch._dynamo.reset()  # which compiles one function eight times at the most
        options = {"weighting": weighting, "focal_gamma": gamma, "label_smoothing": smoothing}
        for _ in range(2):
            weighted *= 1.5  # in place
            expected = hierarchical_cross_entropy(logits, target, FACES, engine="reference", **options)
            close(found(logits, target, FACES, **options), expected)


# Threads, forks, processes


def test_many_threads_at_once_give_the_same():
    torch.set_num_threads(2)
    logits, target = pixels(shape=(2, 160, 160))  # several chunks
    _, slope = reference(logits, target)
    start = threading.Barrier(4)

    def work(_):
        start.wait()
        gradients = []
        for _ in range(3):
            z = logits.detach().clone().requires_grad_()
            hierarchical_cross_entropy(z, target, FACES).backward()
            gradients.append(z.grad)
        return gradients

    with ThreadPoolExecutor(4) as pool:
        for gradients in pool.map(work, range(4)):
            for gradient in gradients:
                close(gradient, slope)


def _loss_in_child(logits, target, queue):
    queue.put(hierarchical_cross_entropy(logits, target, FACES).item())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_makes_threads_of_its_own():
    torch.set_num_threads(2)
    logits, target = pixels(shape=(2, 160, 160))
    logits = logits.detach()
    expected = hierarchical_cross_entropy(logits, target, FACES).item()  # the parent has its threads now
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # Python 3.12 warns where threads are
        child = context.Process(target=_loss_in_child, args=(logits, target, queue))
        child.start()
    child.join(60)
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0
    assert queue.get() == expected


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_distributed_data_parallel_gives_the_same(tmp_path):
    _, target = pixels()
    images = torch.randn(2, 3, 4, 6)
    network = Network(HierarchicalCrossEntropyLoss(FACES))
    expected = step(network, network, images, target)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        found = step(network, nn.parallel.DistributedDataParallel(network), images, target)
        # what holds the group last waits for its threads, and they for Python's lock, which DDP would not let go of
        gc.collect()
    finally:
        torch.distributed.destroy_process_group()
    for of_parallel, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(of_parallel, wanted)


_OF_TWO = """
import sys
import torch
from torch import nn
import hierdsl

rank, meet = int(sys.argv[1]), sys.argv[2]
torch.manual_seed(0)
images, target = torch.randn(2, 3, 40, 60), torch.randint(11, (2, 40, 60))
network = nn.Conv2d(3, 11, 1)
loss = hierdsl.HierarchicalCrossEntropyLoss(
    hierdsl.compile_hierarchy(hierdsl.load("helen")), reduction="sum", engine="fused"
)
loss(network(images), target).backward()
expected = [p.grad / 2 for p in network.parameters()]  # the processes' mean
network.zero_grad()
torch.distributed.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=2)
parallel = nn.parallel.DistributedDataParallel(network)
for _ in range(2):  # the second time, nothing is left of the first
    network.zero_grad()
    loss(parallel(images[rank : rank + 1]), target[rank : rank + 1]).backward()
for p, wanted in zip(network.parameters(), expected):
    torch.testing.assert_close(p.grad, wanted, rtol=1e-4, atol=1e-3)
del parallel  # as in the test before
torch.distributed.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_average_the_gradients_of_their_images(tmp_path):
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _OF_TWO, str(rank), str(tmp_path / "meet")],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [child.communicate(timeout=240)[1] for child in children]
    finally:
        for child in children:
            child.kill()
    assert [child.returncode for child in children] == [0, 0], "\n".join(said)
