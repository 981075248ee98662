"""What counting finds, against the definition by NumPy, over ids and colours."""

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hierdsl.data.content import Content, read_content
from hierdsl.data.fit import BOUNDS, Counting
from hierdsl.data.fit_text import to_data, to_lines
from hierdsl.data.labelled_tree import IGNORED, labelled_tree
from hierdsl.data.mend import joined
from hierdsl.loading import examine

TEXT = """tree
    sky = 0
    ground = 7
        road = 1, 2
        grass = 3
    thing
        car = 4
        pole = 300
    hidden [ignore]
        hood = 5
labels
    ignore = 250..255
labels paint
    sky = "#0000ff"
    road = "#804080"
    grass = "#00ff00"
    thing = "#ff0000"
    hidden = "#ffffff"
    tolerance 24
labels exact
    sky = "#0000ff"
    road = "#804080"
labels open
    sky = 0
    ignore = *
"""
NAMES = ["sky", "ground", "road", "grass", "thing", "car", "pole", "hidden", "hood"]
ABOVE = {"road": "ground", "grass": "ground", "car": "thing", "pole": "thing", "hood": "hidden"}


def tree(label_map=""):
    scope, found = examine(TEXT, "toy.hier")
    assert scope is not None, found
    return labelled_tree(scope, label_map)


def counted(images, label_map=""):
    """The fit of arrays of ids, or of packed colours."""
    known = tree(label_map)
    counting = Counting(known, [Path(f"{i}.png") for i in range(len(images))])
    for i, image in enumerate(images):
        values, pixels = np.unique(image, return_counts=True)
        content = (
            Content("RGB", None, (values, pixels))
            if known.colors
            else Content("L", list(zip(values.tolist(), pixels.tolist(), strict=True)))
        )
        counting.add(i, content)
    return counting.done()


def of(raw, label_map):
    """The definition: name of the node, "ignored" or "unknown"."""
    if label_map == "open":
        return "sky" if raw == 0 else "ignored"
    if label_map == "":
        ids = {0: "sky", 7: "ground", 1: "road", 2: "road", 3: "grass", 4: "car", 300: "pole", 5: "ignored"}
        return "ignored" if 250 <= raw <= 255 else ids.get(raw, "unknown")
    listed = {0x0000FF: "sky", 0x804080: "road"}
    if label_map == "exact":
        return listed.get(raw, "unknown")
    listed |= {0x00FF00: "grass", 0xFF0000: "thing", 0xFFFFFF: "ignored"}
    near = min(listed, key=lambda color: distance(color, raw))
    return listed[near] if distance(near, raw) <= 24 else "ignored"


def distance(one, other):
    return math.dist([one >> 16, one >> 8 & 255, one & 255], [other >> 16, other >> 8 & 255, other & 255])


ids = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8, 9, 250, 255, 300, 400])
colors = st.sampled_from(
    [0x0000FF, 0x804080, 0x00FF00, 0xFF0000, 0xFFFFFF, 0x0010FF, 0x00FF18, 0x00FF19, 0x808080]
)
maps = st.sampled_from([("", ids), ("open", ids), ("paint", colors), ("exact", colors)])


@settings(max_examples=80)
@given(st.data())
def test_counts_are_those_of_the_definition(data):
    label_map, values = data.draw(maps)
    images = data.draw(st.lists(st.lists(values, min_size=1, max_size=20), max_size=5))
    fit = counted([np.array(image) for image in images], label_map)
    pixels, direct, seen_in = (dict.fromkeys(NAMES, 0) for _ in range(3))
    unknown, ignored = {}, 0
    for number, image in enumerate(images):
        occur = set()
        for raw in image:
            name = of(raw, label_map)
            if name == "unknown":
                unknown.setdefault(raw, []).append(number)
            elif name == "ignored":
                ignored += 1
            else:
                direct[name] += 1
                for each in (name, ABOVE.get(name)):
                    if each:
                        pixels[each] += 1
                        occur.add(each)
        for name in occur:
            seen_in[name] += 1
    assert dict(zip(NAMES, fit.pixels, strict=True)) == pixels
    assert dict(zip(NAMES, fit.direct, strict=True)) == direct
    assert dict(zip(NAMES, fit.node_images, strict=True)) == seen_in
    assert fit.ignored == ignored
    assert {seen.raw: seen.pixels for seen in fit.unknown} == {r: len(at) for r, at in unknown.items()}
    assert {seen.raw: seen.images for seen in fit.unknown} == {r: len(set(at)) for r, at in unknown.items()}
    assert {seen.raw: seen.examples for seen in fit.unknown} == {
        raw: tuple(sorted(set(at))[:3]) for raw, at in unknown.items()
    }
    assert [s.pixels for s in fit.unknown] == sorted((len(at) for at in unknown.values()), reverse=True)
    assert fit.total == sum(map(len, images))
    assert fit.fits == (not unknown)
    report = to_data(fit, "toy.hier")
    assert sum(bucket["pixels"] for bucket in report["by_distance"]) == (fit.total if fit.tree.colors else 0)
    text = list(to_lines(fit, "toy.hier"))
    assert text[-1].startswith("toy.hier fits" if fit.fits else "toy.hier does not fit: ")


