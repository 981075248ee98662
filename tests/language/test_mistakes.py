"""One table of mistakes: for each, a minimal file, what is said about it and where, and the mended file."""

import sys
from dataclasses import dataclass

import pytest

from hierdsl import analyze
from hierdsl.diagnostics import CODES, Severity
from hierdsl.diagnostics.full import render_full
from hierdsl.syntax import assemble


@dataclass(frozen=True)
class Mistake:
    """The file `text` gives `code` at `at`, with `message`; `mend` is the file after the edit that `help` names."""

    code: str
    text: str | bytes
    at: str
    message: str
    help: str | None = None
    mend: str | None = None
    also: tuple[str, ...] = ()
    """Codes of other diagnostics that the file rightly has."""
    count: int = 1
    """How often the mistake is made; `at` is the first place."""


def node(line, code, column, message, help_=None, mend=None):
    """A mistake in the line of a class."""
    mended = mend and f"tree\n    x\n    {mend}\n"
    return Mistake(code, f"tree\n    x\n    {line}\n", f"3:{column}", message, help_, mended)


TABLE = [
    # H101 invalid-encoding
    Mistake(
        "H101",
        b"tree\n    caf\xe9 = 1\n",
        "2:8",
        "byte 0xe9 is not UTF-8; a .hier file is UTF-8 text",
        "save the file as UTF-8 in your editor",
        "tree\n    café = 1\n",
    ),
    Mistake(
        "H101",
        "tree\n    a\n".encode("utf-16"),
        "1:1",
        "the file is UTF-16; a .hier file is UTF-8 text",
        "save the file as UTF-8 in your editor",
        "tree\n    a\n",
    ),
    # H102 invalid-character
    node(
        "a ! b",
        "H102",
        7,
        "a name with ! needs double quotes",
        'write "a ! b"',
        '"a ! b"',
    ),
    node(
        "a = 1 ~",
        "H102",
        11,
        "'~' has no meaning here",
        "remove it, or put the name in double quotes",
        "a = 1",
    ),
    node("a\u00a0= 1", "H102", 6, "a no-break space has no meaning here", "write an ordinary space", "a = 1"),
    node("a\x0c", "H102", 6, "the character U+000C has no meaning here", "remove it", "a"),
    node(
        "“a b” = 1",
        "H102",
        5,
        "“ is not a quote of this language",
        'use straight double quotes: "a b"',
        '"a b" = 1',
    ),
    node(
        "'a' = 1",
        "H102",
        5,
        "' is not a quote of this language",
        'use straight double quotes: "a"',
        '"a" = 1',
    ),
    node(
        "child's = 1",
        "H102",
        10,
        "a name with ' needs double quotes",
        'write "child\'s" = 1',
        '"child\'s" = 1',
    ),
    # H103 syntax-error
    node("a b = 1", "H103", 7, "a name with a space needs double quotes", 'write "a b" = 1', '"a b" = 1'),
    node("a: 1", "H103", 6, "an id or a value is given with '=', not with ':'", "write a = 1", "a = 1"),
    node("a:", "H103", 6, "a name needs no ':': what is indented below it is its child", "write a", "a"),
    node("- a", "H103", 5, "a line needs no bullet", "write a", "a"),
    node("1 a", "H103", 5, "the name comes first, then its id", "write a = 1", "a = 1"),
    node("3d = 1", "H103", 5, "a name starts with a letter or _", 'write "3d" = 1', '"3d" = 1'),
    node("a 1..2", "H103", 7, "an id is given with '='", "write a = 1..2", "a = 1..2"),
    node("a = 1 2", "H103", 11, "ids are separated by commas", "write a = 1, 2", "a = 1, 2"),
    node("a = 1-2", "H103", 10, "a range of ids is written with two dots", "write a = 1..2", "a = 1..2"),
    node("a = 1 to 2", "H103", 11, "a range of ids is written with two dots", "write a = 1..2", "a = 1..2"),
    node("a = 1O", "H103", 10, "'1O' is not a raw id: ids are numbers", "write a = 10", "a = 10"),
    node("a =", "H103", 8, "the line ends where an id or a colour should follow"),
    node("a [weight=2", "H103", 16, "this bracket is not closed", "write a [weight=2]", "a [weight=2]"),
    node(
        "a [weight 2]",
        "H103",
        15,
        "the value of an attribute is given with '='",
        "write a [weight=2]",
        "a [weight=2]",
    ),
    node(
        'a [weight=2 doc="x"]',
        "H103",
        17,
        "attributes are separated by commas",
        'write a [weight=2, doc="x"]',
        'a [weight=2, doc="x"]',
    ),
    node(
        "a [color=#ff0000]",
        "H103",
        14,
        "a colour stands in double quotes, since # starts a comment",
        'write a [color="#ff0000"]',
        'a [color="#ff0000"]',
    ),
    node("a [weight=]", "H103", 15, "expected a value, found ']'"),
    node("a, b", "H103", 6, "a class stands on a line of its own", "write b on the next line", "a\n    b"),
    node('a "b"', "H103", 7, "expected '=', '[' or the end of the line, found \"b\""),
    node(
        '"a\\n"',
        "H103",
        5,
        "'\\n' is not an escape; a text knows \\\" and \\\\ only",
        "write \\\\n",
        '"a\\\\n"',
    ),
    Mistake(
        "H103",
        'hierarchy x\n    source: "y"\ntree\n    a\n',
        "2:11",
        "a field needs no ':'",
        'write source "y"',
        'hierarchy x\n    source "y"\ntree\n    a\n',
    ),
    Mistake(
        "H103",
        "hierarchy x\n    source https://x.org/#a # b\ntree\n    a\n",
        "2:12",
        "the value of a field stands in double quotes",
        'write source "https://x.org/#a"',
        'hierarchy x\n    source "https://x.org/#a"\ntree\n    a\n',
    ),
    Mistake(
        "H103",
        "hierarchy city Scenes\ntree\n    a\n",
        "1:16",
        "a title stands in double quotes",
        'write hierarchy city "Scenes"',
        'hierarchy city "Scenes"\ntree\n    a\n',
    ),
    Mistake(
        "H103",
        "levels\n    top: 0.5\ntree\n    a\n",
        "2:8",
        "the weight of a level stands in brackets",
        "write top [weight=0.5]",
        "levels\n    top [weight=0.5]\ntree\n    a\n",
    ),
    Mistake(
        "H103",
        "tree:\n    a\n",
        "1:5",
        "a section needs no ':'",
        "write tree, and its lines indented below it",
        "tree\n    a\n",
    ),
    Mistake(
        "H103",
        "tree\n    a\nlabels my map\n    a = 1\n",
        "3:11",
        "the name of a label map is one word, without quotes",
        "write labels my_map",
        "tree\n    a\nlabels my_map\n    a = 1\n",
    ),
    Mistake(
        "H103",
        "tree\n    a\nlabels x\n    a = *\n",
        "4:5",
        "'*' stands for whatever a map does not list: it can only be ignored",
        "write ignore = *",
        "tree\n    a\nlabels x\n    ignore = *\n",
    ),
    Mistake(
        "H103",
        "tree\n    a\n    b\nmirror\n    a <> b\n",
        "5:7",
        "the two sides of a mirror pair are joined by '<->'",
        "write a <-> b",
        "tree\n    a\n    b\nmirror\n    a <-> b\n",
    ),
    Mistake(
        "H103",
        "tree\n    a\n    b\nmirror\n    a b\n",
        "5:7",
        "the two sides of a mirror pair are joined by '<->'",
        "write a <-> b",
        "tree\n    a\n    b\nmirror\n    a <-> b\n",
    ),
    # H104 unterminated-string
    node('"a b = 1', "H104", 5, "this text has no closing quote", 'write "a b" = 1', '"a b" = 1'),
    node(
        'a [color="#fff000]',
        "H104",
        14,
        "this text has no closing quote",
        'write a [color="#fff000"]',
        'a [color="#fff000"]',
    ),
    # H105 mixed-indentation
    Mistake(
        "H105",
        "tree\n    a\n\tb\n",
        "3:1",
        "tabs and spaces are mixed in the indentation",
        "indent this line with spaces, as the lines before it",
        "tree\n    a\n    b\n",
    ),
    # H106 inconsistent-indentation
    Mistake(
        "H106",
        "tree\n    a\n        b\n      c\n",
        "4:7",
        "this line is indented like none of the lines above it",
        "indent it by 8, like line 3, or like one of the lines around that",
        "tree\n    a\n        b\n        c\n",
    ),
    Mistake(
        "H106",
        "tree\n    a\n    b\nlabels x\n    a = 1\n      b = 2\n",
        "6:7",
        "the lines of 'labels' have one indentation: nothing is nested here",
        "indent it by 4, like the first line of the section",
        "tree\n    a\n    b\nlabels x\n    a = 1\n    b = 2\n",
    ),
    # H107 unknown-section
    Mistake("H107", "Tree\n    a\n", "1:1", "'Tree' is no section", "did you mean 'tree'?", "tree\n    a\n"),
    Mistake(
        "H107",
        "tree\n    a\nb = 3\n",
        "3:1",
        "'b' is no section",
        "indent the line if it belongs to the section above it",
        "tree\n    a\n    b = 3\n",
    ),
    Mistake(
        "H107",
        "sky = 0\nroad = 1\n",
        "1:1",
        "'sky' is no section",
        "if it is a class, write the word tree on a line above it and indent it below that",
        "tree\n    sky = 0\n    road = 1\n",
    ),
    # H108 duplicate-section
    Mistake(
        "H108",
        "tree\n    a\ntree\n    b\n",
        "3:1",
        "there is a second 'tree' section",
        "move its lines into the first one",
        "tree\n    a\n    b\n",
    ),
    # H109 stray-indentation
    Mistake(
        "H109",
        "    a\ntree\n    b\n",
        "1:5",
        "an indented line stands before the first section",
        "start the section at column 1, and indent only what belongs to it",
        "tree\n    a\n    b\n",
    ),
    # H110 unknown-field
    Mistake(
        "H110",
        'hierarchy x\n    sorce "y"\ntree\n    a\n',
        "2:5",
        "the header has no field 'sorce'",
        "did you mean 'source'?",
        'hierarchy x\n    source "y"\ntree\n    a\n',
    ),
    Mistake(
        "H110",
        'hierarchy x\n    author "y"\ntree\n    a\n',
        "2:5",
        "the header has no field 'author'",
        "write it as a comment, behind a #",
        'hierarchy x\n    # author "y"\ntree\n    a\n',
    ),
    Mistake(
        "H110",
        'hierarchy x\n    doc "y"\n    doc "z"\ntree\n    a\n',
        "3:5",
        "the field 'doc' is given twice",
        "remove one of the two",
        'hierarchy x\n    doc "y"\ntree\n    a\n',
    ),
    # H201 missing-tree
    Mistake(
        "H201",
        "hierarchy x\n",
        "2:1",
        "the file has no tree",
        "add a section: the word 'tree' at column 1, and the classes indented below it",
        "hierarchy x\ntree\n    a\n",
    ),
    Mistake("H201", "", "1:1", "the file has no tree"),
    Mistake(
        "H201",
        "tree\n",
        "1:1",
        "the tree has no class",
        "write a class below it: car = 1",
        "tree\n    car = 1\n",
    ),
    # H203 duplicate-name
    node("x", "H203", 5, "class 'x' is already defined", "rename one, or remove it", "y"),
    Mistake(
        "H203",
        "tree\n    car = 26\n    car = 33\n",
        "3:5",
        "class 'car' is already defined",
        "rename one, or write both ids on one line: car = 26, 33",
        "tree\n    car = 26, 33\n",
    ),
    Mistake(
        "H203",
        "tree\n    a\n        b\n        c\n    a\n        d\n        e\n",
        "5:5",
        "node 'a' is already defined",
        "rename one, or move these children under the first one",
        "tree\n    a\n        b\n        c\n        d\n        e\n",
    ),
    # H204 unknown-attribute
    node(
        'a [colour="#fff000"]',
        "H204",
        8,
        "a node has no attribute 'colour'",
        "did you mean 'color'?",
        'a [color="#fff000"]',
    ),
    node("a [xyz]", "H204", 8, "a node has no attribute 'xyz'", "remove it", "a"),
    Mistake(
        "H204",
        'levels\n    x [color="#fff000"]\ntree\n    a\n',
        "2:8",
        "a level has no attribute 'color'",
        "remove it",
        "levels\n    x\ntree\n    a\n",
    ),
    # H205 invalid-attribute
    node(
        "a [color=red]",
        "H205",
        14,
        "'color' has a wrong value: a colour is \"#rrggbb\" or rgb(red, green, blue)",
        'write it like [color="#40c0c0"]',
        'a [color="#40c0c0"]',
    ),
    node(
        "a [color=rgb(256, 0, 0)]", "H205", 14, "'color' has a wrong value: red, green and blue are 0 to 255"
    ),
    node(
        "a [weight=-1]",
        "H205",
        15,
        "'weight' has a wrong value: the weight of a class is 0 or more",
        "write it like [weight=0.5]",
        "a [weight=0.5]",
    ),
    node("a [weight=1e999]", "H205", 15, "'weight' has a wrong value: a weight is a finite number"),
    node("a [weight]", "H205", 8, "'weight' needs a value: a weight is a finite number"),
    node(
        "a [ignore=1]",
        "H205",
        15,
        "'ignore' has a wrong value: a flag takes no value",
        "write it like [ignore]",
        "a [ignore]",
    ),
    node("a [doc=1]", "H205", 12, "'doc' has a wrong value: a text stands in double quotes"),
    node(
        "a [meta.x=1e999]",
        "H205",
        15,
        "'meta.x' has a wrong value: a fact is a text in double quotes or a finite number",
    ),
    # H206 duplicate-attribute
    node(
        "a [weight=1, weight=2]",
        "H206",
        18,
        "the attribute 'weight' is given twice",
        "remove one of the two",
        "a [weight=1]",
    ),
    # H207 no-class-left
    Mistake(
        "H207",
        "tree\n    a\n        b [ignore]\n    c\n",
        "2:5",
        "every child of 'a' is ignored, so it has no class",
        "ignore it as a whole: a [ignore]",
        "tree\n    a [ignore]\n        b\n    c\n",
    ),
    Mistake(
        "H207",
        "tree\n    a [ignore]\n    b [ignore]\n",
        "1:1",
        "every node of the tree is ignored",
        "remove [ignore] from one of them",
        "tree\n    a [ignore]\n    b\n",
    ),
    # H208 unknown-reference
    Mistake(
        "H208",
        "tree\n    car\n    bus\nlabels x\n    cra = 1\n",
        "5:5",
        "the tree has no node 'cra'",
        "did you mean 'car'?",
        "tree\n    car\n    bus\nlabels x\n    car = 1\n",
    ),
    Mistake(
        "H208",
        "tree\n    car\n    bus\nlabels x\n    zebra = 1\n",
        "5:5",
        "the tree has no node 'zebra'",
        "add it to the tree, or remove this line",
        "tree\n    car\n    bus\nlabels x\n",
    ),
    Mistake(
        "H208",
        "tree\n    road\n        road\n        path\nlabels x\n    raod = 1\n",
        "6:5",
        "the tree has no node 'raod'",
        "did you mean '/road'?",
        "tree\n    road\n        road\n        path\nlabels x\n    /road = 1\n",
    ),
    # H209 ambiguous-reference
    Mistake(
        "H209",
        "tree\n    road\n        road\n        path\nlabels x\n    road = 1\n",
        "6:5",
        "'road' could be 2 nodes",
        "write a longer path: /road or road/road",
        "tree\n    road\n        road\n        path\nlabels x\n    road/road = 1\n",
    ),
    Mistake(
        "H209",
        "tree\n    a\n        x\n        y\n    b\n        x\n        z\nmirror\n    x <-> y\n",
        "9:5",
        "'x' could be 2 nodes",
        "write a longer path: a/x or b/x",
        "tree\n    a\n        x\n        y\n    b\n        x\n        z\nmirror\n    a/x <-> y\n",
    ),
    # H210 mirror-not-class
    Mistake(
        "H210",
        "tree\n    a\n    g\n        b\n        c\nmirror\n    a <-> g\n",
        "7:11",
        "'g' is no class: it has classes below it",
        "pair its classes instead, one line for each",
        "tree\n    a\n    g\n        b\n        c\nmirror\n    a <-> b\n",
    ),
    Mistake(
        "H210",
        "tree\n    a\n    b [ignore]\nmirror\n    a <-> b\n",
        "5:11",
        "'b' is ignored",
        "remove this line",
        "tree\n    a\n    b [ignore]\nmirror\n",
    ),
    # H211 mirror-twice
    Mistake(
        "H211",
        "tree\n    a\n    b\n    c\nmirror\n    a <-> b\n    c <-> a\n",
        "7:11",
        "class 'a' is already in a mirror pair",
        "remove one of the two",
        "tree\n    a\n    b\n    c\nmirror\n    c <-> a\n",
    ),
    Mistake(
        "H211",
        "tree\n    a\n    b\nmirror\n    a <-> a\n",
        "5:11",
        "class 'a' is paired with itself",
        "remove this line: it needs no pair",
        "tree\n    a\n    b\nmirror\n",
    ),
    # H212 empty-name
    node('"" = 1', "H212", 5, "this name is empty", 'write one, in quotes or bare: "road"', "road = 1"),
    Mistake(
        "H212",
        'levels\n    ""\ntree\n    a\n',
        "2:5",
        "this name is empty",
        None,
        "levels\n    x\ntree\n    a\n",
    ),
    Mistake(
        "H212",
        'use "camvid"\n    rename sky -> ""\n',
        "2:19",
        "this name is empty",
        None,
        'use "camvid"\n    rename sky -> air\n',
    ),
    # W201 single-child
    Mistake(
        "W201",
        "tree\n    a\n        b\n    c\n",
        "2:5",
        "'a' has one child only: both always have the same probability",
        "leave 'a' out, or give it a second child",
        "tree\n    b\n    c\n",
    ),
    # W202 same-color
    Mistake(
        "W202",
        'tree\n    a [color="#ff0000"]\n    b [color=rgb(255, 0, 0)]\n',
        "3:5",
        "'b' has the colour of 'a'",
        "give one of them another colour, or none: a colour is then chosen",
        'tree\n    a [color="#ff0000"]\n    b\n',
    ),
    # W203 class-called-ignore
    Mistake(
        "W203",
        "tree\n    a = 1\n    ignore = 255\n",
        "3:5",
        "this is a class called 'ignore', with a channel of its own",
        'move it below labels, where it lists ids without a class; or write "ignore" in quotes',
        "tree\n    a = 1\nlabels\n    ignore = 255\n",
    ),
    # H301 duplicate-id
    Mistake(
        "H301",
        "tree\n    a = 1\n    b = 1\n",
        "3:9",
        "id 1 already means 'a'",
        "an id means one thing: remove it here, or from 'a'",
        "tree\n    a = 1\n    b = 2\n",
    ),
    Mistake(
        "H301",
        "tree\n    a = 1..5\n    b = 7, 3..9\n",
        "3:12",
        "ids 3..5 already mean 'a'",
        "an id means one thing: remove it here, or from 'a'",
        "tree\n    a = 1..2\n    b = 3..9\n",
        also=("W302",),
    ),
    Mistake(
        "H301",
        "tree\n    a = 1\nlabels\n    ignore = 0..255\n",
        "4:14",
        "id 1 already means 'a'",
        "an id means one thing: remove it here, or from 'a'",
        "tree\n    a = 1\nlabels\n    ignore = 0, 2..255\n",
    ),
    # H302 id-out-of-range
    node(
        "a = 65536",
        "H302",
        9,
        "65536 is not a raw id; ids are 0 to 65535",
        "correct the id, or remove it",
        "a = 65535",
    ),
    node(f"a = {'9' * 50}", "H302", 9, f"{'9' * 50} is not a raw id; ids are 0 to 65535"),
    node(
        "a = -1",
        "H302",
        9,
        "-1 is not a raw id; ids are 0 to 65535",
        "leave it out: an annotation image cannot hold it",
        "a",
    ),
    # H303 reversed-range
    node("a = 9..3", "H303", 9, "this range goes downwards", "write 3..9", "a = 3..9"),
    # H304 duplicate-label-map
    Mistake(
        "H304",
        "tree\n    a\nlabels x\n    a = 1\nlabels x\n    a = 2\n",
        "5:8",
        "label map 'x' is already defined",
        "move its lines into the first one, or rename it",
        "tree\n    a\nlabels x\n    a = 1\nlabels y\n    a = 2\n",
    ),
    Mistake(
        "H304",
        "tree\n    a\nlabels\n    a = 1\nlabels\n    a = 2\n",
        "5:1",
        "the label map without a name is already defined",
        "move its lines into the first one",
        "tree\n    a\nlabels\n    a = 1\n    a = 2\n",
    ),
    # H305 invalid-color
    node(
        'a = "red"',
        "H305",
        9,
        '"red" is not a colour',
        'write it like "#40c0c0" or rgb(64, 192, 192)',
        'a = "#ff0000"',
    ),
    node("a = rgb(0, 0, 256)", "H305", 9, "rgb(0, 0, 256) is not a colour"),
    node(
        'a = "12"',
        "H305",
        9,
        '"12" is neither an id nor a colour',
        "write the id without quotes: 12",
        "a = 12",
    ),
    # H306 ids-and-colors
    Mistake(
        "H306",
        'tree\n    a = 1\n    b\nlabels\n    b = "#ff0000"\n',
        "5:9",
        "the default label map holds ids and colours",
        "move the colours into a map of their own: labels by_color",
        'tree\n    a = 1\n    b\nlabels by_color\n    b = "#ff0000"\n',
    ),
    # H307 invalid-tolerance
    Mistake(
        "H307",
        "tree\n    a = rgb(1, 2, 3)\nlabels\n    tolerance 500\n",
        "4:5",
        "a tolerance is a distance between colours, 0 to 442",
        "write tolerance 24",
        "tree\n    a = rgb(1, 2, 3)\nlabels\n    tolerance 24\n",
    ),
    Mistake(
        "H307",
        "tree\n    a = rgb(1, 2, 3)\nlabels\n    tolerance 5\n    tolerance 6\n",
        "5:5",
        "the tolerance is given twice",
        "remove one of the two",
        "tree\n    a = rgb(1, 2, 3)\nlabels\n    tolerance 5\n",
    ),
    Mistake(
        "H307",
        "tree\n    a = 1\nlabels\n    tolerance 5\n",
        "4:5",
        "the default label map holds ids, and ids have no tolerance",
        "remove this line",
        "tree\n    a = 1\nlabels\n",
    ),
    # H308 channel-ids
    Mistake(
        "H308",
        "hierarchy x\n    channels labels\ntree\n    a = 0\n    b = 2\n",
        "5:9",
        "the id of 'b' is no channel: the 2 classes have channels 0 to 1",
        "number the classes from 0 without gaps, or remove 'channels labels' from the header",
        "hierarchy x\n    channels labels\ntree\n    a = 0\n    b = 1\n",
    ),
    Mistake(
        "H308",
        "hierarchy x\n    channels labels\ntree\n    a = 0..1\n    b\n",
        "4:9",
        "class 'a' has two channels",
        "leave it one id",
        "hierarchy x\n    channels labels\ntree\n    a = 0\n    b = 1\n",
    ),
    Mistake(
        "H308",
        "hierarchy x\n    channels labels\ntree\n    a = 1\n    b\n",
        "5:5",
        "class 'b' has no id in the default label map, and so no channel",
        "give it one that is free: b = 0",
        "hierarchy x\n    channels labels\ntree\n    a = 1\n    b = 0\n",
    ),
    Mistake(
        "H308",
        "hierarchy x\n    channels labels t\ntree\n    g\n        a\n        b\nlabels t\n    a = 0\n    g = 1\n",
        "9:9",
        "'g' has an id, but is no class and has no channel",
        "remove the id",
        "hierarchy x\n    channels labels t\ntree\n    g\n        a\n        b\nlabels t\n    a = 0\n    b = 1\n",
    ),
    # H309 unknown-label-map
    Mistake(
        "H309",
        "hierarchy x\n    channels labels trian\ntree\n    a\nlabels train\n    a = 0\n",
        "2:5",
        "there is no label map 'trian'",
        "did you mean 'train'?",
        "hierarchy x\n    channels labels train\ntree\n    a\nlabels train\n    a = 0\n",
    ),
    Mistake(
        "H309",
        "hierarchy x\n    channels labels\ntree\n    a\nlabels train\n    a = 0\n",
        "2:5",
        "there is no default label map",
        "write channels labels train",
        "hierarchy x\n    channels labels train\ntree\n    a\nlabels train\n    a = 0\n",
    ),
    # W301 unlabelled-class
    Mistake(
        "W301",
        "tree\n    a = 1\n    b\n",
        "3:5",
        "class 'b' has no id in the default label map",
        "write its id: b = 2",
        "tree\n    a = 1\n    b = 2\n",
    ),
    # W302 repeated-id
    node("a = 1, 1", "W302", 12, "id 1 is listed twice", "remove one of the two", "a = 1"),
    # H401 level-count
    Mistake(
        "H401",
        "levels\n    x\ntree\n    a\n        b\n        c\n    d\n",
        "1:1",
        "1 level is named, but the deepest class lies at depth 2",
        "name 1 more, coarse to fine",
        "levels\n    x\n    y\ntree\n    a\n        b\n        c\n    d\n",
    ),
    Mistake(
        "H401",
        "levels\n    x\n    y\ntree\n    a\n    d\n",
        "1:1",
        "2 levels are named, but the deepest class lies at depth 1",
        "remove 1 of them, or the whole section: levels then have default names",
        "tree\n    a\n    d\n",
    ),
    # H402 duplicate-level
    Mistake(
        "H402",
        "levels\n    x\n    x\ntree\n    a\n        b\n        c\n",
        "3:5",
        "level 'x' is already defined",
        "rename one",
        "levels\n    x\n    y\ntree\n    a\n        b\n        c\n",
    ),
    # H403 unknown-level
    Mistake(
        "H403",
        "levels\n    kind\n    class\ntree\n    g [level=knid]\n        a\n        b\n    c\n",
        "5:8",
        "there is no level 'knid'",
        "did you mean 'kind'?",
        "levels\n    kind\n    class\ntree\n    g [level=kind]\n        a\n        b\n    c\n",
    ),
    Mistake(
        "H403",
        "tree\n    g [level=kind]\n        a\n        b [level=class]\n",
        "2:8",
        "'g' is pinned to level 'kind', but no levels are named",
        "add a section 'levels' that names them, coarse to fine",
        "levels\n    kind\n    class\ntree\n    g [level=kind]\n        a\n        b [level=class]\n",
    ),
    # H404 level-order
    Mistake(
        "H404",
        "levels\n    x\n    y\n    z\ntree\n    a\n        b [level=x]\n            d\n            e\n        c\n",
        "7:12",
        "'b' is pinned to 'x', but its parent 'a' lies at level 'x' already",
        "pin 'b' to a finer level, or 'a' to a coarser one",
        "levels\n    x\n    y\n    z\ntree\n    a\n        b [level=y]\n            d\n            e\n        c\n",
    ),
    # H405 no-level-left
    Mistake(
        "H405",
        "levels\n    x\n    y\ntree\n    a [level=y]\n        b\n        c\n    d\n",
        "6:9",
        "no level is left for 'b': it lies below the finest",
        "name one more level, or pin a node above it to a coarser one",
        "levels\n    x\n    y\ntree\n    a [level=x]\n        b\n        c\n    d\n",
    ),
    # W402 empty-level
    Mistake(
        "W402",
        "levels\n    x\n    y\n    z\ntree\n    a\n        b [level=z]\n        c [level=z]\n",
        "3:5",
        "no node lies at level 'y': its groups are those of the next level",
        "pin the nodes of that level: [level=y], or remove the level",
        "levels\n    x\n    z\ntree\n    a\n        b [level=z]\n        c [level=z]\n",
    ),
    # W401 no-weight
    Mistake(
        "W401",
        "levels\n    x [weight=0]\ntree\n    a\n",
        "2:5",
        "level 'x' has weight 0: it adds nothing to the loss",
        "give it a weight, or leave it so if only its metrics are of use",
        "levels\n    x [weight=1]\ntree\n    a\n",
    ),
    # H501 missing-file
    Mistake(
        "H501",
        'use "camvit"\n',
        "1:5",
        "'camvit' cannot be found: this text lies in no folder",
        None,
        'use "camvid"\n',
    ),
    # H504 group-without-class
    Mistake(
        "H504",
        'use "camvid"\n    drop road, pavement\n',
        "2:16",
        "this leaves nothing below 'ground', and would make a class of it",
        "drop or collapse the group too: drop ground",
        'use "camvid"\n    drop ground\n',
    ),
    # H505 invalid-edit
    Mistake(
        "H505",
        'use "camvid"\n    merge ground, road as way\n',
        "2:11",
        "'ground' lies above another of the merged nodes",
        "collapse it instead: collapse ground",
        'use "camvid"\n    collapse ground\n',
    ),
    Mistake(
        "H505",
        "tree\n    a\n        b\n        c\n    d\nedit\n    graft a under b\n",
        "7:11",
        "'a' cannot go under itself",
        "choose another node",
        "tree\n    a\n        b\n        c\n    d\nedit\n    graft a under d\n",
    ),
    # W403 levels-left-out
    Mistake(
        "W403",
        'use "camvid"\n    collapse static, moving\n',
        "1:5",
        "the 3 levels of this file do not fit the tree of depth 2 that is left of it",
        "add a section 'levels' with 2 names",
        'use "camvid"\n    collapse static, moving\nlevels\n    region\n    class\n',
    ),
    # W501 edit-without-effect
    Mistake(
        "W501",
        'use "camvid"\n    collapse road\n',
        "2:14",
        "this edit changes nothing: 'road' is a class already",
        "remove it",
        'use "camvid"\n',
    ),
    # H903 too-deep
    Mistake(
        "H903",
        "tree\n" + "".join(f"{' ' * i}a\n{' ' * i}b\n" for i in range(1, 1002)),
        "2002:1002",
        "the tree is more than 1,000 levels deep",
    ),
]

