"""The few words that blocks are written in: handles in, handles out.

Names follow torchvision's where a layer has one there: a scope's layers are conv1, bn1, conv2, ...
"""

from __future__ import annotations

from convcalc.graph import Tensor
from convcalc.ops import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    Axes,
    BatchNorm,
    Cat,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    MaxPool,
    ReLU,
)


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


def bn(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(BatchNorm(), name=name)


def relu(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(ReLU(), name=name)


def conv_bn(x: Tensor, channels: int, kernel: Axes, stride: Axes = 1, *, dilation: Axes = 1, groups: int = 1) -> Tensor:
    return bn(conv(x, channels, kernel, stride, dilation=dilation, groups=groups))


def conv_bn_relu(
    x: Tensor, channels: int, kernel: Axes, stride: Axes = 1, *, dilation: Axes = 1, groups: int = 1
) -> Tensor:
    return relu(conv_bn(x, channels, kernel, stride, dilation=dilation, groups=groups))


def maxpool(
    x: Tensor, kernel: Axes, stride: Axes | None = None, *, padding: Axes = 0, ceil: bool = False, name: str = ""
) -> Tensor:
    return x.apply(MaxPool(kernel, stride, padding, ceil=ceil), name=name)


def avgpool(x: Tensor, kernel: Axes, stride: Axes | None = None, *, padding: Axes = 0, name: str = "") -> Tensor:
    return x.apply(AvgPool(kernel, stride, padding), name=name)


def global_avgpool(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(GlobalAvgPool(), name=name)


def adaptive_avgpool(x: Tensor, size: Axes, *, name: str = "") -> Tensor:
    return x.apply(AdaptiveAvgPool(size), name=name)


def add(x: Tensor, *others: Tensor, name: str = "") -> Tensor:
    return x.apply(Add(), *others, name=name)


def cat(x: Tensor, *others: Tensor, name: str = "") -> Tensor:
    return x.apply(Cat(), *others, name=name)


def flatten(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(Flatten(), name=name)


def dropout(x: Tensor, *, name: str = "") -> Tensor:
    return x.apply(Dropout(), name=name)


def fc(x: Tensor, channels: int, *, bias: bool = True, name: str = "") -> Tensor:
    return x.apply(Dense(channels, bias), name=name)
