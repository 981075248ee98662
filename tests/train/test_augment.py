"""Laws of the random views: what they may never do to a label, and on what alone they depend."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from train.runs import toy

from hierdsl import compile_hierarchy, load
from hierdsl.compiler import IGNORE_INDEX
from hierdsl.train.data.augment import Augment, Window, covering, cut, largest, whole
from hierdsl.train.data.loader import Loader
from hierdsl.train.data.split import DrawnSplit

SIDE = st.integers(16, 70)
SIZES = st.tuples(SIDE, SIDE)
NODES = 8
"""Of the toy hierarchy: 5 leaves and 2 inner nodes; and one for ignored pixels."""
COLORS = np.array(
    [
        [10, 200, 30],
        [250, 0, 0],
        [0, 0, 250],
        [120, 120, 0],
        [0, 0, 0],
        [250, 250, 250],
        [0, 250, 250],
        [90, 0, 90],
    ]
)


def mirror_of(compiled):
    return np.concatenate([compiled.mirror, np.arange(compiled.num_leaves, compiled.num_nodes)])


def scene(size, seed, block=6):
    """Blocks of nodes, ignored ones among them, and an image that tells the node of each pixel by colour."""
    height, width = size
    rng = np.random.default_rng(seed)
    nodes = (
        rng.integers(0, NODES, (-(-height // block), -(-width // block))).repeat(block, 0).repeat(block, 1)
    )
    nodes = nodes[:height, :width]
    target = np.where(nodes == NODES - 1, IGNORE_INDEX, nodes).astype(np.int32)
    return COLORS[nodes].astype(np.uint8), target


@st.composite
def views(draw):
    low = draw(st.floats(0.3, 3))
    zoom = (low, low * draw(st.floats(1, 3)))
    return Augment(draw(SIZES), draw(st.floats(0.2, 1)), zoom, draw(st.floats(0, 1)), 0.0, mirror_of(toy()))


@given(views(), SIZES, st.integers(0, 999))
@example_settings(deadline=None, max_examples=80)
def test_a_view_has_one_size_and_only_labels_of_the_source(augment, size, seed):
    image, target = scene(size, seed)
    view, labels = augment(image, target, np.random.default_rng(seed))
    assert (view.shape, view.dtype) == ((*augment.output, 3), np.uint8)
    assert (labels.shape, labels.dtype) == (augment.output, np.int32)
    mirrored = augment.mirror[target[target >= 0]]
    assert set(np.unique(labels)) <= {*np.unique(target), *mirrored}


@given(views(), SIZES, st.integers(0, 999))
@example_settings(deadline=None, max_examples=80)
def test_image_and_label_stay_aligned(augment, size, seed):
    """Where the view shows a class's own colour, the label is that class, but for half a pixel at borders."""
    image, target = scene(size, seed, block=12)
    augment = replace(augment, mirror=np.arange(NODES - 1))
    view, labels = augment(image, target, np.random.default_rng(seed))
    distance = np.abs(view[:, :, None, :].astype(int) - COLORS).max(3)
    nearest = distance.argmin(2)
    pure = distance.min(2) == 0
    shown = np.where(labels < 0, NODES - 1, labels)
    # a pure colour may be half a source pixel off where two blocks meet; nothing else may differ
    wrong = pure & (nearest != shown)
    assert wrong.mean() <= 0.02
    inner = np.ones_like(wrong)
    for axis in (0, 1):
        for step in (-1, 1):
            inner &= np.roll(shown, step, axis) == shown
    assert not (wrong & inner)[1:-1, 1:-1].any()


@given(SIZES, st.integers(0, 999))
@example_settings(deadline=None, max_examples=40)
def test_without_crop_zoom_and_flip_a_view_is_the_image(size, seed):
    image, target = scene(size, seed)
    augment = Augment(size, 1.0, (1.0, 1.0), 0.0, 0.0, mirror_of(toy()))
    view, labels = augment(image, target, np.random.default_rng(seed))
    assert np.array_equal(view, image)
    assert np.array_equal(labels, target)


