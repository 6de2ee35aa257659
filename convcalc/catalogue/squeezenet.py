"""SqueezeNet (Iandola et al. 2016). Names as in torchvision."""

from __future__ import annotations

from convcalc.catalogue.layers import cat, conv, conv_relu, dropout, flatten, global_avgpool, maxpool, relu
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor


@block("fire-module", source="Iandola et al. 2016, Fig. 1", input="96x54x54")
def fire_module(x: Tensor, squeeze: int = 16, expand: int = 64) -> Tensor:
    """A 1x1 squeezes; a 1x1 and a 3x3 side by side expand, each to `expand` channels."""
    x = relu(conv(x, squeeze, 1, bias=True, name="squeeze"), name="squeeze_activation")
    a = relu(conv(x, expand, 1, bias=True, name="expand1x1"), name="expand1x1_activation")
    b = relu(conv(x, expand, 3, bias=True, name="expand3x3"), name="expand3x3_activation")
    return cat(a, b)


def fires(x: Tensor, *plans: tuple[int, int]) -> Tensor:
    """Fire modules of the given (squeeze, expand), and pooling."""
    for squeeze, expand in plans:
        with x.scope():
            x = fire_module(x, squeeze, expand)
    return x


def classifier(x: Tensor, classes: int) -> Tensor:
    """A 1x1 to the classes and their means."""
    with x.scope("classifier", sequence=True):
        x = global_avgpool(conv_relu(dropout(x), classes, 1))
    return flatten(x)


@block("squeezenet1_0", source="Iandola et al. 2016, Table 1", input="3x224x224")
@block("squeezenet", source="Iandola et al. 2016, Table 1", input="3x224x224")
def squeezenet(x: Tensor, classes: int = 1000) -> Tensor:
    """Eight fire modules, no dense layer (version 1.0)."""
    with x.scope("features", sequence=True):
        x = maxpool(conv_relu(x, 96, 7, 2, padding=0), 3, 2, ceil=True)
        x = maxpool(fires(x, (16, 64), (16, 64), (32, 128)), 3, 2, ceil=True)
        x = maxpool(fires(x, (32, 128), (48, 192), (48, 192), (64, 256)), 3, 2, ceil=True)
        x = fires(x, (64, 256))
    return classifier(x, classes)


@block("squeezenet1_1", source="the authors' repository, v1.1: pools earlier", input="3x224x224")
def squeezenet1_1(x: Tensor, classes: int = 1000) -> Tensor:
    """Eight fire modules over smaller maps (version 1.1)."""
    with x.scope("features", sequence=True):
        x = maxpool(conv_relu(x, 64, 3, 2, padding=0), 3, 2, ceil=True)
        x = maxpool(fires(x, (16, 64), (16, 64)), 3, 2, ceil=True)
        x = maxpool(fires(x, (32, 128), (32, 128)), 3, 2, ceil=True)
        x = fires(x, (48, 192), (48, 192), (64, 256), (64, 256))
    return classifier(x, classes)
