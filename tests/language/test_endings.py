"""References by the ends of paths: what is found in one walk is what a look at each node finds."""

from hypothesis import given
from hypothesis import strategies as st

from hierdsl.endings import SHOWN, Endings
from hierdsl.source import Span
from hierdsl.syntax import Reference

NAMES = st.sampled_from("abc")


@st.composite
def trees(draw):
    """Names and parents, parents first."""
    names = draw(st.lists(NAMES, max_size=150))
    return names, [draw(st.integers(max(-1, i - 4), i - 1)) for i in range(len(names))]


def path(names, parents, position):
    parts = ()
    while position >= 0:
        parts = (names[position], *parts)
        position = parents[position]
    return parts


def references(least=1):
    parts = st.lists(NAMES, min_size=least, max_size=least + 6).map(tuple)
    return st.builds(Reference, parts, st.booleans(), st.just(Span(0, 0)), st.just(False))


@given(trees(), st.lists(references(), max_size=12))
def test_the_nodes_of_each_reference(tree, sought):
    names, parents = tree
    endings = Endings(names, parents, sought)
    paths = [path(names, parents, position) for position in range(len(names))]
    for reference in sought:
        parts = reference.parts
        meant = [
            position
            for position, whole in enumerate(paths)
            if (whole == parts if reference.anchored else whole[-len(parts) :] == parts)
        ]
        assert endings.find(reference) == (len(meant), meant[:SHOWN])


@given(trees(), st.lists(references(), max_size=12), references(8))
def test_what_was_not_looked_for_is_not_known(tree, sought, other):
    assert Endings(*tree, sought).find(other) is None
