"""The training loop, top to bottom: rate, forward, loss, backward, clip, step; validate, log, checkpoint."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hierdsl.compiler import CompiledHierarchy
from hierdsl.metrics import ConfusionMatrix, LevelScores
from hierdsl.train.config import TrainConfig
from hierdsl.train.data.loader import Batch, Loader
from hierdsl.train.folder import RunFolder
from hierdsl.train.objective import Objective
from hierdsl.train.timing import StepClock

_CHECK_EVERY = 100
"""Steps between two looks at the loss: each waits for the device."""
_PRECISION = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingDivergedError(Exception):
    """The loss is no number any more; the message says when, and what to do."""


class Display(Protocol):
    """Shows a run while it goes on."""

    def epoch(self, epoch: int, steps: int) -> None:
        """An epoch of so many steps starts."""

    def step(self, losses: "RunningMean") -> None:
        """A step is done."""

    def epoch_done(self, record: dict[str, Any]) -> None:
        """An epoch is validated and logged."""


class RunningMean:
    """Mean of the loss and the level losses since the epoch began, kept on the device: reading it waits for
    the device, so a display reads it now and then.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._sum: Tensor | None = None
        self._count = 0

    def add(self, loss: Tensor, levels: Tensor, count: int = 1) -> None:
        """Add the loss and the level losses of `count` images."""
        values = torch.cat([loss.detach()[None], levels.detach()]) * count
        self._sum = values if self._sum is None else self._sum + values
        self._count += count

    def read(self) -> tuple[float, dict[str, float]]:
        """The mean loss and the mean of each level; NaN before the first step."""
        if self._sum is None:
            return math.nan, {}
        total, *levels = (self._sum / self._count).tolist()
        return total, dict(zip(self.names, levels, strict=True))


@dataclass
class Run:
    """Everything that the loop works with."""

    config: TrainConfig
    compiled: CompiledHierarchy
    device: torch.device
    network: nn.Module
    forward: Any
    """The network, or its compiled form."""
    objective: Objective
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    train: Loader
    val: Loader
    val_size: tuple[int, int]
    """Height and width of validation images: whole ones, at the scale of the training crops."""
    folder: RunFolder
    done: int = 0
    """Epochs done before."""
    best: float = -math.inf
    history: list[dict[str, Any]] = field(default_factory=list)
    scores: list[LevelScores] = field(default_factory=list)


def fit(run: Run, display: Display) -> None:
    """Train until the last epoch, leaving a checkpoint after each.

    Raises:
        TrainingDivergedError: The loss became NaN or infinite; the checkpoint of the epoch before is kept.
    """
    config = run.config
    for epoch in range(run.done, config.epochs):
        display.epoch(epoch + 1, len(run.train))
        losses = RunningMean(run.objective.names)
        run.network.train()
        clock = StepClock(run.device)
        images_seen = 0
        for step, (images, target) in enumerate(_on_device(run, run.train.epoch(epoch))):
            clock.mark("data")
            done = epoch * len(run.train) + step
            _set_rate(run, done)
            run.objective.at(done / max(config.epochs * len(run.train) - 1, 1))
            with _autocast(run):
                logits = run.forward(images)
            loss, levels = run.objective(logits, target)
            run.optimizer.zero_grad(set_to_none=True)
            run.scaler.scale(loss).backward()
            clock.mark("network")
            if config.clip:
                run.scaler.unscale_(run.optimizer)
                nn.utils.clip_grad_norm_(run.network.parameters(), config.clip)
            run.scaler.step(run.optimizer)
            run.scaler.update()
            losses.add(loss, levels)
            if step % _CHECK_EVERY == 0:
                _demand_finite(losses.read()[0], run, epoch)
            images_seen += len(images)
            display.step(losses)
            clock.mark("rest")
        seconds, shares = clock.shares()
        train_loss, train_levels = losses.read()
        _demand_finite(train_loss, run, epoch)

        val_loss, val_levels, run.scores = validate(run)
        _demand_finite(val_loss, run, epoch)  # a last step can have blown up what the loss did not show yet
        record = {
            "epoch": epoch + 1,
            "lr": run.optimizer.param_groups[0]["lr"],
            "train_loss": train_loss,
            "train_levels": train_levels,
            "val_loss": val_loss,
            "val_levels": val_levels,
            "mean_iou": {level.name: _number(level.mean_iou) for level in run.scores},
            "accuracy": {level.name: _number(level.accuracy) for level in run.scores},
            "iou": {
                level.name: {g: _number(i) for g, i in zip(level.groups, level.iou.tolist(), strict=True)}
                for level in run.scores
            },
            "seconds": round(seconds, 3),
            "images_per_second": round(images_seen / seconds, 3),
            "time_shares": {phase: round(share, 4) for phase, share in shares.items()},
        }
        run.folder.log(record)
        _checkpoint(run, epoch + 1)
        run.history.append(record)
        run.done = epoch + 1
        display.epoch_done(record)


