"""Convolutions, transposed and deformed ones among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convcalc.core.algebra import prod
from convcalc.core.operator import Formula, Op, times
from convcalc.core.ops.convolution import Conv, TransposedConv
from convcalc.core.ops.dense import Dense
from convcalc.core.window import Window, sliding, transposed
from convcalc.pytorch.tracing.call import Call, Computed, Outcome, Value
from convcalc.pytorch.tracing.layout import Layout, channels, grid, places_of, plain, reads
from convcalc.pytorch.tracing.rules.dimensions import axis_at, by_axis, each_axis, opened, spread, windowed
from convcalc.pytorch.tracing.rules.registry import rule


@rule("conv1d", "conv2d", "conv3d", "convolution", "_convolution")
def _conv(call: Call) -> Outcome:
    return _convolve(call, is_transposed=bool(call.takes("transposed") and call["transposed"]))


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv_transpose(call: Call) -> Outcome:
    return _convolve(call, is_transposed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kernel:
    """A kernel's size along each dimension, and how it moves; `before` and `after` are the padding."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    dilation: tuple[int, ...]
    is_transposed: bool

    def windows(self) -> list[Window]:
        """What it reads along each dimension."""
        make = transposed if self.is_transposed else sliding
        return [make(*four) for four in zip(self.size, self.stride, self.before, self.dilation, strict=True)]


def _kernel(call: Call, size: tuple[int, ...], is_transposed: bool) -> _Kernel:
    """The kernel that a call's arguments describe."""
    stride, dilation = [each_axis(call[name], len(size)) for name in ("stride", "dilation")]
    before, after = _padding(call["padding"], size, dilation)
    return _Kernel(size=size, stride=stride, before=before, after=after, dilation=dilation, is_transposed=is_transposed)


def _convolve(call: Call, is_transposed: bool) -> Outcome:
    """A convolution over the last dimensions, whatever is folded into the batch."""
    weight, bias = call.value("weight"), call.optional("bias")
    kernel = _kernel(call, weight.shape[2:], is_transposed)
    axes = len(kernel.size)
    value = spread(_batched(call.value(), axes), axes)
    where = [axis_at(value.layout, 2 + at) for at in range(axes)]
    is_batched = len(call.shape) == axes + 2
    out = call.shape if is_batched else (1, *call.shape)
    places = [places_of(axis, n) for axis, n in zip(where, out[2:], strict=True)]
    layout: Layout = (value.layout[0], channels(out[1]), *places)
    is_learned = weight.is_constant and (bias is None or bias.is_constant)
    steps = value.shape[2:] if is_transposed else out[2:]
    return Computed(
        kind="tconv" if is_transposed else "conv",
        values=[value, weight],
        layout=layout if is_batched else layout[1:],
        core=_layer(call, kernel, value, where, out[1]) if is_learned else None,
        reads=[windowed(layout, value, ((0, 0),), where, kernel.windows()), reads(layout, weight.layout, ())],
        products=prod(weight.shape) * prod(steps) * out[0],
        arithmetic=prod(out) if bias is not None else 0,
        bias=bias,
        text=Formula(times(*weight.shape), times(*weight.shape, *steps, value.shape[0])),
        keeps="input",
    )


def _layer(call: Call, kernel: _Kernel, value: Value, where: list[int], width: int) -> Op | None:
    """The layer with the same arithmetic; None where its padding is uneven."""
    arranged = by_axis(where, max([*where, len(grid(value.layout)) - 1]) + 1)
    bias = call.optional("bias") is not None
    if all(k == 1 for k in kernel.size) and not value.rank and not kernel.is_transposed:
        return Dense(width, bias)
    if not kernel.is_transposed and kernel.before != kernel.after:
        return None
    layer = Conv(
        kernel=arranged(kernel.size, 1),
        channels=width,
        stride=arranged(kernel.stride, 1),
        padding=arranged(kernel.before, 0),
        dilation=arranged(kernel.dilation, 1),
        groups=call["groups"],
        bias=bias,
    )
    if not kernel.is_transposed:
        return layer
    added = arranged(each_axis(call["output_padding"], len(kernel.size)), 0)
    return TransposedConv(**vars(layer), output_padding=added)


def _padding(padding: Any, kernel: Sequence[int], dilation: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding at both ends; "same" puts the odd place at the end, as PyTorch does."""
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if padding == "same":
        whole = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple([n // 2 for n in whole]), tuple([n - n // 2 for n in whole])
    each = each_axis(padding, len(kernel))
    return each, each


def _batched(value: Value, axes: int) -> Value:
    """The value with a batch in front; a constant lies like an image, whose places no input has."""
    if len(value.shape) < axes + 2:
        value = value._replace(layout=opened(value.layout, 0), shape=(1, *value.shape))
    return value._replace(layout=plain(value.shape)) if value.is_constant else value


@rule("torchvision::deform_conv2d")
def _deform_conv(call: Call) -> Outcome:
    """Counted as the convolution it is; it reads at least what the undeformed one reads."""
    weight, bias, out = call.value("weight"), call.value("bias"), call.shape
    kernel = weight.shape[2:]
    value = spread(_batched(call.value(), 2), 2)
    layout = (*value.layout[:1], channels(out[1]), places_of(0, out[2]), places_of(1, out[3]))
    windows = tuple([
        sliding(k, call["stride_" + a], call["pad_" + a], call["dilation_" + a])
        for k, a in zip(kernel, "hw", strict=True)
    ])  # fmt: skip
    offsets = [offset for name in ("offset", "mask") if (offset := call.value(name)).shape[1]]
    samples = prod(kernel) * value.shape[1] * prod(out[2:])
    return Computed(
        kind="deform",
        values=[value, *offsets, weight],
        layout=layout,
        reads=[windows, *[reads(layout, o.layout, ((2, 2), (3, 3))) for o in offsets], ()],
        products=prod(weight.shape) * prod(out[2:]) * out[0],
        arithmetic=samples * (7 + bool(call["use_mask"])) + prod(out),
        bias=bias,
        text=Formula(times(*weight.shape), times(*weight.shape, *out[2:])),
        keeps="input",
        by_value=True,
    )
