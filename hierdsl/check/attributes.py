"""Rules on the attributes of nodes and levels."""

import math
import re
from collections.abc import Iterable, Iterator

from hierdsl.diagnostics import Annotation, Diagnostic, Edit, nearest
from hierdsl.scope import Scope
from hierdsl.syntax import AttributeDecl, Document
from hierdsl.syntax.attributes import LEVEL_ATTRIBUTES, META, NODE_ATTRIBUTES, Reader, read, reader

_NO = frozenset({"false", "no", "off", "0"})
_EXAMPLES = {
    "color": '[color="#40c0c0"]',
    "weight": "[weight=0.5]",
    "level": "[level=genus]",
    "doc": '[doc="what it is"]',
    "ignore": "[ignore]",
}


def attributes_are_known_and_valid(scope: Scope) -> Iterator[Diagnostic]:
    """H204, H205, H206: an attribute is a known one, given once, with a value of its type and range."""
    document = scope.document
    for node in document.tree.nodes if document.tree else ():
        if node.attributes:
            yield from _check(document, node.attributes, NODE_ATTRIBUTES, "a node")
    for level in document.levels.levels if document.levels else ():
        yield from _check(document, level.attributes, LEVEL_ATTRIBUTES, "a level")


def _check(
    document: Document, attributes: Iterable[AttributeDecl], known: dict[str, Reader], owner: str
) -> Iterator[Diagnostic]:
    seen: dict[str, AttributeDecl] = {}
    for attribute in attributes:
        key = attribute.key.text
        read = reader(key, known)
        if read is None:
            close = nearest(key, known)
            listed = ", ".join(known) + (f", {META}ANYTHING" if known is NODE_ATTRIBUTES else "")
            yield Diagnostic(
                "H204",
                f"{owner} has no attribute '{key}'",
                Annotation(document.source, attribute.key.span),
                notes=(f"the attributes of {owner} are: {listed}",),
                help=f"did you mean '{close}'?" if close else "remove it",
                edits=(Edit(document.source, attribute.key.span, close),) if close else (),
            )
            continue
        if key in seen:
            yield Diagnostic(
                "H206",
                f"the attribute '{key}' is given twice",
                Annotation(document.source, attribute.span),
                secondary=(Annotation(document.source, seen[key].span, "first here"),),
                help="remove one of the two",
            )
            continue
        seen[key] = attribute
        try:
            read(attribute.value)
        except ValueError as error:
            example = _EXAMPLES.get(key, f'[{key}="a text"]')
            meant = _meant(key, attribute)
            yield Diagnostic(
                "H205",
                f"'{key}' {'needs a' if attribute.value is None else 'has a wrong'} value: {error}",
                Annotation(document.source, attribute.value_span),
                help=_mend(key, attribute, meant, example),
                edits=(Edit(document.source, attribute.value_span, meant),) if meant else (),
            )


def weights_have_a_product(scope: Scope) -> Iterator[Diagnostic]:
    """H205: the weights on the way down multiply to a finite number."""
    products: list[float] = []
    for position, node in enumerate(scope.nodes):
        own = read(node.attributes, NODE_ATTRIBUTES).get("weight", 1.0) if node.attributes else 1.0
        above = products[node.parent] if node.parent >= 0 else 1.0
        products.append(own * above)
        if math.isinf(products[-1]) and not math.isinf(above):
            message = f"the weights down to '{node.name.text}' multiply to more than a number can hold"
            yield Diagnostic("H205", message, scope.name(position), help="write smaller weights")


def _mend(key: str, attribute: AttributeDecl, meant: str | None, example: str) -> str:
    if key == "ignore" and str(getattr(attribute.value, "text", attribute.value)).casefold() in _NO:
        return "remove it: a node counts unless it says ignore"
    return f"write {meant}" if meant else f"write it like {example}"


def _meant(key: str, attribute: AttributeDecl) -> str | None:
    """A colour without its hash, or of three digits, in full."""
    value = getattr(attribute.value, "text", attribute.value)
    match = re.fullmatch(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})", value) if isinstance(value, str) else None
    if key != "color" or not match:
        return None
    return f'"#{match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])}"'
