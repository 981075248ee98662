"""Which engine is taken, and what is said where it cannot be."""

import pytest
import torch
from loss.trees import FACES

from hierdsl.loss import HierarchicalCrossEntropyLoss, engines, hierarchical_cross_entropy


@pytest.fixture
def installed(monkeypatch):
    """Have a package be installed in some version, or not at all."""

    def install(version):
        def found(package):
            if version is None:
                raise engines.PackageNotFoundError(package)
            return version

        engines._found.cache_clear()
        monkeypatch.setattr(engines, "version", found)
        monkeypatch.setattr(engines, "find_spec", lambda _: None)

    yield install
    engines._found.cache_clear()


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("3.4.0", True),
        ("3.10.1", True),
        ("4.0rc1", True),
        ("3.6.0+git1", True),
        ("3.3.1", False),
        (None, False),
    ],
)
def test_a_package_has_to_be_there_and_new_enough(installed, version, good):
    installed(version)
    why_not = engines.against("cuda", torch.float32)
    assert why_not == (None if good else "the package triton is not installed, or older than 3.4")


@pytest.mark.parametrize(
    ("device", "dtype", "why_not"),
    [
        ("cuda", torch.float64, "on a GPU there is none for float64"),
        ("cuda", torch.float32, None),
        ("cpu", torch.float64, None),
        ("mps", torch.float32, "there is none for the device mps"),
    ],
)
def test_what_stands_against_the_fused_loss(installed, device, dtype, why_not):
    installed("99.0")
    assert engines.against(device, dtype) == why_not


@pytest.mark.parametrize(
    ("device", "dtype", "there", "module"),
    [
        ("cpu", torch.float32, "99.0", "enlarge"),
        ("cuda", torch.float32, "99.0", "gpu.enlarge"),
        ("cuda", torch.float32, None, "enlarge"),
        ("cuda", torch.float64, "99.0", "enlarge"),
        ("mps", torch.float32, "99.0", "enlarge"),
    ],
)
def test_what_enlarges_logits(installed, device, dtype, there, module):
    installed(there)
    assert engines.enlarged_on(device, dtype).__module__ == f"hierdsl.loss.{module}"


def test_an_engine_that_there_is_not_is_refused():
    logits, target = torch.zeros(1, 11, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long)
    message = "engine is 'auto', 'fused' or 'reference', not 'fast one'"
    with pytest.raises(ValueError, match=message):
        hierarchical_cross_entropy(logits, target, FACES, engine="fast one")
    with pytest.raises(ValueError, match=message):
        HierarchicalCrossEntropyLoss(FACES, engine="fast one")
