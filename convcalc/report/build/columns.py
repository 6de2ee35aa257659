"""Tables of layers: columns by the names of metrics, the rows that were asked for, trees of modules.

Whatever adds up over layers (`analysis.metrics`) is a column; what only describes a layer is listed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analysis.counts import Layer
from convcalc.analysis.metrics import (
    LAYERS,
    METRICS,
    RATIO,
    SHARE,
    SIZE,
    Metric,
    NoNumberError,
    find_metric,
    metric_names,
)
from convcalc.analysis.network import Network
from convcalc.core.errors import UsageError, suggest
from convcalc.report.parts import Cell, Column, Part, Table, amount, percent, show

if TYPE_CHECKING:
    from convcalc.analysis.receptive_field import Field

FOLDED = 20
"""How many layers a terminal shows of a long table, unless it is asked for all."""

LONG = 40
"""A table of more rows than these is long."""

SHARE_OF = ".share"
"""What the name of a metric's share ends with: macs.share; `share` alone is that of the table's own metric."""


class View(NamedTuple):
    """Which rows and columns a table of layers has.

    Args:
        columns: names of columns; none for the command's own.
        sort: the column that orders the rows: numbers from the largest, texts from A.
        top: how many layers are shown, the largest by `sort` or by share.
        total: only the totals.
        depth: layers are grouped by module, this many names deep.
        tree: modules as a tree.
        fold: a long table is cut as by `top`.
    """

    columns: tuple[str, ...] = ()
    sort: str = ""
    top: int | None = None
    total: bool = False
    depth: int | None = None
    tree: bool = False
    fold: bool = False


ALL = View()
"""Every layer, under the command's own columns."""


class Choice(NamedTuple):
    """A column that a command shows of itself: its name, when it is dropped, another heading."""

    name: str
    rank: int = 0
    heading: str = ""


class LayerColumn(NamedTuple):
    """A column of a table of layers.

    Args:
        column: how it looks.
        cell: what it says of a layer.
        whole: what it says of the network; None for nothing.
        adds_up: whether its cells are parts of the whole.
        by_layer: whether every layer has a number of its own, so that none stands under them.
        order: what its cells are sorted by, where that is not the cells themselves.
    """

    column: Column
    cell: Callable[[Layer], Cell]
    whole: Cell = None
    adds_up: bool = False
    by_layer: bool = False
    order: Callable[[Layer], Any] | None = None


def layer_parts(network: Network, choices: Sequence[Choice], view: View, *, main: str) -> list[Part]:
    """The table of a network's layers, and a sentence about what it leaves out.

    Args:
        network: whose layers.
        choices: the columns, unless `view` names others.
        view: which rows and columns.
        main: the metric that `share` divides, and by which layers are large.

    Raises UsageError for a column that there is none of.
    """
    sorted_by = METRICS.get(view.sort)
    if sorted_by and sorted_by.layer:
        main = view.sort  # the shares are of what the rows are sorted by
    columns = [layer_column(network, choice, main) for choice in chosen(choices, view)]
    if view.total:
        return [_totals(network, columns)]
    if view.tree:
        return _tree(network, columns, view)
    rows = network.by_module(view.depth)
    top = view.top or (FOLDED if view.fold and len(rows) > LONG else None)
    by = layer_column(network, Choice(name=view.sort or main), main)
    kept = largest(rows, order_of(by), top)
    shown = [rows[index] for index in kept]
    if view.sort:
        shown.sort(key=order_of(by))
    totals = _total_rows(columns)
    parts: list[Part] = []
    if len(shown) < len(rows):
        left = [rows[index] for index in sorted({*range(len(rows))} - {*kept})]
        totals.insert(0, _row(f"{len(left):,} others", columns, [_sum(column, left) for column in columns]))
        by_name = f"largest by {by.column.heading}"
        how = "" if view.top else ": --all shows every layer"
        parts.append(f"{len(shown):,} of {amount(len(rows), 'layer')}, the {by_name}{how}")
    cells = [tuple([column.cell(row) for column in columns]) for row in shown]
    return [Table(tuple(column.column for column in columns), cells, totals=totals, is_main=True), *parts]


def chosen(choices: Sequence[Choice], view: View) -> Sequence[Choice]:
    """The columns that are asked for, in the command's own look where they are its own."""
    own = {choice.name: choice for choice in choices}
    return [own.get(name, Choice(name=name)) for name in view.columns] if view.columns else choices


