"""Operators that move values about: identity, padding, upsampling, channel shuffle."""

from __future__ import annotations

import dataclasses
from typing import Any

from convcalc.core.algebra import at_least, prod
from convcalc.core.errors import ShapeError
from convcalc.core.operator import (
    Axes,
    Op,
    Shape,
    check_groups,
    corners,
    each_axis,
    operator,
    option,
    positive,
    rank,
    spell,
)
from convcalc.core.window import Window, linear, nearest, sliding


@operator
class Identity(Op):
    """Gives its input: a shortcut, or an empty branch."""

    label = "identity"
    word = "id"
    summary = "identity"
    is_view = True

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Identity()


@operator
class Pad(Op):
    """Zeros around the map, `amount` before it and `end` after it (default: the same); negative crops."""

    label = "pad"
    word = "pad"
    summary = "zeros around the map; e for another number at the end"

    amount: Axes = option("", axes=True)
    end: Axes = option("e", default=None, axes=True)

    def bind(self, *inputs: Shape) -> Op:
        before = each_axis(self.amount, inputs[0], "padding")
        return Pad(before, before if self.end is None else each_axis(self.end, inputs[0], "padding"))

    def shape(self, *inputs: Shape) -> Shape:
        size = [n + a + b for n, a, b in zip(inputs[0][1:], *self._sides(), strict=True)]
        if not all(at_least(n, 1) for n in size):
            raise ShapeError(f"cropping leaves nothing of {spell(inputs[0])}")
        return (inputs[0][0], *size)

    def _sides(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.amount, self.end

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return sliding(1, 1, self._sides()[0][axis])

    def default(self, field: dataclasses.Field[Any]) -> Any:
        return self.amount if field.name == "end" else field.default

    def module(self, nn: Any, *inputs: Shape) -> Any:
        pairs = zip(*self._sides(), strict=True)
        return nn.ZeroPad([side for pair in reversed(list(pairs)) for side in pair])


@operator
class ChannelPad(Op):
    """Channels of zeros, `amount` before and `end` after (default: the same): ResNet's option A."""

    label = "channelpad"
    word = "channelpad"
    summary = "channels of zeros on both sides; e for another number at the end"

    amount: int = option("")
    end: int | None = option("e", default=None)

    def bind(self, *inputs: Shape) -> Op:
        return self.replace(end=self.amount) if self.end is None else self

    def shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0] + self.amount + self._end, *inputs[0][1:])

    @property
    def _end(self) -> int:
        return self.amount if self.end is None else self.end

    def default(self, field: dataclasses.Field[Any]) -> Any:
        return self.amount if field.name == "end" else field.default

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.ZeroPad([0, 0] * rank(inputs[0]) + [self.amount, self._end])


@operator
class Unflatten(Op):
    """The numbers of a row as channels of a map of one place, as many axes as said. A view."""

    label = "unflatten"
    word = "unflatten"
    summary = "a row of numbers as the channels of one place; the number is its axes"
    is_view = True

    axes: int = option("", default=2)

    def shape(self, *inputs: Shape) -> Shape:
        if rank(inputs[0]):
            raise ShapeError(f"unflatten takes a row of numbers, its input is {spell(inputs[0])}")
        if self.axes not in (1, 2, 3):
            raise ShapeError(f"unflatten makes 1, 2 or 3 axes, not {self.axes}")
        return (inputs[0][0], *(1,) * self.axes)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Unflatten(1, self.shape(*inputs))


class _Upsample(Op):
    """A map `factor` times as large."""

    factor: Any
    mode = ("nearest",) * 3

    def bind(self, *inputs: Shape) -> Op:
        factor = each_axis(self.factor, inputs[0], "factor")
        positive("the factor", *factor)
        return self.replace(factor=factor)

    def shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], *[n * f for n, f in zip(inputs[0][1:], self.factor, strict=True)])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Upsample(scale_factor=self.factor, mode=self.mode[rank(inputs[0]) - 1])


@operator
class Upsample(_Upsample):
    """Nearest-neighbour upsampling: copies, no arithmetic."""

    label = "upsample"
    word = "up"
    summary = "nearest-neighbour upsampling"

    factor: Axes = option("", axes=True)

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return nearest(self.factor[axis])


@operator
class UpsampleBilinear(_Upsample):
    """Linear upsampling in every axis, half-pixel centres (PyTorch's align_corners=False).

    By hand, in 2-D: 4 products and 3 sums for each output.
    """

    label = "upsample"
    word = "upbilinear"
    summary = "bilinear upsampling (linear in 1-D, trilinear in 3-D)"
    mode = ("linear", "bilinear", "trilinear")

    factor: Axes = option("", axes=True)

    def elementwise(self, *inputs: Shape) -> int:
        return prod(self.shape(*inputs)) * (2 * corners(inputs[0]) - 1)

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return linear(self.factor[axis])


@operator
class Shuffle(Op):
    """Channel shuffle (Zhang et al. 2018): channels as a groups x rest table, transposed. No arithmetic."""

    label = "shuffle"
    word = "shuffle"
    summary = "channel shuffle; the number is its groups"

    groups: int = option("")

    def bind(self, *inputs: Shape) -> Op:
        check_groups(self.groups, inputs[0])
        return self

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.ShuffleChannels(self.groups)
