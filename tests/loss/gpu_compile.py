"""Compile the kernels for a GPU of compute capability 9.0, which need not be there; `test_gpu.py` runs this."""

import re

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

import hierdsl
from hierdsl.loss.gpu import coefficients, columns, enlarge, rows, scale, smoothed, totals, unrolled
from hierdsl.loss.gpu.forks import plan_of, read
from hierdsl.loss.gpu.launch import OPTIONS

TARGET = GPUTarget("cuda", 90, 32)
FLOATS = (
    "losses sums parts spread loss by row_part column_part row_by column_by images out slope peaks slopes"
)
DOUBLES = "factors weights weighed"
INTEGERS = "siblings rows places place entries turns level_counts node term levels shared sharers up child first_child ordered opened"
LONG = "row_low row_high row_first row_end column_low column_high column_first column_end"
TYPES = dict.fromkeys(FLOATS.split(), "*fp32") | dict.fromkeys(DOUBLES.split(), "*fp64")
TYPES |= dict.fromkeys(INTEGERS.split(), "*i32")
TYPES |= dict.fromkeys(LONG.split(), "*i64")
TYPES |= {"target": "*i64", "gamma": "fp32", "smoothing": "fp32"}
FACES = hierdsl.compile_hierarchy(hierdsl.load("helen"))
OFF = {"GRADIENT": False, "EACH": False, "LEVELS": False, "FOCAL": False}
EVEN = hierdsl.compile_hierarchy(
    hierdsl.analyze("tree\n    a\n        b\n        c\n    d\n    e\n    f\n")[0]
)
"""Whose factors of smoothing are a multiple of 16 bytes, leaf by leaf, inner nodes and their sum."""
STEPS = {"K": FACES.num_levels - 1} | OFF


def compiled(kernel, logits="*fp32", warps=4, registers=None, types=(), **constants):
    """Compile one kernel, the types of its arguments told by their names."""
    known = TYPES | {"logits": logits, "gradient": logits} | dict(types)
    signature = {
        name: "constexpr" if name in constants else known.get(name, "i32") for name in kernel.arg_names
    }
    for name, kind in signature.items():  # a number that is looked at would be another kernel
        number = not kind.startswith("*") and kind != "constexpr"
        assert not number or kernel.params[kernel.arg_names.index(name)].do_not_specialize, name
    values = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    limit = {"maxnreg": registers} if registers else {}
    aligned = {(i,): [["tt.divisibility", 16]] for i, kind in enumerate(signature.values()) if kind[0] == "*"}
    made = triton.compile(
        ASTSource(kernel, signature, values, aligned),
        target=TARGET,
        options={"num_warps": warps} | limit | OPTIONS,
    )
    # what a lane has is in registers: nothing of it is looked up by a number known at run time only
    assert "__local_depot" not in made.asm["ptx"], (kernel.__name__, constants)
    assert made.asm["cubin"], (kernel.__name__, constants)
    return made.asm


def unrolled_of(hierarchy, logits="*fp32", **options):
    """Compile the unrolled kernel for a tree.

    A lane has a pixel of its own: it reads no number for another one, as it would if a factor of smoothing, which is
    the same for many pixels, were taken for those of neighbours; and trades nothing but what is written of channels
    that lie last.
    """
    shape = {"TREE": read(plan_of(hierarchy)[0]), "BLOCK": 64, "LAST": False, "SMOOTHING": 0} | OFF
    asm = compiled(unrolled.unrolled_kernel, logits, 2, 168, **(shape | options))
    assert not re.search(r"(ld|st)\.global\S*\.v[248]\.", asm["ptx"]), options
    # lanes wait for each other to add up the loss and the level losses, and to trade
    sums, trades = 1 + (hierarchy.num_levels if "LEVELS" in options else 0), len(shape["TREE"].channels)
    assert asm["ptx"].count("bar.sync") <= 3 * sums + (2 * trades if "LAST" in options else 0), options


def main():
    for hierarchy in (FACES, EVEN):
        unrolled_of(hierarchy, GRADIENT=True, LEVELS=True, FOCAL=True, SMOOTHING=1)
        unrolled_of(hierarchy, GRADIENT=True, EACH=True, SMOOTHING=2, LAST=True)
        unrolled_of(hierarchy, GRADIENT=True, SMOOTHING=2)
    unrolled_of(FACES, LEVELS=True)
    unrolled_of(FACES, "*bf16", GRADIENT=True)
    walking = STEPS | {"GRADIENT": True, "LEVELS": True, "FOCAL": True}
    compiled(columns.columns_kernel, W=2, ROWS=7, SPLIT=1, BLOCK=128, **walking)
    compiled(columns.columns_kernel, "*fp16", W=2, ROWS=0, SPLIT=4, BLOCK=32, **walking)
    short = {"PLACED": False, "ROWS": 16, "LANES": 8, "EACH_LANE": 2, "PARTS": 1}
    compiled(rows.rows_kernel, "*bf16", **(walking | short))
    long = {"ROWS": 1, "LANES": 256, "EACH_LANE": 8, "PARTS": 0, "LEVELS": False, "EACH": True}
    compiled(rows.rows_kernel, warps=8, PLACED=False, **(walking | long))
    compiled(rows.rows_kernel, warps=8, PLACED=True, **(walking | long | {"FOCAL": False}))
    for kernel in (smoothed._sums_of_nodes, smoothed._sum_of_a_node):
        compiled(kernel, "*bf16", types={"rows": "i32"}, BLOCK=128)
    for siblings, depth in ((True, 3), (False, 3), (True, 0)):
        for gradient in (True, False):
            added = {"K": depth, "SIBLINGS": siblings, "GRADIENT": gradient, "BLOCK": 128}
            compiled(smoothed._slopes_of_inner, **added)
            compiled(smoothed._slopes_of_leaves, "*fp16", types={"gradient": "*fp32"}, **added)
            compiled(smoothed._slopes_of_leaves, "*bf16", **added)
    compiled(coefficients._weigh_targets, warps=8, D=4)
    for smooth, siblings in ((False, False), (True, False), (True, True)):
        options = {"MEAN": True, "SMOOTH": smooth, "SIBLINGS": siblings, "FEW": siblings}
        compiled(coefficients._coefficients, warps=8, D=4, TERMS=4, BLOCK=256, **options)
    for kind in ("*fp32", "*fp64"):
        counts = {"loss": kind, "levels": kind, "rows": "i32", "programs": "i32"}
        compiled(totals._add_up, warps=16, types=counts, BLOCK=8192)
    compiled(scale._scale, "*bf16", BLOCK=4096)
    for images in ("*fp32", "*fp16", "*bf16"):
        compiled(enlarge._enlarge, types={"images": images, "rows": "i32"}, BLOCK=256)
    compiled(enlarge._reduce, BLOCK=256)


if __name__ == "__main__":
    main()
