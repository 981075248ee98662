"""Names, ids, colours, references and attributes, as the canonical form writes them.

Where a wrong value is no error of syntax it is kept as it was written, so that its diagnostic stays the same.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from hierdsl.resources import grammar_text
from hierdsl.source import Source
from hierdsl.syntax import AttributeDecl, Ident, IdRange, Reference
from hierdsl.syntax.ast import Color, Number

_DIGITS = re.compile(r"[0-9]+")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@lru_cache(maxsize=1)
def _bare_name() -> re.Pattern[str]:
    found = re.search(r"^NAME: +/(.+)/$", grammar_text(), re.MULTILINE)
    assert found  # noqa: S101 - the grammar is ours
    return re.compile(found[1])


def is_bare(text: str) -> bool:
    """Whether a name can stand without quotes."""
    return _bare_name().fullmatch(text) is not None


def string(text: str) -> str:
    """A text in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name(text: str) -> str:
    """A name that may stand in quotes: bare where it can be."""
    return text if is_bare(text) else string(text)


def node_name(ident: Ident) -> str:
    """The name of a node; a class called ignore keeps its quotes, without which it is a mistake (W203)."""
    return string(ident.text) if ident.quoted and ident.text == "ignore" else name(ident.text)


def word(ident: Ident, source: Source) -> str:
    """A name that cannot stand in quotes.

    In normal form C a few letters come apart into ones that no bare name has; then it stays as it was written.
    """
    return ident.text if ident.text.isascii() or is_bare(ident.text) else source.slice(ident.span)


def reference(target: Reference, *, in_labels: bool = False) -> str:
    """A path.

    In a label map the bare word `ignore` is none, and `tolerance` may be a slip: nodes of those names keep their
    quotes.
    """
    if in_labels and target.quoted and not target.anchored and target.parts in (("ignore",), ("tolerance",)):
        return string(target.parts[0])
    return "/" * target.anchored + "/".join(map(name, target.parts))


def ids(ranges: Iterable[IdRange], source: Source) -> str:
    """Ids and colours, in their order."""
    return ", ".join([_id_range(each, source) for each in ranges])


def _id_range(item: IdRange, source: Source) -> str:
    written = source.slice(item.span)
    if item.is_color:
        if written.startswith('"'):
            return written.lower() if item.first >= 0 else written
        return _rgb(written)
    if ".." not in written:
        return _number(written)
    first, last = (_number(part.strip(" \t")) for part in written.split(".."))
    return first if first == last else f"{first}..{last}"


def _number(digits: str) -> str:
    return digits if digits[0] != "0" else digits.lstrip("0") or "0"


def _rgb(written: str) -> str:
    return f"rgb({', '.join(map(_number, _DIGITS.findall(written)))})"


def attributes(declared: Sequence[AttributeDecl], source: Source | None = None) -> str:
    """The list in brackets, or nothing.

    Args:
        declared: In their order.
        source: Where they are written; None where that is not known, which right values do not need.
    """
    return f"[{', '.join([_attribute(each, source) for each in declared])}]" if declared else ""


def _attribute(attribute: AttributeDecl, source: Source | None) -> str:
    key, value = attribute.key.text, attribute.value
    match value:
        case None:
            return key
        case Number():
            shown = value.text
        case Color():
            parts = f"{value.red}, {value.green}, {value.blue}"
            shown = _rgb(source.slice(attribute.value_span) if source else parts)
        case Ident():
            shown = word(value, source) if source else name(value.text)
        case str() if key == "color" and _HEX.fullmatch(value):
            shown = string(value.lower())
        case str() if key == "level":
            shown = name(unicodedata.normalize("NFC", value))
        case str():
            shown = string(value)
    return f"{key}={shown}"
