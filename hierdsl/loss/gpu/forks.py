"""A tree as `hierdsl.loss.gpu.unrolled` is compiled for it: numbers that are constants of the kernel.

A fork is a node with several children, or the root. The nodes of a chain, each the only child of the one above, have
the same leaves below: they are one fork, or one leaf. So there are fewer forks than leaves, however many levels.

NumPy only: no Triton is loaded to make the plan.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierdsl.compiler import CompiledHierarchy
from hierdsl.loss.shape import shape_of
from hierdsl.weighting.weighting import in_cut

MOST = 224
"""Leaves and forks of a tree that is unrolled: about what a lane has registers for."""
_WIDEST = 16  # channels of a tile

Numbers = tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """A tree of C leaves and F forks, children before their parents, the root last: one constant of a kernel.

    It is recognised at a launch by being the same object, and in a cache of compiled kernels by how it is printed.

    The channels are read in T tiles of neighbours, each a power of two wide. Where a fork has leaves in a tile, there
    is a piece: which forks have which leaves in it, as bits from its first channel on.

    Attributes:
        levels: D.
        turns: J, how many forks that are in some cut a way has at most.
        leaves: C.
        channels: The first channel of each tile, (T,).
        widths: How many each tile has, (T,).
        piece_forks: The fork of each piece, one tile after the other.
        piece_leaves: Its leaves, as bits.
        first_piece: Where in both the pieces of each tile start, (T + 1,).
        part_tiles: The tile of each piece again, one fork after the other.
        part_leaves: Its leaves, as bits.
        first_part: Where in both the pieces of each fork start, (F + 1,).
        forks: The forks that are children of each fork, (F - 1,).
        first_fork: Where in `forks` those of each fork start, (F + 1,).
        turn: Which one each fork is among those on the way from the root that are in some cut, (F,); -1 for one that
            is in none, and for the root.
        place: Which one each fork is where each is put behind its parent, the children of a fork together, (F,).
    """

    levels: int
    turns: int
    leaves: int
    channels: Numbers
    widths: Numbers
    piece_forks: Numbers
    piece_leaves: Numbers
    first_piece: Numbers
    part_tiles: Numbers
    part_leaves: Numbers
    first_part: Numbers
    forks: Numbers
    first_fork: Numbers
    turn: Numbers
    place: Numbers

    @cached_property
    def text(self) -> str:
        """What `read` reads."""
        return json.dumps([getattr(self, field.name) for field in fields(self)])

    @cached_property
    def _name(self) -> str:
        return f"tree_{hashlib.sha256(self.text.encode()).hexdigest()}"

    def __repr__(self) -> str:
        return self._name


class Targets(NamedTuple):
    """What a plan needs to know of each target, beside it.

    With W words of 32 bits for F forks:

    Attributes:
        entries: The channel of the leaf that a target's chain ends in, -1 for none; which forks are on the way to it,
            as the bits of W words, the target's own among them; and which of these have it, or what it lies under, as
            a child: (V + 1, 1 + 2 * W) int32. The last row is that of a pixel that does not count.
        turns: Which term the node is that is its group at each level, (V, D) int32: a turn of the plan; J for its
            leaf and the chain of that; J + 1 for one that is certain, and where it has no group.
        shared: The node that is one with each leaf and, behind these, each fork, in the cut of each level: (C + F, D)
            int32, -1 for none, and for the root, which is certain.
    """

    entries: NDArray[Any]
    turns: NDArray[Any]
    shared: NDArray[Any]


@lru_cache(maxsize=64)
def plan_of(compiled: CompiledHierarchy) -> tuple[str, Targets]:
    """The plan as a text, which goes through operators of torch as it is, and the tables of targets beside it.

    The text is for `read`, and empty for a tree that is too large.
    """
    levels, leaves = compiled.num_levels, compiled.num_leaves
    nothing = Targets(*np.zeros((3, 0, levels), np.int32))
    if leaves > MOST:
        return "", nothing
    found = _Forks(compiled)
    if leaves + len(found.chains) > MOST:
        return "", nothing
    return found.plan().text, Targets(found.entries(), found.turns_of_targets(), found.shared())


@lru_cache(maxsize=64)
def read(text: str) -> Plan:
    """The plan that a text of `plan_of` tells."""
    levels, turns, leaves, *lists = json.loads(text)
    return Plan(levels, turns, leaves, *map(tuple, lists))


class _Forks:
    """Walks down a tree once."""

    def __init__(self, compiled: CompiledHierarchy) -> None:
        shape = shape_of(compiled)
        self.num_leaves, self.num_nodes = compiled.num_leaves, compiled.num_nodes
        self.node, self.in_cut = shape.node, in_cut(compiled)
        self.children: list[list[int]] = [[] for _ in shape.children]
        for v, above in enumerate(shape.up.tolist()):
            self.children[above].append(v)
        self.chains: list[list[int]] = []
        self.leaf_chains: list[list[list[int]]] = []  # of the leaves that are children of each fork
        self.forks: list[list[int]] = []
        self._gather()
        self.turn = self._turns()

    def below(self, v: int) -> list[int]:
        """The children of a node; the root is node V."""
        return self.children[v - self.num_leaves] if v >= self.num_leaves else []

    def _gather(self) -> None:
        """Find the forks, children before their parents."""
        fork_of: dict[int, int] = {}
        waiting = [(self.num_nodes, False)]
        while waiting:
            top, seen = waiting.pop()
            chain = self._chain(top)
            ends = self.below(chain[-1])
            if not seen:
                waiting.append((top, True))
                waiting.extend((u, False) for u in reversed(ends) if self._chain(u)[-1] >= self.num_leaves)
                continue
            chains = [self._chain(u) for u in ends]
            self.leaf_chains.append([below for below in chains if below[-1] < self.num_leaves])
            self.forks.append([fork_of[below[0]] for below in chains if below[-1] >= self.num_leaves])
            fork_of[top] = len(self.chains)
            self.chains.append(chain)

    def _chain(self, v: int) -> list[int]:
        """A node and the only children below it, one after the other; below the root no leaf."""
        chain = [v]
        while len(below := self.below(chain[-1])) == 1 and (
            below[0] >= self.num_leaves or v < self.num_nodes
        ):
            chain += below
        return chain

    def _turns(self) -> list[int]:
        """See `Plan.turn`."""
        found, above = [-1] * len(self.chains), [0] * len(self.chains)
        for fork in range(len(self.chains) - 1, -1, -1):
            if fork < len(self.chains) - 1 and any(map(self._in_some_cut, self.chains[fork])):
                found[fork] = above[fork]
            for below in self.forks[fork]:
                above[below] = above[fork] + (found[fork] >= 0)
        return found

    def turns_of_targets(self) -> NDArray[Any]:
        """See `Targets`."""
        turns = max(self.turn) + 1
        of_node = np.full(self.num_nodes + 1, turns + 1)
        for chain, turn in zip(self.chains, self.turn, strict=True):
            of_node[chain] = turns + 1 if turn < 0 else turn
        for below in self.leaf_chains:
            for chain in below:
                of_node[chain] = turns
        of_node[-1] = turns + 1
        found: NDArray[Any] = of_node[self.node].astype(np.int32)  # -1, no group, is the root
        return found

    def entries(self) -> NDArray[Any]:
        """See `Targets`."""
        forks = len(self.chains)
        leaf = np.full(self.num_nodes + 1, -1, np.int32)
        way, opened = np.zeros((2, self.num_nodes + 1, -(-forks // 32) * 32), np.bool_)
        for fork in range(
            forks - 1, -1, -1
        ):  # parents before their children: what is known of a fork is whole
            top = self.chains[fork][0]
            way[self.chains[fork], fork] = True
            for f in self.forks[fork]:
                way[self.chains[f]] = way[top]
                opened[self.chains[f]] = way[top]
            for chain in self.leaf_chains[fork]:
                way[chain], opened[chain], leaf[chain] = way[top], way[top], chain[-1]
        way[-1], opened[-1] = False, False  # the root is no target, but a pixel that does not count
        return np.column_stack([leaf, _words(way), _words(opened)])

    def shared(self) -> NDArray[Any]:
        """See `Targets`."""
        leaf_chains = {chain[-1]: chain for below in self.leaf_chains for chain in below}
        chains = [leaf_chains[leaf] for leaf in range(self.num_leaves)] + self.chains[:-1] + [[]]
        found = np.full((len(chains), self.node.shape[1]), -1, np.int32)
        for row, chain in zip(found, chains, strict=True):
            for v in chain:
                row[self.in_cut[:, v]] = v
        return found

    def _in_some_cut(self, v: int) -> bool:
        return v < self.num_nodes and bool(self.in_cut[:, v].any())

    def plan(self) -> Plan:
        """What was found."""
        place, count = [0] * len(self.chains), 1
        for below in reversed(self.forks):
            for fork in below:
                place[fork], count = count, count + 1
        tiles = _tiles(self.num_leaves)
        fork_of = {chain[-1]: fork for fork, below in enumerate(self.leaf_chains) for chain in below}
        pieces = [_pieces([fork_of[c] for c in range(first, first + width)]) for first, width in tiles]
        parts = [
            [(tile, of[fork]) for tile, of in enumerate(pieces) if fork in of]
            for fork in range(len(self.chains))
        ]
        return Plan(
            self.node.shape[1],
            max(self.turn) + 1,
            self.num_leaves,
            tuple(first for first, _ in tiles),
            tuple(width for _, width in tiles),
            tuple(fork for of in pieces for fork in of),
            tuple(bits for of in pieces for bits in of.values()),
            _starts(pieces),
            tuple(tile for of in parts for tile, _ in of),
            tuple(bits for of in parts for _, bits in of),
            _starts(parts),
            tuple(fork for below in self.forks for fork in below),
            _starts(self.forks),
            tuple(self.turn),
            tuple(place),
        )


def _tiles(leaves: int) -> list[tuple[int, int]]:
    """First channel and width of each tile."""
    found, at = [], 0
    while at < leaves:
        width = min(_WIDEST, 1 << (leaves - at).bit_length() - 1)
        found.append((at, width))
        at += width
    return found


def _pieces(forks: list[int]) -> dict[int, int]:
    """The forks that the channels of a tile are children of, and the channels of each, as bits."""
    found: dict[int, int] = {}
    for place, fork in enumerate(forks):
        found[fork] = found.get(fork, 0) | 1 << place
    return found


def _words(bits: NDArray[np.bool_]) -> NDArray[Any]:
    """Rows of bits as words of 32 of them, the first the least."""
    found: NDArray[Any] = np.packbits(bits, axis=1, bitorder="little").view("<i4").astype(np.int32)
    return found


def _starts(lists: list[Any]) -> Numbers:
    return (0, *np.cumsum([len(one) for one in lists]).tolist())
