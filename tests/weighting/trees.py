"""What the tests of weightings share: trees, and a walk down them that knows nothing of levels."""

import numpy as np
from hypothesis import strategies as st
from language.strategies import valid_texts

import hierdsl
from hierdsl import analyze, compile_hierarchy


def compiled_of(text):
    hierarchy, diagnostics = analyze(text)
    assert hierarchy is not None, diagnostics
    return compile_hierarchy(hierarchy)


CASES = {
    "one class": "tree\n    a\n",
    "flat": "tree\n    a\n    b\n    c\n",
    "a leaf under the root": "tree\n    sky\n    flat\n        road\n        path\n",
    "a chain of single children": "tree\n    a\n        b\n            c\n                d\n    e\n",
    "uneven siblings": "tree\n    sky\n    thing\n        car\n        human\n            walker\n            rider\n",
    "pinned": (
        "levels\n    order\n    family\n    genus\n    species\n"
        "tree\n    x\n        f\n            g\n                s1\n                s2\n"
        "        h  [level=genus]\n            s3\n            s4\n    y\n        s5  [level=species]\n        s6  [level=species]\n"
    ),
    "level weights": "levels\n    a [weight=0.5]\n    b [weight=-0.25]\ntree\n    x\n        y\n        z\n    w\n",
    "class weights": "tree\n    a [weight=3]\n        b\n        c [weight=0.5]\n    d\n",
}
TREES = {name: compiled_of(text) for name, text in CASES.items()}
TREES |= {name: compile_hierarchy(hierdsl.load(name)) for name in ("helen", "camvid", "vistas")}

trees = st.one_of(st.sampled_from(list(TREES.values())), valid_texts().map(compiled_of))


def way(compiled, node):
    """The nodes from the top one down to this one."""
    found = [node]
    while compiled.parent[found[0]] >= 0:
        found.insert(0, int(compiled.parent[found[0]]))
    return found


def leaves_below(compiled, node):
    return [leaf for leaf in range(compiled.num_leaves) if node in way(compiled, leaf)]


def log_p(compiled, z, node):
    """log p(node) from logits z (C,), by its definition, in the longest floats; node None is the root."""
    below = range(compiled.num_leaves) if node is None else leaves_below(compiled, node)
    return logsumexp(z[list(below)]) - logsumexp(z)


def logsumexp(z):
    z = np.asarray(z, dtype=np.longdouble)
    return np.log(np.exp(z - z.max()).sum()) + z.max()


def loss_of(weighting, compiled, z, node):
    """The loss of one target, by the contract of a weighting."""
    total = np.longdouble(0)
    for level, group_nodes in enumerate(compiled.group_nodes):
        group = compiled.group[level, node]
        if group >= 0:
            total -= weighting.factors[level, group_nodes[group]] * log_p(
                compiled, z, int(group_nodes[group])
            )
    return total


def logits(compiled, seed, scale=3.0):
    return scale * np.random.default_rng(seed).standard_normal(compiled.num_leaves)


def step_weights(compiled, alpha, measure):
    """lambda of each node of HXE, by the words of its docstring: siblings below a node share that of the highest one."""
    found = []
    for node in range(compiled.num_nodes):
        siblings = np.flatnonzero(compiled.parent == compiled.parent[node])
        h = compiled.height[node] if compiled.parent[node] < 0 else max(compiled.height[siblings])
        found.append(np.exp(-alpha * (h if measure == "height" else len(way(compiled, node)))))
    return found
