"""The edits of a tree, one function each; an edit that cannot be done changes nothing and is reported."""

from collections.abc import Iterator

from hierdsl.compose.forest import Forest, Twig
from hierdsl.diagnostics import Annotation, Diagnostic, Edit, nearest
from hierdsl.scope import MAX_COMPARISONS, quote
from hierdsl.source import Source
from hierdsl.syntax import CollapseDecl, DropDecl, GraftDecl, MergeDecl, Reference, RenameDecl, TreeEdit
from hierdsl.syntax.attributes import NODE_ATTRIBUTES, read

_MANY = 5
"""Candidates of an ambiguous reference that are shown."""


class Editor:
    """Does the edits of one section to a forest.

    Attributes:
        diagnostics: What could not be done.
        grafts: The parts that were taken out, with what they go under: None for the top.
    """

    def __init__(
        self,
        source: Source,
        forest: Forest,
        host: Forest | None,
        keyword: Annotation,
        *,
        complete: bool = True,
    ) -> None:
        """Edits that stand in `source`; a graft goes to `host`, or for None stays in the forest itself.

        Where the forest is not complete, what an edit names may be missing without a mistake of its own.
        """
        self._complete = complete
        self.source = source
        self.forest = forest
        self.host = host
        self.keyword = keyword
        self.diagnostics: list[Diagnostic] = []
        self._comparisons = 0
        self._emptied: dict[Twig, Reference] = {}
        self.grafts: list[tuple[Twig, Twig | None]] = []

    def apply(self, edit: TreeEdit) -> None:
        """Do one edit."""
        match edit:
            case GraftDecl():
                self._graft(edit)
            case DropDecl():
                for reference in edit.nodes:
                    self._drop(reference)
            case CollapseDecl():
                for reference in edit.nodes:
                    self._collapse(reference)
            case MergeDecl():
                self._merge(edit)
            case RenameDecl():
                self._rename(edit)

    def _graft(self, edit: GraftDecl) -> None:
        twig = self._one(self.forest, edit.node, whole=True)
        target: Twig | None = None
        if edit.under:
            target = self._one(self.host or self.forest, edit.under)
            if target is None:
                return
        if twig is None:
            return
        if self.host is None:
            if twig is self.forest.root or (target and twig in _upwards(target)):
                self._invalid(edit.node, f"'{twig.name.text}' cannot go under itself", "choose another node")
                return
            self._leave(edit.node, [twig])
            self.forest.detach(twig)
            self.forest.attach(twig, target or self.forest.root)
            return
        parts = list(twig.children) if twig is self.forest.root else [twig]
        for part in parts:
            self.forest.detach(part)
            self.grafts.append((part, target))

    def _drop(self, reference: Reference) -> None:
        twig = self._one(self.forest, reference)
        if twig is not None:
            self._leave(reference, [twig])
            self.forest.detach(twig)

    def _collapse(self, reference: Reference) -> None:
        twig = self._one(self.forest, reference)
        if twig is None:
            return
        if twig in self._emptied and not twig.children:
            del self._emptied[twig]  # it lost its children above, and now is a class on purpose
        elif not twig.children:
            self._no_effect(reference, f"'{twig.name.text}' is a class already")
        else:
            below = [each for each in twig.below() if each is not twig]
            off = _ignored(twig)
            for child in list(twig.children):
                self.forest.detach(child)
            self.forest.absorb(twig, (each for each in below if each not in off))

    def _merge(self, edit: MergeDecl) -> None:
        twigs: list[Twig] = []
        for reference in edit.nodes:
            twig = self._one(self.forest, reference)
            if twig is None:
                return
            if twig in twigs:
                self._invalid(reference, f"'{twig.name.text}' cannot be merged with itself", "name it once")
                return
            twigs.append(twig)
        above = {each for twig in twigs for each in _upwards(twig.parent)}
        for twig, reference in zip(twigs, edit.nodes, strict=True):
            if twig in above:
                mend = f"collapse it instead: collapse {self.source.slice(reference.span)}"
                self._invalid(reference, f"'{twig.name.text}' lies above another of the merged nodes", mend)
                return
        ignored = [any(_flagged(each) for each in _upwards(twig)) for twig in twigs]
        if any(ignored) and not all(ignored):
            odd = edit.nodes[ignored.index(not ignored[0])]
            self._invalid(
                odd, "an ignored node cannot be merged with one that counts", "drop the ignored one instead"
            )
            return
        first, *others = twigs
        emptied = [twig for twig in others if twig.parent is not first.parent]
        self._leave(edit.nodes[-1], emptied)
        self.forest.rename(first, edit.name, self.source)
        for twig in others:
            children = list(twig.children)
            self.forest.detach(twig)
            twig.children.clear()
            for child in children:
                self.forest.attach(child, first)
        self.forest.absorb(first, others)

    def _rename(self, edit: RenameDecl) -> None:
        twig = self._one(self.forest, edit.node)
        if twig is None:
            return
        if twig.name.text == edit.name.text:
            self._no_effect(edit.node, f"'{twig.name.text}' has that name already")
        else:
            self.forest.rename(twig, edit.name, self.source)

    def _one(self, forest: Forest, reference: Reference, *, whole: bool = False) -> Twig | None:
        """The node of a reference; None where there is none or more than one, which is reported.

        The root, which stands for a used file as a whole, is a node only where that is asked for.
        """
        found = forest.find(reference)
        if not whole:
            found = [twig for twig in found if twig is not forest.root]
        if len(found) == 1:
            return found[0]
        if not found and not self._complete:
            return None  # it may stand on a line that could not be read
        written = self.source.slice(reference.span)
        if not found:
            close = None
            if self._comparisons <= MAX_COMPARISONS:
                known = forest.names()
                self._comparisons += len(known)
                close = nearest(reference.parts[-1], known)
            what = f"the used file '{forest.root.name.text}'" if forest.root.name.text != "\0" else "the tree"
            self._report(
                "H208",
                f"{what} has no node '{written}'",
                reference,
                f"did you mean '{close}'?" if close else "correct the name, or remove this edit",
                (self.keyword,) if forest is self.forest else (),
                close,
            )
            return None
        shown = [Annotation(t.source, t.name.span, "this one?") for t in found[:_MANY] if t.decl]
        self._report(
            "H209",
            f"'{written}' could be {len(found):,} nodes",
            reference,
            "write a longer path: " + " or ".join(f"/{twig.path()}" for twig in found[:_MANY]),
            tuple(shown),
        )
        return None

    def _leave(self, reference: Reference, leaving: list[Twig]) -> None:
        """Note the groups that these nodes leave empty: such a one would silently become a class."""
        left: dict[Twig, int] = {}
        for twig in leaving:
            if twig.parent is not None and twig.parent is not self.forest.root:
                left[twig.parent] = left.get(twig.parent, len(twig.parent.children)) - 1
        for parent, count in left.items():
            if count == 0:
                self._emptied[parent] = reference

    def finish(self) -> None:
        """At the end of the section: a group that lost all its children is gone too, or was collapsed."""
        for group, reference in self._emptied.items():
            if not group.children and self.forest.holds(group):
                self._report(
                    "H504",
                    f"this leaves nothing below '{group.name.text}', and would make a class of it",
                    reference,
                    f"drop or collapse the group too: drop {group.path()}",
                    (Annotation(group.source, group.name.span, "the group"),),
                )

    def _report(
        self,
        code: str,
        message: str,
        at: Reference,
        mend: str,
        secondary: tuple[Annotation, ...] = (),
        instead: str | None = None,
    ) -> None:
        """Note a diagnostic about a reference; `instead` is a name that takes its place."""
        place = Annotation(self.source, at.span)
        edits = (Edit(self.source, at.span, quote(instead)),) if instead else ()
        self.diagnostics.append(Diagnostic(code, message, place, secondary=secondary, help=mend, edits=edits))

    def _invalid(self, at: Reference, message: str, mend: str) -> None:
        self._report("H505", message, at, mend)

    def _no_effect(self, at: Reference, message: str) -> None:
        self._report("W501", f"this edit changes nothing: {message}", at, "remove it")


def _flagged(twig: Twig) -> bool:
    return twig.decl is not None and "ignore" in read(twig.decl.attributes, NODE_ATTRIBUTES)


def _ignored(top: Twig) -> set[Twig]:
    """What of a subtree is ignored while its top is not: its ids stay ignored."""
    off: set[Twig] = set()
    for twig in top.below():
        if twig is not top and (twig.parent in off or _flagged(twig)):
            off.add(twig)
    return off


def _upwards(twig: Twig | None) -> Iterator[Twig]:
    while twig is not None:
        yield twig
        twig = twig.parent
