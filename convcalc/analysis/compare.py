"""Networks side by side: metrics, ratios to the first, layers aligned by name, and where the numbers go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from convcalc.analysis.counts import Layer
from convcalc.analysis.metrics import METRICS, NoNumberError, find_metric
from convcalc.analysis.network import Network
from convcalc.core.errors import UsageError


class Aligned(NamedTuple):
    """The layers of one name, one for each network; None where a network has none."""

    name: str
    layers: tuple[Layer | None, ...]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Networks beside the first of them. Raises UsageError for fewer than two."""

    networks: tuple[Network, ...]

    def __post_init__(self) -> None:
        if len(self.networks) < 2:
            raise UsageError(
                "compare needs at least two networks", hint="convcalc compare A B; convcalc summary shows one"
            )

    def values(self, name: str) -> tuple[Any, ...]:
        """One metric of every network; None where a network has no such number."""
        return tuple(_value(network, name) for network in self.networks)

    def ratios(self, name: str) -> tuple[Fraction | None, ...]:
        """The metric over the first network's; None if either has no number, or the first has 0."""
        first, *_ = values = self.values(name)
        if not isinstance(first, int | Fraction) or not first:
            return (None,) * len(values)
        return tuple(None if value is None else Fraction(value) / first for value in values)

    @cached_property
    def layers(self) -> tuple[Aligned, ...]:
        """The layers by name, in the first network's order."""
        return align([network.layers for network in self.networks])

    def __str__(self) -> str:
        """The tables of `convcalc compare`."""
        from convcalc.report.build.comparison import comparison_report
        from convcalc.report.write.plain import plain

        return plain(comparison_report(self)).rstrip("\n")

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(network.text or 'a network' for network in self.networks)}>"

    def _repr_html_(self) -> str:
        """The tables for a notebook."""
        from convcalc.report.build.comparison import comparison_report
        from convcalc.report.write.html import html

        return html(comparison_report(self))

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `convcalc compare`."""
        from convcalc.report.build.comparison import comparison_document

        return comparison_document(self)


def align(networks: Sequence[Sequence[Layer]]) -> tuple[Aligned, ...]:
    """The layers of several networks by name, in the first one's order."""
    by_name = [{layer.name: layer for layer in layers} for layers in networks]
    return tuple(Aligned(name=name, layers=tuple(layers.get(name) for layers in by_name)) for name in _merged(by_name))


def compared_metrics() -> list[str]:
    """The metrics that a comparison lists: what adds up over a whole network, and the receptive field."""
    return [name for name in METRICS if name not in ("frozen", "memory.params", "layers", "output")]


def _value(network: Network, name: str) -> Any:
    try:
        return find_metric(name).read(network)
    except NoNumberError:
        return None


def _merged(orders: list[dict[str, Layer]]) -> list[str]:
    """All names once, in the first network's order; what it lacks stands after its predecessor in its own."""
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
