"""Receptive fields, against an oracle that follows every unit through plain sets of places."""

from __future__ import annotations

import itertools
import tomllib
from fractions import Fraction
from functools import cache
from math import ceil, floor, prod
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from strategies import graphs

from convcalc import Network, parse, pixel_units, receptive_fields, unit_field
from convcalc.analysis.receptive_field import MAX_BOXES, Field, Region, spatial_end
from convcalc.catalogue import get
from convcalc.core.errors import LimitError, UsageError
from convcalc.core.graph import Builder, Graph
from convcalc.core.operator import Input, Op, Shape
from convcalc.core.ops.activation import ReLU
from convcalc.core.ops.convolution import Conv, DeformConv, TransposedConv
from convcalc.core.ops.dense import Dense, Flatten
from convcalc.core.ops.join import Add, Cat, Join
from convcalc.core.ops.pooling import AdaptiveAvgPool, GlobalAvgPool, Pool
from convcalc.core.ops.reshape import Pad, Upsample, UpsampleBilinear
from convcalc.core.window import Positions

Place = tuple[int, ...]
STACKS = tomllib.loads((Path(__file__).parents[1] / "data" / "receptive_fields.toml").read_text())["stacks"]
SOME = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# --- the oracle: one rule per operator, written from its definition and from nothing in convcalc.core.window


