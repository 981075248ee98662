"""What a finished run leaves to look at: a table, curves, and predictions beside the labels."""

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from hierdsl.compiler import CompiledHierarchy
from hierdsl.metrics import LevelScores
from hierdsl.train.config import TrainConfig
from hierdsl.train.data.augment import cut, whole
from hierdsl.train.data.split import Split
from hierdsl.train.loop import Run, to_input

_IGNORED = (255, 255, 255)
_LEGEND_COLUMNS = 6


def iou_table(scores: Sequence[LevelScores], title: str) -> Table:
    """The intersection over union of each class, and the mean at every level, in per cent."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("class")
    table.add_column("IoU %", justify="right")
    table.add_column("pixels %", justify="right")
    finest = scores[-1]
    total = max(int(finest.pixels.sum()), 1)
    for name, iou, pixels in zip(finest.groups, finest.iou.tolist(), finest.pixels.tolist(), strict=True):
        table.add_row(name, _percent(iou), f"{100 * pixels / total:.2f}")
    table.add_section()
    for level in reversed(scores):
        count = f"{len(level.groups)} groups" if level is not finest else f"{len(level.groups)} classes"
        table.add_row(f"mean of {level.name} ({count})", _percent(level.mean_iou), "", style="bold")
    for level in reversed(scores):
        table.add_row(f"pixel accuracy of {level.name}", _percent(level.accuracy), "")
    return table


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}"


def curves(history: Sequence[dict[str, Any]], config: TrainConfig) -> bytes:
    """Loss and mean IoU of every level by epoch, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - a second, once a run
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - the same

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    epochs = [record["epoch"] for record in history]
    for color, name in enumerate(history[-1]["val_levels"]):
        level = _plain(name)
        shade = f"C{color}"
        left.plot(
            epochs,
            _series(history, "val_levels", name),
            color=shade,
            marker=".",
            label=f"{level}, validation",
        )
        if name in history[-1]["train_levels"]:
            left.plot(
                epochs,
                _series(history, "train_levels", name),
                color=shade,
                ls="--",
                alpha=0.6,
                label=f"{level}, training",
            )
        right.plot(epochs, _series(history, "mean_iou", name), color=shade, marker=".", label=level)
    left.set(xlabel="epoch", ylabel="cross-entropy (nats)", title=f"loss of each level ({config.loss_name})")
    left.set_ylim(0, _top([line.get_ydata() for line in left.lines]))
    right.set(xlabel="epoch", ylabel="mean IoU", title="validation mean IoU of each level", ylim=(0, 1))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize="small")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _plain(name: str) -> str:
    """A name as a label: matplotlib would read mathematics between dollars, and hide what starts with _."""
    return name.replace("$", r"\$").lstrip("_") or "_ "


def _top(lines: Sequence[Any]) -> float:
    """The end of the loss axis: one spike in an early epoch must not flatten all the rest."""
    values = np.concatenate([np.asarray(line, dtype=float) for line in lines])
    values = values[np.isfinite(values)]
    if not values.size:
        return 1.0
    return 1.05 * float(min(values.max(), 4 * np.median(values))) or 1.0


def _series(history: Sequence[dict[str, Any]], key: str, level: str) -> list[float]:
    values = (record[key].get(level) for record in history)
    return [math.nan if value is None else value for value in values]


@torch.no_grad()
def predictions(run: Run, split: Split, number: int = 6) -> bytes:
    """Some validation images, their labels, what the network says and where that is wrong, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - a second, once a run
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same
    from matplotlib.patches import Patch  # noqa: PLC0415 - the same

    run.network.eval()
    compiled = run.compiled
    height, width = run.val_size
    chosen = np.linspace(0, len(split) - 1, min(number, len(split))).astype(int).tolist()
    columns = ("image", "label", f"prediction, epoch {run.done}", "wrong, in red")
    tile = 2.6  # inches
    legend_rows = -(-(compiled.num_leaves + 1) // _LEGEND_COLUMNS)
    size = (len(columns) * tile, len(chosen) * tile * height / width + 0.3 + 0.22 * legend_rows)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(chosen), len(columns), squeeze=False)
    for row, index in zip(axes, chosen, strict=True):
        image, target = split[index]
        image, target = cut(image, target, whole(target.shape), run.val_size)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(run.device)
        predicted = run.network(to_input(pixels))[0].argmax(0).cpu().numpy()
        tiles = (
            image,
            colored(target, compiled),
            colored(predicted, compiled),
            marked(image, wrong(target, predicted, compiled)),
        )
        for cell, picture in zip(row, tiles, strict=True):
            cell.imshow(picture, interpolation="nearest")
            cell.set_axis_off()
    for cell, title in zip(axes[0], columns, strict=True):
        cell.set_title(title, fontsize="medium")
    names = [*compiled.names[: compiled.num_leaves], "ignored"]
    shades = [*compiled.palette[: compiled.num_leaves], _IGNORED]
    patches = [
        Patch(facecolor="#{:02x}{:02x}{:02x}".format(*map(int, shade)), edgecolor="grey", label=_plain(name))
        for name, shade in zip(names, shades, strict=True)
    ]
    figure.legend(
        handles=patches, loc="outside lower center", ncols=_LEGEND_COLUMNS, fontsize="small", frameon=False
    )
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def colored(nodes: NDArray[Any], compiled: CompiledHierarchy) -> NDArray[np.uint8]:
    """Node indices in the colours of the palette, ignored pixels white."""
    colors = np.concatenate([compiled.palette, [_IGNORED]]).astype(np.uint8)
    return colors[np.where(nodes < 0, len(compiled.palette), nodes)]


def wrong(target: NDArray[Any], predicted: NDArray[Any], compiled: CompiledHierarchy) -> NDArray[np.bool_]:
    """Where a predicted class is not the target, nor below it where the target is an inner node."""
    known = compiled.group >= 0
    finest = compiled.num_levels - 1 - known[::-1].argmax(0)  # the finest level where a node has a group
    level = finest[np.maximum(target, 0)]
    differs = compiled.group[level, predicted] != compiled.group[level, np.maximum(target, 0)]
    mistaken: NDArray[np.bool_] = (target >= 0) & differs
    return mistaken


def marked(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image, pale, with the pixels of a mask in red."""
    pale = (image // 3 + 160).astype(np.uint8)
    pale[mask] = (214, 39, 40)
    return pale
