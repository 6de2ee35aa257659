"""`convcalc flops`."""

from __future__ import annotations

import click

from convcalc.cli.options import TREE, Output, Request, network_options, output_options


@click.command("flops", short_help="MACs and FLOPs, layer by layer.")
@network_options
@click.option("--explain", is_flag=True, help="Show the arithmetic with the numbers in it.")
@TREE
@output_options
def command(request: Request, output: Output, explain: bool) -> int:
    """\b
    convcalc flops resnet50
    convcalc flops --kernel 3 --in-channels 64 --out-channels 128 --explain
    convcalc flops sep3x3c64 --input 32x112x112 --format csv

    Multiply-accumulates (MACs) of convolutions and dense layers; FLOPs are 2 x MACs. All other
    arithmetic (biases, normalisation, activations, pooling, joins) is in a column of its own and is
    never added in.
    """
    from convcalc.cli.answer import answer
    from convcalc.cli.network import resolve
    from convcalc.report.build.layers import flops_report

    network = resolve(request)
    return answer(network, output, lambda: flops_report(network, view=output.view, explain=explain))
