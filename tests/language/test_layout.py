from hypothesis import given, settings
from hypothesis import strategies as st
from language.strategies import BUNDLED, valid_items, valid_texts, write

from hierdsl import analyze

INDENTS = [" " * n for n in range(1, 9)] + ["\t", "\t\t"]


def meaning(content):
    hierarchy, diagnostics = analyze(content, "file.hier")
    assert hierarchy is not None
    return hierarchy, [(d.code, d.message) for d in diagnostics]


@settings(max_examples=30)
@given(valid_texts() | st.sampled_from(BUNDLED))
def test_line_ends_byte_order_mark_and_last_newline_change_nothing(text):
    expected = meaning(text)
    assert meaning(text.replace("\n", "\r\n")) == expected
    assert meaning("\ufeff" + text) == expected
    assert meaning(text.encode("utf-8-sig")) == expected
    assert meaning(text.rstrip("\n")) == expected
    assert meaning(text + "\n \n\t\n") == expected
    assert meaning(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").rstrip().encode()) == expected


@settings(max_examples=30)
@given(valid_texts() | st.sampled_from(BUNDLED), st.data())
def test_comments_and_blank_lines_change_nothing(text, data):
    fillers = ["", "   ", "\t", "# tree", "      # a = 1 [", '\t# "', "#", "  # é“”"]
    lines = []
    for line in text.split("\n"):
        lines += data.draw(st.lists(st.sampled_from(fillers), max_size=2))
        lines.append(line + data.draw(st.sampled_from(["", " ", "\t", " # x", "# = 3 ]", ' #"'])))
    lines += data.draw(st.lists(st.sampled_from(fillers), max_size=2))
    assert meaning("\n".join(lines)) == meaning(text)


@settings(max_examples=40)
@given(valid_items(), st.sampled_from(INDENTS))
def test_any_consistent_indentation_is_the_same_tree(items, indent):
    assert meaning(write(items, indent)) == meaning(write(items))


@settings(max_examples=40)
@given(valid_items(), st.data())
def test_each_family_may_be_indented_by_its_own_amount(items, data):
    widths, lines = [0], []
    for item in items:
        if item.depth < len(widths):
            del widths[item.depth + 1 :]
        else:
            widths.append(widths[-1] + data.draw(st.integers(1, 5)))
        lines.append(" " * widths[item.depth] + item.line() + "\n")
    assert meaning("tree\n" + "".join(lines)) == meaning(write(items))


@settings(max_examples=40)
@given(valid_items())
def test_spaces_between_words_change_nothing(items):
    text = write(items)
    if '"' in text or "rgb" in text:
        return
    loose = text.replace(" = ", "  =\t").replace(", ", " ,  ").replace("..", " .. ").replace("[", "[ ")
    assert meaning(loose) == meaning(text)
    tight = text.replace(" = ", "=").replace(", ", ",").replace(" [", "[")
    assert meaning(tight) == meaning(text)


@settings(max_examples=40)
@given(valid_items(), st.booleans())
def test_the_tree_that_is_written_is_the_tree_that_is_read(items, tabs):
    hierarchy, _ = meaning(write(items, "\t" if tabs else "  "))
    assert [node.name for node in hierarchy.nodes] == [item.name for item in items]
    assert hierarchy.depths == [item.depth for item in items]


def test_one_wrong_indentation_is_one_mistake_and_its_edit_mends_it():
    text = "tree\n    a\n        x\n        y\n   b\n        z\n        w\n    c\n        u\n        v\n"
    _, found = analyze(text)
    assert [d.code for d in found] == ["H106"]
    (edit,) = found[0].edits
    mended = text[: edit.span.start] + edit.text + text[edit.span.end :]
    hierarchy, left = analyze(mended)
    assert left == []
    assert [hierarchy.path(p) for p in hierarchy.tops] == ["a", "b", "c"]
