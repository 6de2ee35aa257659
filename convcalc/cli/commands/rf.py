"""`convcalc rf`."""

from __future__ import annotations

import click

from convcalc.cli.options import Output, Place, Request, network_options, output_options


@click.command("rf", short_help="The receptive field, layer by layer.")
@network_options
@click.option("--explain", is_flag=True, help="Show the recursion, jump by jump.")
@click.option(
    "--layer",
    "--stop-at",
    "layer_name",
    metavar="NAME",
    help="The field of this layer, and the network up to it.",
)
@click.option(
    "--ignore",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Follow the field past what is called so: a layer, a module, its class or an operator.",
)
@click.option("--unit", type=Place(), help="What this unit of the output reads, borders included.")
@click.option("--pixel", type=Place(), help="Which units of the output read this place of the input.")
@output_options
def command(
    request: Request,
    output: Output,
    explain: bool,
    layer_name: str | None,
    patterns: tuple[str, ...],
    unit: tuple[int, ...] | None,
    pixel: tuple[int, ...] | None,
) -> int:
    """\b
    convcalc rf --layers 3x3,3x3,3x3
    convcalc rf --layers 3x3s2,3x3d2 --explain
    convcalc rf resnet50 --layer layer1
    convcalc rf 3x3,se16,3x3 --ignore 1
    convcalc rf --layers 3x3,maxpool2x2 --unit 0,0 --pixel 5,5

    The receptive field of a unit far from the borders: its span per axis, effective stride and padding,
    and the coverage, the share of the span that is really read. Exact through branches, dilation,
    transposed convolution and upsampling; drawn where the axes do not tell the story.
    """
    from convcalc.cli.answer import answer
    from convcalc.cli.network import resolve
    from convcalc.cli.places import asked_places, past, up_to
    from convcalc.report.build.document import place_document
    from convcalc.report.build.fields import rf_report

    network = past(up_to(resolve(request), layer_name), patterns)
    places = asked_places(network.graph, unit, pixel)
    return answer(
        network,
        output,
        lambda: rf_report(network, depth=output.depth, explain=explain, places=places),
        {"places": [place_document(place) for place in places]} if places else {},
    )
