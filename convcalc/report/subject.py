"""What a report is about, as the user put it, and the lines at its head."""

from __future__ import annotations

from typing import NamedTuple

from convcalc.graph import Graph
from convcalc.measure import Summary
from convcalc.ops import spell
from convcalc.report.parts import amount


class Subject(NamedTuple):
    """A network that was asked for.

    `defaulted` says which part of the input nobody named: "", "default", or "56x56 default".
    `ungrouped` is the same single layer with one group, where `--groups` asked for several.
    """

    text: str
    graph: Graph
    defaulted: str = ""
    ungrouped: Summary | None = None


def heading(subject: Subject, summary: Summary) -> list[str]:
    """What is measured, over which input."""
    graph = subject.graph
    single = len(summary.rows) == 1
    inputs = ", ".join(spell(shape) for shape in graph.input_shapes)
    outputs = ", ".join(spell(graph.shapes[output]) for output in graph.outputs)
    defaulted = f" ({subject.defaulted})" if subject.defaulted else ""
    return [
        summary.rows[0].spec if single and not subject.text else subject.text,
        f"input {inputs}{defaulted}, output {outputs}, {amount(len(summary.rows), 'layer')}",
    ]
