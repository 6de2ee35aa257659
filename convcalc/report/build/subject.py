"""What a report is about, as the user put it, and the lines at its head."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from convcalc.core.graph import Graph
from convcalc.analysis.counts import Summary
from convcalc.core.ops import spell
from convcalc.analysis.proof import Confirmation
from convcalc.report.parts import amount


class Subject(NamedTuple):
    """A network that was asked for.

    `defaulted` says which part of the input nobody named: "", "default", or "56x56 default".
    `ungrouped` is the same single layer with one group, where `--groups` asked for several. Of a traced
    model: `notes` are what must be said beside the numbers, `confirm` proves them on a device, `classes` are
    its modules' by their paths, `buffers` how many values it has that are not parameters.
    """

    text: str
    graph: Graph
    defaulted: str = ""
    ungrouped: Summary | None = None
    notes: tuple[str, ...] = ()
    confirm: Callable[[str], Confirmation] | None = None
    classes: dict[str, str] | None = None
    buffers: int | None = None


def heading(subject: Subject, summary: Summary) -> list[str]:
    """What is measured, over which input."""
    graph = subject.graph
    single = len(summary.rows) == 1
    inputs = ", ".join(spell(shape) for shape in graph.input_shapes)
    outputs = ", ".join(spell(graph.shapes[output]) for output in graph.outputs)
    defaulted = f" ({subject.defaulted})" if subject.defaulted else ""
    return [
        summary.rows[0].spec if single and not subject.text else subject.text,
        f"input {inputs}{defaulted}, output {outputs}, {amount(len(graph.layers), 'layer')}",
        *subject.notes,
    ]
