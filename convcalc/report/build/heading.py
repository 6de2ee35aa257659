"""The lines at the head of a report: what is measured, over which input."""

from __future__ import annotations

from convcalc.analysis.network import Network
from convcalc.core.operator import spell
from convcalc.report.parts import amount


def heading(network: Network) -> list[str]:
    """What is measured, over which input, and what must be said beside the numbers."""
    graph = network.graph
    inputs = ", ".join(spell(shape) for shape in graph.input_shapes)
    outputs = ", ".join(spell(graph.shapes[output]) for output in graph.outputs)
    defaulted = f" ({network.defaulted})" if network.defaulted else ""
    return [
        network.text or network.layers[0].spec,
        f"input {inputs}{defaulted}, output {outputs}, {amount(len(graph.layers), 'layer')}",
        *network.notes,
    ]
