"""The first networks: LeNet-5 and AlexNet. AlexNet's names as in torchvision."""

from __future__ import annotations

from convcalc.catalogue.layers import (
    adaptive_avgpool,
    avgpool,
    conv,
    conv_relu,
    dropout,
    fc,
    flatten,
    lrn,
    maxpool,
    relu,
)
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.ops.activation import Tanh


@block("lenet5", source="LeCun et al. 1998, Fig. 2; plain pooling and a full C3", input="1x32x32")
def lenet5(x: Tensor, classes: int = 10) -> Tensor:
    """Two 5x5 convolutions, three dense layers."""
    x = avgpool(conv(x, 6, 5, padding=0, bias=True).apply(Tanh()), 2)
    x = avgpool(conv(x, 16, 5, padding=0, bias=True).apply(Tanh()), 2)
    x = fc(flatten(x), 120).apply(Tanh())
    x = fc(x, 84).apply(Tanh())
    return fc(x, classes)


@block("alexnet", source="Krizhevsky 2014, one tower", input="3x224x224")
def alexnet(x: Tensor, classes: int = 1000) -> Tensor:
    """5 convolutions, 3 dense layers."""
    with x.scope("features", sequence=True):
        x = maxpool(conv_relu(x, 64, 11, 4, padding=2), 3, 2)
        x = maxpool(conv_relu(x, 192, 5), 3, 2)
        x = conv_relu(x, 384, 3)
        x = conv_relu(x, 256, 3)
        x = maxpool(conv_relu(x, 256, 3), 3, 2)
    x = flatten(adaptive_avgpool(x, 6, name="avgpool"), name="flatten")
    with x.scope("classifier", sequence=True):
        for _ in range(2):
            x = relu(fc(dropout(x), 4096))
        return fc(x, classes)


@block("alexnet-2012", source="Krizhevsky et al. 2012, Fig. 2, two GPUs", input="3x227x227")
def alexnet_2012(x: Tensor, classes: int = 1000) -> Tensor:
    """5 convolutions, of which the second, fourth and fifth have two groups; 3 dense layers."""
    x = maxpool(lrn(conv_relu(x, 96, 11, 4, padding=0)), 3, 2)
    x = maxpool(lrn(conv_relu(x, 256, 5, groups=2)), 3, 2)
    x = conv_relu(x, 384, 3)
    x = conv_relu(x, 384, 3, groups=2)
    x = maxpool(conv_relu(x, 256, 3, groups=2), 3, 2)
    x = flatten(x)
    for _ in range(2):
        x = dropout(relu(fc(x, 4096)))
    return fc(x, classes)
