"""Exponential and logarithm that a compiler can do for many numbers at once.

In float32 polynomials, correct to about two units in the last place, of the exponential far below 1 to four, in
straight code without calls, so that LLVM turns a loop over them into vector instructions; in float64 those of the C
library.

Source: the logarithm is reduced as in Cephes by S. L. Moshier (logf.c). The exponential is reduced in one step,
where Cephes (expf.c) takes two: with log(2) as one number, k * log(2) is wrong by 2e-9 * k, and x, the result of a
subtraction, by more. The coefficients are those of the best polynomials by reweighted least squares of the relative
error. For the exponential, 1 + r q(r) of degree 5 and |r| <= log(2) / 2: 2**-23.4; of degree 3 where the eight powers
2**(n / 8) are looked up and |r| <= log(2) / 16: 2**-25.2. For log(1 + r), r - r**2 / 2 + r**3 q(r) of degree 9:
2**-24.9.
"""

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from hierdsl.loss.cpu.lanes import (
    LANES,
    Vector,
    bits_shifted,
    can_look_up,
    eighth_powers,
    exponents,
    larger,
    load,
    mantissas,
    one_of,
    vector_of,
)

_INLINE: Any = {"forceinline": True, "fastmath": {"contract"}}
_F = np.float32
# 2**-127, below which the exponential is taken for 0: beside a sum of 1 or more it is nothing
_LOWEST = _F(-88.02969)
# added to a number, it leaves no place for what is behind the point, and the exponent of 2**k in the lowest bits
_SHIFT = _F(1.5 * 2**23 + 127)
# the same with the number of eighths
_SHIFT_EIGHTHS = _F(1.5 * 2**20)
_LOG2E, _LN2, _LN2_HIGH, _LN2_LOW = (
    _F(1.44269504088896341),
    _F(0.69314718055994531),
    _F(0.693359375),
    _F(-2.12194440e-4),
)
_E = tuple(
    map(_F, (8.2903147519e-03, 4.1897929559e-02, 1.6667636196e-01, 4.9999149529e-01, 9.9999970719e-01))
)
_E_EIGHTHS = tuple(map(_F, (1.6666858115e-01, 5.0006447494e-01)))
_L = tuple(
    map(
        _F,
        (
            8.7004382750e-2,
            -1.4267488175e-1,
            1.4914767653e-1,
            -1.6577584542e-1,
            1.9963063811e-1,
            -2.5001337041e-1,
            3.3333910737e-1,
        ),
    )
)
# of the square root of 1/2: less these, the exponent is that of x / 2**k in [sqrt(1/2), sqrt(2))
_HALF = np.float32(0.707106781186547524).view(np.int32)
_SQRT2 = _F(1.41421356237309505)
TOGETHER = 16
"""Numbers that `log_of_product` takes."""


def exp(x: Any) -> Any:
    """e**x for x of at most 0; not a number stays that."""
    return math.exp(x)


def log(x: Any) -> Any:
    """Natural logarithm of a normal number above 0."""
    return math.log(x) if x > 0 else -math.inf


def log_of_product(values: Any, at: int, count: int) -> Any:
    """Sum of the logarithms of up to `TOGETHER` vectors of normal numbers above 0, neighbours from number `at` on."""


