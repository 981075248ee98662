"""The kernels of the GPU, on a device or else with Triton's interpreter, and compiled for a device that need not be.

The interpreter has to be chosen before Triton is imported, by whatever test: so the cases run in a process of their own.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CASES = Path(__file__).with_name("gpu_cases.py")
QUIETLY = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
@pytest.mark.parametrize("cases", ["smoothing", "not smoothing"])  # half of the time each, side by side
def test_the_kernels_of_the_gpu(cases):
    environment = os.environ | ({} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"})
    run = subprocess.run(
        [sys.executable, "-m", "pytest", str(CASES), "-k", cases, *QUIETLY],
        cwd=Path(__file__).resolve().parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
@pytest.mark.parametrize("script", ["gpu_compile.py", "gpu_launch.py"])
def test_the_kernels_compile_for_a_gpu_and_are_launched(script, tmp_path):
    """The interpreter takes what the compiler refuses, and launches nothing."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, str(CASES.with_name(script))],
        cwd=CASES.parents[2],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(CASES.parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
