"""`convcalc init`."""

from __future__ import annotations

import click


@click.command("init", short_help="Write a first convcalc.toml, with today's numbers as limits.")
@click.argument("specs", nargs=-1, required=True, metavar="[NAME=]SPEC...")
@click.option("--input", "inputs", multiple=True, metavar="CxHxW", help="Input of every SPEC. [default: its own]")
@click.option("--output", default="convcalc.toml", show_default=True, metavar="FILE", help="Where to write it.")
@click.option("--python-path", multiple=True, metavar="DIR", help="Import models from here, too (repeatable).")
@click.option("--timeout", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds for one model.")
def command(
    specs: tuple[str, ...], inputs: tuple[str, ...], output: str, python_path: tuple[str, ...], timeout: float
) -> None:
    """\b
    convcalc init stem="7x7c64s2, bn, relu, maxpool3x3s2p1" --input 3x224x224
    convcalc init resnet50 net=mypkg.models:Net --input 3x224x224

    Every SPEC (a text, a catalogue entry, or package.module:attribute, whose module is then imported)
    becomes a check that holds today. A file that is there already is not touched.
    """
    from convcalc.cli.first_budget import write_first_budget

    write_first_budget(specs, inputs, output, python_path, timeout)
