"""A graph becomes a text: the way back from `convcalc.language.parse`, for what the language can say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass

from convcalc.core.errors import ConvcalcError
from convcalc.core.graph import Graph
from convcalc.core.operator import REGISTRY, Input, Op, Params, options
from convcalc.core.ops.join import Join
from convcalc.core.traced import Copy, Pointwise, Recorded, Unused
from convcalc.language.parse import parse

LONGEST_REPEAT = 64
"""The most items of a repetition that are looked for."""


class UnspeakableError(ConvcalcError):
    """A layer, or the way layers are joined, has no words in the language."""

    kind = "unspeakable"

    def __init__(self, message: str, layer: str = "", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.layer = layer

    @property
    def at(self) -> str | None:
        return self.layer or None


def unparse(graph: Graph) -> str:
    """`graph` as a text that means the same network over the same input. Raises UnspeakableError.

    >>> from convcalc import parse
    >>> unparse(parse("3x3s2,  add(1x1 | id), relu, relu"))
    '3x3c128s2, add(1x1c128 | id), relu*2'
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        ends = f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
        raise UnspeakableError(f"a text has one input and one output, this network has {ends}")
    text = _Writer(graph).whole()
    _check(text, graph)
    return text


def _check(said: str, graph: Graph) -> None:
    """Raise UnspeakableError unless the text's own numbers are the network's."""
    ours, theirs = _counts(graph), _counts(parse(said, graph.input_shapes[0]))
    if ours != theirs:
        raise UnspeakableError(
            f"the text would have {theirs[0].total:,} parameters and {theirs[1]:,} MACs, "
            f"the network has {ours[0].total:,} and {ours[1]:,}"
        )


def _counts(graph: Graph) -> tuple[Params, int]:
    """The graph's parameters, each sort by itself, and its MACs."""
    layers = [(graph.nodes[index].op, graph.input_shapes_of(index)) for index in graph.layers]
    params = Params(*map(sum, zip(*(op.params(*shapes) for op, shapes in layers), strict=True)))
    return params, sum(op.macs(*shapes) for op, shapes in layers)


class _Writer:
    """Walks from the output back to the input; a join's branches go back to where they part."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.parting = _dominators(graph)
        self.written: set[int] = set()

    def whole(self) -> str:
        text = self.way(self.graph.inputs[0], self.graph.outputs[0])
        for index in self.graph.layers:
            if index not in self.written:
                op, _, name = self.graph.nodes[index]
                raise UnspeakableError(f"layer {name} ({op.kind}) does not lead to the output", name)
        return text

    def way(self, start: int, end: int) -> str:
        """The layers after `start` up to `end`."""
        items: list[str] = []
        while end != start:
            op, inputs, name = self.graph.nodes[end]
            if end in self.written:
                raise UnspeakableError(
                    f"layer {name} ({op.kind}) is read by several branches that part before it",
                    name,
                    hint="a text's branches share nothing but their start",
                )
            self.written.add(end)
            item = "" if isinstance(op, Copy) else self.layer(end)
            if item:
                items.append(item)
            end = self.parting[end] if isinstance(op, Join) else inputs[0]
        return _joined(items[::-1]) or "id"

    def layer(self, index: int) -> str:
        """One layer, or a join with its branches."""
        op, inputs, name = self.graph.nodes[index]
        problem = _problem(op, len(inputs))
        if problem:
            raise UnspeakableError(f"layer {name} cannot be said: {problem}", name)
        if not isinstance(op, Join):
            return op.spec()
        start = self.parting[index]
        return f"{op.word}({' | '.join(self.way(start, source) for source in inputs)})"


def _problem(op: Op, inputs: int) -> str:
    """Why the language has no word for a layer; empty where it has one."""
    if isinstance(op, Recorded):
        return f"the parameters of this {op.kind} are shared, frozen or computed"
    if type(op) is not Pointwise and (not op.speakable or type(op) not in REGISTRY.values()):
        return f"the language has no word for {op.kind}"
    if inputs != 1 and not isinstance(op, Join):
        return f"{op.kind} reads {inputs} tensors"
    names: list[str] = [field.name for field in fields(op)] if is_dataclass(op) else []
    sayable = {field.name for field, _ in options(type(op))}
    for name in names:
        if name in sayable:
            continue
        if getattr(op, name) != getattr(type(op), name):
            return f"no letter of {op.word} says {name}={getattr(op, name)}"
    return f"{op.spec()} is negative" if "-" in op.spec() else ""


def _dominators(graph: Graph) -> dict[int, int]:
    """For every node the last one that each way from the input to it passes."""
    dominators: dict[int, int] = {}
    for index, (op, inputs, name) in enumerate(graph.nodes):
        if type(op) is Input:
            continue
        if type(op) is Unused:
            count = op.params().total + op.params().frozen
            raise UnspeakableError(f"{count:,} parameters that nothing reads cannot be said")
        if not inputs:
            raise UnspeakableError(f"layer {name} ({op.kind}) reads nothing of the input", name)
        meeting = inputs[0]
        for other in inputs[1:]:
            while meeting != other:
                meeting, other = min(meeting, other), max(meeting, other)
                other = dominators[other]
        dominators[index] = meeting
    return dominators


def _joined(items: Sequence[str]) -> str:
    """Items with commas; what follows itself is a repetition."""
    parts: list[str] = []
    at = 0
    while at < len(items):
        length, times = _repeat(items, at)
        block = ", ".join(items[at : at + length])
        if times > 1:
            block = f"{block}*{times}" if length == 1 else f"({_joined(items[at : at + length])})*{times}"
        parts.append(block)
        at += length * times
    return ", ".join(parts)


def _repeat(items: Sequence[str], at: int) -> tuple[int, int]:
    """The block from `at` on that saves most by its repetition: its length, and how often it stands there."""
    best = (1, 1)
    for length in range(1, min(LONGEST_REPEAT, (len(items) - at) // 2) + 1):
        block = items[at : at + length]
        times = 1
        while items[at + times * length : at + (times + 1) * length] == block:
            times += 1
        if times > 1 and length * (times - 1) > best[0] * (best[1] - 1):
            best = (length, times)
    return best
