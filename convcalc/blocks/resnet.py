"""ResNet and ResNeXt: their blocks and the ImageNet networks. Names as in torchvision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from convcalc.blocks.catalogue import block
from convcalc.blocks.layers import add, bn, conv, conv_bn, conv_bn_relu, fc, flatten, global_avgpool, maxpool, relu
from convcalc.errors import UsageError
from convcalc.graph import Tensor


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
    if stride_on not in ("1x1", "3x3"):
        raise UsageError(f"stride_on is 1x1 (the paper's v1) or 3x3 (v1.5), not {stride_on!r}")
    first, second = (stride, 1) if stride_on == "1x1" else (1, stride)
    y = conv_bn_relu(x, width, 1, first)
    y = conv_bn_relu(y, width, 3, second)
    y = conv_bn(y, channels, 1)
    return relu(add(y, shortcut(x, channels, stride)))


@block("resnext-block", source="Xie et al. 2017, Fig. 3c", input="256x56x56")
def resnext_block(x: Tensor, channels: int = 256, cardinality: int = 32, width: int = 4, stride: int = 1) -> Tensor:
    """Bottleneck with a grouped 3x3: `cardinality` groups of `width` channels."""
    y = conv_bn_relu(x, cardinality * width, 1)
    y = conv_bn_relu(y, cardinality * width, 3, stride, groups=cardinality)
    y = conv_bn(y, channels, 1)
    return relu(add(y, shortcut(x, channels, stride)))


def resnet(x: Tensor, blocks: tuple[int, ...], stage: Callable[[Tensor, int, int], Tensor], classes: int) -> Tensor:
    """The stem, four stages of `stage(x, number, stride)` and the classifier (He et al. 2016, Table 1)."""
    x = relu(bn(conv(x, 64, 7, 2, name="conv1"), name="bn1"), name="relu")
    x = maxpool(x, 3, 2, padding=1, name="maxpool")
    for number, depth in enumerate(blocks):
        for place in range(depth):
            with x.scope(f"layer{number + 1}.{place}"):
                x = stage(x, number, 2 if number > 0 and place == 0 else 1)
    return fc(flatten(global_avgpool(x, name="avgpool"), name="flatten"), classes, name="fc")


def basic(x: Tensor, number: int, stride: int) -> Tensor:
    """A basic block of stage `number`."""
    return resnet_basic_block(x, 64 * 2**number, stride)


def bottleneck(x: Tensor, number: int, stride: int, stride_on: str = "3x3") -> Tensor:
    """A bottleneck of stage `number`."""
    return resnet_block(x, 256 * 2**number, 64 * 2**number, stride, stride_on)


def grouped(x: Tensor, number: int, stride: int, cardinality: int, width: int) -> Tensor:
    """A ResNeXt block of stage `number`; the width doubles with each stage."""
    return resnext_block(x, 256 * 2**number, cardinality, width * 2**number, stride)


_HE = "He et al. 2016, Table 1"
_XIE = "Xie et al. 2017, Table 1"


@block("resnet18", source=_HE, input="3x224x224")
def resnet18(x: Tensor, classes: int = 1000) -> Tensor:
    """18 layers of basic blocks."""
    return resnet(x, (2, 2, 2, 2), basic, classes)


@block("resnet34", source=_HE, input="3x224x224")
def resnet34(x: Tensor, classes: int = 1000) -> Tensor:
    """34 layers of basic blocks."""
    return resnet(x, (3, 4, 6, 3), basic, classes)


@block("resnet50", source=f"{_HE}; the stride on the 3x3 as in torchvision (v1.5)", input="3x224x224")
def resnet50(x: Tensor, classes: int = 1000) -> Tensor:
    """50 layers of bottlenecks."""
    return resnet(x, (3, 4, 6, 3), bottleneck, classes)


@block("resnet50-v1", source=f"{_HE}; the stride on the first 1x1", input="3x224x224")
def resnet50_v1(x: Tensor, classes: int = 1000) -> Tensor:
    """50 layers of bottlenecks, strided where the paper strides."""
    return resnet(x, (3, 4, 6, 3), partial(bottleneck, stride_on="1x1"), classes)


@block("resnet101", source=f"{_HE}; the stride on the 3x3 as in torchvision (v1.5)", input="3x224x224")
def resnet101(x: Tensor, classes: int = 1000) -> Tensor:
    """101 layers of bottlenecks."""
    return resnet(x, (3, 4, 23, 3), bottleneck, classes)


@block("resnet152", source=f"{_HE}; the stride on the 3x3 as in torchvision (v1.5)", input="3x224x224")
def resnet152(x: Tensor, classes: int = 1000) -> Tensor:
    """152 layers of bottlenecks."""
    return resnet(x, (3, 8, 36, 3), bottleneck, classes)


@block("resnext50_32x4d", source=_XIE, input="3x224x224")
def resnext50_32x4d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-50, 32 groups of 4 channels."""
    return resnet(x, (3, 4, 6, 3), partial(grouped, cardinality=32, width=4), classes)


@block("resnext101_32x8d", source=f"{_XIE}; torchvision's width", input="3x224x224")
def resnext101_32x8d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-101, 32 groups of 8 channels."""
    return resnet(x, (3, 4, 23, 3), partial(grouped, cardinality=32, width=8), classes)


@block("resnext101_64x4d", source="Xie et al. 2017, section 5.1", input="3x224x224")
def resnext101_64x4d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-101, 64 groups of 4 channels."""
    return resnet(x, (3, 4, 23, 3), partial(grouped, cardinality=64, width=4), classes)
