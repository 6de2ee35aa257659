"""Memory in elements: what a pass over a graph writes, holds alive at once, and keeps for the backward pass."""

from __future__ import annotations

from typing import NamedTuple

from convcalc.core.algebra import prod
from convcalc.core.graph import Graph
from convcalc.core.operator import Op


class Memory(NamedTuple):
    """Numbers of elements.

    `params` are all parameters, frozen ones included, and `buffers` other values that a model keeps; `peak` is of
    live activations in an inference pass; `training` is kept for backward.
    """

    params: int
    activations: int
    peak: int
    training: int
    buffers: int = 0


class Activations(NamedTuple):
    """Elements written, the most alive at once, and those kept for the backward pass."""

    written: int
    peak: int
    kept: int


def buffers(graph: Graph) -> int:
    """The values that the layers of `graph` keep beside their parameters."""
    return sum([graph.nodes[index].op.buffers(*graph.input_shapes_of(index)) for index in graph.layers])


def activations(graph: Graph) -> Activations:
    """Follow every tensor of an inference pass of batch 1 from the layer that writes it to its last reader.

    A view shares the memory of what it views; the caller's input is alive until it was read last.
    """
    owner = list(range(len(graph.nodes)))
    sizes = [prod(shape) for shape in graph.shapes]
    last = owner.copy()
    for index, (op, inputs, _) in enumerate(graph.nodes):
        if op.is_view and inputs:
            owner[index] = owner[inputs[0]]
        for source in (*inputs, index):
            last[owner[source]] = index
    for output in graph.outputs:
        last[owner[output]] = len(owner)
    ending: dict[int, int] = {}
    for index, mine in enumerate(owner):
        if mine == index:
            ending[last[index]] = ending.get(last[index], 0) + sizes[index]
    inputs_ = set(graph.inputs)
    written = peak = live = 0
    for index, mine in enumerate(owner):
        if mine == index:
            live += sizes[index]
            written += 0 if index in inputs_ else sizes[index]
        peak = max(peak, live)
        live -= ending.get(index, 0)
    return Activations(written=written, peak=peak, kept=_kept(graph, sizes))


def _kept(graph: Graph, sizes: list[int]) -> int:
    """Elements that PyTorch keeps for the backward pass when the network's inputs need no gradient.

    Floating-point tensors other than parameters, each once: what layers read or write that a gradient needs, and
    what they make besides (`Op.kept`). Not the statistics of normalisation, nor indices of maxima.
    """
    owner = list(range(len(graph.nodes)))
    wanted = [False] * len(owner)
    kept: set[int] = set()
    more = 0
    for index, (op, inputs, _) in enumerate(graph.nodes):
        if op.is_view and op.is_view_in_training and inputs:
            owner[index] = owner[inputs[0]]
        trained = type(op).params is not Op.params and op.params(*graph.input_shapes_of(index)).total > 0
        gradients = [wanted[source] for source in inputs]
        wanted[index] = trained or any(gradients)
        if not wanted[index]:
            continue
        kept.update([owner[inputs[number]] for number in op.saved_inputs(gradients, trained=trained)])
        if op.saves == "output":
            kept.add(owner[index])
        if type(op).kept is not Op.kept:
            more += op.kept(*graph.input_shapes_of(index))
    return more + sum([sizes[index] for index in kept])