def test_distances_of_the_pixels_and_the_mend():
    image = np.array([0x0000FF] * 5 + [0x0008FF] * 4 + [0x0009FF] * 3 + [0x808080] * 2)
    fit = counted([image], "exact")
    assert dict(zip((*BOUNDS, None), fit.by_distance, strict=True)) == {
        0: 5, 8: 4, 16: 3, 24: 0, 32: 0, 48: 0, 64: 2, 96: 0, None: 0,
    }  # fmt: skip
    assert [seen.raw for seen in fit.unknown] == [0x0008FF, 0x0009FF, 0x808080]
    assert fit.unknown_distances == (8.0, 9.0, 64.0)
    assert fit.ignore_mend == "tolerance 24"
    far = counted([np.array([0x808080, 0x0009FF, 0x808080])], "exact")
    assert far.ignore_mend == 'ignore = "#0009ff", "#808080"'


def test_never_seen_classes_and_ids():
    fit = counted([np.array([0, 7, 251, 4])])
    assert [fit.tree.paths[leaf] for leaf in fit.never_seen] == ["ground/road", "ground/grass", "thing/pole"]
    assert fit.unseen == ("1..3", "5", "250", "252..255", "300")
    assert joined([]) == []


def test_a_label_coarser_than_a_level_is_told_there():
    fit = counted([np.array([7, 7, 1])])
    lines = list(to_lines(fit, "toy.hier"))
    (coarser,) = (line for line in lines if "(coarser labels)" in line)
    assert coarser.split()[2:] == ["2", "66.67"]


def test_an_ignored_node_is_known_and_no_class():
    known = tree()
    assert known.ranges[[first for first, _, _ in known.ranges].index(5)] == (5, 5, IGNORED)
    assert "hidden" not in [node["path"] for node in to_data(counted([np.array([5])]), "x")["nodes"]]


def test_thousands_of_unknown_colours_are_told_in_a_few_lines():
    fit = counted([np.arange(5000, 9000)], "exact")
    lines = list(to_lines(fit, "toy.hier"))
    assert sum(line.startswith("  colour #") for line in lines) == 10
    assert "  and 3,990 more colours: 3,990 pixels" in lines
    assert len(to_data(fit, "toy.hier")["unknown"]) == 4000


def content_of(image, name="x.png", **options):
    image.save(name, **options)
    return read_content(Path(name))


def test_what_files_of_every_kind_hold():
    ids_ = np.arange(20 * 24).reshape(20, 24) % 5
    pixels = [(value, int((ids_ == value).sum())) for value in range(5)]
    grey = Image.fromarray(ids_.astype(np.uint8))
    assert content_of(grey).ids == pixels
    assert content_of(grey, "x.bmp").ids == pixels
    assert content_of(Image.fromarray((ids_ * 1000).astype(np.uint16))).ids == [
        (v * 1000, n) for v, n in pixels
    ]
    assert content_of(Image.fromarray(ids_ == 3)).ids == [(0, 384), (1, 96)]
    palette = grey.convert("P")
    palette.putpalette([9, 8, 7, 1, 2, 3, 1, 2, 3, 4, 5, 6, 0, 0, 0])
    content = content_of(palette)
    assert content.ids == pixels
    of_colors = dict(zip(*content.colors, strict=True))
    assert of_colors == {0x090807: 96, 0x010203: 192, 0x040506: 96, 0: 96}
    rgb = content_of(palette.convert("RGB"))
    assert rgb.ids is None
    assert dict(zip(rgb.colors[0].tolist(), rgb.colors[1].tolist(), strict=True)) == of_colors
    Path("x.png").write_bytes(b"no image")
    assert read_content(Path("x.png")).error.startswith("cannot read label 'x.png' (")
    assert read_content(Path("none.png")).error.startswith("cannot read label 'none.png' (")
