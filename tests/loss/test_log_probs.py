"""Laws of the log-probabilities of the nodes, and that what is exported gives the same."""

import copy

import numpy as np
import pytest
import torch

import hierdsl
from hierdsl.loss import NodeLogProbs, marginal_log_probs

FACES = hierdsl.compile_hierarchy(hierdsl.load("helen"))


def compiled_of(text):
    hierarchy, diagnostics = hierdsl.analyze(text)
    assert hierarchy is not None, diagnostics
    return hierdsl.compile_hierarchy(hierarchy)


def chain_of(levels):
    """A leaf and an inner node below each inner node: the deepest tree of so many leaves."""
    lines = ["tree"]
    for depth in range(levels - 1):
        lines += ["    " * (depth + 1) + f"leaf{depth}", "    " * (depth + 1) + f"inner{depth}"]
    lines += ["    " * levels + "last", "    " * levels + "other"]
    return compiled_of("\n".join(lines) + "\n")


def families(most):
    """Nodes with one to so many children, half of which have an only child again."""
    lines = ["tree"]
    for size in range(1, most + 1):
        lines.append(f"    n{size}")
        for child in range(size):
            lines.append(f"        n{size}c{child}")
            if child % 2:
                lines.append(f"            n{size}c{child}only")
    return compiled_of("\n".join(lines) + "\n")


TREES = {
    "helen": FACES,
    "vistas": hierdsl.compile_hierarchy(hierdsl.load("vistas")),
    "chain": chain_of(8),
    "one leaf": compiled_of("tree\n    a\n"),
    "only child": compiled_of("tree\n    a\n        b\n            c\n"),
    "families": families(9),
    "order of labels": compiled_of(
        "hierarchy turned\n    channels labels\n\ntree\n    g\n        a = 3\n        b = 1\n    c = 2\n    h\n        d = 0\n"
    ),
}
SCALES = [1, 10, 100]


class Level(torch.nn.Module):
    """`marginal_log_probs` as a user would export it."""

    def __init__(self, compiled, level):
        super().__init__()
        self.register_buffer("group", torch.tensor(compiled.group[level, : compiled.num_leaves]))
        self.num_groups = int(compiled.num_groups[level])

    def forward(self, logits):
        return marginal_log_probs(logits, self.group, self.num_groups)


def logits_of(compiled, shape=(2, 3, 2), scale=1.0, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z = scale * torch.randn(
        shape[0], compiled.num_leaves, *shape[1:], generator=generator, dtype=torch.float64
    )
    return z.to(dtype)


def by_definition(logits, compiled):
    """Node by node, in NumPy's longest floats."""
    z = np.moveaxis(logits.double().numpy().astype(np.longdouble), 1, 0)
    found = []
    for node in range(compiled.num_nodes):
        below = [leaf for leaf in range(compiled.num_leaves) if under(compiled, leaf, node)]
        found.append(logsumexp(z[below]) - logsumexp(z))
    return torch.tensor(np.stack(found, axis=1).astype(np.float64))


def logsumexp(z):
    peak = z.max(axis=0)
    return np.log(np.exp(z - peak).sum(axis=0)) + peak


def under(compiled, leaf, node):
    while leaf not in (-1, node):
        leaf = compiled.parent[leaf]
    return leaf == node


def parents(compiled):
    """Nodes with a parent that is a node, and these."""
    child = np.flatnonzero(compiled.parent >= 0)
    return torch.tensor(child), torch.tensor(compiled.parent[child])


@pytest.mark.parametrize("scale", [*SCALES, 1e4])
@pytest.mark.parametrize("compiled", TREES.values(), ids=TREES)
def test_equals_the_definition(compiled, scale):
    logits = logits_of(compiled, scale=scale, dtype=torch.float64)
    expected = by_definition(logits, compiled)
    torch.testing.assert_close(NodeLogProbs(compiled)(logits), expected, rtol=1e-12, atol=1e-12 * scale)
    found = NodeLogProbs(compiled)(logits.float())
    assert found.dtype == torch.float32
    expected = by_definition(logits.float(), compiled)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=2e-6 * scale)


@pytest.mark.parametrize("compiled", TREES.values(), ids=TREES)
def test_a_level_is_that_of_marginal_log_probs(compiled):
    logits = logits_of(compiled, scale=10)
    for level, name in enumerate(compiled.level_names):
        groups = torch.tensor(compiled.group[level, : compiled.num_leaves])
        expected = marginal_log_probs(logits, groups, int(compiled.num_groups[level]))
        found = NodeLogProbs(compiled, level=level)(logits)
        torch.testing.assert_close(found, expected)
        assert torch.equal(found, NodeLogProbs(compiled, level=name)(logits))
        assert torch.equal(found, NodeLogProbs(compiled)(logits)[:, compiled.group_nodes[level]])


