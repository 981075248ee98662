"""Rows of few classes are turned, tile by tile: they give what the same pixels give as runs, to the last bit."""

import itertools

import numpy as np
import pytest
import torch
from loss.trees import FACES, PERMUTED, STREET, broad_of, compiled_of, flat_of, pixels

from hierdsl.loss import hierarchical_cross_entropy
from hierdsl.loss.cpu import engine
from hierdsl.loss.cpu.columns.turn import turn

IGNORE = -100
OPTIONS = [
    {},
    {"label_smoothing": 0.2, "focal_gamma": 2.0},
    {"label_smoothing": 0.2, "smoothing": "siblings"},
    {"reduction": "none"},
]


def found_of(logits, target, compiled, **options):
    z = logits.clone().requires_grad_()
    loss, levels = hierarchical_cross_entropy(
        z, target, compiled, engine="fused", return_levels=True, **options
    )
    loss.sum().backward()
    return loss.detach(), levels, z.grad


@pytest.fixture
def turned(monkeypatch):
    """How many rows each call of the turned form had, however few rows there are."""
    calls, real = [], engine.Run.tiles

    def counted(self, z, *others, by_row):
        if by_row:
            calls.append(z.shape[1])
        return real(self, z, *others, by_row=by_row)

    monkeypatch.setattr(engine, "_ENOUGH", 0)
    monkeypatch.setattr(engine, "_MORE", 0)
    monkeypatch.setattr(engine.Run, "tiles", counted)
    return calls


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("rows", [1, 7, 8, 777, 5003])
@pytest.mark.parametrize(
    "compiled",
    [FACES, STREET, PERMUTED, flat_of(8), flat_of(3), broad_of(100, 3)],
    ids=["faces", "street", "permuted", "eight", "three", "hundred"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_to_runs_of_pixels(compiled, rows, scale, options, dtype, turned):
    logits, target = pixels(compiled, (rows,), seed=rows, scale=scale, dtype=dtype)
    target[1::5] = IGNORE
    logits[rows // 2, 0] = torch.inf if rows % 2 else 0.0
    as_runs = logits.T.contiguous()[None]
    loss, levels, gradient = found_of(logits, target, compiled, **options)
    assert turned == [rows]
    expected, expected_levels, slope = found_of(as_runs, target[None], compiled, **options)
    equal = {"rtol": 0, "atol": 0, "equal_nan": True}
    torch.testing.assert_close(loss.view(-1), expected.view(-1), **equal)
    torch.testing.assert_close(levels, expected_levels, **equal)
    torch.testing.assert_close(gradient, slope[0].T, **equal)
    assert (gradient[1::5] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_images_with_the_channels_last(dtype, turned):
    logits, target = pixels(FACES, (3, 40, 50), dtype=dtype)
    target[0, :3] = IGNORE
    last = logits.contiguous(memory_format=torch.channels_last)
    loss, levels, gradient = found_of(last, target, FACES)
    assert turned == [6000]
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    expected, expected_levels, slope = found_of(logits, target, FACES)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(levels, expected_levels)
    torch.testing.assert_close(gradient, slope)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("compiled", [FACES, broad_of(300, 4)], ids=["few", "many"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("slab", [1 << 20, 1 << 12])
def test_rows_of_another_type_are_converted_as_rows(slab, options, compiled, dtype, monkeypatch):
    monkeypatch.setattr(engine, "_SLAB", slab)
    monkeypatch.setattr(engine.Run, "columns", None)
    logits, target = pixels(compiled, (70,), dtype=dtype)
    target[::9] = IGNORE
    for z in (logits, logits.T.contiguous().T):
        loss, levels, gradient = found_of(z, target, compiled, **options)
        expected, expected_levels, slope = found_of(logits.float(), target, compiled, **options)
        torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(levels, expected_levels, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(gradient, slope.to(dtype), rtol=2 * torch.finfo(dtype).eps, atol=1e-8)


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_turned_and_turned_back(number):
    rng = np.random.default_rng(0)
    for leaves, w, at, size in itertools.product((1, 7, 8, 11, 64), (1, 8, 21, 32), (0, 5), (32, 48)):
        rows, tile = rng.random((40, leaves)).astype(number), np.zeros((leaves, size), number)
        turn(rows, at * leaves, leaves, tile, 0, size, w, leaves)
        assert np.array_equal(tile[:, :w], rows[at : at + w].T)
        assert not tile[:, w:].any()
        back = np.zeros_like(rows)
        turn(tile, 0, size, back, at * leaves, leaves, leaves, w)
        assert np.array_equal(back[at : at + w], rows[at : at + w])
        assert not back[:at].any()
        assert not back[at + w :].any()


@pytest.mark.parametrize("shape", [(3, 11, 5), (3, 11), (1, 11, 4, 6), (0, 11, 5)])
def test_what_comes_back_to_each_pixel_of_another_type(shape, monkeypatch):
    monkeypatch.setattr("hierdsl.loss.operator._TOGETHER", 64)
    logits, target = pixels(FACES, (shape[0], *shape[2:]), dtype=torch.bfloat16)
    by = torch.rand(target.shape)
    slopes = []
    for z in (logits.clone().requires_grad_(), logits.float().requires_grad_()):
        (hierarchical_cross_entropy(z, target, FACES, reduction="none") * by).sum().backward()
        slopes.append(z.grad)
    torch.testing.assert_close(slopes[0], slopes[1].bfloat16(), rtol=0.02, atol=1e-7)


def test_a_tree_of_long_chains_is_not_walked_through_as_often_as_it_has_nodes(monkeypatch):
    monkeypatch.setattr(engine.Run, "tiles", None)
    lines = ["tree", "    first", "    chain0"]
    lines += ["    " * (1 + depth) + f"chain{depth}" for depth in range(1, 30)] + ["    " * 31 + "last"]
    compiled = compiled_of("\n".join(lines) + "\n")
    logits, target = pixels(compiled, (5000,))
    expected = hierarchical_cross_entropy(logits, target, compiled, engine="reference")
    torch.testing.assert_close(hierarchical_cross_entropy(logits, target, compiled), expected)
