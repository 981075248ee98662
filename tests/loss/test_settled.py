"""What the arguments of a loss come to is computed once, and never held on to when they change."""

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss.trees import FACES, STREET, compiled_of, pixels, random_tree
from torch.autograd import forward_ad

from hierdsl.loss import HierarchicalCrossEntropyLoss, hierarchical_cross_entropy, reference, settled, tables
from hierdsl.loss.options import node_weights
from hierdsl.loss.tables import tables_on
from hierdsl.weighting import hxe

NUMBERS = {
    "level_weights": torch.tensor([1.0, 0.5, 2.0, -0.25]),
    "weighting": torch.tensor(hxe(FACES, 0.3).factors),
    "weight": torch.arange(1.0, 12.0),
}
LOGITS, TARGET = pixels(FACES, dtype=torch.float32)


def through_numpy(numbers):
    numbers.numpy()[...] **= 2


CHANGES = {
    "in place": lambda numbers: numbers.pow_(2),
    "its data": lambda numbers: numbers.data.pow_(2),
    "one number": lambda numbers: numbers.view(-1)[0].add_(1),
    "through NumPy": through_numpy,
    "another storage": lambda numbers: numbers.set_(numbers**2),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("form", ["function", "module"])
def test_a_tensor_counts_as_it_is_at_the_call(form, name, change):
    numbers = NUMBERS[name].clone()
    if form == "module":
        module = HierarchicalCrossEntropyLoss(FACES, **{name: numbers})
        numbers = getattr(module, name)

    def loss():
        if form == "module":
            return module(LOGITS, TARGET)
        return hierarchical_cross_entropy(LOGITS, TARGET, FACES, **{name: numbers})

    def expected():
        alike = {name: numbers.clone()}
        return hierarchical_cross_entropy(LOGITS, TARGET, FACES, **alike, engine="reference")

    before = loss()
    torch.testing.assert_close(before, expected())
    CHANGES[change](numbers)
    after = loss()
    torch.testing.assert_close(after, expected())
    assert not torch.isclose(before, after)


@pytest.mark.parametrize("name", NUMBERS)
def test_equal_numbers_are_computed_with_once(name, monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return node_weights(*arguments)

    monkeypatch.setattr(settled, "node_weights", counted)
    settled._settled_once.cache_clear()
    for numbers in (NUMBERS[name], NUMBERS[name].clone(), torch.stack([NUMBERS[name]] * 2, -1)[..., 0]):
        hierarchical_cross_entropy(LOGITS, TARGET, FACES, **{name: numbers})
    assert len(calls) == 1
    for other in (NUMBERS[name] * 2, NUMBERS[name] * 2):
        hierarchical_cross_entropy(LOGITS, TARGET, FACES, **{name: other})
    assert len(calls) == 2
    settled._settled_once.cache_clear()


def test_a_list_counts_as_the_tensor_it_is_made_into():
    large = [1, 1, 1, (1 << 24) + 1]  # as float32 one less
    for numbers in (large, [float(number) for number in large], tuple(large), large):
        found = settled.settled(*arguments(level_weights=numbers)).factors
        expected = settled.settled(*arguments(level_weights=torch.as_tensor(numbers))).factors
        assert torch.equal(found, expected)
    numbers = [1.0, 2.0, 3.0, 4.0]
    before = hierarchical_cross_entropy(LOGITS, TARGET, FACES, level_weights=numbers)
    numbers[0] = 7.0
    after = hierarchical_cross_entropy(LOGITS, TARGET, FACES, level_weights=numbers)
    assert not torch.isclose(before, after)


@pytest.mark.parametrize(
    "change",
    [
        lambda numbers: numbers.half(),
        lambda numbers: numbers.int(),
        lambda numbers: torch.stack([numbers, numbers], 1)[:, 0],
        lambda numbers: torch.complex(numbers, -numbers).conj().imag,  # kept as its negative
        lambda numbers: numbers.numpy(),
        list,  # of tensors
        lambda numbers: numbers.clone().requires_grad_(),
    ],
)
def test_numbers_of_any_kind_give_what_their_values_give(change):
    numbers = torch.tensor([1.0, 2.0, 4.0, 0.0])
    expected = hierarchical_cross_entropy(LOGITS, TARGET, FACES, level_weights=numbers)
    found = hierarchical_cross_entropy(LOGITS, TARGET, FACES, level_weights=change(numbers))
    torch.testing.assert_close(found.detach(), expected)


def arguments(**changed):
    numbers = tuple(({"level_weights": None, "weighting": None, "weight": None} | changed).values())
    options = (-100, "mean", 0.0, "uniform", 0.0, "auto")
    return FACES, torch.device("cpu"), torch.float32, numbers, *options


@given(random_tree(), st.integers(0, 100))
def test_the_weight_of_an_inner_node_is_the_mean_of_its_leaves(text, seed):
    compiled = compiled_of(text)
    on_cpu = tables_on(compiled, torch.device("cpu"))
    weights = torch.rand(
        compiled.num_leaves, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    found = node_weights(on_cpu, weights)
    expected = [[] for _ in range(compiled.num_nodes)]
    for leaf in range(compiled.num_leaves):
        node = leaf
        while node >= 0:
            expected[node].append(weights[leaf].item())
            node = compiled.parent[node]
    np.testing.assert_allclose(found.numpy(), [np.mean(of_node) for of_node in expected], rtol=1e-14)
    torch.testing.assert_close(reference.node_weights(on_cpu, weights), found, rtol=1e-14, atol=0)


def test_class_weights_are_compiled_and_exported_with_the_loss():
    logits, target = pixels(STREET, dtype=torch.float32)
    weights = torch.arange(1.0, 7.0)

    def loss(logits, target, weights):
        return hierarchical_cross_entropy(logits, target, STREET, weight=weights)

    expected = loss(logits, target, weights)
    found = torch.compile(loss, fullgraph=True, backend="aot_eager")(logits, target, weights)
    torch.testing.assert_close(found, expected)

    class Network(torch.nn.Module):
        def forward(self, logits, target, weights):
            return loss(logits, target, weights)

    exported = torch.export.export(Network(), (logits, target, weights)).module()
    torch.testing.assert_close(exported(logits, target, weights), expected)
    torch.testing.assert_close(exported(logits, target, weights * 2), loss(logits, target, weights * 2))


def loss_of(logits=LOGITS, engine="auto", **options):
    return hierarchical_cross_entropy(logits, TARGET, FACES, engine=engine, **options)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # torch's own way to a tangent
@pytest.mark.parametrize("name", NUMBERS)
def test_a_tangent_of_the_numbers_is_not_lost(name):
    numbers = NUMBERS[name].double()
    ways = torch.linspace(-1, 1, numbers.numel(), dtype=torch.float64).view(numbers.shape)
    _, expected = torch.func.jvp(lambda x: loss_of(engine="reference", **{name: x}), (numbers,), (ways,))
    for engine in ("auto", "reference"):
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(numbers, ways)
            found = forward_ad.unpack_dual(loss_of(engine=engine, **{name: dual})).tangent
        torch.testing.assert_close(found, expected)
        _, found = torch.func.jvp(lambda x: loss_of(engine=engine, **{name: x}), (numbers,), (ways,))  # noqa: B023
        torch.testing.assert_close(found, expected)
    with pytest.raises(RuntimeError, match="it has no gradient for weights"), forward_ad.dual_level():
        loss_of(engine="fused", **{name: forward_ad.make_dual(numbers, ways)})


@pytest.mark.filterwarnings("ignore")  # torch.jit.trace warns of each shape that it takes for a constant
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_recorded_takes_the_numbers_of_each_call(name):
    numbers = NUMBERS[name]
    recorded = torch.jit.trace(lambda z, x: loss_of(z, **{name: x}), (LOGITS, numbers), check_trace=False)
    for other in (numbers, numbers**2):
        torch.testing.assert_close(recorded(LOGITS, other), loss_of(**{name: other}))
    with pytest.raises(RuntimeError, match=r"torch\.jit\.trace does not record it"):
        torch.jit.trace(lambda z: loss_of(z, engine="fused"), (LOGITS,))


@pytest.mark.parametrize("cold", [False, True])
def test_nothing_is_kept_of_what_is_functionalized(cold):
    options = {"level_weights": [1.0, 0.5, 2.0, 0.5], "weight": NUMBERS["weight"].tolist()}
    expected = loss_of(**options)
    settled._settled_once.cache_clear()
    if cold:
        tables._kept.cache_clear()
    for kept in (options, {"weighting": hxe(FACES, 0.4)}):
        for engine in ("auto", "reference"):
            with contextlib.suppress(RuntimeError):  # of which torch has none for what is fused
                torch.func.functionalize(lambda z: loss_of(z, engine, **kept))(LOGITS)  # noqa: B023
    torch.testing.assert_close(loss_of(**options), expected, rtol=0, atol=0)


def test_numbers_that_a_transform_did_not_look_at_are_refused_afterwards():
    numbers = [1.0, 1.0, np.inf, 1.0]
    settled._settled_once.cache_clear()
    torch.func.grad(lambda z: loss_of(z, level_weights=numbers))(LOGITS)
    with pytest.raises(ValueError, match=r"level_weights\[2\] is inf"):
        loss_of(level_weights=numbers)


def test_a_list_is_of_the_type_that_is_the_default_at_the_call():
    numbers = [0.1, 0.2, 0.3, 0.7]
    loss_of(level_weights=numbers)
    try:
        torch.set_default_dtype(torch.float64)
        found = settled.settled(*arguments(level_weights=numbers)).factors
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.max() == 0.7


def test_the_messages_are_those_of_what_was_given():
    for name, shape in (("level_weights", "4 levels"), ("weight", "11 leaves"), ("weighting", "17 nodes")):
        with pytest.raises(ValueError, match=rf"shape \(0,\); the hierarchy has .*{shape}"):
            loss_of(**{name: torch.empty(0)})
    for kind in (list, tuple):
        with pytest.raises(ValueError, match=f"not {kind.__name__}$"):
            loss_of(weighting=kind([1.0]))
