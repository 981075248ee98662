"""The benchmark of the loss: what it runs on a GPU alone, on the CPU."""

import importlib.util

import pytest
import torch


@pytest.fixture(scope="module")
def benchmark_of_loss(root):
    specification = importlib.util.spec_from_file_location("loss_benchmark", root / "benchmarks" / "loss.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_a_copy_has_a_bandwidth(benchmark_of_loss):
    assert 0 < benchmark_of_loss.copy_bandwidth(torch.device("cpu"), 2**16) < float("inf")


def test_all_forms_are_timed_and_compared(benchmark_of_loss, capsys):
    for last in (False, True):
        benchmark_of_loss.measure(
            "20x3",
            (1, 20, 4, 4),
            torch.device("cpu"),
            1,
            torch.float32,
            with_compiled=False,
            channels_last=last,
        )
    told = capsys.readouterr().out
    for form in (
        "flat cross-entropy",
        "hierdsl, reference",
        "hierdsl, smoothing siblings",
        "hierdsl, focal 2",
    ):
        assert told.count(f"  {form} ") == 4, told  # two layouts, with and without a gradient
    assert told.count("relative error of the loss") == 6
