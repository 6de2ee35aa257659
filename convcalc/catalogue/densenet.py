"""DenseNet: its layers, block and transition, and the networks. Names as in torchvision."""

from __future__ import annotations

from convcalc.catalogue.layers import avgpool, bn, cat, conv, fc, maxpool, pooled, relu
from convcalc.catalogue.registry import block
from convcalc.core.errors import UsageError
from convcalc.core.graph import Tensor


@block("dense-layer", source="Huang et al. 2017, section 3: H = BN, ReLU, 3x3", input="64x56x56")
def dense_layer(x: Tensor, growth: int = 32) -> Tensor:
    """The plain layer: `growth` new channels from all channels so far."""
    return conv(relu(bn(x, name="norm1"), name="relu1"), growth, 3, name="conv1")


@block("dense-layer-b", source="Huang et al. 2017, section 3: DenseNet-B", input="64x56x56")
def dense_layer_b(x: Tensor, growth: int = 32) -> Tensor:
    """The bottleneck layer: a 1x1 to 4 x growth channels before the 3x3."""
    x = conv(relu(bn(x, name="norm1"), name="relu1"), 4 * growth, 1, name="conv1")
    return conv(relu(bn(x, name="norm2"), name="relu2"), growth, 3, name="conv2")


@block("dense-block", source="Huang et al. 2017, Fig. 1 and Table 1", input="64x56x56")
def dense_block(x: Tensor, layers: int = 6, growth: int = 32, bottleneck: bool = True) -> Tensor:
    """Every layer reads the input and all earlier layers' outputs, and adds `growth` channels to them."""
    layer = dense_layer_b if bottleneck else dense_layer
    for number in range(layers):
        with x.scope(f"denselayer{number + 1}"):
            new = layer(x, growth)
        x = cat(x, new)
    return x


@block("dense-transition", source="Huang et al. 2017, section 3; the relu as released", input="256x56x56")
def dense_transition(x: Tensor, compression: float = 0.5) -> Tensor:
    """Between blocks: a 1x1 to a fraction of the channels, and average pooling that halves the map."""
    if compression > 1:
        raise UsageError(f"a compression is at most 1, not {compression}")
    x = conv(relu(bn(x, name="norm"), name="relu"), int(compression * x.channels), 1, name="conv")
    return avgpool(x, 2, name="pool")


def blocks(x: Tensor, depths: tuple[int, ...], growth: int, *, bottleneck: bool, compression: float) -> Tensor:
    """Dense blocks with transitions between, closed by batch norm and relu."""
    for number, depth in enumerate(depths):
        if number:
            with x.scope(f"transition{number}"):
                x = dense_transition(x, compression)
        with x.scope(f"denseblock{number + 1}"):
            x = dense_block(x, depth, growth, bottleneck)
    return relu(bn(x, name=f"norm{len(depths) + 1}"), name="relu")


def densenet(x: Tensor, depths: tuple[int, ...], classes: int, growth: int = 32) -> Tensor:
    """The ImageNet networks (Table 1): a stem of twice the growth, four blocks of DenseNet-BC."""
    with x.scope("features"):
        x = relu(bn(conv(x, 2 * growth, 7, 2, name="conv0"), name="norm0"), name="relu0")
        x = maxpool(x, 3, 2, padding=1, name="pool0")
        x = blocks(x, depths, growth, bottleneck=True, compression=0.5)
    return fc(pooled(x), classes, name="classifier")


_TABLE = "Huang et al. 2017, Table 1"


@block("densenet121", source=_TABLE, input="3x224x224")
def densenet121(x: Tensor, classes: int = 1000) -> Tensor:
    """DenseNet-BC, growth 32, 121 layers."""
    return densenet(x, (6, 12, 24, 16), classes)


@block("densenet161", source="the authors' repository: DenseNet-161, k = 48", input="3x224x224")
def densenet161(x: Tensor, classes: int = 1000) -> Tensor:
    """DenseNet-BC, growth 48, 161 layers."""
    return densenet(x, (6, 12, 36, 24), classes, growth=48)


@block("densenet169", source=_TABLE, input="3x224x224")
def densenet169(x: Tensor, classes: int = 1000) -> Tensor:
    """DenseNet-BC, growth 32, 169 layers."""
    return densenet(x, (6, 12, 32, 32), classes)


@block("densenet201", source=_TABLE, input="3x224x224")
def densenet201(x: Tensor, classes: int = 1000) -> Tensor:
    """DenseNet-BC, growth 32, 201 layers."""
    return densenet(x, (6, 12, 48, 32), classes)


@block("densenet_40_12", source="Huang et al. 2017, Table 2, L = 40, k = 12", input="3x32x32")
def densenet_40_12(x: Tensor, classes: int = 10) -> Tensor:
    """The CIFAR network of plain layers: three blocks of 12, growth 12, no compression."""
    with x.scope("features"):
        x = conv(x, 16, 3, name="conv0")
        x = blocks(x, (12, 12, 12), 12, bottleneck=False, compression=1.0)
    return fc(pooled(x), classes, name="classifier")


@block("densenet_bc_100_12", source="Huang et al. 2017, Table 2, DenseNet-BC, L = 100, k = 12", input="3x32x32")
def densenet_bc_100_12(x: Tensor, classes: int = 10) -> Tensor:
    """The CIFAR network of bottleneck layers: three blocks of 16, growth 12, half the channels kept."""
    with x.scope("features"):
        x = conv(x, 24, 3, name="conv0")
        x = blocks(x, (16, 16, 16), 12, bottleneck=True, compression=0.5)
    return fc(pooled(x), classes, name="classifier")
