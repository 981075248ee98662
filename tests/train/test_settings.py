"""Settings: every field is a flag and a key, and what stands over what."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from hierdsl.cli import main
from hierdsl.cli.train import _ON_RESUME, command
from hierdsl.train.config import PAPER, SettingsError, TrainConfig, settings, to_toml

OTHER = {
    "epochs": 97,
    "size": (48, 64),
    "width": 3,
    "batch_size": 13,
    "level_weights": (0.5, -1.0),
    "weighting": "hxe(0.1)",
    "class_weights": "inverse",
    "label_smoothing": 0.25,
    "lr": 0.125,
    "momentum": 0.5,
    "weight_decay": 0.75,
    "warmup": 0.375,
    "clip": 2.5,
    "crop": 0.625,
    "scale": (0.25, 4.0),
    "flip": 0.1875,
    "jitter": 0.0625,
    "device": "cpu",
    "workers": 3,
    "cache": 5,
    "seed": 11,
    "faces": (21, 9),
}
"""A value of each field that is nobody's default. A new field needs one here."""
for _name, _field in TrainConfig.model_fields.items():
    if get_origin(_field.annotation) is Literal:
        OTHER[_name] = next(choice for choice in get_args(_field.annotation) if choice != _field.default)
    elif _field.annotation is bool:
        OTHER[_name] = not _field.default


def test_every_field_has_another_value_to_test_with():
    assert OTHER.keys() == TrainConfig.model_fields.keys()
    for name, value in OTHER.items():
        assert value != TrainConfig.model_fields[name].default, name


def as_text(name, value):
    if isinstance(value, tuple):
        return ("x" if name == "size" else ",").join(map(str, value))
    return str(value)


def given_flags(monkeypatch, *args):
    """What the command makes of its flags."""
    seen = []

    def stop(file, flags):
        seen.append((file, flags))
        raise SettingsError("seen")

    monkeypatch.setattr("hierdsl.cli.train.settings", stop)
    CliRunner().invoke(main, ["train", "helen", "--data", "demo", *args])
    return seen[0]


@pytest.mark.parametrize("name", TrainConfig.model_fields)
def test_every_field_is_a_flag(name, monkeypatch):
    flag, value = "--" + name.replace("_", "-"), OTHER[name]
    args = (
        [flag]
        if value is True
        else [flag.replace("--", "--no-")]
        if value is False
        else [flag, as_text(name, value)]
    )
    file, flags = given_flags(monkeypatch, *args)
    assert file is None
    assert flags.keys() == {name}
    assert getattr(settings(None, flags), name) == value


def test_flags_that_are_not_given_are_not_settings(monkeypatch):
    assert given_flags(monkeypatch) == (None, {})
    assert settings(None, {}) == TrainConfig()


@pytest.mark.parametrize("name", TrainConfig.model_fields)
@pytest.mark.parametrize("hyphen", [False, True])
def test_every_field_is_a_key_of_the_file(name, hyphen):
    line = to_toml(TrainConfig(**{name: OTHER[name]}))
    (kept,) = [part for part in line.splitlines() if part.startswith(f"{name} = ")]
    Path("one.toml").write_text(kept.replace("_", "-", name.count("_")) if hyphen else kept)
    assert getattr(settings(Path("one.toml"), {}), name) == OTHER[name]


def test_a_size_in_a_file_may_be_text_as_on_the_command_line():
    Path("one.toml").write_text('size = "48x64"\n')
    assert settings(Path("one.toml"), {}).size == (48, 64)


def test_settings_written_and_read_are_the_same():
    without = OTHER | {"weighting": None}
    weighted = OTHER | {"level_weights": None, "loss": "hierarchical"}
    for config in (
        TrainConfig(**without),
        TrainConfig(**weighted),
        TrainConfig(),
        TrainConfig(class_weights='a "b"\\\n😀 é.json'),
    ):
        Path("config.toml").write_text(to_toml(config), encoding="utf-8")
        assert settings(Path("config.toml"), {}) == config


@given(
    st.floats(1e-300, 1e300),
    st.integers(0, 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
)
@example_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_numbers_and_text_survive_the_file_exactly(lr, seed, text):
    config = TrainConfig(lr=lr, seed=seed, class_weights=text)
    assert TrainConfig(**tomllib.loads(to_toml(config))) == config


def test_a_file_stands_over_the_recipe_and_a_flag_over_both():
    Path("my.toml").write_text('recipe = "paper"\nlr = 0.5\nwarmup = 0.25\n')
    found = settings(Path("my.toml"), {"lr": "0.75"})
    assert (found.lr, found.warmup) == (0.75, 0.25)
    assert found.optimizer == PAPER["optimizer"]
    modern = settings(Path("my.toml"), {"recipe": "modern"})
    assert (modern.lr, modern.optimizer) == (0.5, TrainConfig().optimizer)


def test_the_recipe_of_the_paper_is_what_the_paper_says():
    paper = settings(None, {"recipe": "paper"})
    assert (paper.optimizer, paper.lr, paper.momentum, paper.weight_decay) == ("sgd", 0.01, 0.0, 0.0)
    assert (paper.schedule, paper.warmup, paper.clip) == ("constant", 0.0, 0.0)
    assert (paper.batch_size, paper.size, paper.width, paper.flip) == (5, (256, 256), 64, 0.5)
    assert (paper.crop, paper.scale, paper.jitter) == (1.0, (1.0, 1.0), 0.0)
    assert (paper.class_weights, paper.label_smoothing, paper.loss) == ("none", 0.0, "hierarchical")


def test_what_may_change_on_resume_are_fields():
    assert TrainConfig.model_fields.keys() >= _ON_RESUME


def test_help_needs_no_torch_and_lists_every_flag():
    script = (
        "import sys\n"
        "from hierdsl.cli import main\n"
        "try:\n    main(['train', '--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'torch', 'PIL', 'matplotlib'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, field in TrainConfig.model_fields.items():
        flag = "--" + name.replace("_", "-")
        assert f"  {flag} " in done.stdout
        if field.annotation is bool:
            assert f"--no-{flag[2:]}" in done.stdout
    for flag in ("--data", "--labels", "--out", "--resume", "--config"):
        assert f"  {flag} " in done.stdout


def test_a_flag_that_has_choices_lists_them_in_the_help():
    text = command.get_help(click.Context(command))
    for choices in (
        "[modern|paper]",
        "[hierarchical|flat]",
        "[adamw|sgd]",
        "[cosine|constant]",
        "[fp32|bf16|fp16]",
    ):
        assert choices.strip("[]") in text


def test_wrong_settings_need_no_torch_either():
    script = (
        "import sys\n"
        "from hierdsl.cli import main\n"
        "try:\n    main(['train', 'helen', '--data', 'demo', '--lr', '-1'])\n"
        "except SystemExit as end:\n    assert end.code == 2\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("error: --lr: input should be greater than 0")
