"""A network: a flat tuple of nodes in topological order, and the handles that builders pass along.

Shapes are inferred as nodes are added, so a builder sees `x.channels` at once, and a layer that does
not fit is refused under its own name. Nothing here knows where a graph comes from (a text, a block,
a PyTorch model) or what is measured on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from convcalc.core.errors import LimitError, ShapeError
from convcalc.core.operator import Input, Op, Shape, as_shape

MAX_LAYERS = 100_000
"""The longest network that is built: refusing a longer one takes about a second."""

MAX_SIZE = 10**36
"""The largest channel count or map size that is computed with."""


class Node(NamedTuple):
    """One layer: an operator, the indices of the nodes that it reads, and its dotted name."""

    op: Op
    inputs: tuple[int, ...]
    name: str


class Graph(NamedTuple):
    """A network. `shapes[i]` is the output shape of `nodes[i]`, without the batch."""

    nodes: tuple[Node, ...]
    shapes: tuple[Shape, ...]
    outputs: tuple[int, ...]

    @property
    def inputs(self) -> tuple[int, ...]:
        """The indices of the network's inputs."""
        return tuple(i for i, node in enumerate(self.nodes) if type(node.op) is Input)

    @property
    def layers(self) -> tuple[int, ...]:
        """The indices of everything but the inputs."""
        return tuple(i for i, node in enumerate(self.nodes) if type(node.op) is not Input)

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        return tuple(self.shapes[i] for i in self.inputs)

    @property
    def output_shape(self) -> Shape:
        """The shape of the first output."""
        return self.shapes[self.outputs[0]]

    def input_shapes_of(self, index: int) -> list[Shape]:
        """The shapes that node `index` reads."""
        shapes = self.shapes
        return [shapes[source] for source in self.nodes[index].inputs]

    def until(self, index: int) -> Graph:
        """The part of the network that node `index` needs, ending in it; all inputs are kept."""
        needed = {index, *self.inputs}
        for i in range(index, -1, -1):
            if i in needed:
                needed.update(self.nodes[i].inputs)
        kept = sorted(needed)
        place = {old: new for new, old in enumerate(kept)}
        nodes = [Node(n.op, tuple(place[i] for i in n.inputs), n.name) for n in map(self.nodes.__getitem__, kept)]
        return Graph(tuple(nodes), tuple(self.shapes[i] for i in kept), (place[index],))

    def resized(self, *inputs: Shape) -> Graph:
        """The same layers over inputs of other sizes. Raises ShapeError where a layer does not fit them."""
        builder = Builder()
        sizes = iter(inputs)
        for node in self.nodes:
            if type(node.op) is Input:
                builder.input(next(sizes), node.name)
            else:
                builder.append(node.op, node.inputs, node.name)
        return Graph(tuple(builder.nodes), tuple(builder.shapes), self.outputs)


class Tensor(NamedTuple):
    """A handle on one node's output: what builders of blocks take and give."""

    builder: Builder
    node: int

    @property
    def shape(self) -> Shape:
        return self.builder.shapes[self.node]

    @property
    def channels(self) -> int:
        return self.builder.shapes[self.node][0]

    def apply(self, op: Op, *others: Tensor, name: str = "") -> Tensor:
        """Add the layer `op` over this tensor (and others). Raises ShapeError, LimitError."""
        return self.builder.add(op, (self, *others), name)

    @contextmanager
    def scope(self, name: str = "", *, sequence: bool = False) -> Iterator[None]:
        """Layers added inside are called `name.…`; in a `sequence` they are numbered 0, 1, 2.

        An unnamed scope takes the next number of the scope that it stands in.
        """
        with self.builder.scope(name, sequence=sequence):
            yield


class Composite(Op):
    """A word of the language that stands for several layers: `expand` adds them to the graph."""

    def expand(self, x: Tensor) -> Tensor:
        """Add the layers to `x`'s graph and give the last one's output."""
        raise NotImplementedError


class _Scope:
    """The names already given under one prefix."""

    def __init__(self, prefix: str, *, sequence: bool) -> None:
        self.prefix = prefix
        self.sequence = sequence
        self.used: dict[str, int] = {}

    def next_name(self, op: Op) -> str:
        """What the next layer of this kind is called: `conv1`, `relu`, or its number in a sequence."""
        if self.sequence:
            return self.next_number()
        count = self._count(op.label)
        return f"{op.label}{count + 1}" if op.numbered or count else op.label

    def next_number(self) -> str:
        """The next number of a sequence, from 0 on."""
        return str(self._count(""))

    def _count(self, kind: str) -> int:
        count = self.used.get(kind, 0)
        self.used[kind] = count + 1
        return count


class Builder:
    """A graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = []
        self._scope = _Scope("", sequence=False)

    def input(self, shape: Shape, name: str = "") -> Tensor:
        """A new input of the network.

        Raises TypeError for what is not a row of whole numbers, ShapeError unless each is at least 1.
        """
        shape = as_shape(shape)
        if not shape or not all(type(size) is not int or 1 <= size < MAX_SIZE for size in shape):
            raise ShapeError(f"an input needs sizes of at least 1, not {'x'.join(map(str, shape)) or 'nothing'}")
        self.nodes.append(Node(Input(shape), (), name or "input"))
        self.shapes.append(shape)
        return Tensor(self, len(self.nodes) - 1)

    def add(self, op: Op, inputs: Sequence[Tensor], name: str = "") -> Tensor:
        """Add a layer, or the layers that a composite stands for; unnamed ones get the scope's next name."""
        name = name or self._scope.next_name(op)
        if isinstance(op, Composite):
            with self.scope(name):
                try:
                    return op.expand(inputs[0])
                except ShapeError as error:
                    error.layer = error.layer or self._scope.prefix.removesuffix(".")
                    raise
        sources = tuple([tensor.node for tensor in inputs])
        return Tensor(self, self.append(op, sources, self._scope.prefix + name))

    def append(self, op: Op, sources: tuple[int, ...], name: str) -> int:
        """Add one node under its full name; its defaults are filled in. Raises ShapeError, LimitError."""
        shapes = self.shapes
        try:
            inputs = [shapes[source] for source in sources]
            op = op.bind(*inputs)
            shape = op.shape(*inputs)
        except ShapeError as error:
            error.layer = error.layer or name
            raise
        for size in shape:
            if type(size) is int and size >= MAX_SIZE:
                raise LimitError(f"layer {name}: a size of more than 36 digits")
        if len(self.nodes) > MAX_LAYERS:  # an input is no layer
            raise LimitError(f"a network of more than {MAX_LAYERS:,} layers", hint="repeat less")
        self.nodes.append(Node(op, sources, name))
        shapes.append(shape)
        return len(shapes) - 1

    @contextmanager
    def scope(self, name: str = "", *, sequence: bool = False) -> Iterator[None]:
        """See Tensor.scope."""
        outer = self._scope
        self._scope = _Scope(f"{outer.prefix}{name or outer.next_number()}.", sequence=sequence)
        try:
            yield
        finally:
            self._scope = outer

    def graph(self, *outputs: Tensor) -> Graph:
        """The finished network."""
        return Graph(tuple(self.nodes), tuple(self.shapes), tuple(tensor.node for tensor in outputs))
