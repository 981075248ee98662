"""What `hierdsl.compose.forest` does, in the plainest way: lists, and a look at each node for each question."""

from hierdsl.compose.find import MANY, Nodes
from hierdsl.compose.forest import Listed, Maps
from hierdsl.scope import quote
from hierdsl.source import Span
from hierdsl.syntax.ast import Ident
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read


class PlainTwig:
    def __init__(self, decl, name, source):
        self.decl, self.name, self.source = decl, name, source
        self.parent = self.into = None
        self.children = []
        self.weight = int(decl is not None and "ignore" in read(decl.attributes, NODE_ATTRIBUTES))

    @property
    def is_ignored(self):
        return any(twig.weight for twig in self.upwards())

    def upwards(self):
        twig = self
        while twig is not None:
            yield twig
            twig = twig.parent

    def last(self):
        return self if self.into is None else self.into.last()

    def path(self):
        return "/".join(quote(t.name.text) for t in [*self.upwards()][-2::-1]) or quote(self.name.text)

    def below(self):
        yield self
        for child in self.children:
            yield from child.below()


class PlainForest:
    def __init__(self, scope, name, _references=()):
        self.root = PlainTwig(None, Ident(name or "\0", Span(0, 0)), scope.document.source)
        self.nodes = self  # finds them too
        self.edits = 0
        self.order = []
        self.seen = {}
        twigs = []
        for node in scope.nodes:
            twig = PlainTwig(node, node.name, node.source)
            self._hang(twig, twigs[node.parent] if node.parent >= 0 else self.root)
            self._enter(twig)
            twigs.append(twig)
        if name is not None:
            self._enter(self.root)
        self.label_maps, self.mirror, self.size = {}, [], len(twigs)
        if name is not None:
            for key, label_map in scope.label_maps.items():
                uses = [
                    Listed(ids, twigs[node] if node >= 0 else None, source)
                    for ids, node, source in label_map.uses
                ]
                self.label_maps[key] = Maps(uses, label_map.has_star, label_map.tolerance)
            self.mirror = [(twigs[left], twigs[right]) for left, right in scope.mirror]
        elif own := [Listed(ids, t, scope.document.source) for t in twigs for ids in t.decl.ids]:
            self.label_maps[""] = Maps(own)

    def _hang(self, twig, parent):
        twig.parent = parent
        parent.children.append(twig)

    def _unhang(self, twig):
        if twig.parent is not None:
            twig.parent.children.remove(twig)
        twig.parent = None

    def _enter(self, twig):
        self.order.append(twig)
        self.seen[twig.name.text] = None

    def attach(self, twig, parent):
        self.edits += 1
        self._hang(twig, parent)
        for each in twig.below():
            self._enter(each)

    def detach(self, twig):
        self.edits += 1
        for each in twig.below():
            self.order.remove(each)
        self._unhang(twig)

    def move(self, twig, parent):
        self.edits += 1
        self._unhang(twig)
        self._hang(twig, parent)

    def unite(self, first, others):
        self.edits += 1
        for other in others:
            self.order.remove(other)
            self._unhang(other)
            for child in list(other.children):
                self.move(child, first)
            other.into = first

    def absorb(self, twig, others):
        for other in others:
            other.into = twig

    def rename(self, twig, name, source):
        self.edits += 1
        self.order.remove(twig)
        twig.name, twig.source = name, source
        self._enter(twig)

    def sort(self, tops):
        self.root.children = list(tops)

    def find(self, reference, *, whole=False):
        found = [twig for twig in self.order if self._fits(twig, reference)]
        found = [twig for twig in found if whole or twig is not self.root]
        return Nodes(len(found), found[:MANY])

    def _fits(self, twig, reference):
        names = [each.name.text for each in twig.upwards()][::-1]
        if reference.anchored:
            return names[1:] == list(reference.parts)
        return names[-len(reference.parts) :] == list(reference.parts)

    def __contains__(self, twig):
        return twig in self.order

    def names(self):
        there = {twig.name.text for twig in self.order}
        return [name for name in self.seen if name in there and not name.startswith("\0")]


def lies_above(twigs, others):
    above = {each for other in others for each in other.upwards()}
    return {twig for twig in twigs if twig in above}
