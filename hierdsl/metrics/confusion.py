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

    def update(self, target: Tensor, predicted: Tensor, ignore_index: int = IGNORE_INDEX) -> None:
        """Add pixels.

        Args:
            target: Node indices in [0, V) or `ignore_index`, any shape.
            predicted: Leaf indices in [0, C), of the same shape.
            ignore_index: Target value of pixels that do not count.
        """
        leaves = self.compiled.num_leaves
        # ignored pixels fall into one bin behind the matrix: no boolean indexing, which would synchronise
        bins = torch.where(
            target == ignore_index, self.counts.numel(), target.long() * leaves + predicted.long()
        )
        counts = torch.bincount(bins.flatten(), minlength=self.counts.numel() + 1)
        self.counts += counts[:-1].view_as(self.counts)

    def scores(self) -> list[LevelScores]:
        """The scores of every level, coarse to fine."""
        counts = self.counts.cpu().numpy()
        return [self._level(counts, level) for level in range(self.compiled.num_levels)]

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
