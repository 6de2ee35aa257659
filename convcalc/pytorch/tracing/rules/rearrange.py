"""Rearrangements of places and channels: shuffles, patches, indices, samples."""

from __future__ import annotations

from convcalc.core.algebra import prod
from convcalc.core.window import nearest, sliding, transposed
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Unreached
from convcalc.pytorch.tracing.layout import Atom, channels, places_of, plain, reads
from convcalc.pytorch.tracing.rules.answers import everywhere, unknown
from convcalc.pytorch.tracing.rules.dimensions import (
    axis_at,
    each_axis,
    has_places,
    spread,
    whole_axis,
    with_dim,
)
from convcalc.pytorch.tracing.rules.elementwise import elementwise
from convcalc.pytorch.tracing.rules.registry import rule


@rule("pixel_shuffle", "pixel_unshuffle")
def _pixel_shuffle(call: Call) -> Outcome:
    """Channels become places, factor by factor, or the other way round."""
    up = call.name == "pixel_shuffle"
    factor = call["upscale_factor"] if up else call["downscale_factor"]
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    value = spread(value, 2)
    layout = (*value.layout[:-3], channels(call.shape[-3]), *[
        places_of(axis_at(((), (), *value.layout[-2:]), 2 + at), call.shape[at - 2]) for at in range(2)
    ])  # fmt: skip
    windows = list(reads(layout, value.layout, ((0, 0),)))
    for at in (2, 3):
        axis = whole_axis(layout, at - 4)
        if axis is not None and axis < len(windows):
            windows[axis] = nearest(factor) if up else sliding(factor, factor)
    return Computed(kind="shuffle", values=[value], layout=layout, reads=[tuple(windows)], arithmetic=0)


@rule("channel_shuffle", "native_channel_shuffle")
def _channel_shuffle(call: Call) -> Outcome:
    return elementwise(call, "shuffle", count=0)


@rule("im2col")
def _im2col(call: Call) -> Outcome:
    """F.unfold: what a kernel sees, in channels; its places in one row."""
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    value = spread(value, 2)
    kernel, dilation, padding, stride = [
        each_axis(call[n], 2) for n in ("kernel_size", "dilation", "padding", "stride")
    ]
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(value.shape[-2:], kernel, dilation, padding, stride, strict=True)
    ]
    layout = (value.layout[0], channels(call.shape[-2]), (Atom(0, 1, sizes[0]), Atom(1, 1, sizes[1])))
    windows = [sliding(*four) for four in zip(kernel, stride, padding, dilation, strict=True)]
    return Computed(kind="unfold", values=[value], layout=layout, reads=[tuple(windows)], arithmetic=0)


@rule("col2im")
def _col2im(call: Call) -> Outcome:
    """F.fold: the sums of overlapping patches."""
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    size, kernel, dilation, padding, stride = [
        each_axis(call[n], 2) for n in ("output_size", "kernel_size", "dilation", "padding", "stride")
    ]
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    ]
    layout = plain(call.shape)
    if value.layout[-1] == (Atom(0, 1, sizes[0]), Atom(1, 1, sizes[1])):
        windows = tuple([transposed(*four) for four in zip(kernel, stride, padding, dilation, strict=True)])
    else:
        windows = reads(layout, value.layout, ())
    return Computed(kind="fold", values=[value], layout=layout, reads=[windows], arithmetic=prod(value.shape))


@rule("index_select", "gather", "take_along_dim")
def _index_select(call: Call) -> Answer:
    """Chosen entries of one dimension: of channels that is local, of places it reads them all."""
    value = call.value()
    if value.is_constant or len(value.shape) != len(call.shape):
        return everywhere(call, "index")
    dim = call["dim"] % len(value.shape)
    if has_places(value.layout, dim):
        return everywhere(call, "index")
    same_size = tuple([(at, at) for at, n in enumerate(value.shape) if at != dim and n == call.shape[at]])
    layout = with_dim(value.layout, dim, channels(call.shape[dim]))
    values = call.values()
    windows = [reads(layout, v.layout, same_size if len(v.layout) == len(layout) else ()) for v in values]
    by_value = sum(not v.is_constant for v in values) > 1
    return Computed(kind="index", values=values, layout=layout, reads=windows, arithmetic=0, by_value=by_value)


@rule(
    "index",
    "_index",
    "take",
    "put",
    "masked_select",
    "masked_scatter",
    "nonzero",
    "index_put",
    "index_copy",
    "index_fill",
    "scatter",
    "scatter_add",
    "index_add",
    "one_hot",
)
def _index(call: Call) -> Answer:
    return everywhere(call, "index")


@rule("view_as_real", "view_as_complex")
def _complex(call: Call) -> Answer:
    return everywhere(call, "view")


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "affine_grid_generator")
def _grid_sample(call: Call) -> Answer:
    return everywhere(call, "sample", count=7 * prod(call.shape), by_value=True)


@rule("topk", "sort", "argsort", "bucketize", "searchsorted", "bincount", "unique", "_unique2", "unique_dim")
def _ordering(call: Call) -> Answer:
    """How many comparisons an ordering takes is not known: not counted, unless nothing of it is the network's."""
    values = call.values()
    if all(value.is_constant for value in values):
        return Unreached(values=values)
    return unknown(call)
