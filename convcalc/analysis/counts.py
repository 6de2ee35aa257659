"""The one walk over a graph that counts: a record for each layer, and what groups of layers come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from convcalc.core.graph import Graph
from convcalc.core.operator import Op, Params, Shape
from convcalc.core.traced import Module


class Layer(NamedTuple):
    """One layer's numbers: a plain tuple, since networks of 100,000 layers make as many of them.

    `node` is its index in the graph, `inputs` the names of the layers that it reads, `output` its output's
    shape without the batch, `parameters` its parameters by what they are, `macs` multiply-accumulates.
    """

    node: int
    name: str
    op: Op
    inputs: tuple[str, ...]
    output: Shape
    parameters: Params
    macs: int
    elementwise: int

    @property
    def kind(self) -> str:
        """What sort of layer it is: "conv", "bn"."""
        return self.op.kind

    @property
    def spec(self) -> str:
        """The layer in the language."""
        return self.op.spec()

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return self.parameters.total

    @property
    def flops(self) -> int:
        """2 x MACs."""
        return 2 * self.macs


def count_layers(graph: Graph) -> tuple[Layer, ...]:
    """Every layer of `graph`, in its order, counted."""
    layers = []
    names = [node.name for node in graph.nodes]
    inputs = set(graph.inputs)
    for index in graph.layers:
        op, sources, name = graph.nodes[index]
        shapes = graph.input_shapes_of(index)
        layers.append(
            Layer(
                node=index,
                name=name,
                op=op,
                inputs=tuple([names[source] for source in sources if source not in inputs]),
                output=graph.shapes[index],
                parameters=op.params(*shapes),
                macs=op.macs(*shapes),
                elementwise=op.elementwise(*shapes),
            )
        )
    return tuple(layers)


def all_parameters(layers: Sequence[Layer]) -> Params:
    """The layers' parameters together, each sort by itself."""
    return Params(*map(sum, zip(*(layer.parameters for layer in layers), strict=True)))


def by_module(layers: Sequence[Layer], depth: int, classes: Mapping[str, str]) -> tuple[Layer, ...]:
    """The same numbers with a record for each module, `depth` names deep, in execution order of its first layer.

    `classes` are the modules' classes by their paths, for show.
    """
    modules: dict[str, list[Layer]] = {}
    for layer in layers:
        modules.setdefault(".".join(layer.name.split(".")[:depth]), []).append(layer)
    grouped = []
    for name, members in modules.items():
        last = members[-1]
        if len(members) == 1 and last.name == name:
            grouped.append(last)
            continue
        grouped.append(
            Layer(
                node=last.node,
                name=name,
                op=Module(len(members), classes.get(name, ""), all(layer.op.counted for layer in members)),
                inputs=(),
                output=last.output,
                parameters=all_parameters(members),
                macs=sum(layer.macs for layer in members),
                elementwise=sum(layer.elementwise for layer in members),
            )
        )
    return tuple(grouped)


def kinds(layers: Sequence[Layer]) -> dict[str, int]:
    """How many layers of each kind there are."""
    counts: dict[str, int] = {}
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
    return counts
