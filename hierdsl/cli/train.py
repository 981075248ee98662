"""`hierdsl train`: from a .hier file and labelled images to a trained network."""

import json
import math
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

from hierdsl.cli.common import Failure, Text, Usage, expanded, plural, read, scope_or_exit
from hierdsl.cli.extras import needs
from hierdsl.train.config import PAPER, SettingsError, TrainConfig, settings

if TYPE_CHECKING:
    from rich.console import Console

    from hierdsl.train.folder import RunFolder
    from hierdsl.train.start import HierarchyFile, Started

_ON_RESUME = frozenset({"epochs", "device", "workers", "cache", "compile"})
"""Settings that may change when a run goes on; the rest would make it another run."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """One flag for each setting; pydantic reads its text."""
    for name, field in reversed(TrainConfig.model_fields.items()):
        flag = "--" + name.replace("_", "-")
        text = str(field.description)
        default = _text(field.default)
        if name in PAPER:
            default += f"; paper: {_text(PAPER[name])}"
        if field.annotation is bool:
            switch = f"{flag}/--no-{flag[2:]}"
            command = click.option(switch, name, default=None, help=f"{text}  [{default}]")(command)
        else:
            command = click.option(flag, name, metavar=_metavar(name), help=f"{text}  [{default}]")(command)
    return command


_METAVARS = {
    "size": "HxW",
    "level_weights": "X,..",
    "weighting": "PRESET",
    "scale": "X,Y",
    "faces": "N,N",
    "class_weights": "KIND",
}


def _metavar(name: str) -> str:
    """What `--help` shows for a value: its choices, N for a count, X for a number."""
    annotation: Any = TrainConfig.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    known: dict[Any, str] = {int: "N", int | None: "N", float: "X", str: name.upper()}
    return _METAVARS.get(name) or known.get(annotation, "X")


def _text(value: object) -> str:
    if value == TrainConfig.model_fields["size"].default:
        return "256x256"
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return "off" if value is False else "on" if value is True else "-" if value is None else str(value)


@click.command(
    epilog="""\b
Examples:
  hierdsl train helen --data demo --size 64x64 --width 8 --epochs 5
  hierdsl train camvid --data path/to/camvid --size 120x160 --width 16 --epochs 10
  hierdsl train camvid --data path/to/camvid --recipe paper --loss flat --out runs/flat
  hierdsl train --resume runs/flat

\b
DIR holds train/images, train/labels, val/images and val/labels. A label image
has the stem of its image and one channel of ids (8 or 16 bits, or a palette),
or colours, as the label map says.
""",
)
@click.argument("file", metavar="FILE", required=False)
@click.option("--data", metavar="DIR", help="Data set folder, or 'demo' for the embedded drawn faces.")
@click.option(
    "--labels", metavar="MAP", help="Label map that the labels are written in, if not the default one."
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder to make.  [runs/NAME-LOSS-N]")
@click.option(
    "--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with the run in this folder."
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML file of settings.")
@_options
def command(
    file: str | None,
    data: str | None,
    labels: str | None,
    out: Path | None,
    resume: Path | None,
    config_file: Path | None,
    **flags: Any,
) -> None:
    """Train a U-Net on images labelled with the classes of a .hier file.

    Every setting below is also a key of the TOML file of --config. The folder of a run holds its settings, the
    hierarchy, metrics.jsonl, the checkpoints last.pt and best.pt, and at the end a table, curves and pictures.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if resume is None and (file is None or data is None):
        missing = (
            "FILE, a .hier file or the name of a bundled hierarchy"
            if file is None
            else "--data DIR, or --data demo"
        )
        raise Usage(f"give {missing}; see hierdsl train --help")
    if resume is not None and out is not None:
        raise Usage("--out is for a new run; with --resume the run goes on in its own folder")
    try:
        config = settings(config_file, given) if resume is None else None
    except SettingsError as error:
        raise Usage(str(error)) from None
    with needs("train", "training"):
        import torch  # noqa: F401, PLC0415 - the command needs the extra, its --help does not
        from PIL import Image  # noqa: F401, PLC0415 - the same
    _train(file, data, labels, out, resume, config_file, given, config)


def _train(
    file: str | None,
    data: str | None,
    labels: str | None,
    out: Path | None,
    resume: Path | None,
    config_file: Path | None,
    given: dict[str, Any],
    config: TrainConfig | None,
) -> None:
    from rich.console import Console  # noqa: PLC0415 - heavy imports come after the checks of the flags

    from hierdsl.data.error import DataError  # noqa: PLC0415 - the same
    from hierdsl.train.display import RunDisplay  # noqa: PLC0415 - the same
    from hierdsl.train.folder import RunError, RunFolder  # noqa: PLC0415 - the same
    from hierdsl.train.loop import TrainingDivergedError, fit  # noqa: PLC0415 - the same
    from hierdsl.train.start import start  # noqa: PLC0415 - the same

    # names of classes and folders are the user's: brackets and colons in them are no markup
    console = Console(highlight=False, markup=False, emoji=False)
    started: Started | None = None
    try:
        folder = RunFolder.open(resume) if resume else None
        if folder is not None:
            config, data, labels = _resumed(folder, config_file, given, data, labels)
        assert config is not None and data is not None  # noqa: S101, PT018 - by the checks above
        source = read(file or str(folder.hierarchy))  # type: ignore[union-attr]  # a file or a folder is given
        started = start(_hierarchy(source), config, data, labels or "", out, folder, console)
        run = started.run
        _announce(console, run, len(started.val))
        display = RunDisplay(console, config.epochs)
        with display.live(run.done, len(run.train)):
            fit(run, display)
        _finish(console, started)
    except (DataError, SettingsError, RunError, TrainingDivergedError) as error:
        # from a worker process the message comes after a traceback of that process
        raise Failure(str(error).rsplit("DataError: ", 1)[-1].strip()) from None
    except (MemoryError, RuntimeError) as error:
        known = _known(error)
        if known is None:
            raise
        raise Failure(known + _kept(started)) from None
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        raise Failure(f"{place}{error.strerror or error}{_kept(started)}") from None
    except KeyboardInterrupt:
        if started is None:
            raise click.Abort from None
        console.print(
            f"\nstopped{_kept(started) or ' before the end of epoch 1: nothing to go on from'}",
            soft_wrap=True,
        )
        raise SystemExit(130) from None


