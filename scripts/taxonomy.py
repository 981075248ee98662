"""Write a .hier file of a biological taxonomy from its edges.

    python scripts/taxonomy.py EDGES.csv -o FILE.hier [--ranks RANKS.csv] [--levels kingdom,...,species]

EDGES.csv has the columns child and parent, one line for each node but the root, which is not written: it is the
universal class. RANKS.csv has the columns name and rank, of all nodes or of some. Where a rank is not given it is
derived, from the finest rank that certain names have:

- a name of two words or more is a species, where it has no children;
- the parent of nodes whose names begin with its own name is a genus;
- names in -aceae and -idae are families, names in -ales and -formes are orders (the endings of the botanical and
  the zoological code; -ales is an order of plants, fungi and bacteria);
- any other node lies one level below its parent. Where another level would do too, it is named as uncertain.

Groups are pinned to their ranks, unless these are uncertain; a species only where its rank is not the one below its
parent's. What is written is checked first.
"""  # noqa: INP001 - a script

import csv
from collections import defaultdict
from pathlib import Path

import click

from hierdsl import analyze
from hierdsl.atomic import write_whole
from hierdsl.format import format_text
from hierdsl.scope import quote

RANKS = "kingdom,phylum,class,order,family,genus,species"
ENDINGS = {"aceae": "family", "idae": "family", "ales": "order", "formes": "order"}


class Wrong(click.ClickException):
    """An input that is no taxonomy."""

    exit_code = 2


