"""`convcalc spec`."""

from __future__ import annotations

import click

from convcalc.cli.options import Request, network_options


@click.command("spec", short_help="A model or an entry as a text of the language.")
@network_options
def command(request: Request) -> int:
    """\b
    convcalc spec vgg11
    convcalc spec torchvision.models:resnet18
    convcalc spec "mypkg.models:Net(width=32)" --input 3x64x64

    Print a network layer by layer in convcalc's own language, branches included, to be pasted into a paper,
    a configuration or another command. What the language cannot say is an error that names the layer.
    """
    from convcalc.cli.answer import write
    from convcalc.cli.network import resolve
    from convcalc.language.unparse import unparse

    write(f"{unparse(resolve(request).graph)}\n")
    return 0
