"""From a text to its canonical form, or to the diagnostics that stand in the way."""

from dataclasses import dataclass

from hierdsl.diagnostics import Annotation, Diagnostic, HierError
from hierdsl.format.lines import Placed, canonical_lines, joined
from hierdsl.source import Span
from hierdsl.syntax import decode, parse
from hierdsl.syntax.decode import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Formatted:
    """A canonical text, and its lines with those that they were."""

    text: str
    lines: list[Placed]


def format_bytes(data: bytes, name: str) -> tuple[Formatted | None, list[Diagnostic]]:
    """The canonical form of a file; None, and why, where its syntax has errors.

    What the file means is not checked: a class that is there twice does not stand in the way.

    Args:
        data: The content of the file.
        name: How diagnostics call it.
    """
    source, found = decode(data, name)
    if found:
        return None, found
    document, found = parse(source)
    if found or not document.complete:
        return None, found
    lines = canonical_lines(document)
    text = joined(lines)
    if len(text) > MAX_BYTES // 4 and (size := len(text.encode())) > MAX_BYTES:
        message = f"in canonical form the file has {size:,} bytes, more than {MAX_BYTES:,}"
        return None, [Diagnostic("H901", message, Annotation(source, Span(0, 0)))]
    return Formatted(text, lines), []


def format_text(text: str) -> str:
    r"""A text in canonical form, which means the same.

    Args:
        text: The content of a .hier file. It may have errors, but none of syntax.

    Raises:
        HierError: It has errors of syntax; the exception carries the diagnostics.

    Example:
        >>> print(format_text('tree\n  "sky"=007 # blue\n  pavement = 1 .. 1[color=rgb(60,40,222)]'), end="")
        tree
            sky      = 7  # blue
            pavement = 1  [color=rgb(60, 40, 222)]
    """
    formatted, found = format_bytes(text.encode("utf-8", errors="surrogatepass"), "<string>")
    if formatted is None:
        raise HierError(found)
    return formatted.text