def table(path: Path, columns: tuple[str, str]) -> list[tuple[int, str, str]]:
    """Line number and the two columns of each line of a CSV file.

    Raises:
        Wrong: It cannot be read, has other columns, or lacks a value.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not set(columns) <= set(reader.fieldnames or ()):
                raise Wrong(f"'{path}': the first line names no columns {columns[0]} and {columns[1]}")
            rows = [(reader.line_num, row[columns[0]] or "", row[columns[1]] or "") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Wrong(f"cannot read '{path}': {error}") from None
    for line, first, second in rows:
        if not first or not second:
            raise Wrong(f"'{path}' line {line}: a value is missing")
    return rows


class Taxonomy:
    """A tree by name, depth first from its root, which is left out."""

    def __init__(self, path: Path, *, in_order_of_names: bool) -> None:
        self.children: dict[str, list[str]] = defaultdict(list)
        self.parent: dict[str, str] = {}
        for line, child, parent in table(path, ("child", "parent")):
            if child in self.parent:
                raise Wrong(f"'{path}' line {line}: '{child}' has a second parent")
            self.parent[child] = parent
            self.children[parent].append(child)
        roots = [name for name in self.children if name not in self.parent]
        if len(roots) != 1:
            found = f"this one has {len(roots)}: {', '.join(roots[:5])}" if roots else "this one has none"
            raise Wrong(f"'{path}': a taxonomy has one root, {found}")
        if in_order_of_names:
            for below in self.children.values():
                below.sort()
        self.root = roots[0]
        self.depth = {self.root: 0}
        self.order: list[str] = []
        stack = self.children[self.root][::-1]
        while stack:
            name = stack.pop()
            self.order.append(name)
            self.depth[name] = self.depth[self.parent[name]] + 1
            stack += self.children.get(name, ())[::-1]
        if len(self.order) != len(self.parent):
            lost = next(name for name in self.parent if name not in self.depth)
            raise Wrong(f"'{path}': '{lost}' is not below the root '{self.root}': its parents form a ring")


def rank_by_name(taxonomy: Taxonomy, name: str) -> str | None:
    """The rank that a name shows by its form."""
    below = taxonomy.children.get(name, ())
    if not below and " " in name:
        return "species"
    if below and all(child.startswith(f"{name} ") for child in below):
        return "genus"
    return next((rank for ending, rank in ENDINGS.items() if name.endswith(ending)), None)


def place(taxonomy: Taxonomy, levels: list[str], known: dict[str, str]) -> tuple[dict[str, int], list[str]]:
    """The level of each node, from the known ranks, and the nodes of which it is not certain.

    Raises:
        Wrong: A known rank is not below that of the node above, or there are too few levels.
    """
    index = {level: i for i, level in enumerate(levels)}
    ranks = {name: index[known[name]] for name in taxonomy.order if known.get(name) in index}
    # the finest level that each node may have, given what is known below it
    most = {name: ranks.get(name, len(levels) - 1) for name in taxonomy.order}
    for name in reversed(taxonomy.order):
        parent = taxonomy.parent[name]
        if parent in most:
            most[parent] = min(most[parent], most[name] - 1)
    placed, uncertain = {taxonomy.root: -1}, []
    for name in taxonomy.order:
        least = placed[taxonomy.parent[name]] + 1
        if most[name] < least:
            above = " > ".join(ancestors(taxonomy, name))
            raise Wrong(
                f"'{name}' has no level left below its parent: of {', '.join(levels)}, in {above}; "
                "give the ranks in a table, or more levels"
            )
        placed[name] = ranks.get(name, least)
        if placed[name] < least:
            raise Wrong(
                f"'{name}' is a {levels[placed[name]]}, which is not below its parent '{taxonomy.parent[name]}'"
            )
        if name not in ranks and most[name] > least:
            uncertain.append(name)
    return placed, uncertain


def ancestors(taxonomy: Taxonomy, name: str) -> list[str]:
    """The names from the root down to a node."""
    path = [name]
    while path[-1] in taxonomy.parent:
        path.append(taxonomy.parent[path[-1]])
    return path[::-1]


def write(
    taxonomy: Taxonomy, placed: dict[str, int], levels: list[str], header: tuple[str, ...], unpinned: set[str]
) -> str:
    """The text of the .hier file; what is `unpinned` is pinned all the same where it skips a rank."""
    lines = [*header, "", "levels", *(f"    {quote(level)}" for level in levels), "", "tree"]
    for name in taxonomy.order:
        known = name in taxonomy.children and name not in unpinned
        pinned = known or placed[name] > placed[taxonomy.parent[name]] + 1
        pin = f"  [level={quote(levels[placed[name]])}]" if pinned else ""
        lines.append(f"{'    ' * taxonomy.depth[name]}{quote(name)}{pin}")
    return format_text("\n".join(lines) + "\n")


@click.command()
@click.argument("edges", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The .hier file to write."
)
@click.option("--ranks", type=click.Path(path_type=Path), help="CSV file of names and their ranks.")
@click.option("--levels", default=RANKS, show_default=True, help="The ranks that are levels, coarse to fine.")
@click.option("--name", help="Name of the hierarchy; that of the output without it.")
@click.option("--title", help="Its title.")
@click.option("--source", "sources", multiple=True, help="Where it comes from; may be given several times.")
@click.option("--sort", is_flag=True, help="Siblings in the order of their names, not of the file.")
def main(
    edges: Path,
    output: Path,
    ranks: Path | None,
    levels: str,
    name: str | None,
    title: str | None,
    sources: tuple[str, ...],
    *,
    sort: bool,
) -> None:
    """Write a .hier file of a taxonomy from a CSV file of its edges, with columns child and parent."""
    taxonomy = Taxonomy(edges, in_order_of_names=sort)
    names = levels.split(",")
    known = {node: rank for _, node, rank in table(ranks, ("name", "rank"))} if ranks else {}
    by_name = {node: rank_by_name(taxonomy, node) for node in taxonomy.order}
    known = {node: rank for node, rank in by_name.items() if rank} | known
    placed, uncertain = place(taxonomy, names, known)
    quoted = [f"    source {_text(source)}" for source in sources]
    first = f"hierarchy {quote(name or output.stem)}{f' {_text(title)}' if title else ''}"
    text = write(taxonomy, placed, names, (first, *quoted), set(uncertain))
    hierarchy, found = analyze(text, str(output))
    if hierarchy is None:
        wrong = next(diagnostic for diagnostic in found if diagnostic.is_error)
        raise Wrong(f"the tree is no valid hierarchy: {wrong.message}")
    try:
        write_whole(output, text.encode())
    except OSError as error:
        raise Wrong(f"cannot write '{output}': {error.strerror}") from None
    counts = ", ".join(f"{len(hierarchy.cut(i))} {level}" for i, level in enumerate(names))
    pins = sum(node.level is not None for node in hierarchy.nodes)
    click.echo(
        f"wrote {output}: {len(hierarchy.nodes)} nodes, {pins} pinned; {counts}; {len(found)} warnings"
    )
    if uncertain:
        listed = ", ".join(uncertain[:20]) + (
            f" and {len(uncertain) - 20} more" if len(uncertain) > 20 else ""
        )
        click.echo(f"not certain, and put one level below the parent: {listed}", err=True)


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    main()
