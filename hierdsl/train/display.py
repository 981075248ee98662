"""A run as it goes on: a live display on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hierdsl.data.parallel import Advance
from hierdsl.train.loop import RunningMean

_EVERY = 0.5  # seconds between two readings of the loss, each of which waits for the device


class RunDisplay:
    """Progress of a run on a console.

    Args:
        console: Where to; when it is no terminal, one line an epoch is printed and nothing live.
        epochs: Of the whole run.
    """

    def __init__(self, console: Console, epochs: int) -> None:
        self.console = console
        self.epochs = epochs
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._whole: TaskID | None = None
        self._read = 0.0
        self._steps = 0
        self._started = 0.0

    @contextmanager
    def scan(self, what: str, total: int) -> Iterator[Advance]:
        """A progress bar over the images that are read before the training."""
        if not self.console.is_terminal:
            self.console.print(f"{what}: {total} image" + "s" * (total != 1), highlight=False)
            yield lambda _count: None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda count: progress.advance(task, count)

    @contextmanager
    def live(self, done: int, steps: int) -> Iterator[None]:
        """The display of the training proper, after `done` epochs of `steps` steps each."""
        if not self.console.is_terminal:
            yield
            return
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}", markup=False),  # level names are the user's
        )
        with Progress(*columns, console=self.console) as progress:
            self._progress = progress
            self._whole = progress.add_task(
                "run", total=self.epochs * steps, completed=done * steps, losses=""
            )
            try:
                yield
            finally:
                self._progress = None

    def epoch(self, epoch: int, steps: int) -> None:
        """An epoch of so many steps starts."""
        self._steps, self._started = 0, monotonic()
        if self._progress is not None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            # until the loss is read for the first time; a fast loss is compiled at its first use
            waiting = "" if self._read else "the first step may compile the loss"
            self._task = self._progress.add_task(f"epoch {epoch}/{self.epochs}", total=steps, losses=waiting)

    def step(self, losses: RunningMean) -> None:
        """A step is done."""
        self._steps += 1
        if self._progress is None or self._task is None or self._whole is None:
            return
        self._progress.advance(self._task)
        self._progress.advance(self._whole)
        now = monotonic()
        if now - self._read >= _EVERY:
            self._read = now
            total, levels = losses.read()
            rate = self._steps / (now - self._started)
            shown = f"{rate:.1f} steps/s  loss {total:.3f}  {_values(levels)}"
            self._progress.update(self._task, losses=shown)

    def epoch_done(self, record: dict[str, Any]) -> None:
        """An epoch is validated and logged: one line that stays."""
        levels = {name: value for name, value in record["mean_iou"].items() if value is not None}
        finest = list(record["accuracy"].values())[-1]
        self.console.print(
            f"epoch {record['epoch']:>{len(str(self.epochs))}}/{self.epochs}  "
            f"train {record['train_loss']:.3f}  val {_values(record['val_levels'])}  "
            f"mIoU {_values(levels)}  acc {_shown(finest)}  "
            f"{record['images_per_second']:.0f} img/s  {record['seconds']:.0f} s",
            highlight=False,
            soft_wrap=True,
        )


def _values(values: dict[str, float]) -> str:
    return " ".join(f"{name} {_shown(value)}" for name, value in values.items())


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
