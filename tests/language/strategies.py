"""Random .hier files for property tests, valid ones as lists of lines and invalid ones as text."""

import unicodedata
from dataclasses import dataclass, field

from hypothesis import strategies as st

from hierdsl.resources import bundled_hierarchies
from hierdsl.scope import quote

BUNDLED = [path.read_text(encoding="utf-8") for path in bundled_hierarchies().values()]

FRAGMENTS = [
    *("hierarchy", "levels", "tree", "labels", "mirror", "use", "channels labels", "tolerance 24", "ignore"),
    *(
        "edit",
        'use "camvid"',
        'use "helen" as h',
        "graft",
        "under",
        "drop",
        "collapse",
        "merge",
        "as",
        "rename",
        "->",
    ),
    *("[level=kind]", "level", '"#ff0000"', "rgb(255, 0, 0)", "*"),
    *("\n", "\n    ", "\n        ", "\n\t", "\r\n", "\r", " ", "  ", "\t"),
    *("car", "road", "a/b", "/a", "/", '"', '"x y"', '"\\n"', "\\", "'", "“", "é", "e\u0301", "ª", "²", "٣"),
    *("=", "1", "2", "0..3", "..", ",", "-1", "0.5", "1e999", "9" * 30, "*", "<->", ":", "- "),
    *("[", "]", "color", "weight", "meta.x", '"#ff0000"', "rgb", "(", ")", "rgb(1,2,3)", "#", "# c"),
    *("\u00a0", "\ufeff", "\0", "\x0b", "\x0c", "\x1b[31m", "\x85", "\u2028", "\u202e", "\U0001f600"),
]

token_soup = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)
tree_soup = token_soup.map("tree\n    a\n    b\n".__add__)


@st.composite
def mutated_files(draw):
    """A bundled file with a few fragments written over it."""
    text = draw(st.sampled_from(BUNDLED))
    for _ in range(draw(st.integers(1, 6))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 8))
        text = text[:at] + draw(st.sampled_from(FRAGMENTS)) + text[at + length :]
    return text


any_text = st.one_of(st.text(), token_soup, tree_soup, mutated_files())

bare_names = st.sampled_from(
    ["a", "b", "car", "tree", "levels", "rgb", "_x", "x.y-z", "é", "ignore", "other"]
)
odd_names = st.sampled_from(
    ["Traffic Light", 'say "hi"', "back\\slash", "x/y", "# 1", "3d", "<b>&", " ", "'"]
)
any_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), min_size=1, max_size=4
)
names = (bare_names | odd_names | any_names).map(lambda text: unicodedata.normalize("NFC", text))


@dataclass
class Item:
    """A node of a random tree: `depth` counts from 1."""

    name: str
    depth: int
    ids: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)

    def line(self):
        ids = f" = {', '.join(self.ids)}" if self.ids else ""
        attributes = f" [{', '.join(self.attributes)}]" if self.attributes else ""
        return f"{quote(self.name)}{ids}{attributes}"


@st.composite
def shapes(draw, max_nodes=14, ignored=True):
    """Random trees as (name, depth, ignored), depth first, each with a class below every inner node."""
    nodes, path, taken = [], [], set()
    for _ in range(draw(st.integers(1, max_nodes))):
        depth = draw(st.integers(1, len(path) + 1))
        del path[depth - 1 :]
        name = draw(names.filter(lambda name, path=tuple(path): (path, name) not in taken))
        taken.add((tuple(path), name))
        path.append(name)
        nodes.append((name, depth, ignored and draw(st.integers(0, 9)) == 0))
    # an ignored leaf may leave its parent without a class: then nothing is ignored
    alive = [False] * len(nodes)
    off, above = [], []
    for i, (_, depth, flag) in enumerate(nodes):
        del above[depth - 1 :]
        off.append(flag or any(off[p] for p in above))
        above.append(i)
        is_leaf = i + 1 == len(nodes) or nodes[i + 1][1] <= depth
        if is_leaf and not off[i]:
            for p in above:
                alive[p] = True
    if not all(a or o for a, o in zip(alive, off, strict=True)) or not any(alive):
        nodes = [(name, depth, False) for name, depth, _ in nodes]
    return nodes


ATTRIBUTES = {
    "color": ['color="#40c0c0"', "color=rgb(1, 2, 3)", 'color="#FFFFFF"'],
    "weight": ["weight=0", "weight=0.5", "weight=2e1", "weight=.5"],
    "doc": ['doc="what it is"', 'doc=""', 'doc="a # in \\"quotes\\""'],
    "meta": ['meta.wordnet="n02958343"', "meta.size=-1.5"],
}


