"""Parts of tensors and their joining: slices, selections, splits, windows, padding, concatenation."""

from __future__ import annotations

import torch

from convcalc.core.ops import Cat, Pad
from convcalc.core.window import Window, places, sliding
from convcalc.pytorch.tracing.layout import (
    Dim,
    Layout,
    channels,
    constant,
    flipped,
    grid,
    places_of,
    reads,
    rolled,
    segment,
    settled,
)
from convcalc.pytorch.tracing.recorder import Call, Source, Value
from convcalc.pytorch.tracing.rules.dimensions import has_places, opened, set_axis, unused_axis, whole_axis, with_dim
from convcalc.pytorch.tracing.rules.elementwise import copy
from convcalc.pytorch.tracing.rules.registry import everywhere, rule, unreached


@rule("slice")
def _slice(call: Call) -> None:
    dim, step = call["dim"], call["step"]
    size = call.value().shape[dim]
    start = call["start"] or 0
    start = min(max(start + size if start < 0 else start, 0), size)
    _part(call, call.out, dim, start, step)


@rule("narrow")
def _narrow(call: Call) -> None:
    start = call["start"]
    _part(call, call.out, call["dim"], int(start) % max(call.value().shape[call["dim"]], 1), 1)


@rule("split", "chunk", "split_with_sizes", "tensor_split", "unsafe_split", "unsafe_chunk", "split_with_sizes_copy")
def _split(call: Call) -> None:
    start = 0
    for out in call.out:
        _part(call, out, call["dim"], start, 1)
        start += out.shape[call["dim"]]


def _part(call: Call, out: torch.Tensor, dim: int, start: int, step: int) -> None:
    """Places `start`, `start + step`, ... of one dimension."""
    value = call.value()
    dim %= len(value.shape)
    shape = tuple(out.shape)
    if value.shape == shape and step == 1:
        return call.recorder.give(call, value.source, value.layout, out)
    if value.is_constant:
        source = Source(None, constant(shape), value.source.origins, value.source)
        return call.recorder.give(call, source, constant(shape), out)
    others = tuple([(at, at) for at in range(len(shape)) if at != dim])
    axis = whole_axis(value.layout, dim)
    if axis is None and any(atom.axis >= 0 for atom in value.layout[dim]):
        layout = with_dim(value.layout, dim, places_of(unused_axis(value.layout, dim), shape[dim]))
        windows = reads(layout, value.layout, others)
    elif axis is None:
        layout, windows = with_dim(value.layout, dim, channels(shape[dim])), ()
    else:
        layout = with_dim(value.layout, dim, places_of(axis, shape[dim]))
        windows = set_axis(reads(layout, value.layout, others), axis, sliding(1, step, -start))
    source = call.recorder.node("slice", [value], layout, reads=[windows], arithmetic=0, view=True)
    source.parent = value.source
    return call.recorder.give(call, source, layout, out)


@rule("select")
def _select(call: Call) -> None:
    value = call.value()
    dim = call["dim"] % len(value.shape)
    _selected(call, value, call.out, dim, int(call["index"]) % value.shape[dim])


@rule("unbind")
def _unbind(call: Call) -> None:
    value = call.value()
    for index, out in enumerate(call.out):
        _selected(call, value, out, call["dim"] % len(value.shape), index)


def _selected(call: Call, value: Value, out: torch.Tensor, dim: int, index: int) -> None:
    """One place of a dimension, which goes away."""
    shape = tuple(out.shape)
    if value.is_constant:
        source = Source(None, constant(shape), value.source.origins, value.source)
        return call.recorder.give(call, source, constant(shape), out)
    layout = settled((*value.layout[:dim], *value.layout[dim + 1 :]))
    if value.shape[dim] == 1:
        return call.recorder.give(call, value.source, layout, out)
    windows = reads(layout, value.layout, _without(len(value.shape), dim))
    axis = whole_axis(value.layout, dim)
    if axis is not None:
        windows = set_axis(windows, axis, Window((places(index, 1),), 0))
    source = call.recorder.node("select", [value], layout, reads=[windows], arithmetic=0, view=True)
    source.parent = value.source
    return call.recorder.give(call, source, layout, out)


def _without(count: int, *dims: int) -> tuple[tuple[int, int], ...]:
    """Which dimensions run together when some of `count` go away."""
    return tuple(enumerate([at for at in range(count) if at not in dims]))


@rule("unfold")
def _unfold(call: Call) -> None:
    """Tensor.unfold: sliding windows of one dimension, their places in a new last one."""
    value = call.value()
    dim, size, step = call["dimension"] % len(value.shape), call["size"], call["step"]
    if value.is_constant:
        return unreached(call)
    axis = whole_axis(value.layout, dim)
    if axis is None:
        return everywhere(call, "unfold")
    layout = (*with_dim(value.layout, dim, places_of(axis, call.shape[dim])), channels(size))
    windows = reads(layout, value.layout, tuple([(at, at) for at in range(len(value.shape)) if at != dim]))
    windows = set_axis(windows, axis, sliding(size, step))
    source = call.recorder.node("unfold", [value], layout, reads=[windows], arithmetic=0, view=True)
    return call.recorder.give(call, source, layout)


