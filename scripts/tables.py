"""Write the tables of the parser from the grammar, with Lark (https://github.com/lark-parser/lark).

    python scripts/tables.py [-o FILE.py]

The grammar, grammars/hierdsl.lark, is the only source of the language; reading it and working out the states of the
parser takes longer than all else that a user waits for. So that is done here, once for each change of the grammar,
and what comes out is hierdsl/syntax/tables.py, plain data that hierdsl/syntax/automaton.py runs on. `make tables`
writes it; tests/language/test_tables.py holds that it is what the grammar gives, and that Lark reads texts the same.
"""  # noqa: INP001 - a script

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from lark import Lark
from lark.grammar import Rule, Symbol
from lark.lexer import BasicLexer
from lark.parsers.lalr_analysis import Shift

from hierdsl.resources import grammar_text

HEAD = '''\
"""What the parser does in each state: written by scripts/tables.py from grammars/hierdsl.lark, not by hand.

- `TERMINALS`: the expression of each token, in the order in which they are tried; `IGNORED` is dropped.
- `RULES`: name, number of symbols, and which of their values are kept; of those that are True the parts are.
- `STATES`: for each symbol that may follow the state that comes next, or ~n to reduce by rule n. It starts in
  state 0, and ends in the one behind `start` there.
"""
# ruff: noqa: E501, Q000, RUF005, RUF100
# fmt: off

'''


def build(text: str) -> Lark:
    """Lark's own parser of a grammar."""
    return Lark(text, parser="lalr", lexer="contextual")


def kept(rule: Rule) -> tuple[tuple[int, bool], ...]:
    """The positions of the symbols whose values a rule keeps, and whether each is replaced by its parts.

    As Lark does it: punctuation and what starts with `_` is dropped, and the rules of that form are replaced.
    """
    return tuple(
        (position, not symbol.is_term and symbol.name.startswith("_"))
        for position, symbol in enumerate(rule.expansion)
        if not (symbol.is_term and symbol.filter_out)
    )


def plain(rule: Rule) -> bool:
    """Whether a rule needs nothing that the automaton does not do."""
    options = rule.options
    return not (rule.alias or options.expand1 or options.keep_all_tokens or any(options.empty_indices))


def numbered(states: dict[int, dict[str, Any]], start: int) -> dict[int, int]:
    """New numbers of the states, by their distance from the first: those of Lark differ from run to run."""
    numbers = {start: 0}
    for state in (queue := [start]):
        for _, (action, target) in sorted(states[state].items()):
            if action is Shift and target not in numbers:
                numbers[target] = len(numbers)
                queue.append(target)
    return numbers


def module(lark: Lark) -> str:
    """The text of the module."""
    lexer = lark.parser.lexer.root_lexer
    assert isinstance(lexer, BasicLexer)  # noqa: S101 - of our own options
    _ = lexer.scanner
    if lexer.callback or not all(map(plain, lark.rules)):
        raise click.ClickException(
            "the grammar uses something of Lark's that hierdsl/syntax/automaton.py lacks"
        )
    rules = sorted(
        lark.rules, key=lambda rule: (rule.origin.name, [symbol.name for symbol in rule.expansion])
    )
    index = {rule: position for position, rule in enumerate(rules)}
    table = lark.parser.parser._parse_table  # noqa: SLF001 - what Lark.save writes, which is a pickle
    numbers = numbered(table.states, table.start_states["start"])
    states = [
        {
            symbol: numbers[target] if action is Shift else ~index[target]
            for symbol, (action, target) in sorted(table.states[state].items())
        }
        for state in numbers
    ]
    return HEAD + "\n".join(
        [
            "TERMINALS: dict[str, str] = {",
            *(f"    {terminal.name!r}: {terminal.pattern.to_regexp()!a}," for terminal in lexer.terminals),
            "}",
            f"IGNORED: frozenset[str] = frozenset({sorted(lark.ignore_tokens)!r})",
            "RULES: tuple[tuple[str, int, tuple[tuple[int, bool], ...]], ...] = (",
            *(f"    {_rule(rule)},  # {~index[rule]}: {_names(rule.expansion)}" for rule in rules),
            ")",
            "STATES: tuple[dict[str, int], ...] = (",
            *(f"    {actions!r},  # {number}" for number, actions in enumerate(states)),
            ")",
            "",
        ]
    )


def _rule(rule: Rule) -> str:
    return repr((str(rule.origin.name), len(rule.expansion), kept(rule)))


def _names(symbols: Iterable[Symbol]) -> str:
    return " ".join(symbol.name for symbol in symbols)


@click.command(help=__doc__)
@click.option(
    "-o",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(__file__).resolve().parents[1] / "hierdsl" / "syntax" / "tables.py",
    help="Where to write it.",
)
def main(out: Path) -> None:
    """See the top."""
    out.write_text(module(build(grammar_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
