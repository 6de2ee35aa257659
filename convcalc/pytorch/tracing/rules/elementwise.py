"""Elementwise operators: one value for each place, sides of size 1 repeated."""

from __future__ import annotations

from convcalc.core.algebra import prod
from convcalc.core.ops import GELU, Add, Hardsigmoid, Hardswish, LayerScale, Mul, Op, ReLU, ReLU6, Sigmoid, SiLU, Tanh
from convcalc.core.ops.traced import Copy
from convcalc.core.window import Window
from convcalc.pytorch.tracing.layout import Dim, Layout, channels, constant, settled
from convcalc.pytorch.tracing.recorder import Call, Source, Value, share_memory
from convcalc.pytorch.tracing.rules.dimensions import broadcast_reads, broadest, has_places, with_dim
from convcalc.pytorch.tracing.rules.registry import everywhere, rule, unreached

FUNCTIONS: dict[str, Op] = {
    "relu": ReLU(),
    "relu6": ReLU6(),
    "gelu": GELU(),
    "silu": SiLU(),
    "hardswish": Hardswish(),
    "sigmoid": Sigmoid(),
    "hardsigmoid": Hardsigmoid(),
    "tanh": Tanh(),
    "add": Add(),
    "mul": Mul(),
}
"""Elementwise operators that the language has a word for."""


@rule("hardtanh")
def _hardtanh(call: Call) -> None:
    elementwise(call, "relu6" if (call["min_val"], call["max_val"]) == (0, 6) else "hardtanh")


@rule("clone", "_to_copy", "to", "contiguous", "type_as", "copy")
def copy(call: Call) -> None:
    """A copy of values; `copy_` writes them into its first argument."""
    value = call.value(1 if call.name == "copy" else 0)
    if call.out is call.args[0] and call.name != "copy":
        return
    if value.is_constant:
        call.recorder.give(call, Source(None, constant(call.shape), value.source.origins), constant(call.shape))
    elif value.shape != call.shape:
        elementwise(call, "copy", [value])
    elif call.name != "copy" and share_memory(call.out, call.args[0]):
        call.recorder.give(call, value.source, value.layout)
    else:
        source = call.recorder.node("copy", [value], value.layout, core=Copy())
        call.recorder.give(call, source, value.layout)


@rule("where", "masked_fill", "lerp", "maximum", "minimum", "clamp", "prelu", "_prelu_kernel", "celu", "selu", "rrelu")
def pointwise(call: Call) -> None:
    """One operation for each element, whichever it is."""
    elementwise(call, call.name)


@rule("triu", "tril")
def _triangle(call: Call) -> None:
    elementwise(call, call.name, [call.value()], count=0)


@rule("_weight_norm_interface", "_weight_norm")
def _weight_norm(call: Call) -> None:
    """A weight from its direction and length (Salimans and Kingma 2016): square, sum, product, scaling."""
    everywhere(call, "weightnorm", count=4 * prod(call.shape))


@rule("glu")
def _glu(call: Call) -> None:
    """One half of the channels times the sigmoid of the other."""
    value = call.value()
    if value.is_constant:
        return unreached(call)
    dim = call["dim"] % len(value.shape)
    if has_places(value.layout, dim):
        return everywhere(call, "glu", count=2 * prod(call.shape))
    layout = with_dim(value.layout, dim, channels(call.shape[dim]))
    source = call.recorder.node("glu", [value], layout, arithmetic=2 * prod(call.shape), keeps="input")
    return call.recorder.give(call, source, layout)


@rule("zero", "fill")
def _fill(call: Call) -> None:
    if call.func._schema.is_mutable and call.value().is_constant:
        return
    elementwise(call, "fill", count=0)


def elementwise(call: Call, kind: str, values: list[Value] | None = None, count: int | None = None) -> None:
    """One node, or none where no input is involved. Scalars are no operands."""
    values = call.tensors if values is None else values
    shape = call.shape
    recorder = call.recorder
    live = [value for value in values if not value.is_constant]
    if not live:
        origins = frozenset().union(*[value.source.origins for value in values])
        return recorder.give(call, Source(None, constant(shape), origins), constant(shape))
    layout, windows = _aligned(live, shape)
    core = FUNCTIONS.get(kind)
    if len(values) != len(live) or (core is not None and core.word in ("add", "mul") and len(live) < 2):
        core = LayerScale() if kind == "mul" and _scales(live, values) else None
    keeps = core.saves if core else ("input" if kind in ("mul", "div", "pow") else "")
    name = "scale" if isinstance(core, LayerScale) else kind.strip("_")
    source = recorder.node(name, values, layout, core=core, reads=windows, arithmetic=count, keeps=keeps)
    recorder.give(call, source, layout)
    return None


def _scales(live: list[Value], values: list[Value]) -> bool:
    """Whether one constant made of a parameter scales every channel."""
    others = [value for value in values if value.is_constant]
    return len(live) == len(others) == 1 and bool(others[0].source.origins)


def _aligned(values: list[Value], shape: tuple[int, ...]) -> tuple[Layout, list[tuple[Window, ...]]]:
    """The layout of a broadcast result of `shape`, and what it reads of each value."""
    first = values[0].layout
    if all(value.layout == first and value.shape == shape for value in values):
        return first, []
    dims: list[Dim] = []
    for at, size in enumerate(shape):
        dims.append(broadest(values, at - len(shape), size))
    layout = settled(tuple(dims))
    return layout, [broadcast_reads(layout, value, shape) for value in values]
