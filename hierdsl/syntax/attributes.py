"""The attributes of nodes and levels: which there are, and what each value means.

A reader turns a declaration's value into the model's; on a wrong one it raises ValueError with what would
have been right. The checks report that, the model relies on it.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from hierdsl.syntax.ast import AttributeDecl, Color, Ident, Number

Rgb = tuple[int, int, int]
Value = str | Number | Color | Ident | None


def color(value: Value) -> Rgb:
    """`"#rrggbb"` or `rgb(r, g, b)` as three numbers from 0 to 255."""
    if isinstance(value, Color):
        rgb = (value.red, value.green, value.blue)
        if max(rgb) > 255:
            raise ValueError("red, green and blue are 0 to 255")
        return rgb
    if isinstance(value, str) and (match := re.fullmatch(r"#([0-9a-fA-F]{6})", value)):
        red, green, blue = bytes.fromhex(match[1])
        return red, green, blue
    raise ValueError('a colour is "#rrggbb" or rgb(red, green, blue)')


def number(value: Value) -> float:
    """Any finite number."""
    if not isinstance(value, Number) or not math.isfinite(value.value):
        raise ValueError("a weight is a finite number")
    return value.value


def weight(value: Value) -> float:
    """A finite number that is not negative."""
    if number(value) < 0:
        raise ValueError("the weight of a class is 0 or more")
    return number(value)


def text(value: Value) -> str:
    """A text in double quotes."""
    if not isinstance(value, str):
        raise ValueError("a text stands in double quotes")
    return value


def level(value: Value) -> str:
    """The name of a level, bare or in double quotes."""
    if isinstance(value, Ident):
        return value.text
    if isinstance(value, str) and value:
        return unicodedata.normalize("NFC", value)
    raise ValueError("a level is given by its name")


def flag(value: Value) -> bool:
    """A bare word without a value."""
    if value is not None:
        raise ValueError("a flag takes no value")
    return True


def fact(value: Value) -> str | float:
    """What an author notes for themselves: a text or a number."""
    if isinstance(value, Number) and math.isfinite(value.value):
        return value.value
    if isinstance(value, str):
        return value
    raise ValueError("a fact is a text in double quotes or a finite number")


Reader = Callable[[Value], Any]

NODE_ATTRIBUTES: dict[str, Reader] = {
    "color": color,
    "weight": weight,
    "level": level,
    "doc": text,
    "ignore": flag,
}
LEVEL_ATTRIBUTES: dict[str, Reader] = {"weight": number, "doc": text}
META = "meta."


def reader(key: str, known: dict[str, Reader]) -> Reader | None:
    """How the value of an attribute is read, None for an unknown one. Nodes alone take `meta.*`."""
    if known is NODE_ATTRIBUTES and key.startswith(META) and len(key) > len(META):
        return fact
    return known.get(key)


def read(attributes: Iterable[AttributeDecl], known: dict[str, Reader]) -> dict[str, Any]:
    """The values by key; what is unknown or wrong is left out, and the first of a repeated key counts."""
    values: dict[str, Any] = {}
    for attribute in attributes:
        read_value = reader(attribute.key.text, known)
        if read_value is None or attribute.key.text in values:
            continue
        try:
            values[attribute.key.text] = read_value(attribute.value)
        except ValueError:
            continue
    return values
