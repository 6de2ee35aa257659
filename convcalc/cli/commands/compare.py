"""`convcalc compare`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from convcalc.cli.options import Output, Request, output_options, several_networks_options


@click.command("compare", short_help="Networks side by side.")
@several_networks_options
@output_options
def command(requests: Sequence[Request], output: Output) -> int:
    """\b
    convcalc compare resnet-block resnext-block
    convcalc compare 3x3,3x3,3x3 7x7 --input 64x56x56
    convcalc compare resnet50 resnext50_32x4d resnet101 --format markdown

    Totals and ratios to the first network, the layers side by side (aligned by name), where the
    parameters and the MACs go, memory and the receptive field.
    """
    from convcalc.cli.comparison import answer_comparison

    return answer_comparison(requests, output)
