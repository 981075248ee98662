import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language.strategies import full_paths, valid_items, write

from hierdsl import analyze

BROKEN_NODES = [
    *("traffic light = 3", "car:", "car: 1", "- car", "1 car", "3d = 1", "car 1", "car = 1-3", "car = 1 2"),
    *("car =", "car = ,", "car = 1,", "car = -1", "car = 0x10", "car = 1.5", "car = bus", "car = *", "= 3"),
    *('"car = 3', 'car"', "'car'", "“car” = 1", "child's seat", '"a\\n"', 'car "bus"', "car & bus", "car;"),
    *(
        "car [",
        "car [color",
        "car [color=",
        "car [color=]",
        "car [color=#ff0000]",
        "car [color: 1]",
        "car []",
    ),
    *("car [weight 2]", "car [weight=1 ignore]", "car [ignore] [ignore]", "car ]", "car = rgb(1, 2"),
    *('car = "#ff0000" 1', "car = #ff0000", "a/b = 1", "/a", "a <-> b", "*", "@", "car = 1\u00a0", "car\x0c"),
]

BROKEN_LABELS = [
    *(
        "a",
        "a =",
        "a: 3",
        "a 3",
        "3 = a",
        "a = b",
        "a = 1 2",
        "a = 1-2",
        "a = 1 to 3",
        "a b = 3",
        "= 3",
        "a/",
    ),
    *(
        "/ = 3",
        "a//b = 1",
        'a = "#804080"',
        "a = rgb(1, 2, 3)",
        "tolerance 24",
        "a = -1",
        "a = 1.5",
        "a = 1,",
    ),
    *("ignore", "ignore 255", "ignore = 1 *", "ignore: *", '"a = 3', "'a' = 3", "- a = 3", "a = 1 [ignore]"),
]

BROKEN_PAIRS = [
    "a",
    "a <->",
    "<-> b",
    "a = b",
    "a -> b",
    "a <> b",
    "a, b",
    "a b",
    "a <-> b <-> c",
    "a <-> 3",
    "a:b",
]
BROKEN_FIELDS = [
    "source",
    "source https://x.org",
    'source: "x"',
    'source = "x"',
    '"x"',
    'source "x',
    'doc "a" "b"',
]
BROKEN_LEVELS = [
    "a, b",
    "a: 0.5",
    "a = 2",
    "a 3",
    "a b",
    "a [weight]]",
    "a [weight 2]",
    "1st",
    "- a",
    '"a',
    "a/b",
]

FIRST_LINES = {
    "header": [
        "hierarchy: x",
        "hierarchy x y",
        "hierarchy 3",
        'hierarchy "a" b',
        'hierarchy "a',
        "hierarchy x [a]",
    ],
    "tree": ["tree:", "tree x", "tree = 3", "tree []", "tree , "],
    "labels": ["labels:", "labels a b", "labels 3", 'labels "a"', "labels = 3", "labels a/b"],
    "mirror": ["mirror:", "mirror a <-> b", "mirror x"],
    "levels": ["levels:", "levels a", "levels = 3", "levels: a, b"],
}


def errors_by_line(text):
    return [d.primary.source.position(d.primary.span.start)[0] for d in analyze(text)[1] if d.is_error]


@settings(max_examples=70)
@given(valid_items(), st.data())
def test_each_broken_line_of_a_tree_is_one_diagnostic_on_that_line(items, data):
    mirror = "mirror\n" + "".join(f"    {path} <-> {path}\n" for path in full_paths(items))
    broken = sorted(data.draw(st.sets(st.integers(0, len(items) - 1), min_size=1)))
    lines = write(items, after="labels x\n    ignore = 7\n").split("\n")
    for position in broken:
        indent = " " * (4 * items[position].depth)
        lines[1 + position] = indent + data.draw(st.sampled_from(BROKEN_NODES))
    assert errors_by_line("\n".join(lines)) == [2 + position for position in broken]
    # what refers to the lost nodes stays silent too; the pairs themselves are wrong in their own way
    codes = {d.code for d in analyze("\n".join(lines) + mirror)[1] if d.is_error}
    assert "H208" not in codes


VALID = """hierarchy x
    doc "y"
levels
    first
    last
tree
    a
        c = 1
        d = 2
    b = 3
labels x
    a = 1
    ignore = 2
mirror
    c <-> d
"""


