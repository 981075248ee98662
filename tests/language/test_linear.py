"""No text takes more than linear time: hostile families of files, each four times as big, in processor time."""

import pytest
from stopwatch import processor_seconds

from hierdsl.loading import examine

TREE = "tree\n    a\n    b\n"


def lines(form, n, start=0):
    return "".join(form.format(i=i, j=i + 1) + "\n" for i in range(start, start + n))


def zigzag(n):
    """Down to depth 900 and up again, over and over."""
    return "tree\n" + "".join(
        f"{' ' * (1 + i)}n{k}_{i}\n" for k in range(n // 900 + 1) for i in range(min(900, n - 900 * k))
    )


def deep(depth, below=""):
    """One node on each level, then what lies below the last; the text grows with the square of the depth."""
    return "".join(f"{' ' * (i + 1)}c{i}\n" for i in range(depth)) + below


def yes_and_no(n, form):
    """One text for each of n nodes of a tree in which each but the last has two children, depth first."""
    depth = n.bit_length() - 1
    for number in range(1 << depth):
        path = [("no", "yes")[number >> place & 1] for place in reversed(range(depth))]
        same = (number ^ (number - 1)).bit_length() if number else depth
        yield from (form(path[:length]) for length in range(depth - same + 1, depth + 1))


def ideographs(n):
    """A name in which no character is frequent."""
    return "".join(chr(0x4E00 + i * 7919 % 151) for i in range(n))


def of_many(n, edits, more=""):
    """Edits of a tree where the path a/x is that of many nodes."""
    return "tree\n" + lines("    n{i}\n        a\n            x", n) + f"{more}edit\n{edits}"


FAMILIES = {
    "plain lines": lambda n: "tree\n" + lines("    n{i}", n),
    "lines with attributes": lambda n: "tree\n" + lines("    n{i} = {i} [weight=2, meta.x=1]", n // 4),
    "zigzag": lambda n: zigzag(n // 8),
    "too deep": lambda n: "tree\n" + "".join(f"{' ' * (i + 1)}a\n" for i in range(n // 32)),
    "a long name": lambda n: f"tree\n    {'a' * 20 * n}\n",
    "a long comment": lambda n: f"tree\n    a # {'x' * 40 * n}\n",
    "many comments": lambda n: f"tree\n{lines('# {i}', n)}    a\n{lines('    # {i}', n)}    b\n",
    "blank lines": lambda n: f"tree\n{'   ' * n}\n" + "\n" * n * 4 + "    a\n" + "  \n" * n,
    "a long text": lambda n: f'tree\n    a [doc="{"x" * 20 * n}"]\n',
    "an open quote": lambda n: f'tree\n    a [doc="{"x" * 20 * n}\n',
    "escapes": lambda n: 'tree\n    a [doc="' + '\\"' * n * 4 + '"]\n',
    "open quotes": lambda n: "tree\n" + lines('    "n{i}', n // 8),
    "quotes and nothing else": lambda n: f"tree\n    {chr(34) * n}\n",
    "brackets": lambda n: f"tree\n    a {'[' * n}\n",
    "commas": lambda n: f"tree\n    a = {',' * n}\n",
    "words": lambda n: f"tree\n    {'a ' * n}\n",
    "slashes": lambda n: f"{TREE}labels x\n    {'/' * n}\n",
    "a long list of ids": lambda n: f"tree\n    a = {', '.join(map(str, range(0, 60000, 2)))}{', 7' * n}\n",
    "ranges that overlap": lambda n: (
        "tree\n    a = 0..65535\n    b = " + ", ".join(["0..65535"] * (n // 4)) + "\n"
    ),
    "ranges between ids": lambda n: (
        f"tree\n    a = {', '.join(map(str, range(0, 65535, 2)))}\n    b = "
        + ", ".join(["1..65535"] * (n // 4))
        + "\n"
    ),
    "many label maps": lambda n: TREE + lines("labels m{i}\n    a = 0..65535", n // 8),
    "colours": lambda n: "tree\n    a = " + ", ".join(f'"#{7 * i:06x}"' for i in range(n // 4)) + "\n",
    "one colour": lambda n: "tree\n    a = " + ", ".join(["rgb(1, 2, 3)"] * (n // 8)) + "\n",
    "attributes": lambda n: "tree\n    a [" + ", ".join(f"meta.m{i}=1" for i in range(n // 8)) + "]\n",
    "one attribute": lambda n: "tree\n    a [" + ", ".join(["weight=1"] * (n // 8)) + "]\n",
    "misspelt attributes": lambda n: "tree\n" + lines("    n{i} [wieght=1]", n // 16),
    "broken lines": lambda n: "tree\n" + lines("    n{i} = = 1", n // 16),
    "broken lines of words": lambda n: "tree\n" + lines("    n{i} b c", n // 16),
    "broken lines of labels": lambda n: f"{TREE}labels x\n" + lines("    a", n // 16),
    "broken sections": lambda n: TREE + lines("x{i}", n // 8),
    "many sections": lambda n: TREE + "tree\n" * (n // 8),
    "many uses": lambda n: TREE + 'use "nothing"\n' * (n // 32),
    "duplicate names": lambda n: "tree\n" + "    a\n" * n,
    "duplicate ids": lambda n: "tree\n" + lines("    n{i} = 1", n // 4),
    "one name everywhere": lambda n: "tree\n" + lines("    n{i}\n        a\n        b", n // 8),
    "ambiguous references": lambda n: (
        "tree\n"
        + lines("    n{i}\n        a\n        b", n // 16)
        + "labels x\n"
        + lines("    a = {i}", n // 16)
    ),
    "long references": lambda n: (
        "tree\n"
        + lines("    n{i}\n        a\n            a\n                a\n                b", n // 32)
        + "labels x\n"
        + lines("    n{i}/a/a/a = {i}", n // 32)
    ),
    "misspelt references": lambda n: (
        "tree\n" + lines("    node{i}", n // 16) + "labels x\n" + lines("    noed{i} = {i}", n // 16)
    ),
    "mirror pairs": lambda n: (
        "tree\n"
        + lines("    n{i}", n // 8)
        + "mirror\n"
        + "".join(f"    n{2 * i} <-> n{2 * i + 1}\n" for i in range(n // 16))
    ),
    "levels": lambda n: "levels\n" + lines("    l{i}", n // 8) + TREE,
    "levels of one name": lambda n: "levels\n" + "    l\n" * (n // 8) + TREE,
    "pins": lambda n: (
        "levels\n    x\n    y\ntree\n" + lines("    n{i} [level=x]\n        a\n        b", n // 16)
    ),
    "wrong pins": lambda n: "levels\n    x\n    y\ntree\n" + lines("    n{i} [level=z]", n // 16),
    "fields": lambda n: "hierarchy x\n" + lines('    source "{i}"', n // 8) + TREE,
    "edits": lambda n: (
        "tree\n" + lines("    n{i}", n // 8) + "edit\n" + lines("    rename n{i} -> m{i}", n // 16)
    ),
    "drops": lambda n: (
        "tree\n    x\n" + lines("    n{i}", n // 8) + "edit\n" + lines("    drop n{i}", n // 16)
    ),
    "merges": lambda n: (
        "tree\n    x\n" + lines("    n{i}", n // 8) + "edit\n" + lines("    merge x, n{i} as x", n // 16)
    ),
    "misspelt pins": lambda n: (
        "levels\n" + lines("    l{i}", n // 64) + "tree\n" + lines("    n{i} [level=m{i}]", n // 64)
    ),
    "anchored references": lambda n: (
        "tree\n"
        + lines("    n{i}\n        a\n        b", n // 32)
        + "    a\nlabels x\n"
        + lines("    /a = {i}", n // 32)
    ),
    "a reference of many parts": lambda n: (
        "tree\n" + lines("    a", 20) + "labels x\n    " + "/".join(["a"] * n) + " = 1\n"
    ),
    "ambiguous references to deep nodes": lambda n: (
        "tree\n"
        + deep(n // 40, lines(f"{' ' * (n // 40 + 1)}d{{i}}\n{' ' * (n // 40 + 2)}x", 50))
        + "labels x\n"
        + lines("    x = {i}", n // 16)
    ),
    "a long reference in a deep tree": lambda n: (
        "tree\n"
        + "".join(f"{' ' * (i + 1)}a\n" for i in range(n // 64))
        + lines(" b{i}\n  a\n  c", n // 8)
        + f"labels x\n    {'/'.join(['a'] * (n // 64))} = 1\n"
    ),
    "wrong edits": lambda n: TREE + "edit\n" + lines("    drop noed{i}", n // 16),
    "a big part to and fro": lambda n: (
        "tree\n    x\n    y\n    big\n"
        + lines("        m{i}", n // 4)
        + "edit\n"
        + "    graft big under x\n    graft big under y\n" * (n // 32)
    ),
    "a chain of grafts, upwards": lambda n: (
        TREE + lines("    n{i}", n // 8) + "edit\n" + lines("    graft n{i} under n{j}", n // 8 - 1)
    ),
    "a chain of grafts, downwards": lambda n: (
        TREE + lines("    n{i}", n // 8) + "edit\n" + lines("    graft n{j} under n{i}", n // 8 - 1)
    ),
    "a big part to and fro in a deep tree": lambda n: (
        "tree\n"
        + deep(n // 40, " y\n big\n")
        + lines("  m{i}", n // 8)
        + "edit\n"
        + f"    graft big under c{n // 40 - 1}\n    graft big under y\n" * (n // 32)
    ),
    "a big part that is merged away": lambda n: (
        TREE
        + "    b0\n"
        + lines("        m{i}", n // 4)
        + lines("    b{i}", n // 16, 1)
        + "edit\n"
        + lines("    merge b{j}, b{i} as b{j}", n // 16 - 1)
    ),
    "merges in a deep tree": lambda n: (
        "tree\n"
        + deep(n // 40, f"{' ' * (n // 40 + 1)}d\n")
        + lines(" t{i}", n // 16)
        + "edit\n"
        + lines("    merge d, t{i} as d", n // 16)
    ),
    "a merge of many": lambda n: (
        TREE
        + lines("    n{i}", n // 4)
        + "edit\n    merge "
        + ", ".join(f"n{i}" for i in range(n // 4))
        + " as n\n"
    ),
    "merges with many attributes": lambda n: (
        TREE
        + f"    x [{', '.join(f'meta.m{i}=1' for i in range(n // 16))}]\n"
        + lines("    n{i}", n // 16)
        + "edit\n"
        + lines("    merge x, n{i} as x", n // 16)
    ),
    "renamed again and again": lambda n: (
        TREE
        + "    b0\n"
        + lines("        m{i}", n // 4)
        + "edit\n"
        + lines("    rename b{i} -> b{j}", n // 8)
    ),
    "collapsed from below": lambda n: (
        "tree\n a\n"
        + "".join(f" b{k}\n" + deep(90).replace(" c", f"  c{k}_") for k in range(n // 1440))
        + "edit\n"
        + "".join(f" collapse c{k}_{i}\n" for k in range(n // 1440) for i in range(88, -1, -1))
    ),
    "edits of one name": lambda n: (
        "tree\n"
        + lines("    n{i}\n        x\n        y", n // 16)
        + "edit\n"
        + lines("    drop n{i}/x", n // 64)
        + lines("    rename n{i}/x -> z", n // 64, n // 64)
    ),
    "ambiguous edits": lambda n: (
        "tree\n" + lines("    n{i}\n        x", n // 16) + "edit\n" + "    drop x\n" * (n // 16)
    ),
    "ambiguous edits between drops": lambda n: (
        "tree\n"
        + lines("    n{i}\n        x", n // 16)
        + "edit\n"
        + lines("    drop x\n    drop n{i}", n // 32)
    ),
    "ambiguous paths between drops": lambda n: of_many(
        n // 16, lines("    drop a/x\n    drop n{i}", n // 64)
    ),
    "ambiguous paths between renames": lambda n: of_many(
        n // 16, lines("    drop a/x\n    rename r{i} -> r{j}", n // 64), "    r0\n"
    ),
    "ambiguous edits of deep nodes": lambda n: (
        "tree\n"
        + deep(n // 40, lines(f"{' ' * (n // 40 + 1)}d{{i}}\n{' ' * (n // 40 + 2)}x", 50))
        + "edit\n"
        + "    drop x\n" * (n // 16)
    ),
    "two frequent names": lambda n: (
        "tree\n"
        + lines("    n{i}\n        a\n            y", n // 16)
        + lines("    m{i}\n        b\n            x", n // 16)
        + "    u\n        a\n            x\n"
        + lines("    q{i}", n // 32)
        + "edit\n"
        + lines("    merge a/x, q{i} as x", n // 32)
    ),
    "yes and no": lambda n: (
        "tree\n"
        + "".join(yes_and_no(n // 16, lambda path: f"{' ' * len(path)}{path[-1]}\n"))
        + "edit\n"
        + "".join(yes_and_no(n // 16, lambda path: f" rename {'/'.join(path)} -> {path[-1]}s\n"))
    ),
    "ambiguous yes and no": lambda n: (
        "tree\n"
        + "".join(yes_and_no(n // 16, lambda path: f"{' ' * len(path)}{path[-1]}\n"))
        + "edit\n"
        + "".join(yes_and_no(n // 32, lambda path: f" drop {'/'.join(path)}\n"))
    ),
    "ambiguous between renames": lambda n: of_many(
        n // 16, lines("    drop a/x\n    rename n{i}/a -> b", n // 16)
    ),
    "ambiguous, there and back": lambda n: of_many(
        n // 16, "    drop a/x\n    rename n0/a -> b\n    rename n0/b -> a\n" * (n // 16)
    ),
    "twins, there and back": lambda n: (
        "tree\n    p\n        a\n"
        + "            x\n" * (n // 16)
        + "    q\nedit\n"
        + "    drop a/x\n    rename p/a -> b\n    drop a/x\n    rename p/b -> a\n" * (n // 16)
    ),
    "edits of what is gone": lambda n: (
        TREE
        + lines("    n{i}\n        x", n // 16)
        + "edit\n"
        + lines("    drop n{i}", n // 32)
        + lines("    drop n{i}/x", n // 32)
    ),
    "labels of what is gone": lambda n: (
        TREE
        + lines("    n{i}\n        x", n // 16)
        + "edit\n"
        + lines("    drop n{i}", n // 32)
        + "labels\n"
        + lines("    n{i}/x = {i}", n // 32)
    ),
    "a long name misspelt": lambda n: (
        f"tree\n    {ideographs(n // 2)}\nlabels x\n    {ideographs(n // 2)[3:]} = 1\n"
    ),
    "tabs and spaces": lambda n: "tree\n" + "    a\n\tb\n" * (n // 4),
    "odd indentation": lambda n: "tree\n" + "    a\n        b\n      c\n" * (n // 16),
    "control characters": lambda n: "tree\n    a\n" + "    \x01\n" * (n // 16),
    "accents": lambda n: "tree\n" + lines("    e\u0301{i}", n),
    "not utf-8": lambda n: b"tree\n" + b"    \xff\n" * n,
}


USING = {  # the file, and the one that it uses as "u.hier"
    "merges of ids": lambda n: (
        'use "u.hier"\n' + lines("    merge n{j}, n{i} as n{j}", n // 16 - 1),
        TREE + lines("    n{i} = {i}", n // 16) + "labels x\n" + lines("    n{i} = {i}", n // 16),
    ),
    "grafts of the whole": lambda n: (
        'use "u.hier"\n' + "    graft u\n" * (n // 4),
        "tree\n" + lines("    n{i}", n // 4),
    ),
    "grafts of parts": lambda n: (
        'use "u.hier"\n' + lines("    graft n{i}\n    drop x{i}", n // 16),
        "tree\n" + lines("    n{i}\n    x{i}", n // 8),
    ),
    "many uses of one file": lambda n: (
        lines('use "u.hier" as u{i}\n    graft u under p{i}', n // 32)
        + "tree\n"
        + lines("    p{i}", n // 32),
        TREE + "labels y\n    a = 3\n    b = 4\n",
    ),
    "wrong uses of one file": lambda n: (
        "".join(
            f'use "u.hier" as u{k}\n' + lines("    drop x{i}", int(n**0.5) // 2)
            for k in range(int(n**0.5) // 4)
        ),
        "tree\n" + lines("    n{i}", int(n**0.5)),
    ),
}


def seconds(content, used=None, folder=None):
    if used is not None:
        (folder / "u.hier").write_text(used)
    return processor_seconds(lambda: examine(content, "x", path=folder and folder / "x.hier"))


def check(small, big):
    """That the big one takes less than 8 times as long as the small one; what is quadratic takes 16 times as long."""
    seconds("tree\n    a\n")
    least = max(min(seconds(*small) for _ in range(2)), 6e-3)  # below that it is the clock that is measured
    ratio = seconds(*big) / least
    if ratio > 8:  # a busy machine
        ratio = min(ratio, seconds(*big) / least)
    assert ratio < 8, f"{least:.3f} s and {ratio:.1f} times that"


@pytest.mark.parametrize("name", USING)
def test_nor_does_what_a_file_uses(name, tmp_path):
    check((*USING[name](8_000), tmp_path), (*USING[name](32_000), tmp_path))


@pytest.mark.parametrize("name", FAMILIES)
def test_four_times_the_text_takes_about_four_times_the_time(name):
    check((FAMILIES[name](8_000),), (FAMILIES[name](32_000),))
