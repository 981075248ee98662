"""One checked text file for classes that form a tree.

The names below load on first use, so that `import hierdsl` costs nothing, and none of them imports torch
except those of `hierdsl.loss`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hierdsl import weighting
    from hierdsl.compiler import CompiledHierarchy, compile_hierarchy
    from hierdsl.diagnostics import Diagnostic, HierError
    from hierdsl.format import format_text
    from hierdsl.loading import analyze, load
    from hierdsl.loss import (
        HierarchicalCrossEntropyLoss,
        NodeLogProbs,
        hierarchical_cross_entropy,
        hierarchical_linear_cross_entropy,
        hierarchical_upsampled_cross_entropy,
    )
    from hierdsl.model import Hierarchy
    from hierdsl.render import to_dot

    __version__: str

_HOME = {
    "CompiledHierarchy": "hierdsl.compiler",
    "Diagnostic": "hierdsl.diagnostics",
    "HierError": "hierdsl.diagnostics",
    "Hierarchy": "hierdsl.model",
    "HierarchicalCrossEntropyLoss": "hierdsl.loss",
    "NodeLogProbs": "hierdsl.loss",
    "analyze": "hierdsl.loading",
    "compile_hierarchy": "hierdsl.compiler",
    "format_text": "hierdsl.format",
    "hierarchical_cross_entropy": "hierdsl.loss",
    "hierarchical_linear_cross_entropy": "hierdsl.loss",
    "hierarchical_upsampled_cross_entropy": "hierdsl.loss",
    "load": "hierdsl.loading",
    "to_dot": "hierdsl.render",
}

__all__ = [
    "CompiledHierarchy",
    "Diagnostic",
    "HierError",
    "HierarchicalCrossEntropyLoss",
    "Hierarchy",
    "NodeLogProbs",
    "analyze",
    "compile_hierarchy",
    "format_text",
    "hierarchical_cross_entropy",
    "hierarchical_linear_cross_entropy",
    "hierarchical_upsampled_cross_entropy",
    "load",
    "to_dot",
    "weighting",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms that few ask for

        return version("hierdsl")
    if name == "weighting":  # a module with names of its own
        return import_module("hierdsl.weighting")
    if name not in _HOME:
        raise AttributeError(f"module 'hierdsl' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
