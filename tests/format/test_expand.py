"""`expand`: a tree of several files as one text, with the same tables."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from language.strategies import BUNDLED, full_paths, quote, valid_items, valid_texts, write

from hierdsl import analyze, compile_hierarchy, format_text
from hierdsl.format import expand
from hierdsl.loading import examine


def expanded(text, name="<string>", path=None):
    scope, found = examine(text, name, path=path)
    assert scope is not None, found
    return expand(scope)


def check(text, name="<string>", path=None):
    """The laws: no error, the same tables, and nothing left to expand."""
    hierarchy, _ = analyze(text, name, path=path)
    once = expanded(text, name, path)
    again, found = analyze(once, name)
    assert not [d for d in found if d.is_error], (found, once)
    assert again == hierarchy
    before, after = compile_hierarchy(hierarchy), compile_hierarchy(again)
    assert after.hash == before.hash
    assert (after.palette == before.palette).all()
    assert expanded(once, name) == once
    assert format_text(once) == once
    assert not any(line.startswith(("use", "edit")) for line in once.splitlines())
    return once


PLAIN = """hierarchy x "y"
    source "z"
    channels labels net
levels
    group [weight=.5]
    class
tree
    b = 5, 6
    a
        ignore = 3 [color=rgb(1, 2, 3)]
        b = 1
        c = 2..4
    off = 9 [ignore]
labels
    a = 7
    /b = 8
    "ignore" = 11
    ignore = 255
    a/b = 10
labels net
    /b = 2
    a/b = 1
    c = 3
    a/ignore = 0
    ignore = *
labels seen
    /b = "#FF0000"
    c = rgb(0,00,255)
    tolerance 24.5
mirror
    c <-> a/b
"""

PLAIN_EXPANDED = """hierarchy x "y"
    source "z"
    channels labels net

levels
    group  [weight=.5]
    class

tree
    b = 5, 6
    a
        ignore = 3  [color=rgb(1, 2, 3)]
        b      = 1
        c      = 12..14
    off = 9  [ignore]

labels
    a        = 7
    /b       = 8
    "ignore" = 11
    ignore   = 255
    a/b      = 10

labels net
    /b       = 2
    a/b      = 1
    c        = 3
    "ignore" = 0
    ignore   = *

labels seen
    /b = "#ff0000"
    c  = rgb(0, 0, 255)
    tolerance 24.5

mirror
    c <-> a/b
"""


def test_a_file_that_uses_nothing_keeps_all_but_its_comments():
    text = PLAIN.replace("2..4", "12..14").replace("b = 5, 6", "b = 5, 6 # two")
    assert check(text) == PLAIN_EXPANDED


@pytest.mark.parametrize("text", BUNDLED)
def test_the_bundled_files_are_their_own_expansion_but_for_comments(text):
    lines = [line.partition("  #")[0] for line in text.splitlines() if not line.startswith("#")]
    assert check(text).splitlines() == lines


def test_a_file_without_a_name_is_called_like_its_file():
    assert expanded("tree\n    a = 1\n", "pets.hier").startswith("hierarchy pets\n")
    assert expanded("tree\n    a = 1\n", "my pets.hier").startswith("tree\n")


def test_what_is_used_and_edited_stands_in_one_text():
    text = """hierarchy small
use "camvid" as camvid
    drop moving
    merge building, fence as built
use "helen"
    graft hair
    graft mouth
tree
    floor = 300
edit
    collapse mouth
    rename sky -> "the sky"