def log_of_four(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Sum of the logarithms of four numbers from 1e-30 to 1e9."""
    return log(a) + log(b) + log(c) + log(d)


def _at_least(x: Any, least: Any) -> Any:
    """The larger one; x if that is no number."""


def _exponent(shifted: Any) -> Any:
    """2**k, of the number that k + 127 lies in the lowest bits of."""


def _reduced(x: Any) -> Any:
    """A whole number k, and x / 2**k - 1, where x / 2**k is in [sqrt(1/2), sqrt(2))."""


@njit(**_INLINE)
def exp32(x: Any) -> Any:
    """`exp` in float32, of a number or of a `Vector`."""
    x = _at_least(x, _LOWEST)
    shifted = x * _LOG2E + _SHIFT
    k = shifted - _SHIFT
    r = x - k * _LN2
    p = r * _E[0] + _E[1]
    p = p * r + _E[2]
    p = p * r + _E[3]
    p = p * r + _E[4]
    p = p * r + _F(1)
    return p * _exponent(shifted)


@njit(**_INLINE)
def exp_in_eighths(x: Any) -> Any:
    """`exp` in float32, of a `Vector`, where a machine can look up in a vector: three quarters of the time."""
    x = larger(_LOWEST, x)
    shifted = x * _LOG2E + _SHIFT_EIGHTHS
    r = x - (shifted - _SHIFT_EIGHTHS) * _LN2
    p = r * _E_EIGHTHS[0] + _E_EIGHTHS[1]
    p = p * r + _F(1)
    p = p * r + _F(1)
    return p * eighth_powers(shifted)


@njit(**_INLINE)
def _reduced_number(x: Any) -> Any:
    bits = np.float32(x).view(np.int32)
    k = np.int32(np.int32(bits - _HALF) >> np.int32(23))
    return _F(k), np.int32(bits - np.int32(k << np.int32(23))).view(np.float32) - _F(1)


@njit(**_INLINE)
def _reduced_vector(x: Any) -> Any:
    k = exponents(x * _SQRT2) - _F(127)
    return k, x * _exponent(_SHIFT - k) - _F(1)


@njit(**_INLINE)
def log32(x: Any) -> Any:
    """`log` in float32, of a number or of a `Vector`."""
    exponent, r = _reduced(x)
    p = r * _L[0] + _L[1]
    p = p * r + _L[2]
    p = p * r + _L[3]
    p = p * r + _L[4]
    p = p * r + _L[5]
    p = p * r + _L[6]
    square = r * r
    tail = p * r * square + exponent * _LN2_LOW - square * _F(0.5)
    return r + tail + exponent * _LN2_HIGH


@njit(**_INLINE)
def _mantissa(bits: Any) -> Any:
    """Of a number above 0 with these bits, in [1, 2)."""
    return np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F800000)).view(np.float32)


@njit(**_INLINE)
def _log_with(product: Any, exponent: Any, count: int) -> Any:
    """The logarithm of a product of so many mantissas, their exponents, as they are stored, summed."""
    exponent = exponent - _F(127 * count)
    return log32(product) + exponent * _LN2_LOW + exponent * _LN2_HIGH


@njit(**_INLINE)
def _parts(values: Any, at: int) -> tuple[Any, Any]:
    """Mantissas and exponents of a vector."""
    some = load(values, at)
    return mantissas(some), exponents(some)


@njit(**_INLINE)
def _parts_of_two(values: Any, at: int) -> tuple[Any, Any]:
    """The product of the mantissas of two vectors, and the sum of the exponents: of pairs, so as not to wait long."""
    one, other = _parts(values, at), _parts(values, at + LANES)
    return one[0] * other[0], one[1] + other[1]


@njit(**_INLINE)
def _parts_of_four(values: Any, at: int) -> tuple[Any, Any]:
    one, other = _parts_of_two(values, at), _parts_of_two(values, at + 2 * LANES)
    return one[0] * other[0], one[1] + other[1]


@njit(**_INLINE)
def _parts_of_eight(values: Any, at: int) -> tuple[Any, Any]:
    one, other = _parts_of_four(values, at), _parts_of_four(values, at + 4 * LANES)
    return one[0] * other[0], one[1] + other[1]


@njit(**_INLINE)
def log_of_product32(values: Any, at: int, count: int) -> Any:
    """`log_of_product` in float32: that of the product of all mantissas, which is below 2**16."""
    if count == TOGETHER:
        one, other = _parts_of_eight(values, at), _parts_of_eight(values, at + 8 * LANES)
        product, exponent = one[0] * other[0], one[1] + other[1]
    else:
        product, exponent = _parts(values, at)
        for k in range(1, count):
            more = _parts(values, at + k * LANES)
            product, exponent = product * more[0], exponent + more[1]
    return _log_with(product, exponent, count)


@njit(**_INLINE)
def log_of_four32(a: Any, b: Any, c: Any, d: Any) -> Any:
    """`log_of_four` in float32, likewise."""
    i, j, k, m = (
        np.float32(a).view(np.int32),
        np.float32(b).view(np.int32),
        np.float32(c).view(np.int32),
        np.float32(d).view(np.int32),
    )
    exponents = np.int32(
        np.int32(i >> np.int32(23))
        + np.int32(j >> np.int32(23))
        + np.int32(k >> np.int32(23))
        + np.int32(m >> np.int32(23))
    )
    return _log_with((_mantissa(i) * _mantissa(j)) * (_mantissa(k) * _mantissa(m)), _F(exponents), 4)


@njit(**_INLINE)
def log_of_product64(values: Any, at: int, count: int) -> Any:
    """`log_of_product` in float64."""
    total = log(load(values, at))
    for k in range(at + LANES, at + count * LANES, LANES):
        total = total + log(load(values, k))
    return total


# numba compares the arguments' names and annotations with those of what is overloaded, and wants a lambda to compile


@overload(_at_least, jit_options=_INLINE)
def _at_least_of(x, least):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    if isinstance(x, Vector):
        return lambda x, least: larger(least, x)
    return lambda x, least: max(x, least)  # noqa: PLW0108


@overload(_exponent, jit_options=_INLINE)
def _exponent_of(shifted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if isinstance(shifted, Vector):
        return lambda shifted: bits_shifted(shifted, 23)
    return lambda shifted: np.int32(np.float32(shifted).view(np.int32) << np.int32(23)).view(np.float32)


def _of_each(function: Any) -> Any:
    """What a function does, of each number of a vector."""
    return lambda x: vector_of(
        (
            function(one_of(x, 0)),
            function(one_of(x, 1)),
            function(one_of(x, 2)),
            function(one_of(x, 3)),
            function(one_of(x, 4)),
            function(one_of(x, 5)),
            function(one_of(x, 6)),
            function(one_of(x, 7)),
        )
    )


@overload(exp, jit_options=_INLINE)
def _exp(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if isinstance(x, Vector) and x.dtype != types.float32:
        return _of_each(math.exp)
    if isinstance(x, Vector) and can_look_up():
        return lambda x: exp_in_eighths(x)  # noqa: PLW0108
    if isinstance(x, Vector) or x == types.float32:
        return lambda x: exp32(x)  # noqa: PLW0108
    return lambda x: math.exp(x)  # noqa: PLW0108


@overload(_reduced, jit_options=_INLINE)
def _reduced_of(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if isinstance(x, Vector):
        return lambda x: _reduced_vector(x)  # noqa: PLW0108
    return lambda x: _reduced_number(x)  # noqa: PLW0108


@overload(log, jit_options=_INLINE)
def _log(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if x == types.float32 or (isinstance(x, Vector) and x.dtype == types.float32):
        return lambda x: log32(x)  # noqa: PLW0108
    if isinstance(x, Vector):
        return _of_each(log)
    return lambda x: math.log(x) if x > 0 else -math.inf


@overload(log_of_product, jit_options=_INLINE)
def _log_of_product(values, at, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    if values.dtype == types.float32:
        return lambda values, at, count: log_of_product32(values, at, count)  # noqa: PLW0108
    return lambda values, at, count: log_of_product64(values, at, count)  # noqa: PLW0108


@overload(log_of_four, jit_options=_INLINE)
def _log_of_four(a, b, c, d):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    if a == types.float32:
        return lambda a, b, c, d: log_of_four32(a, b, c, d)  # noqa: PLW0108
    return lambda a, b, c, d: math.log(a * b * c * d)
