"""Convolutions, transposed and deformed ones among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcalc.core.algebra import prod
from convcalc.core.operator import times
from convcalc.core.ops import Conv, Dense, Formula, Op, TransposedConv
from convcalc.core.window import Window, sliding, transposed
from convcalc.pytorch.tracing.layout import Layout, channels, grid, places_of, reads
from convcalc.pytorch.tracing.recorder import Call, Value
from convcalc.pytorch.tracing.rules.dimensions import (
    axis_at,
    by_axis,
    each_axis,
    opened,
    recorder_rank,
    spread,
    windowed,
)
from convcalc.pytorch.tracing.rules.registry import rule


@rule("conv1d", "conv2d", "conv3d", "convolution", "_convolution")
def _conv(call: Call) -> None:
    _convolve(call, is_transposed=bool(call.takes("transposed") and call["transposed"]))


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _conv_transpose(call: Call) -> None:
    _convolve(call, is_transposed=True)


class _Kernel(NamedTuple):
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
    return _Kernel(size, stride, *_padding(call["padding"], size, dilation), dilation, is_transposed)


def _convolve(call: Call, is_transposed: bool) -> None:
    """A convolution over the last dimensions, whatever is folded into the batch."""
    weight, bias = call.value("weight"), call.optional("bias")
    kernel = _kernel(call, weight.shape[2:], is_transposed)
    axes = len(kernel.size)
    value, batched = _batched(call.value(), axes)
    value = spread(call, value, axes)
    where = [axis_at(value.layout, 2 + at) for at in range(axes)]
    out = call.shape if batched else (1, *call.shape)
    layout: Layout = (
        value.layout[0],
        channels(out[1]),
        *[places_of(axis, n) for axis, n in zip(where, out[2:], strict=True)],
    )
    found = [windowed(layout, value, ((0, 0),), where, kernel.windows())]
    if not weight.is_constant:
        found.append(reads(layout, weight.layout, ()))
    is_learned = weight.is_constant and (bias is None or bias.is_constant)
    steps = value.shape[2:] if is_transposed else out[2:]
    source = call.recorder.node(
        "tconv" if is_transposed else "conv",
        [value, weight],
        layout,
        core=_layer(call, kernel, value, where, out[1]) if is_learned else None,
        reads=found,
        products=prod(weight.shape) * prod(steps) * out[0],
        arithmetic=prod(out) if bias is not None else 0,
        bias=bias,
        text=Formula(times(*weight.shape), times(*weight.shape, *steps, value.shape[0])),
        keeps="input",
    )
    call.recorder.give(call, source, layout if batched else layout[1:])


def _layer(call: Call, kernel: _Kernel, value: Value, where: list[int], width: int) -> Op | None:
    """The layer with the same arithmetic; None where its padding is uneven."""
    arranged = by_axis(where, max([*where, len(grid(value.layout)) - 1]) + 1)
    bias = call.optional("bias") is not None
    is_point = all(k == 1 for k in kernel.size) and not recorder_rank(call.recorder, value)
    if is_point and not kernel.is_transposed:
        return Dense(width, bias)
    options = (
        arranged(kernel.size, 1),
        width,
        arranged(kernel.stride, 1),
        arranged(kernel.before, 0),
        arranged(kernel.dilation, 1),
        call["groups"],
        bias,
    )
    if kernel.is_transposed:
        return TransposedConv(*options, arranged(each_axis(call["output_padding"], len(kernel.size)), 0))
    return Conv(*options) if kernel.before == kernel.after else None


def _padding(padding: Any, kernel: Sequence[int], dilation: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding at both ends; "same" puts the odd place at the end, as PyTorch does."""
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if padding == "same":
        whole = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple([n // 2 for n in whole]), tuple([n - n // 2 for n in whole])
    each = each_axis(padding, len(kernel))
    return each, each


def _batched(value: Value, axes: int) -> tuple[Value, bool]:
    """The value with a batch in front, and whether it had one."""
    if len(value.shape) == axes + 2:
        return value, True
    return value._replace(layout=opened(value.layout, 0), shape=(1, *value.shape)), False


@rule("torchvision.deform_conv2d")
def _deform_conv(call: Call) -> None:
    """Counted as the convolution it is; it reads at least what the undeformed one reads."""
    value, weight = call.value(), call.value("weight")
    out, kernel = call.shape, weight.shape[2:]
    value = spread(call, value, 2)
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
