"""Layers and places that the options of `rf` name."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from convcalc.errors import UsageError
from convcalc.field import pixel_units, unit_field
from convcalc.graph import Graph
from convcalc.report.fields import Place
from convcalc.report.subject import Subject


def up_to(subject: Subject, name: str | None) -> Subject:
    """The network that ends in the layer called `name`, or in the last layer inside it. Raises UsageError."""
    if name is None:
        return subject
    graph = subject.graph
    layers = graph.layers
    exact = [i for i in layers if graph.nodes[i].name == name]
    inside = exact or [i for i in layers if graph.nodes[i].name.startswith(f"{name}.")]
    if not inside:
        near = get_close_matches(name, _names(graph), 3, 0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "convcalc summary lists the layers"
        raise UsageError(f"{subject.text} has no layer {name!r}", hint=hint)
    last = graph.nodes[inside[-1]].name
    return subject._replace(text=f"{subject.text} up to layer {last}", graph=graph.until(inside[-1]))


def _names(graph: Graph) -> list[str]:
    """The names of all layers, and of all that they are inside of."""
    paths = [graph.nodes[i].name.split(".") for i in graph.layers]
    return list(dict.fromkeys(".".join(path[: depth + 1]) for path in paths for depth in range(len(path))))


def asked_places(graph: Graph, unit: Sequence[int] | None, pixel: Sequence[int] | None) -> list[Place]:
    """The answers to --unit and --pixel. Raises UsageError where there is no such place."""
    layer = graph.nodes[graph.outputs[0]].name
    places = []
    if unit is not None:
        read = unit_field(graph, unit)
        regions = tuple((graph.nodes[index].name, region) for index, region in read.items())
        places.append(Place("unit", tuple(unit), layer, regions))
    if pixel is not None:
        name = graph.nodes[graph.inputs[0]].name
        places.append(Place("pixel", tuple(pixel), layer, ((name, pixel_units(graph, pixel)),)))
    return places
