"""What each PyTorch operator means: the one table from a recorded call to a node of the graph.

A rule reads a Call and gives its output a Source and a Layout. Operators without a rule are taken
apart by PyTorch where it can; of the rest, those that PyTorch calls pointwise are counted one for each
element, and all others are listed as not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from convcalc.algebra import prod
from convcalc.ops import (
    GELU,
    AdaptiveAvgPool,
    Add,
    AvgPool,
    BatchNorm,
    Cat,
    Conv,
    Dense,
    Formula,
    GlobalAvgPool,
    GroupNorm,
    Hardsigmoid,
    Hardswish,
    LayerNorm,
    LayerScale,
    MaxPool,
    Mul,
    Op,
    Pad,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    TransposedConv,
    Upsample,
    UpsampleBilinear,
)
from convcalc.ops.base import times
from convcalc.ops.traced import Copy, Pointwise, Uncounted
from convcalc.pytorch.layout import (
    Atom,
    Dim,
    Layout,
    channels,
    constant,
    flipped,
    grid,
    places_of,
    plain,
    reads,
    reshaped,
    rolled,
    segment,
    settled,
    shape_of,
)
from convcalc.pytorch.recorder import Call, Rule, Source, Value, base_name, first_tensor, share_memory
from convcalc.window import (
    Window,
    adaptive,
    everything,
    interpolated,
    nearest,
    places,
    sliding,
    smoothed,
    transposed,
)

RULES: dict[str, Rule] = {}
"""Every operator with a rule, by PyTorch's name for it without the in-place mark."""


def rule_of(func: Any) -> Rule | None:
    """The rule of an operator; None where PyTorch takes it apart into simpler ones."""
    name = base_name(func)
    known = RULES.get(name)
    if known is not None:
        return known
    if torch.Tag.pointwise in func.tags or name in _FUNCTIONS:
        return _pointwise
    return None if func._can_decompose() else _unknown


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of these operators."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


# Elementwise: one value for each place, sides of size 1 repeated

