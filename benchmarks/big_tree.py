"""How long does everything that a person waits for take on a taxonomy of 16,000 nodes?

    python benchmarks/big_tree.py [DIR]

The taxonomy is made up, from a seed: as many nodes at each rank as in iNaturalist 2021 (10,000 species), a twentieth
of the classes, orders and families left out, so that branches lack ranks. scripts/taxonomy.py makes a .hier file of
it in DIR (default: a temporary folder), from the names alone. Printed are the seconds of each command, the start of
Python included, the best of three; what it writes stays in DIR to be looked at.
"""

import csv
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
COUNTS = {
    "kingdom": 3,
    "phylum": 13,
    "class": 51,
    "order": 273,
    "family": 1103,
    "genus": 4884,
    "species": 10_000,
}
FORMS = {"order": "{}iformes", "family": "{}idae", "species": "{parent} {}"}
MAY_LACK = {"class", "order", "family"}
SYLLABLES = [c + v for c in "bcdfglmnprstv" for v in "aeiou"]


def taxonomy(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Edges, child and parent, of a made-up taxonomy under the root Life."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    taken: set[str] = set()
    above = ["Life"]
    for rank, count in COUNTS.items():
        shares = [rng.paretovariate(1) for _ in above]  # a few groups are big, most are small
        parents = above + rng.choices(above, shares, k=max(count - len(above), 0))
        above = []
        for parent in sorted(parents[:count]):
            name = new_name(rng, FORMS.get(rank, "{}"), parent, taken)
            if rank in MAY_LACK and rng.random() < 0.05:
                above.append(parent)
            else:
                yield name, parent
                above.append(name)


def new_name(rng: random.Random, form: str, parent: str, taken: set[str]) -> str:
    """A name that nothing else has."""
    while True:
        word = "".join(rng.choices(SYLLABLES, k=4))
        name = form.format(word if "parent" in form else word.capitalize(), parent=parent)
        if name not in taken:
            taken.add(name)
            return name


def best_of_three(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds of a command and what it prints."""
    seconds = []
    for _ in range(3):
        start = perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - ours
        seconds.append(perf_counter() - start)
    return min(seconds), done.stdout


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "edges.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("child", "parent"), *taxonomy()])
    hierdsl = [sys.executable, "-m", "hierdsl"]
    steps = {
        "taxonomy.py": [sys.executable, str(ROOT / "scripts" / "taxonomy.py"), "edges.csv", "-o", "big.hier"],
        "validate": [*hierdsl, "validate", "--format", "concise", "big.hier"],
        "compile": [*hierdsl, "compile", "big.hier", "-o", "big.npz"],
        **{f"show --level {rank}": [*hierdsl, "show", "big.hier", "--level", rank] for rank in COUNTS},
        "render": [*hierdsl, "render", "big.hier"],
        "render -o big.html": [*hierdsl, "render", "big.hier", "-o", "big.html"],
        "render --level order": [*hierdsl, "render", "big.hier", "--level", "order", "-o", "order.svg"],
        "render --level family": [*hierdsl, "render", "big.hier", "--level", "family", "-o", "family.svg"],
        "render -o big.svg": [*hierdsl, "render", "big.hier", "-o", "big.svg"],
    }
    for name, command in steps.items():
        seconds, said = best_of_three(command, folder)
        lines = said.splitlines()
        print(f"{name:<24}{seconds:6.2f} s  {lines[0] if len(lines) == 1 else f'{len(lines):,} lines'}")
    print(f"files are in {folder}")


if __name__ == "__main__":
    main()
