"""What a budget can limit: every metric by name, and how it is read off a network.

A metric that a network does not have (the coverage of a field whose holes are unknown) raises
NoNumberError: a limit on it is then neither kept nor broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from convcalc.analysis.counts import Row, Summary, kinds, measure
from convcalc.analysis.proof import Confirmation
from convcalc.analysis.receptive_field import Field, receptive_fields, spatial_end
from convcalc.core.errors import ConvcalcError, LimitError
from convcalc.core.graph import Graph
from convcalc.core.ops import REGISTRY
from convcalc.core.quantity import Exact, decimal, grouped

COUNT, SHARE, SIZES, SHAPE = "count", "share", "sizes", "shape"
"""Kinds of value: one integer; a fraction of 1; one size for each axis; the output's shape."""

LAYERS = "layers."
"""What the names of layer counts by kind start with."""


class NoNumberError(ConvcalcError):
    """The network has no such number, or it is not known exactly."""

    kind = "incomplete"


class Value(NamedTuple):
    """A measured value: `numbers` has one member, or one for each axis."""

    kind: str
    numbers: tuple[Exact, ...]

    def __str__(self) -> str:
        if self.kind in (SIZES, SHAPE):
            return "x".join(map(str, self.numbers))
        return decimal(self.numbers[0]) if self.kind == SHARE else grouped(self.numbers[0])

    @property
    def plain(self) -> int | str | list[int]:
        """The value for a document: an integer, a list of sizes, or an exact fraction as text."""
        if self.kind in (SIZES, SHAPE):
            return [int(number) for number in self.numbers]
        return str(self.numbers[0]) if self.kind == SHARE else int(self.numbers[0])


class Subject:
    """A network under a budget. Numbers are computed when they are asked for, and once.

    A model's `proof` is made where the model is; `declined` says why there is none.
    """

    def __init__(self, graph: Graph, proof: Confirmation | None = None, declined: str = "") -> None:
        self.graph = graph
        self.proof = proof
        self.declined = declined

    @cached_property
    def summary(self) -> Summary:
        return measure(self.graph)

    @cached_property
    def kinds(self) -> dict[str, int]:
        return kinds(self.summary.rows)

    @cached_property
    def layers(self) -> dict[str, dict[str, int]]:
        """Per layer, by name, what it costs; calls of one module are added up."""
        found: dict[str, dict[str, int]] = {}
        for row in self.summary.rows:
            costs = found.setdefault(row.name, {})
            for name, cost in LAYER_COSTS.items():
                if number := cost(row):
                    costs[name] = costs.get(name, 0) + number
        return {name: costs for name, costs in found.items() if costs}

    @cached_property
    def field(self) -> Field:
        """The output's receptive field; where it is global, that of the last layer before. Raises NoNumberError."""
        try:
            fields = receptive_fields(self.graph)
        except LimitError as error:
            raise NoNumberError(error.message) from None
        output = fields[self.graph.outputs[0]]
        if output.is_empty:
            raise NoNumberError("the output does not depend on the input: it has no receptive field")
        last = spatial_end(self.graph, fields)
        if last is not None and last not in self.graph.inputs:
            output = fields[last]
        if output.is_global or not output.size:
            raise NoNumberError(
                "every unit sees the whole input: the receptive field has no size",
                hint="drop this limit, or check the part of the network before its first global layer",
            )
        return output

    def value(self, metric: str) -> Value:
        """The number that `metric` names. Raises NoNumberError."""
        if metric.startswith(LAYERS):
            return _count(self._of_kind(metric.removeprefix(LAYERS)))
        known = METRICS[metric]
        if known.counts and not self.summary.complete:
            calls = ", ".join(f"{number} x {operator}" for operator, number in self.summary.uncounted.items())
            raise NoNumberError(
                f"{metric} is not known: not counted are {calls}",
                hint="limit what is known of this model (params, layers, output), or rewrite the operator",
            )
        return Value(known.kind, known.read(self))

    def values(self) -> dict[str, Value]:
        """Every number that the network has, by metric."""
        found = {}
        for metric in [*METRICS, *(LAYERS + kind for kind in self.kinds)]:
            try:
                found[metric] = self.value(metric)
            except NoNumberError:
                continue
        return found

    def _of_kind(self, kind: str) -> int:
        if kind not in self.kinds and kind not in layer_kinds():
            known = sorted({*self.kinds, *layer_kinds()})
            near = get_close_matches(kind, known, 1)
            raise NoNumberError(
                f"no layer is of the kind {kind!r}",
                hint=f"did you mean layers.{near[0]}?" if near else f"the kinds are {', '.join(known)}",
            )
        return self.kinds.get(kind, 0)


@dataclass(frozen=True)
class Metric:
    """A number that a network has. `cost` is the column of the layer table that it adds up, if it is a sum;
    `counts` says that it needs every operator to be known.
    """

    summary: str
    kind: str
    read: Callable[[Subject], tuple[Exact, ...]]
    cost: str = ""
    counts: bool = False


LAYER_COSTS: Mapping[str, Callable[[Row], int]] = {
    "elementwise": lambda row: row.elementwise,
    "macs": lambda row: row.macs,
    "params": lambda row: row.params.total,
}
"""What the baseline keeps of each layer."""


def _number(read: Callable[[Summary], int]) -> Callable[[Subject], tuple[Exact, ...]]:
    return lambda subject: (read(subject.summary),)


def _count(number: int) -> Value:
    return Value(COUNT, (number,))


def _coverage(subject: Subject) -> tuple[Exact, ...]:
    region = subject.field.typical
    if not region.exact:
        raise NoNumberError("the receptive field has too many holes for an exact coverage")
    spanned = 1
    for size in region.size:
        spanned *= size
    return (Fraction(region.count, spanned),)


METRICS: Mapping[str, Metric] = {
    "params": Metric("trainable parameters", COUNT, _number(lambda s: s.params.total), "params"),
    "weights": Metric("parameters without biases and norms", COUNT, _number(lambda s: s.params.weights), "params"),
    "macs": Metric("multiply-accumulates", COUNT, _number(lambda s: s.macs), "macs", True),
    "flops": Metric("2 x MACs", COUNT, _number(lambda s: s.flops), "macs", True),
    "elementwise": Metric("all other arithmetic", COUNT, _number(lambda s: s.elementwise), "elementwise", True),
    "memory.params": Metric("elements of parameters", COUNT, _number(lambda s: s.memory.params), "params"),
    "memory.activations": Metric("elements written", COUNT, _number(lambda s: s.memory.activations), counts=True),
    "memory.peak": Metric(
        "elements alive at once in an inference pass", COUNT, _number(lambda s: s.memory.peak), counts=True
    ),
    "memory.training": Metric("elements that training keeps", COUNT, _number(lambda s: s.memory.training), counts=True),
    "layers": Metric("layers; of one kind: layers.conv", COUNT, _number(lambda s: len(s.rows))),
    "rf": Metric(
        "span of the receptive field in every axis (before the output turns global)",
        SIZES,
        lambda subject: subject.field.size,
        counts=True,
    ),
    "coverage": Metric("places read / places spanned by the receptive field", SHARE, _coverage, counts=True),
    "output": Metric("the output's shape", SHAPE, lambda subject: subject.graph.output_shape),
}
"""Every metric by its name in a budget; `layers.KIND` counts the layers of one kind besides."""


def layer_kinds() -> set[str]:
    """What layers of the language are called."""
    return {operator.label for operator in REGISTRY.values()}


def metric_of(name: str) -> Metric:
    """The metric called `name`, which exists."""
    return METRICS["layers" if name.startswith(LAYERS) else name]
