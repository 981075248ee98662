import numpy as np
from hypothesis import given, settings
from language.strategies import valid_texts

from hierdsl import analyze
from hierdsl.palette import IGNORED, palette


@settings(max_examples=30)
@given(valid_texts())
def test_laws_of_the_palette(text):
    hierarchy, _ = analyze(text)
    colors = palette(hierarchy)
    assert (colors.shape, colors.dtype) == ((len(hierarchy.nodes), 3), np.uint8)
    for node, ignored, color in zip(hierarchy.nodes, hierarchy.ignored, colors.tolist(), strict=True):
        if ignored:
            assert tuple(color) == IGNORED
        elif node.color is not None:
            assert tuple(color) == node.color


def test_a_node_above_written_colours_is_their_mean():
    hierarchy, _ = analyze('tree\n  g\n    a [color="#102030"]\n    b [color="#304050"]\n  c\n')
    assert palette(hierarchy)[0].tolist() == [0x20, 0x30, 0x40]


def test_classes_without_colours_can_be_told_apart():
    hierarchy, _ = analyze("tree\n" + "".join(f"  g{i}\n    a\n    b\n    c\n" for i in range(8)))
    colors = palette(hierarchy)[hierarchy.leaves]
    assert len({tuple(c) for c in colors.tolist()}) == len(colors)


def test_relatives_are_more_alike_than_strangers():
    hierarchy, _ = analyze("tree\n" + "".join(f"  g{i}\n    a\n    b\n    c\n    d\n" for i in range(5)))
    colors = palette(hierarchy)[hierarchy.leaves].reshape(5, 4, 3).astype(float)
    within = np.linalg.norm(colors[:, :, None] - colors[:, None], axis=-1).mean()
    across = np.linalg.norm(colors.reshape(20, 1, 3) - colors.reshape(1, 20, 3), axis=-1).mean()
    assert within < across


def test_the_palette_of_a_file_never_changes_by_itself():
    hierarchy, _ = analyze("tree\n  a\n  b\n  c\n")
    assert (palette(hierarchy) == palette(hierarchy)).all()
