"""Random networks for property tests: small enough that every unit can be followed by hand.

Operators are drawn from the registry with any of their options: a new one is drawn as soon as it is registered.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from hypothesis import strategies as st

from convcalc.core.algebra import prod
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Builder, Composite, Graph, Tensor
from convcalc.core.operator import REGISTRY, Op, options
from convcalc.core.ops.join import Join
from convcalc.core.ops.reshape import Identity

MAX_UNITS = 160
"""The largest map, channels left out, that is drawn."""

RANGES = {
    "padding": (0, 3),
    "output_padding": (0, 2),
    "amount": (-1, 2),
    "end": (-2, 2),
    "kernel": (1, 4),
    "size": (1, 5),
    "version": (1, 2),
}
"""Which numbers an option is drawn from, by its name; 1 to 3 where nothing is said."""

CHANNELS = 4
"""Of most tensors, so that they can be joined."""


@st.composite
def instances(draw: st.DrawFn, word: str, axes: int, *, channels: tuple[int, ...], speakable: bool) -> Op:
    """An operator with any of its options; `speakable` only with those that a text can say."""
    cls = REGISTRY[word]
    values: dict[str, int | tuple[int, ...]] = {}
    for field, _ in options(cls):
        if field.default is not MISSING and draw(st.booleans()):
            continue
        low, high = RANGES.get(field.name, (1, 3))
        number = st.integers(max(low, 0) if speakable else low, high)
        if field.metadata["flag"]:
            values[field.name] = draw(st.booleans())
        elif field.metadata["axes"]:
            values[field.name] = draw(number | st.tuples(*[number] * axes))
        elif field.name == "channels":
            values[field.name] = draw(st.sampled_from(channels))
        else:
            values[field.name] = draw(number)
    spoken = {field.name for field, _ in options(cls)}
    unspoken: list[Any] = [f for f in fields(cls) if f.name not in spoken] if is_dataclass(cls) else []
    for field in unspoken:
        if type(field.default) is bool and not speakable:
            values[field.name] = draw(st.booleans())
    return cls(**values)


def moving(cls: type[Op]) -> bool:
    """Whether an operator has a receptive field of its own."""
    return cls.window is not Op.window or cls.is_convolution or issubclass(cls, Composite)


@st.composite
def operators(draw: st.DrawFn, axes: int) -> Op:
    """Any operator of one input over maps of so many axes; mostly one with a receptive field of its own."""
    words = [word for word, cls in REGISTRY.items() if not issubclass(cls, Join)]
    wanted = draw(st.integers(0, 3)) < 3
    word = draw(st.sampled_from([word for word in words if moving(REGISTRY[word]) == wanted]))
    return draw(instances(word, axes, channels=(CHANNELS,), speakable=False))


@st.composite
def joins(draw: st.DrawFn) -> Op:
    """Any join."""
    return draw(st.sampled_from([cls for cls in REGISTRY.values() if issubclass(cls, Join)]))()


def _reads_everything(builder: Builder, start: int) -> bool:
    """Whether a layer from number `start` on reads a whole map, or repeats a side of one place."""
    for op, inputs, _ in builder.nodes[start:]:
        shapes = [builder.shapes[source] for source in inputs]
        for number, shape in enumerate(shapes):
            windows = [op.window(axis, number, *shapes) for axis in range(len(shape) - 1)]
            if any(window.advance == 0 for window in windows):
                return True
    return False


def _joined(draw: st.DrawFn, tensors: list[Tensor], *, whole: bool) -> Tensor:
    """A join of the last tensor with an earlier one; a repeated side is read by every unit."""
    x = tensors[-1]
    other = draw(st.sampled_from([t for t in tensors if whole or t.shape[1:] == x.shape[1:]]))
    return x.apply(draw(joins()), other)


@st.composite
def graphs(draw: st.DrawFn, *, whole: bool = True, axes: int = 0, most: int = 7) -> Graph:
    """A network of 1 or 2 axes with branches, of one layer at least; without `whole` no layer reads everything."""
    axes = axes or draw(st.integers(1, 2))
    builder = Builder()
    tensors = [builder.input((CHANNELS, *draw(st.tuples(*[st.integers(3, 9)] * axes))))]
    for _ in range(draw(st.integers(1, most))):
        size = len(builder.nodes)
        try:
            if draw(st.integers(0, 3)) == 3:
                made = _joined(draw, tensors, whole=whole)
            else:
                source = tensors[draw(st.sampled_from([-1, -1, -1, -2, 0])) % len(tensors)]
                made = source.apply(draw(operators(axes)))
        except ShapeError:
            made = None
        if made is None or prod(made.shape[1:]) > MAX_UNITS or not _wanted(draw, builder, size, whole=whole):
            del builder.nodes[size:], builder.shapes[size:]
        else:
            tensors.append(made)
    return builder.graph(tensors[-1] if len(tensors) > 1 else tensors[0].apply(Identity()))


def _wanted(draw: st.DrawFn, builder: Builder, start: int, *, whole: bool) -> bool:
    """Whether to keep the layers from number `start` on: most of what reads everything ends a network's maps."""
    return not _reads_everything(builder, start) or (whole and draw(st.integers(0, 2)) == 2)
