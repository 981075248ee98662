"""The laws of the canonical form, over files of any style."""

import re
import unicodedata

import pytest
from format.strategies import files, styled_files
from hypothesis import event, example, given, settings
from language.strategies import BUNDLED
from stopwatch import processor_seconds

from hierdsl import HierError, analyze, compile_hierarchy, format_text
from hierdsl.source import Source
from hierdsl.syntax import decode, parse
from hierdsl.syntax.ast import AttributeDecl

COMMENT = re.compile(r'^(?:[^"#\n]|"(?:[^"\\\n]|\\.)*")*(#[^\n]*)', re.MULTILINE)


def formatted(text):
    """The canonical form, or None where the syntax has errors."""
    source, found = decode(text.encode("utf-8", errors="surrogatepass"), "<string>")
    wrong = found or parse(source)[1]
    if not wrong:
        return format_text(text)
    with pytest.raises(HierError) as caught:
        format_text(text)
    assert list(caught.value.diagnostics) == wrong
    return None


def comments(text):
    return [comment.rstrip() for comment in COMMENT.findall(text.replace("\r\n", "\n"))]


@settings(max_examples=300)
@given(files)
@example("# a\n\n\n# b\ntree\n\n  a\n     # c\n # d\n# e\n\nlevels # f\n # g\n")
@example("labels\n\n# a\n\nlabels\n")
@example("")
@example("#")
@example("\ud800")
def test_any_text_is_formatted_or_reported_and_formatted_text_stays(text):
    result = formatted(text)
    event("formatted" if result is not None else "reported")
    if result is not None:
        assert format_text(result) == result


@settings(max_examples=300)
@given(styled_files())
def test_the_form_of_the_whole(text):
    result = formatted(text)
    if not result:
        return
    lines = result.split("\n")
    assert lines[-1] == ""
    lines.pop()
    assert lines[0]
    assert lines[-1]
    for before, line in zip(["", *lines], lines, strict=False):
        assert line == line.rstrip()
        assert before or line or line is lines[0]
        indent = len(line) - len(line.lstrip(" "))
        assert indent % 4 == 0
        assert not line.startswith("\t")
    for number, line in enumerate(lines):
        if line[:1] not in ("", " ", "#"):
            while number and lines[number - 1].startswith("#"):
                number -= 1  # noqa: PLW2901 - up to the first comment line of the section
            assert number == 0 or lines[number - 1] == ""


@settings(max_examples=300)
@given(files)
def test_comments_are_kept_in_their_order(text):
    result = formatted(text)
    if result is not None:
        assert comments(result) == comments(text.removeprefix("\ufeff"))


def plain(value):
    """Declarations without their places, and ids and strings as they count."""
    if isinstance(value, AttributeDecl):
        if value.key.text == "level":
            shown = unicodedata.normalize("NFC", getattr(value.value, "text", value.value) or "")
        else:
            shown = (
                value.value.lower()
                if isinstance(value.value, str) and value.key.text == "color"
                else value.value
            )
        return value.key.text, plain(shown)
    if hasattr(value, "_fields"):
        skipped = ("source", "keyword", "span", "value_span", "quoted")
        return tuple(plain(getattr(value, k)) for k in value._fields if k not in skipped)
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return value


def declared(document):
    names = ("header", "levels", "tree", "labels", "mirror", "uses", "edit")
    return {name: plain(getattr(document, name)) for name in names}


@settings(max_examples=300)
@given(files)
def test_what_is_declared_stays(text):
    result = formatted(text)
    if result is None:
        return
    source = decode(text.encode(), "<string>")[0]
    before, after = parse(source)[0], parse(Source("<string>", result))[0]
    assert declared(after) == declared(before)


@settings(max_examples=300)
@given(files)
@example('tree\n "ignore" = 4 ')  # without quotes it is W203
def test_the_meaning_stays(text):
    result = formatted(text)
    if result is None:
        return
    before, found = analyze(text)
    after, found_after = analyze(result)
    assert [d.code for d in found_after] == [d.code for d in found]
    assert (before is None) == (after is None)
    if before and after:
        assert after == before
        assert compile_hierarchy(after).hash == compile_hierarchy(before).hash


def test_the_bundled_files_are_canonical():
    for text in BUNDLED:
        assert format_text(text) == text


def quickest(make, size):
    text = make(size)
    return processor_seconds(lambda: format_text(text))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "tree\n" + "".join(f"  n{i}={i % 10}\n" for i in range(n)),
        lambda n: "tree\n" + "".join(f" n{i} [weight=1] # {i}\n" for i in range(n)),
        lambda n: "tree\n  a\n" + "  # c\n" * n,
        lambda n: "tree\n  a\n" + "  # c\n\n\n" * n + "  b",
        lambda n: "tree\n" + "x" * 50 * n + "\n" if n < 0 else "tree\n  " + "x" * n + "=1\n" + "  b=1\n" * n,
        lambda n: "tree\n  a = " + ",".join("7" * n) + " # c\n" + "  b # d\n" * n,
        lambda n: "tree\n  a\nlabels\n" + '  "ignore" = 1 # "\n' * n,
        lambda n: "#" + '"' * n + '\ntree\n a [doc="' + "#" * n + '"] # "',
    ],
)
def test_time_grows_with_the_file_and_not_with_its_square(make):
    """Ten times the lines may take thirty times as long, and not a hundred."""
    small, large = (min(quickest(make, size) for _ in range(4)) for size in (3_000, 30_000))
    assert large < 30 * small + 0.2


def test_words_of_a_label_map_keep_the_quotes_that_tell_them_from_nodes():
    text = 'labels\n    "ignore"    = 1\n    ignore      = 2\n    "tolerance" = 3\n    /ignore     = 4\n    "rgb" = 5\n'
    assert format_text(text).splitlines()[1:] == [
        '    "ignore"    = 1',
        "    ignore      = 2",
        '    "tolerance" = 3',
        "    /ignore     = 4",
        "    rgb         = 5",
    ]
