"""The receptive field, exactly: which positions of the network's input each unit of a layer reads.

One idea: along an axis a layer is a periodic map (`Window`); composing the maps from the input on
gives every layer's field in one walk. A unit's field is a product of axes, or, where branches of
different shapes join, a union of such products ("boxes"). Borders: a field is that of a unit far
from them; `unit_field` and `pixel_units` follow one unit or pixel with every layer's borders.

Activations and normalisation are local here (their statistics are taken as given). Source of the
recursion for stacks: Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional
neural networks"; the sets, phases and masks are exact where its intervals are not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from operator import itemgetter
from typing import Any

from convcalc.core.errors import LimitError, UsageError
from convcalc.core.graph import Graph, Node
from convcalc.core.operator import Input, Op
from convcalc.core.window import IDENTITY, NOTHING, Positions, Window, common_period, union

Box = tuple[Window, ...]
"""One window for each axis of the network's input."""

MAX_BOXES = 256
"""A field that is a union of more products is not followed."""

MAX_WALK = 1_000_000
"""How many runs of positions one walk over a network lists at most, and one search for the widest unit looks at."""


@dataclass(frozen=True)
class Region:
    """The input places that one unit reads: a union of products of positions per axis.

    A product that is empty along one axis is empty, and left out; nothing is one product of empty sets, so that
    there are always axes.
    """

    products: tuple[tuple[Positions, ...], ...]

    def __post_init__(self) -> None:
        filled = tuple([box for box in self.products if all(positions.runs for positions in box)])
        if len(filled) < len(self.products):
            object.__setattr__(self, "products", filled or ((NOTHING,) * len(self.products[0]),))

    @cached_property
    def axes(self) -> tuple[Positions, ...]:
        """The positions per axis: what the mask's shadow on each axis is."""
        return tuple(union(column) for column in zip(*self.products, strict=True))

    @property
    def size(self) -> tuple[int, ...]:
        """From the first place read to the last, per axis."""
        return tuple(positions.span for positions in self.axes)

    @property
    def exact(self) -> bool:
        """Whether the holes are known (see `Positions.exact`)."""
        return all(positions.exact for box in self.products for positions in box)

    @cached_property
    def count(self) -> int:
        """How many input places are read: pixels in 2-D."""
        return _count(self.products)

    @property
    def coverage(self) -> float | None:
        """Places read / places spanned; None where the holes are too many to be known."""
        spanned = prod(self.size)
        return (self.count / spanned if spanned else 0.0) if self.exact else None

    @property
    def is_product(self) -> bool:
        """Whether the axes tell the whole story."""
        return len(self.products) == 1 or self.count == prod(positions.total for positions in self.axes)

    def contains(self, place: Sequence[int]) -> bool:
        """Whether the unit reads this place."""
        return any(all(p in positions for p, positions in zip(place, box, strict=True)) for box in self.products)