LIMITS = [
    (
        "H901",
        "MAX_BYTES",
        "tree\n" + "    # comment\n" * 3 + "    a\n",
        "1:1",
        "the file has more than 40 bytes (0 MiB)",
    ),
    ("H902", "MAX_NODES", "tree\n    a\n    b\n    c\n    d\n", "4:5", "the tree has 4 nodes, more than 2"),
]


def found(text):
    return analyze(text, "file.hier")[1]


def position(diagnostic):
    line, column = diagnostic.primary.source.position(diagnostic.primary.span.start)
    return f"{line}:{column}"


OF_FILES = {"H502", "H503", "H904", "W303"}
"""Mistakes that take several files: tests/language/test_use.py."""


def test_every_code_of_the_registry_is_in_the_table():
    assert {m.code for m in TABLE} | {code for code, *_ in LIMITS} | OF_FILES == set(CODES)


def test_the_codes_and_names_are_unique_and_well_formed():
    assert all(code == entry.code and code[0] in "HW" and code[1:].isdigit() for code, entry in CODES.items())
    assert len({entry.name for entry in CODES.values()}) == len(CODES)
    assert all(entry.law.endswith(".") and entry.name.replace("-", "").isalpha() for entry in CODES.values())
    assert {c for c, entry in CODES.items() if entry.severity is Severity.WARNING} == {
        c for c in CODES if c[0] == "W"
    }


