"""The one walk over a graph that counts: a row for each layer, totals, memory.

`measure` needs no receptive field and `convcalc.analysis.receptive_field` no counts; `analyse` is both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from convcalc.core.algebra import prod
from convcalc.core.errors import LimitError
from convcalc.core.graph import Graph
from convcalc.core.ops import Formula, Op, Params, Shape

if TYPE_CHECKING:
    from convcalc.analysis.receptive_field import Field


class Row(NamedTuple):
    """One layer's numbers. `params` are trainable parameters, `macs` multiply-accumulates."""

    node: int
    name: str
    op: Op
    inputs: tuple[str, ...]
    output: Shape
    params: Params
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
    def flops(self) -> int:
        """2 x MACs."""
        return 2 * self.macs


class Memory(NamedTuple):
    """Numbers of elements. `peak` is of live activations in an inference pass; `training` is kept for backward."""

    params: int
    activations: int
    peak: int
    training: int


class Summary(NamedTuple):
    """A graph's numbers: a row for each layer, and totals."""

    graph: Graph
    rows: tuple[Row, ...]
    params: Params
    macs: int
    elementwise: int
    memory: Memory

    @property
    def flops(self) -> int:
        """2 x MACs."""
        return 2 * self.macs

    @property
    def uncounted(self) -> dict[str, int]:
        """Operators whose counts are not known, with the number of their calls."""
        ops = [self.graph.nodes[index].op for index in self.graph.layers]
        return dict(Counter(op.spec() for op in ops if not op.counted))

    @property
    def complete(self) -> bool:
        """Whether every operator was counted; if not, the totals are lower bounds."""
        return all(row.op.counted for row in self.rows)

    def formula(self, row: Row) -> Formula:
        """The arithmetic of one row as text."""
        return self.graph.nodes[row.node].op.formula(*self.graph.input_shapes_of(row.node))


@dataclass(frozen=True)
class Analysis:
    """A graph's numbers, and the receptive field of every node on input number `source`, followed when asked for."""

    summary: Summary
    source: int = 0

    @cached_property
    def _followed(self) -> tuple[tuple[Field, ...], str]:
        from convcalc.analysis.receptive_field import (
            receptive_fields,  # here, so that what asks for no field starts sooner
        )

        try:
            return tuple(receptive_fields(self.summary.graph, self.source)), ""
        except LimitError as error:
            return (), error.message

    @property
    def fields(self) -> tuple[Field, ...]:
        """The field of every node; empty where `note` says why they could not be followed."""
        return self._followed[0]

    @property
    def note(self) -> str:
        """Why there are no fields, if there are none."""
        return self._followed[1]

    @property
    def field(self) -> Field | None:
        """The output's receptive field."""
        return self.fields[self.summary.graph.outputs[0]] if self.fields else None

    @cached_property
    def spatial(self) -> int | None:
        """The last node on the way to the output whose field is not global, where the output's is."""
        from convcalc.analysis.receptive_field import spatial_end

        return spatial_end(self.summary.graph, self.fields) if self.fields else None

    @property
    def spatial_field(self) -> Field | None:
        """The field of the last layer before the output turns global, where it does."""
        return self.fields[self.spatial] if self.spatial is not None else None


def measure(graph: Graph) -> Summary:
    """Count every layer of `graph`.

    >>> from convcalc import parse
    >>> measure(parse("3x3", (64, 56, 56)).graph).macs
    115605504
    """
    rows = []
    names = [node.name for node in graph.nodes]
    layers = graph.layers
    inputs = set(graph.inputs)
    for index in layers:
        op, sources, name = graph.nodes[index]
        shapes = graph.input_shapes_of(index)
        rows.append(
            Row(
                index,
                name,
                op,
                tuple([names[source] for source in sources if source not in inputs]),
                graph.shapes[index],
                op.params(*shapes),
                op.macs(*shapes),
                op.elementwise(*shapes),
            )
        )
    params = _all_params(rows)
    return Summary(
        graph,
        tuple(rows),
        params,
        sum([row.macs for row in rows]),
        sum([row.elementwise for row in rows]),
        Memory(params.total, *_activations(graph)),
    )


def by_module(summary: Summary, depth: int, classes: Mapping[str, str] = MappingProxyType({})) -> Summary:
    """The same numbers with a row for each module, so many names deep, in execution order of its first layer.

    `classes` are the modules' classes by their paths, for show.
    """
    from convcalc.core.ops.traced import Module

    modules: dict[str, list[Row]] = {}
    for row in summary.rows:
        path = row.name.split(".")
        modules.setdefault(".".join(path[:depth]), []).append(row)
    rows = []
    for name, layers in modules.items():
        last = layers[-1]
        if len(layers) == 1 and last.name == name:
            rows.append(last)
            continue
        op = Module(len(layers), classes.get(name, ""), all(row.op.counted for row in layers))
        params = _all_params(layers)
        macs, elementwise = sum(row.macs for row in layers), sum(row.elementwise for row in layers)
        rows.append(Row(last.node, name, op, (), last.output, params, macs, elementwise))
    return summary._replace(rows=tuple(rows))


def analyse(graph: Graph, source: int = 0) -> Analysis:
    """`measure`, with the receptive fields on input number `source`."""
    return Analysis(measure(graph), source)


def _all_params(rows: Sequence[Row]) -> Params:
    """The rows' parameters together, each sort by itself."""
    return Params(*map(sum, zip(*(row.params for row in rows), strict=True)))


def _activations(graph: Graph) -> tuple[int, int, int]:
    """Elements written, the peak of those alive, and those that training keeps.

    A tensor lives from its layer to its last reader; a view shares the memory of what it views.
    """
    owner = list(range(len(graph.nodes)))
    sizes = [prod(shape) for shape in graph.shapes]
    last = owner.copy()
    kept: set[int] = set()
    for index, (op, inputs, _) in enumerate(graph.nodes):
        if op.is_view and inputs:
            owner[index] = owner[inputs[0]]
        for source in (*inputs, index):
            last[owner[source]] = index
        if op.saves == "input":
            kept.update([owner[source] for source in inputs])
        elif op.saves == "output":
            kept.add(owner[index])
    for output in graph.outputs:
        last[owner[output]] = len(owner)
    ending: dict[int, int] = {}
    for index, mine in enumerate(owner):
        if mine == index:
            ending[last[index]] = ending.get(last[index], 0) + sizes[index]
    inputs_ = set(graph.inputs)
    written = peak = live = 0
    for index, mine in enumerate(owner):
        if mine == index:
            live += sizes[index]
            written += 0 if index in inputs_ else sizes[index]
        peak = max(peak, live)
        live -= ending.get(index, 0)
    return written, peak, sum([sizes[index] for index in kept])


def kinds(rows: Sequence[Row]) -> dict[str, int]:
    """How many layers of each kind there are."""
    counted: dict[str, int] = {}
    for row in rows:
        counted[row.kind] = counted.get(row.kind, 0) + 1
    return counted
