from hypothesis import example, given, settings
from hypothesis import strategies as st
from language.strategies import BUNDLED, any_text, mutated_files, valid_texts

from hierdsl import Hierarchy, analyze, compile_hierarchy
from hierdsl.check import check
from hierdsl.diagnostics.full import render_full
from hierdsl.model import build
from hierdsl.scope import Scope
from hierdsl.source import Source
from hierdsl.syntax import parse


def obeys_the_laws(content):
    """What holds for any input: a result or errors, in file order, inside the text, fit for a terminal."""
    hierarchy, diagnostics = analyze(content, "file.hier")
    assert isinstance(hierarchy, Hierarchy) != any(d.is_error for d in diagnostics)
    starts = [d.primary.span.start for d in diagnostics]
    assert starts == sorted(starts)
    for diagnostic in diagnostics:
        for place in (diagnostic.primary, *diagnostic.secondary):
            assert 0 <= place.span.start <= place.span.end <= len(place.source.text)
        for line in render_full(diagnostic).split("\n"):
            assert line.isprintable()
    return hierarchy, diagnostics


@settings(max_examples=200)
@given(any_text)
@example("\x1f")
@example("\u00a0")
@example("tree\n a\nhierarchy/")
@example("hierarchy\r\nhierarchy/")
@example("tree\n a\n\n    hierarchy=")
@example("tree\n    a [color=")
@example("tree\n    a <")
@example("\ud800")
@example(f'tree\n    a = "{"1" * 5000}"')
@example(f"tree\n    a = 0x{'f' * 5000}")
@example(f"tree\n    a = {'1' * 5000}..2")
@example(f"tree\n    a [weight={'1' * 5000}]")
def test_any_text_gives_a_result_or_diagnostics(text):
    obeys_the_laws(text)


@given(st.binary(max_size=80) | st.binary(max_size=40).map(b"tree\n    a\n    b".__add__))
@example(b"\x00\x00\xfe\xff")
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf\xff")
@example(b"tree\n    caf\xe9\n")
def test_any_bytes_give_a_result_or_diagnostics(data):
    obeys_the_laws(data)


@settings(max_examples=60)
@given(mutated_files().map(str.encode), st.data())
def test_a_file_with_broken_bytes_gives_one_diagnostic(data, draws):
    at = draws.draw(st.integers(0, len(data)))
    hierarchy, diagnostics = obeys_the_laws(data[:at] + b"\xff" + data[at:])
    assert hierarchy is None
    assert [d.code for d in diagnostics] == ["H101"]


@settings(max_examples=80)
@given(any_text | valid_texts())
def test_what_check_passes_can_be_built(text):
    document, syntax = parse(Source("file.hier", text))
    if not any(d.is_error for d in [*syntax, *check(Scope(document))]):
        assert build(Scope(document)).leaves


@settings(max_examples=80)
@given(valid_texts())
def test_a_valid_file_has_no_error(text):
    hierarchy, _ = obeys_the_laws(text)
    assert hierarchy is not None
    compiled = compile_hierarchy(hierarchy)
    assert compiled.num_leaves == len(hierarchy.leaves)


def test_the_bundled_files_have_no_diagnostic_at_all():
    for text in BUNDLED:
        assert analyze(text)[1] == []
