"""What a finished run leaves to look at: a table, curves, and predictions beside the labels."""

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.table import Table

from hierdsl.compiler import CompiledHierarchy
from hierdsl.metrics import LevelScores
from hierdsl.train.config import TrainConfig
from hierdsl.train.data.augment import cut, whole
from hierdsl.train.data.split import Split
from hierdsl.train.loop import Run, to_input

_IGNORED = (0, 0, 0)
_GAP = 4


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
    for color, level in enumerate(history[-1]["val_levels"]):
        shade = f"C{color}"
        left.plot(
            epochs,
            _series(history, "val_levels", level),
            color=shade,
            marker=".",
            label=f"{level}, validation",
        )
        if level in history[-1]["train_levels"]:
            left.plot(
                epochs,
                _series(history, "train_levels", level),
                color=shade,
                ls="--",
                alpha=0.6,
                label=f"{level}, training",
            )
        right.plot(epochs, _series(history, "mean_iou", level), color=shade, marker=".", label=level)
    left.set(xlabel="epoch", ylabel="cross-entropy (nats)", title=f"loss of each level ({config.loss})")
    left.set_ylim(bottom=0)
    right.set(xlabel="epoch", ylabel="mean IoU", title="validation mean IoU of each level", ylim=(0, 1))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize="small")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _series(history: Sequence[dict[str, Any]], key: str, level: str) -> list[float]:
    values = (record[key].get(level) for record in history)
    return [math.nan if value is None else value for value in values]


@torch.no_grad()
def predictions(run: Run, split: Split, number: int = 6) -> bytes:
    """Some validation images with their labels and what the network says, as PNG.

    One row an image: image, label, prediction, and where the prediction is wrong. Ignored pixels are black.
    """
    run.network.eval()
    size = run.config.size
    rows = []
    for index in np.linspace(0, len(split) - 1, min(number, len(split))).astype(int):
        image, target = split[int(index)]
        image, target = cut(image, target, whole(target.shape), size)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(run.device)
        predicted = run.network(to_input(pixels))[0].argmax(0).cpu().numpy()
        rows.append(
            [
                image,
                colored(target, run.compiled),
                colored(predicted, run.compiled),
                _wrong(image, target, predicted),
            ]
        )
    sheet = np.full(
        (len(rows) * (size[0] + _GAP) - _GAP, 4 * (size[1] + _GAP) - _GAP, 3), 255, dtype=np.uint8
    )
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            top, left = i * (size[0] + _GAP), j * (size[1] + _GAP)
            sheet[top : top + size[0], left : left + size[1]] = tile
    buffer = BytesIO()
    Image.fromarray(sheet).save(buffer, format="png")
    return buffer.getvalue()


def colored(nodes: NDArray[Any], compiled: CompiledHierarchy) -> NDArray[np.uint8]:
    """Node indices in the colours of the palette, ignored pixels black."""
    colors = np.concatenate([compiled.palette, [_IGNORED]]).astype(np.uint8)
    return colors[np.where(nodes < 0, len(compiled.palette), nodes)]


def _wrong(image: NDArray[np.uint8], target: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.uint8]:
    """The image, pale, with wrong pixels red."""
    pale = (image // 3 + 160).astype(np.uint8)
    pale[(target >= 0) & (target != predicted)] = (214, 39, 40)
    return pale
