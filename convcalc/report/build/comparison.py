"""The report of `compare`: totals and ratios, the layers side by side, and where the numbers go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from string import ascii_uppercase
from typing import Any

from convcalc.analysis.compare import Aligned, Comparison, align, compared_metrics
from convcalc.analysis.counts import Layer
from convcalc.analysis.metrics import METRICS
from convcalc.report.build.document import opening
from convcalc.report.build.fields import field_cell, field_sentences
from convcalc.report.build.heading import heading
from convcalc.report.build.layers import BYTES, incomplete_sentences
from convcalc.report.parts import Cell, Column, Part, Report, Table, amount, bar, in_bytes, percent, ratio, show

MAX_PORTIONS = 16
"""So many portions have a bar; the smaller ones share one."""

MAX_HEADING = 13
"""Where a network's name is longer, its letter alone is the heading of its totals."""

_LEAST, _LESS = 1_001, 1_000
"""The ranks of columns that go before a whole network does."""


def comparison_report(
    comparison: Comparison, *, depth: int | None = None, dtype: str | None = None, every_layer: bool = False
) -> Report:
    """Everything about networks side by side; layers without parameters and MACs only if `every_layer`."""
    report: list[Part] = []
    networks = comparison.networks
    for number, network in enumerate(networks):
        text, shapes, *notes = heading(network)
        report.append(f"{_letter(number)} = {text}: {shapes}")
        report += [f"{_letter(number)}: {sentence}" for sentence in (*notes, *incomplete_sentences(network))]
    if len({network.graph.input_shapes for network in networks}) > 1:
        report.append("the inputs differ: --input gives all of them one")
    layers = align([network.by_module(depth) for network in networks])
    report += [_totals(comparison, dtype), *_layers(comparison, layers, every_layer=every_layer)]
    report += [_portions(comparison, "params"), _portions(comparison, "macs")]
    for number, network in enumerate(networks):
        report += [f"{_letter(number)}: {sentence}" for sentence in field_sentences(network)]
    return report


def comparison_document(comparison: Comparison, models: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The networks' documents (`models`, where they are made already), ratios to the first, the aligned layers."""
    return {
        **opening(),
        "models": [network.to_dict() for network in comparison.networks] if models is None else list(models),
        "ratios": {
            METRICS[name].short or name: [None if value is None else float(value) for value in comparison.ratios(name)]
            for name in compared_metrics()
            if METRICS[name].is_count
        },
        "layers": [
            {
                "name": aligned.name,
                "specs": [layer and layer.spec for layer in aligned.layers],
                "params": [layer and layer.params for layer in aligned.layers],
                "macs": [layer and layer.macs for layer in aligned.layers],
            }
            for aligned in comparison.layers
        ],
    }


def _letter(number: int) -> str:
    turns, place = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(turns + 1) if turns else "")


def _rank(number: int) -> int:
    """Where there is no room for all networks, the first two stay, and the last one goes first."""
    return max(0, number - 1)


_TOTALS = (
    "params",
    "macs",
    "flops",
    "elementwise",
    "memory.activations",
    "memory.peak",
    "memory.training",
)


def _totals(comparison: Comparison, dtype: str | None) -> Table:
    """A row for each metric: each network's number, and its ratio to the first one's."""
    networks = comparison.networks
    short = max(len(network.text) for network in networks) <= MAX_HEADING
    columns = [Column("", left=True)]
    for number, network in enumerate(networks):
        letter, rank = _letter(number), _rank(number)
        columns.append(Column(f"{letter} {network.text}" if short else letter, rank))
        columns += [Column(f"{letter} / A", rank, ratio)] if number else []
    rows = [_beside(METRICS[name].title, comparison.values(name), comparison.ratios(name)) for name in _TOTALS]
    if dtype:
        peaks = [total * BYTES[dtype] for total in comparison.values("memory.peak")]
        rows.append(_beside(f"peak, {dtype}", [in_bytes(peak) for peak in peaks], [None] * len(networks)))
    fields = [_field(network.spatial_field) for network in networks]
    rows.append(_beside("receptive field", [show(size) for size, _ in fields], [None] * len(networks)))
    rows.append(_beside("effective stride", [show(stride) for _, stride in fields], [None] * len(networks)))
    return Table(tuple(columns), rows)


def _field(field: Any) -> tuple[Cell, Cell]:
    return field_cell(field) if field else ("not followed", None)


def _beside(what: str, values: Sequence[Cell], ratios: Sequence[Cell]) -> tuple[Cell, ...]:
    return (what, values[0], *chain.from_iterable(zip(values[1:], ratios[1:], strict=True)))


def _layers(comparison: Comparison, layers: Sequence[Aligned], *, every_layer: bool) -> list[Part]:
    """The layers side by side."""
    columns = [Column("layer", left=True)]
    for number in range(len(comparison.networks)):
        letter = _letter(number)
        columns += [
            Column(f"{letter} spec", _LEAST, left=True),
            Column(f"{letter} params", _rank(number)),
            Column(f"{letter} MACs", _LESS),
        ]
    shown = [layer for layer in layers if every_layer or _counts(layer)]
    rows = [(layer.name, *chain.from_iterable(map(_layer_cells, layer.layers))) for layer in shown]
    left_out = len(layers) - len(shown)
    table = Table(tuple(columns), rows, title="layers side by side", is_main=True)
    return [table, f"({amount(left_out, 'layer')} without parameters and MACs left out)"] if left_out else [table]


def _counts(layer: Aligned) -> bool:
    return any(row is not None and (row.params or row.macs) for row in layer.layers)


def _layer_cells(row: Layer | None) -> tuple[Cell, Cell, Cell]:
    return (row.spec, row.params, row.macs) if row else (None, None, None)


def _portions(comparison: Comparison, name: str) -> Table:
    """Where one metric goes in each network: shares as bars, one for each first word of the layers' names."""
    metric = METRICS[name]
    shares: dict[str, list[float | None]] = {}
    for number, network in enumerate(comparison.networks):
        total = metric.read(network)
        for layer in network.by_module(1):
            if metric.layer and (part := metric.layer(layer)):
                shares.setdefault(layer.name, [None] * len(comparison.networks))[number] = part / total
    rows = [(name, *chain.from_iterable((share, share) for share in row)) for name, row in _largest(shares).items()]
    columns = [Column("", left=True)]
    for number in range(len(comparison.networks)):
        columns += [Column(_letter(number), _rank(number), percent), Column("", _LEAST, bar, left=True, is_bar=True)]
    return Table(tuple(columns), rows, title=f"where the {metric.title} go")


def _largest(shares: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    """The portions with the largest shares, in their order; the others in one."""
    weight = {name: max(share or 0.0 for share in row) for name, row in shares.items()}
    kept = set(sorted(weight, key=lambda name: -weight[name])[:MAX_PORTIONS])
    others = [row for name, row in shares.items() if name not in kept]
    shown = {name: row for name, row in shares.items() if name in kept}
    if others:
        shown[f"{amount(len(others), 'other')}"] = [
            sum(share or 0.0 for share in column) for column in zip(*others, strict=True)
        ]
    return shown
