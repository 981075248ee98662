from functools import cache

import numpy as np
import pytest

from hierdsl.train.faces import FACE_IDS, draw_face

SMALL = (64, 64)
COUNT = 150
FEATURES = sorted(set(FACE_IDS) - {"background", "face_skin", "hair"})


@cache
def many_labels():
    return np.stack([draw_face(7, index, SMALL)[1] for index in range(COUNT)])


def shares(labels):
    return np.bincount(labels.ravel(), minlength=len(FACE_IDS)) / labels.size


def test_the_ids_are_those_of_helen_in_order():
    assert list(FACE_IDS.values()) == list(range(11))
    assert (FACE_IDS["background"], FACE_IDS["inner_mouth"], FACE_IDS["hair"]) == (0, 8, 10)


def test_a_face_depends_on_seed_and_index_alone_and_not_on_the_order():
    forwards = [draw_face(3, index, SMALL) for index in range(6)]
    backwards = [draw_face(3, index, SMALL) for index in reversed(range(6))][::-1]
    for (image, labels), (image_again, labels_again) in zip(forwards, backwards, strict=True):
        assert np.array_equal(image, image_again)
        assert np.array_equal(labels, labels_again)


@pytest.mark.parametrize("index", range(8))
def test_another_seed_or_index_is_another_face(index):
    image = draw_face(1, index, SMALL)[0]
    assert not np.array_equal(image, draw_face(2, index, SMALL)[0])
    assert not np.array_equal(image, draw_face(1, index + 1, SMALL)[0])


@pytest.mark.parametrize("index", range(12))
def test_the_same_face_is_drawn_at_every_size(index):
    small = draw_face(5, index, (64, 64))[1]
    large = draw_face(5, index, (320, 320))[1]
    assert np.mean(large[2::5, 2::5] == small) > 0.9


@pytest.mark.parametrize("size", [(16, 16), (40, 100), (100, 40), (17, 33), (1, 1), (256, 256)])
def test_shapes_and_types(size):
    image, labels = draw_face(0, 1, size)
    assert (image.shape, image.dtype) == ((*size, 3), np.uint8)
    assert (labels.shape, labels.dtype) == (size, np.uint8)
    assert labels.flags.owndata
    assert labels.flags.writeable
    assert image.flags.writeable
    assert labels.max() <= 10


def test_the_longer_side_shows_more_and_does_not_stretch_the_face():
    for index in range(6):
        square = draw_face(5, index, (64, 64))[1]
        wide = draw_face(5, index, (64, 128))[1][:, 32:96]
        # Only what stands still behind the face may differ, and that has one label.
        assert np.mean(square == wide) > 0.97


def test_only_the_eleven_ids_occur_and_each_in_many_faces():
    labels = many_labels()
    assert set(np.unique(labels)) == set(range(11))
    for name, value in FACE_IDS.items():
        present = np.mean([np.any(one == value) for one in labels])
        assert present >= 0.4, name


def test_shares_are_as_in_portraits():
    share = dict(zip(FACE_IDS, shares(many_labels()), strict=True))
    assert 0.35 < share["background"] < 0.70
    assert 0.15 < share["face_skin"] < 0.45
    assert 0.08 < share["hair"] < 0.30
    for name in FEATURES:
        assert 0.001 < share[name] < 0.03, name
        if name != "nose":
            assert share[name] < 0.01, name


def test_an_inner_mouth_is_seen_on_many_faces_and_not_on_all():
    present = np.mean([np.any(one == FACE_IDS["inner_mouth"]) for one in many_labels()])
    assert 0.45 < present < 0.85


def centroids(labels, name):
    rows, columns = np.nonzero(labels == FACE_IDS[name])
    return (rows.mean(), columns.mean()) if len(rows) else None


def ordered(first, second, axis):
    """Share of the faces with both parts where the first has the smaller coordinate."""
    pairs = [(centroids(one, first), centroids(one, second)) for one in many_labels()]
    return np.mean([a[axis] < b[axis] for a, b in pairs if a and b])


@pytest.mark.parametrize(
    ("first", "second", "axis"),
    [
        ("left_eye", "right_eye", 1),
        ("left_eyebrow", "right_eyebrow", 1),
        ("left_eyebrow", "left_eye", 0),
        ("right_eyebrow", "right_eye", 0),
        ("nose", "upper_lip", 0),
        ("upper_lip", "lower_lip", 0),
    ],
)
def test_parts_are_where_a_face_has_them(first, second, axis):
    assert ordered(first, second, axis) >= 0.97 + 0.02 * (axis == 1)


def test_labels_and_image_show_the_same_edges():
    """The picture changes more across a border of the labels than within a class."""
    across, within = [], []
    for index in range(24):
        image, labels = draw_face(11, index, (96, 96))
        step = np.abs(np.diff(image.astype(float).mean(axis=2), axis=1))
        border = np.diff(labels.astype(int), axis=1) != 0
        across.append(step[border].mean())
        within.append(step[~border].mean())
    assert np.mean(across) > 2 * np.mean(within)


@pytest.mark.parametrize("size", [(0, 64), (64, 0), (-3, 8)])
def test_an_impossible_size_is_refused_by_name(size):
    with pytest.raises(ValueError, match=r"size must be \(height, width\) with both at least 1, got"):
        draw_face(0, 0, size)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_a_negative_seed_or_index_is_refused(seed, index):
    with pytest.raises(ValueError, match="must not be negative"):
        draw_face(seed, index, SMALL)
