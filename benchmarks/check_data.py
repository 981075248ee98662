"""How long does `hierdsl check-data` take, and how long is it for a script that only decodes the images?

    python benchmarks/check_data.py [FILE DIR [JOBS]]

FILE and DIR default to `camvid` and ../shared/data/camvid, JOBS to what the command chooses. All are run as a user
runs them, start of Python included, one after the other for some rounds; printed are the medians and the ratio. A
first round is not counted: it leaves the bytecode of the modules, as an installation does.
The rival opens each label image with Pillow and decodes it, in as many processes, or in one process in as many
threads, and does nothing with it. `validate` says how much of the difference is reading the .hier file. Last, the
work alone: decoding and counting against decoding, both from this process, where nothing has to be loaded.
"""

import os
import subprocess
import sys
from operator import truediv
from pathlib import Path
from statistics import median
from time import perf_counter

from PIL import Image

from hierdsl.cli.check_data import AHEAD
from hierdsl.cli.common import read
from hierdsl.data.content import read_content
from hierdsl.data.fit import Counting
from hierdsl.data.folder import find_labels
from hierdsl.data.forked import at_once
from hierdsl.data.labelled_tree import labelled_tree
from hierdsl.data.parallel import default_jobs

ROUNDS = 21
RIVAL = """
import sys
from PIL import Image

def decode(path):
    with Image.open(path) as image:
        image.load()

jobs, *paths = sys.stdin.read().split("\\n")
"""
PROCESSES = f"""{RIVAL}
from multiprocessing import Pool

with Pool(int(jobs)) as pool:
    pool.map(decode, paths, chunksize=8)
"""
THREADS = f"""{RIVAL}
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(int(jobs)) as pool:
    list(pool.map(decode, paths))
"""
ONE = f"""{RIVAL}
for path in paths:
    decode(path)
"""


def decode(path: Path) -> None:
    """What the rival does."""
    with Image.open(path) as image:
        image.load()


def work_alone(file: str, paths: list[Path], jobs: int) -> float:
    """The time of decoding and counting, as a multiple of that of decoding."""
    scope, _ = read(file).examine()
    if scope is None:
        sys.exit(f"{file} has errors")
    tree = labelled_tree(scope, "")
    seconds: dict[str, list[float]] = {"decoding": [], "counting": []}
    for _ in range(ROUNDS):
        start = perf_counter()
        with at_once(decode, paths, jobs, AHEAD) as done:
            list(done)
        seconds["decoding"].append(perf_counter() - start)
        start = perf_counter()
        counting = Counting(tree, paths)
        with at_once(read_content, paths, jobs, AHEAD) as contents:
            for image, content in enumerate(contents):
                counting.add(image, content)
        counting.done()
        seconds["counting"].append(perf_counter() - start)
    return median(seconds["counting"]) / median(seconds["decoding"])


def main() -> None:
    """Print the table."""
    file, folder = sys.argv[1:3] if len(sys.argv) > 2 else ("camvid", None)
    root = Path(folder or Path(__file__).parents[1] / "../shared/data/camvid")
    paths = find_labels(root)
    jobs = sys.argv[3] if len(sys.argv) > 3 else str(default_jobs())
    hierdsl = [sys.executable, "-m", "hierdsl"]
    rivals = {"decoding": ONE} if jobs == "1" else {"in processes": PROCESSES, "in threads": THREADS}
    ways = {
        **{name: [sys.executable, "-c", text] for name, text in rivals.items()},
        "check-data": [*hierdsl, "check-data", file, "--data", str(root), "--jobs", jobs],
        "validate": [*hierdsl, "validate", file],
    }
    listed = "\n".join([jobs, *map(str, paths)])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for number in range(ROUNDS + 1):
        for name, arguments in ways.items():
            start = perf_counter()
            done = subprocess.run(  # noqa: S603
                arguments, input=listed, capture_output=True, text=True, check=False, env=env
            )
            if number:
                seconds[name].append(perf_counter() - start)
            if done.returncode not in (0, 1) or "Traceback" in done.stderr:
                sys.exit(done.stderr)
    print(f"{len(paths)} label images, {jobs} at once, median of {ROUNDS} interleaved rounds")
    for name, each in seconds.items():
        print(f"{name:>15} {median(each):.3f} s")
    for name in rivals:
        ratio = median(map(truediv, seconds["check-data"], seconds[name]))
        print(f"check-data takes {ratio:.2f} times as long as decoding alone {name}")
    print(f"the work alone, without any start: {work_alone(file, paths, int(jobs)):.2f} times")


if __name__ == "__main__":
    main()
