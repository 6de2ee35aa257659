"""Inception: GoogLeNet with its modules, Inception-v3's and Inception-ResNet's block.

Names as in torchvision (Inception-ResNet: timm).
"""

from __future__ import annotations

from convcalc.catalogue.layers import add, avgpool, bn, cat, conv, conv_relu, dropout, fc, lrn, maxpool, pooled, relu
from convcalc.catalogue.registry import block
from convcalc.core.errors import UsageError
from convcalc.core.graph import Tensor
from convcalc.core.operator import Axes


def layer(x: Tensor, channels: int, kernel: Axes, stride: int = 1, *, name: str = "", norm: bool = False) -> Tensor:
    """A convolution with a bias (GoogLeNet) or batch norm (later versions), and a relu, in a scope of their own."""
    with x.scope(name):
        x = conv(x, channels, kernel, stride, bias=not norm, name="conv")
        return relu(bn(x, name="bn") if norm else x)


@block("inception-naive", source="Szegedy et al. 2015, Fig. 2a", input="192x28x28")
def inception_naive(x: Tensor, one: int = 64, three: int = 128, five: int = 32) -> Tensor:
    """1x1, 3x3 and 5x5 convolutions and max pooling side by side; the default widths are module 3a's."""
    return cat(
        conv_relu(x, one, 1),
        conv_relu(x, three, 3),
        conv_relu(x, five, 5),
        maxpool(x, 3, 1, padding=1),
    )


def module(x: Tensor, widths: tuple[int, ...], *, five: int = 5, norm: bool = False) -> Tensor:
    """GoogLeNet's module: `widths` are #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5 and pool proj of Table 1."""
    one, reduce_3x3, three_by_three, reduce_5x5, five_by_five, projection = widths
    a = layer(x, one, 1, name="branch1", norm=norm)
    with x.scope("branch2"):
        b = layer(layer(x, reduce_3x3, 1, norm=norm), three_by_three, 3, norm=norm)
    with x.scope("branch3"):
        c = layer(layer(x, reduce_5x5, 1, norm=norm), five_by_five, five, norm=norm)
    with x.scope("branch4", sequence=True):
        d = layer(maxpool(x, 3, 1, padding=1), projection, 1, norm=norm)
    return cat(a, b, c, d)


_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Szegedy et al. 2015, Table 1."""


@block("inception", source="Szegedy et al. 2015, Fig. 2b and Table 1", input="192x28x28")
def inception(x: Tensor, widths: tuple[int, ...] = _MODULES["3a"]) -> Tensor:
    """The module with reductions; widths: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj."""
    if len(widths) != 6:
        raise UsageError(f"an inception module has 6 widths, not {len(widths)}")
    return module(x, widths)


@block("inception-3a", source="Szegedy et al. 2015, Table 1, inception (3a)", input="192x28x28")
def inception_3a(x: Tensor) -> Tensor:
    """GoogLeNet's first module."""
    return module(x, _MODULES["3a"])


@block("inception-3b", source="Szegedy et al. 2015, Table 1, inception (3b)", input="256x28x28")
def inception_3b(x: Tensor) -> Tensor:
    """GoogLeNet's second module."""
    return module(x, _MODULES["3b"])


def network(x: Tensor, classes: int, *, five: int, norm: bool, last_pool: int) -> Tensor:
    """GoogLeNet (Table 1); `five` is the kernel of its 5x5 branches; with `norm` batch norm for biases and LRN."""

    def modules(x: Tensor, names: str) -> Tensor:
        for name in names.split():
            with x.scope(f"inception{name}"):
                x = module(x, _MODULES[name], five=five, norm=norm)
        return x

    x = layer(x, 64, 7, 2, name="conv1", norm=norm)
    x = maxpool(x, 3, 2, ceil=True, name="maxpool1")
    x = x if norm else lrn(x)
    x = layer(x, 64, 1, name="conv2", norm=norm)
    x = layer(x, 192, 3, name="conv3", norm=norm)
    x = x if norm else lrn(x)
    x = modules(maxpool(x, 3, 2, ceil=True, name="maxpool2"), "3a 3b")
    x = modules(maxpool(x, 3, 2, ceil=True, name="maxpool3"), "4a 4b 4c 4d 4e")
    x = modules(maxpool(x, last_pool, 2, ceil=True, name="maxpool4"), "5a 5b")
    return fc(dropout(pooled(x)), classes, name="fc")


@block("googlenet", source="Szegedy et al. 2015, Table 1, without auxiliary classifiers", input="3x224x224")
def googlenet(x: Tensor, classes: int = 1000) -> Tensor:
    """9 modules, biases and local response normalisation as in the paper."""
    return network(x, classes, five=5, norm=False, last_pool=3)


@block("googlenet-torchvision", source="torchvision: batch norm, and 3x3 in place of 5x5", input="3x224x224")
def googlenet_torchvision(x: Tensor, classes: int = 1000) -> Tensor:
    """9 modules as torchvision (and the released TensorFlow model) has them, without auxiliary classifiers."""
    return network(x, classes, five=3, norm=True, last_pool=2)


@block("inception-v3-factorised", source="Szegedy et al. 2016, Fig. 6 with n = 7", input="768x17x17")
def inception_v3_factorised(x: Tensor, width: int = 128, channels: int = 192, n: int = 7) -> Tensor:
    """n x n convolutions as 1 x n and n x 1: once in one branch, twice in another."""
    across, down = (1, n), (n, 1)
    a = layer(x, channels, 1, name="branch1x1", norm=True)
    b = layer(x, width, 1, name="branch7x7_1", norm=True)
    b = layer(b, width, across, name="branch7x7_2", norm=True)
    b = layer(b, channels, down, name="branch7x7_3", norm=True)
    c = layer(x, width, 1, name="branch7x7dbl_1", norm=True)
    c = layer(c, width, down, name="branch7x7dbl_2", norm=True)
    c = layer(c, width, across, name="branch7x7dbl_3", norm=True)
    c = layer(c, width, down, name="branch7x7dbl_4", norm=True)
    c = layer(c, channels, across, name="branch7x7dbl_5", norm=True)
    d = layer(avgpool(x, 3, 1, padding=1), channels, 1, name="branch_pool", norm=True)
    return cat(a, b, c, d)


@block("inception-resnet", source="Szegedy et al. 2017, Fig. 16 (35x35); released widths", input="320x35x35")
def inception_resnet(x: Tensor) -> Tensor:
    """Three branches, concatenated, back to the input's channels, and added to it (unscaled: section 3.3)."""
    a = layer(x, 32, 1, name="branch0", norm=True)
    with x.scope("branch1"):
        b = layer(layer(x, 32, 1, norm=True), 32, 3, norm=True)
    with x.scope("branch2"):
        c = layer(layer(layer(x, 32, 1, norm=True), 48, 3, norm=True), 64, 3, norm=True)
    y = conv(cat(a, b, c), x.channels, 1, bias=True, name="conv2d")
    return relu(add(x, y))
