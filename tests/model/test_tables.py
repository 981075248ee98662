import zipfile

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language.strategies import valid_texts

from hierdsl import CompiledHierarchy, analyze, compile_hierarchy, load
from hierdsl.model import ROOT, LabelMap

hierarchies = valid_texts().map(lambda text: analyze(text)[0])
plain_hierarchies = valid_texts(plain=True).map(lambda text: analyze(text)[0])


def compiled_of(text):
    hierarchy, diagnostics = analyze(text)
    assert not [d for d in diagnostics if d.is_error]
    return compile_hierarchy(hierarchy)


def kept_graph(hierarchy):
    """The tree without ignored nodes, as networkx sees it, and the positions in the order of node indices."""
    graph = hierarchy.graph.subgraph([ROOT, *(p for p, off in enumerate(hierarchy.ignored) if not off)])
    leaves = [p for p in nx.dfs_preorder_nodes(graph, ROOT) if graph.out_degree(p) == 0]
    inner = [p for p in nx.dfs_preorder_nodes(graph, ROOT) if graph.out_degree(p) and p != ROOT]
    return graph, [*leaves, *inner]


@settings(max_examples=40)
@given(plain_hierarchies)
def test_parents_depths_and_heights_agree_with_networkx(hierarchy):
    graph, order = kept_graph(hierarchy)
    compiled = compile_hierarchy(hierarchy)
    index = {position: i for i, position in enumerate(order)} | {ROOT: -1}
    assert (compiled.num_leaves, compiled.num_nodes) == (len(hierarchy.leaves), len(order))
    assert compiled.parent.tolist() == [index[next(graph.predecessors(p))] for p in order]
    depths = nx.single_source_shortest_path_length(graph, ROOT)
    assert compiled.depth.tolist() == [depths[p] for p in order]
    assert compiled.height.tolist() == [
        max(nx.single_source_shortest_path_length(graph, p).values()) for p in order
    ]
    assert compiled.num_levels == max(depths.values()) == len(hierarchy.levels)
    assert compiled.names == tuple(hierarchy.nodes[p].name for p in order)
    assert compiled.paths == tuple(hierarchy.path(p) for p in order)


@settings(max_examples=40)
@given(plain_hierarchies)
def test_group_tables_are_the_cuts_of_the_tree(hierarchy):
    graph, order = kept_graph(hierarchy)
    compiled = compile_hierarchy(hierarchy)
    depths = nx.single_source_shortest_path_length(graph, ROOT)
    index = {position: i for i, position in enumerate(order)}
    for level in range(compiled.num_levels):
        cut = [
            p
            for p in nx.dfs_preorder_nodes(graph, ROOT)
            if p != ROOT and (depths[p] == level + 1 or (depths[p] <= level and graph.out_degree(p) == 0))
        ]
        expected = np.full(compiled.num_nodes, -1)
        for number, top in enumerate(cut):  # groups are numbered depth first
            for below in nx.descendants(graph, top) | {top}:
                expected[index[below]] = number
        assert compiled.group[level].tolist() == expected.tolist()
        assert compiled.num_groups[level] == len(cut)
        assert compiled.group_nodes[level].tolist() == [index[top] for top in cut]


@settings(max_examples=40)
@given(plain_hierarchies)
def test_laws_of_the_group_tables(hierarchy):
    compiled = compile_hierarchy(hierarchy)
    leaves, group = compiled.num_leaves, compiled.group
    is_inner = np.arange(compiled.num_nodes) >= leaves
    for level in range(compiled.num_levels):
        of_leaves = group[level, :leaves]
        assert np.array_equal(np.unique(of_leaves), np.arange(compiled.num_groups[level]))  # a partition
        assert (np.diff(of_leaves) >= 0).all()  # numbered depth first
        assert np.array_equal(
            group[level] == -1, is_inner & (compiled.depth < level + 1)
        )  # too coarse to say
        if level:  # each level refines the one above it
            pairs = {
                (f, c) for f, c in zip(of_leaves.tolist(), group[level - 1, :leaves].tolist(), strict=True)
            }
            assert len(pairs) == compiled.num_groups[level]
    assert group[-1, :leaves].tolist() == list(range(leaves))
    inside = (compiled.parent >= 0) & (group[:, compiled.parent] >= 0)
    assert (group == group[:, compiled.parent])[inside].all()


