"""Random files of the whole language, written in any style that it allows."""

from hypothesis import strategies as st
from language.strategies import any_text, mutated_files, valid_texts

blanks = st.sampled_from(["", " ", "  ", "\t"])
gaps = st.sampled_from([" ", "   ", "\t"])
comments = st.sampled_from(["", "", "", "# c", '#"', "#", '# a "b', "## [x] = 1 ", "#\r", "#\u00a0"])
PIECES = {
    "hierarchy": (
        ["hierarchy", "hierarchy a", 'hierarchy "x # y"', 'hierarchy as "e\u0301"', "hierarchy \u0958"],
        ['source "a"', 'license   "b \\" # c"', "channels labels", "channels  labels x", 'wrong "d"'],
    ),
    "levels": (["levels"], ["a", '"a"', "é", '"x y"[weight=1e0]', 'b [doc = "#", weight=-.5]', "c[level=a]"]),
    "labels": (
        ["labels", "labels x", "labels  tolerance", "labels \u0958"],
        [
            *("ignore = 1", '"ignore"=2', "/ignore=3", '"ignore"/a = 007', "ignore=*", "a = *"),
            *("tolerance 24", "tolerance  +2.50", "tolerance = 1", '"tolerance" = 01..1', "a/ b = 1 ..2,3"),
            *(
                'a = "#FFaa00"',
                "a = rgb( 1,02 , 3 )",
                'b = "#xyz", rgb(1,2,300)',
                "b = 9999999999..99999999999",
            ),
            *('"rgb" = 1', "rgb = 2", '/"a"/\u0958 = 1'),
        ],
    ),
    "mirror": (["mirror"], ["a <-> b", 'a<->"b"', "ignore <-> x/ignore", '"<->" <-> a']),
    "use": (
        ['use "helen"', 'use  "he\\\\len"as x', 'use "a" as as'],
        [
            "graft a",
            "graft under under under",
            'drop "a",b',
            "merge a,b as as",
            'rename a->"b"',
            "rename a -> ->",
        ],
    ),
    "edit": (["edit"], ["graft a under b", "collapse a , b", 'rename a->"b"', 'merge a, "as" as "x y"']),
}
NODES = [
    *(
        "a",
        '"a"',
        "b=1",
        "c = 1 , 2 .. 3",
        '"x\\"y"',
        "tree",
        "ignore",
        '"ignore" = 4',
        "é",
        "e\u0301",
        "\u0958",
    ),
    *("x\u0302", '"x\u0302"', "²a", '"²a"', '"a\r"', '"\x1b[0m"', '""', "漢字=1", '"a # b" = 2', "long" * 20),
    *('a[color="#FFaabb",weight=05]', "a [color = rgb(1,2,3)]", 'a=1[level="b"]', "a [level=b, ignore]"),
    *(
        'a [doc="x", meta.y="#FFF", meta.z=+.5e1]',
        'a [level="x y", level="\u0958"]',
        "a [color=rgb(99999999999,1,2)]",
    ),
    *('a = "#FFFFFF", rgb(1,2,3)', "a = 0, 00, 000..000"),
]


@st.composite
def styled(draw, heads, lines, depths):
    """A section: its lines at random depths of a random indentation, with comments and blank lines between them."""
    unit, most = draw(st.sampled_from([" ", "  ", "   ", "    ", "\t"])), 1
    text = [f"{draw(st.sampled_from(heads))}{draw(blanks)}{draw(comments)}"]
    for line in draw(st.lists(st.sampled_from(lines), max_size=8)):
        text += [unit[:1] * draw(st.integers(0, 9)) + draw(comments) for _ in range(draw(st.integers(0, 2)))]
        depth = draw(st.integers(1, most)) if depths else 1
        most = depth + 1
        text.append(unit * depth + line + draw(gaps) + draw(comments))
    text += [unit[:1] * draw(st.integers(0, 9)) + draw(comments) for _ in range(draw(st.integers(0, 3)))]
    return text


@st.composite
def styled_files(draw):
    """Files, right or wrong in what they mean, mostly without an error of syntax."""
    kinds = draw(st.lists(st.sampled_from([*PIECES, "tree"]), max_size=5))
    once = [k for i, k in enumerate(kinds) if k in ("labels", "use") or k not in kinds[:i]]
    text = draw(st.lists(comments, max_size=2))
    for kind in once:
        heads, lines = PIECES.get(kind, (["tree"], NODES))
        text += draw(styled(heads, lines, depths=kind == "tree"))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return draw(st.sampled_from(["", "\ufeff"])) + end.join(text) + draw(st.sampled_from(["", end, end * 3]))


files = st.one_of(styled_files(), valid_texts(), mutated_files(), any_text)
