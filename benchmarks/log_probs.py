"""What do the log-probabilities of all nodes cost, beside those of the leaves and what one would write for them?

    python benchmarks/log_probs.py [--device cuda] [--runs N]

Each tree and shape is computed in four ways, forward alone, in turn in one process; printed are the medians, and the
ratios to log-softmax, which gives the leaves alone:

    log-softmax                          the leaves
    softmax, index_add, log              the groups of each level; a probability that underflows is lost
    each level by marginal_log_probs     the same, exact
    NodeLogProbs                         all nodes, exact

The last column is the largest error against float64, for logits of standard deviation 30; "lost" says that one is
infinite.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

import hierdsl
from hierdsl.loss import NodeLogProbs, marginal_log_probs

SHAPES = {
    "cpu": [("vistas", (5, 66, 256, 256)), ("helen", (5, 11, 256, 256)), ("inat19", (256, 1010))],
    "cuda": [("vistas", (16, 66, 512, 512)), ("helen", (16, 11, 512, 512)), ("inat19", (4096, 1010))],
}
DEVIATION = 30.0


def ways(compiled: hierdsl.CompiledHierarchy, device: torch.device) -> dict[str, Callable[[Tensor], Tensor]]:
    """The ways to compute them; the first is what the others are compared with."""
    leaves, sizes = compiled.num_leaves, compiled.num_groups.tolist()
    maps = [torch.tensor(level[:leaves], device=device) for level in compiled.group]

    def summed(z: Tensor) -> Tensor:
        p = z.softmax(1)
        levels = [
            p.new_zeros(len(p), size, *p.shape[2:]).index_add(1, group, p)
            for group, size in zip(maps, sizes, strict=True)
        ]
        return torch.cat(levels, 1).log()

    def each_level(z: Tensor) -> Tensor:
        return torch.cat(
            [marginal_log_probs(z, group, size) for group, size in zip(maps, sizes, strict=True)], 1
        )

    return {
        "log-softmax": lambda z: z.log_softmax(1),
        "softmax, index_add, log": summed,
        "each level by marginal_log_probs": each_level,
        "NodeLogProbs": NodeLogProbs(compiled).to(device),
    }


def error(way: Callable[[Tensor], Tensor], logits: Tensor) -> str:
    """Against float64, of the first rows."""
    some = logits[:1] if logits.ndim > 2 else logits
    wrong = (way(some).double() - way(some.double())).abs().max().item()
    return f"{wrong:.1e}" if wrong < float("inf") else "lost"


def measure(name: str, shape: tuple[int, ...], device: torch.device, runs: int) -> None:
    """Print the table of one tree and shape."""
    compiled = hierdsl.compile_hierarchy(hierdsl.load(name))
    generator = torch.Generator(device).manual_seed(0)
    logits = DEVIATION * torch.randn(shape, generator=generator, device=device)
    found = ways(compiled, device)
    times: dict[str, list[float]] = {way: [] for way in found}
    for run in range(runs + 2):  # the first two warm what stays
        for way, compute in found.items():
            begin = time.perf_counter()
            compute(logits)
            if device.type == "cuda":
                torch.cuda.synchronize()
            if run >= 2:
                times[way].append(time.perf_counter() - begin)
    print(f"\n{name}: {tuple(shape)}, {compiled.num_nodes} nodes, {compiled.num_levels} levels")
    base = statistics.median(times["log-softmax"])
    for way, each in times.items():
        took = statistics.median(each)
        print(f"  {way:<34}{took * 1e3:10.3f} ms {took / base:8.2f}   {error(found[way], logits)}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--device", choices=SHAPES, default="cpu", help="where (default: %(default)s)")
    parser.add_argument(
        "--runs", type=int, default=12, help="runs to take the median of (default: %(default)s)"
    )
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    where = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    print(f"torch {torch.__version__}, {where}; median of {arguments.runs} runs, ratio to log-softmax, error")
    with torch.no_grad():
        for name, shape in SHAPES[arguments.device]:
            measure(name, shape, device, arguments.runs)


if __name__ == "__main__":
    main()
