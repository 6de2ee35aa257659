"""Parts of tensors and their joining: slices, selections, splits, windows, padding, concatenation."""

from __future__ import annotations

from itertools import accumulate

import torch

from convcalc.core.ops.join import Cat
from convcalc.core.ops.reshape import Pad
from convcalc.core.window import Window, places, sliding
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Same, Unreached, Value
from convcalc.pytorch.tracing.layout import (
    Dim,
    Layout,
    channels,
    flipped,
    grid,
    places_of,
    reads,
    rolled,
    segment,
    settled,
)
from convcalc.pytorch.tracing.rules.answers import everywhere
from convcalc.pytorch.tracing.rules.dimensions import has_places, opened, set_axis, unused_axis, whole_axis, with_dim
from convcalc.pytorch.tracing.rules.elementwise import copy
from convcalc.pytorch.tracing.rules.registry import rule

MAX_SEGMENTED = 4096
"""Of longer joined axes every place is said to read every part: listing them would cost more than it tells."""


@rule("slice")
def _slice(call: Call) -> Outcome:
    dim, step = call["dim"], call["step"]
    size = call.value().shape[dim]
    start = call["start"] or 0
    start = min(max(start + size if start < 0 else start, 0), size)
    return _part(call.value(), call.out, dim, start, step)


@rule("narrow")
def _narrow(call: Call) -> Outcome:
    start = call["start"]
    return _part(call.value(), call.out, call["dim"], int(start) % max(call.value().shape[call["dim"]], 1), 1)


@rule("split", "chunk", "split_with_sizes", "tensor_split", "unsafe_split", "unsafe_chunk", "split_with_sizes_copy")
def _split(call: Call) -> Answer:
    value, dim = call.value(), call["dim"]
    starts = accumulate([out.shape[dim] for out in call.out], initial=0)
    return [_part(value, out, dim, start, 1) for out, start in zip(call.out, starts, strict=False)]


def _part(value: Value, out: torch.Tensor, dim: int, start: int, step: int) -> Outcome:
    """Places `start`, `start + step`, ... of one dimension."""
    dim %= len(value.shape)
    shape = tuple(out.shape)
    if value.shape == shape and step == 1:
        return Same(value=value, layout=value.layout)
    if value.is_constant:
        return Unreached(values=[value], part=True)
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
    return Computed(kind="slice", values=[value], layout=layout, reads=[windows], arithmetic=0, view=True, part=True)


@rule("select")
def _select(call: Call) -> Outcome:
    value = call.value()
    dim = call["dim"] % len(value.shape)
    return _selected(value, dim, int(call["index"]) % value.shape[dim])


@rule("unbind")
def _unbind(call: Call) -> Answer:
    value = call.value()
    return [_selected(value, call["dim"] % len(value.shape), index) for index in range(len(call.out))]


def _selected(value: Value, dim: int, index: int) -> Outcome:
    """One place of a dimension, which goes away."""
    if value.is_constant:
        return Unreached(values=[value], part=True)
    layout = settled((*value.layout[:dim], *value.layout[dim + 1 :]))
    if value.shape[dim] == 1:
        return Same(value=value, layout=layout)
    windows = reads(layout, value.layout, _without(len(value.shape), dim))
    axis = whole_axis(value.layout, dim)
    if axis is not None:
        windows = set_axis(windows, axis, Window((places(index, 1),), 0))
    return Computed(kind="select", values=[value], layout=layout, reads=[windows], arithmetic=0, view=True, part=True)


def _without(count: int, *dims: int) -> tuple[tuple[int, int], ...]:
    """Which dimensions run together when some of `count` go away."""
    return tuple(enumerate([at for at in range(count) if at not in dims]))


@rule("unfold")
def _unfold(call: Call) -> Answer:
    """Tensor.unfold: sliding windows of one dimension, their places in a new last one."""
    value = call.value()
    dim, size, step = call["dimension"] % len(value.shape), call["size"], call["step"]
    axis = whole_axis(value.layout, dim)
    if axis is None:
        return everywhere(call, "unfold")
    layout = (*with_dim(value.layout, dim, places_of(axis, call.shape[dim])), channels(size))
    windows = reads(layout, value.layout, tuple([(at, at) for at in range(len(value.shape)) if at != dim]))
    windows = set_axis(windows, axis, sliding(size, step))
    return Computed(kind="unfold", values=[value], layout=layout, reads=[windows], arithmetic=0, view=True)


@rule("roll", "flip")
def _roll(call: Call) -> Outcome:
    """Values moved around the end, or turned about."""
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    layout = value.layout
    windows = reads(layout, layout, tuple([(at, at) for at in range(len(layout))]))
    shifts = call["shifts"] if call.name == "roll" else [0] * len(call["dims"])
    for shift, dim in zip(shifts, call["dims"], strict=False):
        axis, size = whole_axis(layout, dim), value.shape[dim]
        if axis is not None:
            windows = set_axis(windows, axis, rolled(size, shift) if call.name == "roll" else flipped(size))
        elif any(atom.axis >= 0 for atom in layout[dim]):
            windows = reads(layout, layout, ())
    return Computed(kind=call.name, values=[value], layout=layout, reads=[windows], arithmetic=0)


@rule("constant_pad_nd", "pad", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d")
def _pad(call: Call) -> Answer:
    value, shape = call.value(), call.shape
    if value.is_constant:
        return Unreached(values=[value])
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
    return Computed(kind="pad", values=[value], layout=layout, core=core, reads=[tuple(windows)], arithmetic=0)


@rule("cat", "concat", "stack")
def _cat(call: Call) -> Answer:
    shape = call.shape
    values = call.values([tensor for tensor in call["tensors"] if tensor.numel()])
    dim = call["dim"] % len(shape)
    if call.name == "stack":
        values = [v._replace(layout=opened(v.layout, dim), shape=(*v.shape[:dim], 1, *v.shape[dim:])) for v in values]
    live = [value for value in values if not value.is_constant]
    if not live:
        return Unreached(values=values)
    if len(values) == 1:
        return Same(value=live[0], layout=live[0].layout)
    others = tuple([(at, at) for at in range(len(shape)) if at != dim])
    if not any(has_places(value.layout, dim) and value.shape[dim] > 1 for value in live):
        layout = _joined(live, dim, channels(shape[dim]))
        windows = [reads(layout, value.layout, others) for value in values]
        core = Cat() if len(live) == len(values) else None
        return Computed(kind="cat", values=values, layout=layout, core=core, reads=windows, arithmetic=0)
    axes = {whole_axis(value.layout, dim) for value in live}
    shared = axes.pop() if len(axes) == 1 else None
    axis = unused_axis(live[0].layout, dim) if shared is None else shared
    layout = _joined(live, dim, places_of(axis, shape[dim]))
    windows = [reads(layout, value.layout, others) for value in values]
    if shared is not None and shape[dim] <= MAX_SEGMENTED:
        starts = accumulate([value.shape[dim] for value in values], initial=0)
        windows = [
            set_axis(onto, axis, segment(shape[dim], start, value.shape[dim]))
            for onto, start, value in zip(windows, starts, values, strict=False)
        ]
    return Computed(kind="cat", values=values, layout=layout, reads=windows, arithmetic=0)


def _joined(live: list[Value], dim: int, atoms: Dim) -> Layout:
    """The layout of tensors one after the other along `dim`."""
    spatial = max(live, key=lambda value: len(grid(opened(value.layout, 0))))
    return with_dim(spatial.layout, dim, atoms)
