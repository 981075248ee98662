"""What is imported when, and that the package works from a checkout and from a wheel."""

import os
import subprocess
import sys
import zipfile

import pytest

from hierdsl.diagnostics import CODES

HEAVY = ["torch", "networkx", "numpy", "rich.console", "graphviz", "PIL", "matplotlib"]


def python(*arguments, cwd, path=None, code=0):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def imported(statement, cwd):
    script = f"import sys\n{statement}\nprint(*(m for m in {HEAVY} if m in sys.modules))"
    return set(python("-c", script, cwd=cwd).split("\n")[-2].split())


def command(*arguments):
    return f"from hierdsl.cli import main\nmain({list(arguments)}, standalone_mode=False)"


def validate(*arguments):
    return f"{command('validate', *arguments)[: -len('')]}".replace(
        "main(", "import contextlib\nwith contextlib.suppress(SystemExit): main("
    )


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import hierdsl", set()),
        ("import hierdsl; hierdsl.load('vistas')", set()),
        (validate("vistas"), set()),
        (command("explain", "H203"), set()),
        (command("show", "helen"), {"numpy"}),
        (command("compile", "helen", "-o", "x.npz"), {"numpy"}),
        (command("render", "helen"), {"numpy", "rich.console", "graphviz"}),
        (command("render", "helen", "-o", "x.dot"), {"numpy", "rich.console", "graphviz"}),
        ("import hierdsl; hierdsl.compile_hierarchy(hierdsl.load('helen'))", {"numpy"}),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path, statement, allowed):
    assert imported(statement, tmp_path) - {"rich.console"} <= allowed


def test_the_public_names_load_and_no_others():
    import hierdsl  # noqa: PLC0415 - the names load on first use

    for name in hierdsl.__all__:
        assert getattr(hierdsl, name) is not None
        assert name in dir(hierdsl)
    assert hierdsl.__version__
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = hierdsl.nonsense


def test_it_works_from_a_checkout(root, tmp_path):
    # -S -I would lose the dependencies: the editable install is shadowed by PYTHONPATH, which comes first
    shown = python("-c", "import hierdsl; print(hierdsl.__file__)", cwd=tmp_path, path=root)
    assert shown.strip() == str(root / "hierdsl" / "__init__.py")
    assert "ok, 11 classes" in python("-m", "hierdsl", "validate", "helen", cwd=tmp_path, path=root)
    assert python("-m", "hierdsl", "explain", "H203", cwd=tmp_path, path=root).startswith("H203: dup")


@pytest.fixture(scope="session")
def wheel(root, tmp_path_factory):
    """The unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "pip", "wheel", "--no-deps", "--disable-pip-version-check", "-w", str(folder), str(root)]
    done = subprocess.run([sys.executable, *build], capture_output=True, text=True, check=False)
    offline = any(
        sign in done.stderr for sign in ("Could not find a version", "No matching distribution", "connection")
    )
    if done.returncode and offline:
        pytest.skip("the build back-end, hatchling, can neither be found nor fetched")
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_the_grammar_the_hierarchies_the_pages_and_the_mark_of_types(wheel):
    package = wheel / "hierdsl"
    assert (package / "grammars" / "hierdsl.lark").is_file()
    assert {path.stem for path in (package / "hierarchies").iterdir()} == {
        "camvid",
        "fasseg",
        "helen",
        "inat19",
        "vistas",
    }
    assert {path.name for path in (package / "render").glob("tree.*")} == {"tree.css", "tree.js"}
    assert {path.stem for path in (package / "docs" / "diagnostics").iterdir()} == {*CODES, "README"}
    assert (package / "py.typed").is_file()
    assert {path.name for path in wheel.iterdir() if not path.name.endswith(".dist-info")} == {"hierdsl"}


def test_it_works_from_a_wheel(wheel, tmp_path):
    shown = python("-c", "import hierdsl; print(hierdsl.__file__)", cwd=tmp_path, path=wheel)
    assert shown.strip() == str(wheel / "hierdsl" / "__init__.py")
    output = python("-m", "hierdsl", "validate", "helen", cwd=tmp_path, path=wheel)
    assert "ok, 11 classes" in output
    assert str(wheel.name) in output
    assert python("-m", "hierdsl", "explain", "H203", cwd=tmp_path, path=wheel).startswith("H203: dup")


def test_the_exit_codes_of_the_program(tmp_path):
    (tmp_path / "bad.hier").write_text("tree\n    a\n    a\n")
    python("-m", "hierdsl", "validate", "camvid", cwd=tmp_path)
    python("-m", "hierdsl", "validate", "bad.hier", cwd=tmp_path, code=1)
    python("-m", "hierdsl", "validate", "none.hier", cwd=tmp_path, code=2)
    python("-m", "hierdsl", "nonsense", cwd=tmp_path, code=2)
