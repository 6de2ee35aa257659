"""A graph as a PyTorch module: the layers under their dotted names, called in the graph's order."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from convcalc.core.graph import Graph
from convcalc.pytorch import modules


class _Step(NamedTuple):
    """One call: the module, the nodes it reads, and those that nobody reads after it."""

    node: int
    module: nn.Module
    sources: tuple[int, ...]
    finished: tuple[int, ...]


class BuiltModule(nn.Module):
    """The module of a graph. `layers[name]` is the module of the layer called `name`."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self._steps = []
        last_reader = {source: index for index in graph.layers for source in graph.nodes[index].inputs}
        for index in graph.layers:
            op, sources, name = graph.nodes[index]
            module = op.module(modules, *graph.input_shapes_of(index))
            _register(self, name, module)
            finished = {source for source in sources if last_reader[source] == index} - set(graph.outputs)
            self._steps.append(_Step(index, module, sources, tuple(finished)))

    @property
    def layers(self) -> dict[str, nn.Module]:
        """Every layer's module by its name, in the order of the graph."""
        return {self.graph.nodes[step.node].name: step.module for step in self._steps}

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """One tensor for each input of the graph, batch first; several outputs come as a tuple."""
        values = dict(zip(self.graph.inputs, inputs, strict=True))
        for node, module, sources, finished in self._steps:
            values[node] = module(*[values[source] for source in sources])
            for source in finished:
                del values[source]
        outputs = tuple(values[output] for output in self.graph.outputs)
        return outputs if len(outputs) > 1 else outputs[0]


def build(graph: Graph) -> BuiltModule:
    """The PyTorch module of `graph`, on torch's default device and with torch's own initial weights.

    >>> from convcalc import parse
    >>> sum(p.numel() for p in build(parse("3x3,3x3")).parameters())
    294912
    """
    return BuiltModule(graph)


def _register(root: nn.Module, name: str, module: nn.Module) -> None:
    """Make `module` the submodule `name` of `root`, with a bare module for every dot."""
    *scopes, last = name.split(".")
    for scope in scopes:
        inner = root._modules.get(scope)
        if inner is None:
            inner = nn.Module()
            root.add_module(scope, inner)
        root = inner
    if last in root._modules:
        raise ValueError(f"two layers are called {name!r}")
    root.add_module(last, module)
