"""`hierdsl compile`: the tables as a file."""

from pathlib import Path

import click

from hierdsl.cli.common import Usage, load_or_exit, plural


@click.command(
    epilog="""\b
Examples:
  hierdsl compile camvid -o camvid.npz
  python -c "import numpy; print(numpy.load('camvid.npz')['group'])"
"""
)
@click.argument("file", metavar="FILE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write, ending in .npz."
)
def command(file: str, output: Path) -> None:
    """Compile a .hier file to tables of integers: level maps, parents, weights, colours, label maps.

    The file is read by numpy.load or by hierdsl.CompiledHierarchy.load; the reference of the tables is in
    docs/reference/tables.md. It carries a hash of its content.
    """
    hierarchy = load_or_exit(file)
    from hierdsl.compiler import compile_hierarchy  # noqa: PLC0415 - a wrong file needs no NumPy

    if output.suffix != ".npz":
        raise Usage(f"'{output}' does not end in .npz")
    compiled = compile_hierarchy(hierarchy)
    try:
        compiled.save(output)
    except OSError as error:
        raise Usage(f"cannot write '{output}': {error.strerror}") from None
    leaves, nodes, levels = compiled.num_leaves, compiled.num_nodes, compiled.num_levels
    hashed = compiled.hash[:12]
    click.echo(
        f"wrote {output}: {leaves:,} leaves, {nodes:,} nodes, {plural(levels, 'level')}, hash {hashed}"
    )
