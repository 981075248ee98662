"""A node of a tree that can be changed, and its children."""

from collections import OrderedDict
from collections.abc import Collection, Iterator

from hierdsl.compose.links import Link
from hierdsl.scope import quote
from hierdsl.source import Source
from hierdsl.syntax import NodeDecl
from hierdsl.syntax.ast import Ident
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read


class Children:
    """Children of one node in their order, by themselves and by name.

    They know their parent through this, so that all of them can get another one at once. By name they are listed
    from when that is asked for the first time. Ordered dictionaries, since a plain one keeps a gap for each node that
    has left it, which the next walk must cross.
    """

    __slots__ = ("members", "named", "owner")

    def __init__(self, owner: "Twig") -> None:
        self.owner = owner
        self.members: OrderedDict[Twig, None] = OrderedDict()
        self.named: dict[str, OrderedDict[Twig, None]] | None = None

    def add(self, child: "Twig", *, last: bool = True) -> None:
        """Put a child behind the others, or before them."""
        child.home = self
        self.members[child] = None
        if not last:
            self.members.move_to_end(child, last=False)
        self.note(child)

    def remove(self, child: "Twig") -> None:
        """Take a child out."""
        child.home = None
        del self.members[child]
        self.forget(child)

    def note(self, child: "Twig") -> None:
        """List a child by its name."""
        if self.named is not None:
            self.named.setdefault(child.name.text, OrderedDict())[child] = None

    def forget(self, child: "Twig") -> None:
        """List a child no longer by its name."""
        if self.named is not None:
            del self.named[child.name.text][child]

    def called(self, name: str) -> Collection["Twig"]:
        """The children of one name."""
        if self.named is None:
            self.named = {}
            for child in self.members:
                self.note(child)
        return self.named.get(name, ())


class Twig(Link):
    """A node: its declaration, its name now, its place; `into` is the node that took it up, if one did.

    As a `Link` it weighs 1 where it is declared as ignored. A node that took up others keeps them hanging on itself
    as links: what has come under it with them lies below it by way of them.
    """

    __slots__ = ("below_it", "decl", "entered", "home", "into", "name", "source")

    def __init__(self, decl: NodeDecl | None, name: Ident, source: Source) -> None:
        flagged = decl is not None and decl.attributes and "ignore" in read(decl.attributes, NODE_ATTRIBUTES)
        super().__init__(1 if flagged else 0)
        self.decl = decl
        self.name = name
        self.source = source
        self.home: Children | None = None
        self.below_it: Children | None = None
        self.into: Twig | None = None
        self.entered = 0

    @property
    def parent(self) -> "Twig | None":
        """The node above it."""
        return self.home.owner if self.home is not None else None

    @property
    def children(self) -> Collection["Twig"]:
        """The nodes directly below it, in their order."""
        return self.below_it.members if self.below_it is not None else ()

    @property
    def is_ignored(self) -> bool:
        """Whether it, or a node above it, is declared as ignored."""
        return self.weigh() > 0

    def called(self, name: str) -> Collection["Twig"]:
        """The children of one name."""
        return self.below_it.called(name) if self.below_it is not None else ()

    def put(self, child: "Twig") -> None:
        """Put a node that lies nowhere, with all below it, behind the children."""
        if self.below_it is None:
            self.below_it = Children(self)
        self.below_it.add(child)

    def move_last(self, child: "Twig") -> None:
        """Put a child behind the others."""
        if self.below_it is not None:
            self.below_it.members.move_to_end(child)

    def take_up(self, other: "Twig") -> None:
        """Become what another node, which lies nowhere any more, was too; its children come behind the own ones."""
        other.into = self
        other.weight = other.total = 0  # what it said of itself does not count for the two
        other.join(self)
        mine, theirs = self.below_it, other.below_it
        other.below_it = None
        if theirs is None or not theirs.members:
            return
        if mine is None or len(mine.members) < len(theirs.members):  # the fewer move
            for child in reversed(mine.members) if mine else ():
                theirs.add(child, last=False)
            theirs.owner, self.below_it = self, theirs
        else:
            for child in theirs.members:
                mine.add(child)

    def last(self) -> "Twig":
        """The node that this one is part of now; itself if it was never taken up."""
        end = self
        while end.into is not None:
            end = end.into
        while self.into is not None:  # so that a long way is gone once
            self.into, self = end, self.into  # noqa: PLW0642 - the node walks up
        return end

    def path(self) -> str:
        """As a reference would write it."""
        parts, twig = [], self
        while (parent := twig.parent) is not None:
            parts.append(quote(twig.name.text))
            twig = parent
        return "/".join(reversed(parts)) or quote(self.name.text)

    def below(self) -> Iterator["Twig"]:
        """This node and all below it, depth first."""
        stack = [self]
        while stack:
            twig = stack.pop()
            yield twig
            if twig.below_it is not None:
                stack += reversed(twig.below_it.members)
