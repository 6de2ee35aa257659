"""The words of the claims' language: what can be asked of a network, and plain arithmetic beside it.

Every metric is a word by itself: `rf(net)`, `macs(net)`, `memory_params(net)`. What else can be asked is one function
under `@word`; its docstring is its documentation. Nothing here imports torch: what has to be run is an
experiment, and the laboratory that runs it is handed in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import Any, Protocol

from convcalc.analysis.counts import Layer
from convcalc.analysis.load import load_text
from convcalc.analysis.metrics import METRICS, SHAPE, SIZE, Metric
from convcalc.analysis.network import Network
from convcalc.analysis.receptive_field import Field
from convcalc.checks.limits import measured
from convcalc.core.errors import LimitError, ShapeError
from convcalc.core.graph import Graph
from convcalc.core.operator import Op
from convcalc.core.ops.join import Cat
from convcalc.core.ops.reshape import Identity
from convcalc.core.window import IDENTITY
from convcalc.language.source import Source

MAX_FEATURES = 10_000
"""The longest list of features that is followed through concatenations."""

SHOWN_LAYERS = 8
"""The longest sum over layers that is written out."""


@dataclass(frozen=True)
class Candidate:
    """A network that a claim names, built when it is first asked for: a claim may say that it does not fit."""

    source: Source
    load: Callable[[Source], Network] = load_text

    def __str__(self) -> str:
        return self.source.text

    @cached_property
    def network(self) -> Network:
        """Raises what the language raises: SpecError, ShapeError, LimitError, UnknownBlockError."""
        return self.load(self.source)

    @property
    def is_built(self) -> bool:
        """Whether it was asked for."""
        return "network" in vars(self)

    @property
    def graph(self) -> Graph:
        return self.network.graph

    @property
    def field(self) -> Field:
        """The output's receptive field, or the last one before it turns global. Raises LimitError."""
        return self.network.spatial_field

    @property
    def misfit(self) -> str:
        """Why a layer does not fit its input; empty where all do."""
        try:
            _ = self.network
        except ShapeError as error:
            return error.message
        return ""

    def convolutions(self, part: str) -> list[Layer]:
        """The convolutions with `part` in their name, in the order of the network."""
        return [layer for layer in self.network.layers if layer.op.is_convolution and part in layer.name]


class Laboratory(Protocol):
    """What has to be run on real modules; `convcalc.pytorch.experiments` has one.

    Its experiments raise ConfirmError where they cannot be run.
    """

    def difference(self, one: Graph, other: Graph) -> float:
        """The largest difference of two networks' outputs, the weights of one copied to the other."""

    def gradient_difference(self, one: Graph, other: Graph) -> float:
        """The largest difference of the gradients by the input and by every weight, likewise."""

    def groups_reached(self, graph: Graph, groups: int) -> list[int]:
        """The fewest and the most of the input's channel groups that any output channel depends on."""

    def milliseconds(self, *graphs: Graph) -> list[list[float]]:
        """How long a forward pass of each takes, run in turns: the lower quartile, the median, the upper quartile."""


class NotJudgedError(Exception):
    """There is no verdict: `verdict` is the word that stands in its place ("not run", "undecided")."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Word:
    """A function of the language: `takes` are the kinds of its arguments, the `least` of which it must be given."""

    name: str
    summary: str
    compute: Callable[..., Any]
    takes: tuple[str, ...]
    least: int

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.takes)})"

    def check(self, arguments: Sequence[Any]) -> None:
        """Raise TypeError unless the word takes these values."""
        many = self.takes[-1].startswith("*")
        if not (self.least <= len(arguments) <= (len(arguments) if many else len(self.takes))):
            raise TypeError(f"it is written {self.signature}")
        takes = self.takes + (self.takes[-1],) * (len(arguments) - len(self.takes))
        for number, (kind, value) in enumerate(zip(takes, arguments, strict=False)):
            if not isinstance(value, _TYPES[kind.strip("*")]) or (isinstance(value, bool) and kind != "value"):
                raise TypeError(f"its value number {number + 1} is a {kind.strip('*')}: {self.signature}")


_TYPES: dict[str, Any] = {
    "spec": Candidate,
    "text": str,
    "whole number": int,
    "number": (int, float, Fraction),
    "list": list,
    "value": object,
}
_KINDS = {"Candidate": "spec", "str": "text", "int": "whole number", "Number": "number", "list[Any]": "list"}

Number = int | float | Fraction

WORDS: dict[str, Word] = {}
"""The words beside the metrics, by their names."""

EXPERIMENTS: dict[str, Word] = {}
"""The functions that need a laboratory; it is their first argument."""


def word(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a function under its name, without the underscore that keeps it from hiding Python's own."""
    _register(WORDS, function, 0)
    return function


