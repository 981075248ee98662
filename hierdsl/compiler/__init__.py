"""A hierarchy as plain NumPy tables, so that no loss, metric or data loader needs to walk a tree."""

from hierdsl.compiler.compile import compile_hierarchy
from hierdsl.compiler.index import IGNORE_INDEX
from hierdsl.compiler.label_map import CompiledLabelMap, UnknownRawIdError
from hierdsl.compiler.tables import CompiledHierarchy, check_compiled

__all__ = [
    "IGNORE_INDEX",
    "CompiledHierarchy",
    "CompiledLabelMap",
    "UnknownRawIdError",
    "check_compiled",
    "compile_hierarchy",
]
