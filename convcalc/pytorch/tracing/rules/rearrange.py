"""Rearrangements of places and channels: shuffles, patches, indices, samples."""

from __future__ import annotations

from convcalc.core.algebra import prod
from convcalc.core.window import nearest, sliding, transposed
from convcalc.pytorch.tracing.layout import Atom, channels, places_of, reads
from convcalc.pytorch.tracing.recorder import Call
from convcalc.pytorch.tracing.rules.dimensions import (
    axis_at,
    each_axis,
    has_places,
    plain_layout,
    spread,
    whole_axis,
    with_dim,
)
from convcalc.pytorch.tracing.rules.elementwise import elementwise
from convcalc.pytorch.tracing.rules.registry import everywhere, rule, unreached


@rule("pixel_shuffle", "pixel_unshuffle")
def _pixel_shuffle(call: Call) -> None:
    """Channels become places, factor by factor, or the other way round."""
    up = call.name == "pixel_shuffle"
    factor = call["upscale_factor"] if up else call["downscale_factor"]
    value = call.value()
    if value.is_constant:
        return unreached(call)
    value = spread(call, value, 2)
    layout = (*value.layout[:-3], channels(call.shape[-3]), *[
        places_of(axis_at(((), (), *value.layout[-2:]), 2 + at), call.shape[at - 2]) for at in range(2)
    ])  # fmt: skip
    windows = list(reads(layout, value.layout, ((0, 0),)))
    for at in (2, 3):
        axis = whole_axis(layout, at - 4)
        if axis is not None and axis < len(windows):
            windows[axis] = nearest(factor) if up else sliding(factor, factor)
    source = call.recorder.node("shuffle", [value], layout, reads=[tuple(windows)], arithmetic=0)
    return call.recorder.give(call, source, layout)


@rule("channel_shuffle", "native_channel_shuffle")
def _channel_shuffle(call: Call) -> None:
    elementwise(call, "shuffle", count=0)


@rule("im2col")
def _im2col(call: Call) -> None:
    """F.unfold: what a kernel sees, in channels; its places in one row."""
    value = call.value()
    if value.is_constant:
        return unreached(call)
    value = spread(call, value, 2)
    kernel, dilation, padding, stride = [
        each_axis(call[n], 2) for n in ("kernel_size", "dilation", "padding", "stride")
    ]
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
        return unreached(call)
    size, kernel, dilation, padding, stride = [
        each_axis(call[n], 2) for n in ("output_size", "kernel_size", "dilation", "padding", "stride")
    ]
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    ]
    layout = plain_layout(call.shape)
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
        return unreached(call)
    if value.is_constant or len(value.shape) != len(call.shape):
        return everywhere(call, "index")
    dim = call["dim"] % len(value.shape)
    if has_places(value.layout, dim):
        return everywhere(call, "index")
    same_size = tuple([(at, at) for at, n in enumerate(value.shape) if at != dim and n == call.shape[at]])
    layout = with_dim(value.layout, dim, channels(call.shape[dim]))
    live = [v for v in call.tensors if not v.is_constant]
    windows = [reads(layout, v.layout, same_size if len(v.layout) == len(layout) else ()) for v in live]
    source = call.recorder.node("index", call.tensors, layout, reads=windows, arithmetic=0, by_value=len(live) > 1)
    return call.recorder.give(call, source, layout)


@rule(
    "index", "_index", "take", "masked_select", "nonzero", "index_put", "scatter", "scatter_add", "index_add", "one_hot"
)
def _index(call: Call) -> None:
    everywhere(call, "index")


@rule("view_as_real", "view_as_complex")
def _complex(call: Call) -> None:
    everywhere(call, "view")


@rule("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(call: Call) -> None:
    """The sum of the rows of some ids: an addition for each value."""
    everywhere(call, "embedding", count=prod(call.value("indices").shape) * call.shape[-1])


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "affine_grid_generator")
def _grid_sample(call: Call) -> None:
    everywhere(call, "sample", count=7 * prod(call.shape), by_value=True)
