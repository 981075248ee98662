"""A hierarchy as validated, immutable data: what a .hier file means, without its text."""

from hierdsl.model.build import build
from hierdsl.model.hierarchy import ROOT, Hierarchy, LabelMap, Level, Node

__all__ = ["ROOT", "Hierarchy", "LabelMap", "Level", "Node", "build"]
