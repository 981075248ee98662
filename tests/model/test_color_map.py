"""Label maps of colours, against the definition computed pixel by pixel."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierdsl.compiler import IGNORE_INDEX, CompiledLabelMap, UnknownRawIdError
from hierdsl.compiler.color_table import nearest, pack, unpack

channel = st.sampled_from([0, 1, 2, 3, 5, 8, 100, 127, 128, 250, 253, 254, 255]) | st.integers(0, 255)
color = st.tuples(channel, channel, channel)


def number(rgb):
    return rgb[0] << 16 | rgb[1] << 8 | rgb[2]


def color_map(listed, *, tolerance=None, unlisted_ignored=False):
    """A map of colours (as tuples) to node indices."""
    raw = np.array([number(rgb) for rgb in listed], dtype=np.int64)
    nodes = np.array(list(listed.values()), dtype=np.int64)
    return CompiledLabelMap(raw, raw, nodes, unlisted_ignored, True, tolerance)


def expected(rgb, listed, tolerance, unlisted_ignored):
    """What one pixel means, as the language says it."""
    if tolerance is None:
        return listed.get(rgb, IGNORE_INDEX if unlisted_ignored else -1)
    first = min(listed, key=lambda known: math.dist(known, rgb), default=None)  # min gives the first
    return listed[first] if first is not None and math.dist(first, rgb) <= tolerance else IGNORE_INDEX


@st.composite
def cases(draw):
    listed = draw(
        st.dictionaries(color, st.integers(0, 70_000) | st.just(IGNORE_INDEX), min_size=0, max_size=6)
    )
    tolerance = draw(
        st.none() | st.sampled_from([0.0, 1.0, math.sqrt(2), math.sqrt(3), 24.0]) | st.floats(0, 450)
    )
    near = st.tuples(*[st.integers(-4, 4)] * 3)
    if listed:
        beside = st.tuples(st.sampled_from(sorted(listed)), near).map(
            lambda pair: tuple(min(max(a + b, 0), 255) for a, b in zip(*pair, strict=True))
        )
        pixels = draw(st.lists(color | beside | st.sampled_from(sorted(listed)), max_size=30))
    else:
        pixels = draw(st.lists(color, max_size=30))
    return listed, tolerance, draw(st.booleans()), pixels


@given(cases())
def test_every_pixel_means_what_the_definition_says(case):
    listed, tolerance, unlisted_ignored, pixels = case
    encoder = color_map(listed, tolerance=tolerance, unlisted_ignored=unlisted_ignored)
    raw = np.array(pixels, dtype=np.uint8).reshape(-1, 3)
    wanted = [expected(rgb, listed, tolerance, unlisted_ignored) for rgb in pixels]
    for _ in range(2):  # the second time from the table
        assert encoder.lookup(raw).tolist() == wanted
    for dtype in (np.int32, np.uint32, np.int64):
        assert encoder.lookup(pack(raw).astype(dtype)).tolist() == wanted
    unknown = [number(rgb) for rgb, node in zip(pixels, wanted, strict=True) if node == -1]
    counts = {raw: unknown.count(raw) for raw in sorted(set(unknown))}
    assert encoder.unknown(raw) == encoder.unknown(pack(raw)) == counts
    assert list(encoder.unknown(raw)) == sorted(counts)
    if counts:
        with pytest.raises(UnknownRawIdError, match="colours that the label map does not list: #") as caught:
            encoder.encode(raw)
        assert caught.value.counts == counts
    else:
        encoded = encoder.encode(raw)
        assert (encoded.dtype, encoded.tolist()) == (np.int64, wanted)


@given(st.lists(color, max_size=20), st.lists(color, max_size=40, unique=True))
def test_the_nearest_colour_is_the_first_of_the_nearest(colors, listed):
    packed = np.array([number(rgb) for rgb in colors], dtype=np.int64)
    position, distance = nearest(packed, np.array([number(rgb) for rgb in listed], dtype=np.int64))
    for at, far, rgb in zip(position.tolist(), distance.tolist(), colors, strict=True):
        distances = [math.dist(rgb, known) for known in listed]
        assert (at, far) == (
            (distances.index(min(distances)), min(distances)) if listed else (-1, float("inf"))
        )


def test_many_colours_are_resolved_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    colors, listed = rng.integers(0, 1 << 24, 1000), rng.integers(0, 1 << 24, 30)
    whole = nearest(colors, listed)
    monkeypatch.setattr("hierdsl.compiler.color_table._DISTANCES", 100)
    for one, other in zip(whole, nearest(colors, listed), strict=True):
        assert np.array_equal(one, other)


LISTED = {(255, 0, 0): 0, (0, 0, 255): 1, (9, 9, 9): IGNORE_INDEX, (0, 255, 0): 1}


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0), (1, 2, 3), (300, 301)])
def test_any_shape(shape):
    """The last one is longer than a block of the table."""
    encoder = color_map(LISTED, tolerance=24)
    node = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2
    raw = np.array([(250, 3, 3), (3, 3, 250)], dtype=np.uint8)[node]
    assert (encoder.encode(raw) == node).all()
    assert encoder.encode(raw).shape == encoder.encode(pack(raw)).shape == shape


def test_arrays_that_are_not_contiguous_and_read_only():
    encoder = color_map(LISTED, tolerance=24)
    raw = np.random.default_rng(0).choice(np.array(list(LISTED), dtype=np.uint8), (6, 8))
    raw.setflags(write=False)
    assert np.array_equal(encoder.encode(raw[::2, ::-1]), encoder.encode(raw)[::2, ::-1])
    assert np.array_equal(encoder.encode(pack(raw).T), encoder.encode(raw).T)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (np.zeros((2, 4), np.uint8), r"shape \(..., 3\), not \(2, 4\)"),
        (np.array(3, np.uint8), r"shape \(..., 3\), not \(\)"),
        (np.array([-1]), "colours are 0 to 16777215; these are -1 to -1"),
        (np.array([3, 1 << 24]), "colours are 0 to 16777215; these are 3 to 16777216"),
        (np.zeros((2, 3)), "colours are integers, not float64"),
        (np.zeros((2, 3), bool), "colours are integers, not bool"),
    ],
)
def test_what_is_no_colour_is_refused(raw, said):
    with pytest.raises(ValueError, match=said):
        color_map(LISTED).encode(raw)


def test_thousands_of_unknown_colours_make_a_short_message():
    raw = np.concatenate([[0xFF], np.arange(0x200, 0x200 + 1998), np.full(7, 0xABCDEF)])
    with pytest.raises(UnknownRawIdError, match=r"#abcdef \(7 px\) and 1,989 more$") as caught:
        color_map(LISTED).encode(raw)
    assert len(caught.value.counts) == 1999
    assert len(str(caught.value)) < 300


def test_decode_gives_the_first_colour():
    encoder = color_map(LISTED)
    back = encoder.decode(np.array([[0, 1, IGNORE_INDEX]]))
    assert (back.dtype, back.tolist()) == (np.uint8, [[[255, 0, 0], [0, 0, 255], [9, 9, 9]]])
    assert encoder.encode(back).tolist() == [[0, 1, IGNORE_INDEX]]
    with pytest.raises(ValueError, match="node index 2 has no colour"):
        encoder.decode(np.array([2]))


def test_decode_of_ignored_pixels_is_black_unless_that_is_a_class():
    ignored = np.array([IGNORE_INDEX])
    assert color_map({(1, 2, 30): 0}, tolerance=24).decode(ignored).tolist() == [[0, 0, 0]]
    for listed, tolerance in (({(0, 0, 0): 0}, None), ({(1, 2, 20): 0}, 24)):
        with pytest.raises(ValueError, match="no colour for ignored pixels: black is the colour of a class"):
            color_map(listed, tolerance=tolerance).decode(ignored)


@given(st.dictionaries(color, st.integers(0, 9), min_size=1), st.none() | st.floats(0, 30))
def test_encode_undoes_decode(listed, tolerance):
    encoder = color_map(listed, tolerance=tolerance)
    nodes = np.array(sorted(set(listed.values())))
    assert np.array_equal(encoder.encode(encoder.decode(nodes)), nodes)


def test_threads_see_one_another_s_work():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (24, 40, 50, 3)).astype(np.uint8)
    listed = {tuple(rgb): i for i, rgb in enumerate(rng.integers(0, 256, (60, 3)).tolist())}
    shared = color_map(listed, tolerance=40)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(shared.encode, [*images, *images]))
    alone = [color_map(listed, tolerance=40).encode(image) for image in images]
    assert all(np.array_equal(a, b) for a, b in zip(found, [*alone, *alone], strict=True))


def test_another_process_gets_the_map_without_its_tables():
    encoder = color_map(LISTED, tolerance=24)
    raw = unpack(np.array([0xFF0000, 0xFF0102]))
    assert encoder.encode(raw).tolist() == [0, 0]
    sent = pickle.dumps(encoder)
    assert len(sent) < 2000
    assert pickle.loads(sent).encode(raw).tolist() == [0, 0]  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"last": np.array([1, 2])}, "different shapes"),
        ({"nodes": np.array([[1]])}, "different shapes"),
        ({"first": np.array([4])}, "no raw value"),
        ({"first": np.array([-1])}, "no raw value"),
        ({"last": np.array([65536])}, "no raw value"),
        ({"last": np.array([7]), "colors": True}, "has a range"),
        ({"tolerance": 3.0}, "a tolerance is of colours"),
        ({"colors": True, "tolerance": -3.0}, "a tolerance is of colours"),
    ],
)
def test_tables_that_do_not_fit_are_refused(fields, said):
    good = {"first": np.array([3]), "last": np.array([3]), "nodes": np.array([0])}
    CompiledLabelMap(**good)
    with pytest.raises(ValueError, match=said):
        CompiledLabelMap(**good | fields)
