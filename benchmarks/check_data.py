"""How long does `hierdsl check-data` take, and how long is it for a script that only decodes the images?

    python benchmarks/check_data.py [FILE DIR [JOBS]]

FILE and DIR default to `camvid` and ../shared/data/camvid, JOBS to what the command chooses. Both are run as a
user runs them, start of Python included, one after the other for some rounds; printed are the medians and their
ratio. The rival opens each PNG with Pillow and decodes it, and does nothing with it: in as many processes as the
command, of a ProcessPoolExecutor, or without one for a single process.
"""

import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from hierdsl.data.folder import find_labels
from hierdsl.data.reading import default_jobs

ROUNDS = 15
RIVAL = """
import sys
from concurrent.futures import ProcessPoolExecutor
from PIL import Image

def decode(path):
    with Image.open(path) as image:
        image.load()

if __name__ == "__main__":
    jobs, *paths = sys.stdin.read().split("\\n")
    if jobs == "1":
        for path in paths:
            decode(path)
    else:
        with ProcessPoolExecutor(int(jobs)) as pool:
            list(pool.map(decode, paths, chunksize=8))
"""


def main() -> None:
    """Print the table."""
    file, folder = sys.argv[1:3] if len(sys.argv) > 2 else ("camvid", None)
    root = Path(folder or Path(__file__).parents[1] / "../shared/data/camvid")
    paths = find_labels(root)
    jobs = sys.argv[3] if len(sys.argv) > 3 else str(default_jobs(len(paths)))
    rival = [sys.executable, "-c", RIVAL]
    command = [sys.executable, "-m", "hierdsl", "check-data", file, "--data", str(root), "--jobs", jobs]
    listed = "\n".join([jobs, *map(str, paths)])
    seconds: dict[str, list[float]] = {"decoding alone": [], "check-data": []}
    for _ in range(ROUNDS):
        for name, arguments in (("decoding alone", rival), ("check-data", command)):
            start = perf_counter()
            done = subprocess.run(arguments, input=listed, capture_output=True, text=True, check=False)  # noqa: S603
            seconds[name].append(perf_counter() - start)
            if done.returncode not in (0, 1) or "Traceback" in done.stderr:
                sys.exit(done.stderr)
    print(f"{len(paths)} label images, {jobs} processes, median of {ROUNDS} interleaved rounds")
    for name, each in seconds.items():
        print(f"{name:>15} {median(each):.3f} s")
    ratios = [own / its for own, its in zip(*reversed(seconds.values()), strict=True)]
    print(
        f"check-data takes {median(seconds['check-data']) / median(seconds['decoding alone']):.2f} times as long",
        end="",
    )
    print(f" (median of the rounds' own ratios {median(ratios):.2f})")


if __name__ == "__main__":
    main()
