import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierdsl.source import Source, Span, printable

texts = st.text(st.sampled_from("ab\n\t é\U0001f600\r"), max_size=60)


@given(texts)
def test_every_line_starts_at_column_1(text):
    source = Source("x", text)
    assert [source.position(start) for start in source.line_starts] == [
        (number, 1) for number in range(1, len(text.split("\n")) + 1)
    ]


@given(texts)
def test_line_and_column_lead_back_to_the_character(text):
    source = Source("x", text)
    for offset, character in enumerate(text):
        line, column = source.position(offset)
        assert (source.line(line) + "\n")[column - 1] == character


@given(texts)
def test_the_lines_are_the_text(text):
    source = Source("x", text)
    assert "\n".join(source.line(n) for n in range(1, len(source.line_starts) + 1)) == text


@given(texts, st.data())
def test_a_slice_is_what_stands_between_its_positions(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    source = Source("x", text)
    assert source.slice(Span(start, end)) == text[start:end]
    assert source.position(start) <= source.position(end)


def test_the_end_of_the_text_is_a_position():
    assert Source("x", "").position(0) == (1, 1)
    assert Source("x", "ab").position(2) == (1, 3)
    assert Source("x", "ab\n").position(3) == (2, 1)


def test_spans_join_and_order():
    assert Span(1, 3).to(Span(5, 8)) == Span(1, 8)
    assert sorted([Span(4, 5), Span(1, 9), Span(1, 2)]) == [Span(1, 2), Span(1, 9), Span(4, 5)]


@given(st.text())
def test_printable_text_has_no_control_character(text):
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"), [("café ■", "café ■"), ("\x1b[31m", "\\x1b[31m"), ("\u202e", "\\u202e"), ("\n", "\\n")]
)
def test_printable_text_is_unchanged_but_for_escapes(text, shown):
    assert printable(text) == shown
