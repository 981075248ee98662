"""Which factor -log p of each node has in the loss: presets, their text, and schedules over a training.

The loss of a target y is a sum over the levels l where y has a group; u_l is the node of the cut at level l that y
is or lies under:

    loss(y) = sum over l of  factors[l, u_l] * -log p(u_l)

NumPy alone: a weighting is made, looked at and tested without torch.
"""

from hierdsl.weighting.edges import conditional, conditional_range, unbounded_targets
from hierdsl.weighting.presets import flat, hxe, level, levels, muller_smith, nodes
from hierdsl.weighting.schedule import Schedule, coarse_to_fine, constant, fine_to_coarse
from hierdsl.weighting.text import PRESETS, SCHEDULES, parse, parse_schedule
from hierdsl.weighting.weighting import Weighting

__all__ = [
    "PRESETS",
    "SCHEDULES",
    "Schedule",
    "Weighting",
    "coarse_to_fine",
    "conditional",
    "conditional_range",
    "constant",
    "fine_to_coarse",
    "flat",
    "hxe",
    "level",
    "levels",
    "muller_smith",
    "nodes",
    "parse",
    "parse_schedule",
    "unbounded_targets",
]
