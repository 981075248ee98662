"""A confusion matrix of nodes against leaves, and the intersection over union that it gives at each level."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierdsl.compiler import IGNORE_INDEX, CompiledHierarchy, check_compiled


@dataclass(frozen=True)
class LevelScores:
    """Scores of one level.

    Attributes:
        name: Of the level.
        groups: Path of each group's node.
        iou: Intersection over union of each group, in [0, 1]; NaN for a group that neither occurs nor is
            predicted.
        pixels: Labelled pixels of each group.
        mean_iou: Mean over the groups that occur or are predicted; NaN when there is none.
        accuracy: Share of the labelled pixels that are predicted right; NaN when there is none.
    """

    name: str
    groups: tuple[str, ...]
    iou: NDArray[np.float64]
    pixels: NDArray[np.int64]
    mean_iou: float
    accuracy: float


class ConfusionMatrix:
    """Counts of (target node, predicted leaf), gathered on the device of the predictions.

    One matrix serves every level: the rows and columns of a level's groups are summed. A coarse target counts
    at the levels where it has a group.

    Args:
        compiled: The hierarchy, with C leaves and V nodes.
        device: Where the counts are kept.

    Example:
        >>> import hierdsl
        >>> faces = hierdsl.compile_hierarchy(hierdsl.load("helen"))
        >>> matrix = ConfusionMatrix(faces)
        >>> matrix.update(torch.tensor([0, 1, 7, 8]), torch.tensor([0, 1, 8, 8]))
        >>> [round(level.mean_iou, 3) for level in matrix.scores()]
        [1.0, 1.0, 1.0, 0.625]
    """

    def __init__(self, compiled: CompiledHierarchy, device: torch.device | str = "cpu") -> None:
        check_compiled(compiled)
        self.compiled = compiled
        self.counts = torch.zeros(compiled.num_nodes, compiled.num_leaves, dtype=torch.int64, device=device)
        self.wrong = self.counts.new_zeros(())

    @property
    def _at_once(self) -> bool:
        """Whether a look at a number does not wait for a device."""
        return self.counts.device.type == "cpu"

    def update(self, target: Tensor, predicted: Tensor, ignore_index: int = IGNORE_INDEX) -> None:
        """Add pixels.

        Args:
            target: Node indices in [0, V) or `ignore_index`, any shape.
            predicted: Leaf indices in [0, C), of the same shape; of logits, `logits.argmax(1)`.
            ignore_index: Target value of pixels that do not count.

        Raises:
            TypeError: One is no tensor.
            ValueError: Their shapes differ, or one is of no integer type; on the CPU also a value that is no index.
                On other devices `scores` says that there was one: to look here would synchronise.
        """
        _check(target, predicted)
        (nodes, leaves), size = self.counts.shape, self.counts.numel()
        target, predicted = target.long(), predicted.long()  # in eight bits, torch takes 156 for -100
        counted = target != ignore_index
        known = (target >= 0) & (target < nodes) & (predicted >= 0) & (predicted < leaves)
        # two bins behind the matrix, for ignored pixels and for wrong ones: boolean indexing would synchronise
        bins = torch.where(counted & known, target * leaves + predicted, size)
        counts = torch.bincount((bins + (counted & ~known)).flatten(), minlength=size + 2)
        if self._at_once and counts[-1]:
            raise ValueError(self._no_index(int(counts[-1])))
        self.counts += counts[:-2].view_as(self.counts)
        self.wrong += counts[-1]

    def scores(self) -> list[LevelScores]:
        """The scores of every level, coarse to fine.

        Raises:
            ValueError: Some pixels had a target or a prediction that is no index.
        """
        if self.wrong:
            raise ValueError(self._no_index(int(self.wrong)))
        counts = self.counts.cpu().numpy()
        return [self._level(counts, level) for level in range(self.compiled.num_levels)]

    def _no_index(self, wrong: int) -> str:
        nodes, leaves = self.counts.shape
        return (
            f"{wrong} pixels have a target that is no node index (0 to {nodes - 1}) and not ignore_index, "
            f"or a predicted leaf that is none (0 to {leaves - 1}); encode raw ids with a label map first"
        )

    def _level(self, counts: NDArray[np.int64], level: int) -> LevelScores:
        group, size = self.compiled.group[level], int(self.compiled.num_groups[level])
        known = group >= 0
        matrix = np.zeros((size, size), dtype=np.int64)
        columns = group[: self.compiled.num_leaves]
        np.add.at(matrix, (group[known][:, None], columns[None, :]), counts[known])
        hit = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - hit
        total = int(matrix.sum())
        iou = np.divide(hit, union, out=np.full(size, np.nan), where=union > 0)
        return LevelScores(
            name=self.compiled.level_names[level],
            groups=tuple(self.compiled.paths[node] for node in self.compiled.group_nodes[level]),
            iou=iou,
            pixels=matrix.sum(1),
            mean_iou=float(np.nanmean(iou)) if total else float("nan"),
            accuracy=float(hit.sum() / total) if total else float("nan"),
        )


def _check(target: Tensor, predicted: Tensor) -> None:
    for name, value in (("target", target), ("predicted", predicted)):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} is a torch.Tensor, not {type(value).__name__}: torch.as_tensor({name}) makes one"
            )
        if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
            raise ValueError(f"{name} holds indices, an integer type, not {value.dtype}")
    if target.shape != predicted.shape:
        raise ValueError(
            f"target of shape {tuple(target.shape)} and predicted of shape {tuple(predicted.shape)}: one leaf is "
            "predicted for each target, of logits logits.argmax(1)"
        )
