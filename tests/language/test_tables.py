"""The tables of the parser are those that the grammar gives, and what runs on them reads any text as Lark does."""

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from language.strategies import BUNDLED, any_text, valid_texts
from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedToken

from hierdsl.resources import grammar_text
from hierdsl.syntax import tables
from hierdsl.syntax.automaton import Automaton, Refused

LARK = Lark(grammar_text(), parser="lalr", lexer="contextual")


@pytest.fixture(scope="session")
def script(script_of):
    return script_of("scripts", "tables.py")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_tables_are_what_the_grammar_gives(root, tmp_path, seed):
    # Lark numbers its states by the hashes of names, which differ from run to run
    out = tmp_path / "tables.py"
    command = [sys.executable, str(root / "scripts" / "tables.py"), "-o", str(out)]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)})
    written = (root / "hierdsl" / "syntax" / "tables.py").read_text(encoding="utf-8")
    assert out.read_text(encoding="utf-8") == written, "run `make tables`"


@pytest.mark.parametrize(
    "grammar",
    [
        'start: a\n?a: "x"+',  # a rule that is left out where it has one part
        'start: "x" -> other',
        'start: "if" | NAME\nNAME: /[a-z]+/',  # a name that is a keyword
    ],
)
def test_a_grammar_that_asks_for_more_than_the_automaton_does_is_refused(script, grammar):
    with pytest.raises(script.click.ClickException, match="automaton"):
        script.module(script.build(grammar))


def test_every_terminal_of_the_tables_is_one_of_the_grammar():
    assert set(tables.TERMINALS) == {terminal.name for terminal in LARK.terminals}


class Named:
    """Each rule as its name and its parts."""

    def __getattr__(self, name):
        return lambda parts: (name, parts)


def as_pairs(part):
    """A tree of Lark's in that form."""
    return (str(part.data), list(map(as_pairs, part.children))) if isinstance(part, Tree) else str(part)


def by_lark(text):
    """The tokens, the value or where it stops, and what could follow there."""
    parser, tokens = LARK.parse_interactive(text), []
    try:
        for token in parser.lexer_thread.lex(parser.parser_state):
            tokens.append((token.type, str(token), token.start_pos, token.end_pos))
            parser.feed_token(token)
        if "$END" not in parser.choices():  # Lark calls its place that of the token before it
            return tokens, len(text), parser.accepts()
        return tokens, as_pairs(parser.feed_eof(Token("_TOP", ""))), set()
    except UnexpectedToken as error:
        return tokens, error.token.start_pos, parser.accepts()
    except UnexpectedCharacters as error:
        return tokens, error.pos_in_stream, parser.accepts()


def by_tables(text):
    parser, tokens = Automaton(text, Named()), []
    try:
        while (token := parser.next_token()) is not None:
            tokens.append((token.type, str(token), token.start, token.end))
            parser.feed(token)
        return tokens, parser.finish(), set()
    except Refused as refused:
        return tokens, refused.at, parser.accepts()


@settings(max_examples=300)
@given(any_text | valid_texts())
@example("")
@example("tree\n  a = 1 2")
@example("tree\n  a [x=1,")
@example("labels\n  a/b = *\n  tolerance 3\n  rgb = rgb(1, 2, 3), 4")
@example("edit\n  merge a, b/c as d\n  graft x under y\n  drop")
def test_a_text_is_read_as_by_lark(text):
    assert by_tables(f"\n{text}\n") == by_lark(f"\n{text}\n")
    assert by_tables(text) == by_lark(text)


@pytest.mark.parametrize("text", BUNDLED)
def test_a_bundled_file_is_read_as_by_lark_wherever_it_stops(text):
    for end in range(0, len(text), 97):
        assert by_tables("\n" + text[:end]) == by_lark("\n" + text[:end])
