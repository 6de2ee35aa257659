"""The witness of the receptive field: gradients of single units with respect to the network's inputs.

The gradients are taken through the sketch of the real module (see `sketch`). Between layers a gradient
is set to 0 or 1, and every value to 1: nothing cancels, saturates, overflows or underflows, however deep
the network.

Each probe is one unit of one layer, one gradient among many that a single backward pass carries.
Units far from the borders are probed on an input that is large enough for them; those of layers whose
windows depend on the input's size (global pooling, dense layers) on the real input, borders included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from math import lcm, prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from convcalc.analysis.proof import Check, several
from convcalc.analysis.receptive_field import Field, Region, receptive_fields, unit_field
from convcalc.core.errors import LimitError, ShapeError
from convcalc.core.graph import Graph, Node
from convcalc.core.operator import Input, Op
from convcalc.core.window import NOTHING, Positions
from convcalc.pytorch.build import BuiltModule
from convcalc.pytorch.verify.sketch import NotSketchedError, sketch

WITNESS = "gradients"

BATCH = 1 << 24
"""The most elements, over all layers, of one backward pass."""

PLANES = 1 << 24
"""The most elements, over all layers and probes, of probes of whole planes (the last layer may take more)."""

STRIPS = 1 << 25
"""The most elements of probes along single axes, which see a field's shadows, for the layers before those."""

REAL = 1 << 26
"""The most elements of probes on the real input."""

MAX_PHASES = 64
"""The most units of a period that are probed: what is left out of a longer one is said."""

FEW_PHASES = 4
"""So many units of a period are probed where the maps are too large for all."""

GROWTH = (0, 1, 2, 4, 8)
"""How many common strides the input grows by until no border is in a unit's way."""

Unit = tuple[int, ...]
Axes = tuple[int, ...]


class Probe(NamedTuple):
    """A unit of a layer, and what it reads of each input by our arithmetic; `skipped` units of its period have none."""

    layer: int
    unit: Unit
    expected: tuple[Region, ...]
    skipped: int = 0


class Extent(NamedTuple):
    """A set of places along some axes: where it starts, its span, how many places it has."""

    start: list[int]
    size: list[int]
    places: list[int]


class Finding(NamedTuple):
    """What a probe should read and what its gradient shows; `same`: place by place.

    `clipped`: borders are in the unit's way, so that it reads less than its layer's receptive field. `skipped`:
    how many units of the period were not probed.
    """

    expected: Extent
    measured: Extent
    same: bool
    clipped: bool = False
    skipped: int = 0

    def beside(self, other: Finding) -> Finding:
        """This finding's axes, then the other's."""
        expected = Extent(*(a + b for a, b in zip(self.expected, other.expected, strict=True)))
        measured = Extent(*(a + b for a, b in zip(self.measured, other.measured, strict=True)))
        return Finding(expected, measured, self.same and other.same, skipped=max(self.skipped, other.skipped))

    def check(self, name: str | None) -> Check:
        """The numbers in which the two differ; their sizes where they do not."""
        size = "unit_field" if self.clipped else "receptive_field"
        for what, field in ((size, "size"), ("field_start", "start"), ("field_places", "places")):
            expected, measured = getattr(self.expected, field), getattr(self.measured, field)
            if expected != measured:
                return Check(what, name, expected, measured, WITNESS)
        if not self.same:
            return Check("field_places", name, "the same places", "other places", WITNESS)
        return Check(size, name, self.expected.size, self.measured.size, WITNESS)


