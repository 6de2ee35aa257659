"""MobileNet v1 to v3, and EfficientNet, which is made of v3's block. Names as in torchvision (v1: timm)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from convcalc.catalogue.composites import excite
from convcalc.catalogue.convolutions import depthwise_separable
from convcalc.catalogue.layers import add, bn, conv, dropout, fc, pooled, relu, strides, unit
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.operator import Op
from convcalc.core.ops.activation import Hardsigmoid, Hardswish, ReLU, ReLU6, Sigmoid, SiLU


@block("mobilenet_v1", source="Howard et al. 2017, Table 1", input="3x224x224")
def mobilenet_v1(x: Tensor, classes: int = 1000) -> Tensor:
    """13 depthwise separable convolutions."""
    x = relu(bn(conv(x, 32, 3, 2, name="conv_stem"), name="bn1"))
    with x.scope("blocks"):
        for depth, channels, first in ((1, 64, 1), (2, 128, 2), (2, 256, 2), (6, 512, 2), (2, 1024, 2)):
            with x.scope():
                for stride in strides(first, depth):
                    with x.scope():
                        x = depthwise_separable(x, channels, 3, stride)
    return fc(pooled(x), classes, name="classifier")


@block("inverted-residual", source="Sandler et al. 2018, Fig. 4d", input="24x56x56")
def inverted_residual(x: Tensor, channels: int = 24, expansion: int = 6, stride: int = 1, kernel: int = 3) -> Tensor:
    """1x1 expands, depthwise, 1x1 reduces without activation; a shortcut where the shape stays."""
    with x.scope("conv", sequence=True):
        y = unit(x, expansion * x.channels, 1, act=ReLU6()) if expansion > 1 else x
        y = unit(y, y.channels, kernel, stride, groups=y.channels, act=ReLU6())
        y = bn(conv(y, channels, 1))
    return add(x, y) if stride == 1 and x.channels == channels else y


@block("mobilenet_v2", source="Sandler et al. 2018, Table 2", input="3x224x224")
def mobilenet_v2(x: Tensor, classes: int = 1000) -> Tensor:
    """17 inverted residuals."""
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    with x.scope("features", sequence=True):
        x = unit(x, 32, 3, 2, act=ReLU6())
        for expansion, channels, depth, first in table:
            for stride in strides(first, depth):
                with x.scope():
                    x = inverted_residual(x, channels, expansion, stride)
        x = unit(x, 1280, 1, act=ReLU6())
    x = pooled(x)
    with x.scope("classifier", sequence=True):
        return fc(dropout(x), classes)


def expanded_residual(
    x: Tensor,
    channels: int,
    expanded: int,
    kernel: int,
    stride: int,
    act: Op,
    squeeze: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """The inverted residual of MobileNetV3 and EfficientNet: squeeze-excitation after the depthwise convolution."""
    with x.scope("block", sequence=True):
        y = unit(x, expanded, 1, act=act) if expanded != x.channels else x
        y = unit(y, expanded, kernel, stride, groups=expanded, act=act)
        if squeeze:
            with x.scope():
                y = squeeze(y)
        y = unit(y, channels, 1)
    return add(x, y) if stride == 1 and x.channels == channels else y


def eighths(channels: int) -> int:
    """The multiple of 8 nearest to a number of channels, at least 8 and not under 90 % of it."""
    rounded = max(8, (channels + 4) // 8 * 8)
    return rounded if 10 * rounded >= 9 * channels else rounded + 8


@block("mobilenet-v3-block", source="Howard et al. 2019, Fig. 4", input="40x28x28")
def mobilenet_v3_block(
    x: Tensor,
    channels: int = 40,
    expanded: int = 120,
    kernel: int = 5,
    stride: int = 1,
    se: bool = True,
    hardswish: bool = False,
) -> Tensor:
    """Inverted residual with squeeze-excitation to a quarter of the expanded channels."""
    act: Op = Hardswish() if hardswish else ReLU()
    squeeze = partial(excite, squeezed=eighths(expanded // 4), activation=ReLU(), gate=Hardsigmoid())
    return expanded_residual(x, channels, expanded, kernel, stride, act, squeeze if se else None)


class V3(NamedTuple):
    """A row of Howard et al. 2019, Table 1."""

    kernel: int
    expanded: int
    channels: int
    se: bool
    hardswish: bool
    stride: int


_V3_LARGE = (
    V3(3, 16, 16, False, False, 1),
    V3(3, 64, 24, False, False, 2),
    V3(3, 72, 24, False, False, 1),
    V3(5, 72, 40, True, False, 2),
    V3(5, 120, 40, True, False, 1),
    V3(5, 120, 40, True, False, 1),
    V3(3, 240, 80, False, True, 2),
    V3(3, 200, 80, False, True, 1),
    V3(3, 184, 80, False, True, 1),
    V3(3, 184, 80, False, True, 1),
    V3(3, 480, 112, True, True, 1),
    V3(3, 672, 112, True, True, 1),
    V3(5, 672, 160, True, True, 2),
    V3(5, 960, 160, True, True, 1),
    V3(5, 960, 160, True, True, 1),
)


@block("mobilenet_v3_large", source="Howard et al. 2019, Table 1", input="3x224x224")
def mobilenet_v3_large(x: Tensor, classes: int = 1000) -> Tensor:
    """15 inverted residuals, eight of them with squeeze-excitation."""
    with x.scope("features", sequence=True):
        x = unit(x, 16, 3, 2, act=Hardswish())
        for row in _V3_LARGE:
            with x.scope():
                x = mobilenet_v3_block(x, row.channels, row.expanded, row.kernel, row.stride, row.se, row.hardswish)
        x = unit(x, 6 * x.channels, 1, act=Hardswish())
    x = pooled(x)
    with x.scope("classifier", sequence=True):
        x = dropout(fc(x, 1280).apply(Hardswish()))
        return fc(x, classes)


@block("mbconv", source="Tan and Le 2019, section 4", input="24x56x56")
def mbconv(x: Tensor, channels: int = 24, expansion: int = 6, kernel: int = 3, stride: int = 1) -> Tensor:
    """EfficientNet's inverted residual: squeeze-excitation to a quarter of the input's channels."""
    squeeze = partial(excite, squeezed=max(1, x.channels // 4), activation=SiLU(), gate=Sigmoid())
    return expanded_residual(x, channels, expansion * x.channels, kernel, stride, SiLU(), squeeze)


@block("efficientnet_b0", source="Tan and Le 2019, Table 1", input="3x224x224")
def efficientnet_b0(x: Tensor, classes: int = 1000) -> Tensor:
    """16 inverted residuals with squeeze-excitation."""
    table = (
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 5, 2, 40, 2),
        (6, 3, 2, 80, 3),
        (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    )
    with x.scope("features", sequence=True):
        x = unit(x, 32, 3, 2, act=SiLU())
        for expansion, kernel, first, channels, depth in table:
            with x.scope():
                for stride in strides(first, depth):
                    with x.scope():
                        x = mbconv(x, channels, expansion, kernel, stride)
        x = unit(x, 1280, 1, act=SiLU())
    x = pooled(x)
    with x.scope("classifier", sequence=True):
        return fc(dropout(x), classes)
