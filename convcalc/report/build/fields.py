"""The report of `rf`: the receptive field in words, by layer, jump by jump, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.analysis.network import Network
from convcalc.analysis.receptive_field import Field, Region
from convcalc.core.graph import Graph
from convcalc.core.operator import Input, Op, spell
from convcalc.core.window import Positions, Window
from convcalc.report.build.columns import ALL, Choice, View, field_cell, layer_parts
from convcalc.report.build.heading import heading
from convcalc.report.parts import Listing, Part, Report, amount, percent, show

MAX_DRAWN = 64
"""The longest side of a field that is drawn."""

MAX_RUNS = 8
"""How many separate runs of positions are listed; of more, the ends are named."""

_AXES = {1: ("positions",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}


class Reading(NamedTuple):
    """An answer to `--unit` or `--pixel`: what is read of each input, or which units read."""

    question: str
    place: tuple[int, ...]
    layer: str
    regions: tuple[tuple[str, Region], ...]


_COLUMNS = (
    *(Choice(name="layer"), Choice(name="op", rank=6), Choice(name="spec", rank=4), Choice(name="output", rank=5)),
    *(Choice(name="rf"), Choice(name="receptive_field.stride", rank=2, heading="stride")),
    *(Choice(name="receptive_field.padding", rank=3, heading="padding"), Choice(name="coverage", rank=7)),
)


def rf_report(network: Network, *, view: View = ALL, explain: bool = False, places: Sequence[Reading] = ()) -> Report:
    """The receptive field of the output and of every layer."""
    report: list[Part] = [*heading(network), *field_sentences(network)]
    report += _drawing(network.spatial_field) if network.fields else []
    report += layer_parts(network, _COLUMNS, view, main="macs")
    if explain and network.fields:
        report.append(Listing(_jumps(network.graph, network.fields)))
    for place in places:
        report += _place_parts(place)
    return report


def field_sentences(network: Network) -> list[str]:
    """The output's receptive field in words, and the last spatial layer's where the output sees everything."""
    if not network.fields:
        return [f"receptive field not followed: {network.receptive_field_note}"]
    field, end = network.receptive_field, network.spatial
    graph = network.graph
    which = f" on {graph.nodes[graph.inputs[0]].name}:" if len(graph.inputs) > 1 else ""
    text = f"receptive field{which} {_phrase(field)}"
    if end is None:
        return [text, *_remarks(field)]
    last = network.fields[end]
    return [text, f"last spatial layer {graph.nodes[end].name}: receptive field {_phrase(last)}", *_remarks(last)]


def draw(region: Region) -> list[str]:
    """The mask of a 1-D or 2-D region: # is read, . is not."""
    starts = [axis.first for axis in region.axes]
    sides = [range(start, start + span) for start, span in zip(starts, region.size, strict=True)]
    if len(sides) == 1:
        return ["".join("#" if region.contains((x,)) else "." for x in sides[0])]
    return ["".join("#" if region.contains((y, x)) else "." for x in sides[1]) for y in sides[0]]


def _phrase(field: Field) -> str:
    """A field in one phrase."""
    region = field.typical
    if field.is_empty:
        return "none: nothing of this input is read"
    if field.is_global:
        common = field.common
        if not common.count:
            return f"global: units read up to {show(field.size)} of the input, some of them nothing"
        whole = common.size == field.input_size and common.coverage == 1
        return f"global: every unit reads {'the whole' if whole else show(common.size) + ' of the'} input"
    least = "at least " if field.input_dependent else ""
    return (
        f"{least}{show(field.size)}, effective stride {show(field.stride)}, "
        f"effective padding {show(field.padding)}, {_coverage(region)}"
    )


def _coverage(region: Region) -> str:
    if region.coverage is None:
        return "coverage unknown: too many holes to be followed"
    spanned = 1
    for size in region.size:
        spanned *= size
    return f"coverage {percent(region.coverage)} ({region.count:,} of {spanned:,} places)"


def _remarks(field: Field) -> list[str]:
    """What one phrase does not tell."""
    region = field.typical
    remarks = []
    if field.smallest_size != field.size:
        over = show(field.periods)
        remarks.append(f"units differ: from {show(field.smallest_size)} to {show(field.size)}, repeating every {over}")
    gaps = tuple(axis.largest_gap for axis in region.axes)
    if any(gaps):
        remarks.append(f"holes: the largest gap is {show(gaps)} unread places per axis")
    if not region.is_product:
        remarks.append("the places read are a union of rectangles: the axes alone do not tell the story")
    if not field.aligned:
        remarks.append("unaligned: branches of unequal stride or with shifted centres meet")
    if field.input_dependent:
        remarks.append("input-dependent: the values decide which places are read; these are read at least")
    if any(span > size for span, size in zip(field.size, field.input_size, strict=True)):
        remarks.append(f"larger than the input {show(field.input_size)}: every unit is clipped at a border")
    return remarks


