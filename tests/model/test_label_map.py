import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierdsl import analyze, compile_hierarchy
from hierdsl.compiler import IGNORE_INDEX, CompiledLabelMap, UnknownRawIdError

TEXT = """tree
  human
    person = 24, 30
    rider = 25
  sky = 3..5
  ego [ignore]
    hood = 9
labels
  human = 7
  ignore = 11, 255
labels wide
  sky = 60000
  human = 2
labels open
  sky = 1
  ignore = *
labels none
  sky = 1
"""


def label_map(name=""):
    hierarchy, _ = analyze(TEXT)
    compiled = compile_hierarchy(hierarchy)
    return compiled.label_maps[name], compiled


def test_encode_gives_node_indices():
    encoder, compiled = label_map()
    raw = np.array([[24, 30, 25], [3, 4, 5], [7, 9, 255]], dtype=np.uint8)
    names = [[compiled.names[i] if i >= 0 else i for i in row] for row in encoder.encode(raw).tolist()]
    assert names == [["person", "person", "rider"], ["sky"] * 3, ["human", IGNORE_INDEX, IGNORE_INDEX]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint32])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0), (1, 2, 3)])
def test_any_integer_type_and_shape(dtype, shape):
    encoder, _ = label_map()
    nodes = encoder.encode(np.full(shape, 24, dtype=dtype))
    assert (nodes.shape, nodes.dtype) == (shape, np.int64)
    assert (nodes == 0).all()


def test_the_input_is_not_changed():
    encoder, _ = label_map()
    raw = np.array([24, 3, 255], dtype=np.uint8)
    raw.setflags(write=False)
    encoder.encode(raw)
    assert raw.tolist() == [24, 3, 255]


def test_unknown_ids_are_counted():
    encoder, _ = label_map()
    raw = np.array([[200, 24, 1], [1, 1, 3]], dtype=np.uint8)
    with pytest.raises(UnknownRawIdError, match=r"does not list: 1 \(3 px\), 200 \(1 px\)") as caught:
        encoder.encode(raw)
    assert caught.value.counts == {1: 3, 200: 1} == encoder.unknown(raw)
    assert isinstance(caught.value, ValueError)
    assert encoder.unknown(np.array([24])) == {}


def test_a_star_makes_unknown_ids_ignored():
    encoder, _ = label_map("open")
    assert encoder.encode(np.array([1, 2, 65535])).tolist() == [2, IGNORE_INDEX, IGNORE_INDEX]
    assert encoder.unknown(np.array([1, 2, 65535])) == {}


@pytest.mark.parametrize("raw", [np.array([-1]), np.array([65536]), np.array([3, 70000], dtype=np.uint32)])
def test_values_that_are_no_raw_ids_are_refused(raw):
    with pytest.raises(ValueError, match="raw ids are 0 to 65535"):
        label_map("open")[0].encode(raw)


@pytest.mark.parametrize("raw", [np.array([1.0]), np.array([True]), np.array(["a"])])
def test_other_types_are_refused(raw):
    with pytest.raises(ValueError, match="raw ids are integers"):
        label_map()[0].encode(raw)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([24, 30, 25, 3, 4, 5, 7, 9, 11, 255]), max_size=30),
    st.sampled_from([np.uint8, np.int64]),
)
def test_decode_undoes_encode_up_to_the_first_id(ids, dtype):
    encoder, _ = label_map()
    nodes = encoder.encode(np.array(ids, dtype=dtype))
    back = encoder.decode(nodes)
    assert back.dtype == np.uint8
    assert (encoder.encode(back) == nodes).all()
    first = {30: 24, 4: 3, 5: 3, 11: 9, 255: 9}
    assert back.tolist() == [first.get(raw, raw) for raw in ids]


def test_decode_of_ids_beyond_a_byte():
    encoder, _ = label_map("wide")
    back = encoder.decode(np.array([[2, 3], [IGNORE_INDEX, 2]]))
    assert (back.dtype, back.tolist()) == (np.uint16, [[60000, 2], [255, 60000]])


def test_decode_of_a_node_without_an_id():
    encoder, _ = label_map("none")
    with pytest.raises(ValueError, match="node index 0 has no raw id"):
        encoder.decode(np.array([2, 0]))


def test_decode_does_not_write_the_id_of_a_class_for_ignored_pixels():
    hierarchy, _ = analyze("tree\n  a = 255\n  b = 1\n")
    encoder = compile_hierarchy(hierarchy).label_maps[""]
    with pytest.raises(ValueError, match="ignored"):
        encoder.decode(np.array([0, IGNORE_INDEX]))


@settings(max_examples=100)
@given(
    st.lists(st.integers(0, 65535) | st.integers(0, 40), unique=True, max_size=16),
    st.lists(st.integers(0, 9) | st.just(IGNORE_INDEX), min_size=8, max_size=8),
    st.booleans(),
    st.lists(st.integers(0, 65535) | st.integers(0, 40), max_size=30),
)
def test_ranges_mean_what_their_ids_mean(ends, nodes, unlisted_ignored, pixels):
    ends = sorted(ends)[: len(ends) // 2 * 2]
    ranges = list(zip(ends[::2], ends[1::2], nodes, strict=False))
    first, last, node = np.array(ranges, dtype=np.int64).reshape(-1, 3).T
    encoder = CompiledLabelMap(first, last, node, unlisted_ignored=unlisted_ignored)
    unlisted = IGNORE_INDEX if unlisted_ignored else -1
    pixels += ends
    wanted = [next((n for f, end, n in ranges if f <= raw <= end), unlisted) for raw in pixels]
    raw = np.array(pixels, dtype=np.uint16)
    assert encoder.lookup(raw).tolist() == wanted
    missing = [p for p, n in zip(pixels, wanted, strict=True) if n == -1]
    assert encoder.unknown(raw) == {p: missing.count(p) for p in sorted(set(missing))}
    if not missing:
        assert encoder.encode(raw).tolist() == wanted
        classes = sorted({n for _, _, n in ranges if n >= 0})
        firsts = [next(f for f, _, n in ranges if n == c) for c in classes]
        assert encoder.decode(np.array(classes, dtype=np.int64)).tolist() == firsts