@st.composite
def valid_items(draw, **options):
    """A valid tree as a list of `Item`."""
    items, next_id = [], 0
    for name, depth, ignored in draw(shapes(**options)):
        item = Item(name, depth)
        for _ in range(draw(st.integers(0, 2))):
            first = next_id + draw(st.integers(0, 3))
            last = first + draw(st.integers(0, 3))
            item.ids.append(f"{first}..{last}" if last > first else str(first))
            next_id = last + 1
        if draw(st.booleans()):
            for key in draw(st.lists(st.sampled_from(sorted(ATTRIBUTES)), unique=True)):
                item.attributes.append(draw(st.sampled_from(ATTRIBUTES[key])))
        if ignored:
            item.attributes.append("ignore")
        items.append(item)
    return items


def write(items, indent="    ", before="", after=""):
    """The text of a file with that tree, and sections before and after it."""
    lines = [f"{indent * item.depth}{item.line()}\n" for item in items]
    return f"{before}tree\n{''.join(lines)}{after}"


@st.composite
def valid_texts(draw, *, plain=False):
    """A valid file: a tree, and often more sections; a plain one has levels by depth and channels in file order."""
    items = draw(valid_items())
    before, after = "", ""
    if draw(st.booleans()):
        before += 'hierarchy city "A title # no comment"\n    source "https://x.org/#a"\n    license "MIT"\n'
    paths = full_paths(items)
    count = draw(st.integers(0, 4))
    targets = draw(st.lists(st.sampled_from(paths), min_size=min(count, 1), max_size=count))
    if targets:
        after += "labels other\n" + "".join(f"    {path} = {i}\n" for i, path in enumerate(targets))
        after += draw(st.sampled_from(["", "    ignore = *\n", "    ignore = 255, 300..310\n"]))
    if paths and draw(st.booleans()):
        colors = draw(st.lists(st.sampled_from(paths), max_size=4))
        written = [
            draw(st.sampled_from(['"#{:06x}"', "rgb(0, 0, {})"])).format(i) for i in range(len(colors))
        ]
        after += "labels colors\n" + "".join(f"    {p} = {c}\n" for p, c in zip(colors, written, strict=True))
        after += draw(st.sampled_from(["", "    tolerance 24\n", "    ignore = *\n"])) if colors else ""
    if plain:
        return write(items, before=before, after=after)
    if draw(st.booleans()):
        before = pinned(draw, items, before)
    if draw(st.integers(0, 4)) == 0:
        before = numbered(draw, items, before)
        if "channels" in before:
            after += channel_map(draw, items)
    return write(items, before=before, after=after)


def ranks(items, pins):
    """The level of each item by the one rule."""
    stack, found = [], []
    for item, pin in zip(items, pins, strict=True):
        del stack[item.depth - 1 :]
        least = stack[-1] + 1 if stack else 0
        stack.append(least if pin is None else max(pin, least))
        found.append(stack[-1])
    return found


def pinned(draw, items, before):
    """Pin some nodes, as deep as they lie or deeper, and name as many levels as that takes."""
    pins = [None] * len(items)
    counts = [i for i in range(len(items)) if not is_ignored(items, i)]
    for i in counts:
        if draw(st.integers(0, 3)) == 0:
            least = ranks(items, pins)[i]
            pins[i] = least + draw(st.integers(0, 2))
    found = ranks(items, pins)
    for i, pin in enumerate(pins):
        if pin is not None:
            items[i].attributes.append(f"level=l{pin}")
    return before + "levels\n" + "".join(f"    l{i}\n" for i in range(max(found[i] for i in counts) + 1))


def is_ignored(items, i):
    """Whether the item or one above it is ignored."""
    depth = items[i].depth + 1
    for item in reversed(items[: i + 1]):
        if item.depth < depth:
            depth = item.depth
            if "ignore" in item.attributes:
                return True
    return False


def is_class(items, i):
    """Whether the item is a leaf that is not ignored."""
    return not is_ignored(items, i) and (i + 1 == len(items) or items[i + 1].depth <= items[i].depth)


def numbered(draw, items, before):
    """A header that takes the channels from a map."""
    del draw, items
    if before.startswith("hierarchy"):
        return before.replace("\n", "\n    channels labels heads\n", 1)
    return "hierarchy city\n    channels labels heads\n" + before


def channel_map(draw, items):
    """A map that numbers the classes in any order."""
    paths = [path for i, path in enumerate(full_paths(items)) if is_class(items, i)]
    order = draw(st.permutations(range(len(paths))))
    return "labels heads\n" + "".join(f"    {p} = {i}\n" for p, i in zip(paths, order, strict=True))


def full_paths(items):
    """The anchored path of each item, as a reference writes it."""
    path, paths = [], []
    for item in items:
        del path[item.depth - 1 :]
        path.append(quote(item.name))
        paths.append("/" + "/".join(path))
    return paths
