"""The reports of `params`, `flops` and `summary`: a row for each layer, a total, and sentences."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from convcalc.analysis.counts import Layer
from convcalc.analysis.memory import Memory
from convcalc.analysis.network import Network
from convcalc.core.ops import Params
from convcalc.report.build.heading import heading
from convcalc.report.parts import Column, Listing, Part, Report, Table, amount, in_bytes, percent, scaled, show

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int8": 1}
"""What one element takes."""

_MEMORY = {
    "params": "parameters",
    "activations": "activations written",
    "peak": "peak of live activations, inference",
    "training": "activations kept for training",
}

_NAME = Column("layer", left=True)
_KIND = Column("op", rank=6, left=True)
_SPEC = Column("spec", rank=4, left=True)
_OUTPUT = Column("output", rank=5)
_SHARE = Column("share", rank=8, show=percent)
_ELEMENTWISE = Column("elementwise", rank=7)
FLOPS = "FLOPs (2 x MACs)"


def params_report(network: Network, *, depth: int | None = None, explain: bool = False) -> Report:
    """Trainable parameters by layer: weights, biases and normalisation apart, frozen ones where there are any."""
    total = network.parameters
    frozen = [Column("frozen", rank=2)] if total.frozen else []
    columns = (
        *(_NAME, _KIND, _SPEC, _OUTPUT),
        *(Column("weights", rank=3), Column("biases", rank=9), Column("norm", rank=9), *frozen),
        *(Column("params"), _SHARE),
    )
    rows = [
        (row.name, row.kind, row.spec, row.output, *_by_sort(row.parameters, total), _share(row.params, total.total))
        for row in network.by_module(depth)
    ]
    table = Table(columns, rows, ("total", "", "", "", *_by_sort(total, total), None), is_main=True)
    sorts = [f"{name} {show(count)}" for name, count in total._asdict().items() if count or name != "frozen"]
    head = [*heading(network), f"params {_amount(total.total)}: {', '.join(sorts)}"]
    report: list[Part] = [*head, *incomplete_sentences(network), table]
    if explain:
        report.append(_explained(network, depth, lambda row: network.formula(row).params, lambda row: row.params))
    return [*report, *ungrouped_sentences(network)]


def _by_sort(params: Params, total: Params) -> tuple[int, ...]:
    """Weights, biases, norm, frozen ones if the network has any, and the total."""
    return (*params[:3], *([params.frozen] if total.frozen else []), params.total)


def flops_report(network: Network, *, depth: int | None = None, explain: bool = False) -> Report:
    """MACs and FLOPs by layer; all other arithmetic in a column of its own."""
    columns = (
        _NAME, _KIND, _SPEC, _OUTPUT,
        Column("MACs"), Column(FLOPS, rank=3), _ELEMENTWISE, _SHARE,
    )  # fmt: skip
    rows = [
        (row.name, row.kind, row.spec, row.output, row.macs, row.flops, row.elementwise, _share(row.macs, network.macs))
        for row in network.by_module(depth)
    ]
    total = ("total", "", "", "", network.macs, network.flops, network.elementwise, None)
    report: list[Part] = [
        *heading(network),
        f"MACs {_amount(network.macs)}",
        f"{FLOPS} {_amount(network.flops)}",
        f"elementwise {_amount(network.elementwise)}: all other arithmetic, not in the FLOPs",
        *incomplete_sentences(network),
        Table(columns, rows, total, is_main=True),
    ]
    if explain:
        report.append(_explained(network, depth, lambda row: network.formula(row).macs, lambda row: row.macs))
        report.append(f"FLOPs = 2 x MACs = 2*{network.macs} = {show(network.flops)}")
    return [*report, *ungrouped_sentences(network)]


def summary_report(network: Network, *, depth: int | None = None, dtype: str | None = None) -> Report:
    """Everything at once, layer by layer."""
    from convcalc.report.build.fields import field_cell, field_sentences  # the only report here that needs it

    columns = (
        _NAME, _KIND, _SPEC, _OUTPUT,
        Column("params"), Column("MACs", rank=1), Column(FLOPS, rank=9), _ELEMENTWISE,
        Column("RF", rank=2, left=True), Column("RF stride", rank=8, left=True),
    )  # fmt: skip
    fields = network.fields
    rows = [
        (
            row.name, row.kind, row.spec, row.output, row.params, row.macs, row.flops, row.elementwise,
            *(field_cell(fields[row.node]) if fields else (None, None)),
        )
        for row in network.by_module(depth)
    ]  # fmt: skip
    total = (
        "total", "", "", "", network.params, network.macs, network.flops, network.elementwise, None, None,
    )  # fmt: skip
    return [
        *heading(network),
        Table(columns, rows, total, is_main=True),
        *incomplete_sentences(network),
        f"params {_amount(network.params)}",
        f"MACs {_amount(network.macs)}, {FLOPS} {_amount(network.flops)}",
        f"elementwise {_amount(network.elementwise)}: all other arithmetic, not in the FLOPs",
        *field_sentences(network),
        memory_table(network.memory, dtype),
    ]


def incomplete_sentences(network: Network) -> list[str]:
    """What was not counted, so that no total passes for more than a lower bound."""
    if network.complete:
        return []
    calls = [f"{amount(count, 'call')} of {what}" for what, count in network.uncounted.items()]
    return [f"lower bounds: not counted: {', '.join(calls)}"]


def memory_table(memory: Memory, dtype: str | None) -> Table:
    """Elements for one input, and bytes of `dtype`."""
    columns = [Column("memory, batch 1", left=True), Column("elements")]
    columns += [Column(dtype, show=in_bytes)] if dtype else []
    rows = [
        (_MEMORY[name], count, *([count * BYTES[dtype]] if dtype else [])) for name, count in memory._asdict().items()
    ]
    return Table(tuple(columns), rows)


def ungrouped_sentences(network: Network) -> list[str]:
    """The 1/G law on the layer asked for: what it costs with one group, and the ratio."""
    whole = network.ungrouped
    if whole is None:
        return []
    grouped, full = network.layers[0], whole.layers[0]
    share = Fraction(grouped.parameters.weights, full.parameters.weights)
    return [
        f"ungrouped ({full.spec}): {show(full.params)} params, {show(full.macs)} MACs",
        f"1/G law: grouped / ungrouped = {show(grouped.parameters.weights)} / {show(full.parameters.weights)} weights"
        f" = {share} of the weights and of the MACs",
    ]


def _explained(
    network: Network, depth: int | None, formula: Callable[[Layer], str], number: Callable[[Layer], int]
) -> Listing:
    """The arithmetic of every layer that counts, and the sum."""
    counted = [(row, number(row)) for row in network.by_module(depth) if number(row)]
    lines = [f"{row.name}: {formula(row) or 'counted'} = {show(value)}" for row, value in counted]
    total = show(sum(value for _, value in counted))
    if 1 < len(counted) <= 12:
        lines.append(f"sum: {' + '.join(show(value) for _, value in counted)} = {total}")
    else:
        lines.append(f"sum of {amount(len(counted), 'layer')} = {total}")
    return Listing(lines)


def _amount(number: int) -> str:
    return show(number) if number < 1_000_000 else f"{show(number)} ({scaled(number)})"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
