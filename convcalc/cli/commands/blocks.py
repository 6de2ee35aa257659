"""`convcalc blocks`."""

from __future__ import annotations

import click

from convcalc.cli.options import FORMATS, INPUT, SETTINGS, complete_spec


@click.command("blocks", short_help="The catalogue of named blocks and networks.")
@click.argument("name", required=False, shell_complete=complete_spec)
@SETTINGS
@INPUT
@click.option("--format", type=click.Choice(FORMATS), default="table", show_default=True, help="How to answer.")
def command(name: str | None, settings: tuple[str, ...], inputs: tuple[str, ...], format: str) -> None:
    """\b
    convcalc blocks
    convcalc blocks resnet-block
    convcalc blocks "resnext-block(cardinality=64, width=4)" --input 256x28x28

    Without a NAME: every entry by family, with its parameters, default input and source. With one: its
    structure as a tree, with shapes, and how many layers of each kind it has.
    """
    from convcalc.cli.catalogue import list_catalogue, show_entry

    if name is None:
        list_catalogue(settings or inputs, format)
    else:
        show_entry(name, settings, inputs, format)
