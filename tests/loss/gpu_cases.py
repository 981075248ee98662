"""Laws of the GPU's kernels; `test_gpu.py` runs them in a process of their own."""

import numpy as np
import pytest
import torch

import hierdsl
from hierdsl.loss.cpu import engine as cpu
from hierdsl.loss.enlarge import taps
from hierdsl.loss.gpu import engine as gpu
from hierdsl.loss.gpu.enlarge import Enlarged, gathered
from hierdsl.loss.gpu.forks import plan_of
from hierdsl.loss.gpu.layout import layout_of, text_of
from hierdsl.loss.gpu.scale import scale_
from hierdsl.loss.options import gradient_type
from hierdsl.loss.tables import tables_on
from hierdsl.loss.tiled import tiles

IGNORE = -100
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CLOSE = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


@pytest.fixture(autouse=True)
def _quietly():
    """The interpreter computes with NumPy, which warns of the infinities that a device passes over."""
    with np.errstate(all="ignore"):
        yield


def compiled_of(text):
    hierarchy, diagnostics = hierdsl.analyze(text)
    assert hierarchy is not None, diagnostics
    return hierdsl.compile_hierarchy(hierarchy)


def tree_of(leaves, levels):
    """A tree of `leaves` leaves whose deepest lies at depth `levels`: at each level one leaf and two inner nodes."""
    lines, left, depth = ["tree"], leaves, 0
    while depth < levels - 1 and left > 4:
        lines += ["    " * (depth + 1) + f"only{depth}", "    " * (depth + 1) + f"side{depth}"]
        lines += ["    " * (depth + 2) + f"side{depth}_{i}" for i in range(2)]
        lines.append("    " * (depth + 1) + f"inner{depth}")
        left, depth = left - 3, depth + 1
    lines += ["    " * (depth + 1) + f"leaf{i}" for i in range(left)]
    return compiled_of("\n".join(lines) + "\n")


FACES = hierdsl.compile_hierarchy(hierdsl.load("helen"))
STREET = compiled_of(
    "levels\n    a [weight=0.5]\n    b [weight=-0.25]\n    c\n"
    "tree\n    sky\n    flat\n        road\n        path\n    thing\n        car\n        human\n"
    "            walker\n            rider\n"
)


PINNED = compiled_of(
    "levels\n    a\n    b\n    c\n    d\n"
    "tree\n    x  [level=b]\n        x1 [level=d]\n        x2 [level=d]\n    y  [level=c]\n        y1\n        y2\n"
    "    z  [level=a]\n    u\n        v  [level=c]\n            v1\n            v2\n        w  [level=d]\n"
)
"""Inner nodes that are in the cuts of several levels, or of fewer levels than there are."""


def pixels(compiled, shape=(2, 5, 4), seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(shape[0], compiled.num_leaves, *shape[1:], generator=generator)
    target = torch.randint(0, compiled.num_nodes, shape, generator=generator)
    target.view(-1)[::7] = IGNORE
    return logits, target


def both(logits, target, compiled, factors=None, weights=None, unrolled=True, **options):
    """What the kernels find for logits of any type, and what the CPU's loops find for the same in float64."""
    options = {
        "ignore_index": IGNORE,
        "reduction": "mean",
        "label_smoothing": 0.0,
        "siblings": False,
        "focal_gamma": 0.0,
        "gradient": True,
        "levels": True,
    } | options
    tables = tables_on(compiled, torch.device("cpu"))
    factors = tables.factors if factors is None else factors
    weights = tables.node_weights if weights is None else weights
    layout = [torch.tensor(table, device=DEVICE) for table in layout_of(compiled)]
    plan = text_of(compiled) if unrolled else ""
    found = gpu.fused(
        logits.to(DEVICE), target.to(DEVICE), plan, layout, factors.to(DEVICE), weights.to(DEVICE), **options
    )
    expected = cpu.fused(logits.double(), target, "", tables.shape, factors, weights, **options)
    return [None if x is None else x.cpu() for x in found], expected


TANGLED = compiled_of(
    "tree\n    alone\n        deeper\n            deepest\n    chain\n        link\n            fork\n                a\n"
    "                b\n                    c\n    x\n    y\n        y1\n        y2\n            y3\n"
)
"""Chains of only children, above a leaf and above a fork."""
STUMP = compiled_of("tree\n    all\n        most\n            a\n            b\n")
"""The root has a single child, which is certain."""


def check(logits, target, compiled, rtol=1e-5, atol=1e-6, **options):
    found, expected = both(logits, target, compiled, **options)
    loss, levels, slope = found
    assert loss.dtype == levels.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected[0], rtol=rtol, atol=atol)
    torch.testing.assert_close(levels.double(), expected[1], rtol=rtol, atol=atol)
    if expected[2] is None:
        assert slope is None
        return
    assert slope.dtype == gradient_type(logits)
    assert slope.stride() == torch.empty_like(logits).stride()
    near = CLOSE[logits.dtype]
    largest = expected[2].abs().max().item()
    torch.testing.assert_close(slope.double(), expected[2], rtol=near, atol=near * largest)
    assert (slope.movedim(1, -1)[target == options.get("ignore_index", IGNORE)] == 0).all()


