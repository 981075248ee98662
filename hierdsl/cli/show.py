"""`hierdsl show`: the levels and their groups."""

import json

import click

from hierdsl.cli.common import Usage, load_or_exit


@click.command(
    epilog="""\b
Examples:
  hierdsl show camvid                    every level, coarse to fine
  hierdsl show camvid --level region     one level
  hierdsl show helen --json              lists of channels, for other programs
"""
)
@click.argument("file", metavar="FILE")
@click.option("--level", metavar="NAME", help="Show this level only.")
@click.option("--json", "as_json", is_flag=True, help="Print lists of channels as JSON.")
def command(file: str, level: str | None, as_json: bool) -> None:
    """Print the levels of a .hier file, coarse to fine, each as groups of channels.

    A level is a cut of the tree; each group of it is shown with the classes that it joins and their channels,
    which are the positions of the classes on axis 1 of a network's output.
    """
    hierarchy = load_or_exit(file)
    from hierdsl.compiler import compile_hierarchy  # noqa: PLC0415 - a wrong file needs no NumPy

    compiled = compile_hierarchy(hierarchy)
    names = compiled.level_names
    if level is not None and level not in names:
        raise Usage(f"there is no level '{level}'; the levels are: {', '.join(names)}")
    chosen = [i for i, name in enumerate(names) if level in (None, name)]
    leaves = range(compiled.num_leaves)
    groups = {
        i: [[c for c in leaves if compiled.group[i, c] == g] for g in range(compiled.num_groups[i])]
        for i in chosen
    }
    if as_json:
        listed = [
            {"name": names[i], "weight": float(compiled.level_weights[i]), "groups": groups[i]}
            for i in chosen
        ]
        click.echo(
            json.dumps({"channels": compiled.names[: compiled.num_leaves], "levels": listed}, indent=1)
        )
        return
    for i in chosen:
        click.echo(f"{names[i]}: {len(groups[i])} groups, weight {compiled.level_weights[i]:g}")
        width = max(len(compiled.paths[node]) for node in compiled.group_nodes[i])
        for node, channels in zip(compiled.group_nodes[i], groups[i], strict=True):
            joined = " ".join(f"{c}:{compiled.names[c]}" for c in channels)
            click.echo(f"  {compiled.paths[node]:<{width}}  {joined}")
