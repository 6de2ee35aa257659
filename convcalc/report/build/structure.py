"""The shape of a network as people describe it: how many layers of which kind, and its tree of names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from convcalc.analysis.network import Network
from convcalc.core.graph import Graph
from convcalc.core.operator import Op
from convcalc.core.ops.convolution import Conv, TransposedConv
from convcalc.core.ops.join import Add
from convcalc.report.parts import Cell, Column, Table

_WORDS = {"conv": "convolution", "tconv": "transposed convolution", "deform": "deformable convolution"}
"""Kinds of layers with a word that has a plural; the others are called by their labels."""

_LABELS = {"fc": "dense"}


def projections(graph: Graph) -> list[int]:
    """The convolutions that only fit a shortcut to its sum: alone on a branch, beside a deeper one.

    A branch is followed back from the addition as long as nothing else reads it.
    """
    readers = Counter(source for node in graph.nodes for source in node.inputs)
    depths: list[int] = []
    alone_beside: list[int] = []
    for op, inputs, _ in graph.nodes:
        depths.append(max((depths[i] for i in inputs), default=0) + _is_convolution(op))
        if isinstance(op, Add):
            deepest = max(depths[i] for i in inputs)
            for source in inputs:
                alone = [i for i in _private_chain(graph, source, readers) if _is_convolution(graph.nodes[i].op)]
                if depths[source] < deepest and len(alone) == 1:
                    alone_beside += alone
    return alone_beside


def kinds_sentence(network: Network) -> str:
    """Layers by kind: "53 convolutions: 49 on the main path, 4 projections; 1 dense; 49 relu"."""
    counted = network.kinds
    beside = len(projections(network.graph))
    words = []
    for kind in sorted(counted, key=lambda kind: (kind not in _WORDS, kind not in _LABELS)):
        count = counted[kind]
        split = f": {count - beside} on the main path, {beside} projection{'s' * (beside > 1)}"
        words.append(_counted(kind, count) + (split if kind == "conv" and beside else ""))
    return "; ".join(words)


def tree(graph: Graph) -> Table:
    """The layers under the words of their dotted names; `reads` names the inputs that are not the layer above."""
    rows: list[tuple[Cell, ...]] = []
    levels: list[int] = []
    path: list[str] = []
    before = graph.inputs[0]
    for index in graph.layers:
        op, inputs, name = graph.nodes[index]
        *scopes, _ = name.split(".")
        for level in range(_shared(path, scopes), len(scopes)):
            rows.append((".".join(scopes[: level + 1]), None, None, None))
            levels.append(level)
        path = scopes
        reads = "" if inputs == (before,) else ", ".join(graph.nodes[i].name for i in inputs)
        rows.append((name, op.spec(), graph.shapes[index], reads))
        levels.append(len(scopes))
        before = index
    columns = (
        *(Column("layer", left=True), Column("spec", left=True)),
        *(Column("output"), Column("reads", rank=1, left=True)),
    )
    return Table(columns, rows, is_main=True, levels=levels)


def _shared(path: Sequence[str], scopes: Sequence[str]) -> int:
    """How many scopes two paths share."""
    shared = 0
    while shared < min(len(path), len(scopes)) and path[shared] == scopes[shared]:
        shared += 1
    return shared


def _private_chain(graph: Graph, source: int, readers: Counter[int]) -> Iterator[int]:
    """The layers from `source` back that have one reader and one input."""
    while readers[source] == 1 and len(graph.nodes[source].inputs) == 1:
        yield source
        source = graph.nodes[source].inputs[0]


def _is_convolution(op: Op) -> bool:
    return isinstance(op, Conv | TransposedConv)


def _counted(kind: str, count: int) -> str:
    word = _WORDS.get(kind)
    return f"{count} {word}{'s' * (count > 1)}" if word else f"{count} {_LABELS.get(kind, kind)}"
