"""The focal modulation of many numbers at once; `hierdsl.loss.cpu.exact.focal` says what it is."""

from typing import Any

from hierdsl.loss.cpu.arithmetic import exp, log
from hierdsl.loss.cpu.compiled import compiled
from hierdsl.loss.cpu.exact import TINY

MOST_FACTORS = 4
"""Of a power with a whole exponent that take less time than a logarithm and an exponential."""
# -log p below which 1 - p is made of its first three powers: the next is 3e-7, 4e-17 of it
_NEAR_32, _NEAR_64 = 0.02, 1e-5


@compiled(inline=True)
def at_least_0(nll: Any) -> Any:
    """A -log p that rounding has brought below 0 as 0; not a number stays that."""
    zero = type(nll)(0)
    return zero if nll < zero else nll  # noqa: FURB136 - which might lose it


@compiled(inline=True)
def rest_of(nll: Any, p: Any) -> Any:
    """1 - p, to many digits near p = 1 too; at least TINY, as it becomes what is divided by for gamma below 1."""
    real = type(nll)
    limit = _NEAR_32 if real(1) + real(1e-12) == real(1) else _NEAR_64
    near = nll * (real(1) - nll * (real(1 / 2) - nll * real(1 / 6)))
    return max(near if nll < real(limit) else real(1) - p, real(TINY))


@compiled(inline=True)
def times_p(nll: Any, p: Any) -> Any:
    """The product with p, which is 0 also of what has no probability."""
    zero = type(nll)(0)
    return nll * p if p > zero else zero


@compiled()
def focal_of(nll: Any, gamma: float, modulation: Any, slope: Any, w: int) -> None:
    """(1 - p)**gamma of each -log p, and minus the derivative of (1 - p)**gamma * nll by log p."""
    real = nll.dtype.type
    one, exponent = real(1), real(gamma - 1)
    for k in range(w):
        slope[k] = rest_of(at_least_0(nll[k]), exp(-nll[k]))  # for now
    factors = int(exponent)
    if factors == exponent and 0 <= factors <= MOST_FACTORS:
        for k in range(w):
            modulation[k] = one
        for _ in range(factors):
            for k in range(w):
                modulation[k] *= slope[k]
    else:
        for k in range(w):
            modulation[k] = exp(exponent * log(slope[k]))
    for k in range(w):
        rest, power = slope[k], modulation[k]
        modulation[k] = power * rest
        slope[k] = power * (rest + (exponent + one) * times_p(at_least_0(nll[k]), one - rest))
