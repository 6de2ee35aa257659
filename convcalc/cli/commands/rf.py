"""`convcalc rf`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import click

from convcalc.analysis.network import Network
from convcalc.cli.options import Output, Place, Request, network_options, output_options
from convcalc.core.errors import UsageError, suggest
from convcalc.core.graph import Graph
from convcalc.report.build.fields import Reading


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
    from convcalc.report.build.document import place_document
    from convcalc.report.build.fields import rf_report

    network = _past(_up_to(resolve(request), layer_name), patterns)
    places = _places(network.graph, unit, pixel)
    return answer(
        network,
        output,
        lambda: rf_report(network, view=output.view, explain=explain, places=places),
        {"places": [place_document(place) for place in places]} if places else {},
    )


def _up_to(network: Network, name: str | None) -> Network:
    """The network that ends in the layer called `name`, or in the last layer inside it. Raises UsageError."""
    if name is None:
        return network
    graph = network.graph
    layers = graph.layers
    exact = [i for i in layers if graph.nodes[i].name == name]
    inside = exact or [i for i in layers if graph.nodes[i].name.startswith(f"{name}.")]
    if not inside:
        hint = suggest(name, _names(graph), otherwise="convcalc summary lists the layers")
        raise UsageError(f"{network.text} has no layer {name!r}", hint=hint)
    last = graph.nodes[inside[-1]].name
    return replace(network, text=f"{network.text} up to layer {last}", graph=graph.until(inside[-1]))


def _past(network: Network, patterns: Sequence[str]) -> Network:
    """The network in which layers called so pass on what their first input reads. Raises UsageError.

    A pattern (`se`, `*.attn`, SqueezeExcitation) is compared, whatever its case, with a layer's name, with
    the names and classes of the modules that it is in, and with its operator.
    """
    if not patterns:
        return network
    from convcalc.analysis.receptive_field import bypassing

    graph, classes = network.graph, network.classes
    called = {index: _called(graph, index, classes) for index in graph.layers}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern.lower()) for names in called.values() for name in names):
            known = sorted(set(classes.values()) or {graph.nodes[index].op.kind for index in graph.layers})
            raise UsageError(f"{network.text} has nothing called {pattern!r}", hint=f"it has {', '.join(known)}")
    ignored = {
        index
        for index, names in called.items()
        if any(fnmatchcase(name, pattern.lower()) for pattern in patterns for name in names)
    }
    note = f"{', '.join(patterns)} ignored: {len(ignored)} layers pass on what their first input reads"
    return replace(network, graph=bypassing(graph, ignored), notes=(*network.notes, note))


def _called(graph: Graph, index: int, classes: Mapping[str, str]) -> list[str]:
    """All that a layer is called: its path, each part of it, its modules' classes, its operator."""
    op, _, name = graph.nodes[index]
    parts = name.partition("#")[0].split(".")
    paths = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    return [
        called.lower() for called in (*paths, *parts, *(classes.get(path, "") for path in paths), op.kind) if called
    ]


def _names(graph: Graph) -> list[str]:
    """The names of all layers, and of all that they are inside of."""
    paths = [graph.nodes[i].name.split(".") for i in graph.layers]
    return list(dict.fromkeys(".".join(path[: depth + 1]) for path in paths for depth in range(len(path))))


def _places(graph: Graph, unit: Sequence[int] | None, pixel: Sequence[int] | None) -> list[Reading]:
    """The answers to --unit and --pixel. Raises UsageError where there is no such place."""
    from convcalc.analysis.receptive_field import pixel_units, unit_field

    layer = graph.nodes[graph.outputs[0]].name
    places = []
    if unit is not None:
        read = unit_field(graph, unit)
        regions = tuple((graph.nodes[index].name, region) for index, region in read.items())
        places.append(Reading(question="unit", place=tuple(unit), layer=layer, regions=regions))
    if pixel is not None:
        name = graph.nodes[graph.inputs[0]].name
        regions = ((name, pixel_units(graph, pixel)),)
        places.append(Reading(question="pixel", place=tuple(pixel), layer=layer, regions=regions))
    return places
