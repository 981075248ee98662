"""What the arguments of a loss come to is computed once, and never held on to when they change."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss.trees import FACES, STREET, compiled_of, pixels, random_tree

from hierdsl.loss import HierarchicalCrossEntropyLoss, hierarchical_cross_entropy, reference, settled
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
    options = {
        "level_weights": None,
        "weighting": None,
        "weight": None,
        "ignore_index": -100,
        "reduction": "mean",
        "label_smoothing": 0.0,
        "smoothing": "uniform",
        "focal_gamma": 0.0,
        "engine": "auto",
    }
    return FACES, torch.device("cpu"), torch.float32, *(options | changed).values()


@given(random_tree(), st.integers(0, 100))
def test_the_weight_of_an_inner_node_is_the_mean_of_its_leaves(text, seed):
    compiled = compiled_of(text)
    tables = tables_on(compiled, torch.device("cpu"))
    weights = torch.rand(
        compiled.num_leaves, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    found = node_weights(tables, weights)
    expected = [[] for _ in range(compiled.num_nodes)]
    for leaf in range(compiled.num_leaves):
        node = leaf
        while node >= 0:
            expected[node].append(weights[leaf].item())
            node = compiled.parent[node]
    np.testing.assert_allclose(found.numpy(), [np.mean(of_node) for of_node in expected], rtol=1e-14)
    torch.testing.assert_close(reference.node_weights(tables, weights), found, rtol=1e-14, atol=0)


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