def _drawing(field: Field) -> list[Part]:
    """The mask, where it tells more than the axes and is small."""
    if field.is_empty or field.is_global:
        return []
    return _mask(field.typical)


def _mask(region: Region) -> list[Part]:
    drawable = 1 <= len(region.size) <= 2 and region.exact and max(region.size) <= MAX_DRAWN
    return [Listing(draw(region))] if drawable and region.count and region.coverage != 1 else []


def _place_parts(place: Reading) -> list[Part]:
    where = ",".join(map(str, place.place))
    parts: list[Part] = []
    for name, region in place.regions:
        if place.question == "unit":
            parts.append(f"unit {where} of {place.layer} reads {_region(region)} of {name}")
        else:
            parts.append(f"pixel {where} of {name} is read by {_region(region)} of {place.layer}")
        if region.products and not region.is_product:
            parts += _mask(region)
    return parts


def _region(region: Region) -> str:
    """A region in words: the runs along each axis, and how many places there are."""
    if not region.count:
        return "nothing"
    names = _AXES.get(len(region.axes), ())
    axes = [f"{name} {_runs(positions)}" for name, positions in zip(names, region.axes, strict=True)]
    return f"{', '.join(axes)} ({amount(region.count, 'place')})"


def _runs(positions: Positions) -> str:
    if len(positions.runs) > MAX_RUNS or not positions.exact:
        return f"{positions.first} to {positions.stop - 1} with holes"
    return " and ".join(f"{a} to {b - 1}" if b - a > 1 else str(a) for a, b in positions.runs)


def _jumps(graph: Graph, fields: Sequence[Field]) -> list[str]:
    """The recursion, a line for each layer that can change the field."""
    lines = [
        "RF = RF before + (kernel-1)*dilation*jump, jump = jump before * stride; RF of the input = 1, its jump = 1"
    ]
    for index, (op, inputs, name) in enumerate(graph.nodes):
        if type(op) is Input or (type(op).window is Op.window and len(inputs) == 1):
            continue
        text = _jump(graph, fields, index) if len(inputs) == 1 else _union(graph, fields, index)
        lines.append(f"{name} ({op.spec()}): {text}")
    return lines


def _union(graph: Graph, fields: Sequence[Field], index: int) -> str:
    """A join's line."""
    branches = [f"{field_cell(fields[i])[0]} ({graph.nodes[i].name})" for i in graph.nodes[index].inputs]
    return f"RF {field_cell(fields[index])[0]} = the union of {' and '.join(branches)}"


def _jump(graph: Graph, fields: Sequence[Field], index: int) -> str:
    """A layer's line; axes that differ have each its own words."""
    node = graph.nodes[index]
    before, after = fields[node.inputs[0]], fields[index]
    if after.is_empty:
        return "RF none: it reads nothing of this input"
    if after.is_global:
        return f"RF global: it reads all of {spell(graph.shapes[node.inputs[0]][1:])}, or what it reads is global"
    shapes = graph.input_shapes_of(index)
    texts = [_axis_jump(node.op.window(axis, 0, *shapes), before, after, axis) for axis in range(len(after.size))]
    return texts[0] if len(set(texts)) == 1 else "; ".join(f"axis {axis}: {text}" for axis, text in enumerate(texts))


def _axis_jump(window: Window, before: Field, after: Field, axis: int) -> str:
    old, new, jump = before.size[axis], after.size[axis], before.stride[axis]
    if window.period > 1 or not window.advance:
        return f"RF {new}, jump {after.stride[axis]} (units read {_spans(window)} of the {old} before)"
    reads = window.reads[0]
    kernel = reads.total
    dilation = (reads.span - 1) // (kernel - 1) if kernel > 1 else 1
    text = f"RF {new} = {old} + ({kernel}-1)*{f'{dilation}*' if dilation > 1 else ''}{_factor(str(jump))}"
    if new != old + (kernel - 1) * dilation * jump:
        return f"RF {new}, jump {after.stride[axis]} (exact union; the units before differ)"
    return text + (f", jump {after.stride[axis]} = {jump}*{window.advance}" if window.advance > 1 else "")


def _spans(window: Window) -> str:
    """How many places the units of one period read."""
    totals = {reads.total for reads in window.reads}
    return f"{min(totals)} to {max(totals)} places" if len(totals) > 1 else amount(max(totals), "place")


def _factor(text: str) -> str:
    return f"({text})" if "/" in text else text
