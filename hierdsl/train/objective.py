"""What the network is trained on: the hierarchical loss or the flat one, at given class weights."""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierdsl.compiler import CompiledHierarchy
from hierdsl.diagnostics import nearest
from hierdsl.loss import hierarchical_cross_entropy
from hierdsl.train.config import SettingsError, TrainConfig
from hierdsl.weighting import Schedule, Weighting, flat, levels, parse_schedule, unbounded_targets


class Objective:
    """The loss of a run, with the level losses it is made of.

    Args:
        config: Loss, level weights or weighting, and label smoothing.
        compiled: The hierarchy.
        leaf_weights: Weight of each class, (C,).

    Raises:
        SettingsError: There is not one level weight for each level, or no such weighting.
    """

    def __init__(
        self,
        config: TrainConfig,
        compiled: CompiledHierarchy,
        leaf_weights: NDArray[np.float64],
    ) -> None:
        self.compiled = compiled
        self.flat = config.loss == "flat"
        self.smoothing = config.label_smoothing
        # where Python can look at them, so that they are brought to the logits once
        self.leaf_weights = torch.tensor(leaf_weights, dtype=torch.float32)
        weights = config.level_weights
        if weights is None:
            weights = tuple(compiled.level_weights.tolist())
        if len(weights) != compiled.num_levels:
            names = ", ".join(compiled.level_names)
            raise SettingsError(
                f"--level-weights: {len(weights)} weights for {compiled.num_levels} levels; give one each for {names}"
            )
        self.names = compiled.level_names[-1:] if self.flat else compiled.level_names
        self._schedule = schedule_of(config, compiled)
        if self._schedule is not None:
            self._now, self._last = self._schedule(0), self._schedule(1)
        else:
            self._now = self._last = flat(compiled) if self.flat else levels(compiled, weights)

    def at(self, progress: float) -> None:
        """Take the weighting of a moment of the run, 0 at its first step and 1 at its last."""
        if self._schedule is not None and not self._schedule.constant:
            self._now = self._schedule(progress)

    def __call__(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the losses of the levels in `names`, without weights and smoothing, and without gradient.

        The flat loss is that of the finest level: coarse labels say nothing about a class, and are ignored.
        """
        loss, found = self._loss(logits, target, self._now)
        return loss, found[-1:] if self.flat else found

    def last(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What validation reports: the loss as the run ends with it, so that epochs compare; all level losses."""
        return self._loss(logits, target, self._last)

    def _loss(self, logits: Tensor, target: Tensor, weighting: Weighting) -> tuple[Tensor, Tensor]:
        return hierarchical_cross_entropy(
            logits,
            target,
            self.compiled,
            weighting=weighting,
            weight=self.leaf_weights,
            label_smoothing=self.smoothing,
            return_levels=True,
        )


def schedule_of(config: TrainConfig, compiled: CompiledHierarchy) -> Schedule | None:
    """The weighting over the run; None where the level weights say it.

    Raises:
        SettingsError: There is no such weighting.
    """
    if config.weighting is None:
        return None
    try:
        return parse_schedule(config.weighting, compiled)
    except ValueError as error:
        raise SettingsError(f"--weighting: {error}") from None


def demand_floor(config: TrainConfig, counts: NDArray[np.int64], compiled: CompiledHierarchy) -> None:
    """Refuse a weighting whose loss has no least value on these labels: training would only run away with it.

    Args:
        config: The weighting and the label smoothing.
        counts: Labelled training pixels of each node, (V,).
        compiled: The hierarchy.

    Raises:
        SettingsError: A label that occurs has a loss that falls without end, or labels are smoothed and some factor
            is negative: then other groups than that of the label have one too.
    """
    schedule = schedule_of(config, compiled)
    if schedule is None:
        return
    for turn in schedule.turns:  # linear between two turns: a floor at both is one between them
        weighting = schedule(turn)
        seen = np.flatnonzero(unbounded_targets(weighting, compiled) & (counts > 0))
        if len(seen):
            raise SettingsError(
                f"--weighting {weighting.name}: the loss of the label '{compiled.paths[seen[0]]}' falls without end, "
                "since its factors have a negative sum; use hxe(ALPHA, depth) or another weighting without negative "
                "factors, or labels that are classes"
            )
        if config.label_smoothing and (weighting.factors < 0).any():
            raise SettingsError(
                f"--weighting {weighting.name} has negative factors, which --label-smoothing does not go with: "
                "use hxe(ALPHA, depth), or leave it out"
            )


def class_weights(choice: str, counts: NDArray[np.int64], compiled: CompiledHierarchy) -> NDArray[np.float64]:
    """The weight of each class in the loss, (C,): the file's own times the chosen ones.

    Args:
        choice: "none"; "inverse" or "sqrt", of the class's frequency, with mean 1 over the classes that
            occur, and 1 for one that never does; or a JSON file of weights by class path, 1 where silent.
        counts: Labelled training pixels of each node, (V,). Coarse labels count for no class.
        compiled: The hierarchy.

    Raises:
        SettingsError: The file cannot be read or does not fit.
    """
    own = compiled.leaf_weights
    if choice == "none":
        return own
    if choice not in ("sqrt", "inverse"):
        return own * _from_file(Path(choice), compiled)
    pixels = counts[: compiled.num_leaves].astype(np.float64)
    seen = pixels > 0
    weights = np.ones(compiled.num_leaves)
    if seen.any():
        weights[seen] = (pixels.sum() / pixels[seen]) ** (0.5 if choice == "sqrt" else 1.0)
        weights[seen] /= weights[seen].mean()
    return own * weights


def _from_file(path: Path, compiled: CompiledHierarchy) -> NDArray[np.float64]:
    where = f"--class-weights: '{path}'"
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{where} is neither none, sqrt, inverse nor a file") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{where} cannot be read as JSON: {error}") from None
    leaves = compiled.paths[: compiled.num_leaves]
    if not isinstance(given, dict):
        raise SettingsError(
            f'{where} must hold an object of weights by class path, such as {{"{leaves[0]}": 2.0}}'
        )
    weights = np.ones(len(leaves))
    for key, value in given.items():
        if key not in leaves:
            close = nearest(key, leaves)
            raise SettingsError(
                f"{where}: there is no class '{key}'" + (f"; did you mean '{close}'?" if close else "")
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise SettingsError(f"{where}: the weight of '{key}' is a number, 0 or more, not {value!r}")
        weights[leaves.index(key)] = value
    if not weights.any():
        raise SettingsError(f"{where}: every class has weight 0")
    return weights
