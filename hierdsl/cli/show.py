"""`hierdsl show`: the levels and their groups, their weights in a loss, or the tree of several files as one."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from hierdsl.cli.common import Usage, expanded, load_or_exit, plural, read, scope_or_exit
from hierdsl.cli.output import print_text
from hierdsl.source import printable

if TYPE_CHECKING:
    from hierdsl.compiler import CompiledHierarchy
    from hierdsl.model import Hierarchy


@click.command(
    epilog="""\b
Examples:
  hierdsl show camvid                    every level, coarse to fine
  hierdsl show camvid --level region     one level
  hierdsl show helen --json              lists of channels, for other programs
  hierdsl show camvid --weights flat     what a weighting does to each level and node
  hierdsl show camvid --weights 'hxe(0.1)' --level kind
  hierdsl show --expand city.hier        with what it uses, as one .hier file
"""
)
@click.argument("file", metavar="FILE")
@click.option("--level", metavar="NAME", help="Show this level only.")
@click.option("--json", "as_json", is_flag=True, help="Print lists of channels as JSON.")
@click.option(
    "--weights",
    metavar="PRESET",
    help="Print the factors in the loss instead: muller_smith, flat, hxe(ALPHA), hxe(ALPHA, depth), level(NAME), "
    "X,.. a level, or over a training coarse_to_fine(PRESET), fine_to_coarse(PRESET).",
)
@click.option(
    "--expand",
    is_flag=True,
    help="Print the tree, used files taken in and edits done, as one .hier file that stands alone.",
)
def command(file: str, level: str | None, as_json: bool, weights: str | None, expand: bool) -> None:
    """Print the levels of a .hier file, coarse to fine, each as groups of channels.

    A level is a cut of the tree; each group of it is shown with the classes that it joins and their channels,
    which are the positions of the classes on axis 1 of a network's output.
    """
    if expand:
        if level is not None or as_json or weights is not None:
            raise Usage("--expand prints the whole file: leave out --level, --weights and --json")
        print_text(expanded(scope_or_exit(read(file), file), file))
        return
    hierarchy = load_or_exit(file)
    from hierdsl.compiler import compile_hierarchy  # noqa: PLC0415 - a wrong file needs no NumPy

    compiled = compile_hierarchy(hierarchy)
    names = compiled.level_names
    try:
        chosen = range(len(names)) if level is None else [hierarchy.level_index(level)]
    except ValueError as error:
        raise Usage(str(error)) from None
    if weights is not None:
        _show_weights(weights, hierarchy, compiled, chosen, as_json=as_json)
        return
    groups: dict[int, list[list[int]]] = {}
    for i in chosen:
        groups[i] = [[] for _ in range(compiled.num_groups[i])]
        for channel, group in enumerate(compiled.group[i, : compiled.num_leaves].tolist()):
            groups[i][group].append(channel)
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
        click.echo(
            f"{printable(names[i])}: {plural(len(groups[i]), 'group')}, weight {compiled.level_weights[i]:g}"
        )
        paths = [printable(compiled.paths[node]) for node in compiled.group_nodes[i]]
        width = max(map(len, paths))
        for path, channels in zip(paths, groups[i], strict=True):
            joined = " ".join(f"{c}:{printable(compiled.names[c])}" for c in channels)
            click.echo(f"  {path:<{width}}  {joined}")


def _show_weights(
    text: str, hierarchy: "Hierarchy", compiled: "CompiledHierarchy", chosen: Sequence[int], *, as_json: bool
) -> None:
    from hierdsl.cli.weights import weights_json, weights_text  # noqa: PLC0415 - few want it
    from hierdsl.weighting import parse_schedule  # noqa: PLC0415 - the same

    try:
        schedule = parse_schedule(text, compiled)
    except ValueError as error:
        raise Usage(f"--weights: {error}") from None
    positions = [*hierarchy.leaves, *hierarchy.inner_nodes]  # of each node index
    order = sorted(range(len(positions)), key=positions.__getitem__)
    click.echo((weights_json if as_json else weights_text)(compiled, order, schedule, chosen))
