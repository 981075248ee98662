"""The edits of a tree, one function each; an edit that cannot be done changes nothing and is reported."""

from collections.abc import Iterable, Iterator

from hierdsl.compose.forest import Forest, lies_above
from hierdsl.compose.history import History
from hierdsl.compose.twig import Twig
from hierdsl.diagnostics import Annotation, Diagnostic, Edit, Suggester
from hierdsl.scope import quote
from hierdsl.source import Source
from hierdsl.syntax import CollapseDecl, DropDecl, GraftDecl, MergeDecl, Reference, RenameDecl, TreeEdit


def references(edits: Iterable[TreeEdit]) -> Iterator[Reference]:
    """All that edits refer to."""
    for edit in edits:
        match edit:
            case GraftDecl(node, under):
                yield node
                if under:
                    yield under
            case DropDecl(nodes) | CollapseDecl(nodes) | MergeDecl(nodes):
                yield from nodes
            case RenameDecl(node):
                yield node


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
        suggester: Suggester,
        history: History,
        *,
        complete: bool = True,
    ) -> None:
        """Edits that stand in `source`; a graft goes to `host`, or for None stays in the forest itself.

        What they take away is noted in `history`. Where the forest is not complete, what an edit names may be
        missing without a mistake of its own.
        """
        self._complete = complete
        self.source = source
        self.forest = forest
        self.host = host
        self.keyword = keyword
        self.diagnostics: list[Diagnostic] = []
        self._suggester = suggester
        self._history = history
        self._choices: dict[tuple[int, tuple[str, ...], bool], tuple[int, str]] = {}
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
            if target and lies_above([twig], [target]):
                self._invalid(edit.node, f"'{twig.name.text}' cannot go under itself", "choose another node")
                return
            self._leave(edit.node, [twig])
            self._history.call_otherwise(twig, self._here(edit.node, "grafted here"))
            self.forest.move(twig, target or self.forest.root)
            return
        parts = list(twig.children) if twig is self.forest.root else [twig]
        for part in parts:
            self._history.leave(part, self._here(edit.node, "grafted here"))
            self.forest.detach(part)
            self.grafts.append((part, target))

    def _drop(self, reference: Reference) -> None:
        twig = self._one(self.forest, reference)
        if twig is not None:
            self._leave(reference, [twig])
            self._history.leave(twig, self._here(reference, "dropped here"))
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
            here = self._here(reference, f"collapsed into '{twig.name.text}' here")
            for child in list(twig.children):
                self._history.leave(child, here)
                self.forest.detach(child)
            self.forest.absorb(twig, (each for each in below if each not in off))

    def _merge(self, edit: MergeDecl) -> None:
        twigs: dict[Twig, Reference] = {}
        for reference in edit.nodes:
            twig = self._one(self.forest, reference)
            if twig is None:
                return
            if twig in twigs:
                self._invalid(reference, f"'{twig.name.text}' cannot be merged with itself", "name it once")
                return
            twigs[twig] = reference
        above = lies_above(twigs, (twig.parent for twig in twigs if twig.parent))
        for twig, reference in twigs.items():
            if twig in above:
                mend = f"collapse it instead: collapse {self.source.slice(reference.span)}"
                self._invalid(reference, f"'{twig.name.text}' lies above another of the merged nodes", mend)
                return
        first, *others = twigs
        odd = next((r for twig, r in twigs.items() if twig.is_ignored != first.is_ignored), None)
        if odd:
            message = "an ignored node cannot be merged with one that counts"
            self._invalid(odd, message, "drop the ignored one instead")
            return
        self._leave(edit.nodes[-1], [twig for twig in others if twig.parent is not first.parent])
        label = f"merged into '{edit.name.text}' here"
        if first.name.text != edit.name.text:
            self._history.call_otherwise(first, self._here(twigs[first], label))
        for other in others:
            self._history.leave(other, self._here(twigs[other], label), alone=True)
        self.forest.rename(first, edit.name, self.source)
        self.forest.unite(first, others)

    def _rename(self, edit: RenameDecl) -> None:
        twig = self._one(self.forest, edit.node)
        if twig is None:
            return
        if twig.name.text == edit.name.text:
            self._no_effect(edit.node, f"'{twig.name.text}' has that name already")
        else:
            self._history.call_otherwise(twig, self._here(edit.node, f"renamed to '{edit.name.text}' here"))
            self.forest.rename(twig, edit.name, self.source)

    def _one(self, forest: Forest, reference: Reference, *, whole: bool = False) -> Twig | None:
        """The node of a reference; None where there is none or more than one, which is reported.

        The root, which stands for a used file as a whole, is a node only where that is asked for.
        """
        total, found, more = forest.nodes.find(reference, whole=whole)
        if total == 1:
            return found[0]
        if not total and not self._complete:
            return None  # it may stand on a line that could not be read
        written = self.source.slice(reference.span)
        if not total:
            close = self._suggester.nearest(reference.parts[-1], forest.nodes.names)
            what = f"the used file '{forest.root.name.text}'" if forest.root.name.text != "\0" else "the tree"
            self._report(
                "H208",
                f"{what} has no node '{written}'",
                reference,
                f"did you mean '{close}'?" if close else "correct the name, or remove this edit",
                (self.keyword, *self._history.explain(reference)) if forest is self.forest else (),
                close,
            )
            return None
        shown = [Annotation(t.source, t.name.span, "this one?") for t in found if t.decl]
        self._report(
            "H209",
            f"'{written}' could be {'more than ' if more else ''}{total:,} nodes",
            reference,
            self._longer_paths(forest, reference, found),
            tuple(shown),
        )
        return None

    def _longer_paths(self, forest: Forest, reference: Reference, found: list[Twig]) -> str:
        """The help for an ambiguous reference: once for all that mean the same, as paths can be long."""
        key = id(forest), reference.parts, reference.anchored
        when, mend = self._choices.get(key, (-1, ""))
        if when != forest.nodes.edits:
            mend = "write a longer path: " + " or ".join(f"/{twig.path()}" for twig in found)
            self._choices[key] = forest.nodes.edits, mend
        return mend

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
            if not group.children and group in self.forest.nodes:
                self._report(
                    "H504",
                    f"this leaves nothing below '{group.name.text}', and would make a class of it",
                    reference,
                    f"drop or collapse the group too: drop {group.path()}",
                    (Annotation(group.source, group.name.span, "the group"),),
                )

    def _here(self, at: Reference, label: str) -> Annotation:
        return Annotation(self.source, at.span, label)

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
        place = self._here(at, "")
        edits = (Edit(self.source, at.span, quote(instead)),) if instead else ()
        self.diagnostics.append(Diagnostic(code, message, place, secondary=secondary, help=mend, edits=edits))

    def _invalid(self, at: Reference, message: str, mend: str) -> None:
        self._report("H505", message, at, mend)

    def _no_effect(self, at: Reference, message: str) -> None:
        self._report("W501", f"this edit changes nothing: {message}", at, "remove it")


def _ignored(top: Twig) -> set[Twig]:
    """What of a subtree is ignored while its top is not: its ids stay ignored."""
    off: set[Twig] = set()
    for twig in top.below():
        if twig is not top and (twig.parent in off or twig.weight):
            off.add(twig)
    return off
