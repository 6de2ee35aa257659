"""The few words that blocks are written in: handles in, handles out.

Names follow torchvision's where a layer has one there: a scope's layers are conv1, bn1, conv2, ...
"""

from __future__ import annotations

from convcalc.core.errors import UsageError
from convcalc.core.graph import Tensor
from convcalc.core.operator import Axes, Op
from convcalc.core.ops.activation import Dropout, ReLU
from convcalc.core.ops.convolution import Conv
from convcalc.core.ops.dense import Dense, Flatten
from convcalc.core.ops.join import Add, Cat, Mean, Mul
from convcalc.core.ops.norm import BatchNorm, LayerNorm, LocalResponseNorm
from convcalc.core.ops.pooling import AdaptiveAvgPool, AvgPool, GlobalAvgPool, MaxPool


def conv(
    x: Tensor,
    channels: int,
    kernel: Axes,
    stride: Axes = 1,
    *,
    padding: Axes | None = None,
    dilation: Axes = 1,
    groups: int = 1,
    bias: bool = False,
    name: str = "",
) -> Tensor:
    """A convolution; the padding keeps the size at stride 1 unless it is given."""
    return x.apply(Conv(kernel, channels, stride, padding, dilation, groups, bias), name=name)


def depthwise(x: Tensor, kernel: Axes, stride: Axes = 1, *, bias: bool = False, name: str = "") -> Tensor:
    """A convolution of every channel by itself."""
    return conv(x, x.channels, kernel, stride, groups=x.channels, bias=bias, name=name)


def bn(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(BatchNorm(), name=name)


def ln(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(LayerNorm(), name=name)


def lrn(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(LocalResponseNorm(5), name=name)


def relu(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(ReLU(), name=name)


def conv_relu(
    x: Tensor,
    channels: int,
    kernel: Axes,
    stride: Axes = 1,
    *,
    padding: Axes | None = None,
    dilation: Axes = 1,
    groups: int = 1,
) -> Tensor:
    """A convolution with a bias, as before batch normalisation, and a relu."""
    return relu(conv(x, channels, kernel, stride, padding=padding, dilation=dilation, groups=groups, bias=True))


def conv_bn(
    x: Tensor,
    channels: int,
    kernel: Axes,
    stride: Axes = 1,
    *,
    padding: Axes | None = None,
    dilation: Axes = 1,
    groups: int = 1,
) -> Tensor:
    return bn(conv(x, channels, kernel, stride, padding=padding, dilation=dilation, groups=groups))


def conv_bn_relu(
    x: Tensor,
    channels: int,
    kernel: Axes,
    stride: Axes = 1,
    *,
    padding: Axes | None = None,
    dilation: Axes = 1,
    groups: int = 1,
) -> Tensor:
    return relu(conv_bn(x, channels, kernel, stride, padding=padding, dilation=dilation, groups=groups))


def unit(x: Tensor, channels: int, kernel: Axes, stride: Axes = 1, *, groups: int = 1, act: Op | None = None) -> Tensor:
    """Convolution, normalisation and activation in a numbered scope of its own: torchvision's Conv2dNormActivation."""
    with x.scope(sequence=True):
        x = conv_bn(x, channels, kernel, stride, groups=groups)
        return x.apply(act) if act else x


def maxpool(
    x: Tensor, kernel: Axes, stride: Axes | None = None, *, padding: Axes = 0, ceil: bool = False, name: str = ""
) -> Tensor:
    return x.apply(MaxPool(kernel, stride, padding, ceil=ceil), name=name)


def avgpool(
    x: Tensor,
    kernel: Axes,
    stride: Axes | None = None,
    *,
    padding: Axes = 0,
    count_padding: bool = True,
    name: str = "",
) -> Tensor:
    return x.apply(AvgPool(kernel, stride, padding, count_padding=count_padding), name=name)


def global_avgpool(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(GlobalAvgPool(), name=name)


def adaptive_avgpool(x: Tensor, size: Axes, *, name: str = "") -> Tensor:
    return x.apply(AdaptiveAvgPool(size), name=name)


def add(x: Tensor, *others: Tensor, name: str = "") -> Tensor:
    return x.apply(Add(), *others, name=name)


def mean(x: Tensor, *others: Tensor, name: str = "") -> Tensor:
    return x.apply(Mean(), *others, name=name)


def multiply(x: Tensor, *others: Tensor, name: str = "") -> Tensor:
    return x.apply(Mul(), *others, name=name)


def cat(x: Tensor, *others: Tensor, name: str = "") -> Tensor:
    return x.apply(Cat(), *others, name=name)


def flatten(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(Flatten(), name=name)


def dropout(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(Dropout(), name=name)


def fc(x: Tensor, channels: int, *, bias: bool = True, name: str = "") -> Tensor:
    return x.apply(Dense(channels, bias), name=name)


def pooled(x: Tensor) -> Tensor:
    """Global average pooling and a row of numbers: what stands before a classifier."""
    return flatten(global_avgpool(x, name="avgpool"), name="flatten")


def strides(first: int, depth: int) -> tuple[int, ...]:
    """The strides of a stage of `depth` blocks: the first one strides."""
    return (first, *(1,) * (depth - 1))


def one_of(what: str, value: str, *choices: str) -> str:
    """`value`. Raises UsageError unless it is one of `choices`."""
    if value not in choices:
        raise UsageError(f"{what} is {' or '.join(choices)}, not {value!r}")
    return value
