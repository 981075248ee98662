"""The hierarchical cross-entropy as a `torch.nn.Module`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hierdsl.compiler import IGNORE_INDEX, CompiledHierarchy, check_compiled
from hierdsl.loss.functional import hierarchical_cross_entropy, hierarchical_level_losses
from hierdsl.loss.options import (
    Engine,
    Options,
    Reduction,
    Smoothing,
    as_factors,
    as_leaf_weights,
    as_level_weights,
    check_engine,
)
from hierdsl.loss.tables import tables_on
from hierdsl.weighting import Weighting


class HierarchicalCrossEntropyLoss(nn.Module):
    """`hierarchical_cross_entropy` with its options held, to put in place of `torch.nn.CrossEntropyLoss`.

    The level weights are a buffer that does not go into the state dict; assign `level_weights` to change
    them while training (a schedule from coarse to fine, say). So are the factors of a weighting, (D, V), which are
    a tensor here: copy others into it to change them.

    Args:
        compiled: The hierarchy.
        level_weights: As for `hierarchical_cross_entropy`, and so are the others.
        weighting: See there.
        weight: See there.
        ignore_index: See there.
        reduction: See there.
        label_smoothing: See there.
        smoothing: See there.
        focal_gamma: See there.
        engine: See there.

    Raises:
        ValueError: As `hierarchical_cross_entropy`.
        TypeError: As there.

    Example:
        >>> import hierdsl
        >>> loss = HierarchicalCrossEntropyLoss(hierdsl.compile_hierarchy(hierdsl.load("helen")))
        >>> loss(torch.zeros(2, 11), torch.tensor([0, 10]))
        tensor(6.9951)
    """

    level_weights: Tensor
    weighting: Tensor | None
    weight: Tensor | None

    def __init__(
        self,
        compiled: CompiledHierarchy,
        *,
        level_weights: Tensor | Sequence[float] | None = None,
        weighting: Weighting | Tensor | None = None,
        weight: Tensor | Sequence[float] | None = None,
        ignore_index: int = IGNORE_INDEX,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        smoothing: Smoothing = "uniform",
        focal_gamma: float = 0.0,
        engine: Engine = "auto",
    ) -> None:
        super().__init__()
        check_compiled(compiled)
        Options(ignore_index, reduction, label_smoothing, smoothing, focal_gamma)  # refuses what does not fit
        check_engine(engine)
        self.compiled = compiled
        self.ignore_index = ignore_index
        self.reduction: Reduction = reduction
        self.label_smoothing = label_smoothing
        self.smoothing: Smoothing = smoothing
        self.focal_gamma = focal_gamma
        self.engine: Engine = engine
        tables = tables_on(compiled, torch.device("cpu"))
        if weighting is not None and level_weights is not None:
            raise ValueError("level_weights and weighting exclude each other: give one of them")
        factors = as_level_weights(level_weights, tables).detach().clone()
        self.register_buffer("level_weights", factors, persistent=False)
        of_nodes = None if weighting is None else as_factors(weighting, tables).detach().clone()
        self.register_buffer("weighting", of_nodes, persistent=False)
        as_leaf_weights(weight, tables)  # refuses what does not fit
        held = None if weight is None else torch.as_tensor(weight).detach().clone()
        self.register_buffer("weight", held, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of logits (N, C, *S) and node indices (N, *S)."""
        return hierarchical_cross_entropy(
            logits,
            target,
            self.compiled,
            level_weights=self.level_weights if self.weighting is None else None,
            weighting=self.weighting,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
            smoothing=self.smoothing,
            focal_gamma=self.focal_gamma,
            engine=self.engine,
        )

    def level_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """The losses of the levels before their weights, as `hierarchical_level_losses`."""
        return hierarchical_level_losses(
            logits,
            target,
            self.compiled,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
            smoothing=self.smoothing,
            focal_gamma=self.focal_gamma,
        )

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        levels = ", ".join(self.compiled.level_names)
        return (
            f"{self.compiled.name}: {self.compiled.num_leaves} leaves; {levels}; reduction={self.reduction}"
        )
