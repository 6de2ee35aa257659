"""Counts and memory: against a simulation that keeps every tensor by name, and by hand."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from strategies import graphs

from convcalc import LimitError, Network, load, parse, receptive_fields
from convcalc.analysis.memory import Memory
from convcalc.core.algebra import prod
from convcalc.core.graph import Builder, Graph
from convcalc.core.operator import Input
from convcalc.core.ops.activation import ReLU
from convcalc.core.ops.convolution import Conv
from convcalc.core.ops.dense import Flatten
from convcalc.core.ops.join import Add, Mul

# --- counts


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_totals_are_sums_of_rows(graph: Graph) -> None:
    summary = Network(graph=graph)
    assert [row.node for row in summary.layers] == list(graph.layers)
    assert summary.params == sum(row.params for row in summary.layers)
    assert summary.parameters.biases == sum(row.parameters.biases for row in summary.layers)
    assert summary.macs == sum(row.macs for row in summary.layers)
    assert summary.flops == sum(row.flops for row in summary.layers) == 2 * summary.macs
    assert summary.elementwise == sum(row.elementwise for row in summary.layers)
    assert summary.memory.params == summary.params
    assert all(row.output == graph.shapes[row.node] for row in summary.layers)


def test_a_row_says_what_it_reads() -> None:
    summary = Network(graph=parse("3x3, add(id | relu)", (4, 9, 9)))
    assert [(row.name, row.kind, row.spec, row.inputs) for row in summary.layers] == [
        ("0", "conv", "3x3c4", ()),
        ("1.0.0", "identity", "id", ("0",)),
        ("1.1.0", "relu", "relu", ("0",)),
        ("1.add", "add", "add", ("1.0.0", "1.1.0")),
    ]
    assert summary.formula(summary.layers[0]) == ("3*3*4*4", "3*3*4*4*9*9")
    assert summary.formula(summary.layers[2]) == ("", "")
    assert summary.kinds == Counter({"conv": 1, "identity": 1, "relu": 1, "add": 1})


def test_a_network_of_nothing() -> None:
    builder = Builder()
    summary = Network(graph=builder.graph(builder.input((3, 4))))
    assert (summary.layers, summary.params, summary.macs) == ((), 0, 0)
    # The input is there all the time, and nothing was written.
    assert summary.memory == Memory(0, 0, 12, 0)


# --- memory


def simulate(graph: Graph) -> tuple[int, int]:
    """Run the layers one by one: a tensor is freed after its last reader, a view is the tensor that it views."""
    tensor: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        tensor[index] = tensor[node.inputs[0]] if node.op.is_view and node.inputs else index
    size = {index: prod(graph.shapes[index]) for index in set(tensor.values())}
    live: set[int] = set()
    peak = 0
    for index in range(len(graph.nodes)):
        live.add(tensor[index])
        peak = max(peak, sum(size[t] for t in live))
        later = {tensor[source] for node in graph.nodes[index + 1 :] for source in node.inputs}
        # A view made later keeps the tensor, too.
        live &= later | {tensor[output] for output in graph.outputs}
    written = sum(size[t] for t in size if not isinstance(graph.nodes[t].op, Input))
    return written, peak


@settings(max_examples=400, deadline=None)
@given(graphs(most=10))
def test_memory_is_that_of_a_simulation(graph: Graph) -> None:
    memory = Network(graph=graph).memory
    assert (memory.activations, memory.peak) == simulate(graph)


@pytest.mark.parametrize(
    ("text", "activations", "peak", "training"),
    [
        # Maps of 4*9*9 = 324 elements. Reading one and writing one: two live; a convolution keeps its input.
        ("3x3", 324, 648, 324),
        ("3x3,3x3,3x3", 972, 648, 972),
        # ReLU keeps its output, which the next convolution's input is.
        ("3x3,relu,3x3", 972, 648, 648),
        # The shortcut lives on: source, branch, the branch's next; then the sum beside its two sources.
        ("add(id|3x3,3x3)", 972, 972, 648),
        # Concatenation copies: 324 in, 3 branches of 324, 972 out.
        ("cat(3x3|3x3|3x3)", 972 + 972, 972 + 972, 324),
        # A view writes nothing.
        ("flatten", 0, 324, 0),
        ("3x3,flatten,fc10", 324 + 10, 648, 648),
        # Batch norm keeps its input, as the convolution does its own.
        ("3x3,bn", 648, 648, 648),
        # 4 channels to 40: 324 and 3,240 together.
        ("3x3c40,3x3c4", 3564, 3564, 3564),
    ],
)
def test_memory_by_hand(text: str, activations: int, peak: int, training: int) -> None:
    memory = Network(graph=parse(text, (4, 9, 9))).memory
    assert (memory.activations, memory.peak, memory.training) == (activations, peak, training)


def test_a_tensor_that_nobody_reads_is_freed_at_once() -> None:
    builder = Builder()
    x = builder.input((1, 10))
    x.apply(ReLU())
    y = x.apply(Conv(3))
    assert Network(graph=builder.graph(y)).memory.peak == 20


def test_outputs_live_to_the_end() -> None:
    builder = Builder()
    x = builder.input((1, 10))
    first = x.apply(Conv(3))
    second = first.apply(Conv(3)).apply(Conv(3))
    assert Network(graph=builder.graph(second)).memory.peak == 20
    assert Network(graph=builder.graph(second, first)).memory.peak == 30
    # A view that is an output keeps what it views.
    flat = first.apply(Flatten())
    assert Network(graph=builder.graph(second, flat)).memory.peak == 30


def test_a_product_keeps_both_factors_for_training() -> None:
    # The inputs of both convolutions, 10 each, and for a product the second convolution's output.
    for join, kept in ((Mul(), 30), (Add(), 20)):
        builder = Builder()
        x = builder.input((1, 10)).apply(Conv(3))
        assert Network(graph=builder.graph(x.apply(join, x.apply(Conv(3))))).memory.training == kept


# --- both


def test_an_analysis_without_a_field_says_why() -> None:
    analysis = Network(graph=parse("up5000", (1, 4, 4)))
    assert analysis.fields == ()
    with pytest.raises(LimitError):
        _ = analysis.spatial_field
    assert "5,000" in analysis.receptive_field_note
    assert analysis.graph.output_shape == (1, 20_000, 20_000)


def test_an_analysis_of_another_input() -> None:
    builder = Builder()
    a, b = builder.input((1, 9), "a"), builder.input((1, 9), "b")
    graph = builder.graph(a.apply(Conv(3)).apply(Add(), b))
    assert Network(graph=graph).receptive_field.size == (3,)
    assert receptive_fields(graph, 1)[-1].size == (1,)


def test_memory_holds_what_is_there_whether_it_is_trained_or_not() -> None:
    """bn on 64 channels: 2*64 parameters; in buffers a mean and a variance for each channel, and a counter."""
    memory = Network(graph=parse("3x3c64, bn", (3, 8, 8))).memory
    assert (memory.params, memory.buffers) == (3 * 3 * 3 * 64 + 2 * 64, 2 * 64 + 1)


def test_frozen_parameters_are_in_memory() -> None:
    nn = pytest.importorskip("torch.nn")
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).requires_grad_(False)
    network = load(model, input=(3, 9, 9))
    assert (network.params, network.parameters.frozen) == (0, 3 * 8 * 9 + 8 + 16)
    assert (network.memory.params, network.memory.buffers) == (3 * 8 * 9 + 8 + 16, 2 * 8 + 1)