@dataclass(frozen=True)
class Field:
    """The receptive field of the units of one layer, along the axes of one network input.

    No box is empty at every unit. `center` is a unit in the middle of the layer's map: the one shown where units
    differ without a period.
    """

    boxes: tuple[Box, ...]
    center: tuple[int, ...]
    input_size: tuple[int, ...]
    centred: bool = True
    input_dependent: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the units read nothing of this input."""
        return not self.boxes

    @property
    def is_global(self) -> bool:
        """Whether all units read one region in common: a global operator lies on a path."""
        return bool(self.boxes) and any(all(w.advance == 0 for w in box) for box in self.boxes)

    @property
    def common(self) -> Region:
        """What all units read, where the field is global."""
        still = [box for box in self.boxes if all(w.advance == 0 and w.period == 1 for w in box)]
        return _region([tuple(w.reads[0] for w in box) for box in still], len(self.input_size))

    @cached_property
    def aligned(self) -> bool:
        """Whether all branches have the same stride and centre."""
        return self.centred and all(len(rates) <= 1 for rates in self._rates())

    def _rates(self) -> list[set[Fraction]]:
        """Per axis the strides of the boxes that move at all."""
        return [{Fraction(w.advance, w.period) for w in column if w.advance} for column in self._columns]

    @cached_property
    def _columns(self) -> list[tuple[Window, ...]]:
        """Per axis the windows of all boxes."""
        return list(zip(*self.boxes, strict=True)) or [()] * len(self.input_size)

    @property
    def stride(self) -> tuple[Fraction, ...]:
        """How far the field moves from unit to unit, per axis; 0 where it is global."""
        return tuple(max(rates, default=Fraction(0)) for rates in self._rates())

    @property
    def padding(self) -> tuple[int, ...]:
        """How far unit 0 reads beyond the input's first place, per axis (negative: it starts inside)."""
        return tuple(-axis.first if axis.runs else 0 for axis in self.region((0,) * len(self.input_size)).axes)

    @cached_property
    def periods(self) -> tuple[int, ...]:
        """After how many units the field repeats, per axis."""
        return tuple(common_period(column) for column in self._columns)

    def region(self, unit: Sequence[int]) -> Region:
        """What `unit` reads, the borders left out of account."""
        reads = [tuple(w.at(u) for w, u in zip(box, unit, strict=True)) for box in self.boxes]
        return _region(reads, len(self.input_size))

    @cached_property
    def typical(self) -> Region:
        """What the widest unit of one period reads: the one with the largest product of spans.

        Of units without a common period, or too many to be compared, the central one.
        """
        return self.region(self._extreme(max))

    @property
    def size(self) -> tuple[int, ...]:
        """The span per axis of the widest unit of a period."""
        return self.typical.size

    @property
    def smallest_size(self) -> tuple[int, ...]:
        """The span per axis of the narrowest unit of a period; zeros where a unit reads nothing."""
        return self.region(self._extreme(min)).size

    def _extreme(self, choose: Callable[..., Any]) -> tuple[int, ...]:
        """The unit of one period with the extreme product of spans.

        The axes are independent of each other but for the boxes that a phase empties: those are empty along every
        axis. So each axis is asked by itself for every set of boxes that is left.
        """
        kinds = self._kinds
        if not all(len(rates) <= 1 for rates in self._rates()):
            return self.center
        if prod(map(len, kinds)) * sum(self.periods) * len(self.boxes) > MAX_WALK:
            return self.center
        units = []
        for combination in itertools.product(*kinds):
            left = frozenset.intersection(*combination) if combination else frozenset()
            unit, spans = [], []
            for column, kind, filled in zip(self._columns, kinds, combination, strict=True):
                windows = [column[box] for box in left]
                phases = ((_span(w.at(phase) for w in windows), phase) for phase in kind[filled])
                span, place = choose(phases, key=itemgetter(0))  # the first of equal ones
                unit.append(place)
                spans.append(span)
            units.append((prod(spans), spans, tuple(unit)))
        return choose(units, key=itemgetter(0, 1))[2]  # type: ignore[no-any-return]

    @cached_property
    def _kinds(self) -> list[dict[frozenset[int], list[int]]]:
        """Per axis the phases of one period by the boxes that read something there."""
        kinds = []
        for column, period in zip(self._columns, self.periods, strict=True):
            phases: dict[frozenset[int], list[int]] = {}
            for phase in range(period):
                filled = frozenset([box for box, w in enumerate(column) if w.reads[phase % w.period].runs])
                phases.setdefault(filled, []).append(phase)
            kinds.append(phases)
        return kinds


