"""Xception (Chollet 2017). Names as in timm."""

from __future__ import annotations

from convcalc.catalogue.layers import add, bn, conv, depthwise, fc, maxpool, pooled, relu
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor


def separable(x: Tensor, channels: int, name: str = "") -> Tensor:
    """A depthwise 3x3 and a 1x1, nothing between them."""
    with x.scope(name):
        return conv(depthwise(x, 3, name="conv1"), channels, 1, name="pointwise")


@block("xception-block", source="Chollet 2017, Fig. 5, middle flow", input="728x19x19")
def xception_block(
    x: Tensor,
    channels: int = 728,
    depth: int = 3,
    stride: int = 1,
    relu_first: bool = True,
    widen_first: bool = True,
) -> Tensor:
    """Separable convolutions, each after a relu, then pooling if it strides; a shortcut around them.

    The first or (without `widen_first`) the last of them changes the channels.
    """
    y = x
    with x.scope("rep", sequence=True):
        for number in range(depth):
            y = relu(y) if number or relu_first else y
            y = bn(separable(y, channels if widen_first or number == depth - 1 else x.channels))
        if stride > 1:
            y = maxpool(y, 3, stride, padding=1)
    if x.channels != channels or stride > 1:
        x = bn(conv(x, channels, 1, stride, name="skip"), name="skipbn")
    return add(x, y)


@block("xception", source="Chollet 2017, Fig. 5", input="3x299x299")
def xception(x: Tensor, classes: int = 1000) -> Tensor:
    """Entry flow, eight middle blocks, exit flow."""
    x = relu(bn(conv(x, 32, 3, 2, padding=0)))
    x = relu(bn(conv(x, 64, 3, padding=0)))
    for number, channels in enumerate((128, 256, 728)):
        with x.scope(f"block{number + 1}"):
            x = xception_block(x, channels, 2, 2, relu_first=number > 0)
    for number in range(8):
        with x.scope(f"block{number + 4}"):
            x = xception_block(x)
    with x.scope("block12"):
        x = xception_block(x, 1024, 2, 2, widen_first=False)
    x = relu(bn(separable(x, 1536, "conv3"), name="bn3"))
    x = relu(bn(separable(x, 2048, "conv4"), name="bn4"))
    return fc(pooled(x), classes, name="fc")
