"""The layers of the house, held by import-linter, and what a fast command may not import."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]


def test_a_module_imports_only_from_the_layers_below_it():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (
            ["validate", "helen"],
            {"torch", "numpy", "networkx", "pydantic", "rich.console", "graphviz", "PIL", "matplotlib"}
            | {"json", "rich.cells", "importlib.metadata", "lark", "difflib", "hierdsl.syntax.mistakes"},
        ),
        (
            ["fmt", "--check", "helen"],
            {"torch", "numpy", "networkx", "pydantic", "rich", "graphviz", "json", "importlib.metadata"},
        ),
        (["show", "--expand", "helen"], {"torch", "numpy", "networkx", "pydantic", "rich", "graphviz"}),
        (["explain", "H203"], {"torch", "numpy", "networkx", "pydantic", "rich", "json"}),
        (["render", "helen"], {"torch", "networkx", "PIL", "matplotlib"}),
        (["show", "helen"], {"torch", "networkx", "graphviz", "PIL", "matplotlib"}),
        (["show", "helen", "--weights", "hxe(0.1)"], {"torch", "networkx", "graphviz", "PIL", "matplotlib"}),
        (["--help"], {"torch", "numpy", "pydantic", "lark"}),
        (["train", "--help"], {"torch", "PIL", "matplotlib", "networkx"}),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments, absent):
    assert_not_imported(arguments, absent)


def test_counting_ids_imports_neither_numpy_nor_what_only_some_need(tmp_path):
    Image.new("L", (4, 4), 1).save(tmp_path / "a.png")
    file = tmp_path / "toy.hier"
    file.write_text("tree\n    sky = 0\n    road = 1\n")
    absent = {"torch", "numpy", "networkx", "pydantic", "rich", "matplotlib", "json", "lark", "difflib"}
    assert_not_imported(["check-data", str(file), "--data", str(tmp_path), "--jobs", "2"], absent)


def assert_not_imported(arguments, absent):
    script = (
        "import sys\nfrom hierdsl.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"loaded = {absent!r} & set(sys.modules)\nassert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_nothing_heavy():
    script = "import sys, hierdsl\nassert not {'torch', 'numpy', 'pydantic', 'lark'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_weightings_are_a_module_of_the_package_and_need_no_torch():
    script = "import sys, hierdsl\nhierdsl.weighting.flat\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
