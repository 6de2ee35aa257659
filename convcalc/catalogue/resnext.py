"""ResNeXt: the three forms of its block, the articles' class, and the networks. Names as in torchvision."""

from __future__ import annotations

from functools import partial

from convcalc.catalogue.layers import add, bn, cat, conv, conv_bn, conv_bn_relu, fc, pooled, relu, strides
from convcalc.catalogue.registry import block
from convcalc.catalogue.resnet import resnet, shortcut
from convcalc.core.graph import Tensor


def paths(x: Tensor, cardinality: int, width: int, stride: int) -> list[Tensor]:
    """`cardinality` paths of a 1x1 to `width` channels and a 3x3 of that width."""
    made = []
    for number in range(cardinality):
        with x.scope(f"path{number}"):
            y = conv_bn_relu(x, width, 1)
            made.append(conv_bn_relu(y, width, 3, stride))
    return made


@block("resnext-block-a", source="Xie et al. 2017, Fig. 3a", input="256x56x56")
def resnext_block_a(x: Tensor, channels: int = 256, cardinality: int = 32, width: int = 4, stride: int = 1) -> Tensor:
    """Form (a): every path expands by its own 1x1, the paths are summed; batch norm follows the sum."""
    expanded = []
    for number, path in enumerate(paths(x, cardinality, width, stride)):
        with x.scope(f"path{number}"):
            expanded.append(conv(path, channels, 1, name="conv3"))
    y = bn(add(*expanded, name="aggregate"), name="bn3")
    return relu(add(y, shortcut(x, channels, stride)))


@block("resnext-block-b", source="Xie et al. 2017, Fig. 3b", input="256x56x56")
def resnext_block_b(x: Tensor, channels: int = 256, cardinality: int = 32, width: int = 4, stride: int = 1) -> Tensor:
    """Form (b): the paths are concatenated, one 1x1 expands them."""
    y = cat(*paths(x, cardinality, width, stride), name="aggregate")
    y = bn(conv(y, channels, 1, name="conv3"), name="bn3")
    return relu(add(y, shortcut(x, channels, stride)))


@block("resnext-block-c", source="Xie et al. 2017, Fig. 3c", input="256x56x56")
@block("resnext-block", source="Xie et al. 2017, Fig. 3c", input="256x56x56")
def resnext_block(x: Tensor, channels: int = 256, cardinality: int = 32, width: int = 4, stride: int = 1) -> Tensor:
    """Form (c): a bottleneck with a grouped 3x3, `cardinality` groups of `width` channels."""
    y = conv_bn_relu(x, cardinality * width, 1)
    y = conv_bn_relu(y, cardinality * width, 3, stride, groups=cardinality)
    y = conv_bn(y, channels, 1)
    return relu(add(y, shortcut(x, channels, stride)))


@block("resnext-block-32x8d", source="Xie et al. 2017, Fig. 3c; 32 groups of 8", input="256x56x56")
def resnext_block_32x8d(x: Tensor, channels: int = 256, stride: int = 1) -> Tensor:
    """The block of ResNeXt-101 32x8d's first stage."""
    return resnext_block(x, channels, 32, 8, stride)


@block("article-resnext-bottleneck", source="article resnext: class ResNeXtBottleneck", input="256x56x56")
@block("resnext-bottleneck", source="Xie et al. 2017, section 5.2: base width and widen factor", input="256x56x56")
def resnext_bottleneck(
    x: Tensor,
    out_channels: int = 256,
    stride: int = 1,
    cardinality: int = 32,
    base_width: int = 4,
    widen_factor: int = 4,
) -> Tensor:
    """D = cardinality * int(base_width * out_channels / (widen_factor * 64)); a projection only if channels change."""
    width = cardinality * int(base_width * (out_channels / (widen_factor * 64)))
    y = relu(bn(conv(x, width, 1, name="conv_reduce"), name="bn_reduce"))
    y = relu(bn(conv(y, width, 3, stride, groups=cardinality, name="conv_conv"), name="bn"))
    y = bn(conv(y, out_channels, 1, name="conv_expand"), name="bn_expand")
    if x.channels != out_channels:
        with x.scope("shortcut"):
            x = bn(conv(x, out_channels, 1, stride, name="shortcut_conv"), name="shortcut_bn")
    return relu(add(x, y))


def grouped(x: Tensor, number: int, stride: int, cardinality: int, width: int) -> Tensor:
    """A block of stage `number`; the width doubles with each stage."""
    return resnext_block(x, 256 * 2**number, cardinality, width * 2**number, stride)


def resnext(x: Tensor, depth: int, cardinality: int, width: int, classes: int) -> Tensor:
    """The network with `depth` blocks in its third stage (Xie et al. 2017, Table 1)."""
    return resnet(x, (3, 4, depth, 3), partial(grouped, cardinality=cardinality, width=width), classes)


@block("resnext50_32x4d", source="Xie et al. 2017, Table 1", input="3x224x224")
def resnext50_32x4d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-50, 32 groups of 4 channels."""
    return resnext(x, 6, 32, 4, classes)


@block("resnext101_32x4d", source="Xie et al. 2017, Table 3", input="3x224x224")
def resnext101_32x4d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-101, 32 groups of 4 channels."""
    return resnext(x, 23, 32, 4, classes)


@block("resnext101_32x8d", source="Xie et al. 2017, Table 1; torchvision's width", input="3x224x224")
def resnext101_32x8d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-101, 32 groups of 8 channels."""
    return resnext(x, 23, 32, 8, classes)


@block("resnext101_64x4d", source="Xie et al. 2017, Table 4", input="3x224x224")
def resnext101_64x4d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-101, 64 groups of 4 channels."""
    return resnext(x, 23, 64, 4, classes)


@block("resnext101_2x64d", source="Xie et al. 2017, Table 4", input="3x224x224")
def resnext101_2x64d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNeXt-101, 2 groups of 64 channels: twice ResNet-101's cost by cardinality alone."""
    return resnext(x, 23, 2, 64, classes)


@block("resnet101_1x100d", source="Xie et al. 2017, Table 4", input="3x224x224")
def resnet101_1x100d(x: Tensor, classes: int = 1000) -> Tensor:
    """ResNet-101 with bottlenecks of 100 channels in place of 64: twice its cost by width alone."""
    return resnext(x, 23, 1, 100, classes)


def resnext29(x: Tensor, cardinality: int, base_width: int, classes: int) -> Tensor:
    """The CIFAR network: three stages of three bottlenecks (Xie et al. 2017, section 5.2)."""
    x = relu(bn(conv(x, 64, 3, name="conv_1_3x3"), name="bn_1"))
    for number in range(3):
        with x.scope(f"stage_{number + 1}"):
            for place, stride in enumerate(strides(2 if number else 1, 3)):
                with x.scope(f"stage_{number + 1}_bottleneck_{place}"):
                    x = resnext_bottleneck(x, 256 * 2**number, stride, cardinality, base_width)
    return fc(pooled(x), classes, name="classifier")


@block("resnext29_8x64d", source="Xie et al. 2017, Table 7", input="3x32x32")
def resnext29_8x64d(x: Tensor, classes: int = 10) -> Tensor:
    """The CIFAR network with 8 groups of 64 channels."""
    return resnext29(x, 8, 64, classes)


@block("resnext29_16x64d", source="Xie et al. 2017, Table 7", input="3x32x32")
def resnext29_16x64d(x: Tensor, classes: int = 10) -> Tensor:
    """The CIFAR network with 16 groups of 64 channels."""
    return resnext29(x, 16, 64, classes)