@given(SIZES, st.integers(0, 999))
@example_settings(deadline=None, max_examples=40)
def test_a_sure_flip_is_the_mirror_image_with_classes_exchanged(size, seed):
    image, target = scene(size, seed)
    mirror = mirror_of(toy())
    view, labels = Augment(size, 1.0, (1.0, 1.0), 1.0, 0.0, mirror)(image, target, np.random.default_rng(0))
    assert np.array_equal(view, image[:, ::-1])
    expected = np.array([IGNORE_INDEX if node < 0 else mirror[node] for node in target[:, ::-1].ravel()])
    assert np.array_equal(labels.ravel(), expected)


@given(SIZES, st.integers(0, 999))
@example_settings(deadline=None, max_examples=40)
def test_a_flip_of_a_flip_is_the_image(size, seed):
    image, target = scene(size, seed)
    augment = Augment(size, 1.0, (1.0, 1.0), 1.0, 0.0, mirror_of(toy()))
    again, labels = augment.flipped(*augment.flipped(image, target))
    assert np.array_equal(again, image)
    assert np.array_equal(labels, target)


def test_a_flip_of_a_face_exchanges_left_and_right():
    faces = compile_hierarchy(load("helen"))
    augment = Augment((16, 16), 1.0, (1.0, 1.0), 1.0, 0.0, mirror_of(faces))
    names = ["left_eye", "right_eye", "left_eyebrow", "right_eyebrow", "nose", "eyes", "background"]
    row = np.array([[faces.names.index(name) for name in names]], dtype=np.int32)
    _, flipped = augment.flipped(np.zeros((1, len(names), 3), np.uint8), row)
    assert [faces.names[node] for node in flipped[0]] == [
        "background", "eyes", "nose", "left_eyebrow", "right_eyebrow", "left_eye", "right_eye",
    ]  # fmt: skip


@given(views(), SIZES, st.integers(0, 9999))
@example_settings(deadline=None, max_examples=150)
def test_windows_stay_inside_the_image_and_keep_the_aspect(augment, size, seed):
    windows = []

    def spy(image, target, window, output):
        windows.append(window)
        return cut(image, target, window, output)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hierdsl.train.data.augment.cut", spy)
        augment(*scene(size, 0), np.random.default_rng(seed))
    (window,) = windows
    assert window.top >= 0
    assert window.left >= 0
    assert window.top + window.height <= size[0] + 1e-9
    assert window.left + window.width <= size[1] + 1e-9
    fit = largest(size, augment.output)
    assert window.height * fit[1] == pytest.approx(window.width * fit[0])


@given(SIZES, SIZES)
def test_the_largest_window_touches_a_border_and_fits(source, aspect):
    height, width = largest(source, aspect)
    assert height <= source[0]
    assert width <= source[1]
    assert (height, width)[0] == source[0] or width == source[1]
    assert abs(height * aspect[1] - width * aspect[0]) <= max(aspect)


@given(SIZES, SIZES)
def test_validation_keeps_the_aspect_of_the_images_and_covers_the_size(source, size):
    height, width = covering(source, size)
    assert height >= size[0]
    assert width >= size[1]
    assert height == size[0] or width == size[1]
    assert abs(height * source[1] - width * source[0]) <= max(source)


@given(SIZES, st.integers(1, 4))
def test_validation_at_the_aspect_of_the_images_is_of_the_size(size, factor):
    assert covering((size[0] * factor, size[1] * factor), size) == size


def test_a_zoom_of_one_shows_things_as_large_as_validation_does():
    """A square of the source has the same side in a training crop and in a validation image."""
    image = np.zeros((96, 96, 3), np.uint8)
    target = np.zeros((96, 96), np.int32)
    target[36:60, 36:60] = 1
    _, validation = cut(image, target, whole((96, 96)), (48, 48))
    for zoom in (1.0, 1.5):
        augment = Augment((48, 48), 0.75, (zoom, zoom), 0.0, 0.0, np.arange(2))
        found = [augment(image, target, np.random.default_rng(seed))[1] for seed in range(30)]
        assert {view.shape for view in found} == {(36, 36)}
        side = np.sqrt(max((view == 1).sum() for view in found))  # some show the whole square
        assert side == pytest.approx(zoom * np.sqrt((validation == 1).sum()), abs=1)