@pytest.mark.parametrize(
    ("after", "broken"),
    [
        *(("doc", line) for line in BROKEN_FIELDS),
        *(("last", line) for line in BROKEN_LEVELS),
        *(("b = 3", line) for line in BROKEN_NODES),
        *(("ignore", line) for line in BROKEN_LABELS),
        *(("c <->", line) for line in BROKEN_PAIRS),
    ],
)
def test_a_broken_line_is_one_diagnostic_and_no_warning(after, broken):
    lines = VALID.split("\n")
    at = next(i for i, line in enumerate(lines) if line.strip().startswith(after))
    lines.insert(at + 1, "    " + broken)
    text = "\n".join(lines)
    assert errors_by_line(text) == [at + 2]
    assert len(analyze(text)[1]) == 1


@pytest.mark.parametrize("line", [line for lines in FIRST_LINES.values() for line in lines])
def test_a_broken_first_line_of_a_section_costs_only_itself(line):
    keyword = line.split()[0].rstrip(":")
    lines = [line if old.split()[:1] == [keyword] else old for old in VALID.split("\n")]
    text = "\n".join(lines)
    assert errors_by_line(text) == [lines.index(line) + 1]
    assert len(analyze(text)[1]) == 1


@given(st.lists(st.sampled_from(BROKEN_NODES), min_size=1, max_size=6))
def test_broken_lines_in_a_row_are_one_diagnostic_each(broken):
    text = "tree\n    a\n" + "".join(f"        {line}\n" for line in broken) + "    b\n"
    assert errors_by_line(text) == [*range(3, 3 + len(broken))]


@pytest.mark.parametrize("count", [1, 5, 200])
def test_a_list_of_names_without_a_section_is_one_diagnostic(count):
    text = "".join(f"class{i} = {i}\n" for i in range(count))
    assert errors_by_line(text) == [1]
    assert errors_by_line(text + "tree\n    a\n") == [1]


def test_two_label_maps_whose_names_begin_alike_are_no_duplicates():
    assert errors_by_line("tree\n    a = 1\nlabels my map\n    a = 2\nlabels my other\n    a = 1\n") == [3, 5]


def test_two_groups_with_a_colon_do_not_mix_their_children():
    text = "tree\n    car:\n        other\n        a\n    bus:\n        other\n        b\n"
    assert errors_by_line(text) == [2, 5]


def test_names_with_spaces_that_begin_alike_are_no_duplicates():
    assert errors_by_line("tree\n    traffic light = 1\n    traffic sign = 2\n") == [2, 3]


def test_mixed_indentation_is_reported_once_and_nothing_is_guessed_from_it():
    text = "levels\n    x\ntree\n    a\n\t\tb\n \tc\n    d\n\te\n"
    assert [(d.code, d.primary.source.position(d.primary.span.start)) for d in analyze(text)[1]] == [
        ("H105", (5, 1))
    ]


def test_what_refers_to_a_second_tree_is_no_unknown_reference():
    text = "tree\n    a\n    b\ntree\n    c\nlabels x\n    c = 1\n"
    assert [d.code for d in analyze(text)[1]] == ["H108"]


def test_lines_that_are_too_deep_are_not_compared_with_each_other():
    text = "tree\n" + "".join(f"{' ' * i}a\n" for i in range(1, 1100))
    assert [d.code for d in analyze(text)[1]] == ["H903"]


def test_a_repeated_pair_is_one_diagnostic():
    text = "tree\n    a\n    b\nmirror\n    a <-> b\n    b <-> a\n"
    assert errors_by_line(text) == [6]


def test_a_broken_line_of_labels_hides_no_unknown_reference():
    found = analyze("tree\n    a\n    b\nlabels m\n    aa = 1\n    b = 8 9\nmirror\n    a <-> c\n")[1]
    assert [(d.code, d.primary.source.position(d.primary.span.start)[0]) for d in found] == [
        *(("H208", 5), ("H103", 6), ("H208", 8))
    ]


def test_weights_that_multiply_to_infinity_are_one_mistake():
    found = analyze("tree\n    a [weight=1e200]\n        b [weight=1e200]\n        c [weight=1e300]\n")[1]
    assert [d.code for d in found] == ["H205", "H205"]
