"""How much memory do logits take that need not exist, and does it cost time to do without them?

    python benchmarks/head.py [--quick] [--device cuda] [--only NAME] [--rounds N]

Each case is computed in two forms, forward and backward:

    two steps   F.conv2d, F.linear or F.interpolate makes the logits, hierarchical_cross_entropy the loss
    tiles       hierarchical_linear_cross_entropy or hierarchical_upsampled_cross_entropy

`time` is the ratio of the medians of runs of both forms in turn, in one process. Memory is the peak over forward
and backward, of one run in a process of its own after one with a small batch (which compiles and warms what stays),
less what was held just before. `extra` is that peak beyond the inputs and beyond the gradients that are asked for,
which both forms must hold in the end; `all` is the peak beyond the inputs alone. On a CPU they are of the resident
set, on a GPU of torch's allocator.
"""

import argparse
import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional

import hierdsl
from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss import (
    hierarchical_cross_entropy,
    hierarchical_linear_cross_entropy,
    hierarchical_upsampled_cross_entropy,
)

MIB = 2**20
FORMS = ("two steps", "tiles")
CASES: dict[str, tuple[str, int, tuple[int, ...], tuple[int, ...]]] = {
    # name: kind, classes, shape of the features or of the small logits, shape of the target
    "conv": ("linear", 66, (16, 64, 512, 512), (16, 512, 512)),
    "linear": ("linear", 100_000, (4096, 512), (4096,)),
    "upsampled": ("upsampled", 66, (4, 66, 256, 256), (4, 1024, 1024)),
}
QUICK: dict[str, tuple[str, int, tuple[int, ...], tuple[int, ...]]] = {
    "conv": ("linear", 66, (2, 64, 256, 256), (2, 256, 256)),
    "linear": ("linear", 10_000, (2048, 128), (2048,)),
    "upsampled": ("upsampled", 66, (1, 66, 128, 128), (1, 512, 512)),
}


def tree(leaves: int) -> CompiledHierarchy:
    """Three levels: leaves below groups of about 10, and these below groups of about 10."""
    lines = ["tree"]
    for leaf in range(leaves):
        if leaf % 100 == 0:
            lines.append(f"    a{leaf}")
        if leaf % 10 == 0:
            lines.append(f"        b{leaf}")
        lines.append(f"            c{leaf}")
    hierarchy, diagnostics = hierdsl.analyze("\n".join(lines) + "\n")
    if hierarchy is None:
        sys.exit(str(diagnostics))
    return hierdsl.compile_hierarchy(hierarchy)


def inputs(
    kind: str, leaves: int, shape: tuple[int, ...], target: tuple[int, ...], device: str
) -> tuple[list[Tensor], Tensor]:
    """What gradients are asked for, and the target."""
    generator = torch.Generator(device).manual_seed(0)

    def draw(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, device=device)

    given = [draw(*shape)]
    if kind == "linear":
        kernel = (leaves, shape[1], 1, 1) if len(shape) > 2 else (leaves, shape[1])
        given += [draw(*kernel).mul_(shape[1] ** -0.5), draw(leaves)]
    y = torch.randint(0, leaves, target, generator=generator, device=device)
    return [tensor.requires_grad_() for tensor in given], y


def step(form: str, kind: str, compiled: CompiledHierarchy, given: list[Tensor], target: Tensor) -> Tensor:
    """Forward and backward of one form; the loss."""
    for tensor in given:
        tensor.grad = None
    if form == "tiles":
        if kind == "linear":
            features, weight, bias = given
            loss = hierarchical_linear_cross_entropy(features, weight, bias, target, compiled)
        else:
            loss = hierarchical_upsampled_cross_entropy(given[0], target, compiled)
    else:
        if kind == "upsampled":
            logits = functional.interpolate(given[0], target.shape[1:], mode="bilinear")
        elif given[0].ndim > 2:
            logits = functional.conv2d(*given)
        else:
            logits = functional.linear(*given)
        loss = hierarchical_cross_entropy(logits, target, compiled)
    loss.backward()
    return loss.detach()


