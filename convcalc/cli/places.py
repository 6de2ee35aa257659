"""Layers and places that the options of `rf` name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from convcalc.analysis.network import Network
from convcalc.analysis.receptive_field import bypassing, pixel_units, unit_field
from convcalc.core.errors import UsageError
from convcalc.core.graph import Graph
from convcalc.report.build.fields import Place


def up_to(network: Network, name: str | None) -> Network:
    """The network that ends in the layer called `name`, or in the last layer inside it. Raises UsageError."""
    if name is None:
        return network
    graph = network.graph
    layers = graph.layers
    exact = [i for i in layers if graph.nodes[i].name == name]
    inside = exact or [i for i in layers if graph.nodes[i].name.startswith(f"{name}.")]
    if not inside:
        near = get_close_matches(name, _names(graph), 3, 0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "convcalc summary lists the layers"
        raise UsageError(f"{network.text} has no layer {name!r}", hint=hint)
    last = graph.nodes[inside[-1]].name
    return replace(network, text=f"{network.text} up to layer {last}", graph=graph.until(inside[-1]))


def past(network: Network, patterns: Sequence[str]) -> Network:
    """The network in which layers called so pass on what their first input reads. Raises UsageError.

    A pattern (`se`, `*.attn`, SqueezeExcitation) is compared, whatever its case, with a layer's name, with
    the names and classes of the modules that it is in, and with its operator.
    """
    if not patterns:
        return network
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
