"""Which files are read, and as what."""

import struct
import warnings
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from PIL import Image
from train.runs import TINY, make_data, make_pair, put, trained

from hierdsl.data.error import DataError
from hierdsl.data.folder import find_samples
from hierdsl.data.images import read_image, read_label

IDS = np.arange(20 * 24).reshape(20, 24) % 5


def _palette(ids, path):
    image = Image.fromarray(ids.astype(np.uint8)).convert("P")
    image.putdata(ids.ravel().tolist())
    image.putpalette([200, 10, 10] * 256)  # every index looks the same: only the index tells
    image.save(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_labels_of_8_bits(suffix):
    path = Path("label" + suffix)
    Image.fromarray(IDS.astype(np.uint8)).save(path)
    assert read_label(path).dtype == np.uint8
    assert np.array_equal(read_label(path), IDS)


def test_labels_of_16_bits():
    ids = IDS * 16000 + 300
    Image.fromarray(ids.astype(np.uint16)).save("label.png")
    assert read_label(Path("label.png")).dtype == np.uint16
    assert np.array_equal(read_label(Path("label.png")), ids)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
@pytest.mark.parametrize("largest", [1, 3, 15, 255])  # 1, 2, 4 and 8 bits in the file
def test_palette_labels_are_read_by_index(suffix, largest):
    ids = IDS % (largest + 1)
    _palette(ids, "label" + suffix)
    assert np.array_equal(read_label(Path("label" + suffix)), ids)


def test_labels_of_1_bit():
    Image.fromarray(IDS == 3).save("label.png")
    assert np.array_equal(read_label(Path("label.png")), IDS == 3)
    assert read_label(Path("label.png")).dtype == np.uint8


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_labels_of_few_bits_keep_their_values(bits):
    """Pillow alone would stretch 2 and 4 bits to 0..255."""
    ids = np.arange(16 * 16).reshape(16, 16) % 2**bits
    packed = np.packbits(
        np.unpackbits(ids.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - bits :].reshape(16, -1), axis=1
    )
    header = struct.pack(">IIBBBBB", 16, 16, bits, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    Path("label.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )
    assert np.array_equal(read_label(Path("label.png")), ids)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_labels_of_colours_are_refused(mode):
    Image.new(mode, (20, 20)).save("label.png")
    with pytest.raises(
        DataError,
        match=rf"label 'label.png' holds colours \({mode}\), but the label map is of ids; save it with one",
    ):
        read_label(Path("label.png"))


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.png", "a.bmp", "A.PNG"])
def test_images_of_every_format(name):
    Image.new("RGB", (24, 20), (200, 100, 50)).save(name)
    image = read_image(Path(name))
    assert (image.shape, image.dtype) == ((20, 24, 3), np.uint8)
    assert np.abs(image.astype(int) - (200, 100, 50)).max() <= 2


def test_images_of_other_modes_become_rgb():
    grey = (IDS * 50).astype(np.uint8)
    Image.fromarray(grey).save("grey.png")
    assert np.array_equal(read_image(Path("grey.png")), grey[:, :, None].repeat(3, 2))
    colors = np.random.default_rng(0).integers(0, 255, (5, 3))
    palette = Image.fromarray(IDS.astype(np.uint8)).convert("P")
    palette.putdata(IDS.ravel().tolist())
    palette.putpalette(colors.ravel().tolist())
    palette.save("palette.png")
    palette.save("transparent.png", transparency=b"\0\1\2\3\4")
    assert np.array_equal(read_image(Path("palette.png")), colors[IDS])
    assert np.array_equal(read_image(Path("transparent.png")), colors[IDS])
    rgba = np.dstack([colors[IDS], IDS * 40]).astype(np.uint8)
    Image.fromarray(rgba).save("rgba.png")
    assert np.array_equal(read_image(Path("rgba.png")), rgba[:, :, :3])


def test_grey_images_of_16_bits_are_not_cut_off():
    grey = np.arange(32 * 32).reshape(32, 32) * 64
    Image.fromarray(grey.astype(np.uint16)).save("deep.png")
    assert np.array_equal(read_image(Path("deep.png")), (grey >> 8)[:, :, None].repeat(3, 2))


@pytest.mark.parametrize("name", ["frame.0001.left", "Straße 7", "道路", "with space", "sequence/day 1/0001"])
def test_names_of_all_kinds(name):
    put("data", "train", name, *make_pair((20, 24), 0), kind=".jpg")
    put("data", "train", "another", *make_pair((20, 24), 1))
    (sample,) = (s for s in find_samples(Path("data"), "train") if s.image.suffix == ".jpg")
    assert (sample.image, sample.label) == (
        Path(f"data/train/images/{name}.jpg"),
        Path(f"data/train/labels/{name}.png"),
    )


def test_one_name_in_two_folders_is_two_images():
    for folder in ("day", "night"):
        put("data", "train", f"{folder}/0001", *make_pair((20, 24), 0))
    assert len(find_samples(Path("data"), "train")) == 2
    Path("data/train/labels/night/0001.png").unlink()
    with pytest.raises(
        DataError, match=r"'data/train/images/night/0001.png' has no label; add 'data/train/labels/night/0001"
    ):
        find_samples(Path("data"), "train")


def test_hidden_and_foreign_files_are_passed_over():
    put("data", "train", "a", *make_pair((20, 24), 0))
    for other in ("._a.png", "Thumbs.db", "notes.txt", ".cache/b.png"):
        path = Path("data/train/images", other)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert [sample.image.name for sample in find_samples(Path("data"), "train")] == ["a.png"]


def test_a_folder_that_is_called_like_an_image_is_none():
    put("data", "train", "a", *make_pair((20, 24), 0))
    put("data", "train", "b.png/c", *make_pair((20, 24), 0))
    assert [str(s.image.relative_to("data/train/images")) for s in find_samples(Path("data"), "train")] == [
        "a.png",
        "b.png/c.png",
    ]


def test_samples_are_sorted_whatever_the_disk_says():
    for name in ("b", "a", "c/a", "C"):
        put("data", "train", name, *make_pair((20, 24), 0))
    stems = [str(s.image.relative_to("data/train/images")) for s in find_samples(Path("data"), "train")]
    assert stems == sorted(stems)


def test_mixed_formats_train_together(tmp_path):
    data = make_data(tmp_path)
    image, label = make_pair((30, 40), 7)
    put("data", "train", "пример", image, label, kind=".jpg")
    put("data", "train", "grey", image[:, :, 0], None, kind=".bmp")
    _palette(label, "data/train/labels/grey.png")
    trained(*data, *TINY)
    assert Path("runs/toy-hierarchical-1/last.pt").is_file()


def _samples():
    rng = np.random.default_rng(0)
    colors = Image.fromarray(rng.integers(0, 255, (20, 24, 3)).astype(np.uint8))
    ids = Image.fromarray(IDS.astype(np.uint8))
    for name, image in (
        ("c.png", colors),
        ("c.jpg", colors),
        ("c.bmp", colors),
        ("i.png", ids),
        ("p.png", ids.convert("P")),
    ):
        path = Path(name)
        image.save(path)
        yield name, path.read_bytes()


@given(st.data())
@example_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_bytes_are_a_data_error_or_an_image(data):
    name, content = data.draw(st.sampled_from(list(_samples())))
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(0, 4))):
        # the header is where damage is most varied
        damaged[data.draw(st.integers(0, min(len(damaged), 90) - 1))] = data.draw(st.integers(0, 255))
    path = Path(name)
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for read in (read_image, read_label, partial(read_label, colors=True)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # a header that claims much
                array = read(path)
        except DataError as error:
            message = str(error)
        else:
            message = name
            assert array.ndim == (3 if read is read_image else 2)
        assert name in message
        assert "\n" not in message


COLORS = np.array([[200, 10, 10], [0, 0, 255], [1, 2, 3]], dtype=np.uint8)
NUMBERS = np.array([0xC80A0A, 0x0000FF, 0x010203])


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_labels_of_colours(suffix):
    path = Path("label" + suffix)
    Image.fromarray(COLORS[IDS % 3]).save(path)
    array = read_label(path, colors=True)
    assert array.dtype == np.int32
    assert np.array_equal(array, NUMBERS[IDS % 3])


def test_an_alpha_channel_says_nothing():
    Image.fromarray(np.dstack([COLORS[IDS % 3], (IDS * 50).astype(np.uint8)])).save("label.png")
    assert np.array_equal(read_label(Path("label.png"), colors=True), NUMBERS[IDS % 3])


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
@pytest.mark.parametrize("transparency", [None, 1, b"\0\1\2"])
def test_a_palette_image_has_its_colours_where_colours_are_wanted(suffix, transparency):
    image = Image.fromarray((IDS % 3).astype(np.uint8)).convert("P")
    image.putdata((IDS % 3).ravel().tolist())
    image.putpalette(COLORS.ravel().tolist())
    more = {} if transparency is None or suffix == ".bmp" else {"transparency": transparency}
    image.save("label" + suffix, **more)
    assert np.array_equal(read_label(Path("label" + suffix), colors=True), NUMBERS[IDS % 3])
    assert np.array_equal(read_label(Path("label" + suffix)), IDS % 3)


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "LA"])
def test_labels_of_numbers_are_refused_where_colours_are_wanted(mode):
    Image.new(mode, (20, 20)).save("label.png")
    with pytest.raises(
        DataError, match=r"'label.png' holds numbers \(.*\), but the label map is of colours; save it as RGB"
    ):
        read_label(Path("label.png"), colors=True)
