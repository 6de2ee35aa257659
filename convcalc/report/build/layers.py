"""The reports of `params`, `flops` and `summary`: a row for each layer, a total, and sentences."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from convcalc.analysis.counts import Layer
from convcalc.analysis.memory import Memory
from convcalc.analysis.network import Network
from convcalc.core.traced import Uncounted
from convcalc.report.build.columns import ALL, Choice, View, layer_parts
from convcalc.report.build.heading import heading
from convcalc.report.parts import Column, Listing, Part, Report, Table, amount, in_bytes, scaled, show

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int8": 1}
"""What one element takes."""

_MEMORY = {
    "params": "parameters",
    "buffers": "buffers, such as running statistics",
    "activations": "activations written",
    "peak": "peak of live activations, inference",
    "training": "activations kept for training",
}

_LAYER = (
    *(Choice(name="layer"), Choice(name="op", rank=6), Choice(name="spec", rank=4), Choice(name="output", rank=5)),
)
_PARAMS = (
    *(*_LAYER, Choice(name="weights", rank=3), Choice(name="biases", rank=9), Choice(name="norm", rank=9)),
    *(Choice(name="frozen", rank=2), Choice(name="params"), Choice(name="share", rank=8)),
)
_FLOPS = (
    *(*_LAYER, Choice(name="macs"), Choice(name="flops", rank=3), Choice(name="elementwise", rank=7)),
    Choice(name="share", rank=8),
)
_SUMMARY = (
    *(*_LAYER, Choice(name="params"), Choice(name="macs", rank=1), Choice(name="flops", rank=9)),
    *(Choice(name="elementwise", rank=7), Choice(name="rf", rank=2), Choice(name="receptive_field.stride", rank=8)),
)
_TREE = (
    *(Choice(name="layer"), Choice(name="op", rank=6), Choice(name="output", rank=5), Choice(name="params")),
    *(Choice(name="params.share", rank=3, heading="share"), Choice(name="macs", rank=1)),
    Choice(name="macs.share", rank=3, heading="share"),
)
FLOPS = "FLOPs (2 x MACs)"


def params_report(network: Network, *, view: View = ALL, explain: bool = False) -> Report:
    """Trainable parameters by layer: weights, biases and normalisation apart, frozen ones where there are any."""
    total = network.parameters
    choices = [choice for choice in _PARAMS if choice.name != "frozen" or total.frozen]
    sorts = [f"{name} {show(count)}" for name, count in total._asdict().items() if count or name != "frozen"]
    report: list[Part] = [
        *heading(network),
        f"params {_amount(total.total)}: {', '.join(sorts)}",
        *incomplete_sentences(network),
        *layer_parts(network, choices, view, main="params"),
    ]
    if explain:
        report.append(_explained(network, view, lambda row: network.formula(row).params, lambda row: row.params))
    return [*report, *ungrouped_sentences(network)]


def flops_report(network: Network, *, view: View = ALL, explain: bool = False) -> Report:
    """MACs and FLOPs by layer; all other arithmetic in a column of its own."""
    report: list[Part] = [
        *heading(network),
        f"MACs {_amount(network.macs)}",
        f"{FLOPS} {_amount(network.flops)}",
        f"elementwise {_amount(network.elementwise)}: all other arithmetic, not in the FLOPs",
        *incomplete_sentences(network),
        *layer_parts(network, _FLOPS, view, main="macs"),
    ]
    if explain:
        report.append(_explained(network, view, lambda row: network.formula(row).macs, lambda row: row.macs))
        report.append(f"FLOPs = 2 x MACs = 2*{network.macs} = {show(network.flops)}")
    return [*report, *ungrouped_sentences(network)]


def summary_report(network: Network, *, view: View = ALL, dtype: str | None = None) -> Report:
    """Everything at once, layer by layer."""
    from convcalc.report.build.fields import field_sentences  # the only report here that needs it

    return [
        *heading(network),
        *layer_parts(network, _TREE if view.tree else _SUMMARY, view, main="macs" if network.macs else "params"),
        *incomplete_sentences(network),
        f"params {_amount(network.params)}",
        f"MACs {_amount(network.macs)}, {FLOPS} {_amount(network.flops)}",
        f"elementwise {_amount(network.elementwise)}: all other arithmetic, not in the FLOPs",
        *field_sentences(network),
        memory_table(network.memory, dtype),
        *_suggestions(network),
    ]


def incomplete_sentences(network: Network) -> list[str]:
    """What was not counted, so that no total passes for more than a lower bound."""
    if network.complete:
        return []
    calls = [f"{amount(count, 'call')} of {what}" for what, count in network.uncounted.items()]
    return [f"lower bounds: not counted: {', '.join(calls)}"]


def _suggestions(network: Network) -> list[Listing]:
    """The lines of a plugin that would count the operators of PyTorch's that were not counted."""
    from convcalc.core.rules import suggested_rule

    ops = {layer.spec: layer.op for layer in network.layers if isinstance(layer.op, Uncounted)}
    rules = [rule for op in ops.values() if (rule := suggested_rule(op))]
    return [Listing(["a plugin counts them (--plugin MODULE):", "", *"\n\n".join(rules).split("\n")])] if rules else []


def memory_table(memory: Memory, dtype: str | None) -> Table:
    """Elements for one input, and bytes of `dtype`."""
    columns = [Column("memory, batch 1", left=True), Column("elements")]
    columns += [Column(dtype, show=in_bytes)] if dtype else []
    counts = memory._asdict()
    rows = [
        (title, counts[name], *([counts[name] * BYTES[dtype]] if dtype else []))
        for name, title in _MEMORY.items()
        if counts[name] or name != "buffers"
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
    network: Network, view: View, formula: Callable[[Layer], str], number: Callable[[Layer], int]
) -> Listing:
    """The arithmetic of every layer that counts, and the sum."""
    counted = [(row, number(row)) for row in network.by_module(view.depth) if number(row)]
    lines = [f"{row.name}: {formula(row) or 'counted'} = {show(value)}" for row, value in counted]
    total = show(sum(value for _, value in counted))
    if 1 < len(counted) <= 12:
        lines.append(f"sum: {' + '.join(show(value) for _, value in counted)} = {total}")
    else:
        lines.append(f"sum of {amount(len(counted), 'layer')} = {total}")
    return Listing(lines)


def _amount(number: int) -> str:
    return show(number) if number < 1_000_000 else f"{show(number)} ({scaled(number)})"