@settings(max_examples=20)
@given(hierarchies)
def test_dtypes_shapes_and_read_only_arrays(hierarchy):
    c = compile_hierarchy(hierarchy)
    expected = {
        "group": ((c.num_levels, c.num_nodes), np.int64),
        "num_groups": ((c.num_levels,), np.int64),
        "parent": ((c.num_nodes,), np.int64),
        "depth": ((c.num_nodes,), np.int64),
        "height": ((c.num_nodes,), np.int64),
        "level_weights": ((c.num_levels,), np.float64),
        "leaf_weights": ((c.num_leaves,), np.float64),
        "palette": ((c.num_nodes, 3), np.uint8),
        "mirror": ((c.num_leaves,), np.int64),
    }
    arrays = {name: getattr(c, name) for name in expected}
    assert {name: (a.shape, a.dtype.type) for name, a in arrays.items()} == expected
    for name, label_map in c.label_maps.items():
        arrays |= {f"{name} {key}": getattr(label_map, key) for key in ("first", "last", "nodes")}
    for array in arrays.values():
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_weights_multiply_down_the_path():
    compiled = compiled_of("tree\n  g [weight=2]\n    a [weight=0.5]\n    b\n  c\n")
    assert compiled.leaf_weights.tolist() == [1.0, 2.0, 1.0]


def test_an_ignored_node_has_no_index():
    compiled = compiled_of(
        "tree\n  ego [ignore]\n    hood = 1\n  a = 2\n  g\n    b = 3\n    c = 4 [ignore]\n"
    )
    assert compiled.names == ("a", "b", "g")
    assert compiled.label_maps[""].encode(np.array([1, 2, 3, 4])).tolist() == [-100, 0, 1, -100]


@settings(max_examples=20)
@given(hierarchies)
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, hierarchy):
    compiled = compile_hierarchy(hierarchy)
    file = tmp_path_factory.mktemp("npz") / "tables.npz"
    compiled.save(file)
    assert [path.name for path in file.parent.iterdir()] == ["tables.npz"]
    again = CompiledHierarchy.load(file)
    assert again == compiled
    assert (again.hash, hash(again), again.differences(compiled)) == (compiled.hash, hash(compiled), [])
    assert (again.name, again.names, again.paths) == (compiled.name, compiled.names, compiled.paths)
    assert again.level_names == compiled.level_names
    assert list(again.label_maps) == sorted(compiled.label_maps)
    for (key, mine), (key_again, read) in zip(compiled._each_table(), again._each_table(), strict=True):
        assert key == key_again
        assert mine.dtype.kind == read.dtype.kind
        assert np.array_equal(mine, read)
        assert not read.flags.writeable or read.dtype.kind == "U" or read.ndim == 0


