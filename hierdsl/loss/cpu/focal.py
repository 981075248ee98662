"""The focal modulation of many numbers at once; `hierdsl.loss.cpu.exact.focal` says what it is."""

from typing import Any

from hierdsl.loss.cpu.arithmetic import exp, log
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY

MOST_FACTORS = 4
"""Of a power with a whole exponent that take less time than a logarithm and an exponential."""


@compiled()
def focal_of(nll: Any, gamma: float, modulation: Any, slope: Any, w: int) -> None:
    """(1 - p)**gamma of each -log p, and minus the derivative of (1 - p)**gamma * nll by log p."""
    real = nll.dtype.type
    one, tiny, exponent = real(1), real(TINY), real(gamma - 1)
    for k in range(w):
        slope[k] = exp(-nll[k])  # p, for now
    factors = int(exponent)
    if factors == exponent and 0 <= factors <= MOST_FACTORS:
        for k in range(w):
            modulation[k] = one
        for _ in range(factors):
            for k in range(w):
                modulation[k] *= max(one - slope[k], tiny)
    else:
        for k in range(w):
            modulation[k] = exp(exponent * log(max(one - slope[k], tiny)))
    for k in range(w):
        p, power = slope[k], modulation[k]
        rest = max(one - p, tiny)
        modulation[k] = power * rest
        slope[k] = power * (rest + (exponent + one) * nll[k] * p)
