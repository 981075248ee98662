"""No text takes more than linear time: hostile families of files, each four times as big, in processor time."""

import time

import pytest

from hierdsl.loading import examine

TREE = "tree\n    a\n    b\n"


def lines(form, n, start=0):
    return "".join(form.format(i=i) + "\n" for i in range(start, start + n))


def zigzag(n):
    """Down to depth 900 and up again, over and over."""
    return "tree\n" + "".join(
        f"{' ' * (1 + i)}n{k}_{i}\n" for k in range(n // 900 + 1) for i in range(min(900, n - 900 * k))
    )


def deep(depth, below=""):
    """One node on each level, then what lies below the last; the text grows with the square of the depth."""
    return "".join(f"{' ' * (i + 1)}c{i}\n" for i in range(depth)) + below


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
    "tabs and spaces": lambda n: "tree\n" + "    a\n\tb\n" * (n // 4),
    "odd indentation": lambda n: "tree\n" + "    a\n        b\n      c\n" * (n // 16),
    "control characters": lambda n: "tree\n    a\n" + "    \x01\n" * (n // 16),
    "accents": lambda n: "tree\n" + lines("    e\u0301{i}", n),
    "not utf-8": lambda n: b"tree\n" + b"    \xff\n" * n,
}


def seconds(content):
    start = time.process_time()
    examine(content, "x")
    return time.process_time() - start


@pytest.mark.parametrize("name", FAMILIES)
def test_four_times_the_text_takes_about_four_times_the_time(name):
    family = FAMILIES[name]
    small, big = family(8_000), family(32_000)
    seconds("tree\n    a\n")
    least = max(min(seconds(small) for _ in range(2)), 6e-3)  # below that it is the clock that is measured
    ratio = seconds(big) / least
    if ratio > 8:  # a busy machine; what is quadratic takes 16 times as long again
        ratio = min(ratio, seconds(big) / least)
    assert ratio < 8, f"{least:.3f} s and {ratio:.1f} times that"
