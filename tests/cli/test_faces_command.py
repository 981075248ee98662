import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hierdsl.cli import main


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def faces(*args):
    return CliRunner().invoke(main, ["faces", "here", *args], env={"HIERDSL_DEBUG": "1"})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--number", "abc"), "--number: two numbers joined by a comma, such as 400,100, not 'abc'"),
        (("--number", "5"), "--number: two numbers joined by a comma, such as 400,100, not '5'"),
        (("--number", "5,6,7"), "--number: two numbers joined by a comma, such as 400,100, not '5,6,7'"),
        (("--number", "0,3"), "--number: input should be greater than or equal to 1, not '0,3'"),
        (("--size", "64"), "--size: a height and a width, such as 128x128, not '64'"),
        (("--size", "8x64"), "--size: input should be greater than or equal to 16, not '8x64'"),
    ],
)
def test_a_wrong_value_names_its_flag(flags, said):
    result = faces(*flags)
    assert (result.exit_code, result.stderr) == (2, f"error: {said}\n")
    assert not Path("here").exists()


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "hierdsl.train.display", None)
    result = faces()
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "error: drawing needs more packages (hierdsl.train.display is missing): pip "
    )
    assert result.stderr.endswith("pip install 'hierdsl[train]'\n")


def test_the_faces_are_pairs_of_two_splits():
    result = faces("--number", "2,1", "--size", "32x48")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "wrote 3 faces to here")
    files = sorted(str(path.relative_to("here")) for path in Path("here").rglob("*.png"))
    assert files == [
        f"{split}/{kind}/{number:05}.png"
        for split, count in (("train", 2), ("val", 1))
        for kind in ("images", "labels")
        for number in range(count)
    ]
    assert "exists; choose another folder" in faces().stderr
