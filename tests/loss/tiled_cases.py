"""What the tests of both losses in tiles share: options, and a watch on what is allocated."""

import math

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import hierdsl
from hierdsl.loss import engines, tiled

IGNORE = -100


def compiled_of(text):
    hierarchy, diagnostics = hierdsl.analyze(text)
    assert hierarchy is not None, diagnostics
    return hierdsl.compile_hierarchy(hierarchy)


STREET = compiled_of(
    "levels\n    a [weight=0.5]\n    b [weight=-0.25]\n    c\n"
    "tree\n    sky\n    flat\n        road\n        path\n    thing\n        car\n        human\n"
    "            walker\n            rider\n"
)
GENERATOR = torch.Generator().manual_seed(5)
LEAF_WEIGHTS = torch.rand(STREET.num_leaves, generator=GENERATOR, dtype=torch.float64)
FACTORS = torch.randn(STREET.num_levels, STREET.num_nodes, generator=GENERATOR, dtype=torch.float64)
OPTIONS = {
    "plain": {},
    "level weights": {"level_weights": [0.1, -2.0, 3.0]},
    "weighting": {"weighting": FACTORS},
    "leaf weights": {"weight": LEAF_WEIGHTS},
    "uniform smoothing": {"label_smoothing": 0.2, "weight": LEAF_WEIGHTS},
    "sibling smoothing": {"label_smoothing": 0.2, "smoothing": "siblings"},
    "focal": {"focal_gamma": 2.0, "weighting": FACTORS, "weight": LEAF_WEIGHTS},
    "focal and smoothing": {"focal_gamma": 1.5, "label_smoothing": 0.1},
}


def random(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def targets(*shape, seed=1, ignored=0.2):
    """Leaves and inner nodes, a share of them ignored."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, STREET.num_nodes, shape, generator=generator)
    target[torch.rand(shape, generator=generator) < ignored] = IGNORE
    return target


def small_tiles(monkeypatch, values):
    """Make tiles of so many logits."""
    monkeypatch.setattr(tiled, "_VALUES", {"cpu": (values, values)})


def without_engine(monkeypatch):
    """Take the fused engine away."""
    monkeypatch.setattr(engines, "_ENGINES", {})


class Largest(TorchDispatchMode):
    """Keeps the size of the largest tensor that an operation makes, other than views of what there was."""

    def __init__(self, *known):
        super().__init__()
        self.known = {tensor.untyped_storage().data_ptr() for tensor in known}
        self.values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in self.known:
                self.values = max(self.values, tensor.untyped_storage().nbytes() // tensor.element_size())
        return made


def largest(run, *known):
    """How many values the largest tensor has that is made while something runs."""
    with Largest(*known) as watch:
        run()
    return watch.values


def agree(found, expected, tolerance=1e-12):
    """Compare losses and gradients of two forms."""
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        scale = max(1e-300, other.abs().max().item()) if other.numel() else 1.0
        assert math.isfinite(scale)
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * min(1.0, scale))