def largest(rows: Sequence[Any], order: Callable[[Any], Any], top: int | None) -> list[int]:
    """Which `top` rows `order` puts first, as places in `rows`; all of them for None."""
    places = range(len(rows))
    return sorted(sorted(places, key=lambda place: order(rows[place]))[:top]) if top else list(places)


def layer_column(network: Network, choice: Choice, main: str) -> LayerColumn:
    """The column called `choice.name`. Raises UsageError (see `check_columns`)."""
    name = choice.name
    described = _described(network, choice)
    if described is not None:
        return described
    if name == "share" or name.endswith(SHARE_OF):
        return _share(network, choice, main if name == "share" else name.removesuffix(SHARE_OF))
    return _counted(network, choice, find_metric(name))


def check_columns(names: Sequence[str]) -> None:
    """Raise UsageError, with the nearest name, for what no column is called."""
    known = column_names()
    for name in names:
        if name not in known and not name.removesuffix(SHARE_OF).startswith(LAYERS):
            raise UsageError(
                f"no column is called {name!r}",
                hint=suggest(name, known, otherwise=f"the columns are {', '.join(known)}"),
            )


def column_names() -> list[str]:
    """Every name that a column goes by."""
    shares = [entry.name + SHARE_OF for entry in METRICS.values() if entry.layer]
    return [*_DESCRIBED, "share", *dict.fromkeys(metric_names()), *shares]


def plain_number(value: Any) -> Cell:
    """A metric's value as a cell: fractions are decimal numbers."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value


def show_of(entry: Metric) -> dict[str, Any]:
    """How a metric's values look in a column."""
    return {"show": percent} if entry.unit == SHARE else {"left": True} if entry.unit == SIZE else {}


def field_cell(field: Field) -> tuple[Cell, Cell]:
    """A field's span and stride in a table."""
    if field.is_empty:
        return "none", None
    if field.is_global:
        return "global", None
    size = show(field.size)
    if field.smallest_size != field.size:
        size = f"{show(field.smallest_size)} to {size}"
    return (f">={size}" if field.input_dependent else size), field.stride


def field_cells(field: Field) -> tuple[Cell, Cell, Cell, Cell]:
    """A field's span, stride, padding and coverage in a table."""
    size, stride = field_cell(field)
    if field.is_empty or field.is_global:
        return size, None, None, None
    return size, stride, field.padding, field.typical.coverage


# ------------------------------------------------------------------ what a column says

_DESCRIBED: dict[str, tuple[str, Callable[[Network, Layer], Cell]]] = {
    "layer": ("layer", lambda network, layer: layer.name),
    "op": ("op", lambda network, layer: layer.kind),
    "spec": ("spec", lambda network, layer: layer.spec),
    "inputs": ("inputs", lambda network, layer: ", ".join(layer.inputs)),
    "output": ("output", lambda network, layer: layer.output),
}
"""What describes a layer: its heading, and how it is read."""

_LEFT = ("layer", "op", "spec", "inputs")

_FIELDS = {
    "receptive_field.size": "RF",
    "receptive_field.stride": "RF stride",
    "receptive_field.padding": "RF padding",
    "receptive_field.coverage": "coverage",
}
"""What every layer has of the receptive field, with its heading."""


def _described(network: Network, choice: Choice) -> LayerColumn | None:
    """A column that describes layers, or says something of their receptive fields."""
    if choice.name in _DESCRIBED:
        heading, read = _DESCRIBED[choice.name]
        column = Column(choice.heading or heading, rank=choice.rank, left=choice.name in _LEFT)
        return LayerColumn(column=column, cell=lambda layer: read(network, layer))
    full = next((entry.name for entry in METRICS.values() if choice.name in (entry.name, entry.short)), "")
    return _field_column(network, choice, full) if full in _FIELDS else None


def _field_column(network: Network, choice: Choice, name: str) -> LayerColumn:
    place = list(_FIELDS).index(name)
    fields = network.fields

    def cell(layer: Layer) -> Cell:
        return field_cells(fields[layer.node])[place] if fields else None

    def order(layer: Layer) -> Any:
        if not fields or fields[layer.node].is_empty:
            return None
        if fields[layer.node].is_global:
            return inf if place == 0 else None
        value = cell(layer) if place else fields[layer.node].size
        return prod(value) if isinstance(value, tuple) else value

    shown = {"show": percent} if name.endswith("coverage") else {"left": True}
    column = Column(choice.heading or _FIELDS[name], rank=choice.rank, **shown)
    return LayerColumn(column=column, cell=cell, whole=_whole(network, find_metric(name)), by_layer=True, order=order)


