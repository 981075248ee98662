"""Each id of a label map means what is listed first, whatever overlaps."""

from hypothesis import given
from hypothesis import strategies as st

from hierdsl.id_ranges import Use, disjoint
from hierdsl.source import Source, Span
from hierdsl.syntax import IdRange

SOURCE = Source("x", "")
LIMIT = 40
values = st.tuples(st.integers(-1, LIMIT + 2), st.integers(-1, LIMIT + 2), st.integers(-1, 3))


@given(st.lists(values, max_size=12), st.booleans())
def test_the_first_that_lists_an_id_has_it(listed, is_color):
    uses = [
        Use(IdRange(a, a if is_color else b, Span(i, i), is_color), node, SOURCE)
        for i, (a, b, node) in enumerate(listed)
    ]
    good = [u for u in uses if 0 <= u.ids.first <= u.ids.last and (is_color or u.ids.last <= LIMIT)]
    owner = {}
    collided = []
    for use in good:
        ids = range(use.ids.first, use.ids.last + 1)
        taken = next((i for i in ids if i in owner), None)
        if taken is not None:
            collided.append((owner[taken], use, taken))
        for i in ids:
            owner.setdefault(i, use)
    ranges = disjoint(uses, LIMIT)
    found = {i: use for first, last, use in ranges.pieces for i in range(first, last + 1)}
    assert found == owner
    assert sum(last - first + 1 for first, last, _ in ranges.pieces) == len(owner)
    assert [(c.old, c.new, c.first) for c in ranges.collisions] == collided
    assert all(c.first <= c.last <= min(c.new.ids.last, c.old.ids.last) for c in ranges.collisions)
    assert [use for _, _, use in ranges.pieces] == sorted(
        (use for _, _, use in ranges.pieces), key=lambda use: use.ids.span
    )
