"""`convcalc summary`."""

from __future__ import annotations

import click

from convcalc.cli.options import TREE, Output, Request, network_options, output_options


@click.command("summary", short_help="Everything at once, layer by layer.")
@network_options
@TREE
@output_options
def command(request: Request, output: Output) -> int:
    """\b
    convcalc summary resnet50
    convcalc summary 7x7c64s2,bn,relu,maxpool3x3s2p1 --input 3x224x224
    convcalc summary resnet18 --dtype float16 --format markdown
    convcalc summary resnet50 --tree --depth 2

    Shapes, parameters, MACs, FLOPs (2 x MACs), elementwise arithmetic and the receptive field of every
    layer, and the memory of the network.
    """
    from convcalc.cli.answer import answer
    from convcalc.cli.network import resolve
    from convcalc.report.build.layers import summary_report

    network = resolve(request)
    return answer(network, output, lambda: summary_report(network, view=output.view, dtype=output.dtype))
