"""The report of `compare`: totals and ratios, the layers side by side, and where the numbers go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from string import ascii_uppercase
from typing import Any

from convcalc.analysis.compare import METRICS, Aligned, Comparison
from convcalc.analysis.counts import Row
from convcalc.report.build.fields import field_cell, field_sentences
from convcalc.report.build.layers import BYTES, FLOPS, incomplete_sentences
from convcalc.report.parts import Cell, Column, Part, Report, Table, amount, bar, in_bytes, percent, ratio, show
from convcalc.report.build.subject import Subject, heading

MAX_PORTIONS = 16
"""So many portions have a bar; the smaller ones share one."""

MAX_HEADING = 13
"""Where a network's name is longer, its letter alone is the heading of its totals."""

_LEAST, _LESS = 1_001, 1_000
"""The ranks of columns that go before a whole network does."""

_MEANINGS = {
    "params": "params",
    "macs": "MACs",
    "flops": FLOPS,
    "elementwise": "elementwise",
    "activations": "activations written",
    "peak": "peak of activations",
    "training": "kept for training",
}


def comparison_report(
    subjects: Sequence[Subject], comparison: Comparison, *, dtype: str | None = None, every_layer: bool = False
) -> Report:
    """Everything about networks side by side; layers without parameters and MACs only if `every_layer`."""
    report: list[Part] = []
    for number, (subject, model) in enumerate(zip(subjects, comparison.models, strict=True)):
        text, shapes, *notes = heading(subject, model.summary)
        report.append(f"{_letter(number)} = {text}: {shapes}")
        report += [f"{_letter(number)}: {sentence}" for sentence in (*notes, *incomplete_sentences(model.summary))]
    if len({subject.graph.input_shapes for subject in subjects}) > 1:
        report.append("the inputs differ: --input gives all of them one")
    report += [_totals(comparison, dtype), *_layers(comparison, every_layer=every_layer)]
    report += [_portions(comparison, "params"), _portions(comparison, "macs")]
    for number, model in enumerate(comparison.models):
        report += [f"{_letter(number)}: {sentence}" for sentence in field_sentences(model.analysis)]
    return report


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """What a comparison adds to its networks' documents: ratios to the first, and the aligned layers."""
    return {
        "ratios": {
            metric: [None if value is None else float(value) for value in comparison.ratios(metric)]
            for metric in METRICS
        },
        "layers": [
            {
                "name": layer.name,
                "specs": [row and row.spec for row in layer.rows],
                "params": [row and row.params.total for row in layer.rows],
                "macs": [row and row.macs for row in layer.rows],
            }
            for layer in comparison.layers
        ],
    }


def _letter(number: int) -> str:
    turns, place = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(turns + 1) if turns else "")


def _rank(number: int) -> int:
    """Where there is no room for all networks, the first two stay, and the last one goes first."""
    return max(0, number - 1)


def _totals(comparison: Comparison, dtype: str | None) -> Table:
    """A row for each metric: each network's number, and its ratio to the first one's."""
    models = comparison.models
    short = max(len(model.name) for model in models) <= MAX_HEADING
    columns = [Column("", left=True)]
    for number, model in enumerate(models):
        letter, rank = _letter(number), _rank(number)
        columns.append(Column(f"{letter} {model.name}" if short else letter, rank))
        columns += [Column(f"{letter} / A", rank, ratio)] if number else []
    rows = [_beside(_MEANINGS[metric], comparison.totals(metric), comparison.ratios(metric)) for metric in METRICS]
    if dtype:
        peaks = [total * BYTES[dtype] for total in comparison.totals("peak")]
        rows.append(_beside(f"peak, {dtype}", [in_bytes(peak) for peak in peaks], [None] * len(models)))
    fields = [_field(model.analysis.spatial_field or model.analysis.field) for model in models]
    rows.append(_beside("receptive field", [show(size) for size, _ in fields], [None] * len(models)))
    rows.append(_beside("effective stride", [show(stride) for _, stride in fields], [None] * len(models)))
    return Table(tuple(columns), rows)


def _field(field: Any) -> tuple[Cell, Cell]:
    return field_cell(field) if field else ("not followed", None)


def _beside(what: str, values: Sequence[Cell], ratios: Sequence[Cell]) -> tuple[Cell, ...]:
    return (what, values[0], *chain.from_iterable(zip(values[1:], ratios[1:], strict=True)))


def _layers(comparison: Comparison, *, every_layer: bool) -> list[Part]:
    """The layers side by side."""
    columns = [Column("layer", left=True)]
    for number in range(len(comparison.models)):
        letter = _letter(number)
        columns += [
            Column(f"{letter} spec", _LEAST, left=True),
            Column(f"{letter} params", _rank(number)),
            Column(f"{letter} MACs", _LESS),
        ]
    shown = [layer for layer in comparison.layers if every_layer or _counts(layer)]
    rows = [(layer.name, *chain.from_iterable(map(_layer_cells, layer.rows))) for layer in shown]
    left_out = len(comparison.layers) - len(shown)
    table = Table(tuple(columns), rows, title="layers side by side", is_main=True)
    return [table, f"({amount(left_out, 'layer')} without parameters and MACs left out)"] if left_out else [table]


def _counts(layer: Aligned) -> bool:
    return any(row is not None and (row.params.total or row.macs) for row in layer.rows)


def _layer_cells(row: Row | None) -> tuple[Cell, Cell, Cell]:
    return (row.spec, row.params.total, row.macs) if row else (None, None, None)


def _portions(comparison: Comparison, metric: str) -> Table:
    """Where one metric goes in each network: shares as bars."""
    totals = comparison.totals(metric)
    shares: dict[str, list[float | None]] = {}
    for number, total in enumerate(totals):
        for portion in comparison.portions(number):
            if amount_here := getattr(portion, metric):
                shares.setdefault(portion.name, [None] * len(totals))[number] = amount_here / total
    rows = [(name, *chain.from_iterable((share, share) for share in row)) for name, row in _largest(shares).items()]
    columns = [Column("", left=True)]
    for number in range(len(totals)):
        columns += [Column(_letter(number), _rank(number), percent), Column("", _LEAST, bar, left=True, is_bar=True)]
    return Table(tuple(columns), rows, title=f"where the {_MEANINGS[metric]} go")


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
