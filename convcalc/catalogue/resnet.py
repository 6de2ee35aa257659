"""ResNet: its blocks and networks. Names as in torchvision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from convcalc.catalogue.layers import (
    add,
    bn,
    conv,
    conv_bn,
    conv_bn_relu,
    fc,
    maxpool,
    one_of,
    pooled,
    relu,
    strides,
)
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.ops.reshape import ChannelPad

Stage = Callable[[Tensor, int, int], Tensor]
"""A block of a network: `stage(x, number, stride)`, the stages numbered from 0."""


def shortcut(x: Tensor, channels: int, stride: int) -> Tensor:
    """The identity, or a strided 1x1 projection where the shape changes (He et al. 2016, option B)."""
    if x.channels == channels and stride == 1:
        return x
    with x.scope("downsample", sequence=True):
        return conv_bn(x, channels, 1, stride)


@block("resnet-basic-block", source="He et al. 2016, Fig. 5 left", input="64x56x56")
def resnet_basic_block(x: Tensor, channels: int = 64, stride: int = 1) -> Tensor:
    """Two 3x3 convolutions and a shortcut."""
    y = conv_bn_relu(x, channels, 3, stride)
    y = conv_bn(y, channels, 3)
    return relu(add(y, shortcut(x, channels, stride)))


@block("resnet-block", source="He et al. 2016, Fig. 5 right", input="256x56x56")
def resnet_block(x: Tensor, channels: int = 256, width: int = 64, stride: int = 1, stride_on: str = "3x3") -> Tensor:
    """Bottleneck: 1x1 reduces, 3x3, 1x1 expands, and a shortcut; the stride on the 3x3 (v1.5) or the 1x1 (v1)."""
    on_1x1 = one_of("stride_on", stride_on, "1x1", "3x3") == "1x1"
    y = conv_bn_relu(x, width, 1, stride if on_1x1 else 1)
    y = conv_bn_relu(y, width, 3, 1 if on_1x1 else stride)
    y = conv_bn(y, channels, 1)
    return relu(add(y, shortcut(x, channels, stride)))


@block("resnet-block-v1", source="He et al. 2016, Fig. 5 right; the stride on the first 1x1", input="256x56x56")
def resnet_block_v1(x: Tensor, channels: int = 256, width: int = 64, stride: int = 1) -> Tensor:
    """The bottleneck as the paper strides it."""
    return resnet_block(x, channels, width, stride, "1x1")


def resnet(x: Tensor, depths: tuple[int, ...], stage: Stage, classes: int) -> Tensor:
    """The stem, four stages and the classifier (He et al. 2016, Table 1)."""
    x = relu(bn(conv(x, 64, 7, 2, name="conv1"), name="bn1"), name="relu")
    x = maxpool(x, 3, 2, padding=1, name="maxpool")
    return fc(pooled(stages(x, depths, stage)), classes, name="fc")


def stages(x: Tensor, depths: tuple[int, ...], stage: Stage) -> Tensor:
    """Stages of blocks `layer1.0`, `layer1.1`, ...; all but the first stage halve the map."""
    for number, depth in enumerate(depths):
        with x.scope(f"layer{number + 1}"):
            for stride in strides(2 if number else 1, depth):
                with x.scope():
                    x = stage(x, number, stride)
    return x


def basic(x: Tensor, number: int, stride: int) -> Tensor:
    """A basic block of stage `number`."""
    return resnet_basic_block(x, 64 * 2**number, stride)


def bottleneck(x: Tensor, number: int, stride: int, stride_on: str = "3x3") -> Tensor:
    """A bottleneck of stage `number`."""
    return resnet_block(x, 256 * 2**number, 64 * 2**number, stride, stride_on)


_V1 = "He et al. 2016, Table 1"
_V15 = "He et al. 2016, Table 1; the stride on the 3x3 as in torchvision (v1.5)"


@block("resnet18", source=_V1, input="3x224x224")
def resnet18(x: Tensor, classes: int = 1000) -> Tensor:
    """18 layers of basic blocks."""
    return resnet(x, (2, 2, 2, 2), basic, classes)


@block("resnet34", source=_V1, input="3x224x224")
def resnet34(x: Tensor, classes: int = 1000) -> Tensor:
    """34 layers of basic blocks."""
    return resnet(x, (3, 4, 6, 3), basic, classes)


@block("resnet50", source=_V15, input="3x224x224")
def resnet50(x: Tensor, classes: int = 1000, stride_on: str = "3x3") -> Tensor:
    """50 layers of bottlenecks."""
    return resnet(x, (3, 4, 6, 3), partial(bottleneck, stride_on=stride_on), classes)


@block("resnet101", source=_V15, input="3x224x224")
def resnet101(x: Tensor, classes: int = 1000, stride_on: str = "3x3") -> Tensor:
    """101 layers of bottlenecks."""
    return resnet(x, (3, 4, 23, 3), partial(bottleneck, stride_on=stride_on), classes)


@block("resnet152", source=_V15, input="3x224x224")
def resnet152(x: Tensor, classes: int = 1000, stride_on: str = "3x3") -> Tensor:
    """152 layers of bottlenecks."""
    return resnet(x, (3, 8, 36, 3), partial(bottleneck, stride_on=stride_on), classes)


@block("resnet200", source="He et al. 2016b, section 4; built as v1.5, post-activation", input="3x224x224")
def resnet200(x: Tensor, classes: int = 1000, stride_on: str = "3x3") -> Tensor:
    """200 layers of bottlenecks."""
    return resnet(x, (3, 24, 36, 3), partial(bottleneck, stride_on=stride_on), classes)


@block("resnet50-v1", source=_V1, input="3x224x224")
def resnet50_v1(x: Tensor, classes: int = 1000) -> Tensor:
    """50 layers of bottlenecks, strided where the paper strides: on the first 1x1."""
    return resnet50(x, classes, "1x1")


@block("resnet101-v1", source=_V1, input="3x224x224")
def resnet101_v1(x: Tensor, classes: int = 1000) -> Tensor:
    """101 layers of bottlenecks, strided where the paper strides: on the first 1x1."""
    return resnet101(x, classes, "1x1")


@block("resnet152-v1", source=_V1, input="3x224x224")
def resnet152_v1(x: Tensor, classes: int = 1000) -> Tensor:
    """152 layers of bottlenecks, strided where the paper strides: on the first 1x1."""
    return resnet152(x, classes, "1x1")


@block("resnet200-v1", source="He et al. 2016b, section 4; post-activation", input="3x224x224")
def resnet200_v1(x: Tensor, classes: int = 1000) -> Tensor:
    """200 layers of bottlenecks, strided on the first 1x1."""
    return resnet200(x, classes, "1x1")


def cifar_block(x: Tensor, number: int, stride: int) -> Tensor:
    """A basic block whose shortcut subsamples and pads with channels of zeros (He et al. 2016, option A)."""
    channels = 16 * 2**number
    y = conv_bn_relu(x, channels, 3, stride)
    y = conv_bn(y, channels, 3)
    if stride > 1:
        x = maxpool(x, 1, stride, name="subsample").apply(ChannelPad((channels - x.channels) // 2), name="pad")
    return relu(add(y, x))


@block("resnet56", source="He et al. 2016, section 4.2; option A shortcuts", input="3x32x32")
def resnet56(x: Tensor, classes: int = 10) -> Tensor:
    """The CIFAR-10 network with 56 layers: three stages of 9 basic blocks."""
    x = conv_bn_relu(x, 16, 3)
    return fc(pooled(stages(x, (9, 9, 9), cifar_block)), classes, name="fc")