class Part(NamedTuple):
    """Some of a network's layers with their sketches and, for each input, their fields."""

    graph: Graph
    sketches: dict[str, nn.Module]
    fields: list[list[Field]]
    device: torch.device

    def name(self, index: int) -> str:
        return self.graph.nodes[index].name

    @property
    def cost(self) -> int:
        """Elements of all maps of one probe."""
        return sum(prod(shape[1:]) for shape in self.graph.shapes)

    def resized(self, *size: int) -> Part:
        """The same layers over inputs of another size. Raises ShapeError."""
        return self._replace(graph=self.graph.resized(*[(shape[0], *size) for shape in self.graph.input_shapes]))

    def only(self, kept: set[int]) -> Part:
        """The layers `kept` and the inputs; its outputs are the layers that no other of them reads."""
        order = sorted(kept.union(self.graph.inputs))
        place = {old: new for new, old in enumerate(order)}
        nodes = [self.graph.nodes[i] for i in order]
        nodes = [Node(node.op, tuple(place[i] for i in node.inputs), node.name) for node in nodes]
        read = {source for node in nodes for source in node.inputs}
        ends = tuple(i for i in range(len(nodes)) if i not in read)
        graph = Graph(tuple(nodes), tuple(self.graph.shapes[i] for i in order), ends)
        return self._replace(graph=graph, fields=[[fields[i] for i in order] for fields in self.fields])

    def upto(self, names: set[str]) -> Part:
        """The layers called `names` and all that these need."""
        needed: set[int] = set()
        for index in reversed(range(len(self.graph.nodes))):
            if index in needed or self.name(index) in names:
                needed.update((index, *self.graph.nodes[index].inputs))
        return self.only(needed)

    def steps(self) -> list[int]:
        """The layers that read something, without those whose field is simply their input's."""
        return [
            index
            for index in self.graph.layers
            if any(
                not fields[index].is_empty and fields[index] is not fields[self.graph.nodes[index].inputs[0]]
                for fields in self.fields
            )
        ]

    def probes(self, unit_of: dict[int, Unit], layers: Sequence[int], axes: Axes, budget: int) -> list[Probe]:
        """Units of the last of `layers`, as many as `budget` allows: those of a period, and the first of the next.

        They lie on the diagonal of `axes`; of a period for which there is no room a few are taken.
        """
        made: list[Probe] = []
        for layer in reversed(layers):
            if layer not in unit_of:
                continue
            periods = tuple(p if axis in axes else 0 for axis, p in enumerate(self.fields[0][layer].periods))
            room = (budget if made else STRIPS) // self.cost - len(made) - 1
            phases = min(max(periods), MAX_PHASES, max(room, FEW_PHASES))
            if phases > room or (made and phases < min(max(periods), MAX_PHASES)):  # there may be room for all apart
                break
            offsets = [tuple(min(turn, p - 1) if p else 0 for p in periods) for turn in range(phases)]
            units = [tuple(map(sum, zip(unit_of[layer], offset, strict=True))) for offset in (*offsets, periods)]
            inside = [u for u in units if all(a < n for a, n in zip(u, self.graph.shapes[layer][1:], strict=True))]
            skipped = max(periods) - len([unit for unit in inside if unit != units[-1]])
            made += [Probe(layer, u, tuple(f[layer].region(u) for f in self.fields), skipped) for u in inside]
        return made


def reach_checks(module: BuiltModule, device: torch.device) -> tuple[list[Check], list[str]]:
    """The receptive field of every layer as gradients see it; and in words what they were not asked."""
    graph = module.graph
    if any(len(shape) == 1 for shape in graph.input_shapes):
        return [], ["the receptive field (an input has no spatial axes)"]
    sketches, uncovered = _sketches(module, device)
    followed = _closure(graph, lambda index: graph.nodes[index].name in sketches)
    try:
        fields = [receptive_fields(graph, number) for number in range(len(graph.inputs))]
        whole = Part(graph, sketches, fields, device).only(followed)
        steps = whole.steps()
        findings = _far_findings(whole.only(_local(whole.graph)))
        findings |= _near_findings(whole, [i for i in steps if whole.name(i) not in findings])
    except LimitError as error:
        return [], [*uncovered, f"the receptive field ({error.message})"]
    uncovered += _left_out(whole, steps, findings)
    checks = [findings[whole.name(i)].check(whole.name(i)) for i in steps if whole.name(i) in findings]
    return checks, uncovered


