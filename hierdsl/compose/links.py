"""Trees whose parts move: what lies above a node, in a time that grows with the logarithm of their size.

The link-cut trees of Sleator and Tarjan (1983). A tree is cut into ways down; each way is a splay tree in the order
of its nodes, and the top of a splay tree points to the node that its way hangs on.
"""


class Link:
    """A node of such a tree.

    Attributes:
        weight: A number that is summed up along the way from the top.
        up: The parent in the splay tree; for its top the node that the way hangs on. A new node may be hung on
            another one by this alone.
        left: What comes before it on its way, nearer to the top of the whole tree.
        right: What comes behind.
        total: The weights of this splay tree.
    """

    __slots__ = ("left", "right", "total", "up", "weight")

    def __init__(self, weight: int = 0) -> None:
        self.weight = self.total = weight
        self.up: Link | None = None
        self.left: Link | None = None
        self.right: Link | None = None

    def part(self) -> None:
        """Take the node, with all below it, out of its tree."""
        _expose(self)
        if self.left is not None:
            self.left.up = None
            self.left = None
            self.total = self.weight

    def join(self, above: "Link") -> None:
        """Put the node, which is the top of its tree, under one of another tree."""
        _expose(self)
        self.up = above

    def top(self) -> "Link":
        """The top of the tree that the node is in."""
        _expose(self)
        node = self
        while node.left is not None:
            node = node.left
        _splay(node)
        return node

    def weigh(self) -> int:
        """The sum of the weights from the top down to this node."""
        _expose(self)
        return self.total


def _expose(node: Link) -> None:
    """Make the way from the top of the tree to a node one splay tree, with the node at its top."""
    below: Link | None = None
    at: Link | None = node
    while at is not None:
        _splay(at)
        at.right = below
        _sum(at)
        below, at = at, at.up
    _splay(node)


def _splay(node: Link) -> None:
    while (parent := _parent(node)) is not None:
        above = _parent(parent)
        if above is not None:
            straight = (above.left is parent) == (parent.left is node)
            _rotate(parent if straight else node)
        _rotate(node)


def _parent(node: Link) -> Link | None:
    """The parent in the same splay tree."""
    up = node.up
    return up if up is not None and (up.left is node or up.right is node) else None


def _rotate(node: Link) -> None:
    """Exchange a node and its parent in their splay tree."""
    parent = node.up
    assert parent is not None  # noqa: S101 - for the type checker: only nodes with a parent are rotated
    above = parent.up
    if parent.left is node:
        inner, node.right = node.right, parent
        parent.left = inner
    else:
        inner, node.left = node.left, parent
        parent.right = inner
    if inner is not None:
        inner.up = parent
    if above is not None:
        if above.left is parent:
            above.left = node
        elif above.right is parent:
            above.right = node
    parent.up, node.up = node, above
    _sum(parent)
    _sum(node)


def _sum(node: Link) -> None:
    node.total = node.weight + (node.left.total if node.left else 0) + (node.right.total if node.right else 0)
