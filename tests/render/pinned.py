"""A tree in which branches lack ranks, and any tree with pins."""

from hypothesis import strategies as st
from language.strategies import valid_items, write

from hierdsl import analyze

PINNED = """hierarchy frogs "Frogs, and what is put beside them"
levels
    order
    family
    genus
    species
tree
    Anura
        Ranidae
            Rana
                temporaria = 1
                arvalis = 2
        Xenopus [level=genus]
            laevis = 3
            tropicalis = 4
    Caudata
        olm = 5 [level=species]
        axolotl = 6 [level=species]
    unplaced = 9 [level=genus]
    eggs [ignore]
        spawn [level=species]
"""


def pinned():
    hierarchy, diagnostics = analyze(PINNED)
    assert not [d for d in diagnostics if d.is_error]
    return hierarchy


@st.composite
def pinned_hierarchies(draw):
    """A valid tree whose nodes are pinned here and there, below their parents and above the finest level."""
    items = draw(valid_items())
    ranks, path = [], []
    for item in items:
        del path[item.depth - 1 :]
        least = path[-1] + 1 if path else 0
        rank = least + draw(st.sampled_from([0, 0, 0, 1, 2]))
        if (
            not ranks or rank > least or draw(st.booleans())
        ):  # without any pin, the levels must be as many as the tree is deep
            item.attributes.append(f"level=l{rank}")
        ranks.append(rank)
        path.append(rank)
    levels = "levels\n" + "".join(f"    l{i}\n" for i in range(max(ranks) + 1 + draw(st.integers(0, 1))))
    hierarchy, diagnostics = analyze(write(items, before=levels))
    assert hierarchy is not None, diagnostics
    return hierarchy