@pytest.mark.parametrize("layout", ["images", "walked", "rows", "channels last"])
@pytest.mark.parametrize(
    ("leaves", "levels"),
    [(1, 1), (2, 1), (3, 1), (31, 2), (64, 1), (66, 5), (257, 3), (1000, 4)],
)
def test_equals_the_loops_of_the_cpu(leaves, levels, layout):
    compiled = tree_of(leaves, levels)
    logits, target = pixels(compiled, (7,) if layout == "rows" else (2, 3, 5), seed=leaves)
    if layout == "channels last":
        logits = logits.contiguous(memory_format=torch.channels_last)
    check(logits, target, compiled, unrolled=layout != "walked")


def test_a_long_row():
    compiled = tree_of(20_011, 3)
    check(*pixels(compiled, (3,)), compiled)


def test_more_pixels_than_a_program_takes():
    for unrolled in (True, False):
        check(*pixels(STREET, (2, 13, 23)), STREET, unrolled=unrolled)
    check(*pixels(STREET, (301,)), STREET)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("shape", [(1, 23), (23,)])
def test_tiles_add_up_to_the_batch(shape, reduction):
    logits, target = pixels(STREET, shape)
    tables, layout = tables_on(STREET, torch.device("cpu")), layout_of(STREET)
    tensors = [torch.tensor(table, device=DEVICE) for table in layout]
    options = (IGNORE, reduction, 0.0, False, 1.5, True)
    arguments = (tables.factors.to(DEVICE), tables.node_weights.to(DEVICE))
    run = gpu.prepare(target.to(DEVICE), torch.float32, plan_of(STREET)[0], tensors, *arguments, *options)
    total, axis = torch.zeros(4, dtype=torch.float64), len(shape)
    slope, losses = torch.empty_like(logits), torch.empty(target.shape)
    for start, end in ((0, 9), (9, 10), (10, 23)):
        part = (..., slice(start, end)) if axis == 2 else (slice(start, end),)
        z, y = logits[part].contiguous().to(DEVICE), target[part].contiguous().to(DEVICE)
        found, each = torch.empty_like(z), torch.empty(y.shape, device=DEVICE)
        total += run.tile(z, y, found, each if reduction == "none" else None).cpu()
        slope[part], losses[part] = found.cpu(), each.cpu()
    whole = (IGNORE, reduction, 0.0, False, 1.5, True, True)
    expected = cpu.fused(
        logits.double(), target, "", tables.shape, tables.factors, tables.node_weights, *whole
    )
    torch.testing.assert_close(slope.double(), expected[2], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(total[1:], expected[1], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(total[0], expected[0].sum(), rtol=1e-5, atol=1e-6)
    if reduction == "none":
        torch.testing.assert_close(losses.double(), expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compiled", [PINNED, TANGLED, STUMP])
@pytest.mark.parametrize(("shape", "unrolled"), [((2, 5, 4), True), ((2, 5, 4), False), ((40,), True)])
@pytest.mark.parametrize("gradient", [True, False])
def test_nodes_in_several_cuts_and_chains(shape, unrolled, gradient, compiled):
    logits, target = pixels(compiled, shape)
    check(logits, target, compiled, gradient=gradient, unrolled=unrolled)
    check(1e3 * logits, target, compiled, gradient=gradient, unrolled=unrolled)


@pytest.mark.parametrize("siblings", [True, False])
@pytest.mark.parametrize("compiled", [STREET, PINNED, TANGLED, STUMP, FACES, tree_of(3, 1)])
def test_smoothing(compiled, siblings):
    logits, target = pixels(compiled, (2, 5, 7), scale=3.0)
    options = {"label_smoothing": 0.2, "siblings": siblings}
    for reduction, focal in (("mean", 0.0), ("sum", 2.0), ("none", 0.0)):
        check(logits, target, compiled, reduction=reduction, focal_gamma=focal, **options)
    for scale in (1e2, 1e4):  # whole branches underflow
        check(scale * logits, target, compiled, **options)
    check(logits, target, compiled, gradient=False, levels=False, **options)
    rows = logits.contiguous(memory_format=torch.channels_last)
    check(rows, target, compiled, **options)
    check(rows[:, :, 0, 0].clone(), target[:, 0, 0].clone(), compiled, **options)
    for dtype in (torch.float16, torch.bfloat16):
        check(logits.to(dtype), target, compiled, **options)


@pytest.mark.parametrize("siblings", [True, False])
def test_smoothing_with_factors_of_any_sign(siblings):
    logits, target = pixels(TANGLED, (2, 5, 7))
    generator = torch.Generator().manual_seed(1)
    factors = torch.randn(TANGLED.num_levels, TANGLED.num_nodes, generator=generator, dtype=torch.float64)
    weights = torch.rand(TANGLED.num_nodes, generator=generator, dtype=torch.float64)
    options = {"factors": factors, "weights": weights, "label_smoothing": 0.3, "siblings": siblings}
    for reduction in ("mean", "none"):
        check(logits, target, TANGLED, rtol=1e-4, atol=1e-5, reduction=reduction, **options)


@pytest.mark.parametrize("siblings", [True, False])
def test_smoothing_where_channels_cannot_be(siblings):
    """No probability where nothing is spread does no harm; where something is, the loss is infinite."""
    names = STREET.names
    logits = torch.zeros(1, STREET.num_leaves, 1, 1)
    logits[:, [names.index("walker"), names.index("rider")]] = -torch.inf
    target = torch.full((1, 1, 1), names.index("road"))
    found, _ = both(logits, target, STREET, label_smoothing=0.1, siblings=siblings)
    assert found[0].isfinite() == siblings
    assert found[2].isfinite().all()
    factors = -torch.ones(STREET.num_levels, STREET.num_nodes, dtype=torch.float64)
    found, _ = both(logits, target, STREET, factors, label_smoothing=0.1, siblings=siblings)
    assert found[0] < 0
    assert found[0].isfinite() == siblings


WIDE = compiled_of(
    "tree\n    alone\n        lone\n    many\n"
    + "".join(f"        m{i}\n" for i in range(230))
    + "".join(f"    g{i}\n" + "".join(f"        g{i}_{j}\n" for j in range(2 + i % 3)) for i in range(40))
    + "    chain\n        link\n            fork\n                a\n                b\n                    c\n"
    "                    d\n"
)
"""Too large to be unrolled: chains, and a root and a node with more children than a lane sums."""


@pytest.mark.parametrize("siblings", [True, False])
@pytest.mark.parametrize("compiled", [WIDE, tree_of(300, 1), tree_of(240, 9)])
def test_smoothing_of_large_trees(compiled, siblings):
    assert text_of(compiled).startswith("{")
    logits, target = pixels(compiled, (6,), scale=3.0)
    options = {"label_smoothing": 0.2, "siblings": siblings}
    for reduction, focal in (("mean", 0.0), ("sum", 2.0), ("none", 0.0)):
        check(logits, target, compiled, reduction=reduction, focal_gamma=focal, **options)
    for scale in (1e2, 1e4):  # whole branches underflow
        check(scale * logits, target, compiled, **options)
    check(logits, target, compiled, gradient=False, levels=False, **options)
    for dtype in (torch.float16, torch.bfloat16):
        check(logits.to(dtype), target, compiled, **options)


@pytest.mark.parametrize("siblings", [True, False])
@pytest.mark.parametrize("rows", [1, 5, 8, 99])
def test_smoothing_of_large_trees_in_any_layout_and_tiles(rows, siblings, monkeypatch):
    monkeypatch.setattr(gpu, "_SMOOTHED", (rows * WIDE.num_leaves,) * 2)
    logits, target = pixels(WIDE, (2, 2, 2))
    options = {"label_smoothing": 0.2, "siblings": siblings}
    for reduction in ("mean", "none"):
        check(logits, target, WIDE, reduction=reduction, **options)
        last = logits.contiguous(memory_format=torch.channels_last)
        check(last, target, WIDE, reduction=reduction, **options)
        turned = logits.transpose(2, 3).contiguous().transpose(2, 3)
        check(turned, target, WIDE, reduction=reduction, **options)


@pytest.mark.parametrize("siblings", [True, False])
def test_smoothing_of_large_trees_with_factors_of_any_sign(siblings):
    logits, target = pixels(WIDE, (9,))
    generator = torch.Generator().manual_seed(1)
    factors = torch.randn(WIDE.num_levels, WIDE.num_nodes, generator=generator, dtype=torch.float64)
    weights = torch.rand(WIDE.num_nodes, generator=generator, dtype=torch.float64)
    options = {"factors": factors, "weights": weights, "label_smoothing": 0.3, "siblings": siblings}
    for reduction in ("mean", "none"):
        check(logits, target, WIDE, rtol=1e-4, atol=1e-5, reduction=reduction, **options)


@pytest.mark.parametrize("siblings", [True, False])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.filterwarnings("ignore:All-NaN")  # of the interpreter
def test_smoothing_of_large_trees_where_logits_are_no_number(bad, siblings):
    logits, target = pixels(WIDE, (5,))
    options = {"label_smoothing": 0.2, "siblings": siblings}
    clean = both(logits, target, WIDE, **options)[0]
    assert target[0] == IGNORE
    logits[0, 4] = bad
    torch.testing.assert_close(both(logits, target, WIDE, **options)[0], clean, rtol=0, atol=0)
    target[0] = 1
    loss, _levels, slope = both(logits, target, WIDE, **options)[0]
    assert loss.isnan()
    assert slope[0].isnan().all()
    assert not slope[1:].isnan().any()


@pytest.mark.parametrize("siblings", [True, False])
def test_smoothing_of_large_trees_where_channels_cannot_be(siblings):
    """No probability where nothing is spread does no harm; where something is, the loss is infinite."""
    names = WIDE.names
    logits = torch.zeros(1, WIDE.num_leaves)
    logits[:, [names.index("g7_0"), names.index("g7_1"), names.index("g7_2")]] = -torch.inf
    found, _ = both(logits, torch.tensor([names.index("c")]), WIDE, label_smoothing=0.1, siblings=siblings)
    assert found[0] == torch.inf  # g7 is among the siblings of the first level
    assert found[2].isfinite().all()
    logits = torch.zeros(1, WIDE.num_leaves)
    logits[:, [names.index("c"), names.index("d")]] = -torch.inf
    found, _ = both(logits, torch.tensor([names.index("m3")]), WIDE, label_smoothing=0.1, siblings=siblings)
    assert found[0].isfinite() == siblings
    assert found[2].isfinite().all()


def test_smoothing_wants_a_plan():
    with pytest.raises(ValueError, match="without a plan"):
        both(*pixels(FACES), FACES, unrolled=False, label_smoothing=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layout", ["images", "rows", "transposed", "strided", "volumes"])
def test_types_and_layouts(dtype, layout):
    logits, target = pixels(FACES, {"rows": (9,), "volumes": (2, 2, 3, 2)}.get(layout, (2, 4, 6)), scale=3.0)
    logits = logits.to(dtype)
    if layout == "transposed":
        logits = logits.movedim(1, 0).contiguous().movedim(0, 1)
    elif layout == "strided":
        logits = logits.repeat_interleave(2, dim=3)[..., ::2]
        target = target.repeat_interleave(2, dim=2)[..., ::2]
    check(logits, target, FACES)


@pytest.mark.parametrize("layout", ["images", "walked", "rows"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("focal", [0.0, 1.0, 2.5])
def test_options(reduction, focal, layout):
    logits, target = pixels(STREET, (12,) if layout == "rows" else (2, 3, 4), scale=2.0)
    generator = torch.Generator().manual_seed(1)
    factors = torch.randn(STREET.num_levels, STREET.num_nodes, generator=generator, dtype=torch.float64)
    weights = torch.rand(STREET.num_nodes, generator=generator, dtype=torch.float64)
    options = {"factors": factors, "weights": weights, "reduction": reduction, "focal_gamma": focal}
    options["unrolled"] = layout != "walked"
    check(logits, target, STREET, rtol=1e-4, **options)
    check(logits, target, STREET, rtol=1e-4, **options, gradient=False, levels=False)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nothing_but_ignored_pixels(reduction):
    for shape in [(2, 3, 4), (5,)]:
        logits, target = pixels(FACES, shape)
        logits.view(-1)[:3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
        found, _ = both(logits, torch.full_like(target, IGNORE), FACES, reduction=reduction)
        assert all((x == 0).all() for x in found)


@pytest.mark.parametrize(("shape", "unrolled"), [((2, 3, 4), True), ((2, 3, 4), False), ((24,), True)])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.filterwarnings("ignore:All-NaN")  # of the interpreter
def test_logits_that_are_no_number(bad, shape, unrolled):
    logits, target = pixels(FACES, shape)
    target.view(-1)[5] = 3
    clean = both(logits, target, FACES, unrolled=unrolled)[0]
    first = (0,) * len(shape)  # an ignored pixel, see `pixels`
    assert target[first] == IGNORE
    logits[(0, 4, *first[1:])] = bad
    ignored = both(logits, target, FACES, unrolled=unrolled)[0]
    torch.testing.assert_close(ignored, clean, rtol=0, atol=0)
    found, _ = both(logits, torch.where(target == IGNORE, 1, target), FACES, unrolled=unrolled)
    assert found[0].isnan()
    assert found[1].isnan().all()
    slope = found[2].movedim(1, -1)
    assert slope[first].isnan().all()
    assert slope.isnan().any(-1).sum() == 1


@pytest.mark.parametrize(("shape", "unrolled"), [((2, 3, 4), True), ((2, 3, 4), False), ((24,), True)])
def test_probabilities_that_underflow(shape, unrolled):
    logits, target = pixels(FACES, shape, scale=1e4)
    for focal in (0.0, 2.0):
        check(logits, target, FACES, focal_gamma=focal, unrolled=unrolled)
    compiled = tree_of(66, 5)
    check(*pixels(compiled, shape, scale=1e3), compiled, unrolled=unrolled)


def test_channels_that_cannot_be():
    """A mask of minus infinity over a whole group that the target is not in, and over the target itself."""
    names = FACES.names
    for shape, unrolled in [((1,), True), ((1, 1, 1), True), ((1, 1, 1), False)]:
        logits = torch.zeros(1, FACES.num_leaves, *shape[1:])
        logits[:, [names.index("left_eye"), names.index("right_eye")]] = -torch.inf
        check(logits, torch.full(shape, names.index("hair")), FACES, unrolled=unrolled)
        found, _ = both(logits, torch.full(shape, names.index("left_eye")), FACES, unrolled=unrolled)
        assert found[0] == torch.inf
        assert found[2].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_integer_types_of_the_target(dtype):
    logits, target = pixels(FACES, (2, 4, 4))
    byte = torch.where(target == IGNORE, 255 if dtype == torch.uint8 else -1, target).to(dtype)
    check(logits, byte, FACES, ignore_index=255 if dtype == torch.uint8 else -1)
    check(
        logits, target.clamp(min=0).to(dtype), FACES
    )  # an ignore_index that the type does not have, for uint8
    check(logits, target.clamp(min=0).to(dtype), FACES, ignore_index=0)


@pytest.mark.parametrize("shape", [(2, 3, 4), (24,)])
@pytest.mark.parametrize("wrong", [-1, 17, 2**31 + 5, -(2**40)])
def test_a_target_that_is_no_node_makes_the_loss_no_number(wrong, shape):
    logits, target = pixels(FACES, shape)
    target.view(-1)[4] = wrong
    layout = [torch.tensor(table, device=DEVICE) for table in layout_of(FACES)]
    tables = tables_on(FACES, torch.device("cpu"))
    loss, levels, slope = gpu.fused(
        logits.to(DEVICE),
        target.to(DEVICE),
        plan_of(FACES)[0],
        layout,
        tables.factors.to(DEVICE),
        tables.node_weights.to(DEVICE),
        IGNORE,
        "mean",
        0.0,
        False,
        0.0,
        True,
        True,
    )
    assert loss.isnan()
    assert levels.isnan().all()
    assert slope.isnan().any(1).sum() == 1


@pytest.mark.parametrize("layout", ["images", "walked", "rows"])
def test_channels_in_another_order_than_the_tree(layout):
    """`channels` of a file may mix the leaves of several groups."""
    compiled = compiled_of(
        "hierarchy mixed\n    channels labels\n"
        "tree\n    sky = 1\n    flat\n        road = 2\n        path = 5\n    thing\n        car = 4\n        human\n"
        "            walker = 0\n            rider = 3\n"
    )
    assert len(layout_of(compiled).place)
    for scale in (1.0, 1e3):
        found = pixels(compiled, (12,) if layout == "rows" else (2, 3, 4), scale=scale)
        check(*found, compiled, unrolled=layout != "walked")
        if layout == "images":
            check(*found, compiled, label_smoothing=0.1, siblings=True)


@pytest.mark.parametrize("name", ["helen", "vistas"])
@pytest.mark.parametrize("scale", [1, 8])
def test_the_papers_own_figures(shared, name, scale):
    oracle = np.load(shared / "oracle" / f"{name}_scale{scale}.npz")
    compiled = hierdsl.compile_hierarchy(hierdsl.load(name))
    logits, target = torch.tensor(oracle["logits"]).float(), torch.tensor(oracle["target"])
    found, _ = both(logits, target, compiled)
    np.testing.assert_allclose(found[0].item(), oracle["total"], rtol=1e-5)
    np.testing.assert_allclose(found[1].numpy()[::-1], oracle["level_losses_fine_to_coarse"], rtol=1e-5)
    np.testing.assert_allclose(found[2], oracle["grad"], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("widest", "most"), [(1, 1), (4, 1), (16, 0)])
def test_lanes_and_walks(monkeypatch, widest, most):
    """However many lanes share a pixel, and whether they keep its channels or not."""
    monkeypatch.setattr(gpu, "_WIDEST", widest)
    monkeypatch.setattr(gpu, "_MOST_ROWS", most)
    for scale in (1.0, 1e4):
        logits, target = pixels(FACES, (1, 5, 7), scale=scale)
        check(logits, target, FACES, focal_gamma=1.5, unrolled=False)


@pytest.mark.parametrize("permuted", [True, False])
def test_long_rows_are_asked_for_steps_where_these_are(monkeypatch, permuted):
    """A row in parts, of which few have channels below a step; where channels are mixed, all of them are asked."""
    monkeypatch.setattr(gpu, "_IN_LANE", 1)
    monkeypatch.setattr(gpu, "_WALKING_LANES", 32)  # 256 channels a part
    names = [f"g{i}" for i in range(30)]
    ids = list(np.random.default_rng(0).permutation(900) if permuted else range(900))
    lines = ["hierarchy wide", "    channels labels", "tree"]
    for group in range(30):
        lines.append(f"    {names[group]}")
        for part in range(3):
            lines.append(f"        {names[group]}_{part}")
            lines += [f"            leaf{group}_{part}_{i} = {ids.pop()}" for i in range(10)]
    compiled = compiled_of("\n".join(lines) + "\n")
    for scale in (1.0, 1e3):
        check(*pixels(compiled, (25,), scale=scale), compiled, focal_gamma=1.5)
        check(*pixels(compiled, (25,), scale=scale), compiled, reduction="sum")


def test_nothing_at_all():
    for shape in [(0,), (2, 0, 3)]:
        logits, target = pixels(FACES, shape)
        found, _ = both(logits, target, FACES)
        assert found[0] == 0
        assert found[2].shape == logits.shape


def test_a_result_can_be_repeated():
    logits, target = pixels(FACES, (2, 13, 23))
    one, _ = both(logits, target, FACES)
    two, _ = both(logits, target, FACES)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_many_nodes_are_counted():
    """More than one program makes factors."""
    compiled = tree_of(9000, 2)
    check(*pixels(compiled, (4,)), compiled)


@pytest.mark.parametrize("siblings", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("unrolled", [True, False])
def test_a_batch_three_times_over_counts_a_third(unrolled, smoothing, siblings):
    """Few targets are weighed where factors are made of them, more by programs of their own."""
    layout = [torch.tensor(table, device=DEVICE) for table in layout_of(STREET)]
    factors = tables_on(STREET, DEVICE).factors
    weights = torch.rand(STREET.num_nodes, dtype=torch.float64, device=DEVICE)
    target = torch.randint(-1, STREET.num_nodes, (3000,), device=DEVICE)

    def made(y):
        options = [-1, "mean", smoothing if unrolled else 0.0, siblings, 0.0, True]
        plan = plan_of(STREET)[0] if unrolled else ""
        run = gpu.prepare(y, torch.float32, plan, layout, factors, weights, *options)
        return run.coefficients(run.plan)

    once, thrice = made(target), made(target.repeat(3))
    assert (once.parts > 0).any()
    for few, many in zip(once, thrice, strict=True):
        torch.testing.assert_close(few / 3, many, rtol=1e-6, atol=0)


@pytest.mark.parametrize("by", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scaling(by, dtype):
    for made in (
        torch.randn(3, 5, 7),
        torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        torch.randn(4, 6)[:, ::2],
        torch.randn((1 << 20) + 5),
    ):
        gradient = made.to(device=DEVICE, dtype=dtype)
        expected = gradient * by
        found = scale_(gradient, torch.tensor(by, device=DEVICE))
        assert found is gradient
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("most", [1, 3, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(
    ("small", "size"),
    [
        ((4, 5), (16, 20)),
        ((3, 2), (7, 9)),
        ((7, 5), (3, 2)),
        ((1, 1), (4, 3)),
        ((5, 4), (5, 4)),
        ((2, 300), (3, 600)),
    ],
)
def test_enlarged_as_torch_does(small, size, dtype, most):
    """In bands of some rows or of whole images, and the gradient as torch finds it."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, *small, generator=generator).to(dtype)
    by = torch.randn(2, 3, *size, generator=generator)
    wide = logits.float().requires_grad_()
    expected = torch.nn.functional.interpolate(wide, size, mode="bilinear", align_corners=False)
    expected.backward(by)
    enlarged = Enlarged(logits.to(DEVICE), size, 3 * size[0] * size[1] * 2, torch.float32, wanted=True)
    for band in tiles(2, size[0], most):
        inside = (slice(band.n, band.n_end), slice(None), slice(band.at, band.end))
        found = enlarged.band(band).cpu().view_as(expected[inside])
        torch.testing.assert_close(found, expected[inside].detach(), rtol=1e-5, atol=1e-5)
        enlarged.add(band, by[inside].flatten(2).contiguous().to(DEVICE))
    torch.testing.assert_close(enlarged.gradient.cpu(), wide.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "enlarged"), [(1, 1), (1, 50), (2, 7), (3, 1000), (33, 100), (100, 33), (513, 512)]
)
def test_each_counts_where_its_taps_are(size, enlarged):
    """The table that the gradient is gathered by has room for all of them: each enlarged one counts 1 in all."""
    found = taps(size, enlarged, torch.float32, DEVICE)
    first, end, by = gathered(found, size)
    assert (end - first).max() <= len(by)
    made = torch.zeros(size, enlarged, device=DEVICE)
    for k, row in enumerate(by):
        at = first + k
        made[torch.arange(size, device=DEVICE), at.clamp(max=enlarged - 1)] += row
    ones = torch.eye(size, device=DEVICE)
    expected = ones[found.low].T * (1 - found.part) + ones[found.high].T * found.part
    torch.testing.assert_close(made, expected)
