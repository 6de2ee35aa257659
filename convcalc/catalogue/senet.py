"""Squeeze-and-excitation: the block and its networks. Names as in timm."""

from __future__ import annotations

from functools import partial

from convcalc.catalogue.composites import SqueezeExcitation
from convcalc.catalogue.layers import add, conv_bn, conv_bn_relu, relu
from convcalc.catalogue.registry import block
from convcalc.catalogue.resnet import resnet, shortcut
from convcalc.core.graph import Tensor


@block("se-block", source="Hu et al. 2018, Fig. 1", input="256x56x56")
def se_block(x: Tensor, reduction: int = 16) -> Tensor:
    """Each channel weighed by what two dense layers make of all channels' means."""
    return x.apply(SqueezeExcitation(reduction), name="se")


@block("se-resnet-block", source="Hu et al. 2018, Fig. 3", input="256x56x56")
def se_resnet_block(x: Tensor, channels: int = 256, width: int = 64, stride: int = 1, reduction: int = 16) -> Tensor:
    """ResNet's bottleneck, its channels weighed before the sum."""
    y = conv_bn_relu(x, width, 1)
    y = conv_bn_relu(y, width, 3, stride)
    y = se_block(conv_bn(y, channels, 1), reduction)
    return relu(add(y, shortcut(x, channels, stride)))


@block("se-resnext-block", source="Hu et al. 2018, Table 1", input="256x56x56")
def se_resnext_block(
    x: Tensor, channels: int = 256, cardinality: int = 32, width: int = 4, stride: int = 1, reduction: int = 16
) -> Tensor:
    """ResNeXt's bottleneck, its channels weighed before the sum."""
    y = conv_bn_relu(x, cardinality * width, 1)
    y = conv_bn_relu(y, cardinality * width, 3, stride, groups=cardinality)
    y = se_block(conv_bn(y, channels, 1), reduction)
    return relu(add(y, shortcut(x, channels, stride)))


def bottleneck(x: Tensor, number: int, stride: int) -> Tensor:
    """A bottleneck of stage `number`."""
    return se_resnet_block(x, 256 * 2**number, 64 * 2**number, stride)


def grouped(x: Tensor, number: int, stride: int, cardinality: int, width: int) -> Tensor:
    """A grouped bottleneck of stage `number`; the width doubles with each stage."""
    return se_resnext_block(x, 256 * 2**number, cardinality, width * 2**number, stride)


@block("seresnet50", source="Hu et al. 2018, Table 1", input="3x224x224")
def seresnet50(x: Tensor, classes: int = 1000) -> Tensor:
    """SE-ResNet-50."""
    return resnet(x, (3, 4, 6, 3), bottleneck, classes)


@block("seresnext50_32x4d", source="Hu et al. 2018, Table 1", input="3x224x224")
def seresnext50_32x4d(x: Tensor, classes: int = 1000) -> Tensor:
    """SE-ResNeXt-50, 32 groups of 4 channels."""
    return resnet(x, (3, 4, 6, 3), partial(grouped, cardinality=32, width=4), classes)
