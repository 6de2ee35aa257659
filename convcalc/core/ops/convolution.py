"""Convolutions: plain, depthwise, transposed, and the sampling half of a deformable one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from convcalc.core.algebra import at_least, divides, is_number, prod, same, text
from convcalc.core.errors import ShapeError
from convcalc.core.operator import (
    Axes,
    Formula,
    Op,
    Params,
    Shape,
    corners,
    each_axis,
    operator,
    option,
    positive,
    rank,
    record,
    spell,
    times,
)
from convcalc.core.window import Window, sliding, transposed


@record
class Kernel(Op):
    """The options that every convolution has; their order is the order of a spec's letters."""

    is_convolution = True

    kernel: Axes = option("", axes=True)
    channels: Any = option("c", default=None)
    stride: Axes = option("s", default=1, axes=True)
    padding: Axes = option("p", default=None, axes=True)
    dilation: Axes = option("d", default=1, axes=True)


@record
class _Convolution(Kernel):
    """What the plain, transposed and deformable convolution share: their options and their weights."""

    numbered = True
    saves = "input"
    exact_in_fvcore = True

    groups: int = option("g", default=1)
    bias: bool = option("b", default=False, flag=True)

    def bind(self, *inputs: Shape) -> Op:
        """Kernel, stride, dilation and padding per axis; as many output channels as come in."""
        x = inputs[0]
        axes = len(x) - 1
        if not axes:
            raise ShapeError(
                f"a convolution needs spatial axes, its input {spell(x)} has none",
                hint="put it before the dense layer or flatten",
            )
        channels, padding = self.channels, self.padding
        per_axis = (self.kernel, self.stride, padding, self.dilation)
        if channels is not None and all(type(value) is tuple and len(value) == axes for value in per_axis):
            self._check(x)
            return self
        kernel = each_axis(self.kernel, x, "kernel")
        dilation = each_axis(self.dilation, x, "dilation")
        if padding is None:
            padding = tuple([d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)])
        bound = self.replace(
            kernel=kernel,
            channels=x[0] if channels is None else channels,
            stride=each_axis(self.stride, x, "stride"),
            padding=each_axis(padding, x, "padding"),
            dilation=dilation,
        )
        bound._check(x)
        return bound

    def _check(self, x: Shape) -> None:
        positive("the kernel", *self.kernel)
        positive("the stride", *self.stride)
        positive("the dilation", *self.dilation)
        positive("channels", self.channels)
        positive("groups", self.groups)
        for what, channels in (("input", x[0]), ("output", self.channels)):
            if not divides(self.groups, channels):
                side = "" if same(x[0], self.channels) else f"{what} "
                raise ShapeError(
                    f"groups={self.groups} does not divide {channels} {side}channels",
                    hint=f"choose groups that divide both {x[0]} and {self.channels}",
                )

    def params(self, *inputs: Shape) -> Params:
        """kernel * input channels / groups * output channels, and a bias for each output channel."""
        weights = prod(self.kernel) * (inputs[0][0] // self.groups) * self.channels
        return Params(weights, self.channels if self.bias else 0)

    def _reads(self, x: Shape) -> str:
        """Input channels that one output channel reads, as text."""
        grouped = not (is_number(self.groups) and self.groups == 1)
        return f"({text(x[0])}/{text(self.groups)})" if grouped else text(x[0])

    def elementwise(self, *inputs: Shape) -> int:
        """One addition for each output, where there is a bias."""
        return prod(self.shape(*inputs)) if self.bias else 0

    def formula(self, *inputs: Shape) -> Formula:
        x = inputs[0]
        weights = times(*self.kernel, self._reads(x), self.channels)
        bias = f" + {text(self.channels)}" if self.bias else ""
        return Formula(weights + bias, times(weights, *self._places(*inputs)))

    def _places(self, *inputs: Shape) -> Shape:
        """The map that the kernel is applied at: MACs = weights * its places."""
        return self.shape(*inputs)[1:]

    def macs(self, *inputs: Shape) -> int:
        """The weights, once for each place that the kernel is applied at."""
        return self.params(*inputs).weights * prod(self._places(*inputs))

    def default(self, field: dataclasses.Field[Any]) -> Any:
        """Padding that keeps the size at stride 1 goes without saying; so does 1 on every axis."""
        if any(type(value) is not tuple for value in (self.kernel, self.stride, self.padding, self.dilation)):
            return field.default  # not bound yet
        if field.name == "padding":
            return tuple([d * (k - 1) // 2 for k, d in zip(self.kernel, self.dilation, strict=False)])
        if field.name in ("stride", "dilation"):
            return (1,) * len(self.kernel)
        return field.default


@operator
class Conv(_Convolution):
    """Convolution, cross-correlation as in every deep-learning library.

    By hand, `3x3c128` on 64x56x56: 3*3*64*128 = 73,728 weights, each used once at 56*56 places =
    231,211,008 MACs. With G groups every output channel reads 64/G input channels: 1/G of both.
    """

    label = "conv"
    word = ""
    summary = "convolution"

    def shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        size = []
        for n, k, s, p, d in zip(x[1:], self.kernel, self.stride, self.padding, self.dilation, strict=True):
            reach = n + 2 * p - d * (k - 1)
            if not at_least(reach, 1):
                raise _does_not_fit(self, x)
            size.append((reach - 1) // s + 1)
        return (self.channels, *size)

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return sliding(self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.conv(rank(inputs[0]))(
            inputs[0][0],
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=bool(self.bias),
        )


@operator
class Depthwise(Kernel):
    """Depthwise convolution: every channel has its own kernel; a Conv with as many groups as channels.

    By hand, `dw3x3` on 64x56x56: 3*3*64 = 576 weights. `c128` gives every channel two kernels.
    """

    label = "depthwise"
    word = "dw"
    summary = "depthwise convolution"

    bias: bool = option("b", default=False, flag=True)

    def bind(self, *inputs: Shape) -> Op:
        conv = Conv(self.kernel, self.channels, self.stride, self.padding, self.dilation, inputs[0][0], self.bias)
        return conv.bind(*inputs)


@operator
class TransposedConv(_Convolution):
    """Transposed convolution: the gradient of a convolution with respect to its input.

    By hand, `tconv4x4c64s2p1` from 128x28x28: 4*4*128*64 = 131,072 weights, each used once at every
    *input* place, 28*28: 102,760,448 MACs; the output is 64x56x56 ((28-1)*2 - 2*1 + 4 = 56).
    """

    label = "tconv"
    word = "tconv"
    summary = "transposed convolution"

    output_padding: Axes = option("o", default=0, axes=True)

    def bind(self, *inputs: Shape) -> Op:
        bound = super().bind(*inputs)
        extra = each_axis(self.output_padding, inputs[0], "output padding")
        return bound if extra is self.output_padding else bound.replace(output_padding=extra)

    def shape(self, *inputs: Shape) -> Shape:
        options = (self.kernel, self.stride, self.padding, self.dilation, self.output_padding)
        size = []
        for n, k, s, p, d, o in zip(inputs[0][1:], *options, strict=True):
            if not (at_least(s - o, 1) or at_least(d - o, 1)):
                raise ShapeError(f"output padding {o} must be smaller than the stride {s} or the dilation {d}")
            out = (n - 1) * s - 2 * p + d * (k - 1) + o + 1
            if not at_least(out, 1):
                raise ShapeError(f"padding {p} leaves nothing of the output", hint="use a smaller padding")
            size.append(out)
        return (self.channels, *size)

    def _places(self, *inputs: Shape) -> Shape:
        return inputs[0][1:]

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return transposed(self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis])

    def default(self, field: dataclasses.Field[Any]) -> Any:
        if field.name == "output_padding" and type(self.output_padding) is tuple:
            return (0,) * len(self.output_padding)
        return super().default(field)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.conv_transpose(rank(inputs[0]))(
            inputs[0][0],
            self.channels,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            groups=self.groups,
            bias=bool(self.bias),
            dilation=self.dilation,
        )


class DeformConv(Conv):
    """The sampling half of a deformable convolution (Dai et al. 2017): input 1 holds the offsets.

    Counted as the convolution it is; the bilinear interpolation of every sample (4 products and 3
    sums for each kernel place, input channel and output place, in 2-D; with a mask one product more)
    is elementwise arithmetic, as are a mask's sigmoids. It reads at least what the undeformed convolution reads.

    Training keeps the input, the places and the samples (with a mask also the masks and the products), as
    sampling with torch's grid_sample does; torchvision's own kernel computes the samples again.
    """

    label = "deform"
    word = "deform"
    is_convolution = False
    numbered = False
    input_dependent = True

    def elementwise(self, *inputs: Shape) -> int:
        x, offsets = inputs
        biases = prod(self.shape(*inputs)) if self.bias else 0
        masks = self._masks(*inputs)
        samples = prod(self.kernel) * prod(offsets[1:])
        return x[0] * (samples * (2 * corners(x) - 1) + masks) + masks + biases

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        return (0,)

    def kept(self, *inputs: Shape) -> int:
        x, offsets = inputs
        samples, masks = prod(self.kernel) * prod(offsets[1:]), self._masks(*inputs)
        return rank(x) * samples + x[0] * samples + masks + x[0] * masks

    def _masks(self, x: Shape, offsets: Shape) -> int:
        """How many samples are weighed by a mask of their own."""
        return (offsets[0] - self._offsets(x)) * prod(offsets[1:])

    def shape(self, *inputs: Shape) -> Shape:
        out = super().shape(inputs[0])
        for mine, offset in zip(out[1:], inputs[1][1:], strict=True):
            if not same(mine, offset):
                raise ShapeError(f"the offsets are {spell(inputs[1])}, the output is {spell(out)}")
        return out

    def _offsets(self, x: Shape) -> int:
        return rank(x) * prod(self.kernel)

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return sliding(1) if source else super().window(axis, 0, *inputs)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.DeformConv2d(super().module(nn, *inputs), modulated=self._masks(*inputs) > 0)


def _does_not_fit(conv: Conv, x: Shape) -> ShapeError:
    extent = spell(tuple([d * (k - 1) + 1 for k, d in zip(conv.kernel, conv.dilation, strict=True)]))
    dilated = "" if all(same(d, 1) for d in conv.dilation) else f" (dilated to {extent})"
    padded = any(not same(p, 0) for p in conv.padding)
    return ShapeError(
        f"{spell(conv.kernel)}{dilated} does not fit a {spell(x[1:])} input "
        + (f"with padding {spell(conv.padding)}" if padded else "without padding"),
        hint="use a larger input, a smaller kernel or more padding",
    )