def _kept(started: "Started | None") -> str:
    """What is left of a run that ended early, and how it goes on."""
    if started is None or not started.run.done:
        return ""
    done, where = started.run.done, started.run.folder.path
    if done == started.run.config.epochs:
        return f" after the last epoch, before the table and the pictures were done; '{where}' holds the rest"
    return f" after epoch {done}; go on with: hierdsl train --resume {shlex.quote(str(where))}"


def _known(error: Exception) -> str | None:
    """What to do about an error that is not of our making, but of the machine; None for any other."""
    kind, text = type(error), str(error)
    words = ("not enough memory", "can't allocate memory")  # on the CPU torch says it in words alone
    if kind.__name__ in ("MemoryError", "OutOfMemoryError") or any(word in text for word in words):
        return "memory is full; start a new run with a lower --batch-size, --size or --width"
    if kind.__module__.startswith(("torch._dynamo", "torch._inductor")):
        return "torch.compile cannot compile the network here; leave out --compile"
    if "DataLoader worker" in text:
        return "a process that reads images died, often for lack of shared memory; use --workers 0"
    return None


def _resumed(
    folder: "RunFolder", config_file: Path | None, given: dict[str, Any], data: str | None, labels: str | None
) -> tuple[TrainConfig, str, str]:
    """The settings of a run that goes on, with the few changes that leave it the same run."""
    refused = sorted(set(given) - _ON_RESUME)
    if refused or config_file is not None:
        flag = "--" + refused[0].replace("_", "-") if refused else "--config"
        allowed = ", ".join("--" + name for name in sorted(_ON_RESUME))
        raise Usage(f"{flag} cannot change when a run goes on ({allowed} can); start a new run instead")
    config = settings(folder.config, given)
    try:
        facts = json.loads(folder.facts.read_text(encoding="utf-8"))
        return config, data or str(facts["data"]), str(facts["labels"]) if labels is None else labels
    except (ValueError, KeyError, TypeError):
        raise Failure(f"'{folder.facts}' is damaged; put it back, or start a new run") from None


def _hierarchy(text: Text) -> "HierarchyFile":
    from hierdsl.compiler import compile_hierarchy  # noqa: PLC0415 - as above
    from hierdsl.model import build  # noqa: PLC0415 - as above
    from hierdsl.train.start import HierarchyFile  # noqa: PLC0415 - as above

    scope = scope_or_exit(text, text.name, warnings=True)
    # the folder of the run keeps a text that needs no other file
    whole = expanded(scope, text.name).encode() if scope.document.uses else text.data
    return HierarchyFile(text.name, whole, compile_hierarchy(build(scope)))


def _announce(console: "Console", run: Any, validation: int) -> None:
    config = run.config
    parameters = sum(p.numel() for p in run.network.parameters())
    height, width = config.size
    console.print(
        f"{run.compiled.name}: {run.compiled.num_leaves} classes, levels {' › '.join(run.compiled.level_names)}; "
        f"{config.loss_name} loss, recipe {config.recipe}, {height}x{width}, "
        f"U-Net of {parameters:,} parameters on {run.device}",
        soft_wrap=True,
    )
    first = f"going on after epoch {run.done}" if run.done else f"epochs of {plural(len(run.train), 'step')}"
    console.print(
        f"{first}, {plural(validation, 'image')} for validation; run folder {run.folder.path}", soft_wrap=True
    )


def _finish(console: "Console", started: "Started") -> None:
    """Table, curves and pictures, in the run folder and on the screen."""
    from rich.console import Console as Recorder  # noqa: PLC0415 - as above

    from hierdsl.train.report import curves, iou_table, predictions  # noqa: PLC0415 - matplotlib is slow to import

    run, folder = started.run, started.run.folder
    table = iou_table(run.scores, f"Validation after epoch {run.done} ({run.config.loss_name} loss)")
    width = 60 + max(map(len, run.compiled.paths))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        recorder = Recorder(file=nowhere, record=True, width=width, markup=False, emoji=False)
        recorder.print(table)
    folder.write(folder.table, recorder.export_text())
    folder.write(folder.curves, curves(run.history, run.config))
    folder.write(folder.predictions, predictions(run, started.val))
    console.print(table)
    finest = run.compiled.level_names[-1]
    best = max(run.history, key=lambda record: record["mean_iou"][finest] or 0.0)
    verdict = f"best epoch {best['epoch']}: mean IoU {100 * run.best:.2f} %"
    if math.isnan(run.best):
        verdict = f"no validation pixel has a label as fine as {finest}, so no epoch is the best"
    console.print(
        f"{verdict}. Look at {folder.curves} and {folder.predictions}",
        soft_wrap=True,
    )