def receptive_fields(graph: Graph, source: int = 0) -> list[Field]:
    """The field of every node of `graph` on input number `source`. Raises LimitError.

    >>> from convcalc import parse
    >>> receptive_fields(parse("3x3s2,3x3"))[-1].size
    (7, 7)
    """
    origin = graph.inputs[source]
    size = graph.shapes[origin][1:]
    fields: list[Field] = []
    composer = _Composer(size)
    for index, (op, inputs, _) in enumerate(graph.nodes):
        if type(op).window is Op.window and len(inputs) == 1:
            fields.append(fields[inputs[0]])
            continue
        shape = graph.shapes[index]
        center = tuple([shape[1 + axis] // 2 if 1 + axis < len(shape) else 0 for axis in range(len(size))])
        if type(op) is Input:
            boxes = ((IDENTITY,) * len(size),) if index == origin else ()
            fields.append(Field(boxes, center, size))
            continue
        if not inputs:  # computed from parameters alone
            fields.append(Field((), center, size))
            continue
        shapes = graph.input_shapes_of(index)
        reached = [_through(op, number, shapes, fields[node], composer) for number, node in enumerate(inputs)]
        fields.append(
            Field(
                _settled(_union_of_boxes(reached) if len(reached) > 1 else reached[0], size),
                center,
                size,
                all(fields[i].centred for i in inputs) and (len(reached) < 2 or _same_centre(reached)),
                op.input_dependent or any(fields[i].input_dependent for i in inputs),
            )
        )
    return fields


def bypassing(graph: Graph, ignored: Container[int]) -> Graph:
    """The network in which the nodes `ignored` pass on what their first input reads, as if they were not there."""
    from convcalc.core.traced import Bypassed

    nodes, shapes = list[Node](), list[tuple[int, ...]]()
    for index, (op, inputs, name) in enumerate(graph.nodes):
        shape = graph.shapes[index]
        if index in ignored and inputs and type(op) is not Input:
            op = Bypassed(op, tuple(graph.input_shapes_of(index)), shape[0])
            inputs = inputs[:1]
            shape = op.shape(shapes[inputs[0]])
        nodes.append(Node(op, inputs, name))
        shapes.append(shape)
    return Graph(tuple(nodes), tuple(shapes), graph.outputs)


def spatial_end(graph: Graph, fields: Sequence[Field]) -> int | None:
    """The last node on the way to the output whose field is not global, if the output's is; else None."""
    if not fields[graph.outputs[0]].is_global:
        return None
    needed = {graph.outputs[0]}
    for index in range(graph.outputs[0], -1, -1):
        if index in needed:
            node = graph.nodes[index]
            if fields[index].boxes and not fields[index].is_global and type(node.op) is not Input:
                return index
            needed.update(node.inputs)
    return None


def unit_field(graph: Graph, unit: Sequence[int], layer: int | None = None) -> dict[int, Region]:
    """What one unit of a layer (default: the output) really reads, clipped at every layer's borders.

    Gives a region for each input of the network. Raises UsageError if the layer has no such unit.
    """
    layer = graph.outputs[0] if layer is None else layer
    _check_place(unit, graph.shapes[layer][1:], f"a unit of layer {graph.nodes[layer].name}")
    demands: dict[int, list[tuple[Positions, ...]]] = {layer: [tuple(Positions(((u, u + 1),)) for u in unit)]}
    for index in range(layer, -1, -1):
        op, inputs, _ = graph.nodes[index]
        if index not in demands or type(op) is Input:
            continue
        shapes = graph.input_shapes_of(index)
        for box in demands.pop(index):
            for number, node in enumerate(inputs):
                reads = _read(op, number, shapes, box)
                if all(p.runs for p in reads):
                    _insert(demands.setdefault(node, []), reads)
    return {i: _region(demands.get(i, ()), len(graph.shapes[i]) - 1) for i in graph.inputs}


def pixel_units(graph: Graph, pixel: Sequence[int], source: int = 0, layer: int | None = None) -> Region:
    """The units of a layer (default: the output) that read one place of input number `source`.

    Raises UsageError if the input has no such place.
    """
    layer = graph.outputs[0] if layer is None else layer
    origin = graph.inputs[source]
    _check_place(pixel, graph.shapes[origin][1:], f"a place of {graph.nodes[origin].name}")
    reached: list[list[tuple[Positions, ...]]] = []
    for index in range(layer + 1):
        op, inputs, _ = graph.nodes[index]
        boxes: list[tuple[Positions, ...]] = []
        if index == origin:
            boxes.append(tuple(Positions(((p, p + 1),)) for p in pixel))
        shapes = graph.input_shapes_of(index)
        for number, node in enumerate(inputs):
            for box in reached[node]:
                units = _readers(op, number, shapes, graph.shapes[index], box)
                if all(p.runs for p in units):
                    _insert(boxes, units)
        reached.append(boxes)
    return _region(reached[layer], len(graph.shapes[layer]) - 1)


def _region(products: Sequence[tuple[Positions, ...]], axes: int) -> Region:
    """The union of `products`; where there is none, one product of nothing (which without axes would be a place)."""
    return Region(tuple(products) if products or not axes else ((NOTHING,) * axes,))


def _span(sets: Iterable[Positions]) -> int:
    """From the first position of any of the sets to the last; 0 where there is none."""
    ends = [(positions.first, positions.stop) for positions in sets if positions.runs]
    return max(stop for _, stop in ends) - min(first for first, _ in ends) if ends else 0


def _through(op: Op, number: int, shapes: list[tuple[int, ...]], field: Field, composer: _Composer) -> tuple[Box, ...]:
    """The boxes of `field` as seen through the operator's window onto input `number`."""
    spatial = len(shapes[number]) - 1
    windows = [op.window(axis, number, *shapes) for axis in range(spatial)]
    if all(window is IDENTITY for window in windows):
        return field.boxes
    return tuple(
        [
            tuple(
                [
                    composer.compose(axis, windows[axis], inner) if axis < spatial else inner
                    for axis, inner in enumerate(box)
                ]
            )
            for box in field.boxes
        ]
    )


class _Composer:
    """The compositions made in one walk, each made once."""

    def __init__(self, size: tuple[int, ...]) -> None:
        self.size = size
        self.runs = 0
        # By the identity of both windows, which are kept alive beside what they make; by size where it matters.
        self.known: dict[tuple[int, int, int], tuple[Window, Window, Window]] = {}

    def compose(self, axis: int, window: Window, inner: Window) -> Window:
        """`window.after(inner)`; a global one keeps to the borders of the input's `axis`. Raises LimitError."""
        size = self.size[axis]
        key = (id(window), id(inner), 0 if window.advance and inner.advance else size)
        known = self.known.get(key)
        if known is None:
            made = window.after(inner)
            if not made.advance:
                clipped = tuple([reads.clip(0, size) for reads in made.reads])
                made = Window(clipped[:1] if len(set(clipped)) == 1 else clipped, 0)
            known = self.known[key] = (made, window, inner)
            self.runs += sum([len(reads.runs) for reads in made.reads])
            if self.runs > MAX_WALK:
                raise LimitError("the receptive field has too many holes and phases to be followed")
        return known[0]


def _union_of_boxes(branches: Iterable[tuple[Box, ...]]) -> tuple[Box, ...]:
    """All boxes of the branches, without those inside another; boxes that differ in one axis are merged."""
    boxes: list[Box] = []
    for box in dict.fromkeys(box for branch in branches for box in branch):
        _absorb(boxes, box)
        _check_boxes(boxes)
    return tuple(boxes)


def _settled(boxes: tuple[Box, ...], size: tuple[int, ...]) -> tuple[Box, ...]:
    """The boxes that are not empty at every unit, or the one among them that reads the whole input at every unit."""
    if not all(map(_reads_something, boxes)):
        boxes = tuple(filter(_reads_something, boxes))
    for box in boxes:
        if all(w.advance == 0 and w.reads == (Positions(((0, n),)),) for w, n in zip(box, size, strict=True)):
            return (box,)
    return boxes


def _reads_something(box: Box) -> bool:
    return all(any(reads.runs for reads in window.reads) for window in box)


def _absorb(boxes: list[Box], box: Box) -> None:
    """Add `box` to `boxes` unless one covers it, merging what differs in one axis only."""
    for other in boxes:
        if all(map(_covers, other, box)):
            return
    boxes[:] = [other for other in boxes if not all(map(_covers, box, other))]
    for position, other in enumerate(boxes):
        differing = [axis for axis, (a, b) in enumerate(zip(other, box, strict=True)) if a != b]
        if len(differing) == 1 and (merged := _merge(other[differing[0]], box[differing[0]])):
            del boxes[position]
            _absorb(boxes, tuple(merged if i == differing[0] else w for i, w in enumerate(box)))
            return
    boxes.append(box)


def _covers(outer: Window, inner: Window) -> bool:
    """Whether every unit's set of `inner` lies in `outer`'s, both moving alike."""
    if outer is inner:
        return True
    if outer.advance * inner.period != inner.advance * outer.period:
        return False
    period = common_period((outer, inner))
    pairs = zip(outer.over(period).reads, inner.over(period).reads, strict=True)
    return all(a.covers(b) for a, b in pairs)


def _merge(left: Window, right: Window) -> Window | None:
    """The window that reads what either reads, if both move alike."""
    if left.advance * right.period != right.advance * left.period:
        return None
    period = common_period((left, right))
    a, b = left.over(period), right.over(period)
    return Window(tuple(union(pair) for pair in zip(a.reads, b.reads, strict=True)), a.advance)


def _same_centre(branches: Sequence[tuple[Box, ...]]) -> bool:
    """Whether the branches' fields have one centre per axis (global ones have none)."""
    axes = zip(*(box for branch in branches for box in branch), strict=True)
    return all(len({_centre(w) for w in column if w.advance}) <= 1 for column in map(_distinct, axes))


def _distinct(windows: Iterable[Window]) -> list[Window]:
    return list({id(window): window for window in windows}.values())


def _centre(window: Window) -> Fraction | int:
    """Where the field of unit 0 has its middle, taken over one period, in half places."""
    if window.period == 1:  # the common case, without fractions
        reads = window.reads[0]
        return reads.first + reads.stop - 1 if reads.runs else 0
    rate = Fraction(window.advance, window.period)
    middles = [s.first + s.stop - 1 - 2 * unit * rate for unit, s in enumerate(window.reads) if s.runs]
    return sum(middles, Fraction(0)) / max(1, len(middles))


def _read(op: Op, number: int, shapes: list[tuple[int, ...]], box: tuple[Positions, ...]) -> tuple[Positions, ...]:
    """What the units of `box` read of input `number`, within its borders."""
    source = shapes[number][1:]
    reads = []
    for axis, size in enumerate(source):
        window = op.window(axis, number, *shapes)
        units = box[axis] if axis < len(box) else Positions(((0, 1),))
        reads.append((units if window is IDENTITY else window.image(units)).clip(0, size))
    return tuple(reads)


def _readers(
    op: Op,
    number: int,
    shapes: list[tuple[int, ...]],
    shape: tuple[int, ...],
    box: tuple[Positions, ...],
) -> tuple[Positions, ...]:
    """The units of an output of `shape` that read a place of `box` of input `number`."""
    units = [Positions(((0, size),)) for size in shape[1:]]  # of axes that the input does not have, all
    for axis, positions in enumerate(box):
        window = op.window(axis, number, *shapes)
        if axis < len(units):
            extent = shape[1 + axis]
            units[axis] = positions.clip(0, extent) if window is IDENTITY else window.preimage(positions, extent)
        elif not window.preimage(positions, 1).runs:  # an axis that ends here, unread
            return (NOTHING,) * len(units)
    return tuple(units)


def _insert(boxes: list[tuple[Positions, ...]], box: tuple[Positions, ...]) -> None:
    """Add `box` to a union of boxes, without those inside another."""
    if any(all(a.covers(b) for a, b in zip(other, box, strict=True)) for other in boxes):
        return
    boxes[:] = [other for other in boxes if not all(a.covers(b) for a, b in zip(box, other, strict=True))]
    boxes.append(box)
    _check_boxes(boxes)


def _check_boxes(boxes: Sequence[Any]) -> None:
    if len(boxes) > MAX_BOXES:
        raise LimitError(f"the receptive field is a union of more than {MAX_BOXES} products of axes")


def _count(products: Sequence[tuple[Positions, ...]]) -> int:
    """The number of places in a union of products: the first axis is cut where any product starts or stops."""
    if not products:
        return 0
    if len(products) == 1 or not products[0]:
        return prod(positions.total for positions in products[0])
    cuts = sorted({edge for box in products for run in box[0].runs for edge in run})
    total, known = 0, {}
    for start, stop in itertools.pairwise(cuts):
        inside = tuple(i for i, box in enumerate(products) if start in box[0])
        if inside not in known:
            known[inside] = _count([products[i][1:] for i in inside])
        total += (stop - start) * known[inside]
    return total


def _check_place(place: Sequence[int], size: Sequence[int], what: str) -> None:
    if len(place) != len(size) or not all(0 <= p < n for p, n in zip(place, size, strict=True)):
        shown = ",".join(map(str, place))
        raise UsageError(f"{shown} is not {what}", hint=f"it has {'x'.join(map(str, size)) or '1'} of them, from 0 on")
