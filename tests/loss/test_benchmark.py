"""The benchmark of the loss: what it runs on a GPU alone, on the CPU."""

import pytest
import torch


@pytest.fixture(scope="module")
def benchmark_of_loss(script_of):
    return script_of("benchmarks", "loss.py")


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "no such tree"], "--only: there is no 'no such tree'"),
        (["--only", ""], "--only: there is no ''"),
        (["--device", "a gpu"], "--device: "),
        (["--device", "cuda:7"], "--device: "),
        (["--runs", "0"], "--runs: at least 1"),
        (["--threads", "0"], "--threads: at least 1"),
    ],
)
def test_says_what_does_not_fit(benchmark_of_loss, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr("sys.argv", ["loss.py", "--quick", *arguments])
    with pytest.raises(SystemExit) as stopped:
        benchmark_of_loss.main()
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
