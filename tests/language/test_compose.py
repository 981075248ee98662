"""Edits of trees of few names, so that references are often ambiguous: what the plainest way makes of them is made."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language.plain_forest import PlainForest, lies_above

from hierdsl.compose import combine, compose, edits, find
from hierdsl.loading import examine
from hierdsl.scope import Scope
from hierdsl.source import Source
from hierdsl.syntax import parse

NAMES = tuple("abcdef")


FORMS = (
    *("drop {}", "collapse {}", "merge {}, {} as {n}", "merge {}, {} as {n}", "merge {}, {}, {} as {n}"),
    *("rename {} -> {n}", "rename {} -> {n}", "graft {}", "graft {} under {}", "graft {} under {}"),
)


def tree(random, *, twins):
    """The text and the paths of a tree; siblings of one name only where twins are wanted."""
    lines, paths, above, siblings = [], [], [], [set()]
    for number in range(random.randint(1, 40)):
        depth = random.randint(len(above) // 2, len(above))
        name = random.choice(NAMES)
        del siblings[depth + 1 :], above[depth:]
        if name in siblings[depth] and not twins:
            continue
        siblings[depth].add(name)
        siblings.append(set())
        above.append(name)
        paths.append(tuple(above))
        ids = f" = {number}" if random.random() < 0.5 else ""
        flag = " [ignore]" if random.random() < 0.1 else ""
        lines.append(f"{' ' * (depth + 1)}{name}{ids}{flag}\n")
    return "tree\n" + "".join(lines), paths


def reference(random, paths):
    """Mostly to a node that was there before the edits."""
    parts = list(random.choice(paths))
    if random.random() < 0.2:
        parts.insert(0, random.choice((*NAMES, "u")))
    elif random.random() < 0.2:
        parts[random.randrange(len(parts))] = random.choice(NAMES)
    elif random.random() < 0.2:
        return "/" + "/".join(parts)
    return "/".join(parts[-random.randint(1, len(parts)) :] if random.random() < 0.6 else parts)


def edit_lines(random, paths, forms=FORMS):
    lines = []
    for _ in range(random.randint(1, 25)):
        three = (reference(random, paths) for _ in range(3))
        lines.append("    " + random.choice(forms).format(*three, n=random.choice(NAMES)) + "\n")
    return "".join(lines)


def outcome(document, used):
    """All that can be seen of a composition."""
    scope, found = compose(document, used)
    nodes = [(n.name, n.attributes, n.parent, n.depth, n.source) for n in scope.nodes]
    maps = {name: [*m.uses, m.has_star, m.tolerance] for name, m in scope.inherited.label_maps.items()}
    return nodes, maps, scope.inherited.mirror, scope.levels, found


def check(text, used_text, every):
    document, _ = parse(Source("main.hier", text))
    used = {}
    if document.uses:
        scope, _ = examine(used_text, "u.hier")
        scope = scope or Scope(parse(Source("u.hier", used_text))[0])
        used = {use.keyword: ("u", scope) for use in document.uses}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combine, "Forest", PlainForest)
        patch.setattr(edits, "lies_above", lies_above)
        plain = outcome(document, used)
    with pytest.MonkeyPatch.context() as patch:
        # walk through the tree after a few looks already, and not after as many as it has nodes
        patch.setattr(find.Finder, "_patience", lambda _: every)
        assert outcome(document, used) == plain


SEEDS, EVERY = st.randoms(use_true_random=False), st.sampled_from((-1, 5, 20, 10_000))


@settings(max_examples=300)
@given(SEEDS, EVERY)
def test_edits_of_the_whole_tree(random, every):
    text, paths = tree(random, twins=random.random() < 0.5)
    check(f"{text}edit\n{edit_lines(random, paths)}", "", every)


@settings(max_examples=300)
@given(SEEDS, EVERY)
def test_edits_of_used_trees(random, every):
    text, paths = tree(random, twins=False)
    used, theirs = tree(random, twins=False)
    forms = [form for form in FORMS if random.random() < 0.5 or "graft" not in form]
    uses = "".join(f'use "u.hier"{name}\n{edit_lines(random, theirs, forms)}' for name in ("", " as u"))
    text = f"{text}{uses}edit\n{edit_lines(random, [*paths, *theirs])}"
    check(text, used + "labels x\n    ignore = *\n", every)


@settings(max_examples=300)
@given(SEEDS, st.sampled_from((-1, 10)))
def test_when_too_many_were_counted_it_is_only_seen_that_there_are_more(random, at_most):
    text, paths = tree(random, twins=True)
    document, _ = parse(Source("main.hier", f"{text}edit\n{edit_lines(random, paths)}"))
    exact = outcome(document, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find.Finder, "_count_at_most", lambda _: at_most)
        *rest, found = outcome(document, {})
    assert rest == [*exact[:-1]]
    assert [d.code for d in found] == [d.code for d in exact[-1]]
    for mine, theirs in zip(found, exact[-1], strict=True):
        if mine.message == theirs.message:
            continue
        written, total = re.fullmatch("'(.*)' could be (.*) nodes", theirs.message).groups()
        assert int(total) > find.MANY
        assert mine.message == f"'{written}' could be more than {find.MANY} nodes"
        assert len(mine.secondary) == find.MANY
        assert mine.help.startswith("write a longer path: /")


def test_more_than_are_listed():
    text = "tree\n" + "".join(f"  p{i}\n    a\n      x\n      y\n" for i in range(8))
    document, _ = parse(Source("main.hier", f"{text}edit\n  drop a/x\n  rename p0/a -> b\n  drop a/x\n"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find.Finder, "_count_at_most", lambda _: 0)
        *_, found = outcome(document, {})
    assert [d.message for d in found] == ["'a/x' could be 8 nodes", "'a/x' could be more than 5 nodes"]
    assert found[1].help == "write a longer path: " + " or ".join(f"/p{i}/a/x" for i in range(1, 6))


FREQUENT = "tree\n r\n  a\n   x\n   y\n s\n  a\n   x\n   y\n t\n  a\n   y\n u\n  b\n   x\n v\n  a\n   y\n w\n  b\n   x\n"


@pytest.mark.parametrize(
    ("text", "used"),
    [
        # what is merged away is no longer ignored for what came under the first one
        (
            "tree\n a [ignore]\n  b\n   d\n c [ignore]\n  e\n   g\n f\n  a\n   b\nedit\n merge /a/b, c as z\n graft z under f\n merge z/e/g, f/a/b as c\n",
            "",
        ),
        # the one with more children comes second
        (
            "tree\n a\n  b\n c\n  d\n  e\n  f\nedit\n merge a, c as a\n rename a/f -> d\n graft a/b under e\n",
            "",
        ),
        # the tree that is looked through grows between two sections
        (
            'tree\n a\n  b\n   a\n    b\n x\n  c\n y\n  c\nuse "u.hier"\n graft c under b/a/b\n graft d under /a/b\nuse "u.hier"\n graft d under b/c\n',
            "tree\n b\n  e\n c\n d\n",
        ),
        # what was found in the tree is dropped before it is asked for
        (
            f"{FREQUENT}edit\n drop a/y\n drop b/x\n drop r/q\n drop r\n rename a/x -> z\n",
            "",
        ),
    ],
)
def test_rare_turns(text, used):
    for every in (-1, 5, 10_000):
        check(text, used, every)