def _left_out(part: Part, steps: Sequence[int], findings: dict[str, Finding]) -> list[str]:
    """What the gradients were not asked, in words."""
    words = []
    clipped = [name for name, finding in findings.items() if finding.clipped]
    if clipped:
        words.append(f"the receptive field of {several(clipped)} beyond the borders of the input")
    probed = [(part.name(i), findings[part.name(i)]) for i in steps if part.name(i) in findings]
    skipped = {name: finding.skipped for name, finding in probed if finding.skipped}
    if skipped:
        words.append(
            f"the receptive field of {several(list(skipped))} in {max(skipped.values()):,} of the units of a period"
        )
    left = [part.name(i) for i in steps if part.name(i) not in findings]
    if left:
        words.append(f"the receptive field of {several(left)} (the maps are too large)")
    moving = [part.name(i) for i in steps if part.graph.nodes[i].op.input_dependent]
    if moving:
        words.append(f"where the samples of {several(moving)} move to (it depends on the values)")
    return words


def _sketches(module: BuiltModule, device: torch.device) -> tuple[dict[str, nn.Module], list[str]]:
    """The sketch of every layer that has one, and the kinds of those that have none in words."""
    made: dict[str, nn.Module] = {}
    missing: dict[str, str] = {}
    graph = module.graph
    for index, layer in zip(graph.layers, module.layers.values(), strict=True):
        name = graph.nodes[index].name
        try:
            drawn = sketch(layer).to(device)
            if type(drawn) is type(layer):
                _check_one_channel(drawn, graph, index, device)
            made[name] = drawn
        except NotSketchedError as error:
            missing.setdefault(str(error), name)
    return made, [f"the receptive field from {name} on ({kind} has no sketch)" for kind, name in missing.items()]


def _check_one_channel(sketch: nn.Module, graph: Graph, index: int, device: torch.device) -> None:
    """Raise NotSketchedError unless a module that is its own sketch runs on one channel as it does on all."""
    sizes = [(1, 1, *shape[1:]) for shape in graph.input_shapes_of(index)]
    try:
        output = sketch(*[torch.ones(size, dtype=torch.float64, device=device) for size in sizes])
    except Exception:  # anything: it was not written for one channel
        output = None
    if not isinstance(output, Tensor) or output.shape != (1, 1, *graph.shapes[index][1:]):
        raise NotSketchedError(type(sketch).__name__)


def _closure(graph: Graph, keep: Callable[[int], bool]) -> set[int]:
    """The inputs, and the layers that `keep` accepts all of whose sources are in the set."""
    kept: set[int] = set()
    for index, node in enumerate(graph.nodes):
        if type(node.op) is Input or (kept.issuperset(node.inputs) and keep(index)):
            kept.add(index)
    return kept


def _local(graph: Graph) -> set[int]:
    """The layers that read the same window whatever the size of the input."""
    if len({shape[1:] for shape in graph.input_shapes}) > 1:
        return set(graph.inputs)
    return _closure(graph, lambda index: not _depends_on_size(graph, index))


def _depends_on_size(graph: Graph, index: int) -> bool:
    """Whether the layer's window is another one over an input twice as large."""
    op: Op = graph.nodes[index].op
    shapes = graph.input_shapes_of(index)
    doubled = [(shape[0], *[2 * n for n in shape[1:]]) for shape in shapes]
    return len(graph.shapes[index]) == 1 or any(
        op.window(axis, number, *shapes) != op.window(axis, number, *doubled)
        for number, shape in enumerate(shapes)
        for axis in range(len(shape) - 1)
    )


# Far from the borders