_FUNCTIONS: dict[str, Op] = {
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

_PLAIN_NAMES = {"__and__": "and", "__or__": "or", "_to_copy": "to", "leaky_relu": "leakyrelu"}


@rule("hardtanh")
def _hardtanh(call: Call) -> None:
    _elementwise(call, "relu6" if (call["min_val"], call["max_val"]) == (0, 6) else "hardtanh")


@rule("clone", "_to_copy", "to", "contiguous", "type_as", "copy")
def _copy(call: Call) -> None:
    """A copy of values; `copy_` writes them into its first argument."""
    value = call.value(1 if call.name == "copy" else 0)
    if call.out is call.args[0] and call.name != "copy":
        return
    if value.is_constant:
        call.recorder.give(call, Source(None, constant(call.shape), value.source.origins), constant(call.shape))
    elif value.shape != call.shape:
        _elementwise(call, "copy", [value])
    elif call.name != "copy" and share_memory(call.out, call.args[0]):
        call.recorder.give(call, value.source, value.layout)
    else:
        source = call.recorder.node("copy", [value], value.layout, core=Copy())
        call.recorder.give(call, source, value.layout)


@rule("where", "masked_fill", "lerp", "maximum", "minimum", "clamp", "prelu", "_prelu_kernel", "celu", "selu", "rrelu")
def _pointwise(call: Call) -> None:
    _elementwise(call, call.name)


@rule("triu", "tril")
def _triangle(call: Call) -> None:
    _elementwise(call, call.name, [call.value()], count=0)


@rule("_weight_norm_interface", "_weight_norm")
def _weight_norm(call: Call) -> None:
    """A weight from its direction and length (Salimans and Kingma 2016): square, sum, product, scaling."""
    _everywhere(call, "weightnorm", count=4 * prod(call.shape))


@rule("glu")
def _glu(call: Call) -> None:
    """One half of the channels times the sigmoid of the other."""
    value = call.value()
    if value.is_constant:
        return _constant(call)
    dim = call["dim"] % len(value.shape)
    if _has_places(value.layout, dim):
        return _everywhere(call, "glu", count=2 * prod(call.shape))
    layout = _with_dim(value.layout, dim, channels(call.shape[dim]))
    source = call.recorder.node("glu", [value], layout, arithmetic=2 * prod(call.shape), keeps="input")
    return call.recorder.give(call, source, layout)


@rule("zero", "fill")
def _fill(call: Call) -> None:
    if call.func._schema.is_mutable and call.value().is_constant:
        return
    _elementwise(call, "fill", count=0)


def _elementwise(call: Call, kind: str, values: list[Value] | None = None, count: int | None = None) -> None:
    """One node, or none where no input is involved. Scalars are no operands."""
    values = call.tensors if values is None else values
    shape = call.shape
    recorder = call.recorder
    live = [value for value in values if not value.is_constant]
    if not live:
        origins = frozenset().union(*[value.source.origins for value in values])
        return recorder.give(call, Source(None, constant(shape), origins), constant(shape))
    layout, windows = _aligned(live, shape)
    core = _FUNCTIONS.get(kind)
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
        dims.append(_broadest(values, at - len(shape), size))
    layout = settled(tuple(dims))
    return layout, [_broadcast_reads(layout, value, shape) for value in values]


def _broadest(values: list[Value], at: int, size: int) -> Dim:
    """What a dimension of a result runs over: places where any value has them."""
    found = [v.layout[at] for v in values if -at <= len(v.layout) and v.shape[at] == size]
    spatial = [dim for dim in found if any(atom.axis >= 0 for atom in dim)]
    return (spatial or found or [channels(size)])[0]


def _broadcast_reads(layout: Layout, value: Value, shape: tuple[int, ...]) -> tuple[Window, ...]:
    lead = len(shape) - len(value.shape)
    pairs = [(lead + i, i) for i, size in enumerate(value.shape) if size == shape[lead + i]]
    return reads(layout, value.layout, tuple(pairs))


# Views: the same values under another shape


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
        return _elementwise(call, "view")
    layout = reshaped(value.layout, shape)
    if layout is None:
        layout = _plain(shape)
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


def _plain(shape: tuple[int, ...]) -> Layout:
    return plain(shape) if len(shape) > 1 else constant(shape)


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
        return _constant(call)
    lead = len(shape) - len(value.shape)
    kept = [at - lead for at in range(len(shape)) if at >= lead and value.shape[at - lead] == shape[at]]
    layout = settled(
        tuple([value.layout[at - lead] if at - lead in kept else channels(n) for at, n in enumerate(shape)])
    )
    windows = reads(layout, value.layout, tuple([(at + lead, at) for at in kept]))
    is_view = call.name in ("expand", "expand_as", "broadcast_to")
    source = call.recorder.node(call.name, [value], layout, reads=[windows], arithmetic=0, view=is_view)
    return call.recorder.give(call, source, layout)


def _constant(call: Call) -> None:
    """An output that no input reaches."""
    origins = frozenset().union(*[value.source.origins for value in call.tensors])
    for out in _outputs(call):
        layout = constant(out.shape)
        call.recorder.give(call, Source(None, layout, origins), layout, out)


def _outputs(call: Call) -> list[torch.Tensor]:
    out = call.out if isinstance(call.out, (list, tuple)) else [call.out]
    return [item for item in out if isinstance(item, torch.Tensor)]


# Parts: slices, selections, splits


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
    axis = _whole_axis(value.layout, dim)
    if axis is None and any(atom.axis >= 0 for atom in value.layout[dim]):
        layout = _with_dim(value.layout, dim, places_of(_unused(value.layout, dim), shape[dim]))
        windows = reads(layout, value.layout, others)
    elif axis is None:
        layout, windows = _with_dim(value.layout, dim, channels(shape[dim])), ()
    else:
        layout = _with_dim(value.layout, dim, places_of(axis, shape[dim]))
        windows = _set_axis(reads(layout, value.layout, others), axis, sliding(1, step, -start))
    source = call.recorder.node("slice", [value], layout, reads=[windows], arithmetic=0, view=True)
    source.parent = value.source
    return call.recorder.give(call, source, layout, out)


def _with_dim(layout: Layout, dim: int, atoms: Dim) -> Layout:
    """The layout with one dimension replaced, axes renumbered; the new dimension keeps its places."""
    kept = (*layout[:dim], (), *layout[dim + 1 :])
    after = settled(kept)
    return (*after[:dim], atoms, *after[dim + 1 :])


def _whole_axis(layout: Layout, dim: int) -> int | None:
    """The axis, if a dimension runs over exactly one, from end to end."""
    atoms = layout[dim]
    if len(atoms) != 1 or atoms[0].axis < 0 or atoms[0].stride != 1:
        return None
    return atoms[0].axis if grid(layout)[atoms[0].axis] == atoms[0].size else None


def _unused(layout: Layout, dim: int) -> int:
    """The first axis that no other dimension has places of."""
    taken = {atom.axis for at, atoms in enumerate(layout) for atom in atoms if at != dim}
    return next(axis for axis in range(len(taken) + 1) if axis not in taken)


def _set_axis(windows: tuple[Window, ...], axis: int, window: Window) -> tuple[Window, ...]:
    return tuple([window if at == axis else w for at, w in enumerate(windows)])


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
    axis = _whole_axis(value.layout, dim)
    if axis is not None:
        windows = _set_axis(windows, axis, Window((places(index, 1),), 0))
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
        return _constant(call)
    axis = _whole_axis(value.layout, dim)
    if axis is None:
        return _everywhere(call, "unfold")
    layout = (*_with_dim(value.layout, dim, places_of(axis, call.shape[dim])), channels(size))
    windows = reads(layout, value.layout, tuple([(at, at) for at in range(len(value.shape)) if at != dim]))
    windows = _set_axis(windows, axis, sliding(size, step))
    source = call.recorder.node("unfold", [value], layout, reads=[windows], arithmetic=0, view=True)
    return call.recorder.give(call, source, layout)


@rule("roll", "flip")
def _roll(call: Call) -> None:
    """Values moved around the end, or turned about."""
    value = call.value()
    if value.is_constant:
        return _constant(call)
    layout = value.layout
    windows = reads(layout, layout, tuple([(at, at) for at in range(len(layout))]))
    shifts = call["shifts"] if call.name == "roll" else [0] * len(call["dims"])
    for shift, dim in zip(shifts, call["dims"], strict=False):
        axis, size = _whole_axis(layout, dim), value.shape[dim]
        if axis is not None:
            windows = _set_axis(windows, axis, rolled(size, shift) if call.name == "roll" else flipped(size))
        elif any(atom.axis >= 0 for atom in layout[dim]):
            windows = reads(layout, layout, ())
    source = call.recorder.node(call.name, [value], layout, reads=[windows], arithmetic=0)
    return call.recorder.give(call, source, layout)


@rule("constant_pad_nd", "pad", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d")
def _pad(call: Call) -> None:
    value, shape = call.value(), call.shape
    if value.is_constant:
        return _constant(call)
    amounts = list(call["pad"] if call.takes("pad") else call["padding"])
    if not any(amounts):
        return _copy(call)
    dims = [len(shape) - 1 - at for at in range(len(amounts) // 2)]
    inside = [dim for dim in dims if _whole_axis(value.layout, dim) is None and _has_places(value.layout, dim)]
    if inside:
        return _everywhere(call, "pad")
    layout, windows = value.layout, list(reads(value.layout, value.layout, tuple((d, d) for d in range(len(shape)))))
    before, after = [0] * len(windows), [0] * len(windows)
    for dim, first, last in zip(dims, amounts[::2], amounts[1::2], strict=True):
        axis = _whole_axis(layout, dim)
        if axis is None:
            layout = _with_dim(layout, dim, channels(shape[dim]))
        else:
            layout = (*layout[:dim], places_of(axis, shape[dim]), *layout[dim + 1 :])
            windows[axis] = sliding(1, 1, first)
            before[axis], after[axis] = first, last
    constant_mode = call["mode"] == "constant" if call.takes("mode") else call.name == "constant_pad_nd"
    core = Pad(tuple(before), tuple(after)) if constant_mode and before else None
    source = call.recorder.node("pad", [value], layout, core=core, reads=[tuple(windows)], arithmetic=0)
    return call.recorder.give(call, source, layout)


def _has_places(layout: Layout, dim: int) -> bool:
    return any(atom.axis >= 0 for atom in layout[dim])


@rule("cat", "concat", "stack")
def _cat(call: Call) -> None:
    shape, recorder = call.shape, call.recorder
    values = [call.recorder.value(tensor) for tensor in call["tensors"] if tensor.numel()]
    dim = call["dim"] % len(shape)
    if call.name == "stack":
        values = [v._replace(layout=_opened(v.layout, dim), shape=(*v.shape[:dim], 1, *v.shape[dim:])) for v in values]
    live = [value for value in values if not value.is_constant]
    if not live:
        return _constant(call)
    if len(values) == 1:
        return recorder.give(call, live[0].source, live[0].layout)
    axes = {_whole_axis(value.layout, dim) for value in live}
    others = tuple([(at, at) for at in range(len(shape)) if at != dim])
    if not any(_has_places(value.layout, dim) and value.shape[dim] > 1 for value in live):
        layout = _joined(live, dim, channels(shape[dim]))
        windows = [reads(layout, value.layout, others) for value in live]
        core = Cat() if len(live) == len(values) else None
        source = recorder.node("cat", values, layout, core=core, reads=windows, arithmetic=0)
        return recorder.give(call, source, layout)
    axis = axes.pop() if len(axes) == 1 else None
    alone = axis is not None
    axis = _unused(live[0].layout, dim) if axis is None else axis
    layout = _joined(live, dim, places_of(axis, shape[dim]))
    windows, start = list[tuple[Window, ...]](), 0
    for value in values:
        if not value.is_constant:
            found = reads(layout, value.layout, others)
            segmented = alone and shape[dim] <= 4096
            windows.append(_set_axis(found, axis, segment(shape[dim], start, value.shape[dim])) if segmented else found)
        start += value.shape[dim]
    source = recorder.node("cat", values, layout, reads=windows, arithmetic=0)
    return recorder.give(call, source, layout)


def _opened(layout: Layout, dim: int) -> Layout:
    """The layout with a new dimension of size 1."""
    return (*layout[:dim], (), *layout[dim:])


def _joined(live: list[Value], dim: int, atoms: Dim) -> Layout:
    """The layout of tensors one behind the other along `dim`."""
    spatial = max(live, key=lambda value: len(grid(_opened(value.layout, 0))))
    return _with_dim(spatial.layout, dim, atoms)


# Convolution


@rule("conv1d", "conv2d", "conv3d", "convolution", "_convolution")
def _conv(call: Call) -> None:
    padding = call["padding"]
    weight = call.value("weight")
    axes = len(weight.shape) - 2
    flipped_kernel = call.takes("transposed") and call["transposed"]
    _convolve(call, weight, [_each(call[name], axes) for name in ("stride", "dilation")], padding, flipped_kernel)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv_transpose(call: Call) -> None:
    weight = call.value("weight")
    axes = len(weight.shape) - 2
    stepping = [_each(call[name], axes) for name in ("stride", "dilation")]
    _convolve(call, weight, stepping, call["padding"], is_transposed=True)


def _each(values: Any, axes: int) -> tuple[int, ...]:
    each: tuple[int, ...] = (values,) if isinstance(values, int) else tuple(values)
    return each * axes if len(each) == 1 else each


def _convolve(call: Call, weight: Value, stepping: list[tuple[int, ...]], padding: Any, is_transposed: bool) -> None:
    """A convolution over the last dimensions, whatever is folded into the batch."""
    recorder = call.recorder
    value = call.value()
    kernel = weight.shape[2:]
    axes = len(kernel)
    stride, dilation = stepping
    before, after = _padding(padding, kernel, dilation)
    value, batched = _batched(value, axes)
    value = _spread(call, value, axes)
    where = [_axis_at(value.layout, 2 + at) for at in range(axes)]
    out = call.shape if batched else (1, *call.shape)
    layout: Layout = (
        value.layout[0],
        channels(out[1]),
        *[places_of(axis, n) for axis, n in zip(where, out[2:], strict=True)],
    )
    rank = max(where, default=-1) + 1
    rank = max(rank, len(grid(value.layout)))

    def by_axis(values: Sequence[int], rest: int) -> tuple[int, ...]:
        given = dict(zip(where, values, strict=True))
        return tuple([given.get(axis, rest) for axis in range(rank)])

    options = (by_axis(kernel, 1), out[1], by_axis(stride, 1), by_axis(before, 0), by_axis(dilation, 1), call["groups"])
    bias = call.optional("bias")
    core: Op | None
    if is_transposed:
        extra = _each(call["output_padding"], axes)
        core = TransposedConv(*options, bias is not None, by_axis(extra, 0))
        products = prod(weight.shape) * prod(value.shape[2:]) * value.shape[0]
    else:
        core = Conv(*options, bias is not None) if before == after else None
        if rank == 0 or (all(k == 1 for k in kernel) and not recorder_rank(recorder, value)):
            core = Dense(out[1], bias is not None)
        products = prod(weight.shape) * prod(out[2:]) * out[0]
    make = transposed if is_transposed else sliding
    windows = list(reads(layout, value.layout, ((0, 0),)))
    for at, axis in enumerate(where):
        if axis < len(windows):
            windows[axis] = make(kernel[at], stride[at], before[at], dilation[at])
    operands = [value, weight]
    found = [tuple(windows), *([reads(layout, weight.layout, ())] if not weight.is_constant else [])]
    places_used = value.shape[2:] if is_transposed else out[2:]
    source = recorder.node(
        "tconv" if is_transposed else "conv",
        operands,
        layout,
        core=core if weight.is_constant and (bias is None or bias.is_constant) else None,
        reads=found,
        products=products,
        arithmetic=prod(out) if bias is not None else 0,
        bias=bias,
        text=Formula(times(*weight.shape), times(*weight.shape, *places_used, value.shape[0])),
        keeps="input",
    )
    recorder.give(call, source, layout if batched else layout[1:])


def recorder_rank(recorder: Any, value: Value) -> int:
    """How many spatial axes the node that a value holds has."""
    return len(recorder.builder.shapes[value.source.node]) - 1 if value.source.node is not None else 0


def _padding(padding: Any, kernel: Sequence[int], dilation: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding at both ends; "same" puts the odd place at the end, as PyTorch does."""
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if padding == "same":
        whole = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple([n // 2 for n in whole]), tuple([n - n // 2 for n in whole])
    each = _each(padding, len(kernel))
    return each, each


def _batched(value: Value, axes: int) -> tuple[Value, bool]:
    """The value with a batch in front, and whether it had one."""
    if len(value.shape) == axes + 2:
        return value, True
    return value._replace(layout=_opened(value.layout, 0), shape=(1, *value.shape)), False


def _spread(call: Call, value: Value, axes: int) -> Value:
    """The value with its last `axes` dimensions on whole axes of their own, over a reshaping node if need be."""
    if value.is_constant:
        return value
    last = range(len(value.shape) - axes, len(value.shape))
    fine = all(value.shape[dim] == 1 or _whole_axis(value.layout, dim) is not None for dim in last)
    if fine and not any(_has_places(value.layout, 1) and value.shape[1] > 1 for _ in (0,)):
        return value
    layout = settled((*_unplaced(value.layout[: -axes or None]), *plain(value.shape[-axes - 1 :], batch=False)[1:]))
    pairs = tuple([(dim, dim) for dim in range(len(value.shape))])
    windows = reads(layout, value.layout, pairs)
    source = call.recorder.node("reshape", [value], layout, reads=[windows], arithmetic=0, view=True)
    return Value(source, layout, value.shape)


def _unplaced(layout: Layout) -> Layout:
    """The same sizes as channels."""
    return tuple([channels(prod([atom.size for atom in dim])) for dim in layout])


def _axis_at(layout: Layout, dim: int) -> int:
    """The axis that a dimension runs over; of size 1 and without a name, the first that is free."""
    if layout[dim]:
        return max(layout[dim][0].axis, 0)
    named = {atom.axis for atoms in layout for atom in atoms}
    free = [axis for axis in range(len(layout) + len(named)) if axis not in named]
    nameless = [at for at in range(2, len(layout)) if not layout[at]]
    return free[nameless.index(dim)]


# Products


@rule("linear")
def _linear(call: Call) -> None:
    weight = call.value("weight")
    turned = weight._replace(layout=weight.layout[::-1], shape=weight.shape[::-1])
    _product(call, call.value("input"), turned, bias=call.optional("bias"))


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def _matmul(call: Call) -> None:
    _product(call, call.value(0), call.value(1))


@rule("addmm", "baddbmm", "addmv", "addbmm")
def _addmm(call: Call) -> None:
    bias = call.value(0)
    if bias.is_constant:
        _product(call, call.value(1), call.value(2), bias=bias)
    else:
        _product(call, call.value(1), call.value(2), added=bias)


def _product(call: Call, a: Value, b: Value, bias: Value | None = None, added: Value | None = None) -> None:
    """A matrix product (..., M, K) by (..., K, N), batches broadcast."""
    shape, recorder = call.shape, call.recorder
    inner = a.shape[-1]
    rows, columns = len(a.shape) > 1, len(b.shape) > 1
    own = int(rows) + int(columns)
    lead = len(shape) - own
    batches = [(v, len(v.shape) - 1 - int(is_matrix)) for v, is_matrix in ((a, rows), (b, columns))]
    pairs: list[list[tuple[int, int]]] = []
    for value, count in batches:
        pairs.append([(lead - count + i, i) for i in range(count) if value.shape[i] == shape[lead - count + i]])
    if rows:
        pairs[0].append((lead, len(a.shape) - 2))
    if columns:
        pairs[1].append((len(shape) - 1, len(b.shape) - 1))
    dims: list[Dim] = [
        _broadest([v._replace(layout=v.layout[:n], shape=v.shape[:n]) for v, n in batches], at - lead, shape[at])
        for at in range(lead)
    ]
    dims += a.layout[-2:-1] if rows else ()
    dims += b.layout[-1:] if columns else ()
    layout = settled(tuple(dims))
    operands = [a, b, *([added] if added else [])]
    windows = [reads(layout, v.layout, tuple(p)) for v, p in zip((a, b), pairs, strict=True) if not v.is_constant]
    if added:
        windows.append(_broadcast_reads(layout, added, shape))
    products = prod(shape) * inner
    dense = b.is_constant and len(b.shape) == 2 and not a.is_constant
    source = recorder.node(
        "fc" if dense else "matmul",
        operands,
        layout,
        core=_dense(recorder, a, layout, shape[-1] if shape else 1, bias is not None) if dense else None,
        reads=windows,
        products=products,
        arithmetic=prod(shape) if bias is not None or added is not None else 0,
        bias=bias,
        text=Formula("", times(*[n for n in shape if n != 1], inner)),
        keeps="input",
    )
    recorder.give(call, source, layout)


def _dense(recorder: Any, value: Value, layout: Layout, width: int, bias: bool) -> Op | None:
    """A dense layer: of the whole map, or at every place where only channels are summed over."""
    if any(atom.axis >= 0 for atom in value.layout[-1]) or not any(n > 1 for n in grid(layout)):
        return Dense(width, bias)
    rank = recorder_rank(recorder, value)
    ones = (1,) * rank
    return Pointwise(ones, width, ones, (0,) * rank, ones, 1, bias)


@rule(
    "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
    "_scaled_dot_product_attention_math",
)
def _attention(call: Call) -> None:
    """softmax(q k' / sqrt(d)) v: two products; scaling, softmax and mask are elementwise arithmetic."""
    query, key, value = call.value(0), call.value(1), call.value(2)
    mask = call.optional("attn_mask") or call.optional("attn_bias")
    shape = call.shape
    last = len(shape) - 1
    scores = prod(shape[:-1]) * key.shape[-2]
    layout = settled((*query.layout[:-1], value.layout[-1]))
    heads = tuple([(at, at) for at in range(last - 1) if key.shape[at] == shape[at]])
    all_reads = [
        (query, reads(layout, query.layout, (*heads, (last - 1, last - 1)))),
        (key, reads(layout, key.layout, heads)),
        (value, reads(layout, value.layout, (*heads, (last, last)))),
    ]
    operands = [query, key, value]
    if mask is not None:
        operands.append(mask)
        all_reads.append((mask, reads(layout, mask.layout, ())))
    source = call.recorder.node(
        "attention",
        operands,
        layout,
        reads=[windows for operand, windows in all_reads if not operand.is_constant],
        products=scores * (query.shape[-1] + value.shape[-1]),
        arithmetic=scores * (4 + (mask is not None)),
        text=Formula("", times(*shape[:-1], key.shape[-2], query.shape[-1] + value.shape[-1])),
        keeps="input",
    )
    call.recorder.give(call, source, layout)


@rule("embedding")
def _embedding(call: Call) -> None:
    """A row of the table for each id: no arithmetic."""
    table, ids = call.value("weight"), call.value("indices")
    if ids.is_constant:
        return _constant(call)
    layout = (*ids.layout, channels(table.shape[-1]))
    source = call.recorder.node(
        "embedding", [ids, table], layout, arithmetic=0, text=Formula(times(*table.shape)), keeps="input"
    )
    return call.recorder.give(call, source, layout)


# Normalisation: local, its statistics are taken as given


@rule("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")
def _batch_norm(call: Call) -> None:
    learned = call["weight"] is not None and call["bias"] is not None
    _normalise(call, "bn", BatchNorm() if learned else None, 2)


@rule("layer_norm", "native_layer_norm")
def _layer_norm(call: Call) -> None:
    value, shape = call.value(), call["normalized_shape"]
    local = len(shape) == 1 and shape[0] == shape_of(value.layout)[0] and not _has_places(value.layout, -1)
    learned = call["weight"] is not None and call["bias"] is not None
    _normalise(call, "ln", LayerNorm() if local and learned else None, 7)


@rule("group_norm", "native_group_norm")
def _group_norm(call: Call) -> None:
    groups = call["num_groups"] if call.takes("num_groups") else call["group"]
    _normalise(call, "gn", GroupNorm(groups) if call["weight"] is not None else None, 7)


@rule("instance_norm")
def _instance_norm(call: Call) -> None:
    _normalise(call, "norm", None, 7)


@rule("rms_norm", "_fused_rms_norm")
def _rms_norm(call: Call) -> None:
    """For each element: square, sum, scaling, and the factor to learn."""
    _normalise(call, "norm", None, 4)


def _normalise(call: Call, kind: str, core: Op | None, per_element: int) -> None:
    value = call.value()
    affine = [v for name in ("weight", "bias") if (v := call.optional(name)) is not None]
    if value.is_constant and all(v.is_constant for v in affine):
        return _constant(call)
    live = [v for v in affine if not v.is_constant]
    if value.is_constant or live:
        return _elementwise(call, kind, [value, *affine], per_element * prod(value.shape))
    source = call.recorder.node(
        kind, [value, *affine], value.layout, core=core, arithmetic=per_element * prod(value.shape), keeps="input"
    )
    return call.recorder.give(call, source, value.layout)


@rule("softmax", "log_softmax", "_softmax", "_log_softmax", "_safe_softmax")
def _softmax(call: Call) -> None:
    """An exponential, an addition and a division for each element; along places it reads them all."""
    value = call.value()
    if value.is_constant:
        return _constant(call)
    dim = call["dim"] % len(value.shape)
    others = tuple([(at, at) for at in range(len(value.shape)) if at != dim])
    has_places = _has_places(value.layout, dim)
    windows = [reads(value.layout, value.layout, others)] if has_places else []
    core = None if has_places or call.name.endswith("log_softmax") else Softmax()
    source = call.recorder.node(
        call.name.strip("_"),
        [value],
        value.layout,
        core=core,
        reads=windows,
        arithmetic=3 * prod(value.shape),
        keeps="output",
    )
    return call.recorder.give(call, source, value.layout)


@rule("cumsum", "cumprod", "cummax", "logcumsumexp")
def _cumulative(call: Call) -> None:
    value = call.value()
    if value.is_constant:
        return _constant(call)
    dim = call["dim"] % len(value.shape)
    windows = reads(value.layout, value.layout, tuple([(at, at) for at in range(len(value.shape)) if at != dim]))
    source = call.recorder.node(call.name, [value], value.layout, reads=[windows])
    return call.recorder.give(call, source, value.layout)


# Pooling and reductions


@rule("max_pool1d", "max_pool2d", "max_pool3d")
@rule("max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices")
def _max_pool(call: Call) -> None:
    _pool(call, MaxPool)


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _avg_pool(call: Call) -> None:
    _pool(call, AvgPool)


def _pool(call: Call, pool: type[MaxPool] | type[AvgPool]) -> None:
    axes = int(call.name[call.name.index("pool") + 4])
    kernel = _each(call["kernel_size"], axes)
    stride = _each(call["stride"] or kernel, axes)
    padding = _each(call["padding"], axes)
    dilation = _each(call["dilation"], axes) if pool is MaxPool else (1,) * axes
    windows = [sliding(*four) for four in zip(kernel, stride, padding, dilation, strict=True)]
    count = prod(call.shape) * (prod(kernel) - (pool is MaxPool))

    def core(by_axis: Callable[[Sequence[int], int], tuple[int, ...]]) -> Op:
        ceil = bool(call["ceil_mode"])
        if pool is MaxPool:
            return MaxPool(by_axis(kernel, 1), by_axis(stride, 1), by_axis(padding, 0), by_axis(dilation, 1), ceil)
        return AvgPool(by_axis(kernel, 1), by_axis(stride, 1), by_axis(padding, 0), ceil)

    _resample(call, pool.label, axes, windows, count, core)


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
@rule("_adaptive_avg_pool2d", "_adaptive_avg_pool3d")
def _adaptive_avg(call: Call) -> None:
    _adaptive(call, "avgpool")


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def _adaptive_max(call: Call) -> None:
    _adaptive(call, "maxpool")


def _adaptive(call: Call, kind: str) -> None:
    axes = int(call.name[-2])
    value, out = call.value(), call.shape
    sizes = list(zip(value.shape[-axes:], out[-axes:], strict=True))
    windows = [adaptive(n, m) if m > 1 else everything(n) for n, m in sizes]
    count = prod(out[:-axes]) * prod([sum(-(-(u + 1) * n // m) - u * n // m for u in range(m)) for n, m in sizes])

    def core(by_axis: Callable[[Sequence[int], int], tuple[int, ...]]) -> Op | None:
        if kind != "avgpool":
            return None
        target = by_axis(out[-axes:], 0)
        if not all(target):
            return None
        return GlobalAvgPool() if set(target) == {1} else AdaptiveAvgPool(target)

    _resample(call, kind, axes, windows, count, core)


@rule(
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d",
    "_upsample_nearest_exact3d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
)
def _upsample(call: Call) -> None:
    axes = int(call.name.removesuffix("_aa")[-2])
    value, out = call.value(), call.shape
    sizes = list(zip(value.shape[-axes:], out[-axes:], strict=True))
    by_corners = bool(call.takes("align_corners") and call["align_corners"])
    is_nearest, taps = "nearest" in call.name, 4 if "cubic" in call.name else 2
    if is_nearest:
        taps = 0 if "exact" in call.name else 1
    smooth = call.name.endswith("_aa")
    windows = [smoothed(n, m, taps // 2) if smooth else interpolated(n, m, taps, corners=by_corners) for n, m in sizes]
    whole = all(m % n == 0 for n, m in sizes) and not smooth and not by_corners

    def core(by_axis: Callable[[Sequence[int], int], tuple[int, ...]]) -> Op | None:
        factor = by_axis([m // n for n, m in sizes], 1)
        if not whole or (taps > 2 or "exact" in call.name):
            return None
        return Upsample(factor) if is_nearest else UpsampleBilinear(factor)

    count = 0 if is_nearest else prod(out) * (2 * taps**axes - 1)
    _resample(call, "upsample", axes, windows, count, core)


_Core = Callable[[Callable[[Sequence[int], int], tuple[int, ...]]], Op | None]


def _resample(call: Call, kind: str, axes: int, windows: Sequence[Window], count: int, core: _Core) -> None:
    """An operator that works on every channel by itself, along the last dimensions."""
    value = call.value()
    if value.is_constant:
        return _constant(call)
    lead = len(value.shape) - axes
    value = _spread_last(call, value, axes)
    padded = value.layout if lead >= 2 else ((),) * (2 - lead) + value.layout
    where = [_axis_at(padded, max(lead, 2) + at) for at in range(axes)]
    layout = (*value.layout[:lead], *[places_of(a, n) for a, n in zip(where, call.shape[lead:], strict=True)])
    found = list(reads(layout, value.layout, tuple([(at, at) for at in range(lead)])))
    for axis, window in zip(where, windows, strict=True):
        if axis < len(found):
            found[axis] = window
    rank = max([*where, len(found) - 1]) + 1

    def by_axis(values: Sequence[int], rest: int) -> tuple[int, ...]:
        given = dict(zip(where, values, strict=True))
        return tuple([given.get(axis, rest) for axis in range(rank)])

    source = call.recorder.node(
        kind, [value], layout, core=core(by_axis), reads=[tuple(found)], arithmetic=count, keeps="input"
    )
    for out in _outputs(call):
        call.recorder.give(call, source, layout, out)
    return None


def _spread_last(call: Call, value: Value, axes: int) -> Value:
    """Like `_spread`; dimensions in front may hold what they like."""
    last = range(len(value.shape) - axes, len(value.shape))
    if all(value.shape[dim] == 1 or _whole_axis(value.layout, dim) is not None for dim in last):
        return value
    return _spread(call, value, axes)


@rule("mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "prod", "any", "all", "median")
def _reduce_named(call: Call) -> None:
    if call.name in ("max", "min") and call.takes("other"):
        return _pointwise(call)
    return _reduce(call, call.name)


@rule("norm", "linalg_vector_norm", "logsumexp", "argmax", "argmin", "count_nonzero", "nansum", "aminmax")
def _reduce_other(call: Call) -> None:
    _reduce(call, call.name.removeprefix("linalg_"))


def _reduce(call: Call, kind: str) -> None:
    """One operation for each value read; the dimensions that go are read whole."""
    value = call.value()
    if value.is_constant:
        return _constant(call)
    count = len(value.shape)
    given = call["dim"] if call.takes("dim") else None
    given = [given] if isinstance(given, int) else given
    dims = [dim % count for dim in given] if given else list(range(count))
    keep = bool(call.takes("keepdim") and call["keepdim"])
    gone = tuple([() if at in dims else dim for at, dim in enumerate(value.layout)])
    layout = settled(gone if keep else tuple([dim for at, dim in enumerate(gone) if at not in dims]))
    kept = [at for at in range(count) if at not in dims]
    pairs = [(at, at) for at in kept] if keep else list(enumerate(kept))
    windows = reads(layout, value.layout, tuple(pairs))
    places_only = all(atom.axis >= 0 for dim in dims for atom in value.layout[dim])
    core: Op | None = None
    if kind == "mean" and places_only and not grid(layout) and grid(value.layout):
        core = GlobalAvgPool()
        if keep:
            layout = tuple([_remembered(value.layout[at]) if at in dims else d for at, d in enumerate(layout)])
    source = call.recorder.node(kind, [value], layout, core=core, reads=[windows], arithmetic=prod(value.shape))
    for out in _outputs(call):
        call.recorder.give(call, source, layout, out)
    return None


def _remembered(dim: Dim) -> Dim:
    """A dimension of one place that still names its axis, if it had one of its own."""
    return (Atom(dim[0].axis, 1, 1),) if len(dim) == 1 and dim[0].axis >= 0 else ()


# Rearrangements of places and channels


@rule("pixel_shuffle", "pixel_unshuffle")
def _pixel_shuffle(call: Call) -> None:
    """Channels become places, factor by factor, or the other way round."""
    up = call.name == "pixel_shuffle"
    factor = call["upscale_factor"] if up else call["downscale_factor"]
    value = call.value()
    if value.is_constant:
        return _constant(call)
    value = _spread(call, value, 2)
    layout = (*value.layout[:-3], channels(call.shape[-3]), *[
        places_of(_axis_at(((), (), *value.layout[-2:]), 2 + at), call.shape[at - 2]) for at in range(2)
    ])  # fmt: skip
    windows = list(reads(layout, value.layout, ((0, 0),)))
    for at in (2, 3):
        axis = _whole_axis(layout, at - 4)
        if axis is not None and axis < len(windows):
            windows[axis] = nearest(factor) if up else sliding(factor, factor)
    source = call.recorder.node("shuffle", [value], layout, reads=[tuple(windows)], arithmetic=0)
    return call.recorder.give(call, source, layout)


@rule("channel_shuffle", "native_channel_shuffle")
def _channel_shuffle(call: Call) -> None:
    _elementwise(call, "shuffle", count=0)


@rule("im2col")
def _im2col(call: Call) -> None:
    """F.unfold: what a kernel sees, in channels; its places in one row."""
    value = call.value()
    if value.is_constant:
        return _constant(call)
    value = _spread(call, value, 2)
    kernel, dilation, padding, stride = [_each(call[n], 2) for n in ("kernel_size", "dilation", "padding", "stride")]
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(value.shape[-2:], kernel, dilation, padding, stride, strict=True)
    ]
    layout = (value.layout[0], channels(call.shape[-2]), (Atom(0, 1, sizes[0]), Atom(1, 1, sizes[1])))
    windows = [sliding(*four) for four in zip(kernel, stride, padding, dilation, strict=True)]
    source = call.recorder.node("unfold", [value], layout, reads=[tuple(windows)], arithmetic=0)
    return call.recorder.give(call, source, layout)


@rule("col2im")
def _col2im(call: Call) -> None:
    """F.fold: the sums of overlapping patches."""
    value = call.value()
    if value.is_constant:
        return _constant(call)
    size, kernel, dilation, padding, stride = [
        _each(call[n], 2) for n in ("output_size", "kernel_size", "dilation", "padding", "stride")
    ]
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    ]
    layout = _plain(call.shape)
    if value.layout[-1] == (Atom(0, 1, sizes[0]), Atom(1, 1, sizes[1])):
        windows = tuple([transposed(*four) for four in zip(kernel, stride, padding, dilation, strict=True)])
    else:
        windows = reads(layout, value.layout, ())
    source = call.recorder.node("fold", [value], layout, reads=[windows], arithmetic=prod(value.shape))
    return call.recorder.give(call, source, layout)


@rule("index_select", "gather", "take_along_dim")
def _index_select(call: Call) -> None:
    """Chosen entries of one dimension: of channels that is local, of places it reads them all."""
    value = call.value()
    if all(v.is_constant for v in call.tensors):
        return _constant(call)
    if value.is_constant or len(value.shape) != len(call.shape):
        return _everywhere(call, "index")
    dim = call["dim"] % len(value.shape)
    if _has_places(value.layout, dim):
        return _everywhere(call, "index")
    same_size = tuple([(at, at) for at, n in enumerate(value.shape) if at != dim and n == call.shape[at]])
    layout = _with_dim(value.layout, dim, channels(call.shape[dim]))
    live = [v for v in call.tensors if not v.is_constant]
    windows = [reads(layout, v.layout, same_size if len(v.layout) == len(layout) else ()) for v in live]
    source = call.recorder.node("index", call.tensors, layout, reads=windows, arithmetic=0, by_value=len(live) > 1)
    return call.recorder.give(call, source, layout)


@rule(
    "index", "_index", "take", "masked_select", "nonzero", "index_put", "scatter", "scatter_add", "index_add", "one_hot"
)
def _index(call: Call) -> None:
    _everywhere(call, "index")


@rule("view_as_real", "view_as_complex")
def _complex(call: Call) -> None:
    _everywhere(call, "view")


@rule("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(call: Call) -> None:
    """The sum of the rows of some ids: an addition for each value."""
    _everywhere(call, "embedding", count=prod(call.value("indices").shape) * call.shape[-1])


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "affine_grid_generator")
def _grid_sample(call: Call) -> None:
    _everywhere(call, "sample", count=7 * prod(call.shape), by_value=True)


@rule("topk", "sort", "argsort", "bucketize", "searchsorted", "bincount", "unique", "_unique2", "unique_dim")
def _ordering(call: Call) -> None:
    """How many comparisons an ordering takes is not known: not counted, unless nothing of it is the network's."""
    if all(value.is_constant for value in call.tensors):
        return _constant(call)
    return _unknown(call)


def _everywhere(call: Call, kind: str, count: int = 0, *, by_value: bool = False) -> None:
    """An operator whose every output may read every place."""
    values = call.tensors
    live = [value for value in values if not value.is_constant]
    if not live:
        return _constant(call)
    for out in _outputs(call):
        layout = _plain(tuple(out.shape))
        found = [reads(layout, value.layout, ()) for value in live]
        source = call.recorder.node(kind, values, layout, reads=found, arithmetic=count, by_value=by_value)
        call.recorder.give(call, source, layout, out)
    return None


@rule("torchvision.deform_conv2d")
def _deform_conv(call: Call) -> None:
    """Counted as the convolution it is; it reads at least what the undeformed one reads."""
    value, weight = call.value(), call.value("weight")
    out, kernel = call.shape, weight.shape[2:]
    value = _spread(call, value, 2)
    layout = (*value.layout[:1], channels(out[1]), places_of(0, out[2]), places_of(1, out[3]))
    windows = tuple([
        sliding(k, call["stride_" + a], call["pad_" + a], call["dilation_" + a])
        for k, a in zip(kernel, "hw", strict=True)
    ])  # fmt: skip
    offsets = [call.value(name) for name in ("offset", "mask") if call.value(name).shape[1]]
    found = [windows, *[reads(layout, o.layout, ((2, 2), (3, 3))) for o in offsets if not o.is_constant]]
    samples = prod(kernel) * value.shape[1] * prod(out[2:])
    bias = call.value("bias")
    source = call.recorder.node(
        "deform",
        [value, *offsets, weight],
        layout,
        reads=found,
        products=prod(weight.shape) * prod(out[2:]) * out[0],
        arithmetic=samples * (7 + bool(call["use_mask"])) + prod(out),
        bias=bias,
        text=Formula(times(*weight.shape), times(*weight.shape, *out[2:])),
        keeps="input",
        by_value=True,
    )
    call.recorder.give(call, source, layout)


# What is left


@rule(
    "arange",
    "linspace",
    "full",
    "zeros",
    "ones",
    "empty",
    "rand",
    "randn",
    "eye",
    "scalar_tensor",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "rand_like",
    "randn_like",
    "new_zeros",
    "new_ones",
    "new_empty",
    "new_full",
    "new_empty_strided",
    "empty_strided",
    "randperm",
    "randint",
    "bernoulli",
    "uniform",
    "normal",
    "tril_indices",
    "triu_indices",
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "sym_size",
    "stride",
)
def _fresh(call: Call) -> None:
    """Values that no input reaches; numbers that the program itself reads."""
    for out in _outputs(call):
        call.recorder.give(call, Source(None, constant(out.shape)), constant(out.shape), out)


def _unknown(call: Call) -> None:
    """An operator without a rule: listed as not counted, its outputs read everything."""
    values, outputs = call.tensors, _outputs(call)
    live = [value for value in values if not value.is_constant]
    if not outputs or (not live and not any(out.is_floating_point() for out in outputs)):
        return _constant(call)
    recorder = call.recorder
    name = call.func._schema.name.replace("::", ".")
    nodes = tuple([value.source.node for value in live if value.source.node is not None])
    given = tuple([recorder.builder.shapes[node] for node in nodes])
    for number, out in enumerate(outputs):
        layout = _plain(tuple(out.shape))
        if number == 0:
            learned = recorder.claim("", values, None)
            source = Source(recorder.add(Uncounted(name, given, shape_of(layout), learned), nodes), layout)
        else:
            source = recorder.node(
                "output", values, layout, reads=[reads(layout, v.layout, ()) for v in live], arithmetic=0
            )
        recorder.give(call, source, layout, out)
    return None
