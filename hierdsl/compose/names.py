"""The nodes of a tree by name. Nothing of it changes while parts of the tree move."""

from collections import OrderedDict
from collections.abc import Collection

from hierdsl.compose.twig import Twig


class Names:
    """Nodes by name, those of one name in the order in which they came in or got it."""

    def __init__(self) -> None:
        # most names have one node: an ordered dictionary for each would be most of the memory of the tree
        self._nodes: dict[str, Twig | OrderedDict[Twig, None] | None] = {}
        self._entered = 0

    def add(self, twig: Twig) -> None:
        """A node has come in, or has got the name that it has."""
        self._entered += 1
        twig.entered = self._entered
        name = twig.name.text
        there = self._nodes.get(name)
        if there is None:
            self._nodes[name] = twig
        elif isinstance(there, Twig):
            self._nodes[name] = OrderedDict.fromkeys((there, twig))
        else:
            there[twig] = None

    def remove(self, twig: Twig) -> None:
        """A node has left, or is about to get another name."""
        there = self._nodes[twig.name.text]
        if isinstance(there, OrderedDict):
            del there[twig]
        else:
            self._nodes[twig.name.text] = None

    def get(self, name: str) -> Collection[Twig]:
        """The nodes of one name."""
        there = self._nodes.get(name)
        return () if there is None else (there,) if isinstance(there, Twig) else there

    def __contains__(self, twig: Twig) -> bool:
        return twig in self.get(twig.name.text)

    def known(self) -> list[str]:
        """All names, for suggestions; what stands for a line that could not be read has none."""
        return [name for name, there in self._nodes.items() if there and not name.startswith("\0")]