def axis_reads(op: Op, axis: int, number: int, shapes: list[Shape], unit: int) -> set[int]:
    """The places of input `number` that unit `unit` reads along `axis`, borders left out of account."""
    size = shapes[number][1 + axis]
    if isinstance(op, DeformConv) and number == 1:
        return {unit}
    if isinstance(op, TransposedConv):
        k, s, p, d = op.kernel[axis], op.stride[axis], op.padding[axis], op.dilation[axis]
        taps = {unit + p - d * tap for tap in range(k)}
        return {place // s for place in taps if place % s == 0}
    if isinstance(op, Conv | Pool):
        k, s = op.kernel[axis], op.stride[axis]
        p, d = (value[axis] if isinstance(value, tuple) else value for value in (op.padding, op.dilation))
        return {unit * s - p + d * tap for tap in range(k)}
    if isinstance(op, Upsample):
        return {unit // op.factor[axis]}
    if isinstance(op, UpsampleBilinear):
        centre = Fraction(2 * unit + 1, 2 * op.factor[axis]) - Fraction(1, 2)
        return {floor(centre), ceil(centre)}
    if isinstance(op, Pad):
        return {unit - op.amount[axis]}
    if isinstance(op, AdaptiveAvgPool):
        m = op.size[axis]
        start = 0 if m == 1 else floor(Fraction(unit * size, m))
        return set(range(start, start + size if m == 1 else ceil(Fraction((unit + 1) * size, m))))
    if isinstance(op, GlobalAvgPool | Dense | Flatten):
        return set(range(size))
    if isinstance(op, Join) and size == 1 and any(shape[1 + axis] != 1 for shape in shapes):
        return {0}
    if type(op).window is not Op.window and not isinstance(op, Join):
        reject()  # a newcomer that has no rule here yet
    return {unit}


def places_read(graph: Graph, *, clip: bool, source: int = 0):
    """A function of (node, unit): the places of the network's input that the unit reads."""
    origin = graph.inputs[source]

    @cache
    def follow(node: int, unit: Place) -> frozenset[Place]:
        op, inputs, _ = graph.nodes[node]
        if isinstance(op, Input):
            return frozenset([unit] if node == origin else [])
        shapes = graph.input_shapes_of(node)
        found: set[Place] = set()
        for number, before in enumerate(inputs):
            axes = []
            for axis, size in enumerate(shapes[number][1:]):
                reads = axis_reads(op, axis, number, shapes, unit[axis] if axis < len(unit) else 0)
                axes.append([p for p in reads if not clip or 0 <= p < size])
            for place in itertools.product(*axes):
                found |= follow(before, place)
        return frozenset(found)

    return follow


def members(region: Region) -> set[Place]:
    """The places of a region, one by one."""
    runs = [[[p for a, b in axis.runs for p in range(a, b)] for axis in box] for box in region.products]
    return {place for box in runs for place in itertools.product(*box)}


def units(shape: Shape) -> list[Place]:
    return list(itertools.product(*map(range, shape[1:])))


def inside(places: set[Place] | frozenset[Place], shape: Shape) -> set[Place]:
    return {p for p in places if all(0 <= i < n for i, n in zip(p, shape[1:], strict=True))}


# --- properties of random networks


@SOME
@given(graphs(), st.data())
def test_a_unit_reads_what_the_oracle_reads(graph: Graph, data: st.DataObject) -> None:
    layer = data.draw(st.sampled_from(range(len(graph.nodes))))
    follow = places_read(graph, clip=True)
    for unit in data.draw(st.lists(st.sampled_from(units(graph.shapes[layer])), min_size=1, max_size=4)):
        region = unit_field(graph, unit, layer)[0]
        expected = follow(layer, unit)
        assert members(region) == expected
        assert region.count == len(expected)
        assert all(region.contains(place) == (place in expected) for place in units(graph.shapes[0]))
        for axis, positions in enumerate(region.axes):
            assert {p for a, b in positions.runs for p in range(a, b)} == {place[axis] for place in expected}


@SOME
@given(graphs(most=5), st.data())
def test_a_pixel_is_read_by_whom_the_oracle_says(graph: Graph, data: st.DataObject) -> None:
    layer = len(graph.nodes) - 1
    pixel = data.draw(st.sampled_from(units(graph.shapes[0])))
    follow = places_read(graph, clip=True)
    readers = {unit for unit in units(graph.shapes[layer]) if pixel in follow(layer, unit)}
    assert members(pixel_units(graph, pixel, layer=layer)) == readers


@SOME
@given(graphs(whole=False), st.data())
def test_far_from_borders_a_field_is_exact(graph: Graph, data: st.DataObject) -> None:
    follow = places_read(graph, clip=False)
    fields = receptive_fields(graph)
    for layer in range(len(graph.nodes)):
        unit = tuple(data.draw(st.integers(-3, 12)) for _ in graph.shapes[layer][1:])
        expected = follow(layer, unit)
        region = fields[layer].region(unit)
        assert members(region) == expected
        assert region.count == len(expected)


@SOME
@given(graphs(whole=False, axes=1))
def test_sizes_and_strides_are_those_of_a_period(graph: Graph) -> None:
    follow = places_read(graph, clip=False)
    for layer, field in enumerate(receptive_fields(graph)):
        reads = [sorted(p for (p,) in follow(layer, (unit,))) for unit in range(2 * field.periods[0])]
        first = reads[: field.periods[0]]
        if len({f for rates in field._rates() for f in rates}) == 1:
            spans = [r[-1] - r[0] + 1 if r else 0 for r in first]
            assert (field.smallest_size, field.size) == ((min(spans),), (max(spans),))
            moved = field.stride[0] * field.periods[0]
            assert reads[field.periods[0] :] == [[p + moved for p in r] for r in first]
        assert field.padding == (-min(reads[0], default=0),)
        assert not field.is_global


@st.composite
def phased(draw: st.DrawFn) -> Graph:
    """Branches of transposed convolutions with kernels shorter than their strides: units read by turns, or nothing."""
    builder = Builder()
    x = builder.input((2, 5, 5))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    if draw(st.booleans()):
        x = x.apply(Conv(draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), padding=0))
    branches = []
    for _ in range(draw(st.integers(1, 3))):
        kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 9)))
        padding = tuple(draw(st.integers(0, min(2, k - 1))) for k in kernel)
        # As much at the end as keeps all branches at one size: five or fewer places, a stride apart.
        size = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(x.shape[1:], stride, kernel, padding, strict=True)]
        y = x.apply(TransposedConv(kernel, 2, stride, padding))
        branches.append(y.apply(Pad((0, 0), tuple(30 - n for n in size))))
    y = branches[0].apply(Cat(), *branches[1:]) if len(branches) > 1 else branches[0]
    return builder.graph(y)


@SOME
@given(phased())
def test_a_field_s_size_is_that_of_a_unit(graph: Graph) -> None:
    """Where some units read nothing along one axis, they read nothing at all: every unit of a period, one by one."""
    follow = places_read(graph, clip=False)
    field, layer = receptive_fields(graph)[-1], graph.outputs[0]
    sizes = []
    for unit in itertools.product(*map(range, field.periods)):
        places = follow(layer, unit)
        region = field.region(unit)
        assert members(region) == places
        assert (region.count, region.size) == (len(places), spans(places))
        assert [axis.total for axis in region.axes] == [len({place[axis] for place in places}) for axis in (0, 1)]
        assert region.coverage == (len(places) / prod(spans(places)) if places else 0)
        sizes.append(spans(places))
    assert field.size == max(sizes, key=lambda size: (prod(size), size))
    assert field.smallest_size == min(sizes, key=lambda size: (prod(size), size))
    assert field.typical.size == field.size
    assert field.is_empty == (max(sizes) == (0, 0))


