import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden"

settings.register_profile("hierdsl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hierdsl")


def pytest_itemcollected(item):
    """Let `-k golden` (in `make golden`) find the tests that use the fixture below."""
    if "golden" in getattr(item, "fixturenames", ()):
        item.extra_keyword_matches.add("golden")


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def script_of(root):
    """Load a script of the repository, which is no package, as a module."""

    def load(*path):
        specification = importlib.util.spec_from_file_location(path[-1], root.joinpath(*path))
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def shared():
    """The folder of oracles and label tables beside the repository, which are other people's data."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"the oracles and label tables are not here: {folder}")
    return folder


@pytest.fixture
def golden():
    """Compare a text with a file of tests/golden; `HIERDSL_REWRITE_GOLDEN=1 pytest` writes the file instead."""

    def compare(name, text):
        path = GOLDEN / name
        if os.environ.get("HIERDSL_REWRITE_GOLDEN") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"no {path}: run with HIERDSL_REWRITE_GOLDEN=1 to write it, then read it"
        assert text == path.read_text(encoding="utf-8")

    return compare
