"""Log-probabilities of all nodes at once, for inference: a module that exports."""

import itertools

import torch
from torch import Tensor, nn

from hierdsl.compiler import CompiledHierarchy, check_compiled
from hierdsl.loss.marginal import group_logsumexp, in_float32


class NodeLogProbs(nn.Module):
    """Log-probability of every node of a hierarchy, or of the groups of one level.

        log p(v) = logsumexp{ z_c : leaf c under v } - logsumexp{ z_c : all c }

    The cuts are made one from the other, from the leaves up: each group sums the groups of the next finer level that
    it is made of. A leaf above the finest level is carried as it is, so that the work is one exponential for each
    group of each level; nothing grows with leaves times nodes. It is exact at any confidence: every group takes out
    its own largest number first, so that one whose probability underflows still has its right logarithm. (Differences
    of running sums over the leaves would be cheaper still, but lose just those.)

    In plain PyTorch, of any sizes of batch and space, for `torch.export` and `torch.onnx.export(dynamo=True)`. Its
    tables are buffers, which move with it, and are not in its state dict.

    Args:
        compiled: The hierarchy, with C leaves, V nodes and D levels.
        level: A level by its index, 0 coarsest, or by its name, to give its groups alone. None for all nodes.

    Raises:
        ValueError: The hierarchy has no such level.
        TypeError: It is not compiled.

    Example:
        >>> import hierdsl
        >>> faces = hierdsl.compile_hierarchy(hierdsl.load("helen"))
        >>> log_probs = NodeLogProbs(faces)(torch.zeros(1, 11))
        >>> log_probs[0, faces.names.index("face")].exp()  # 9 of 11 leaves
        tensor(0.8182)
        >>> NodeLogProbs(faces, level=0)(torch.zeros(1, 11)).exp()
        tensor([[0.0909, 0.9091]])

    Source:
        Muller & Smith, VISAPP 2020, DOI 10.5220/0008946002600267, section 3.
    """

    finest: Tensor
    position: Tensor

    def __init__(self, compiled: CompiledHierarchy, *, level: int | str | None = None) -> None:
        super().__init__()
        check_compiled(compiled)
        self.num_leaves = compiled.num_leaves
        self.level = _index(level, compiled)
        self.num_groups: list[int] = compiled.num_groups.tolist()
        cuts = [torch.tensor(nodes) for nodes in compiled.group_nodes]  # node of each group
        group = torch.tensor(compiled.group)
        self.register_buffer("finest", cuts[-1], persistent=False)
        for upper in range(compiled.num_levels - 1):
            # the group that each group of the next level is in
            self.register_buffer(f"above_{upper}", group[upper, cuts[upper + 1]], persistent=False)
        place = torch.empty(compiled.num_nodes, dtype=torch.int64)
        offsets = [0, *itertools.accumulate(self.num_groups)]
        for first, nodes in zip(offsets, cuts, strict=False):
            place[nodes] = torch.arange(first, first + len(nodes))
        self.register_buffer("position", place, persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """The log-probabilities.

        Args:
            logits: Leaf logits z, shape (N, C, *S), floating point, dimensionless; S may be empty.

        Returns:
            In nats, shape (N, V, *S), leaves first, in the order of `compiled.names`; with `level`, as
            `marginal_log_probs`, (N, num_groups, *S). float16 and bfloat16 give float32. None is above 0, and no
            child's above its parent's.

        Raises:
            ValueError: Axis 1 of `logits` is not C.
        """
        if logits.ndim < 2 or logits.shape[1] != self.num_leaves:
            raise ValueError(
                f"logits of shape {tuple(logits.shape)} have no axis 1 of {self.num_leaves} leaves"
            )
        cuts = [in_float32(logits).index_select(1, self.finest)]
        for upper in reversed(range(len(self.num_groups) - 1)):
            above: Tensor = getattr(self, f"above_{upper}")
            cuts.insert(0, group_logsumexp(cuts[0], above, self.num_groups[upper]))
        root = cuts[0].logsumexp(1, keepdim=True)
        if self.level is not None:
            return cuts[self.level] - root
        return torch.cat(cuts, 1).index_select(1, self.position) - root

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        nodes = len(self.position) if self.level is None else self.num_groups[self.level]
        return f"{self.num_leaves} leaves to {nodes} nodes" + (
            "" if self.level is None else f" of level {self.level}"
        )


def _index(level: int | str | None, compiled: CompiledHierarchy) -> int | None:
    names = compiled.level_names
    if level is None or (isinstance(level, int) and 0 <= level < len(names)):
        return level
    if level in names:
        return names.index(level)
    raise ValueError(f"no level {level!r}; the hierarchy has 0 to {len(names) - 1}: {', '.join(names)}")