def test_zooms_are_as_often_above_as_below_their_middle():
    augment = Augment((16, 16), 1.0, (0.5, 2.0), 0.0, 0.0, np.arange(2))
    rng = np.random.default_rng(0)
    zooms = np.array([augment.log_uniform(rng) for _ in range(4000)])
    assert zooms.min() >= 0.5
    assert zooms.max() <= 2.0
    assert np.mean(zooms < 1) == pytest.approx(0.5, abs=0.03)


def test_colours_change_and_labels_do_not():
    image, target = scene((32, 32), 1)
    plain = Augment((32, 32), 1.0, (1.0, 1.0), 0.0, 0.0, mirror_of(toy()))
    bright = replace(plain, jitter=0.5)
    view, labels = bright(image, target, np.random.default_rng(0))
    assert not np.array_equal(view, image)
    assert np.array_equal(labels, target)
    assert np.array_equal(replace(plain, jitter=0.0)(image, target, np.random.default_rng(0))[0], image)


@pytest.mark.parametrize("window", [(0, 0, 31.7, 20.2), (3.4, 7.9, 16.1, 8.05), (30, 39, 2, 1)])
def test_labels_are_those_of_the_pixel_under_the_centre(window):
    _, target = scene((32, 40), 2, block=1)
    _, labels = cut(np.zeros((32, 40, 3), np.uint8), target, Window(*window), (17, 23))
    for row in range(17):
        for column in range(23):
            y = window[0] + (row + 0.5) * window[2] / 17
            x = window[1] + (column + 0.5) * window[3] / 23
            assert labels[row, column] == target[int(y), int(x)]


AUGMENT = Augment((24, 32), 0.8, (0.7, 1.5), 0.5, 0.3, mirror_of(toy()))


def batches(epochs, workers, seed=0):
    split = DrawnSplit([scene((30, 36), index) for index in range(5)], np.ones(7, np.int64))
    loader = Loader(split, (24, 32), augment=AUGMENT, batch_size=2, workers=workers, seed=seed, pin=False)
    assert len(loader) == 2  # the fifth image waits for another epoch
    return [[(i.clone(), t.clone()) for i, t in loader.epoch(epoch)] for epoch in epochs]


def same(first, second):
    return all(
        torch.equal(a, b)
        for one, other in zip(first, second, strict=True)
        for pair, twin in zip(one, other, strict=True)
        for a, b in zip(pair, twin, strict=True)
    )


def test_views_depend_on_seed_epoch_and_position_alone():
    reference = batches([0, 1, 2], 0)
    assert same(batches([0, 1, 2], 0), reference)
    assert same(batches([2], 0), reference[2:])
    assert not same(reference[:1], reference[1:2])
    assert not same(batches([0], 0, seed=1), reference[:1])


def test_one_image_looks_different_in_every_epoch():
    split = DrawnSplit([scene((30, 36), 0)], np.ones(7, np.int64))
    loader = Loader(split, (24, 32), augment=AUGMENT, batch_size=1, workers=0, seed=0, pin=False)
    seen = [images for epoch in range(4) for images, _ in loader.epoch(epoch)]
    assert not any(torch.equal(seen[i], seen[j]) for i in range(4) for j in range(i))


@pytest.mark.parametrize("workers", [1, 2])
def test_views_do_not_depend_on_the_number_of_workers(workers):
    assert same(batches([1, 2], workers), batches([1, 2], 0))


def test_batches_are_what_the_network_wants():
    (((images, targets), _),) = batches([0], 0)
    assert (images.shape, images.dtype) == ((2, 3, *AUGMENT.output), torch.uint8)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert (targets.shape, targets.dtype) == ((2, *AUGMENT.output), torch.int32)


def test_validation_sees_all_images_whole_and_in_order():
    pairs = [scene((24, 32), index) for index in range(5)]
    loader = Loader(
        DrawnSplit(pairs, np.ones(7, np.int64)),
        (24, 32),
        augment=None,
        batch_size=2,
        workers=0,
        seed=0,
        pin=False,
    )
    found = list(loader.epoch())
    assert [len(images) for images, _ in found] == [2, 2, 1]
    images, targets = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
    assert np.array_equal(images.transpose(0, 2, 3, 1), np.stack([image for image, _ in pairs]))
    assert np.array_equal(targets, np.stack([target for _, target in pairs]))
