"""A hierarchy as plain NumPy tables: what a loss, a metric or a data loader needs, and no tree walk after it."""

from hierdsl.compiler.compile import compile_hierarchy
from hierdsl.compiler.label_map import IGNORE_INDEX, CompiledLabelMap, UnknownRawIdError
from hierdsl.compiler.tables import CompiledHierarchy

__all__ = [
    "IGNORE_INDEX",
    "CompiledHierarchy",
    "CompiledLabelMap",
    "UnknownRawIdError",
    "compile_hierarchy",
]
