"""The counts that `validate` prints from a document are those of the hierarchy that is built from it."""

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hierdsl import analyze
from hierdsl.cli import main
from hierdsl.cli.common import plural
from hierdsl.cli.validate import summary
from hierdsl.loading import examine, find

FILE = """
tree
    sky = 0
    ground = 50 [weight=2]
        road = 1, 7..9
        path
    void [ignore]
        hood = 30..31
        edge = 32
labels
    path = 2
    void = 33
    ignore = 255, 40..42, 40
labels other
    sky = 1
    ignore = *
"""


def expected(text):
    hierarchy, _ = analyze(text)
    ids = (
        [node is not None for node in hierarchy.label_maps[""].ids.values()]
        if "" in hierarchy.label_maps
        else []
    )
    ignored = len(ids) - sum(ids)
    return ", ".join(
        [
            plural(len(hierarchy.leaves), "class"),
            plural(len(hierarchy.inner_nodes), "inner node"),
            plural(len(hierarchy.levels), "level"),
            plural(sum(ids), "id") + (f" (+ {ignored:,} ignored)" if ignored else ""),
        ]
    )


@pytest.mark.parametrize("text", [FILE, *(find(name).read_text() for name in ("helen", "vistas", "camvid"))])
def test_counts_are_those_of_the_hierarchy(text):
    document, _ = examine(text)
    assert summary(document).removesuffix(", label maps: other") == expected(text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    depths=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    ignored=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_counts_of_any_tree(depths, ignored):
    lines, depth = ["tree"], 0
    for number, wanted in enumerate(depths):
        depth = min(wanted, depth + 1)
        flag = "  [ignore]" if ignored[number] and number else ""
        lines.append(f"{'    ' * depth}n{number} = {3 * number}..{3 * number + 1}{flag}")
    text = "\n".join(lines) + "\n"
    document, _ = examine(text)
    if document is not None:
        assert summary(document) == expected(text)


def test_the_line_says_ok_and_the_counts(tmp_path):
    (tmp_path / "x.hier").write_text(FILE)
    result = CliRunner().invoke(main, ["validate", str(tmp_path / "x.hier")])
    assert result.exit_code == 0
    assert "ok, 3 classes, 1 inner node, 2 levels, 7 ids (+ 8 ignored)" in result.stdout
