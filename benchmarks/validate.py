"""How long does `hierdsl validate` take for a big tree, and how long does PyYAML for the same tree as YAML?

    pip install pyyaml; python benchmarks/validate.py [LEAVES [ROUNDS]]

A tree of 100,000 leaves in three levels, if not told otherwise; the rivals only load the text and check nothing. Each
is a whole command, start of Python included, one after the other for some rounds; printed are the medians, the peak
memory and the ratios. Last, a file of 1,000,000 nodes, and one of 1,000 levels.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

LOAD = "import sys, yaml; yaml.load(open(sys.argv[1]).read(), Loader=yaml.{})"


def tree(leaves: int, form: str) -> str:
    """Groups of groups of leaves, as many of each."""
    side = round(leaves ** (1 / 3))
    colon, null = (":", " null") if form == "yaml" else ("", "")
    lines, made = [f"tree{colon}"], 0
    for a in range(side):
        lines.append(f"    group_{a}{colon}")
        for b in range(side):
            lines.append(f"        sub_{a}_{b}{colon}")
            share = (leaves - made) // (side * side - a * side - b)
            lines += [f"            leaf_{i}{colon}{null}" for i in range(made, made + share)]
            made += share
    return "\n".join([*lines, ""])


def run(arguments: list[str]) -> tuple[float, float]:
    """Seconds, and peak memory in MB."""
    start = perf_counter()
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)  # noqa: S603 - our own commands
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{arguments} failed")
    return perf_counter() - start, usage.ru_maxrss / 1000


def main() -> None:
    """Print the table."""
    leaves = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    validate = [sys.executable, "-m", "hierdsl", "validate"]
    with tempfile.TemporaryDirectory() as folder:
        hier, yaml = Path(folder, "tree.hier"), Path(folder, "tree.yaml")
        hier.write_text(tree(leaves, "hier"))
        yaml.write_text(tree(leaves, "yaml"))
        ways = {
            "hierdsl validate": [*validate, str(hier)],
            "PyYAML CSafeLoader": [sys.executable, "-c", LOAD.format("CSafeLoader"), str(yaml)],
            "PyYAML SafeLoader": [sys.executable, "-c", LOAD.format("SafeLoader"), str(yaml)],
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, arguments in ways.items():
                found[name].append(run(arguments))
        print(f"{leaves:,} leaves in 3 levels, median of {rounds} interleaved rounds")
        ours = median(seconds for seconds, _ in found["hierdsl validate"])
        for name, each in found.items():
            seconds = median(seconds for seconds, _ in each)
            print(f"{name:>20} {seconds:7.2f} s {max(mb for _, mb in each):6.0f} MB {ours / seconds:6.2f}")
        hier.write_text("\n".join(tree(1_000_000, "hier").split("\n")[:1_000_001]) + "\n")
        seconds, memory = run([*validate, str(hier)])
        print(f"1,000,000 nodes: {seconds:.2f} s, {memory:.0f} MB, {seconds / ours:.1f} times as long")
        hier.write_text("tree\n" + "".join(f"{' ' * d}n{d}\n{' ' * d}m{d}\n" for d in range(1, 1001)))
        seconds, memory = run([*validate, str(hier)])
        print(f"1,000 levels: {seconds:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
