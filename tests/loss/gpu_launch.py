"""Laws of launches, on a device that need not be there and only notes what it is given; `test_gpu.py` runs this."""

import itertools

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase

import hierdsl
from hierdsl.loss.gpu import engine
from hierdsl.loss.gpu.launch import Kernel
from hierdsl.loss.gpu.layout import layout_of, text_of
from hierdsl.loss.gpu.scale import _scale
from hierdsl.loss.tables import tables_on

FACES = hierdsl.compile_hierarchy(hierdsl.load("helen"))
LARGE = hierdsl.compile_hierarchy(
    hierdsl.analyze(
        "tree\n    a\n"
        + "".join(f"        a{i}\n" for i in range(9))
        + "".join(f"    b{i}\n" for i in range(230))
    )[0]
)
"""Not to be unrolled."""
LAUNCHES = []


class Launcher:
    """Of one compiled kernel."""

    def __init__(self, source, _metadata):
        self.name = source.fn.__name__

    def __call__(self, *given):
        numbers = [x for x in given if type(x) in (int, float)]
        LAUNCHES.append((self, numbers, [x.data_ptr() for x in given if isinstance(x, torch.Tensor)]))


class Device(DriverBase):
    """Of compute capability 9.0."""

    launcher_cls = Launcher

    def __init__(self):
        self.utils = self

    @staticmethod
    def load_binary(*_):
        return "module", "function", 32, 0, 1024

    @staticmethod
    def get_device_properties(_device):
        return {"max_shared_mem": 1 << 17}

    @staticmethod
    def get_current_target():
        return GPUTarget("cuda", 90, 32)

    @staticmethod
    def get_current_device():
        return 0

    @staticmethod
    def get_current_stream(_device):
        return 0

    @classmethod
    def is_active(cls):
        return True

    def get_active_torch_device(self):
        return torch.device("cpu")

    def map_python_to_cpp_type(self, kind):
        return kind

    def get_benchmarker(self):
        raise NotImplementedError


triton.runtime.driver.set_active(Device())


@pytest.fixture(autouse=True)
def _nothing_launched():
    LAUNCHES.clear()


def test_whatever_is_launched_is_what_triton_would_launch():
    kernel = Kernel(_scale)
    by = torch.ones(2)
    kinds = set()
    cases = itertools.product(
        (torch.float32, torch.bfloat16),
        (0, 8, 1),  # the first number: 8 of them are 16 bytes, and one is less
        (1, 16, 17, 1 << 40),
        ({"num_warps": 8, "BLOCK": 1024}, {"num_warps": 4, "BLOCK": 1024}, {"num_warps": 8, "BLOCK": 512}),
    )
    for dtype, first, size, constants in list(cases) * 2:
        gradient = torch.zeros(64, dtype=dtype)[first:]
        kernel(3, (gradient, by), (size, 3), **constants)
        _scale[(3,)](gradient, by, size, 3, **constants, enable_fp_fusion=True)
        mine, tritons = LAUNCHES[-2:]
        assert mine == tritons
        kinds.add(mine[0])
    assert len(kinds) == 2 * 2 * 2 * 3  # types, aligned or not, sizes of an integer, constants


@pytest.mark.parametrize("shape", [(2, 5, 4), (40,)])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"focal_gamma": 2, "reduction": "sum"}])
@pytest.mark.parametrize("compiled", [FACES, LARGE], ids=["small", "large"])
def test_the_second_step_launches_what_the_first_did(compiled, shape, options, monkeypatch):
    logits = torch.randn(shape[0], compiled.num_leaves, *shape[1:])
    target = torch.randint(compiled.num_leaves, shape)
    tables = tables_on(compiled, torch.device("cpu"))
    layout = [torch.tensor(table) for table in layout_of(compiled)]
    given = {
        "ignore_index": -100,
        "reduction": "mean",
        "label_smoothing": 0,
        "siblings": False,
        "focal_gamma": 0,
        "gradient": True,
        "levels": False,
    } | options

    def step():
        LAUNCHES.clear()
        engine.fused(logits, target, text_of(compiled), layout, tables.factors, tables.node_weights, **given)
        return [(launcher, numbers) for launcher, numbers, _ in LAUNCHES]

    first = step()
    names = [launcher.name for launcher, _ in first]
    assert names[0] == "_coefficients"
    assert names[-1] == "_add_up"
    if compiled is LARGE and "label_smoothing" in options:
        added = ["_sums_of_nodes", "_sum_of_a_node", "_slopes_of_inner", "_slopes_of_leaves"]
        assert names[1:-1] == ["rows_kernel", *added]
    else:
        assert len(names) == 3
    # the compiler is not asked again
    monkeypatch.setattr(triton.JITFunction, "run", None)
    assert step() == first


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q", "-x", "-p", "no:cacheprovider"]))
