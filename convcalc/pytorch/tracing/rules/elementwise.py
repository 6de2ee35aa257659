"""Elementwise operators: one value for each place, sides of size 1 repeated."""

from __future__ import annotations

from functools import lru_cache

from convcalc.core.algebra import prod
from convcalc.core.operator import REGISTRY, Op
from convcalc.core.ops.join import Add, Mul
from convcalc.core.ops.norm import LayerScale
from convcalc.core.window import Window
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Same, Source, Unreached, Value
from convcalc.pytorch.tracing.layout import Layout, channels, settled
from convcalc.pytorch.tracing.rules.answers import copied, everywhere, same
from convcalc.pytorch.tracing.rules.dimensions import broadcast_reads, broadest, has_places, with_dim
from convcalc.pytorch.tracing.rules.registry import rule

_INPUT_KEPT = {
    *("abs", "sin", "cos", "erf", "log", "log2", "log10", "log1p", "pow", "square", "clamp", "clamp_min", "clamp_max"),
    *("elu", "celu", "selu", "mish", "softplus", "log_sigmoid", "leaky_relu", "prelu", "_prelu_kernel", "hardtanh"),
    *("threshold", "softshrink", "hardshrink", "maximum", "minimum", "atan2", "addcmul", "addcdiv"),
}
_OUTPUT_KEPT = {"exp", "expm1", "sqrt", "rsqrt", "reciprocal", "tan"}
"""Functions whose gradient PyTorch takes from their inputs, and from their output."""


def operator_of(name: str) -> Op | None:
    """The operator of the language that an elementwise call is, if there is one."""
    return _operators(len(REGISTRY)).get(name)


@lru_cache(maxsize=1)
def _operators(count: int) -> dict[str, Op]:
    """The operators with a name in PyTorch; a plugin may add one at any time, hence `count`."""
    return {cls.aten: cls() for cls in REGISTRY.values() if cls.aten}


@rule("hardtanh")
def _hardtanh(call: Call) -> Answer:
    return elementwise(call, "relu6" if (call["min_val"], call["max_val"]) == (0, 6) else "hardtanh")


@rule("clone", "_to_copy", "to", "contiguous", "type_as", "copy")
def copy(call: Call) -> Answer:
    """A copy of values; `copy_` writes them into its first argument."""
    writes = call.name == "copy"
    value = call.value(1 if writes else 0)
    if not writes and call.out is call.args[0]:
        return Same(value=value, layout=value.layout)
    if value.is_constant:
        return Unreached(values=[value])
    if value.shape != call.shape:
        return elementwise(call, "copy", [value])
    return copied(value, value.layout) if writes else same(call, value, value.layout)


@rule("where", "masked_fill", "lerp", "maximum", "minimum", "clamp", "prelu", "_prelu_kernel", "celu", "selu", "rrelu")
def pointwise(call: Call) -> Answer:
    """One operation for each element, whichever it is."""
    return elementwise(call, call.name)


@rule("triu", "tril")
def _triangle(call: Call) -> Answer:
    return elementwise(call, call.name, [call.value()], count=0)


@rule("_weight_norm_interface", "_weight_norm")
def _weight_norm(call: Call) -> Answer:
    """A weight from its direction and length (Salimans and Kingma 2016): square, sum, product, scaling."""
    return everywhere(call, "weightnorm", count=4 * prod(call.shape))


@rule("glu")
def _glu(call: Call) -> Answer:
    """One half of the channels times the sigmoid of the other."""
    value, count = call.value(), 2 * prod(call.shape)
    dim = call["dim"] % len(value.shape)
    if value.is_constant or has_places(value.layout, dim):
        return everywhere(call, "glu", count=count)
    layout = with_dim(value.layout, dim, channels(call.shape[dim]))
    return Computed(kind="glu", values=[value], layout=layout, arithmetic=count, keeps="input")


@rule("zero", "fill")
def _fill(call: Call) -> Answer:
    value = call.value()
    if call.func._schema.is_mutable and value.is_constant:
        return Same(value=value, layout=value.layout)
    return elementwise(call, "fill", count=0)


def elementwise(call: Call, kind: str, values: list[Value] | None = None, count: int | None = None) -> Outcome:
    """One node, or none where no input is involved. Scalars are not operands."""
    values = call.values() if values is None else values
    live = [value for value in values if not value.is_constant]
    if not live:
        return Unreached(values=values)
    layout, windows = aligned(values, live, call.shape)
    core = operator_of(kind)
    if len(values) != len(live) or (isinstance(core, (Add, Mul)) and len(live) < 2):
        core = LayerScale() if kind == "mul" and _scales(live, values) else None
    keeps = core.saves if core else _kept(kind, values)
    name = "scale" if isinstance(core, LayerScale) else kind.strip("_")
    return Computed(kind=name, values=values, layout=layout, reads=windows, core=core, arithmetic=count, keeps=keeps)


def _kept(kind: str, values: list[Value]) -> str:
    """What PyTorch keeps for the gradient of an elementwise function (see `Traced.keeps`)."""
    if kind == "mul" or (kind == "div" and not values[0].is_constant):
        return "factors"
    if kind in _INPUT_KEPT or kind == "div":
        return "input"
    return "output" if kind in _OUTPUT_KEPT else ""


def _scales(live: list[Value], values: list[Value]) -> bool:
    """Whether one constant made of a parameter scales every channel."""
    others = [value for value in values if value.is_constant]
    return len(live) == len(others) == 1 and isinstance(source := others[0].source, Source) and bool(source.origins)


def aligned(values: list[Value], live: list[Value], shape: tuple[int, ...]) -> tuple[Layout, list[tuple[Window, ...]]]:
    """The layout of a broadcast result of `shape`, that of its live values, and what it reads of each value."""
    first = live[0].layout
    if all(value.layout == first and value.shape == shape for value in live):
        return first, []
    layout = settled(tuple([broadest(live, at - len(shape), size) for at, size in enumerate(shape)]))
    return layout, [broadcast_reads(layout, value, shape) for value in values]
