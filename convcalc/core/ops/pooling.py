"""Pooling: maximum, average, adaptive and global."""

from __future__ import annotations

import dataclasses
from typing import Any

from convcalc.core.algebra import at_least, ceil_div, gcd, prod, same
from convcalc.core.errors import ShapeError
from convcalc.core.operator import Axes, Op, Shape, each_axis, operator, option, options, positive, rank, record, spell
from convcalc.core.window import Window, adaptive, everything, sliding


@record
class Pool(Op):
    """A kernel that slides over every channel by itself; the stride defaults to the kernel, as in PyTorch.

    A pooling that can be padded, dilated or rounded up has an option in place of the constants here.
    """

    saves = "input"
    padding = 0
    dilation = 1
    ceil = False

    kernel: Axes = option("", axes=True)
    stride: Axes = option("s", default=None, axes=True)

    def bind(self, *inputs: Shape) -> Op:
        x = inputs[0]
        if not rank(x):
            raise ShapeError(f"pooling needs spatial axes, its input {spell(x)} has none")
        stride = self.kernel if self.stride is None else self.stride
        bound = self.replace(kernel=each_axis(self.kernel, x, "kernel"), stride=each_axis(stride, x, "stride"))
        per_axis = [field.name for field, _ in options(type(self)) if field.name in ("padding", "dilation")]
        return bound.replace(**{name: each_axis(getattr(self, name), x, name) for name in per_axis})

    def shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        size = []
        padding, dilation = each_axis(self.padding, x, "padding"), each_axis(self.dilation, x, "dilation")
        for n, k, s, p, d in zip(x[1:], self.kernel, self.stride, padding, dilation, strict=True):
            positive("the kernel", k)
            positive("the stride", s)
            positive("the dilation", d)
            if not at_least(k - 2 * p, 0):
                raise ShapeError(f"pooling takes a padding of at most half its kernel {k}, not {p}")
            reach = n + 2 * p - d * (k - 1)
            if not at_least(reach, 1):
                raise ShapeError(
                    f"{spell(self.kernel)} does not fit a {spell(x[1:])} input "
                    + ("with padding " + spell(padding) if any(padding) else "without padding"),
                    hint="use a larger input, a smaller kernel or more padding",
                )
            out = (reach - 1) // s + 1
            if self.ceil:
                # The last window must start inside the input or its left padding.
                out = ceil_div(reach - 1, s) + 1
                if not at_least(n + p - (out - 1) * s, 1):
                    out = out - 1
            size.append(out)
        return (x[0], *size)

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        padding, dilation = (each_axis(value, inputs[0], "window") for value in (self.padding, self.dilation))
        return sliding(self.kernel[axis], self.stride[axis], padding[axis], dilation[axis])

    def default(self, field: dataclasses.Field[Any]) -> Any:
        if field.name == "stride" and self.stride is not None:
            return self.kernel
        if field.name in ("padding", "dilation") and type(self.kernel) is tuple:
            return (field.default,) * len(self.kernel)
        return field.default


@operator
class MaxPool(Pool):
    """Max pooling: k - 1 comparisons for each output of a window of k places.

    Training keeps the input; the indices of the maxima, integers, are not counted. `ceil` rounds the output size
    up (PyTorch's ceil_mode).
    """

    label = "maxpool"
    word = "maxpool"
    summary = "max pooling; the stride defaults to the kernel"

    padding: Axes = option("p", default=0, axes=True)
    dilation: Axes = option("d", default=1, axes=True)
    ceil: bool = False

    def elementwise(self, *inputs: Shape) -> int:
        return prod(self.shape(*inputs)) * (prod(self.kernel) - 1)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.max_pool(rank(inputs[0]))(self.kernel, self.stride, self.padding, self.dilation, ceil_mode=self.ceil)


@operator
class AvgPool(Pool):
    """Average pooling: k - 1 additions and a division for each output of a window of k places.

    Without `count_padding` the divisor is the number of places inside the map (Keras, NASNet).
    """

    label = "avgpool"
    word = "avgpool"
    summary = "average pooling; the stride defaults to the kernel"

    padding: Axes = option("p", default=0, axes=True)
    ceil: bool = False
    count_padding: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        # torch's avg_pool3d alone refuses a map smaller than its kernel even where the padding makes up for it.
        if rank(x) == 3 and not all(at_least(n - k, 0) for n, k in zip(x[1:], self.kernel, strict=True)):
            raise ShapeError(
                f"3-D average pooling of {spell(self.kernel)} needs an input as large, not {spell(x[1:])}",
                hint="PyTorch does not count the padding here; put a pad layer before it",
            )
        return super().shape(*inputs)

    def elementwise(self, *inputs: Shape) -> int:
        return prod(self.shape(*inputs)) * prod(self.kernel)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.avg_pool(rank(inputs[0]))(
            self.kernel, self.stride, self.padding, ceil_mode=self.ceil, count_include_pad=self.count_padding
        )


@operator
class AdaptiveAvgPool(Op):
    """Average pooling to a given size: unit u of m averages places floor(u*n/m) to ceil((u+1)*n/m) of n."""

    label = "avgpool"
    word = "adaptiveavgpool"
    summary = "average pooling to a given size"

    size: Axes = option("", axes=True)

    @property
    def saves(self) -> str:  # type: ignore[override]
        """The input; PyTorch takes the mean where one place is left, which needs nothing."""
        return "" if all(same(size, 1) for size in self.size) else "input"

    def bind(self, *inputs: Shape) -> Op:
        positive("the size", *(size := each_axis(self.size, inputs[0], "size")))
        return AdaptiveAvgPool(size)

    def shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], *each_axis(self.size, inputs[0], "size"))

    def elementwise(self, *inputs: Shape) -> int:
        """Each output: its window's places (additions and one division).

        Neighbouring windows of n places by m units share a place unless they meet at a multiple of n/gcd(n, m):
        n + m - gcd(n, m) places along an axis.
        """
        read = prod([n + m - gcd(n, m) for n, m in self._axes(inputs[0])])
        return inputs[0][0] * read

    def _axes(self, x: Shape) -> list[tuple[int, int]]:
        return list(zip(x[1:], each_axis(self.size, x, "size"), strict=True))

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return adaptive(*self._axes(inputs[0])[axis])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.adaptive_avg_pool(rank(inputs[0]))(self.size)


@operator
class GlobalAvgPool(Op):
    """Global average pooling to one place for each channel: an addition for each place, and a division."""

    label = "avgpool"
    word = "gap"
    summary = "global average pooling, to 1x1"

    def shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], *(1,) * rank(inputs[0]))

    def elementwise(self, *inputs: Shape) -> int:
        return prod(inputs[0])

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return everything(inputs[0][1 + axis])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.adaptive_avg_pool(rank(inputs[0]))(1) if rank(inputs[0]) else nn.Identity()
