"""Trees and pixels for the tests of the loss."""

import itertools
import random

import torch
from hypothesis import strategies as st

import hierdsl


def compiled_of(text):
    hierarchy, diagnostics = hierdsl.analyze(text)
    assert hierarchy is not None, diagnostics
    return hierdsl.compile_hierarchy(hierarchy)


def flat_of(leaves):
    return compiled_of("tree\n" + "".join(f"    c{i}\n" for i in range(leaves)))


def nested_of(leaves, levels):
    """A tree of `leaves` leaves whose deepest lies at depth `levels`, with shallow leaves where they fit."""
    lines = ["tree"]
    left, depth = leaves, 0
    while depth < levels - 1 and left > 2:
        lines.append("    " * (depth + 1) + f"only{depth}")
        lines.append("    " * (depth + 1) + f"inner{depth}")
        left, depth = left - 1, depth + 1
    lines += ["    " * (depth + 1) + f"leaf{i}" for i in range(left)]
    return compiled_of("\n".join(lines) + "\n")


def broad_of(leaves, branches, chains=False):
    """A tree with about so many children below each node, leaves at several depths among them.

    With chains every third node, leaves among them, is the only child of another, or the only child of one like that.
    """
    rng = random.Random(leaves)  # noqa: S311 - a tree, no secret
    lines = ["tree"]

    def below(count, depth):
        if chains:
            for _ in range(max(0, rng.randint(-3, 2))):
                lines.append("    " * depth + f"only{len(lines)}")
                depth += 1
        if count == 1:
            lines.append("    " * depth + f"leaf{len(lines)}")
            return
        lines.append("    " * depth + f"inner{len(lines)}")
        cuts = sorted(rng.sample(range(1, count), min(count, rng.randint(2, branches)) - 1))
        for first, last in itertools.pairwise([0, *cuts, count]):
            below(last - first, depth + 1)

    for _ in range(3):
        below(leaves // 3, 1)
    return compiled_of("\n".join(lines) + "\n")


FACES = hierdsl.compile_hierarchy(hierdsl.load("helen"))
STREET = compiled_of(
    "levels\n    a [weight=0.5]\n    b [weight=-0.25]\n    c\n"
    "tree\n    sky\n    flat\n        road\n        path\n    thing\n        car\n        human\n"
    "            walker\n            rider\n"
)


def pixels(compiled, shape=(2, 5, 4), seed=0, dtype=torch.float64, scale=1.0, coarse=True):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(
        shape[0], compiled.num_leaves, *shape[1:], generator=generator, dtype=torch.float64
    )
    top = compiled.num_nodes if coarse else compiled.num_leaves
    return logits.to(dtype), torch.randint(0, top, shape, generator=generator)


PERMUTED = compiled_of(
    "hierarchy permuted\n    channels labels\ntree\n    a\n        b = 3\n        c = 0\n    d = 1\n    e\n"
    "        f = 4\n        g\n            h = 2\n            i = 5\n"
)
"""Channels in another order than the lines: the leaves of a are no neighbours."""
CHAIN = compiled_of(
    "tree\n    a\n        b\n            c\n                d\n                e\n        f\n    g\n        h\n"
)
"""Children without siblings."""


WIDE = compiled_of(
    "tree\n    many\n"
    + "".join(f"        m{i}\n" for i in range(43))
    + "    mixed\n"
    + "".join(
        f"        x{i}\n            y{i}\n            z{i}\n        w{i}\n        v{i}\n" for i in range(9)
    )
    + "    few\n        f\n        g\n    alone\n"
)
"""Many leaves below one node, and leaves between the inner nodes of another."""


PINNED = compiled_of(
    "levels\n    a\n    b\n    c\n    d\n"
    "tree\n    x  [level=b]\n        x1 [level=d]\n        x2 [level=d]\n    y  [level=c]\n        y1\n        y2\n"
    "    z  [level=a]\n    u\n        v  [level=c]\n            v1\n            v2\n        w  [level=d]\n"
)
"""Inner nodes that are in the cuts of several levels, or of fewer levels than there are."""


@st.composite
def random_tree(draw):
    """The text of a tree of up to 20 nodes."""
    lines, depth = ["tree"], 0
    for number in range(draw(st.integers(1, 20))):
        depth = draw(st.integers(0, depth)) if number else 0
        lines.append("    " * (depth + 1) + f"n{number}")
        depth += 1
    return "\n".join(lines) + "\n"