@pytest.mark.parametrize("mistake", TABLE, ids=lambda m: f"{m.code}-{m.message[:40]}")
def test_the_mistake_is_named_and_placed(mistake):
    diagnostics = found(mistake.text)
    places = [position(d) for d in diagnostics if d.code == mistake.code]
    assert (places[0], len(places)) == (mistake.at, mistake.count)
    assert {d.code for d in diagnostics} <= {mistake.code, "W301", *mistake.also}
    diagnostic = next(d for d in diagnostics if d.code == mistake.code)
    assert diagnostic.message == mistake.message
    assert mistake.help is None or diagnostic.help == mistake.help
    assert render_full(diagnostic).split("\n")[0] == (
        f"{CODES[mistake.code].severity.value}[{mistake.code}]: {mistake.message}"
    )


@pytest.mark.parametrize(
    "mistake", [m for m in TABLE if m.mend is not None], ids=lambda m: f"{m.code}-{m.message[:40]}"
)
def test_the_mended_file_is_clean_of_it(mistake):
    diagnostics = found(mistake.mend)
    assert mistake.code not in {d.code for d in diagnostics}
    assert not any(d.is_error for d in diagnostics)


@pytest.mark.parametrize("mistake", TABLE, ids=lambda m: f"{m.code}-{m.message[:40]}")
def test_the_words_have_the_form_of_the_house(mistake):
    for d in found(mistake.text):
        assert not d.message.endswith(".")
        assert "\n" not in d.message
        assert not d.message[0].isupper()
        assert not (d.help or "").endswith(".")
        assert "__ANON" not in f"{d.message} {d.help}"
        assert "_TOP" not in f"{d.message} {d.help}"