def spans(places: frozenset[Place]) -> tuple[int, ...]:
    """From the first place to the last along each of two axes."""
    return tuple(max(along) - min(along) + 1 for along in zip(*places, strict=True)) if places else (0, 0)


@pytest.mark.parametrize(
    ("text", "size", "smallest", "coverage"),
    [
        # Along the columns a kernel of 2 at stride 3: one place, one place, none; and then none of 9 rows either.
        ("tconv9x2s1x3p4x0o0x1", (9, 1), (0, 0), 1),
        # Where the first branch reads nothing, the second, a kernel of 4 at stride 3, reads two columns.
        ("cat(tconv9x2s1x3p4x0o0x1 | tconv1x4s1x3p0x1o0x1)", (9, 1), (1, 2), 1),
        # There the second branch reads the one place under it.
        ("cat(tconv9x2s1x3p4x0o0x1 | up1x3)", (9, 1), (1, 1), 1),
        # What reads the one empty phase and nothing else reads nothing at all.
        ("tconv1x1s1x2p0, pad0e0x1, maxpool1x1s1x2", (1, 1), (1, 1), 1),
        ("tconv1x1s1x2p0, pad0x1e0, maxpool1x1s1x2", (0, 0), (0, 0), 0),
    ],
)
def test_what_is_empty_along_one_axis_is_empty(text: str, size: Shape, smallest: Shape, coverage: float) -> None:
    field = receptive_fields(parse(text, (2, 40, 40)))[-1]
    assert (field.size, field.smallest_size, field.typical.coverage) == (size, smallest, coverage)
    assert field.is_empty == (size == (0, 0))


def test_a_region_forgets_products_that_are_empty() -> None:
    nothing, three, one = Positions(()), Positions(((0, 3),)), Positions(((5, 6),))
    region = Region(((three, nothing), (one, one)))
    assert (region.axes, region.size, region.count, region.coverage) == ((one, one), (1, 1), 1, 1)
    assert Region(((three, nothing),)) == Region(((nothing, nothing),))
    assert Region(((nothing, nothing),)).size == (0, 0)


def test_a_global_field_is_what_all_units_read() -> None:
    """The dilated branches of aspp reach beyond its input; the image's mean reads all of it at every unit."""
    field = receptive_fields(get("aspp").graph())[-1]
    assert field.is_global
    assert (field.common.size, field.common.coverage) == ((33, 33), 1)
    assert field.typical.size == (33, 33)
    # Every second place through the mean, all of them through the identity, one for each unit.
    half = receptive_fields(parse("add(id | maxpool1x1s2, gap)", (2, 9, 9)))[-1]
    assert half.is_global
    assert (half.common.size, half.common.count) == ((9, 9), 25)


@SOME
@given(graphs(), st.data())
def test_with_global_layers_a_field_is_exact_within_the_input(graph: Graph, data: st.DataObject) -> None:
    follow = places_read(graph, clip=False)
    fields = receptive_fields(graph)
    for layer, shape in enumerate(graph.shapes):
        unit = data.draw(st.sampled_from(units(shape)))
        axes = len(graph.shapes[0]) - 1  # a layer may have fewer than the input, or after unflatten more
        region = fields[layer].region((*unit, *(0,) * axes)[:axes])
        assert inside(members(region), graph.shapes[0]) == inside(follow(layer, unit), graph.shapes[0])


@SOME
@given(graphs())
def test_what_a_field_says_fits_together(graph: Graph) -> None:
    axes = len(graph.shapes[0]) - 1
    for field in receptive_fields(graph):
        for values in (field.size, field.smallest_size, field.stride, field.padding, field.periods, field.center):
            assert len(values) == axes
        assert field.typical.exact
        assert field.typical.coverage is not None
        assert 0 <= field.typical.coverage <= 1
        assert field.typical.is_product == (field.typical.count == prod(p.total for p in field.typical.axes))
        assert all(small <= large for small, large in zip(field.smallest_size, field.size, strict=True)) or (
            not field.aligned
        )


# --- measured stacks, masks


@pytest.mark.parametrize(("text", "size"), STACKS.items())
def test_stacks(text: str, size: list[int]) -> None:
    field = Network(graph=parse(text, (4, 256, 256))).receptive_field
    assert field.size == tuple(size)
    assert field.aligned