def resident(field: str) -> float:
    """A size of this process that the kernel keeps, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024.0
    raise OSError(f"/proc/self/status has no {field}")


def peak_of(run: Callable[[], object], device: str) -> float:
    """What is held at most while something runs, less what is held before, in bytes."""
    gc.collect()
    if device == "cuda":
        torch.cuda.synchronize()
        before = float(torch.cuda.memory_allocated())
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def measure_memory(name: str, form: str, device: str, cases: dict[str, tuple]) -> None:  # type: ignore[type-arg]
    """Print, for the process that asks, the peak of one form beyond the inputs and the size of the gradients."""
    kind, leaves, shape, of_target = cases[name]
    compiled = tree(leaves)
    few = (1, shape[1], *[min(16, size) for size in shape[2:]])
    few_pixels = (1, *[min(32, size) for size in of_target[1:]]) if kind == "upsampled" else (1, *few[2:])
    step(form, kind, compiled, *inputs(kind, leaves, few, few_pixels, device))
    given, target = inputs(kind, leaves, shape, of_target, device)
    peak = peak_of(lambda: step(form, kind, compiled, given, target), device)
    print(json.dumps([peak, sum(tensor.numel() * tensor.element_size() for tensor in given)]))


def memory(name: str, form: str, arguments: argparse.Namespace) -> tuple[float, float]:
    """The peak beyond the inputs and, of that, what is not a gradient that is asked for; bytes."""
    command = [sys.executable, __file__, "--measure", name, form, "--device", arguments.device]
    done = subprocess.run(  # noqa: S603 - this very file
        command + ["--quick"] * arguments.quick, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    peak, gradients = json.loads(done.stdout.splitlines()[-1])
    return peak, peak - gradients


def seconds(name: str, arguments: argparse.Namespace, cases: dict[str, tuple]) -> dict[str, float]:  # type: ignore[type-arg]
    """Median time of each form, run in turn; they are checked to agree."""
    kind, leaves, shape, of_target = cases[name]
    compiled = tree(leaves)
    given, target = inputs(kind, leaves, shape, of_target, arguments.device)
    losses = [step(form, kind, compiled, given, target) for form in FORMS]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=0)
    found: dict[str, list[float]] = {form: [] for form in FORMS}
    for _ in range(arguments.rounds):
        for form in FORMS:
            start = perf_counter()
            step(form, kind, compiled, given, target)
            if arguments.device == "cuda":
                torch.cuda.synchronize()
            found[form].append(perf_counter() - start)
    return {form: median(each) for form, each in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small shapes, for a run in CI")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--only", choices=list(CASES), help="one case alone")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each form (5)")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    cases = QUICK if arguments.quick else CASES
    if arguments.measure:
        measure_memory(*arguments.measure, arguments.device, cases)
        return
    threads = f", {torch.get_num_threads()} threads" if arguments.device == "cpu" else ""
    print(f"{arguments.device}{threads}, torch {torch.__version__}, median of {arguments.rounds} rounds")
    titles = f"{'seconds':>8} {'time':>6} {'extra MiB':>10} {'ratio':>6} {'all MiB':>8} {'ratio':>6}"
    print(f"{'case':<10} {'form':<10} {titles}")
    for name in [arguments.only] if arguments.only else cases:
        peaks = {form: memory(name, form, arguments) for form in FORMS}
        taken = seconds(name, arguments, cases)
        base = FORMS[0]
        for form in FORMS:
            (whole, extra), (base_whole, base_extra) = peaks[form], peaks[base]
            print(
                f"{name:<10} {form:<10} {taken[form]:8.3f} {taken[form] / taken[base]:6.2f} {extra / MIB:10.1f} "
                f"{extra / base_extra:6.3f} {whole / MIB:8.1f} {whole / base_whole:6.3f}"
            )


if __name__ == "__main__":
    main()