def experiment(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a function whose first parameter is the laboratory."""
    _register(EXPERIMENTS, function, 1)
    return function


def _register(table: dict[str, Word], function: Callable[..., Any], skipped: int) -> None:
    parameters = list(inspect.signature(function).parameters.values())[skipped:]
    takes = tuple(("*" if p.kind is p.VAR_POSITIONAL else "") + _KINDS.get(p.annotation, "value") for p in parameters)
    least = sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters)
    name = function.__name__.strip("_")
    summary = (function.__doc__ or "").partition("\n")[0]
    table[name] = Word(name=name, summary=summary, compute=function, takes=takes, least=least)


# ---------------------------------------------------------------- metrics


def words() -> list[str]:
    """The name of every function of the language: the metrics, those of plugins included, and the words."""
    return [*dict.fromkeys([*map(_called, METRICS.values()), *WORDS])]


def word_called(name: str) -> Word:
    """The function called so. Raises KeyError."""
    if name in WORDS:
        return WORDS[name]
    return {_called(metric): _asking(metric) for metric in METRICS.values()}[name]


def _called(metric: Metric) -> str:
    return metric.short or metric.name.replace(".", "_")


def _asking(metric: Metric) -> Word:
    """The word that asks for a metric: a list of sizes is one number where its axes agree."""

    def compute(net: Candidate) -> Any:
        value = measured(net.network, metric)
        if len(value.numbers) == 1 and metric.unit not in (SIZE, SHAPE):
            return value.numbers[0]
        return list(value.numbers) if metric.unit == SHAPE else _same_axes(value.numbers)

    return Word(name=_called(metric), summary=metric.meaning, compute=compute, takes=("spec",), least=1)


# ---------------------------------------------------------------- structure


@word
def fits(net: Candidate) -> bool:
    """Whether every layer fits what comes into it."""
    return not net.misfit


@word
def shape(net: Candidate) -> list[int]:
    """The output's shape, channels first."""
    return list(net.graph.output_shape)


@word
def count(net: Candidate, kind: str, part: str = "") -> int:
    """How many layers of a kind ("conv", "fc") there are, of those with a part in their name."""
    return sum(row.kind == kind and part in row.name for row in net.network.layers)


@word
def kinds(net: Candidate, part: str = "") -> list[str]:
    """The kinds of the layers in their order: ["conv", "bn", "relu"]."""
    return [row.kind for row in net.network.layers if part in row.name]


@word
def out(net: Candidate, part: str = "") -> list[int]:
    """The output channels of every convolution."""
    return [row.output[0] for row in net.convolutions(part)]


@word
def ins(net: Candidate, part: str = "") -> list[int]:
    """The input channels that come into every convolution."""
    return [net.graph.input_shapes_of(row.node)[0][0] for row in net.convolutions(part)]


@word
def groups(net: Candidate, part: str = "") -> list[int]:
    """The groups of every convolution."""
    return [row.op.groups for row in net.convolutions(part)]  # type: ignore[attr-defined]


@word
def kernels(net: Candidate, part: str = "") -> list[Any]:
    """The kernel size of every convolution; one number where its axes agree."""
    return [_same_axes(row.op.kernel) for row in net.convolutions(part)]  # type: ignore[attr-defined]


@word
def strides(net: Candidate, part: str = "") -> list[Any]:
    """The stride of every convolution; one number where its axes agree."""
    return [_same_axes(row.op.stride) for row in net.convolutions(part)]  # type: ignore[attr-defined]


@word
def layer_weights(net: Candidate, part: str = "") -> list[int]:
    """The weights of every convolution."""
    return [row.parameters.weights for row in net.convolutions(part)]


@word
def depth(net: Candidate) -> int:
    """Convolutions on the longest way through the network."""
    longest = [0] * len(net.graph.nodes)
    for index, (op, inputs, _) in enumerate(net.graph.nodes):
        longest[index] = max((longest[i] for i in inputs), default=0) + op.is_convolution
    return longest[net.graph.outputs[0]]


@word
def features(net: Candidate) -> list[str]:
    """What arrives unchanged at the output, through concatenations only: names of layers and inputs."""
    nodes = net.graph.nodes
    pending, names = [net.graph.outputs[0]], []
    while pending:
        op, inputs, name = nodes[pending.pop()]
        if isinstance(op, Cat | Identity):
            pending.extend(reversed(inputs))
        else:
            names.append(name)
        if len(pending) + len(names) > MAX_FEATURES:
            raise LimitError(f"more than {MAX_FEATURES:,} features arrive at the output")
    return names


# ---------------------------------------------------------------- receptive field


@word
def reads(net: Candidate) -> Any:
    """How many places of the span are really read, per axis; one number where the axes agree."""
    return _same_axes([axis.total for axis in net.field.typical.axes])


@word
def own_stride_rf(net: Candidate) -> Any:
    """What the receptive field would be if every layer added (kernel - 1) x its own stride: a common mistake.

    The first layer counts as its kernel. The rule is for layers that follow each other.
    """
    return _same_axes([_by_own_stride(net.graph, axis) for axis in range(len(net.graph.input_shapes[0]) - 1)])


def _by_own_stride(graph: Graph, axis: int) -> int:
    size = 1
    for index in graph.layers:
        op, inputs, name = graph.nodes[index]
        if inputs != (index - 1,):
            raise ValueError(f"layer {name} does not simply follow the one before it")
        window = op.window(axis, 0, *graph.input_shapes_of(index))
        if window is not IDENTITY:
            kernel, stride = window.reads[0].span, window.advance // window.period
            size = kernel if size == 1 else size + (kernel - 1) * stride
    return size


# ---------------------------------------------------------------- arithmetic


@word
def about(value: Number, other: Number, percent: Number) -> bool:
    """Whether two numbers differ by at most `percent` of the second."""
    return abs(Fraction(value) - Fraction(other)) * 100 <= abs(Fraction(other)) * Fraction(percent)


@word
def total(values: list[Any]) -> Number:
    """The sum of a list."""
    return sum(values)  # type: ignore[no-any-return]


@word
def largest(values: list[Any]) -> Number:
    """The largest of a list."""
    return max(values)  # type: ignore[no-any-return]


@word
def smallest(values: list[Any]) -> Number:
    """The smallest of a list."""
    return min(values)  # type: ignore[no-any-return]


@word
def length(values: list[Any]) -> int:
    """How many items a list has."""
    return len(values)


@word
def distinct(values: list[Any]) -> int:
    """How many different items a list has."""
    return len({str(value) for value in values})


@word
def clearly_below(left: list[Any], right: list[Any]) -> bool:
    """Whether one spread of measurements lies below another; no verdict where they overlap."""
    if left[-1] < right[0]:
        return True
    if right[-1] < left[0]:
        return False
    raise NotJudgedError("undecided", f"the spreads overlap: {left} and {right}")


@word
def whole(value: Number) -> int:
    """The number rounded down."""
    return floor(value)


# ---------------------------------------------------------------- experiments


@experiment
def difference(lab: Laboratory, one: Candidate, other: Candidate) -> float:
    """The largest difference of two networks' outputs on random input, weights copied, in float64."""
    return lab.difference(one.graph, other.graph)


@experiment
def gradient_difference(lab: Laboratory, one: Candidate, other: Candidate) -> float:
    """The largest difference of the gradients by the input and by every weight, likewise."""
    return lab.gradient_difference(one.graph, other.graph)


@experiment
def groups_reached(lab: Laboratory, net: Candidate, number: int) -> list[int]:
    """The fewest and the most of `number` input channel groups that any output depends on, by gradients."""
    return lab.groups_reached(net.graph, number)


@experiment
def milliseconds(lab: Laboratory, *nets: Candidate) -> list[list[float]]:
    """The time of a forward pass of each network, run in turns: lower quartile, median, upper quartile."""
    return lab.milliseconds(*(net.graph for net in nets))


# ---------------------------------------------------------------- the arithmetic behind a count


def arithmetic(name: str, net: Candidate) -> str:
    """How a quantity of a network comes about, as text with the numbers in it; empty where it is a plain look."""
    if name in ("weights", "params", "macs"):
        return _sum_over_layers(name, net.network)
    if name == "rf":
        return _growth(net)
    return ""


def _sum_over_layers(name: str, network: Network) -> str:
    counts = {row.name: _count_of(name, row) for row in network.layers}
    rows = [row for row in network.layers if counts[row.name]]
    if len(rows) > SHOWN_LAYERS:
        return f"the sum over {len(rows)} layers"
    if name == "macs":
        terms = [network.formula(row).macs for row in rows]
    elif all(_count_of(name, row) == row.params for row in rows):
        terms = [network.formula(row).params for row in rows]
    else:
        terms = [f"{counts[row.name]:,} ({row.name})" for row in rows]
    return " + ".join(term or f"{counts[row.name]:,}" for term, row in zip(terms, rows, strict=True))


def _count_of(name: str, row: Layer) -> int:
    part = METRICS[name].layer
    return int(part(row)) if part else 0


def _growth(net: Candidate) -> str:
    """`1 -> 3 -> 5`: the field after every layer of a short chain that widens it."""
    graph = net.graph
    fields = net.network.fields
    chained = all(graph.nodes[index].inputs == (index - 1,) for index in graph.layers)
    widening = [i for i in graph.layers if type(graph.nodes[i].op).window is not Op.window]
    if not chained or len(widening) > SHOWN_LAYERS:
        return ""
    return " -> ".join(["1", *(str(_same_axes(fields[i].size)) for i in widening)])


def _same_axes(values: Sequence[Any]) -> Any:
    """One number where all axes agree, else a list."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else list(values)
