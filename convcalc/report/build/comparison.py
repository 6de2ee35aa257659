"""The report of `compare`: totals and ratios, the layers side by side, and where the numbers go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from string import ascii_uppercase
from typing import Any

from convcalc.analysis.compare import Aligned, Comparison, align, compared_metrics
from convcalc.analysis.metrics import METRICS, Metric, find_metric
from convcalc.analysis.network import Network
from convcalc.report.build.columns import (
    ALL,
    FOLDED,
    LONG,
    SHARE_OF,
    Choice,
    LayerColumn,
    View,
    chosen,
    field_cell,
    largest,
    layer_column,
    order_of,
    plain_number,
    show_of,
)
from convcalc.report.build.document import opening
from convcalc.report.build.fields import field_sentences
from convcalc.report.build.heading import heading
from convcalc.report.build.layers import BYTES, incomplete_sentences
from convcalc.report.parts import Cell, Column, Part, Report, Table, amount, bar, in_bytes, percent, ratio, show

MAX_PORTIONS = 16
"""How many portions have a bar; the smaller ones share one."""

MAX_HEADING = 13
"""Where a network's name is longer, its letter alone is the heading of its totals."""

_LEAST, _LESS = 1_001, 1_000
"""The ranks of columns that go before a whole network does."""

_DETAILS = (
    *("weights", "biases", "norm", "memory.buffers"),
    *("receptive_field.padding", "receptive_field.coverage", "receptive_field.largest_gap"),
)
"""What a comparison shows only where it is asked for."""

_COLUMNS = (Choice(name="spec", rank=_LEAST), Choice(name="params"), Choice(name="macs", rank=_LESS))


def comparison_report(
    comparison: Comparison, *, view: View = ALL, dtype: str | None = None, every_layer: bool = False
) -> Report:
    """Everything about networks side by side; layers without parameters and MACs only if `every_layer`."""
    report: list[Part] = [*_headings(comparison.networks)]
    totals = _totals(comparison, view, dtype)
    if view.total:
        return [*report, totals]
    report += [totals, *_layers(comparison, view, every_layer=every_layer)]
    report += [_portions(comparison, "params"), _portions(comparison, "macs")]
    for number, network in enumerate(comparison.networks):
        report += [f"{_letter(number)}: {sentence}" for sentence in field_sentences(network)]
    return report


def paper_report(comparison: Comparison, view: View = ALL) -> Report:
    """One table with a row for each network under its name, as papers have it."""
    entries = _compared(view)
    columns = (Column("network", left=True), *(Column(entry.title, **show_of(entry)) for entry in entries))
    values = zip(*(_values(comparison, entry) for entry in entries), strict=True)
    rows = [(network.text, *cells) for network, cells in zip(comparison.networks, values, strict=True)]
    return [*_headings(comparison.networks), Table(columns, rows, is_main=True)]


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


def _headings(networks: Sequence[Network]) -> list[str]:
    """What is compared, over which inputs."""
    lines = []
    for number, network in enumerate(networks):
        text, shapes, *notes = heading(network)
        lines.append(f"{_letter(number)} = {text}: {shapes}")
        lines += [f"{_letter(number)}: {sentence}" for sentence in (*notes, *incomplete_sentences(network))]
    if len({network.graph.input_shapes for network in networks}) > 1:
        lines.append("the inputs differ: --input gives all of them one")
    return lines


def _letter(number: int) -> str:
    turns, place = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(turns + 1) if turns else "")


def _rank(number: int) -> int:
    """Where there is no room for all networks, the first two stay, and the last one goes first."""
    return max(0, number - 1)


# ------------------------------------------------------------------ totals


def _compared(view: View) -> list[Metric]:
    """The metrics that have a row: those among the columns that are asked for, or all but the details."""
    if not view.columns:
        return [METRICS[name] for name in compared_metrics() if name not in _DETAILS]
    named = [name.removesuffix(SHARE_OF) for name in view.columns]
    return [
        find_metric(name) for name in dict.fromkeys(named) if name not in ("layer", "op", "spec", "inputs", "share")
    ]


def _totals(comparison: Comparison, view: View, dtype: str | None) -> Table:
    """A row for each metric: each network's number, and its ratio to the first one's."""
    networks = comparison.networks
    short = max(len(network.text) for network in networks) <= MAX_HEADING
    columns = [Column("", left=True)]
    for number, network in enumerate(networks):
        letter, rank = _letter(number), _rank(number)
        columns.append(Column(f"{letter} {network.text}" if short else letter, rank=rank))
        columns += [Column(f"{letter} / A", rank=rank, show=ratio)] if number else []
    rows = []
    for entry in _compared(view):
        written = show_of(entry).get("show", show) if not entry.is_count else None
        values = _values(comparison, entry)
        cells = values if written is None else [None if value is None else written(value) for value in values]
        ratios = [None if value is None else float(value) for value in comparison.ratios(entry.name)]
        rows.append(_beside(entry.title, cells, ratios))
    if dtype:
        peaks = [total * BYTES[dtype] for total in comparison.values("memory.peak")]
        rows.append(_beside(f"peak, {dtype}", [in_bytes(peak) for peak in peaks], [None] * len(networks)))
    return Table(tuple(columns), rows, is_main=view.total)


