"""`convcalc params`."""

from __future__ import annotations

import click

from convcalc.cli.options import TREE, Output, Request, network_options, output_options


@click.command("params", short_help="Trainable parameters, layer by layer.")
@network_options
@click.option("--explain", is_flag=True, help="Show the arithmetic with the numbers in it.")
@TREE
@output_options
def command(request: Request, output: Output, explain: bool) -> int:
    """\b
    convcalc params --kernel 3 --groups 32
    convcalc params --layers 3x3,3x3 --input 64x56x56 --explain
    convcalc params resnet50 --format json
    convcalc params resnext-block --cardinality 64 --width 4
    convcalc params resnet50 --columns layer,params,share --sort params --top 5

    Trainable parameters of every layer and in all: weights, biases and normalisation apart. SPEC is a
    text like 3x3c64s2,3x3 or a name of the catalogue. With --groups the ungrouped layer stands beside
    the grouped one: G groups keep 1/G of its weights.
    """
    from convcalc.cli.answer import answer
    from convcalc.cli.network import resolve
    from convcalc.report.build.layers import params_report

    network = resolve(request)
    return answer(network, output, lambda: params_report(network, view=output.view, explain=explain))