@torch.no_grad()
def validate(run: Run) -> tuple[float, dict[str, float], list[LevelScores]]:
    """Mean loss, mean level losses and scores over the validation images."""
    run.network.eval()
    matrix = ConfusionMatrix(run.compiled, run.device)
    losses = RunningMean(run.compiled.level_names)
    for images, target in _on_device(run, run.val.epoch()):
        with _autocast(run):
            logits = run.forward(images)
        loss, levels = run.objective.last(logits, target)
        losses.add(loss, levels, len(images))
        matrix.update(target, logits.argmax(1))
    return *losses.read(), matrix.scores()


def to_input(images: Tensor) -> Tensor:
    """Network input of uint8 pixels: about zero mean and unit deviation for natural images."""
    return images.float().sub_(127.5).div_(64.0)


def _on_device(run: Run, batches: Iterator[Batch]) -> Iterator[Batch]:
    layout = torch.channels_last if run.config.channels_last else torch.contiguous_format
    for images, target in batches:
        pixels = to_input(images.to(run.device, non_blocking=True)).contiguous(memory_format=layout)
        yield pixels, target.to(run.device, non_blocking=True)


def _autocast(run: Run) -> torch.autocast:
    dtype = _PRECISION.get(run.config.precision)
    return torch.autocast(run.device.type, dtype=dtype, enabled=dtype is not None)


def _set_rate(run: Run, step: int) -> None:
    """Linear warm-up, then constant or down to 0 along a half cosine."""
    config = run.config
    steps = config.epochs * len(run.train)
    warm = config.warmup * steps
    factor = 1.0
    if step < warm:
        factor = (step + 1) / (warm + 1)
    elif config.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))
    for group in run.optimizer.param_groups:
        group["lr"] = config.lr * factor


def _demand_finite(loss: float, run: Run, epoch: int) -> None:
    if math.isfinite(loss):
        return
    kept = f"'{run.folder.last}' holds epoch {epoch}" if epoch else "no epoch was finished before"
    raise TrainingDivergedError(
        f"the loss became {loss} in epoch {epoch + 1}; {kept}. "
        f"Start a new run with a lower --lr (now {run.config.lr:g})"
        + (
            ""
            if run.config.precision == "fp32"
            else f", or with --precision fp32 (now {run.config.precision})"
        )
    )


def _checkpoint(run: Run, epoch: int) -> None:
    score = run.scores[-1].mean_iou
    better = not score <= run.best  # so too where no validation pixel has a class: then the newest is kept
    if better:
        run.best = score
    state = {
        "epoch": epoch,
        "best": run.best,
        "hash": run.compiled.hash,
        "classes": list(run.compiled.paths[: run.compiled.num_leaves]),
        "width": run.config.width,
        "leaf_weights": run.objective.leaf_weights.tolist(),
        "network": run.network.state_dict(),
    }
    if better:
        run.folder.save(run.folder.best, state)
    training = {"optimizer": run.optimizer.state_dict(), "scaler": run.scaler.state_dict()}
    run.folder.save(run.folder.last, state | training)


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
