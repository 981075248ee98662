"""The hierarchical loss against the flat cross-entropy that it replaces: time, memory and exactness, in one table.

    python benchmarks/loss.py                  the shapes of the goals, on a GPU if there is one, else on 2 threads
    python benchmarks/loss.py --quick          small shapes, few runs: does it run?
    python benchmarks/loss.py --only vistas    one shape, or some: --only helen,1000x7

Each row is a form of the loss, its runs in turn with those of the others, in an order that changes, each after one
uncounted, and what is shorter than 5 ms some times in a row: the median time, its ratio to `F.cross_entropy`, the
least and the largest ratio of one round, and the largest memory beyond what was there before (logits and targets),
in sizes of the logits. Below, the relative errors of value and gradient against float64.
"""

import argparse
import ctypes
import gc
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

import hierdsl
from hierdsl.loss import HierarchicalCrossEntropyLoss, hierarchical_cross_entropy

Form = Callable[[Tensor, Tensor], Tensor]


def balanced(leaves: int, levels: int) -> str:
    """The text of a tree of so many leaves, all at depth `levels`, every node above with about as many children."""
    branch = max(2, round(leaves ** (1 / levels)))
    lines = ["tree"]

    def below(depth: int, first: int, last: int) -> None:
        if depth == levels - 1:
            lines.extend("    " * (depth + 1) + f"leaf{leaf}" for leaf in range(first, last))
            return
        count = min(branch, last - first)
        for i in range(count):
            start, end = (first + (last - first) * j // count for j in (i, i + 1))
            lines.append("    " * (depth + 1) + f"n{depth}.{start}")
            below(depth + 1, start, end)

    below(0, 0, leaves)
    return "\n".join(lines) + "\n"


def tree(name: str) -> hierdsl.CompiledHierarchy:
    """A bundled hierarchy, or `LEAVESxLEVELS` for a balanced one."""
    if "x" not in name:
        return hierdsl.compile_hierarchy(hierdsl.load(name))
    leaves, levels = map(int, name.split("x"))
    hierarchy, found = hierdsl.analyze(balanced(leaves, levels))
    if hierarchy is None:
        raise hierdsl.HierError(found)
    return hierdsl.compile_hierarchy(hierarchy)


SHAPES = {
    "cpu": [
        ("vistas", (5, 66, 256, 256)),
        ("helen", (5, 11, 256, 256)),
        ("1000x7", (256, 1000)),
        ("10000x7", (1024, 10000)),
    ],
    "cuda": [
        ("vistas", (16, 66, 512, 512)),
        ("66x1", (16, 66, 512, 512)),
        ("66x8", (16, 66, 512, 512)),
        ("helen", (16, 11, 512, 512)),
        ("1000x7", (1024, 1000)),
        ("10000x7", (4096, 10000)),
        ("100000x7", (1024, 100000)),
    ],
    "quick": [("vistas", (1, 66, 32, 32)), ("100x7", (16, 100))],
}


def vectorised(compiled: hierdsl.CompiledHierarchy, device: torch.device) -> Form:
    """What one writes with torch's own functions: log-softmax, sums by level with index_add, nll."""
    leaves = compiled.num_leaves
    groups = [torch.tensor(compiled.group[level], device=device) for level in range(compiled.num_levels)]
    sizes = compiled.num_groups.tolist()

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        log_p = functional.log_softmax(logits, 1)
        p = log_p.exp()
        total = functional.nll_loss(log_p, groups[-1][target])
        for group, size in zip(groups[:-1], sizes[:-1], strict=True):
            sums = p.new_zeros(p.shape[0], size, *p.shape[2:]).index_add(1, group[:leaves], p)
            total = total + functional.nll_loss(sums.log(), group[target])
        return total

    return loss


def forms(
    compiled: hierdsl.CompiledHierarchy, device: torch.device, *, compiled_flat: bool
) -> dict[str, Form]:
    """The forms to time; the first is what the others are compared with."""
    found: dict[str, Form] = {"flat cross-entropy": functional.cross_entropy}
    if compiled_flat:
        torch.compiler.reset()  # else it is compiled for any shape, having seen another
        found["flat, torch.compile"] = torch.compile(functional.cross_entropy)

    def ours(**options: object) -> Form:
        return lambda logits, target: hierarchical_cross_entropy(logits, target, compiled, **options)  # type: ignore[call-overload, no-any-return]

    found["log-softmax, index_add, nll"] = vectorised(compiled, device)
    found["hierdsl, reference"] = ours(engine="reference")
    found["hierdsl"] = ours(engine="fused")
    found["hierdsl, with level losses"] = lambda logits, target: hierarchical_cross_entropy(
        logits, target, compiled, engine="fused", return_levels=True
    )[0]
    found["hierdsl, as a module"] = HierarchicalCrossEntropyLoss(compiled, engine="fused").to(device)
    found["hierdsl, class weights"] = ours(weight=1 + torch.rand(compiled.num_leaves, device=device))
    found["hierdsl, smoothing uniform"] = ours(label_smoothing=0.1)
    found["hierdsl, smoothing siblings"] = ours(label_smoothing=0.1, smoothing="siblings")
    found["hierdsl, focal 2"] = ours(focal_gamma=2.0)
    found["hierdsl, focal 1.5"] = ours(focal_gamma=1.5)
    return found


def once(form: Form, logits: Tensor, target: Tensor, *, backward: bool) -> None:
    """One step of the loss."""
    if backward:
        logits.grad = None
        form(logits, target).backward()
    else:
        with torch.no_grad():
            form(logits, target)


def seconds(step: Callable[[], object], device: torch.device, steps: int = 1) -> float:
    """How long one step takes, the mean of some, on the GPU by its own clock."""
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(steps):
            step()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1e3 / steps
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - begin) / steps