@pytest.mark.parametrize(
    ("text", "count", "is_product"),
    [
        ("3x3d2,3x3d2,3x3d2", 7 * 7, True),
        ("3x3d1,3x3d2,3x3d5", 17 * 17, True),
        ("1x1s2,3x3", 3 * 3, True),
        ("cat(1x7|7x1)", 7 + 7 - 1, False),
        ("cat(3x3|3x3d3)", 9 + 9 - 1, False),
        ("cat(3x3|5x5)", 25, True),
        ("cat(1x3|3x3|3x1)", 9, True),
        ("add(id|3x3)", 9, True),
    ],
)
def test_masks(text: str, count: int, is_product: bool) -> None:
    typical = Network(graph=parse(text, (4, 64, 64))).receptive_field.typical
    assert typical.count == count
    assert typical.is_product is is_product
    assert typical.coverage == count / prod(typical.size)


def test_holes() -> None:
    typical = Network(graph=parse("3x3d2,3x3d2,3x3d2", (4, 64, 64))).receptive_field.typical
    # 13 places wide, every second one read.
    assert (typical.axes[0].total, typical.axes[0].span, typical.axes[0].largest_gap) == (7, 13, 1)
    assert typical.coverage == 49 / 169


def test_the_recursion_by_hand() -> None:
    # 7x7s2 sees 7; 3x3s2 pool 7 + 2*2 = 11; 3x3 11 + 2*4 = 19; 3x3 27. Stride 4; padding 3 + 2*1 + 4 + 4 = 13.
    field = Network(graph=parse("7x7s2,maxpool3x3s2p1,3x3,3x3", (3, 224, 224))).receptive_field
    assert (field.size, field.stride, field.padding) == ((27, 27), (4, 4), (13, 13))
    # Without padding unit 0 starts at place 0.
    assert Network(graph=parse("3x3p0,3x3p0")).receptive_field.padding == (0, 0)
    # Cropping two places: unit 0 starts inside.
    graph = Builder()
    cropped = graph.input((1, 9)).apply(Pad(-2))
    assert receptive_fields(graph.graph(cropped))[-1].padding == (-2,)


# --- upsampling, transposed convolution


def test_units_that_differ_have_a_smallest_and_a_largest_field() -> None:
    # up2 then 3x3: unit 0 reads upsampled -1..1 = places -1..0; unit 1 reads 0..2 = places 0..1. Always 2.
    field = Network(graph=parse("up2,3x3", (4, 16, 16))).receptive_field
    assert (field.smallest_size, field.size, field.stride) == ((2, 2), (2, 2), (Fraction(1, 2),) * 2)
    # up2 then 4x4: units read 4 places, from -1 or from 0 on: 3 places, or 2.
    field = Network(graph=parse("up2,4x4", (4, 16, 16))).receptive_field
    assert (field.smallest_size, field.size) == ((2, 2), (3, 3))


def test_transposed_convolution_has_phases() -> None:
    # tconv4x4s2p1: each unit reads two places. tconv3x3s2: the units read one or two in turn.
    assert Network(graph=parse("tconv4x4s2p1", (4, 16, 16))).receptive_field.typical.count == 4
    field = Network(graph=parse("tconv3x3s2p1", (4, 16, 16))).receptive_field
    assert (field.smallest_size, field.size) == ((1, 1), (2, 2))
    # A kernel shorter than the stride leaves every second unit without anything.
    field = Network(graph=parse("tconv1x1s2p0", (4, 16, 16))).receptive_field
    assert (field.smallest_size, field.size) == ((0, 0), (1, 1))


def test_an_encoder_and_decoder_return_to_stride_1() -> None:
    field = Network(graph=parse("3x3s2,3x3s2,up2,3x3,up2,3x3", (4, 64, 64))).receptive_field
    assert field.stride == (1, 1)
    assert field.aligned


# --- alignment


def test_unequal_strides_are_unaligned_not_an_error() -> None:
    builder = Builder()
    x = builder.input((4, 16, 16))
    half = x.apply(Conv(3, 4, 2, 1))
    crop = x.apply(Pad(0, -8))
    graph = builder.graph(half.apply(Add(), crop))
    field = receptive_fields(graph)[-1]
    assert not field.aligned
    assert field.stride == (2, 2)
    # The unit in the middle, (4, 4): the strided branch reads 7..9, the crop reads 4.
    assert members(field.typical) == {(i, j) for i in (7, 8, 9) for j in (7, 8, 9)} | {(4, 4)}


