"""Networks side by side: totals, ratios to the first, layers aligned by name, and where the numbers go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from convcalc.analysis.counts import Analysis, Row, Summary, analyse
from convcalc.core.graph import Graph
from convcalc.core.ops import Shape
from convcalc.language.parse import parse

METRICS: dict[str, Callable[[Summary], int]] = {
    "params": lambda summary: summary.params.total,
    "macs": lambda summary: summary.macs,
    "flops": lambda summary: summary.flops,
    "elementwise": lambda summary: summary.elementwise,
    "activations": lambda summary: summary.memory.activations,
    "peak": lambda summary: summary.memory.peak,
    "training": lambda summary: summary.memory.training,
}
"""What is compared, by name."""


class Model(NamedTuple):
    """One of the networks compared."""

    name: str
    analysis: Analysis

    @property
    def summary(self) -> Summary:
        return self.analysis.summary


class Aligned(NamedTuple):
    """The layers of one name, one for each network; None where a network has none."""

    name: str
    rows: tuple[Row | None, ...]


class Portion(NamedTuple):
    """The part of a network under one name: `layer1` is all of `layer1.…`."""

    name: str
    params: int
    macs: int


@dataclass(frozen=True)
class Comparison:
    """Networks beside the first of them."""

    models: tuple[Model, ...]

    def totals(self, metric: str) -> tuple[int, ...]:
        """One of METRICS for every network."""
        return tuple(METRICS[metric](model.summary) for model in self.models)

    def ratios(self, metric: str) -> tuple[Fraction | None, ...]:
        """The totals divided by the first network's; None where that is 0."""
        first, *_ = totals = self.totals(metric)
        return tuple(Fraction(total, first) if first else None for total in totals)

    @cached_property
    def layers(self) -> tuple[Aligned, ...]:
        """The layers by name, in the first network's order."""
        by_name = [{row.name: row for row in model.summary.rows} for model in self.models]
        return tuple(Aligned(name, tuple(rows.get(name) for rows in by_name)) for name in _merged(by_name))

    def portions(self, model: int) -> tuple[Portion, ...]:
        """Where a network's parameters and MACs are: a portion for each first word of its layers' names."""
        sums: dict[str, Portion] = {}
        for row in self.models[model].summary.rows:
            name = row.name.partition(".")[0]
            so_far = sums.get(name, Portion(name, 0, 0))
            sums[name] = Portion(name, so_far.params + row.params.total, so_far.macs + row.macs)
        return tuple(portion for portion in sums.values() if portion.params or portion.macs)


def compare(*networks: str | Graph | Analysis | Model, input: Shape | None = None) -> Comparison:
    """Compare networks: texts, names of the catalogue, graphs, or what has been analysed already.

    `input` is the input's shape for every text. Raises SpecError, ShapeError, UsageError, LimitError.

    >>> compare("resnet-block", "resnext-block").totals("params")
    (70400, 71168)
    """
    return Comparison(tuple(_model(network, number, input) for number, network in enumerate(networks)))


def _model(network: str | Graph | Analysis | Model, number: int, input: Shape | None) -> Model:
    if isinstance(network, Model):
        return network
    if isinstance(network, str):
        return Model(network, analyse(parse(network, input).graph))
    return Model(f"network {number + 1}", network if isinstance(network, Analysis) else analyse(network))


def _merged(orders: list[dict[str, Row]]) -> list[str]:
    """All names once, in the first network's order; what it lacks stands behind its predecessor in its own."""
    following: dict[str | None, list[str]] = {}
    placed: set[str] = set()
    for order in orders:
        before = None
        for name in order:
            if name not in placed:
                following.setdefault(before, []).append(name)
                placed.add(name)
            before = name
    merged: list[str] = []
    waiting: list[str] = following.get(None, [])[::-1]
    while waiting:
        name = waiting.pop()
        merged.append(name)
        waiting += following.get(name, ())
    return merged
