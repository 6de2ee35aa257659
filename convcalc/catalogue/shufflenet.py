"""ShuffleNet (Zhang et al. 2018, the first version)."""

from __future__ import annotations

from convcalc.catalogue.layers import (
    add,
    avgpool,
    bn,
    cat,
    conv_bn,
    conv_bn_relu,
    depthwise,
    fc,
    maxpool,
    pooled,
    relu,
    strides,
)
from convcalc.catalogue.registry import block
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Tensor
from convcalc.core.ops.reshape import Shuffle


@block("shufflenet-unit", source="Zhang et al. 2018, Fig. 2b and 2c", input="240x28x28")
def shufflenet_unit(
    x: Tensor, channels: int = 240, stride: int = 1, groups: int = 3, group_first: bool = True
) -> Tensor:
    """Grouped 1x1, shuffle, depthwise 3x3, grouped 1x1; added to the input, or at stride 2 put beside its mean pool."""
    made = channels - x.channels if stride > 1 else channels
    if made < 1:
        raise ShapeError(f"a unit of stride {stride} makes more than its input's {x.channels} channels, not {channels}")
    y = conv_bn_relu(x, channels // 4, 1, groups=groups if group_first else 1).apply(Shuffle(groups))
    y = bn(depthwise(y, 3, stride))
    y = conv_bn(y, made, 1, groups=groups)
    return relu(cat(avgpool(x, 3, stride, padding=1), y) if stride > 1 else add(x, y))


def shufflenet(x: Tensor, channels: int, groups: int, classes: int, *, bias: bool) -> Tensor:
    """Table 1: a stem and three stages of 4, 8 and 4 units; the very first 1x1 has no groups."""
    x = maxpool(conv_bn_relu(x, 24, 3, 2), 3, 2, padding=1)
    for number, depth in enumerate((4, 8, 4)):
        for place, stride in enumerate(strides(2, depth)):
            with x.scope(f"stage{number + 2}.{place}"):
                x = shufflenet_unit(x, channels * 2**number, stride, groups, number + place > 0)
    return fc(pooled(x), classes, bias=bias, name="fc")


@block("shufflenet_v1", source="Zhang et al. 2018, Table 1, g = 3", input="3x224x224")
def shufflenet_v1(x: Tensor, classes: int = 1000) -> Tensor:
    """ShuffleNet 1x with 3 groups."""
    return shufflenet(x, 240, 3, classes, bias=True)


@block("shufflenet_v1_g8", source="Zhang et al. 2018, Table 1, g = 8", input="3x224x224")
def shufflenet_v1_g8(x: Tensor, classes: int = 1000) -> Tensor:
    """ShuffleNet 1x with 8 groups, the dense layer without bias."""
    return shufflenet(x, 384, 8, classes, bias=False)
