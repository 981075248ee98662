"""Tiles of the reference, where no fused engine is: autograd inside a tile, and plain PyTorch throughout."""

import torch
from torch import Tensor

from hierdsl.loss import reference
from hierdsl.loss.options import Options
from hierdsl.loss.tables import LossTables


class ReferenceRun:
    """A batch whose targets are counted, as `hierdsl.loss.tiled.Prepared`.

    A mean is a sum whose factors were divided, level by level, by what the targets of the batch weigh there.

    Args:
        target: Node indices of the whole batch, of any shape.
        real: What is computed in.
        tables: Of the hierarchy.
        factors: Of -log p of each node in each cut, (D, V) float64.
        leaf_weights: (C,) float64, or None where all are 1.
        options: The reduction among them.
        levels: Whether the level losses are wanted; zeros else.

    Raises:
        ValueError: On the CPU, a target is neither a node nor `ignore_index`.
    """

    by_rows = False

    def __init__(
        self,
        target: Tensor,
        real: torch.dtype,
        tables: LossTables,
        factors: Tensor,
        leaf_weights: Tensor | None,
        options: Options,
        levels: bool,
    ) -> None:
        reference.check_targets(target, tables, options.ignore_index)
        self.real, self.tables, self.leaf_weights, self.levels = real, tables, leaf_weights, levels
        weights = None if leaf_weights is None else reference.node_weights(tables, leaf_weights)
        self.totals = factors.new_ones(tables.num_levels)
        if options.reduction == "mean":
            self.totals = _totals(target, tables, weights, options.ignore_index)
        self.factors = factors / self.totals.unsqueeze(1)
        self.each = options.reduction == "none"
        smoothing, gamma = options.smoothing, options.focal_gamma
        self.options = Options(options.ignore_index, "none", options.label_smoothing, smoothing, gamma)
        self.plain = Options(options.ignore_index, "none", 0.0, "uniform", 0.0)

    def tile(self, logits: Tensor, target: Tensor, gradient: Tensor | None, losses: Tensor | None) -> Tensor:
        """The loss and the level losses, (1 + D,) float64, of some pixels; fills the others."""
        with torch.enable_grad():
            z = logits.detach().requires_grad_(gradient is not None)
            found = self._of_levels(z, target, self.factors, self.options).sum(0)
            if gradient is not None:
                gradient.copy_(torch.autograd.grad(found.sum(), z)[0])
        if losses is not None:
            losses.copy_(found.detach())
        sums = self.totals.new_zeros(1 + len(self.totals))
        sums[0] = found.detach().double().sum()
        if self.levels:
            with torch.no_grad():
                plain = self._of_levels(logits, target, None, self.plain)
            sums[1:] = plain.double().flatten(1).sum(1) / self.totals
        return sums

    def _of_levels(self, z: Tensor, target: Tensor, factors: Tensor | None, options: Options) -> Tensor:
        return reference.level_losses(z, target, self.tables, factors, self.leaf_weights, options)


def _totals(target: Tensor, tables: LossTables, weights: Tensor | None, ignore_index: int) -> Tensor:
    """What the targets that have a group at each level weigh, (D,) float64; 1 where that is nothing."""
    # a node that is ignored or, where that is not checked, none at all is counted in a place of its own
    target = target.long()  # in eight bits, torch takes 156 for -100
    kept = (target != ignore_index) & (target >= 0) & (target < tables.num_nodes)
    node = torch.where(kept, target, tables.num_nodes).flatten()
    counts = torch.bincount(node, minlength=tables.num_nodes + 1)[: tables.num_nodes].double()
    weighed = counts if weights is None else counts * weights
    totals = (tables.group >= 0).double() @ weighed
    return torch.where(totals > 0, totals, 1.0)
