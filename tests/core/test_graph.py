"""Graphs: names and scopes, parts, other sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from convcalc import Network, parse
from convcalc.catalogue import get
from convcalc.catalogue.composites import SqueezeExcitation
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Builder, Graph
from convcalc.core.ops.activation import ReLU
from convcalc.core.ops.convolution import Conv
from convcalc.core.ops.dense import Dense, Flatten
from convcalc.core.ops.join import Add
from convcalc.core.ops.norm import BatchNorm
from convcalc.core.ops.pooling import MaxPool


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes]


def test_layers_are_named_by_kind_and_number() -> None:
    builder = Builder()
    x = builder.input((4, 9, 9))
    for op in (Conv(3), BatchNorm(), ReLU(), Conv(3), BatchNorm(), ReLU(), MaxPool(2), Flatten(), Dense(3)):
        x = x.apply(op)
    assert names(builder.graph(x)) == [
        "input", "conv1", "bn1", "relu", "conv2", "bn2", "relu2", "maxpool", "flatten", "fc1",
    ]  # fmt: skip


def test_scopes_nest_and_sequences_number() -> None:
    builder = Builder()
    x = builder.input((4, 9, 9), "image")
    with x.scope("layer1.0"):
        y = x.apply(Conv(3))
        with x.scope("downsample", sequence=True):
            z = x.apply(Conv(1)).apply(BatchNorm())
            with x.scope():
                z = z.apply(ReLU())
            z = z.apply(ReLU(), name="last")
        y = y.apply(Conv(3)).apply(Add(), z)
    y = y.apply(Conv(3))
    assert names(builder.graph(y)) == [
        "image", "layer1.0.conv1", "layer1.0.downsample.0", "layer1.0.downsample.1", "layer1.0.downsample.2.relu",
        "layer1.0.downsample.last", "layer1.0.conv2", "layer1.0.add", "conv1",
    ]  # fmt: skip


def test_a_scope_ends_even_where_a_layer_is_refused() -> None:
    builder = Builder()
    x = builder.input((4, 3, 3))
    with pytest.raises(ShapeError) as caught, x.scope("deep"):
        x.apply(Conv(5, padding=0))
    assert caught.value.layer == "deep.conv1"
    assert names(builder.graph(x.apply(ReLU()))) == ["input", "relu"]


def test_a_composite_is_refused_under_its_name() -> None:
    builder = Builder()
    x = builder.input((4, 3, 3))
    with x.scope("deep"), pytest.raises(ShapeError) as caught:
        x.apply(SqueezeExcitation(5))
    assert caught.value.layer == "deep.se"


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (3, -1), (10**36,)])
def test_inputs_have_sizes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="an input needs sizes of at least 1"):
        Builder().input(shape)


def test_names_are_unique_in_every_network() -> None:
    for name in ("resnet50", "resnext50_32x4d", "vgg16"):
        graph = get(name).graph()
        assert len(set(names(graph))) == len(graph.nodes)


def test_the_part_that_a_layer_needs() -> None:
    graph = parse("3x3, cat(1x1c2 | 3x3c3, relu), bn", (4, 9, 9))
    part = graph.until(names(graph).index("1.1.1"))
    assert names(part) == ["input", "0", "1.1.0", "1.1.1"]
    assert part.output_shape == (3, 9, 9)
    assert part.nodes[3].inputs == (2,)
    assert graph.until(len(graph.nodes) - 1) == graph


def test_all_inputs_are_kept() -> None:
    builder = Builder()
    a, b = builder.input((4, 9), "a"), builder.input((4, 9), "b")
    both = a.apply(Add(), b.apply(Conv(3)))
    part = builder.graph(both).until(2)
    assert names(part) == ["a", "b", "conv1"]
    assert part.nodes[2].inputs == (1,)
    assert part.input_shapes == ((4, 9), (4, 9))


@settings(max_examples=100, deadline=None)
@given(graphs(), st.data())
def test_parts_measure_what_they_measured(graph: Graph, data: st.DataObject) -> None:
    index = data.draw(st.sampled_from(range(len(graph.nodes))))
    part = graph.until(index)
    whole = {row.name: row[2:] for row in Network(graph=graph).layers}
    assert all(whole[row.name] == row[2:] for row in Network(graph=part).layers)
    assert part.output_shape == graph.shapes[index]
    assert all(source < place for place, node in enumerate(part.nodes) for source in node.inputs)


def test_other_sizes() -> None:
    graph = get("resnet18").graph()
    small = graph.resized((3, 32, 32))
    assert names(small) == names(graph)
    assert small.output_shape == (1000,)
    assert small == get("resnet18").graph((3, 32, 32))
    # 7x7 + 64: the first convolution at 16 x 16 places instead of 112 x 112.
    assert Network(graph=small).layers[0].macs * 49 == Network(graph=graph).layers[0].macs
    assert Network(graph=small).params == Network(graph=graph).params


def test_other_sizes_that_do_not_fit_are_refused() -> None:
    graph = parse("3x3c8p0,3x3p0", (4, 9, 9))
    with pytest.raises(ShapeError) as caught:
        graph.resized((4, 3, 3))
    assert caught.value.layer == "1"


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_the_same_size_is_the_same_graph(graph: Graph) -> None:
    assert graph.resized(*graph.input_shapes) == graph
