"""The settings of a training run: one table of fields, two recipes of defaults, read from flags and TOML.

Imports neither torch nor the data: the command line builds its flags from `TrainConfig`.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError

from hierdsl.diagnostics import nearest


class SettingsError(Exception):
    """A setting is unknown or has a wrong value; the message names it and its mend."""


def _size(value: object) -> object:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)\s*[xX×]\s*(\d+)", value.strip())):
        return int(match[1]), int(match[2])
    if isinstance(value, str):
        raise ValueError("a size is HEIGHTxWIDTH, such as 120x160")
    return value


def _floats(value: object) -> object:
    if isinstance(value, str):
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            raise ValueError("these are numbers joined by commas, such as 1,0.5,1") from None
    return value


def _ints(value: object) -> object:
    numbers = _floats(value)
    return (
        tuple(int(n) if float(n).is_integer() else n for n in numbers)
        if isinstance(numbers, tuple)
        else numbers
    )


Count = Annotated[int, Field(ge=1)]
Pixels = Annotated[int, Field(ge=16, le=8192)]
Size = Annotated[tuple[Pixels, Pixels], BeforeValidator(_size)]
"""Height and width; as text `HxW`."""
Counts = Annotated[tuple[Count, Count], BeforeValidator(_ints)]
"""Numbers of training and validation images; as text joined by a comma."""
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
Positive = Annotated[FiniteFloat, Field(gt=0)]


class TrainConfig(BaseModel):
    """Every setting of a run. The defaults are the recipe `modern`; `PAPER` holds what `paper` changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Literal["modern", "paper"] = Field("modern", description="Set of defaults to start from.")
    epochs: int = Field(30, ge=1, description="Passes over the training images.")
    size: Size = Field((256, 256), description="Height and width of the network's input.")
    width: int = Field(
        64, ge=1, description="Filters of the first stage; each of the four below doubles them."
    )
    batch_size: int = Field(2, ge=1, description="Images a step.")
    loss: Literal["hierarchical", "flat"] = Field(
        "hierarchical", description="Sum over the levels, or the cross-entropy of the classes alone."
    )
    level_weights: Annotated[tuple[FiniteFloat, ...] | None, BeforeValidator(_floats)] = Field(
        None, description="Weight of each level, coarse to fine, joined by commas; else those of the file."
    )
    weighting: str | None = Field(
        None,
        description="Factor of each node in the loss, in place of level weights: muller_smith, flat, hxe(ALPHA), "
        "hxe(ALPHA, depth), level(NAME), X,.. a level, or over the run coarse_to_fine(PRESET), "
        "fine_to_coarse(PRESET).",
    )
    class_weights: str = Field(
        "sqrt",
        description="none, sqrt or inverse (of the class frequency in the training labels), or a JSON file "
        "of weights by class path.",
    )
    label_smoothing: Share = Field(0.0, description="Share of the target spread evenly over the classes.")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="Optimiser.")
    lr: Positive = Field(2e-3, description="Highest learning rate.")
    momentum: Annotated[FiniteFloat, Field(ge=0, lt=1)] = Field(0.9, description="Of SGD.")
    weight_decay: Annotated[FiniteFloat, Field(ge=0)] = Field(0.01, description="Weight decay.")
    schedule: Literal["cosine", "constant"] = Field("cosine", description="Learning rate over the run.")
    warmup: Share = Field(0.05, description="Share of the run over which the learning rate rises.")
    clip: Annotated[FiniteFloat, Field(ge=0)] = Field(
        1.0, description="Largest gradient norm; 0 for no limit."
    )
    crop: Annotated[FiniteFloat, Field(gt=0, le=1)] = Field(
        0.7, description="Training crops as a share of the size; validation always sees whole images."
    )
    scale: Annotated[tuple[Positive, Positive], BeforeValidator(_floats)] = Field(
        (0.9, 1.1), description="Random zoom of a training crop, from,to; 1 is the scale of validation."
    )
    flip: Share = Field(0.5, description="Probability of a horizontal flip; mirrored classes are exchanged.")
    jitter: Share = Field(0.2, description="Random change of brightness, contrast and saturation, up to.")
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="Arithmetic of the network.")
    channels_last: bool = Field(True, description="Keep images as height x width x channels in memory.")
    compile: bool = Field(False, description="Compile the network with torch.compile.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    workers: int | None = Field(None, ge=0, description="Processes that read images; chosen if not given.")
    cache: int = Field(1024, ge=0, description="Keep decoded images in memory up to so many MiB.")
    seed: int = Field(0, ge=0, lt=2**63, description="Of everything random.")
    faces: Counts = Field(
        (600, 150),
        description="With --data demo: drawn faces for training and validation, joined by a comma.",
    )

    @property
    def loss_name(self) -> str:
        """The loss and its weighting, for people."""
        return self.loss if self.weighting is None else f"{self.loss}, {self.weighting}"


PAPER: Mapping[str, Any] = {
    "size": (256, 256),
    "width": 64,
    "batch_size": 5,
    "class_weights": "none",
    "optimizer": "sgd",
    "lr": 0.01,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup": 0.0,
    "clip": 0.0,
    "crop": 1.0,
    "scale": (1.0, 1.0),
    "flip": 0.5,
    "jitter": 0.0,
}
"""What Muller & Smith, VISAPP 2020, section 4, train with: SGD at 0.01, batch 5, crops of the shortest side
resized to 256 x 256, a flip with probability 0.5, no class weights."""


def settings(file: Path | None, flags: Mapping[str, Any]) -> TrainConfig:
    """Settings from a recipe, a TOML file over it and flags over both.

    Args:
        file: A TOML file with field names as keys, or None.
        flags: Values of flags that were given, by field name.

    Raises:
        SettingsError: A key is unknown, a value wrong, two exclude each other, or the file cannot be read.
    """
    from_file = _read(file) if file else {}
    recipe = flags.get("recipe", from_file.get("recipe", "modern"))
    start = dict(PAPER) if recipe == "paper" else {}
    try:
        config = TrainConfig(**{**start, **from_file, **flags})
    except ValidationError as error:
        raise SettingsError(_explain(error, file, from_file, flags)) from None
    if config.weighting is not None and config.level_weights is not None:
        raise SettingsError("--weighting takes the place of --level-weights: leave one of them out")
    if config.weighting is not None and config.loss == "flat":
        raise SettingsError(
            "--weighting is of the hierarchical loss: leave out --loss flat, or give --weighting flat alone"
        )
    return config


def to_toml(config: TrainConfig) -> str:
    """The settings as a TOML file that `--config` reads."""
    values = config.model_dump(mode="json", exclude_none=True)
    # the fields are flat: numbers, booleans, strings and lists of numbers, which TOML writes as JSON does
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read '{file}': {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"'{file}' is no TOML: {error}") from None
    return {key.replace("-", "_"): value for key, value in values.items()}


def _explain(
    error: ValidationError, file: Path | None, from_file: Mapping[str, Any], flags: Mapping[str, Any]
) -> str:
    """The first of pydantic's findings, in the user's words: which key of which file, or which flag."""
    found = error.errors(include_url=False)[0]
    key = str(found["loc"][0])
    where = f"--{key.replace('_', '-')}" if key in flags or key not in from_file else f"'{file}': key '{key}'"
    if found["type"] == "extra_forbidden":
        close = nearest(key, TrainConfig.model_fields)
        return f"{where} is no setting" + (f"; did you mean '{close}'?" if close else "")
    if found["type"] == "missing":
        return f"{where}: two numbers are needed, such as {_two(key)}, not {json.dumps(found['input'])}"
    message = found["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}, not {json.dumps(found['input'], default=str)}"


def _two(key: str) -> str:
    return ",".join(f"{value:g}" for value in TrainConfig.model_fields[key].default)