@rule("roll", "flip")
def _roll(call: Call) -> None:
    """Values moved around the end, or turned about."""
    value = call.value()
    if value.is_constant:
        return unreached(call)
    layout = value.layout
    windows = reads(layout, layout, tuple([(at, at) for at in range(len(layout))]))
    shifts = call["shifts"] if call.name == "roll" else [0] * len(call["dims"])
    for shift, dim in zip(shifts, call["dims"], strict=False):
        axis, size = whole_axis(layout, dim), value.shape[dim]
        if axis is not None:
            windows = set_axis(windows, axis, rolled(size, shift) if call.name == "roll" else flipped(size))
        elif any(atom.axis >= 0 for atom in layout[dim]):
            windows = reads(layout, layout, ())
    source = call.recorder.node(call.name, [value], layout, reads=[windows], arithmetic=0)
    return call.recorder.give(call, source, layout)


@rule("constant_pad_nd", "pad", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d")
def _pad(call: Call) -> None:
    value, shape = call.value(), call.shape
    if value.is_constant:
        return unreached(call)
    amounts = list(call["pad"] if call.takes("pad") else call["padding"])
    if not any(amounts):
        return copy(call)
    dims = [len(shape) - 1 - at for at in range(len(amounts) // 2)]
    inside = [dim for dim in dims if whole_axis(value.layout, dim) is None and has_places(value.layout, dim)]
    if inside:
        return everywhere(call, "pad")
    layout, windows = value.layout, list(reads(value.layout, value.layout, tuple((d, d) for d in range(len(shape)))))
    before, after = [0] * len(windows), [0] * len(windows)
    for dim, first, last in zip(dims, amounts[::2], amounts[1::2], strict=True):
        axis = whole_axis(layout, dim)
        if axis is None:
            layout = with_dim(layout, dim, channels(shape[dim]))
        else:
            layout = (*layout[:dim], places_of(axis, shape[dim]), *layout[dim + 1 :])
            windows[axis] = sliding(1, 1, first)
            before[axis], after[axis] = first, last
    constant_mode = call["mode"] == "constant" if call.takes("mode") else call.name == "constant_pad_nd"
    core = Pad(tuple(before), tuple(after)) if constant_mode and before else None
    source = call.recorder.node("pad", [value], layout, core=core, reads=[tuple(windows)], arithmetic=0)
    return call.recorder.give(call, source, layout)


@rule("cat", "concat", "stack")
def _cat(call: Call) -> None:
    shape, recorder = call.shape, call.recorder
    values = [call.recorder.value(tensor) for tensor in call["tensors"] if tensor.numel()]
    dim = call["dim"] % len(shape)
    if call.name == "stack":
        values = [v._replace(layout=opened(v.layout, dim), shape=(*v.shape[:dim], 1, *v.shape[dim:])) for v in values]
    live = [value for value in values if not value.is_constant]
    if not live:
        return unreached(call)
    if len(values) == 1:
        return recorder.give(call, live[0].source, live[0].layout)
    axes = {whole_axis(value.layout, dim) for value in live}
    others = tuple([(at, at) for at in range(len(shape)) if at != dim])
    if not any(has_places(value.layout, dim) and value.shape[dim] > 1 for value in live):
        layout = _joined(live, dim, channels(shape[dim]))
        windows = [reads(layout, value.layout, others) for value in live]
        core = Cat() if len(live) == len(values) else None
        source = recorder.node("cat", values, layout, core=core, reads=windows, arithmetic=0)
        return recorder.give(call, source, layout)
    axis = axes.pop() if len(axes) == 1 else None
    alone = axis is not None
    axis = unused_axis(live[0].layout, dim) if axis is None else axis
    layout = _joined(live, dim, places_of(axis, shape[dim]))
    windows, start = list[tuple[Window, ...]](), 0
    for value in values:
        if not value.is_constant:
            found = reads(layout, value.layout, others)
            segmented = alone and shape[dim] <= 4096
            windows.append(set_axis(found, axis, segment(shape[dim], start, value.shape[dim])) if segmented else found)
        start += value.shape[dim]
    source = recorder.node("cat", values, layout, reads=windows, arithmetic=0)
    return recorder.give(call, source, layout)


def _joined(live: list[Value], dim: int, atoms: Dim) -> Layout:
    """The layout of tensors one behind the other along `dim`."""
    spatial = max(live, key=lambda value: len(grid(opened(value.layout, 0))))
    return with_dim(spatial.layout, dim, atoms)
