"""From text to a `Document`: the declarations of a .hier file, each with its span.

A document says what is written, not whether it makes sense; that is `hierdsl.check`'s business.
"""

from hierdsl.syntax.ast import (
    AttributeDecl,
    Color,
    Document,
    FieldDecl,
    HeaderDecl,
    Ident,
    IdRange,
    LabelDecl,
    LabelsDecl,
    LevelDecl,
    LevelsDecl,
    MirrorDecl,
    NodeDecl,
    PairDecl,
    Reference,
    TreeDecl,
)
from hierdsl.syntax.decode import decode
from hierdsl.syntax.parser import parse

__all__ = [
    "AttributeDecl",
    "Color",
    "Document",
    "FieldDecl",
    "HeaderDecl",
    "IdRange",
    "Ident",
    "LabelDecl",
    "LabelsDecl",
    "LevelDecl",
    "LevelsDecl",
    "MirrorDecl",
    "NodeDecl",
    "PairDecl",
    "Reference",
    "TreeDecl",
    "decode",
    "parse",
]
