"""Measured values as a budget judges and locks them."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from convcalc.analysis import metrics
from convcalc.analysis.metrics import RATIO, SHAPE, SHARE, SIZE, Metric
from convcalc.analysis.network import Network
from convcalc.core.quantity import Exact, decimal, grouped

COUNT = "count"
"""The kind of value of every metric whose unit is that of a count."""

LAYER_COSTS = ("elementwise", "macs", "params")
"""What the baseline keeps of each layer."""


class Value(NamedTuple):
    """A measured value: `numbers` has one member, or one for each axis."""

    kind: str
    numbers: tuple[Exact, ...]

    def __str__(self) -> str:
        if self.kind in (SIZE, SHAPE):
            return "x".join(map(str, self.numbers))
        return decimal(self.numbers[0]) if self.kind in (SHARE, RATIO) else grouped(self.numbers[0])

    @property
    def plain(self) -> int | str | list[int]:
        """The value for a document: an integer, a list of sizes, or an exact fraction as text."""
        if self.kind in (SIZE, SHAPE):
            return [int(number) for number in self.numbers]
        return str(self.numbers[0]) if self.kind in (SHARE, RATIO) else int(self.numbers[0])


def kind_of(metric: Metric) -> str:
    """What kind of value a metric has: "count", or its unit."""
    return COUNT if metric.is_count else metric.unit


def value_of(network: Network, name: str) -> Value:
    """One metric of a network. Raises NoNumberError."""
    metric = metrics.metric(name)
    number = metric.value(network)
    numbers = number if isinstance(number, tuple) else (number,)
    exact = tuple(Fraction(str(n)) if isinstance(n, float) else n for n in numbers)
    return Value(kind_of(metric), exact)


LOCKED = (
    "params", "weights", "macs", "flops", "elementwise", "memory.params", "memory.activations", "memory.peak",
    "memory.training", "layers", "rf", "coverage", "output",
)  # fmt: skip
"""What a lock keeps of a network, besides its layers by kind."""


def values_of(network: Network) -> dict[str, Value]:
    """Every number that a lock keeps of a network."""
    known = {}
    for name in [*LOCKED, *(metrics.LAYERS + kind for kind in network.kinds)]:
        try:
            known[name] = value_of(network, name)
        except metrics.NoNumberError:
            continue
    return known


def layer_costs(network: Network) -> dict[str, dict[str, int]]:
    """Per layer, by name, what it costs; calls of one module are added up."""
    known: dict[str, dict[str, int]] = {}
    for layer in network.layers:
        costs = known.setdefault(layer.name, {})
        for name in LAYER_COSTS:
            if number := getattr(layer, name):
                costs[name] = costs.get(name, 0) + number
    return {name: costs for name, costs in known.items() if costs}
