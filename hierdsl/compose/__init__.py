"""A tree from several files: what `use` takes in, and what `graft`, `drop`, `collapse`, `merge`, `rename` change.

Files are found and read by `hierdsl.loading`; here they are documents already.
"""

from hierdsl.compose.combine import compose

__all__ = ["compose"]
