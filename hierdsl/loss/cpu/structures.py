"""The factors of one call, as the compiled loops read them."""

from typing import Any, NamedTuple

from numpy.typing import NDArray


class Terms(NamedTuple):
    """The factor that -log p of each node has in the loss, for each target. Floating point.

    Attributes:
        target: Factors of the inner nodes of `Shape.path` and, last, of the target itself where it is a leaf,
            (V + 1, K + 1).
        alike: The factor of each step of the path, where all targets with such a step that are counted have the same;
            then that of the target itself and the sum of these, if they are the same for all, (K + 2,). No number
            else, and with focal modulation, which makes another of each.
        whole: The sum of the factors of each target, and of `opened` without focal modulation, (V + 1,).
        level: Weight of each target in each level's own loss, (V + 1, D).
        step: Which of the factors of `target` is that of the target's node at each level, (V + 1, D) uint32; any
            where there is none.
        level_alike: Step and weight of each level, where all targets that are counted have the same, (D, 2); no
            number else.
        finest: The finest level where the targets that are counted have a group, if they have the same; -1 if not.
        coarse: Whether a target that is counted is an inner node.
        even: Factor that every node v has for any target whose finest level is l, (D, V); (1, 1) for none.
        even_sum: The sum of `even` over the nodes, (D,).
        sibling: Factor of a node where its parent is on the way to the target, and 0 at last, (V + 1,); (1,) for
            none.
        sibling_sum: The sum of `sibling` over the children of each inner node and of the root, (I + 2,); 0 at last.
        opened: Sum of `sibling` over the siblings on the way to each target, (V + 1,); (0,) if it is in `whole`.
        focus: Exponent gamma of the focal modulation; 0 for none.
    """

    target: NDArray[Any]
    alike: NDArray[Any]
    whole: NDArray[Any]
    level: NDArray[Any]
    step: NDArray[Any]
    level_alike: NDArray[Any]
    finest: int
    coarse: bool
    even: NDArray[Any]
    even_sum: NDArray[Any]
    sibling: NDArray[Any]
    sibling_sum: NDArray[Any]
    opened: NDArray[Any]
    focus: float
