"""The canonical form of a .hier file: one style, nothing of its meaning changed; and a whole tree as one file.

What is written where is decided line by line from the declarations; what they mean is not looked at.
"""

from hierdsl.format.diff import unified_diff
from hierdsl.format.expand import expand
from hierdsl.format.lines import Placed
from hierdsl.format.text import Formatted, format_bytes, format_text

__all__ = ["Formatted", "Placed", "expand", "format_bytes", "format_text", "unified_diff"]
