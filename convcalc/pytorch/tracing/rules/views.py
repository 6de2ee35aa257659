"""Views: the same values under another shape."""

from __future__ import annotations

from typing import Any

from convcalc.core.ops.traced import Copy
from convcalc.pytorch.tracing.layout import Layout, channels, constant, reads, reshaped, settled
from convcalc.pytorch.tracing.recorder import Call, Value, first_tensor, share_memory
from convcalc.pytorch.tracing.rules.dimensions import plain_layout
from convcalc.pytorch.tracing.rules.elementwise import elementwise
from convcalc.pytorch.tracing.rules.registry import rule, unreached


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
def _reshape(call: Call) -> None:
    value = call.value()
    shape = call.shape
    if value.is_constant:
        return _follow(call, value, constant(shape))
    if call.func._schema.name == "aten::view" and call.func._schema.overload_name == "dtype":
        return elementwise(call, "view")
    layout = reshaped(value.layout, shape)
    if layout is None:
        layout = plain_layout(shape)
        source = call.recorder.node(
            "reshape", [value], layout, reads=[reads(layout, value.layout, ())], arithmetic=0, view=True
        )
        return call.recorder.give(call, source, layout)
    return _follow(call, value, layout)


def _follow(call: Call, value: Value, layout: Layout) -> None:
    """The same values in another layout: a view, or a copy where PyTorch made one."""
    source = value.source
    if not value.is_constant and not share_memory(first_tensor(call.out), call.args[0]):
        source = call.recorder.node("copy", [value], layout, core=Copy())
    call.recorder.give(call, source, layout)


@rule("permute", "transpose", "t", "numpy_T", "mT", "swapaxes", "movedim")
def _permute(call: Call) -> None:
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
    _follow(call, value, tuple([value.layout[dim] for dim in dims]))


def _moved(count: int, source: Any, destination: Any) -> list[int]:
    """The order that movedim makes."""
    sources = [d % count for d in ([source] if isinstance(source, int) else source)]
    targets = [d % count for d in ([destination] if isinstance(destination, int) else destination)]
    order = dict(zip(targets, sources, strict=True))
    rest = iter([d for d in range(count) if d not in sources])
    return [order[d] if d in order else next(rest) for d in range(count)]


@rule("detach", "alias", "lift_fresh", "dropout", "feature_dropout", "alpha_dropout", "positive", "requires_grad")
def _same(call: Call) -> None:
    value = call.value()
    call.recorder.give(call, value.source, value.layout)


@rule("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave")
def _expand(call: Call) -> None:
    """Sides of size 1 repeated, or whole maps: new places along a repeated axis read all of it."""
    value = call.value()
    shape = call.shape
    if value.shape == shape:
        return _same(call)
    if value.is_constant:
        return unreached(call)
    lead = len(shape) - len(value.shape)
    kept = [at - lead for at in range(len(shape)) if at >= lead and value.shape[at - lead] == shape[at]]
    layout = settled(
        tuple([value.layout[at - lead] if at - lead in kept else channels(n) for at, n in enumerate(shape)])
    )
    windows = reads(layout, value.layout, tuple([(at + lead, at) for at in kept]))
    is_view = call.name in ("expand", "expand_as", "broadcast_to")
    source = call.recorder.node(call.name, [value], layout, reads=[windows], arithmetic=0, view=is_view)
    return call.recorder.give(call, source, layout)