def _values(comparison: Comparison, entry: Metric) -> list[Cell]:
    """One metric of every network; a receptive field also says where it is global or not followed."""
    if entry.name in ("receptive_field.size", "receptive_field.stride"):
        place = int(entry.name.endswith("stride"))
        fields = [network.spatial_field if network.fields else None for network in comparison.networks]
        return [field_cell(field)[place] if field else ("not followed", None)[place] for field in fields]
    return [plain_number(value) for value in comparison.values(entry.name)]


def _beside(what: str, values: Sequence[Cell], ratios: Sequence[Cell]) -> tuple[Cell, ...]:
    return (what, values[0], *chain.from_iterable(zip(values[1:], ratios[1:], strict=True)))


# ------------------------------------------------------------------ layers


def _layers(comparison: Comparison, view: View, *, every_layer: bool) -> list[Part]:
    """The layers side by side, with their sums; beside sums that count, their ratio to the first network's."""
    networks = comparison.networks
    aligned = align([network.by_module(view.depth) for network in networks])
    choices = [choice for choice in chosen(_COLUMNS, view) if choice.name != "layer"]
    columns = [[layer_column(network, choice, "macs") for choice in choices] for network in networks]
    heads = [Column("layer", left=True)]
    for number, own in enumerate(columns):
        heads += [_head(number, column) for column in own]
        heads += [Column(f"{_letter(number)} / A {column.column.heading}", rank=_LEAST, show=ratio)
                  for column in own if column.adds_up and every_layer and number]  # fmt: skip
    every = [layer for layer in aligned if every_layer or view.columns or _counts(layer)]
    kept = largest(every, _order(networks, view), view.top or (FOLDED if view.fold and len(every) > LONG else None))
    shown = [every[place] for place in kept]
    if view.sort:
        shown.sort(key=_order(networks, view))
    rows = [_cells(layer.name, layer.layers, columns, ratios=every_layer) for layer in shown]
    wholes = [[column.whole if column.adds_up else None for column in own] for own in columns]
    total = ("total", *_with_ratios(wholes, columns, ratios=every_layer))
    table = Table(
        tuple(heads),
        [*rows, total] if every_layer else rows,
        title="layers side by side",
        is_main=True,
    )
    return [table, *_left_out(len(aligned) - len(every), len(every) - len(shown), view)]


def _head(number: int, column: LayerColumn) -> Column:
    look = column.column
    rank = look.rank or _rank(number)
    return Column(f"{_letter(number)} {look.heading}", rank=rank, show=look.show, left=look.left)


def _cells(
    name: str, layers: Sequence[Any], columns: Sequence[Sequence[LayerColumn]], *, ratios: bool
) -> tuple[Cell, ...]:
    values = [
        [column.cell(layer) if layer else None for column in own] for layer, own in zip(layers, columns, strict=True)
    ]
    return (name, *_with_ratios(values, columns, ratios=ratios))


def _with_ratios(
    values: Sequence[Sequence[Cell]], columns: Sequence[Sequence[LayerColumn]], *, ratios: bool
) -> list[Cell]:
    """The networks' cells one after the other; after each but the first, its ratios to the first."""
    first = values[0]
    cells: list[Cell] = []
    for number, own in enumerate(values):
        cells += own
        for one, value, column in zip(first, own, columns[number], strict=True):
            if ratios and number and column.adds_up:
                cells.append(value / one if value is not None and one else None)
    return cells


def _order(networks: Sequence[Network], view: View) -> Any:
    """Sorts aligned layers by the largest of theirs."""
    orders = [order_of(layer_column(network, Choice(name=view.sort or "macs"), "macs")) for network in networks]

    def key(aligned: Aligned) -> Any:
        pairs = zip(orders, aligned.layers, strict=True)
        return min(order(layer) for order, layer in pairs if layer is not None)

    return key


def _left_out(uncounted: int, small: int, view: View) -> list[str]:
    lines = [f"({amount(uncounted, 'layer')} without parameters and MACs left out)"] if uncounted else []
    how = "" if view.top else "; --all shows every layer"
    return [*lines, *([f"({amount(small, 'smaller layer')} left out{how})"] if small else [])]


def _counts(layer: Aligned) -> bool:
    return any(row is not None and (row.params or row.macs) for row in layer.layers)


# ------------------------------------------------------------------ portions


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
        columns.append(Column(_letter(number), rank=_rank(number), show=percent))
        columns.append(Column("", rank=_LEAST, show=bar, left=True, is_bar=True))
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