@pytest.mark.parametrize("scale", [*SCALES, 1e4])
@pytest.mark.parametrize("compiled", TREES.values(), ids=TREES)
def test_no_probability_is_above_1_nor_above_its_parents(compiled, scale):
    log_probs = NodeLogProbs(compiled)(logits_of(compiled, (64, 5), scale=scale))
    assert (log_probs <= 0).all()
    child, parent = parents(compiled)
    assert (log_probs[:, child] <= log_probs[:, parent]).all()


def test_a_node_whose_probability_underflows_keeps_its_logarithm():
    logits = torch.zeros(1, 11)
    logits[0, FACES.names.index("hair")] = 1e4
    log_probs = NodeLogProbs(FACES)(logits)[0]
    assert log_probs[FACES.names.index("foreground")] == 0
    eyes = log_probs[FACES.names.index("eyes")]
    torch.testing.assert_close(eyes, torch.tensor(np.log(2) - 1e4, dtype=torch.float32))


def test_a_leaf_that_is_ruled_out_has_no_probability():
    logits = torch.zeros(1, 11)
    for name in ("left_eye", "right_eye"):
        logits[0, FACES.names.index(name)] = -torch.inf
    log_probs = NodeLogProbs(FACES)(logits)[0]
    assert log_probs[FACES.names.index("eyes")] == -torch.inf
    torch.testing.assert_close(log_probs[FACES.names.index("foreground")].exp(), torch.tensor(8 / 9))


def test_a_leaf_that_is_ruled_out_has_no_gradient():
    ruled_out = [FACES.names.index(name) for name in ("left_eye", "right_eye")]
    logits = torch.zeros(1, 11)
    logits[0, ruled_out] = -torch.inf
    logits.requires_grad_()
    log_probs = NodeLogProbs(FACES)(logits)[0]
    log_probs[log_probs > -torch.inf].sum().backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[0, ruled_out] == 0).all()
    assert (logits.grad[0] != 0).sum() == 9


@pytest.mark.parametrize("shape", [(3,), (2, 4), (0, 4), (2, 0, 3), (2, 2, 3, 4)])
def test_any_number_of_trailing_dimensions(shape):
    log_probs = NodeLogProbs(FACES)(logits_of(FACES, shape))
    assert log_probs.shape == (shape[0], FACES.num_nodes, *shape[1:])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_float32(dtype):
    logits = logits_of(FACES, dtype=dtype)
    module = NodeLogProbs(FACES)
    assert torch.equal(module(logits), module(logits.float()))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # torch's own way to a tangent