def _share(network: Network, choice: Choice, name: str) -> LayerColumn:
    """A layer's part of what all layers come to."""
    entry = find_metric(name)
    part = entry.layer
    if part is None:
        raise UsageError(f"{entry.name} does not add up over layers: they have no shares of it")
    total = entry.read(network)
    heading = "share" if choice.name == "share" else f"share of {entry.title}"
    return LayerColumn(
        column=Column(choice.heading or heading, rank=choice.rank, show=percent),
        cell=lambda layer: part(layer) / total if total else 0.0,
    )


def _counted(network: Network, choice: Choice, entry: Metric) -> LayerColumn:
    """A metric: each layer's part where it adds up, and the whole network's number."""
    part = entry.layer
    whole = _whole(network, entry)
    column = Column(choice.heading or entry.title, rank=choice.rank, **show_of(entry))
    if part is None or entry.unit in (SHARE, RATIO):
        return LayerColumn(column=column, cell=(lambda layer: part(layer)) if part else (lambda _: None), whole=whole)
    return LayerColumn(column=column, cell=part, whole=whole, adds_up=True)


def _whole(network: Network, entry: Metric) -> Cell:
    """The network's number; a lower bound where operators are not counted, None where there is no such number."""
    try:
        return plain_number(entry.read(network))
    except NoNumberError:
        return None


# ------------------------------------------------------------------ rows


def order_of(by: LayerColumn) -> Callable[[Layer], Any]:
    """Sorts numbers from the largest, texts from A; what has none comes last."""
    read = by.order or by.cell

    def key(layer: Layer) -> Any:
        value = read(layer)
        if isinstance(value, tuple):
            value = prod(value)
        return (value is None, value if isinstance(value, str) else -(value or 0))

    return key


def _row(name: str, columns: Sequence[LayerColumn], cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """A row of sums: its name stands under the first column that has none."""
    row = list(cells)
    place = next((index for index, column in enumerate(columns) if column.column.left), None)
    if place is not None:
        row[place] = name
    return tuple(row)


def _total_rows(columns: Sequence[LayerColumn]) -> list[tuple[Cell, ...]]:
    """The row of what the whole network comes to, if any column says it."""
    wholes = [None if column.by_layer else column.whole for column in columns]
    return [_row("total", columns, wholes)] if any(whole is not None for whole in wholes) else []


def _sum(column: LayerColumn, rows: Sequence[Layer]) -> Cell:
    return sum(column.cell(row) for row in rows) if column.adds_up else None


def _totals(network: Network, columns: Sequence[LayerColumn]) -> Table:
    """One row: what the columns say of the whole network."""
    kept = [column for column in columns if column.whole is not None]
    heads = (Column("network", left=True), *(column.column for column in kept))
    return Table(heads, [(network.text, *(column.whole for column in kept))], is_main=True)


# ------------------------------------------------------------------ trees


def _tree(network: Network, columns: Sequence[LayerColumn], view: View) -> list[Part]:
    """Modules and layers as a tree; a long one is cut where a terminal has room, unless a depth is asked for."""
    deepest = max(layer.name.count(".") for layer in network.layers) + 1
    depth = view.depth or deepest
    rows = _branches(network, depth)
    if view.fold and view.depth is None:
        while len(rows) > LONG and depth > 1:
            depth -= 1
            rows = _branches(network, depth)
    cut = f"{amount(depth, 'level')} of {deepest}: --all shows every layer, --depth N as many levels"
    cells = [tuple([column.cell(row) for column in columns]) for row, _ in rows]
    table = Table(
        tuple(column.column for column in columns),
        cells,
        totals=_total_rows(columns),
        is_main=True,
        levels=[level for _, level in rows] if columns[0].column.heading == "layer" else None,
    )
    return [table, cut] if depth < (view.depth or deepest) else [table]


def _branches(network: Network, depth: int) -> list[tuple[Layer, int]]:
    """Every module down to `depth` names, above its own, each with its level."""
    modules: dict[str, Layer] = {}
    for level in range(1, depth + 1):
        for row in network.by_module(level):
            modules.setdefault(row.name, row)
    inside: dict[str, list[str]] = {}
    for name in modules:
        inside.setdefault(name.rpartition(".")[0], []).append(name)
    waiting = [(name, 0) for name in reversed(inside.get("", []))]
    rows = []
    while waiting:
        name, level = waiting.pop()
        rows.append((modules[name], level))
        waiting += [(below, level + 1) for below in reversed(inside.get(name, []))]
    return rows
