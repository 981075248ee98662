"""Put a run together: hierarchy, settings, data, network; all that can fail fails here, before training."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from hierdsl.compiler import CompiledHierarchy, CompiledLabelMap, compile_hierarchy
from hierdsl.data.error import DataError
from hierdsl.data.folder import find_samples
from hierdsl.loading import analyze
from hierdsl.train.config import SettingsError, TrainConfig, to_toml
from hierdsl.train.data.augment import Augment, covering
from hierdsl.train.data.loader import Loader, worker_count
from hierdsl.train.data.split import Legend, Split, drawn_split, folder_split
from hierdsl.train.display import RunDisplay
from hierdsl.train.folder import RunError, RunFolder, load_checkpoint
from hierdsl.train.loop import Run
from hierdsl.train.objective import Objective, class_weights, demand_floor, schedule_of
from hierdsl.train.unet import UNet

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class HierarchyFile:
    """A hierarchy file as it was read."""

    name: str
    text: bytes
    compiled: CompiledHierarchy


@dataclass(slots=True)
class Started:
    """A run ready for the loop, and the validation images for the report."""

    run: Run
    val: Split


def start(
    file: HierarchyFile,
    config: TrainConfig,
    data: str,
    label_map: str,
    out: Path | None,
    resume: RunFolder | None,
    console: Console,
) -> Started:
    """Check everything, read the data and build the network.

    Args:
        file: The hierarchy.
        config: The settings.
        data: A folder, or "demo" for drawn faces.
        label_map: The label map that the labels are written in, "" for the default one.
        out: Folder of a new run, None for the next free one.
        resume: Folder of the run that goes on, None for a new one.
        console: Where progress is shown.

    Raises:
        DataError: The data cannot be used.
        SettingsError: A setting does not fit the hierarchy or the machine.
        RunError: The run folder cannot be used.
    """
    device = _device(config.device)
    compiled = file.compiled
    schedule_of(config, compiled)  # says what is wrong with it, before the data is read
    labels = _label_map(compiled, label_map, file.name)
    if out is not None and resume is None and out.exists():
        RunFolder.create(out, "")  # says why not, before the data is read
    checkpoint = load_checkpoint(resume.last) if resume else None
    if checkpoint is not None and resume is not None:
        _demand_same(compiled, checkpoint, resume)
        _demand_epochs(config, checkpoint, resume)
    torch.manual_seed(config.seed)
    network = UNet(compiled.num_leaves, config.width)
    legend = Legend(compiled, labels, file.name, label_map)
    train, val = _data(legend, config, data, RunDisplay(console, config.epochs))
    mirror = np.concatenate([compiled.mirror, np.arange(compiled.num_leaves, compiled.num_nodes)])
    augment = Augment(config.size, config.crop, config.scale, config.flip, config.jitter, mirror)
    _demand_two_values(augment, min(config.batch_size, len(train)))
    if checkpoint is not None:  # counted once, when the run began
        weights = np.array(checkpoint["leaf_weights"])
    else:
        weights = class_weights(config.class_weights, train.counts, compiled)
    if config.loss == "flat" and not train.counts[: compiled.num_leaves].any():
        raise SettingsError(
            "--loss flat: no training pixel is labelled as fine as a class; use --loss hierarchical"
        )
    demand_floor(config, train.counts, compiled)
    objective = Objective(config, compiled, weights)

    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    network = network.to(device=device, memory_format=layout)  # type: ignore[call-overload]  # torch's stub lacks this form
    optimizer = _optimizer(network, config)
    scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
    if checkpoint is not None and resume is not None:
        try:
            network.load_state_dict(checkpoint["network"])
            optimizer.load_state_dict(checkpoint["optimizer"])
            scaler.load_state_dict(checkpoint["scaler"])
        except (RuntimeError, ValueError, KeyError, TypeError):
            raise RunError(
                f"'{resume.last}' does not fit the settings in '{resume.config}': was one of them edited? "
                "Put it back, or start a new run"
            ) from None
    val_size = covering(val[0][1].shape, config.size)
    workers = worker_count(device) if config.workers is None else config.workers
    shared: dict[str, Any] = {
        "batch_size": config.batch_size,
        "workers": workers,
        "seed": config.seed,
        "pin": device.type == "cuda",
    }
    folder = resume or RunFolder.create(out, f"{compiled.name}-{config.loss}")
    done = checkpoint["epoch"] if checkpoint else 0
    run = Run(
        config=config,
        compiled=compiled,
        device=device,
        network=network,
        forward=torch.compile(network) if config.compile else network,
        objective=objective,
        optimizer=optimizer,
        scaler=scaler,
        train=Loader(train, config.size, augment=augment, **shared),
        # without gradients there is room for more images at once
        val=Loader(val, val_size, augment=None, **shared | {"batch_size": 4 * config.batch_size}),
        val_size=val_size,
        folder=folder,
        done=done,
        best=checkpoint["best"] if checkpoint else -math.inf,
        history=folder.history(done) if resume else [],
    )
    _write_facts(run, file, data, label_map, train, weights)
    return Started(run, val)


def _demand_same(compiled: CompiledHierarchy, checkpoint: dict[str, Any], resume: RunFolder) -> None:
    """Refuse to go on with another hierarchy, naming the tables that differ."""
    if checkpoint["hash"] == compiled.hash:
        return
    old, _ = analyze(resume.hierarchy.read_bytes(), str(resume.hierarchy))
    what = ""
    if old is not None:
        changed = compile_hierarchy(old).differences(compiled)
        what = f" (changed: {', '.join(changed)})" if changed else f" ('{resume.hierarchy}' was edited)"
    raise RunError(
        f"the hierarchy is not the one that '{resume.path}' was trained with{what}: "
        f"hash {compiled.hash[:12]}, not {checkpoint['hash'][:12]}. "
        f"Go on with the run's own copy, or start a new run"
    )


def _demand_epochs(config: TrainConfig, checkpoint: dict[str, Any], resume: RunFolder) -> None:
    """Refuse to go on with a run that is done, before the data is read and anything is written."""
    done = checkpoint["epoch"]
    if done >= config.epochs:
        raise SettingsError(
            f"'{resume.path}' has all its {done} epochs; go on with more: --epochs {done + 10}"
        )


def _demand_two_values(augment: Augment, batch: int) -> None:
    """Batch norm needs two values a channel, also where four poolings have left the least of an image."""
    height, width = augment.output
    if batch * (height // 16) * (width // 16) < 2:
        raise SettingsError(
            f"one training crop of {height} x {width} is too little for batch norm; "
            "raise --batch-size (and have two images or more), --size or --crop"
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(f"--device: there is no device '{name}'; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SettingsError("--device cuda: torch finds no CUDA device here; use --device cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(
            f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, counted from 0"
        )
    if device.type not in ("cpu", "cuda"):
        raise SettingsError(f"--device: '{name}' is not supported; use auto, cpu, cuda or cuda:N")
    return device


def _label_map(compiled: CompiledHierarchy, name: str, file: str) -> CompiledLabelMap:
    maps = compiled.label_maps
    if name in maps:
        return maps[name]
    listed = ", ".join(m or "the default map" for m in maps)
    if not name:
        mend = f"choose one with --labels: {listed}" if maps else "write the ids behind the names: car = 8"
        raise DataError(f"'{file}' gives no ids to its classes, so label images cannot be read; {mend}")
    raise SettingsError(f"--labels: '{file}' has no label map '{name}'; it has: {listed or 'none'}")


def _data(legend: Legend, config: TrainConfig, data: str, display: RunDisplay) -> tuple[Split, Split]:
    """Both splits, read or drawn, with a progress bar."""
    if data == DEMO:
        # drawn larger than the network's input, so that a zoom has something to show
        size = (config.size[0] * 5 // 4, config.size[1] * 5 // 4)
        splits: list[Split] = []
        for seed, number in enumerate(config.faces):
            with display.scan("drawing faces", number) as advance:
                splits.append(drawn_split(legend, seed, number, size, advance))
        return splits[0], splits[1]
    cache = config.cache * 2**20
    # both are listed before one is read: what is missing should not take a minute to find
    listed = {split: find_samples(Path(data), split) for split in ("train", "val")}
    found: list[Split] = []
    for split, samples in listed.items():
        with display.scan(f"reading {split}", len(samples)) as advance:
            part, used = folder_split(Path(data, split), samples, legend, cache, advance)
        cache -= used
        found.append(part)
    return found[0], found[1]


def _optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW or SGD; biases and batch norms are not decayed."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    # a shorter memory of the squared gradient than the usual 0.999 suits runs of a few thousand steps
    return torch.optim.AdamW(
        groups, lr=config.lr, weight_decay=config.weight_decay, betas=(0.9, 0.99), fused=True
    )


def _write_facts(
    run: Run, file: HierarchyFile, data: str, label_map: str, train: Split, weights: NDArray[np.float64]
) -> None:
    leaves = run.compiled.paths[: run.compiled.num_leaves]
    facts = {
        "hierarchy": file.name,
        "hash": run.compiled.hash,
        "data": data if data == DEMO else str(Path(data).resolve()),
        "labels": label_map,
        "torch": torch.__version__,
        "device": str(run.device),
        "pixels": dict(zip(run.compiled.paths, train.counts.tolist(), strict=True)),
        "class_weights": dict(zip(leaves, weights.tolist(), strict=True)),
    }
    run.folder.write(run.folder.config, to_toml(run.config))
    run.folder.write(run.folder.hierarchy, file.text)
    run.folder.write(run.folder.facts, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
