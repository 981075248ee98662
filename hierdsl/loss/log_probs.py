"""Log-probabilities of all nodes at once, for inference: a module that exports."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hierdsl.compiler import CompiledHierarchy, check_compiled
from hierdsl.loss.eager import exported
from hierdsl.loss.marginal import as_leaf_logits

_ROOT = -1  # as in `CompiledHierarchy.parent`


class NodeLogProbs(nn.Module):
    """Log-probability of every node of a hierarchy, or of the groups of one level.

        log p(v) = logsumexp{ z_c : leaf c under v } - logsumexp{ z_c : all c }

    Children are added up in pairs, those of all nodes at once, until each node has one number and is a child itself:
    log(e**a + e**b) is computed C - 1 times in all, however many levels there are; nothing grows with leaves times
    nodes. It is exact at any confidence: a pair takes out the larger number first, so that a node whose probability
    underflows still has its right logarithm. (Differences of running sums over the leaves would be cheaper still, but
    lose just those.)

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

    leaves: Tensor
    position: Tensor

    def __init__(self, compiled: CompiledHierarchy, *, level: int | str | None = None) -> None:
        super().__init__()
        check_compiled(compiled)
        self.num_leaves = compiled.num_leaves
        self.level = _index(level, compiled)
        nodes = range(compiled.num_leaves, compiled.num_nodes)  # the leaves come by themselves
        if self.level is not None:
            nodes = compiled.group_nodes[self.level].tolist()
        rounds, place = _rounds(compiled.parent.tolist(), compiled.num_leaves)
        asked = sorted({place[node] for node in nodes})
        first, self.pairs = self.num_leaves, [made.pairs for made in rounds]
        self._table("leaves", (number for number in asked if number < first))
        for count, made in enumerate(rounds):
            after = first + made.pairs
            self._table(f"order_{count}", made.order)
            self._table(f"asked_{count}", (number - first for number in asked if first <= number < after))
            first = after
        row = {number: at for at, number in enumerate(asked)}
        self._table("position", (row[place[node]] for node in nodes))

    def _table(self, name: str, indices: Iterable[int]) -> None:
        self.register_buffer(name, torch.tensor(list(indices), dtype=torch.int64), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """The log-probabilities.

        Args:
            logits: Leaf logits z, shape (N, C, *S), floating point, dimensionless; S may be empty.

        Returns:
            In nats, shape (N, V, *S), leaves first, in the order of `compiled.names`; with `level`, as
            `marginal_log_probs`, (N, num_groups, *S). float16 and bfloat16 give float32. None is above 0, and no
            child's above its parent's.

        Raises:
            TypeError: `logits` is no tensor.
            ValueError: Axis 1 of `logits` is not C, or they are of no floating-point type.
        """
        z = as_leaf_logits(logits, self.num_leaves)
        lowest = torch.finfo(z.dtype).min
        # the shift is a constant to autograd: it cancels in value and in gradient
        leaves = z - z.detach().amax(1, keepdim=True)
        sums, found = leaves, [_rows(leaves, self.leaves)]
        for count, pairs in enumerate(self.pairs):
            sums = _rows(sums, getattr(self, f"order_{count}"))
            if count == 0:
                sums = sums.clamp_min_(lowest)  # of two infinite ones the sum has no gradient
            made = _log_of_sum(sums[:, :pairs], sums[:, pairs : 2 * pairs])
            found.append(_rows(made, getattr(self, f"asked_{count}")))
            sums = torch.cat([made, sums[:, 2 * pairs :]], 1)
        nodes = _rows(torch.cat(found, 1), self.position)
        nodes = nodes.masked_fill(nodes <= lowest, -torch.inf)
        if self.level is None:
            nodes = torch.cat([leaves, nodes], 1)
        return nodes.sub_(sums)  # which the root alone is left of

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        if self.level is None:
            return f"{self.num_leaves} leaves to {self.num_leaves + len(self.position)} nodes"
        return f"{self.num_leaves} leaves to {len(self.position)} nodes of level {self.level}"


class _Round(NamedTuple):
    """What is added up at a time.

    Attributes:
        order: Of the numbers that are left, first one of each pair, then the others, then those that wait.
        pairs: How many there are.
    """

    order: list[int]
    pairs: int


def _rounds(parent: list[int], leaves: int) -> tuple[list[_Round], list[int]]:
    """Add up the leaves of a tree, in as few rounds as pairs allow; and which number is the sum of each node.

    Numbers are the leaves and, from `leaves` on, the sums of pairs in the order they are made.
    """
    left = Counter(parent)  # numbers that are yet to be one at each node
    place = [_ROOT] * (len(parent) + 1)

    def owner(node: int, number: int) -> int:
        """The node that the sum of a node is a part of, with others."""
        place[node] = number
        while node != _ROOT and left[parent[node]] == 1:
            node = parent[node]
            place[node] = number
        return _ROOT if node == _ROOT else parent[node]

    parts, made, rounds = [owner(leaf, leaf) for leaf in range(leaves)], leaves, []
    while len(parts) > 1:
        pairs, waiting = [], dict[int, int]()
        for at, node in enumerate(parts):
            if node in waiting:
                pairs.append((waiting.pop(node), at))
            else:
                waiting[node] = at
        order = [one for one, _ in pairs] + [other for _, other in pairs] + list(waiting.values())
        rounds.append(_Round(order, len(pairs)))
        nodes = [parts[one] for one, _ in pairs]
        left.subtract(nodes)
        sums = [owner(node, made + at) if left[node] == 1 else node for at, node in enumerate(nodes)]
        parts, made = sums + [parts[at] for at in waiting.values()], made + len(pairs)
    return rounds, place


def _rows(tensor: Tensor, index: Tensor) -> Tensor:
    """Some of axis 1."""
    if tensor.ndim == 2 or exported():
        return tensor.index_select(1, index)
    return tensor[:, index]  # over images the faster one on a CPU


def _log_of_sum(a: Tensor, b: Tensor) -> Tensor:
    """log(e**a + e**b), at least the larger one."""
    if exported():  # ONNX has no operator for it, and torch's exporter takes the exponentials as they are
        return torch.maximum(a, b) + functional.softplus(-(a - b).abs())
    return torch.logaddexp(a, b)


def _index(level: int | str | None, compiled: CompiledHierarchy) -> int | None:
    names = compiled.level_names
    if level is None or (isinstance(level, int) and 0 <= level < len(names)):
        return level
    if level in names:
        return names.index(level)
    raise ValueError(f"no level {level!r}; the hierarchy has 0 to {len(names) - 1}: {', '.join(names)}")