def test_its_gradient_is_that_of_the_definition():
    logits = logits_of(FACES, (2, 2), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(NodeLogProbs(FACES), logits, check_forward_ad=True)


def test_its_second_derivative_is_right_between_equal_logits_too():
    logits = torch.zeros(1, 11, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(NodeLogProbs(FACES), logits)


def test_vmap_goes_over_it():
    logits, module = logits_of(FACES), NodeLogProbs(FACES)
    found = torch.func.vmap(lambda one: module(one[None])[0])(logits)
    torch.testing.assert_close(found, module(logits))


def test_it_has_no_state_and_copies():
    module = NodeLogProbs(FACES, level="part")
    assert module.state_dict() == {}
    logits = logits_of(FACES)
    assert torch.equal(copy.deepcopy(module).half()(logits), module(logits))
    assert repr(module) == "NodeLogProbs(11 leaves to 6 nodes of level 2)"


@pytest.mark.parametrize("level", [4, -1, "no such", True])
def test_a_level_that_is_none_is_refused(level):
    if level is True:  # Python counts it for 1
        assert NodeLogProbs(FACES, level=level).level == 1
        return
    with pytest.raises(
        ValueError, match=r"no level .*; the hierarchy has 0 to 3: scene, person, part, detail"
    ):
        NodeLogProbs(FACES, level=level)


@pytest.mark.parametrize("shape", [(11,), (2, 10), (11, 2)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="no axis 1 of 11 leaves"):
        NodeLogProbs(FACES)(torch.zeros(shape))


@pytest.mark.parametrize(
    "module", [NodeLogProbs(FACES), Level(FACES, 1)], ids=["NodeLogProbs", "marginal_log_probs"]
)
def test_what_is_no_logits_is_refused_with_the_mend(module):
    with pytest.raises(TypeError, match=r"logits is a torch.Tensor, not ndarray: torch.as_tensor\(logits\)"):
        module(np.zeros((1, 11)))
    for dtype in (torch.int64, torch.bool, torch.complex64):
        with pytest.raises(ValueError, match=f"logits are of a floating-point type, not {dtype}"):
            module(torch.zeros(1, 11, dtype=dtype))


def test_a_large_tree_needs_no_table_of_leaves_times_nodes():
    """Work and memory follow the groups: the largest tensor that is made is the result's own size."""
    lines = ["tree"]
    for a in range(60):
        lines.append(f"    a{a}")
        for b in range(16):
            lines.append(f"        a{a}b{b}")
            lines += [f"            a{a}b{b}c{c}" for c in range(15)]
    compiled = compiled_of("\n".join(lines) + "\n")
    assert compiled.num_nodes == 60 + 60 * 16 + 60 * 16 * 15
    module = NodeLogProbs(compiled)
    assert sum(buffer.numel() for buffer in module.buffers()) < 3 * compiled.num_nodes
    with Largest() as largest:
        log_probs = module(torch.zeros(2, compiled.num_leaves))
    assert largest.numel <= log_probs.numel()
    torch.testing.assert_close(log_probs[0, -1].exp().item(), 1 / 960)


class Largest(torch.utils._python_dispatch.TorchDispatchMode):
    """The size of the largest tensor that an operator gives."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numel = max(self.numel, out.untyped_storage().size() // out.element_size())
        return out


# Exported

BATCH, HEIGHT, WIDTH = (torch.export.Dim(name, min=1, max=4096) for name in ("batch", "height", "width"))
DYNAMIC = ({0: BATCH, 2: HEIGHT, 3: WIDTH},)
TO_EXPORT = ["helen", "vistas", "chain", "families", "only child"]


@pytest.mark.parametrize(("name", "strict"), [*((name, False) for name in TO_EXPORT), ("helen", True)])
def test_exported_it_is_the_same(name, strict):
    module = NodeLogProbs(TREES[name])
    example = logits_of(TREES[name], (2, 3, 5))
    exported = torch.export.export(module, (example,), dynamic_shapes=DYNAMIC, strict=strict).module()
    for shape in [(2, 3, 5), (1, 1, 1), (3, 8, 2)]:
        for scale in SCALES:
            logits = logits_of(TREES[name], shape, scale)
            torch.testing.assert_close(exported(logits), module(logits))


def test_compiled_it_is_the_same():
    module = NodeLogProbs(FACES, level="part")
    logits = logits_of(FACES)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(logits), module(logits))


# torch's exporter copies its own tables through a class that it deprecates itself
EXPORTING = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning")


def in_onnx_runtime(module, example, path, threads=0):
    """What ONNX Runtime makes of a module, as a function of tensors; with 0 it chooses how many threads."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="runs what was exported")
    pytest.importorskip("onnxscript", reason="torch exports to ONNX with it")
    program = torch.onnx.export(
        module, (example,), input_names=["logits"], dynamic_shapes=DYNAMIC, dynamo=True, verbose=False
    )
    program.save(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda logits: torch.tensor(session.run(None, {"logits": logits.numpy()})[0])


@EXPORTING
@pytest.mark.parametrize(("name", "level"), [*((name, None) for name in TO_EXPORT), ("helen", "part")])
def test_in_onnx_it_is_the_same(tmp_path, name, level):
    module = NodeLogProbs(TREES[name], level=level).eval()
    run = in_onnx_runtime(module, logits_of(TREES[name], (2, 3, 5)), tmp_path / "node_log_probs.onnx")
    for shape in [(2, 3, 5), (1, 1, 1), (3, 8, 2)]:
        for scale in SCALES:
            logits = logits_of(TREES[name], shape, scale)
            torch.testing.assert_close(run(logits), module(logits), rtol=1e-5, atol=2e-6 * scale)


@EXPORTING
@pytest.mark.parametrize(
    "module", [NodeLogProbs(FACES), Level(FACES, 1)], ids=["NodeLogProbs", "marginal_log_probs"]
)
def test_threads_of_onnx_runtime_lose_nothing(tmp_path, module):
    """Those of its ScatterND do, of images; of what torch's index_add is exported to."""
    run = in_onnx_runtime(module.eval(), logits_of(FACES, (2, 3, 5)), tmp_path / "of_images.onnx", threads=4)
    logits = logits_of(FACES, (2, 256, 256))
    expected = module(logits)
    for _ in range(10):
        torch.testing.assert_close(run(logits), expected, rtol=1e-5, atol=2e-6)