def test_shifted_centres_are_unaligned() -> None:
    builder = Builder()
    x = builder.input((4, 16))
    left, right = x.apply(Pad(1, -1)), x.apply(Conv(3, 4))
    field = receptive_fields(builder.graph(left.apply(Cat(), right)))[-1]
    assert not field.aligned
    assert field.size == (3,)
    # Stays so in every layer above.
    assert not receptive_fields(builder.graph(right.apply(Cat(), left).apply(ReLU())))[-1].aligned


def test_phases_that_read_nothing_do_not_move_the_centre() -> None:
    # Zero insertion by a transposed 1x1 reads, in its one living phase, what nearest upsampling reads.
    builder = Builder()
    x = builder.input((4, 8))
    sparse = x.apply(TransposedConv(1, 4, 2, 0, output_padding=1))
    again = x.apply(TransposedConv(1, 4, 2, 0, output_padding=1))
    assert receptive_fields(builder.graph(sparse.apply(Add(), again)))[-1].aligned


def test_broadcasts_have_no_centre() -> None:
    assert Network(graph=parse("mul(3x3|gap)", (4, 9, 9))).receptive_field.aligned


# --- global, partly global, empty


def test_squeeze_excitation_sees_everything() -> None:
    analysis = Network(graph=parse("3x3,se2", (4, 9, 9)))
    assert analysis.receptive_field.is_global
    assert analysis.receptive_field.typical.size == (9, 9)
    assert analysis.receptive_field.typical.coverage == 1
    assert analysis.receptive_field.stride == (0, 0)
    assert analysis.spatial_field.size == (3, 3)


def test_global_in_one_axis_only() -> None:
    builder = Builder()
    graph = builder.graph(builder.input((4, 6, 9)).apply(AdaptiveAvgPool((1, 3))))
    field = receptive_fields(graph)[-1]
    assert not field.is_global
    assert field.stride == (0, 3)
    assert field.size == (6, 3)
    # Pooling to one place is global pooling.
    assert Network(graph=parse("adaptiveavgpool1", (4, 6, 9))).receptive_field.is_global


def test_global_fields_keep_to_the_borders_of_each_axis() -> None:
    # Both axes have 4 places after the convolution, of 7 and of 8: the clipping must tell them apart.
    field = Network(graph=parse("3x3s2,gap", (4, 7, 8))).receptive_field
    assert field.size == (7, 8)


def test_a_dense_layer_is_global_and_has_no_axes() -> None:
    analysis = Network(graph=parse("3x3,fc10,relu", (4, 9, 9)))
    assert analysis.receptive_field.is_global
    assert analysis.receptive_field.size == (9, 9)
    assert unit_field(analysis.graph, ())[0].size == (9, 9)
    assert pixel_units(analysis.graph, (4, 4)).count == 1


def test_an_input_that_is_not_read_has_an_empty_field() -> None:
    builder = Builder()
    first, second = builder.input((4, 9, 9), "a"), builder.input((4, 5), "b")
    graph = builder.graph(first.apply(Conv(3)), second.apply(Conv(3)))
    fields = receptive_fields(graph, 1)
    assert fields[2].is_empty
    assert not fields[2].is_global
    assert (fields[2].size, fields[2].stride, fields[2].padding) == ((0,), (0,), (0,))
    assert fields[2].smallest_size == (0,)
    assert fields[2].typical.coverage == 0
    assert fields[2].aligned
    assert not fields[3].is_empty
    assert unit_field(graph, (0, 0), 2)[1].size == (0,)
    assert pixel_units(graph, (0,), 1, 2).size == (0, 0)


def test_a_unit_over_padding_only_reads_nothing() -> None:
    graph = parse("pad3", (4, 5, 5))
    region = unit_field(graph, (0, 4))[0]
    assert (region.count, region.size, region.coverage) == (0, (0, 1), 0.0) or region.size == (0, 0)
    assert not region.contains((0, 1))


def test_padding_and_cropping_at_one_end_only() -> None:
    # No place is moved, and yet unit 5 reads nothing of 5 places, and place 4 is read by none of 4 units.
    builder = Builder()
    x = builder.input((1, 5))
    padded, cropped = x.apply(Pad(0, 1)), x.apply(Pad(0, -1))
    graph = builder.graph(padded, cropped)
    assert unit_field(graph, (5,), padded.node)[0].count == 0
    assert pixel_units(graph, (4,), layer=cropped.node).count == 0


