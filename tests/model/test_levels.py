"""The one rule of levels: pins, depth where there is none, and the cut as the first node at or below."""

from hypothesis import given, settings
from language.strategies import valid_texts

from hierdsl import analyze, compile_hierarchy
from hierdsl.model import ROOT


@settings(max_examples=150)
@given(valid_texts())
def test_a_group_is_the_first_node_at_or_below_the_level_on_the_way_to_a_leaf(text):
    hierarchy, _ = analyze(text)
    compiled = compile_hierarchy(hierarchy)
    names = [level.name for level in hierarchy.levels]
    ranks = []
    for node in hierarchy.nodes:
        least = 0 if node.parent == ROOT else ranks[node.parent] + 1
        ranks.append(names.index(node.level) if node.level else least)
        assert ranks[-1] >= least
    for channel, leaf in enumerate(hierarchy.leaves):
        way = [leaf]
        while hierarchy.nodes[way[0]].parent != ROOT:
            way.insert(0, hierarchy.nodes[way[0]].parent)
        for level in range(len(names)):
            stands = next((v for v in way if ranks[v] >= level), leaf)
            group = compiled.group_nodes[level][compiled.group[level, channel]]
            assert compiled.paths[group] == hierarchy.path(stands)
    for level in range(len(names)):
        # numbered depth first, one for each node of the cut
        assert [compiled.paths[v] for v in compiled.group_nodes[level]] == [
            hierarchy.path(v) for v in hierarchy.cut(level)
        ]
    assert [compiled.paths[v] for v in compiled.group_nodes[-1]] == [
        hierarchy.path(v) for v in sorted(hierarchy.leaves)
    ]


@settings(max_examples=60)
@given(valid_texts())
def test_channels_are_numbered_by_their_map_and_nothing_else_changes(text):
    hierarchy, _ = analyze(text)
    in_file_order = compile_hierarchy(hierarchy.model_copy(update={"channels": None}))
    compiled = compile_hierarchy(hierarchy)
    if hierarchy.channels is None:
        assert compiled == in_file_order
        return
    ids = hierarchy.label_maps[hierarchy.channels].ids
    assert [ids[i] for i in range(compiled.num_leaves)] == hierarchy.leaves
    order = [in_file_order.paths.index(path) for path in compiled.paths[: compiled.num_leaves]]
    assert sorted(order) == list(range(compiled.num_leaves))
    assert (compiled.group[:, : compiled.num_leaves] == in_file_order.group[:, order]).all()
    assert (compiled.palette[: compiled.num_leaves] == in_file_order.palette[order]).all()
