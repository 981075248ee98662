"""Read a text by the tables of the grammar, `hierdsl.syntax.tables`: an LALR(1) parser and its lexer.

The lexer is contextual: it looks only for the tokens that can follow, so that a keyword is one only where it may
stand. The parser is fed token by token and can be put back, which is what going on behind an error needs. What is
declared by a rule, and what to do about an error, is said elsewhere.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Self

from hierdsl.syntax.tables import IGNORED, RULES, STATES, TERMINALS

_ACCEPTED = STATES[0]["start"]
_Match = Callable[[str, int], re.Match[str] | None]


class Token(str):
    """A piece of the text with its type, the name of a terminal, and its place, half-open."""

    __slots__ = ("end", "start", "type")

    type: str
    start: int
    end: int

    def __new__(cls, kind: str, text: str, start: int) -> Self:
        """A token that starts at an offset."""
        token = super().__new__(cls, text)
        token.type, token.start, token.end = kind, start, start + len(text)
        return token


class Refused(Exception):  # noqa: N818 - it is no error of the program
    """The text cannot go on like this at offset `at`."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Automaton:
    """One parse.

    Attributes:
        at: Where the lexer reads on.
        states: The states of the parser, the current one last.
        values: What stands between them: tokens, and what rules have made of them.
    """

    def __init__(self, text: str, rules: object) -> None:
        """Begin.

        Args:
            text: What to read.
            rules: Has for each rule of the grammar a method of its name, which takes the list of its values. Rules
                that start with `_` have none: their values become values of the rule that they stand in.
        """
        self.at = 0
        self.states = [0]
        self.values: list[Any] = []
        self._text = text
        self._methods = [None if name.startswith("_") else getattr(rules, name) for name, _, _ in RULES]

    def next_token(self) -> Token | None:
        """Read the next token, None at the end of the text.

        Raises:
            Refused: There is none of those that can follow.
        """
        tried = _tried(self.states[-1])
        while self.at < len(self._text):
            start = self.at
            for kind, matcher in tried:
                if match := matcher(self._text, start):
                    self.at = match.end()
                    if kind not in IGNORED:
                        return Token(kind, match[0], start)
                    break
            else:
                raise Refused(start)
        return None

    def feed(self, token: Token) -> None:
        """Take a token in.

        Raises:
            Refused: It cannot follow; the rules that end before it are reduced all the same.
        """
        while (action := STATES[self.states[-1]].get(token.type)) is not None:
            if action >= 0:
                self.states.append(action)
                self.values.append(token)
                return
            self._reduce(~action)
        raise Refused(token.start)

    def finish(self) -> Any:
        """The value of the whole text.

        Raises:
            Refused: It cannot end here.
        """
        while (action := STATES[self.states[-1]].get("$END")) is not None:
            self._reduce(~action)
            if self.states[-1] == _ACCEPTED:
                return self.values[-1]
        raise Refused(self.at)

    def accepts(self) -> frozenset[str]:
        """The types of the tokens that could follow, `$END` for the end of the text."""
        return frozenset(filter(self._would_accept, STATES[self.states[-1]]))

    def _would_accept(self, symbol: str) -> bool:
        if symbol not in TERMINALS and symbol != "$END":
            return False
        states = self.states.copy()
        while (action := STATES[states[-1]].get(symbol)) is not None:
            if action >= 0:
                return True
            name, length, _ = RULES[~action]
            del states[len(states) - length :]
            states.append(STATES[states[-1]][name])
            if states[-1] == _ACCEPTED:
                return True
        return False

    def _reduce(self, rule: int) -> None:
        """Replace the values of a rule's symbols by the value of the rule."""
        name, length, kept = RULES[rule]
        start = len(self.values) - length
        found = self.values[start:]
        parts: list[Any] = []
        for position, is_list in kept:
            if not is_list:
                parts.append(found[position])
            elif parts:
                parts += found[position]
            else:  # nobody else has the list; to copy it for each line would take quadratic time
                parts = found[position]
        del self.values[start:], self.states[start + 1 :]
        method = self._methods[rule]
        self.values.append(parts if method is None else method(parts))
        self.states.append(STATES[self.states[-1]][name])


@cache
def _tried(state: int) -> list[tuple[str, _Match]]:
    """The terminals that can follow a state, in the order in which they are tried."""
    return [(name, _matcher(name)) for name in TERMINALS if name in STATES[state] or name in IGNORED]


@cache
def _matcher(terminal: str) -> _Match:
    # each by itself: an expression of all that can follow is faster by little, and takes long to make for each state
    return re.compile(TERMINALS[terminal]).match