def _far_findings(part: Part) -> dict[str, Finding]:
    """Units far from the borders: of the last layers over planes, of those before them axis by axis over strips.

    Where these are too many, the first half of the others follows by itself: it needs smaller inputs. Where units
    differ over a period, of which the real input shows one, all of the others do.
    """
    axes = tuple(range(len(part.graph.input_shapes[0]) - 1))
    found: dict[str, Finding] = {}
    names = [part.name(layer) for layer in part.steps()]
    while names:
        before = len(names)
        part = part.upto(set(names))
        found |= _settled(part, names, axes, PLANES if len(axes) > 1 else STRIPS)
        names = [name for name in names if name not in found]
        if len(axes) > 1:
            strips = [_settled(part, names, (axis,), STRIPS) for axis in axes]
            both = [name for name in names if all(name in strip for strip in strips)]
            found |= {name: reduce(Finding.beside, [strip[name] for strip in strips]) for name in both}
        left = [name for name in names if name not in found]
        names = left if len(left) < before and _is_periodic(part, left) else left[: len(left) // 2]
    return found


def _is_periodic(part: Part, names: Sequence[str]) -> bool:
    """Whether the units of one of these layers differ over a period."""
    return any(part.name(i) in set(names) and max(part.fields[0][i].periods) > 1 for i in part.graph.layers)


def _settled(part: Part, names: Sequence[str], axes: Axes, budget: int) -> dict[str, Finding]:
    """Findings along `axes` on the smallest input on which all of them agree, or the largest that was tried."""
    found: dict[str, Finding] = {}
    wanted = set(names)
    layers = [layer for layer in part.graph.layers if part.name(layer) in wanted]
    for sized in _roomy(part, axes) if layers else ():
        probes = sized.probes(_demanded(sized, axes), layers, axes, budget)
        if not probes:
            break
        found = _findings(sized, probes, axes)
        if all(finding.same for finding in found.values()):
            break
    return found


def _roomy(part: Part, axes: Axes) -> Iterator[Part]:
    """The part over growing inputs on which no border clips the fields of its ends along `axes`.

    Along these an input differs from the real one by whole strides: branches that fit there fit here.
    """
    size = part.graph.input_shapes[0][1:]
    steps = [_common_stride(part, axis) for axis in range(len(size))]
    for growth in GROWTH:
        sizes = []
        for axis, (n, step) in enumerate(zip(size, steps, strict=True)):
            least = _span(part, axis) + 2 * step if axis in axes else 1
            fitting = n + max(-(-(least - n) // step), -((n - 1) // step)) * step
            sizes.append(
                fitting + growth * step if axis in axes else 1 if not growth else fitting + (growth - 1) * step
            )
        try:
            sized = part.resized(*sizes)
        except ShapeError:
            continue
        if all(_is_clear(sized, end, axes) for end in sized.graph.outputs):
            yield sized


def _common_stride(part: Part, axis: int) -> int:
    """The smallest distance on the input by which every layer's units can move."""
    windows = {box[axis] for fields in part.fields for field in fields for box in field.boxes}
    return lcm(*(window.advance for window in windows if window.advance))


def _span(part: Part, axis: int) -> int:
    return max(field.size[axis] for fields in part.fields for field in fields if not field.is_empty)


def _end_unit(part: Part, end: int, axes: Axes) -> Unit:
    """A unit in the middle of an end's map, the first of its period."""
    size, shift = part.graph.shapes[end][1:], _shift(part, end, axes)
    periods = part.fields[0][end].periods
    return tuple([max(0, (n - s) // 2) // p * p for n, s, p in zip(size, shift, periods, strict=True)])


def _shift(part: Part, end: int, axes: Axes) -> Unit:
    """The units along `axes` by which an end's field moves as far as a common stride, whole periods of them."""
    shift = [0] * len(part.graph.shapes[end][1:])
    for axis in axes:
        period = part.fields[0][end].periods[axis]
        moved = max(w.advance * period // w.period for w in (box[axis] for box in part.fields[0][end].boxes))
        shift[axis] = period * -(-_common_stride(part, axis) // max(1, moved))
    return tuple(shift)


def _is_clear(part: Part, end: int, axes: Axes) -> bool:
    """Whether no border of any layer clips, along `axes`, the field of an end's middle unit and the next ones."""
    if part.fields[0][end].is_empty:
        return True
    first = _end_unit(part, end, axes)
    last = tuple(u + s for u, s in zip(first, _shift(part, end, axes), strict=True))
    if not all(u < n for u, n in zip(last, part.graph.shapes[end][1:], strict=True)):
        return False
    for unit in (first, last):
        clipped = unit_field(part.graph, unit, end)
        for number, origin in enumerate(part.graph.inputs):
            free, seen = part.fields[number][end].region(unit), clipped[origin]
            if any(free.axes[axis].runs != seen.axes[axis].runs for axis in axes):
                return False
    return True


def _demanded(part: Part, axes: Axes) -> dict[int, Unit]:
    """A unit of every layer that a middle unit of an end reads, so that no border is near it either."""
    graph = part.graph
    units = {end: _end_unit(part, end, axes) for end in graph.outputs if not part.fields[0][end].is_empty}
    for index in reversed(graph.layers):
        op, sources, _ = graph.nodes[index]
        shapes = graph.input_shapes_of(index)
        for number, source in enumerate(sources):
            reads = [op.window(axis, number, *shapes).at(unit) for axis, unit in enumerate(units.get(index, ()))]
            if reads and all(positions.runs for positions in reads):
                units.setdefault(source, tuple(map(_middle, reads, shapes[number][1:])))
    return units


def _middle(positions: Positions, size: int) -> int:
    """A position in the middle: of a map that lies in the padding, on an axis that is not probed, the nearest."""
    start, stop = positions.runs[len(positions.runs) // 2]
    return min(max((start + stop) // 2, 0), size - 1)


# On the real input


def _near_findings(part: Part, layers: Sequence[int]) -> dict[str, Finding]:
    """Units of each of `layers` (the last, if there are too many) on the real input, with its borders."""
    allowed = REAL // part.cost
    layers = layers[len(layers) - min(allowed, len(layers)) :]
    probes = {layer: _near_probes(part, layer, allowed // len(layers)) for layer in layers}
    findings = _findings(part, [probe for some in probes.values() for probe in some])
    return {part.name(i): findings[part.name(i)]._replace(clipped=_is_clipped(part, probes[i][0])) for i in layers}


def _near_probes(part: Part, layer: int, allowed: int) -> list[Probe]:
    """A layer's middle unit, and those after it that differ from it, as many as are `allowed`."""
    size, periods = part.graph.shapes[layer][1:], part.fields[0][layer].periods
    periods += (1,) * (len(size) - len(periods))  # axes that the input does not have: no field moves along them
    different = max(map(min, periods, size), default=1)
    probed = min(different, allowed, MAX_PHASES)
    probes = []
    for turn in range(probed):
        unit = tuple((n // 2 + min(turn, p - 1)) % n for p, n in zip(periods, size, strict=False))
        seen = unit_field(part.graph, unit, layer)
        probes.append(Probe(layer, unit, tuple(seen[i] for i in part.graph.inputs), different - probed))
    return probes


def _is_clipped(part: Part, probe: Probe) -> bool:
    """Whether borders are in the way of a layer's middle unit."""
    free = [fields[probe.layer].region(fields[probe.layer].center) for fields in part.fields]
    return any(_runs(a) != _runs(b) for a, b in zip(free, probe.expected, strict=True))


def _runs(region: Region) -> list[tuple[tuple[int, int], ...]]:
    """Where a region's shadow on each axis starts and stops."""
    return [positions.runs for positions in region.axes]


# Probing


def _findings(part: Part, probes: Sequence[Probe], axes: Axes | None = None) -> dict[str, Finding]:
    """For each layer the first probe that disagrees, or the widest; along `axes` or all of each input.

    Along some axes, a unit that lies in the padding of another reads nothing: it shows nothing of its layer.
    """
    found: dict[str, Finding] = {}
    for probe, masks in zip(probes, _gradients(part, probes), strict=True):
        if axes and not any(mask.any() for mask in masks) and _reads_nothing(part, probe):
            continue
        name = part.name(probe.layer)
        compared = [
            _compare(region, mask, axes or tuple(range(mask.dim())))
            for region, mask in zip(probe.expected, masks, strict=True)
        ]
        finding = reduce(Finding.beside, compared)._replace(skipped=probe.skipped)
        known = found.get(name)
        if known is None or (known.same and (not finding.same or finding.expected.size > known.expected.size)):
            found[name] = finding
    return found


def _reads_nothing(part: Part, probe: Probe) -> bool:
    """Whether the borders leave nothing of what a unit would read."""
    seen = unit_field(part.graph, probe.unit, probe.layer)
    return not any(seen[origin].count for origin in part.graph.inputs)


def _gradients(part: Part, probes: Sequence[Probe]) -> Iterator[list[Tensor]]:
    """For each probe and input the mask of the places that have a gradient."""
    together = max(1, BATCH // part.cost)
    for start in range(0, len(probes), together):
        yield from _backward(part, probes[start : start + together])


def _backward(part: Part, probes: Sequence[Probe]) -> Iterator[list[Tensor]]:
    """One pass forward and one back: the batch has a copy of the network for every probe."""
    graph = part.graph
    with torch.enable_grad():
        maps: dict[int, Tensor] = {}
        for index, (op, sources, name) in enumerate(graph.nodes):
            if type(op) is Input:
                size = (len(probes), 1, *graph.shapes[index][1:])
                maps[index] = torch.ones(size, dtype=torch.float64, device=part.device, requires_grad=True)
            else:
                output = part.sketches[name](*[maps[source] for source in sources])
                maps[index] = output - output.detach() + 1
                maps[index].register_hook(_binary)  # type: ignore[no-untyped-call]
        seeds = {probe.layer: torch.zeros_like(maps[probe.layer]) for probe in probes}
        for number, probe in enumerate(probes):
            seeds[probe.layer][(number, 0, *probe.unit)] = 1
        units = sum([(maps[layer] * seed).sum() for layer, seed in seeds.items()])
        origins = [maps[origin] for origin in graph.inputs]
        gradients = torch.autograd.grad(units, origins, allow_unused=True)  # type: ignore[arg-type]
    masks = [
        torch.zeros_like(origin) if gradient is None else gradient
        for gradient, origin in zip(gradients, origins, strict=True)
    ]
    for number in range(len(probes)):
        yield [mask[number, 0].detach().ne(0).cpu() for mask in masks]


def _binary(gradient: Tensor) -> Tensor:
    return gradient.ne(0).to(gradient.dtype)


def _compare(region: Region, mask: Tensor, axes: Axes) -> Finding:
    """A region beside a mask: place by place, or as shadows on one axis if `axes` are not all."""
    shadows = {
        axis: mask.any(dim=[a for a in range(mask.dim()) if a != axis]) if mask.dim() > 1 else mask for axis in axes
    }
    read = {axis: shadow.nonzero().flatten().tolist() for axis, shadow in shadows.items()}
    whole = len(axes) == mask.dim()
    expected, drawn = _drawn(region, mask.shape, axes)
    measured = Extent(
        [places[0] if places else 0 for places in read.values()],
        [places[-1] - places[0] + 1 if places else 0 for places in read.values()],
        [int(mask.sum())] if whole else [len(places) for places in read.values()],
    )
    seen = mask if whole else shadows[axes[0]]
    return Finding(expected, measured, expected == measured and bool((seen == drawn).all()))


def _drawn(region: Region, size: Sequence[int], axes: Axes) -> tuple[Extent, Tensor]:
    """A region's extent along `axes` and its mask."""
    products = [box for box in region.products if all(positions.runs for positions in box)]
    shadows = Region(tuple(products)).axes if products else (NOTHING,) * len(size)
    whole = len(axes) == len(size)
    extent = Extent(
        [shadows[axis].first if products else 0 for axis in axes],
        [shadows[axis].span for axis in axes],
        [region.count] if whole else [shadows[axis].total for axis in axes],
    )
    if not whole:
        return extent, _line(shadows[axes[0]], size[axes[0]])
    drawn = torch.zeros(tuple(size), dtype=torch.bool)
    for box in products:
        lines = [_line(positions, n) for positions, n in zip(box, size, strict=True)]
        drawn |= reduce(lambda plane, line: plane.unsqueeze(-1) & line, lines)
    return extent, drawn


def _line(positions: Positions, size: int) -> Tensor:
    """The positions from 0 to `size` - 1 as a mask."""
    line = torch.zeros(size, dtype=torch.bool)
    for start, stop in positions.runs:
        line[max(0, start) : max(0, stop)] = True
    return line