def test_axes_that_end_and_axes_that_begin() -> None:
    graph = parse("3x3,flatten,unflatten3,1x1x1c2", (4, 5, 5))
    field = receptive_fields(graph)[-1]
    assert field.is_global
    assert field.size == (5, 5)
    assert unit_field(graph, (0, 0, 0))[0].count == 25
    assert pixel_units(graph, (2, 2)).size == (1, 1, 1)


def test_two_inputs() -> None:
    builder = Builder()
    a, b = builder.input((4, 9), "a"), builder.input((4, 9), "b")
    graph = builder.graph(a.apply(Conv(3)).apply(Add(), b.apply(Conv(5))))
    assert receptive_fields(graph, 0)[-1].size == (3,)
    assert receptive_fields(graph, 1)[-1].size == (5,)
    regions = unit_field(graph, (4,))
    assert {graph.nodes[i].name: region.size for i, region in regions.items()} == {"a": (3,), "b": (5,)}


# --- spatial end, places, limits


def test_the_last_spatial_layer() -> None:
    graph = parse("3x3,relu,gap,fc10", (4, 9, 9))
    end = spatial_end(graph, receptive_fields(graph))
    assert end is not None
    assert graph.nodes[end].name == "1"
    graph = parse("3x3", (4, 9, 9))
    assert spatial_end(graph, receptive_fields(graph)) is None
    graph = parse("gap", (4, 9, 9))
    assert spatial_end(graph, receptive_fields(graph)) is None


def test_places_that_do_not_exist() -> None:
    graph = parse("3x3s2", (4, 9, 9))
    for unit in [(5, 0), (-1, 0), (0,), (0, 0, 0)]:
        with pytest.raises(UsageError, match="is not a unit of layer 0") as caught:
            unit_field(graph, unit)
        assert "5x5" in caught.value.hint
    with pytest.raises(UsageError, match="is not a place of input"):
        pixel_units(graph, (9, 0))


def test_deformable_fields_depend_on_the_input() -> None:
    assert Network(graph=parse("dconv3x3,3x3", (4, 9, 9))).receptive_field.input_dependent
    assert not Network(graph=parse("3x3", (4, 9, 9))).receptive_field.input_dependent


def test_wide_fields_and_many_holes() -> None:
    # 60 layers of 51: 1 + 60*50 = 3,001 wide, one run.
    field = Network(graph=parse("51p25*60", (4, 64, 64))).receptive_field
    assert field.size == (3001, 3001)
    assert field.typical.coverage == 1
    # 20,001 places with holes: the ends are exact, the holes are not known.
    field = Network(graph=parse("1x30000p0x30000d1x2", (1, 1, 60000))).receptive_field
    assert field.size == (1, 59_999)
    assert field.typical.coverage is None
    assert not field.typical.exact


def cross(count: int) -> str:
    """`count` branches whose kernels are each the widest in one direction."""
    return "cat(" + "|".join(f"{2 * i + 1}x{2 * (count - i) + 1}" for i in range(count)) + ")"


def test_unions_of_too_many_products_are_refused_with_the_reason() -> None:
    assert Network(graph=parse(cross(MAX_BOXES), (1, 8, 8))).receptive_field.size == (511, 513)
    analysis = Network(graph=parse(cross(MAX_BOXES + 1), (1, 8, 8)))
    assert analysis.fields == ()
    with pytest.raises(LimitError):
        _ = analysis.spatial_field
    assert "256 products" in analysis.receptive_field_note
    # With the borders every branch reads the whole map.
    assert unit_field(parse(cross(300), (1, 8, 8)), (4, 4))[0].count == 64
    wide = parse(cross(300), (1, 700, 700))
    with pytest.raises(LimitError, match="256 products"):
        unit_field(wide, (350, 350))


def test_a_walk_that_would_take_minutes_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcalc.analysis.receptive_field.MAX_WALK", 100_000)
    # 1,500 runs, then 1,501, 1,502, ... in each of 2,000 layers.
    analysis = Network(graph=parse("1x1500d2,(1x2d2)*2000", (1, 1, 5_000)))
    assert "holes" in analysis.receptive_field_note


def test_a_field_is_a_plain_value() -> None:
    one, other = (receptive_fields(parse("3x3,3x3"))[-1] for _ in range(2))
    assert one == other
    assert isinstance(one, Field)
