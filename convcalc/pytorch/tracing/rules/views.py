"""Views: the same values under another shape."""

from __future__ import annotations

from typing import Any

import torch

from convcalc.core.ops.activation import Dropout
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Same, Unreached
from convcalc.pytorch.tracing.layout import channels, constant, reads, reshaped, settled
from convcalc.pytorch.tracing.rules.answers import everywhere, same, unknown
from convcalc.pytorch.tracing.rules.elementwise import elementwise
from convcalc.pytorch.tracing.rules.registry import rule


@rule(
    "view",
    "_unsafe_view",
    "reshape",
    "_reshape_alias",
    "flatten",
    "unflatten",
    "unsqueeze",
    "squeeze",
    "view_as",
    "_reshape_copy",
)
def _reshape(call: Call) -> Answer:
    value = call.value()
    shape = call.shape
    if value.is_constant:
        return Same(value=value, layout=constant(shape))
    if call.func._schema.name == "aten::view" and call.func._schema.overload_name == "dtype":
        return elementwise(call, "view")
    layout = reshaped(value.layout, shape)
    if layout is None:
        return everywhere(call, "reshape", values=[value], view=True)
    return same(call, value, layout)


@rule("as_strided", "resize", "resize_as", "diagonal")
def _restrided(call: Call) -> Answer:
    """Places chosen by their position in memory: each may be any of them."""
    return everywhere(call, "view", values=[call.value()], view=True)


@rule("set")
def _set(call: Call) -> Answer:
    """The memory of another tensor; of a bare storage nothing is known."""
    if not (call.takes("source") and isinstance(call["source"], torch.Tensor)):
        return unknown(call)
    source = call.value("source")
    if source.shape == call.shape:
        return Same(value=source, layout=source.layout)
    return everywhere(call, "view", values=[source], view=True)


@rule("permute", "transpose", "t", "numpy_T", "mT", "swapaxes", "movedim")
def _permute(call: Call) -> Outcome:
    value = call.value()
    dims = list(range(len(value.shape)))
    if call.name == "permute":
        dims = [dim % len(dims) for dim in call["dims"]]
    elif call.name == "movedim":
        dims = _moved(len(dims), call["source"], call["destination"])
    elif call.name == "numpy_T":
        dims.reverse()
    elif len(dims) > 1:
        names = ("axis0", "axis1") if call.name == "swapaxes" else ("dim0", "dim1")
        a, b = (-2, -1) if call.name in ("t", "mT") else (call[names[0]], call[names[1]])
        dims[a], dims[b] = dims[b], dims[a]
    return same(call, value, tuple([value.layout[dim] for dim in dims]))


def _moved(count: int, source: Any, destination: Any) -> list[int]:
    """The order that movedim makes."""
    sources = [d % count for d in ([source] if isinstance(source, int) else source)]
    targets = [d % count for d in ([destination] if isinstance(destination, int) else destination)]
    order = dict(zip(targets, sources, strict=True))
    rest = iter([d for d in range(count) if d not in sources])
    return [order[d] if d in order else next(rest) for d in range(count)]


@rule("dropout")
def _dropout(call: Call) -> Outcome:
    """Nothing in the recorded pass, which is one of inference; training keeps a mask, unless nothing is dropped."""
    value = call.value()
    if value.is_constant or not call["p"]:
        return Same(value=value, layout=value.layout)
    return Computed(kind="dropout", values=[value], layout=value.layout, core=Dropout(), arithmetic=0, view=True)


@rule("detach", "alias", "lift_fresh", "feature_dropout", "alpha_dropout", "positive", "requires_grad")
def _same(call: Call) -> Outcome:
    value = call.value()
    return Same(value=value, layout=value.layout)


@rule("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave")
def _expand(call: Call) -> Outcome:
    """Sides of size 1 repeated, or whole maps: new places along a repeated axis read all of it."""
    value = call.value()
    shape = call.shape
    if value.shape == shape:
        return Same(value=value, layout=value.layout)
    if value.is_constant:
        return Unreached(values=[value])
    lead = len(shape) - len(value.shape)
    kept = [at - lead for at in range(len(shape)) if at >= lead and value.shape[at - lead] == shape[at]]
    layout = settled(
        tuple([value.layout[at - lead] if at - lead in kept else channels(n) for at, n in enumerate(shape)])
    )
    windows = reads(layout, value.layout, tuple([(at + lead, at) for at in kept]))
    is_view = call.name in ("expand", "expand_as", "broadcast_to")
    return Computed(kind=call.name, values=[value], layout=layout, reads=[windows], arithmetic=0, view=is_view)
