"""Single convolutions and what is made of them: stacks, dilation, factors, groups, deformation."""

from __future__ import annotations

from convcalc.catalogue.composites import Deformable
from convcalc.catalogue.layers import (
    add,
    bn,
    cat,
    conv,
    conv_bn_relu,
    conv_relu,
    depthwise,
    dropout,
    global_avgpool,
    relu,
)
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.ops.reshape import UpsampleBilinear


@block("stacked-conv", source="Simonyan and Zisserman 2015, section 2.3", input="64x56x56")
def stacked_conv(x: Tensor, channels: int = 64, kernel: int = 3, depth: int = 2) -> Tensor:
    """Small convolutions in place of a large one: two 3x3 see what a 5x5 sees."""
    for _ in range(depth):
        x = conv_relu(x, channels, kernel)
    return x


@block("asymmetric-conv", source="Szegedy et al. 2016, section 3.2", input="64x17x17")
def asymmetric_conv(x: Tensor, channels: int = 64, n: int = 3) -> Tensor:
    """An n x n convolution as 1 x n and n x 1."""
    return conv_bn_relu(conv_bn_relu(x, channels, (1, n)), channels, (n, 1))


@block("grouped-conv", source="Krizhevsky et al. 2012, section 3.5; Xie et al. 2017", input="128x56x56")
def grouped_conv(x: Tensor, channels: int = 128, kernel: int = 3, stride: int = 1, groups: int = 32) -> Tensor:
    """Each group of output channels reads its own group of input channels."""
    return conv_bn_relu(x, channels, kernel, stride, groups=groups)


@block("depthwise-separable", source="Howard et al. 2017, Fig. 3 right", input="32x112x112")
def depthwise_separable(x: Tensor, channels: int = 64, kernel: int = 3, stride: int = 1) -> Tensor:
    """Each channel by itself, then a 1x1 across channels; both with batch norm and relu.

    Names as in timm's MobileNet.
    """
    x = relu(bn(depthwise(x, kernel, stride, name="conv_dw")))
    return relu(bn(conv(x, channels, 1, name="conv_pw")))


@block("dilated-stack", source="Yu and Koltun 2016, section 3", input="64x56x56")
def dilated_stack(x: Tensor, channels: int = 64, kernel: int = 3, rates: tuple[int, ...] = (2, 2, 2)) -> Tensor:
    """Dilated convolutions of the given rates. Equal rates leave holes in the receptive field."""
    for rate in rates:
        x = conv_relu(x, channels, kernel, dilation=rate)
    return x


@block("hdc", source="Wang et al. 2018, section 3.2: hybrid dilated convolution", input="64x56x56")
def hdc(x: Tensor, channels: int = 64, kernel: int = 3, rates: tuple[int, ...] = (1, 2, 5)) -> Tensor:
    """Dilated convolutions whose rates have no common factor, so that no hole is left."""
    return dilated_stack(x, channels, kernel, rates)


@block("aspp", source="Chen et al. 2017 (DeepLabv3), Fig. 5; names as in torchvision", input="2048x33x33")
def aspp(x: Tensor, channels: int = 256, rates: tuple[int, ...] = (6, 12, 18)) -> Tensor:
    """Atrous spatial pyramid pooling: a 1x1, a dilated 3x3 for each rate and the image's mean, concatenated; a 1x1."""
    with x.scope("convs"):
        with x.scope(sequence=True):
            branches = [conv_bn_relu(x, channels, 1)]
        for rate in rates:
            with x.scope(sequence=True):
                branches.append(conv_bn_relu(x, channels, 3, dilation=rate))
        with x.scope(sequence=True):
            image = conv_bn_relu(global_avgpool(x), channels, 1)
            branches.append(image.apply(UpsampleBilinear(x.shape[1:])))
    y = cat(*branches)
    with x.scope("project", sequence=True):
        return dropout(conv_bn_relu(y, channels, 1))


@block("aspp-v2", source="Chen et al. 2018 (DeepLabv2), Fig. 7", input="512x41x41")
def aspp_v2(x: Tensor, channels: int = 1024, rates: tuple[int, ...] = (6, 12, 18, 24), classes: int = 21) -> Tensor:
    """Atrous spatial pyramid pooling, summed: for each rate a dilated 3x3 (fc6), a 1x1 (fc7) and the scores (fc8)."""
    scores = []
    for number, rate in enumerate(rates):
        with x.scope(f"branch{number + 1}"):
            y = dropout(relu(conv(x, channels, 3, dilation=rate, bias=True, name="fc6")))
            y = dropout(relu(conv(y, channels, 1, bias=True, name="fc7")))
            scores.append(conv(y, classes, 1, bias=True, name="fc8"))
    return add(*scores)


@block("deformable-conv", source="Dai et al. 2017, Fig. 2", input="64x56x56")
def deformable_conv(x: Tensor, channels: int = 64, kernel: int = 3, stride: int = 1, groups: int = 1) -> Tensor:
    """A convolution that samples where an offset convolution says: two offsets for each place of the kernel."""
    return x.apply(Deformable(kernel, channels, stride, groups=groups), name="conv1")


@block("deformable-conv-v2", source="Zhu et al. 2019, section 3.2", input="64x56x56")
def deformable_conv_v2(x: Tensor, channels: int = 64, kernel: int = 3, stride: int = 1, groups: int = 1) -> Tensor:
    """Deformable convolution with a mask: each sample is weighed, too."""
    return x.apply(Deformable(kernel, channels, stride, groups=groups, version=2), name="conv1")
