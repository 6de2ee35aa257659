"""VGG (Simonyan and Zisserman 2015). Names as in torchvision."""

from __future__ import annotations

from convcalc.catalogue.layers import adaptive_avgpool, conv_relu, dropout, fc, flatten, maxpool, relu
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor


def vgg(x: Tensor, depths: tuple[int, ...], classes: int) -> Tensor:
    """Five stages of 3x3 convolutions with biases, each closed by max pooling; three dense layers."""
    with x.scope("features", sequence=True):
        for channels, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
            for _ in range(depth):
                x = conv_relu(x, channels, 3)
            x = maxpool(x, 2)
    x = flatten(adaptive_avgpool(x, 7, name="avgpool"), name="flatten")
    with x.scope("classifier", sequence=True):
        for _ in range(2):
            x = dropout(relu(fc(x, 4096)))
        return fc(x, classes)


_SOURCE = "Simonyan and Zisserman 2015, Table 1"


@block("vgg11", source=f"{_SOURCE}, A", input="3x224x224")
def vgg11(x: Tensor, classes: int = 1000) -> Tensor:
    """8 convolutions, 3 dense layers."""
    return vgg(x, (1, 1, 2, 2, 2), classes)


@block("vgg13", source=f"{_SOURCE}, B", input="3x224x224")
def vgg13(x: Tensor, classes: int = 1000) -> Tensor:
    """10 convolutions, 3 dense layers."""
    return vgg(x, (2, 2, 2, 2, 2), classes)


@block("vgg16", source=f"{_SOURCE}, D", input="3x224x224")
def vgg16(x: Tensor, classes: int = 1000) -> Tensor:
    """13 convolutions, 3 dense layers."""
    return vgg(x, (2, 2, 3, 3, 3), classes)


@block("vgg19", source=f"{_SOURCE}, E", input="3x224x224")
def vgg19(x: Tensor, classes: int = 1000) -> Tensor:
    """16 convolutions, 3 dense layers."""
    return vgg(x, (2, 2, 4, 4, 4), classes)