BASE = "levels\n  x\n  y\ntree\n  g\n    a = 1\n    b = 2\n  c = 3\n"
CHANGES = {
    "a name": (BASE.replace("b = 2", "d = 2"), {"names", "paths"}),
    "a level's name": (BASE.replace("  x", "  z"), {"level_names"}),
    "a level's weight": (BASE.replace("  x", "  x [weight=2]"), {"level_weights"}),
    "a class's weight": (BASE.replace("  c = 3", "  c = 3 [weight=2]"), {"leaf_weights"}),
    "an id": (BASE.replace("c = 3", "c = 4"), {"label_map//first", "label_map//last"}),
    "what an unlisted id means": (BASE + "labels\n  ignore = *\n", {"label_map//unlisted_ignored"}),
    "a label map": (
        BASE + "labels o\n  c = 3\n",
        {f"label_map/o/{key}" for key in ("first", "last", "nodes", "unlisted_ignored", "colors")},
    ),
    "a mirror": (BASE + "mirror\n  a <-> b\n", {"mirror"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_hash_changes_with_any_table_of_training(change):
    text, tables = CHANGES[change]
    base, other = compiled_of(BASE), compiled_of(text)
    assert base != other
    assert base.hash != other.hash
    assert set(base.differences(other)) == set(other.differences(base)) == tables


@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("a = 1", 'a = 1 [color="#123456"]'),
        BASE.replace("a = 1", 'a = 1 [doc="x", meta.y=3]'),
        "# a comment\nhierarchy other\n" + BASE,
        BASE.replace("  ", "\t"),
        BASE.replace("c = 3\n", "c = 3\n  e [ignore]\n"),
    ],
)
def test_the_hash_does_not_change_with_looks(text):
    base, other = compiled_of(BASE), compiled_of(text)
    assert base == other
    assert base.hash == other.hash
    assert base.differences(other) == []


@settings(max_examples=20)
@given(hierarchies, hierarchies)
def test_equal_hash_means_equal_tables(one, two):
    a, b = compile_hierarchy(one), compile_hierarchy(two)
    assert (a.hash == b.hash) == (a == b) == (a.differences(b) == [])


def test_a_compiled_hierarchy_is_unequal_to_other_things():
    assert compiled_of(BASE) != "x"


@pytest.fixture
def saved(tmp_path):
    file = tmp_path / "helen.npz"
    compile_hierarchy(load("helen")).save(file)
    return file


def rewrite(file, **changes):
    with np.load(file) as tables:
        content = {key: tables[key] for key in tables.files} | changes
    np.savez(file, **{key: value for key, value in content.items() if value is not None})


@pytest.mark.parametrize(
    "changes",
    [
        {"group": None},
        {"hash": None},
        {"parent": np.zeros(17, dtype=np.int64)},
        {"level_weights": np.full(4, 2.0)},
        {"names": np.array(["x"] * 17)},
        {"hash": np.array("0" * 64)},
        {"label_map//nodes": None},
        {"label_map//first": np.arange(11)},
        {"label_map//colors": np.array(True)},
        {"label_map//tolerance": np.array(3.0)},
        {"group": np.array(3)},
        {"names": np.array(5)},
    ],
)
def test_changed_tables_are_refused(saved, changes):
    rewrite(saved, **changes)
    with pytest.raises(ValueError, match="is no file of compiled tables"):
        CompiledHierarchy.load(saved)


def test_nothing_is_unpickled(saved):
    rewrite(saved, group=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"is no file of compiled tables.*allow_pickle"):
        CompiledHierarchy.load(saved)


@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_file_is_a_value_error(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("npz") / "x.npz"
    compile_hierarchy(load("helen")).save(file)
    content = bytearray(file.read_bytes())
    kind = data.draw(st.sampled_from(["cut", "flip", "noise"]))
    at = data.draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        content = content[:at]
    elif kind == "flip":
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        content[at : at + 20] = data.draw(st.binary(min_size=20, max_size=20))
    file.write_bytes(bytes(content))
    try:
        CompiledHierarchy.load(file)  # a flip in the padding or in a time stamp does no harm
    except ValueError as error:
        assert "is no file of compiled tables" in str(error)  # noqa: PT017 - it may also load


@pytest.mark.parametrize("content", [b"", b"PK", b"no npz", b"\x93NUMPY\x01\x00"])
def test_a_file_of_another_kind_is_a_value_error(tmp_path, content):
    file = tmp_path / "x.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="is no file of compiled tables"):
        CompiledHierarchy.load(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="is no file of compiled tables"):
        CompiledHierarchy.load(file)


def test_a_plain_array_file_is_a_value_error(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    with pytest.raises(ValueError, match="is no file of compiled tables"):
        CompiledHierarchy.load(tmp_path / "x.npy")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        CompiledHierarchy.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        compiled_of(BASE).save(tmp_path / "none" / "x.npz")


def test_a_failed_save_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    file = tmp_path / "x.npz"
    file.write_bytes(b"old")

    def fail(*_args, **_tables):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="No space left"):
        compiled_of(BASE).save(file)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.npz", b"old")]


def test_a_tree_of_a_thousand_levels():
    text = "tree\n" + "".join(f"{' ' * i}a\n{' ' * i}b\n" for i in range(1, 1001))
    hierarchy, diagnostics = analyze(text)
    assert not [d for d in diagnostics if d.is_error]
    compiled = compile_hierarchy(hierarchy)
    assert (compiled.num_levels, compiled.num_leaves) == (1000, 1001)
    assert compiled.num_groups.tolist() == list(range(2, 1002))
    assert hierarchy.model_validate_json(hierarchy.model_dump_json()) == hierarchy


def test_a_tree_of_twenty_thousand_leaves():
    count = 20_000
    hierarchy, diagnostics = analyze("tree\n" + "".join(f" n{i} = {i}\n" for i in range(count)))
    assert diagnostics == []
    compiled = compile_hierarchy(hierarchy)
    assert (compiled.num_leaves, compiled.num_nodes, compiled.num_levels) == (count, count, 1)
    raw = np.arange(count, dtype=np.uint16).reshape(100, 200)
    assert (compiled.label_maps[""].encode(raw) == raw).all()


def test_tables_of_an_older_format_say_so(saved):
    rewrite(saved, format=np.int64(1))
    with pytest.raises(
        ValueError, match=r"it has format 1, .* reads format 2; compile the \.hier file again"
    ):
        CompiledHierarchy.load(saved)


def with_colors(**changes):
    seen = LabelMap(ranges=((0xFF0000, 0xFF0000, 1), (0, 0, None)), colors=True, tolerance=24.0)
    hierarchy = analyze(BASE)[0]
    return compile_hierarchy(
        hierarchy.model_copy(update={"label_maps": {"a/first": seen.model_copy(update=changes)}})
    )


def test_a_map_of_colours_is_saved_and_loaded(tmp_path):
    with_colors().save(tmp_path / "x.npz")
    again = CompiledHierarchy.load(tmp_path / "x.npz")
    assert again == with_colors()
    label_map = again.label_maps["a/first"]
    assert (label_map.colors, label_map.tolerance, label_map.unlisted_ignored) == (True, 24.0, False)
    assert label_map.encode(np.array([[0xF0, 8, 0], [0, 0, 1], [9, 99, 9]], dtype=np.uint8)).tolist() == [
        0,
        -100,
        -100,
    ]


@pytest.mark.parametrize(
    ("changes", "table"),
    [
        ({"tolerance": 25.0}, "tolerance"),
        ({"tolerance": None}, "tolerance"),
        ({"unlisted": "ignore"}, "unlisted_ignored"),
    ],
)
def test_the_hash_changes_with_what_a_map_of_colours_says(changes, table):
    assert with_colors(**changes).hash != with_colors().hash
    assert with_colors(**changes).differences(with_colors()) == [f"label_map/a/first/{table}"]


def test_colours_are_not_the_ids_of_the_same_numbers():
    def one(*, colors):
        only = LabelMap(ranges=((3, 3, 1),), colors=colors)
        return compile_hierarchy(analyze(BASE)[0].model_copy(update={"label_maps": {"": only}}))

    assert one(colors=True).hash != one(colors=False).hash


def test_what_is_no_hierarchy_is_not_compiled():
    for wrong in ("helen", compile_hierarchy(load("helen"))):
        with pytest.raises(
            TypeError, match=rf"not {type(wrong).__name__}: hierdsl.load\(NAME_OR_FILE\) reads one"
        ):
            compile_hierarchy(wrong)
    broken, diagnostics = analyze("tree\n")
    assert any(diagnostic.is_error for diagnostic in diagnostics)
    with pytest.raises(TypeError, match=r"hierdsl.analyze found errors, its second result"):
        compile_hierarchy(broken)
