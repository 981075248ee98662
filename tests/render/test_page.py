import base64
import hashlib
import re
from html.parser import HTMLParser
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language.strategies import valid_texts
from render.pinned import pinned, pinned_hierarchies

from hierdsl import Hierarchy, analyze, load
from hierdsl.model import LabelMap, Level, Node
from hierdsl.render import to_html
from hierdsl.render.page import _OPEN_ROWS
from hierdsl.source import printable

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """The rows of a page: name, how many lists it lies in, whether it is shown, its tag and its texts by class."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.tags, self.title, self.script = [], [], [], "", ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        if tag in VOID:
            return
        self.open.append((tag, given))
        if tag == "summary" or given.get("class", "").startswith("leaf"):
            # what is around a row, without the <details> that a summary itself heads
            around = [a for t, a in self.open[: -2 if tag == "summary" else -1] if t == "details"]
            self.rows.append(
                {"tag": tag, "depth": len(around) + 1, "shown": all("open" in a for a in around)}
            )

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, given = self.open[-1] if self.open else ("", {})
        if tag == "title":
            self.title += data
        elif tag == "script":
            self.script += data
        elif self.rows and any(t == "main" for t, _ in self.open):
            key = given.get("class", tag)
            self.rows[-1][key] = self.rows[-1].get(key, "") + data


def text_of(rows, key="name"):
    return [row.get(key) for row in rows]


def test_every_node_is_a_row_in_the_order_of_the_file():
    hierarchy = load("vistas")
    page = Page(to_html(hierarchy))
    assert page.title == hierarchy.title
    assert text_of(page.rows) == [node.name for node in hierarchy.nodes]
    assert text_of(page.rows, "depth") == hierarchy.depths
    assert [row["tag"] == "summary" for row in page.rows] == [bool(below) for below in hierarchy.children]
    assert {row["ids"] for row in page.rows if "ids" in row} == {str(raw) for raw in range(66)}
    assert "17 classes" in text_of(page.rows, "small")


def test_levels_are_named_and_counted():
    text = to_html(pinned())
    levels = re.findall(r'<span class="level" data-level="(\d)">(\w+) <small>(\d+)</small>', text)
    assert levels == [("0", "order", "3"), ("1", "family", "5"), ("2", "genus", "5"), ("3", "species", "7")]
    rows = {row["name"]: row for row in Page(text).rows}
    assert rows["Ranidae"]["em"] == "family"
    assert rows["Xenopus"]["skips"] == "at genus"
    assert rows["olm"]["skips"] == "at species"
    assert "skips" not in rows["laevis"]
    assert rows["eggs"]["small"] == "ignored"


@given(pinned_hierarchies(), st.integers(0, 9))
def test_a_level_cuts_the_page_where_it_cuts_the_tree(hierarchy, level):
    index = min(level, len(hierarchy.levels) - 1)
    page = Page(to_html(hierarchy, level=hierarchy.levels[index].name))
    drawn = [p for p in range(len(hierarchy.nodes)) if hierarchy.rank_above(p) < index]
    assert text_of(page.rows) == [printable(hierarchy.nodes[p].name) for p in drawn]
    ends = [p for p, row in zip(drawn, page.rows, strict=True) if row["tag"] == "div"]
    assert [p for p in ends if not hierarchy.ignored[p]] == hierarchy.cut(index)


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="there is no level 'x'"):
        to_html(load("helen"), level="x")


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "</title></style></summary>",
    '" onmouseover="alert(1)',
    "' x='",
    "&lt;b&gt; &amp;",
    "<!-- --> ]]>",
    "\x1b[31m\x00\x07",
    "\u202e\u200b",
    "  ",
]
ANY_NAME = st.text(min_size=1, max_size=12) | st.sampled_from(HOSTILE)


@settings(max_examples=150)
@given(st.lists(ANY_NAME, min_size=1, max_size=4), st.lists(ANY_NAME, min_size=5, max_size=5))
def test_whatever_a_file_says_is_text_on_the_page(names, facts):
    nodes = [Node(name=f"{i}{name}", parent=i - 1, doc=name) for i, name in enumerate(names)]
    levels = [Level(name=f"{i}{facts[0]}", doc=facts[4]) for i in range(len(names))]
    hierarchy = Hierarchy(
        name=facts[0],
        title=facts[1],
        sources=(facts[2], f"https://x.org/{facts[2]}"),
        license=facts[3],
        doc=facts[4],
        levels=tuple(levels),
        nodes=tuple(nodes),
        label_maps={facts[3]: LabelMap()},
    )
    text = to_html(hierarchy)
    text.encode()
    assert all(line.isprintable() for line in text.split("\n"))
    page = Page(text)
    assert text_of(page.rows) == [printable(f"{i}{name}") for i, name in enumerate(names)]
    assert text_of(page.rows, "doc") == [printable(name) for name in names]
    assert page.title == printable(facts[1])
    plain = Page(to_html(plain_of(len(names))))
    links = [given["href"] for tag, given in page.tags if tag == "a"]
    assert all(href.startswith("https://x.org/") for href in links)
    assert [tag for tag, _ in page.tags if tag not in ("a", "p", "small")] == [
        tag for tag, _ in plain.tags if tag not in ("a", "p", "small")
    ]
    known = {
        "class",
        "style",
        "data-level",
        "open",
        "title",
        "href",
        "rel",
        "lang",
        "charset",
        "name",
        "content",
    }
    assert {key for _, given in page.tags for key in given} <= known | {"http-equiv"}


def plain_of(depth):
    hierarchy, _ = analyze("tree\n" + "".join(f'{" " * (i + 1)}n{i} [doc="d"]\n' for i in range(depth)))
    return hierarchy


@settings(max_examples=20)
@given(valid_texts())
def test_any_tree_is_a_page(text):
    hierarchy, _ = analyze(text)
    assert text_of(Page(to_html(hierarchy)).rows) == [printable(node.name) for node in hierarchy.nodes]


def test_the_page_is_whole_and_may_load_and_run_nothing_else():
    text = to_html(load("helen"))
    page = Page(text)
    assert not [tag for tag, given in page.tags if tag in ("link", "img", "iframe") or "src" in given]
    policy = next(given["content"] for _, given in page.tags if given.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert "url(" not in text
    assert "@import" not in text


def test_a_small_tree_is_open_and_a_big_one_as_far_as_can_be_overlooked():
    assert all(row["shown"] for row in Page(to_html(load("helen"))).rows)
    page = Page(to_html(load("inat19")))
    shown = [row for row in page.rows if row["shown"]]
    assert len(shown) == 3 + 4 + 9 + 34  # with the 57 families, they would be more than
    assert len(shown) <= _OPEN_ROWS < len(shown) + 57
    flat, _ = analyze("tree\n" + "".join(f"  g{i}\n    a\n    b\n" for i in range(500)))
    assert sum(row["shown"] for row in Page(to_html(flat)).rows) == 500


def test_a_deep_tree_is_a_page_without_recursion():
    hierarchy, _ = analyze("tree\n" + "".join(f"{' ' * i}n{i}\n" for i in range(1, 1001)))
    assert len(Page(to_html(hierarchy)).rows) == 1000


def taxonomy(groups):
    text = "".join(f"  g{i}\n" + "".join(f"    c{i}_{k}\n" for k in range(9)) for i in range(groups))
    return analyze(f"tree\n{text}")[0]


def test_time_is_linear():
    def seconds(hierarchy):
        to_html(hierarchy)  # what the hierarchy keeps of itself is made once
        start = perf_counter()
        to_html(hierarchy)
        return perf_counter() - start

    few, many = taxonomy(200), taxonomy(1600)
    assert min(seconds(many) for _ in range(3)) < 8 * 3 * min(seconds(few) for _ in range(3))