@pytest.mark.parametrize(("code", "constant", "text", "at", "message"), LIMITS)
def test_limits(monkeypatch, code, constant, text, at, message):
    assert not any(d.is_error for d in found(text))
    module = {
        "MAX_BYTES": "hierdsl.syntax.decode.MAX_BYTES",
        "MAX_NODES": "hierdsl.syntax.assemble.MAX_NODES",
    }
    patch_limit(monkeypatch, module[constant], {"MAX_BYTES": 40, "MAX_NODES": 2}[constant])
    assert [(d.code, position(d), d.message) for d in found(text)] == [(code, at, message)]


def patch_limit(monkeypatch, path, value):
    module, name = path.rsplit(".", 1)
    monkeypatch.setattr(sys.modules[module], name, value)


def test_a_tree_of_just_the_limit_is_fine(monkeypatch):
    monkeypatch.setattr(assemble, "MAX_NODES", 4)
    assert found("tree\n    a\n    b\n    c\n    d\n") == []


def test_diagnostics_of_one_file_come_in_file_order():
    text = (
        "tree\n    a = 1 [colour=1]\n    a = 1\n    b c\nlabels x\n    d = 70000\nlevels\n    x\n    x\nfoo\n"
    )
    assert [d.code for d in found(text)] == ["H204", "H203", "H301", "H103", "H302", "H402", "H107"]