"""
    once = check(text)
    assert '\n    "the sky"  [color="#808080"]\n' in once
    assert "\nlabels camvid\n" in once
    assert "use" not in once


def test_ids_that_would_change_their_order_stand_in_labels():
    text = "tree\n    b\n    a = 2\n    c = 3\nedit\n    merge a, b as ab\nlabels\n    c = 4\n    ab = 1\n"
    assert check(text).endswith("tree\n    ab = 2\n    c  = 3, 4\n\nlabels\n    ab = 1\n")


def test_an_empty_map_and_a_map_of_nothing_but_a_star_stay():
    check("tree\n    a\nlabels\nlabels x\nlabels y\n    ignore = *\n")


def test_a_long_path_is_written_where_short_ends_are_ambiguous():
    text = (
        "tree\n"
        + "".join(f"{' ' * i}a\n" for i in range(1, 9))
        + "labels x\n /a = 1\n /a/a/a/a/a/a/a/a = 2\n"
    )
    once = check(text)
    assert "/a/a/a/a/a/a/a/a = 2" in once


def test_a_text_that_would_be_too_large_is_refused():
    name = "x" * 60_000
    chain = "".join(f"{' ' * i}{name}\n" for i in range(1, 31))
    ends = "".join(f"{' ' * (31 + i)}{part}\n" for top in "tu" for i, part in enumerate([top, "a", "b", "c"]))
    maps = "".join(f"labels m{i}\n t/a/b/c = 1\n" for i in range(40))
    text = f"tree\n{chain}{ends}{maps}"
    scope, found = examine(text)
    assert scope is not None, found
    with pytest.raises(ValueError, match="more than 67,108,864 bytes"):
        expand(scope)


def test_a_map_whose_name_has_no_normal_form_is_refused():
    scope, _ = examine("tree\n    a\nlabels \u0958\n    a = 1\n")
    with pytest.raises(ValueError, match="has a name that cannot be written"):
        expand(scope)


@settings(max_examples=100)
@given(valid_texts())
def test_any_valid_file(text):
    check(text)


@st.composite
def composed(draw):
    """A file, and one that it uses: at the top or in parts, edited, with the maps apart or together."""
    used = draw(valid_items(max_nodes=8))
    own = draw(valid_items(max_nodes=4))
    for item in own:  # its ids are others, so that the default maps can be joined
        item.ids = [str(int(ids.partition("..")[0]) + 30_000) for ids in item.ids]
        item.name = f"own {item.name}"
    paths = [path[1:] for path in full_paths(used)]
    tops = [quote(item.name) for item in used if item.depth == 1]

    def edits(section):
        lines = []
        for kind in draw(
            st.lists(st.sampled_from(["drop", "collapse", "merge", "rename", "graft"]), max_size=3)
        ):
            path, other = draw(st.sampled_from(paths)), draw(st.sampled_from(paths))
            new = quote(draw(st.sampled_from(["new", "x y", "ignore"])))
            lines.append(
                {
                    "merge": f"merge /{path}, /{other} as {new}",
                    "rename": f"rename /{path} -> {new}",
                    "graft": f"graft /{path}" + (f" under /{other}" if section == "edit" else ""),
                }.get(kind, f"{kind} /{path}")
            )
        return "".join(f"    {line}\n" for line in lines)

    name = draw(st.sampled_from(["", " as u"]))
    parts = [f'use "used.hier"{name}\n{edits("use")}', draw(st.sampled_from(["", write(own)]))]
    if draw(st.booleans()):
        parts.append(f"edit\n{edits('edit')}")
    main = "".join(draw(st.permutations(parts)))
    if draw(st.booleans()):
        main += f"labels more\n    {tops[0]} = 1, 3\n    ignore = *\n"
    return write(used, after=draw(st.sampled_from(["", "labels\n    ignore = 60000\n"]))), main


@settings(max_examples=200)
@given(composed())
def test_any_tree_of_two_files(texts):
    used, main = texts
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "used.hier").write_text(used, encoding="utf-8", newline="")
        path = Path(folder) / "main.hier"
        scope, _ = examine(main, "main.hier", path=path)
        if scope is None or not scope.classes:  # the checks let a tree through of which all is ignored
            event("wrong")
            return
        event("expanded")
        check(main, "main.hier", path)