def peak_memory(step: Callable[[], None], device: torch.device) -> float:
    """Bytes at the most, during a step, beyond what there was before it; NaN where the system cannot tell."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    if platform.system() != "Linux":
        return float("nan")
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    step()
    return resident("VmHWM") - before


def resident(field: str) -> float:
    """A field of the process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


def copy_bandwidth(device: torch.device, size: int = 2**30) -> float:
    """Bytes a second that a plain copy reads and writes on this device."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = [seconds(partial(target.copy_, source), device) for _ in range(20)]
    return 2 * source.numel() / statistics.median(times)


def measure(
    name: str,
    shape: tuple[int, ...],
    device: torch.device,
    runs: int,
    dtype: torch.dtype,
    *,
    with_compiled: bool,
    channels_last: bool,
) -> None:
    """Print the table of one tree and shape."""
    compiled = tree(name)
    generator = torch.Generator(device).manual_seed(0)
    logits = torch.randn(shape, generator=generator, device=device).to(dtype)
    if channels_last:
        logits = logits.contiguous(memory_format=torch.channels_last)
    logits.requires_grad_()
    target = torch.randint(shape[1], shape[:1] + shape[2:], generator=generator, device=device)
    chosen = forms(compiled, device, compiled_flat=with_compiled)
    size = logits.numel() * logits.element_size()
    kind = str(dtype).removeprefix("torch.")
    layout = ", channels last" if channels_last else ""
    print(
        f"\n{name}, {compiled.num_levels} levels, {tuple(shape)} {kind}{layout}, {size / 2**20:.1f} MiB of logits"
    )
    for backward in (True, False):
        print(
            f"  {'forward and backward' if backward else 'forward alone':<30} {'median':>10} {'ratio':>7} "
            f"{'least':>6} {'most':>6}  {'extra memory':>12}"
        )
        times: dict[str, list[float]] = {key: [] for key in chosen}
        steps = dict.fromkeys(chosen, 1)
        order = random.Random(0)  # noqa: S311 - a different one each round, so that none always follows the same
        for number in range(-2, runs):
            for key in order.sample(list(chosen), len(chosen)):
                if number > 2 and times[key][0] > 50 * times["flat cross-entropy"][0]:
                    continue  # three rounds tell enough of what is that slow
                step = partial(once, chosen[key], logits, target, backward=backward)
                step()  # so that none pays for what the one before left in caches and allocator
                taken = seconds(step, device, steps[key])
                steps[key] = 1 + int(5e-3 / taken)  # what is short, some times in a row
                if number >= 0:
                    times[key].append(taken)
        flat = times["flat cross-entropy"]
        for key, form in chosen.items():
            logits.grad = None
            extra = peak_memory(partial(once, form, logits, target, backward=backward), device) / size
            ratios = sorted(mine / other for mine, other in zip(times[key], flat, strict=False))
            middle = statistics.median(times[key])
            print(
                f"  {key:<30} {middle * 1e3:>7.3f} ms {statistics.median(ratios):>7.2f} {ratios[0]:>6.2f} "
                f"{ratios[-1]:>6.2f}  {extra:>12.2f}"
            )
            if device.type == "cuda" and backward and key in ("hierdsl", "flat cross-entropy"):
                share = 2 * size / middle / copy_bandwidth(device)
                print(
                    f"  {'':<30} {share:.0%} of the copy bandwidth, over the logits read and the gradient written"
                )
    logits.grad = None
    errors(compiled, shape, device, dtype)


def errors(
    compiled: hierdsl.CompiledHierarchy, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> None:
    """Print the errors of value and gradient against the reference in float64."""
    small = (min(shape[0], 2), shape[1], *(min(side, 64) for side in shape[2:]))
    for scale in (1, 10, 100):
        generator = torch.Generator().manual_seed(scale)
        z = (scale * torch.randn(small, generator=generator)).to(device, dtype)
        y = torch.randint(compiled.num_nodes, small[:1] + small[2:], generator=generator).to(device)
        found = []
        for engine, values in (("fused", z), ("reference", z.double())):
            values = values.clone().requires_grad_()  # noqa: PLW2901 - a leaf of its own
            loss = hierarchical_cross_entropy(values, y, compiled, engine=engine)
            loss.backward()
            found.append((loss.double(), values.grad.double()))
        (loss, gradient), (exact, exact_gradient) = found
        off = (gradient - exact_gradient).abs().max() / exact_gradient.abs().max()
        print(
            f"  logits of deviation {scale:>3}: relative error of the loss {abs(loss / exact - 1).item():.1e}, "
            f"of the gradient {off.item():.1e}"
        )


def main() -> None:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--runs", type=int, default=12, help="counted rounds")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--only", help="some trees: their names in the tables, with commas")
    parser.add_argument(
        "--channels-last", action="store_true", help="images with their channels side by side"
    )
    parser.add_argument(
        "--compiled", action="store_true", help="time torch.compile of the flat loss, which takes a while"
    )
    parser.add_argument("--quick", action="store_true", help="small shapes, three rounds")
    options = parser.parse_args()
    for name in ("threads", "runs"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: at least 1")
    try:
        device = torch.device(options.device)
        torch.empty(1, device=device)
        shapes = SHAPES["quick" if options.quick else device.type]
    except (RuntimeError, AssertionError, KeyError):  # torch says it so where it was built without CUDA
        parser.error(
            f"--device: {options.device!r} cannot be used here; cpu or, where torch finds one, cuda can"
        )
    trees = [name for name, _ in shapes] if options.only is None else options.only.split(",")
    for name in trees:
        if name not in dict(shapes):
            parser.error(f"--only: there is no {name!r}, but {', '.join(dict(shapes))}")
    torch.set_num_threads(options.threads)
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {options.threads} threads"
    print(f"torch {torch.__version__}, {where}")
    runs = 3 if options.quick else options.runs
    for name, shape in shapes:
        if name not in trees:
            continue
        measure(
            name,
            shape,
            device,
            runs,
            getattr(torch, options.dtype),
            with_compiled=options.compiled,
            channels_last=options.channels_last and len(shape) == 4,
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
