"""The catalogue against torchvision's and timm's own modules: parameters, MACs, layer names and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from foreign import timm, torchvision_models

from convcalc import Graph, Network
from convcalc.catalogue import get

torch = pytest.importorskip("torch")
build = pytest.importorskip("convcalc.pytorch.build").build

Model = Callable[[], Any]


def from_torchvision(name: str, **settings: Any) -> Model:
    return lambda: getattr(torchvision_models(), name)(weights=None, **settings)


def from_timm(name: str) -> Model:
    return lambda: timm().create_model(name, pretrained=False)


def resnet_of_torchvision(*depths: int, **settings: Any) -> Model:
    def make() -> Any:
        resnet = torchvision_models().resnet
        return resnet.ResNet(resnet.Bottleneck, list(depths), **settings)

    return make


SHARED = [
    *("alexnet", "vgg11", "vgg13", "vgg16", "vgg19"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *("mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny"),
    *("squeezenet1_0", "squeezenet1_1"),
]
"""What we and torchvision call by one name."""

NETWORKS: dict[str, Model] = {
    **{name: from_torchvision(name) for name in SHARED},
    "googlenet-torchvision": from_torchvision("googlenet", aux_logits=False, init_weights=False),
    "squeezenet": from_torchvision("squeezenet1_0"),
    "resnet200": resnet_of_torchvision(3, 24, 36, 3),
    "resnext101_32x4d": resnet_of_torchvision(3, 4, 23, 3, groups=32, width_per_group=4),
    "resnext101_2x64d": resnet_of_torchvision(3, 4, 23, 3, groups=2, width_per_group=64),
    "resnet101_1x100d": resnet_of_torchvision(3, 4, 23, 3, width_per_group=100),
    "mobilenet_v1": from_timm("mobilenetv1_100"),
    "seresnet50": from_timm("seresnet50"),
    "seresnext50_32x4d": from_timm("seresnext50_32x4d"),
    "xception": from_timm("legacy_xception"),
    "nasnet_a_large": from_timm("nasnetalarge"),
}


def on_meta(make: Model) -> Any:
    with torch.device("meta"):
        return make().eval()


def in_our_words(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Their weights under our names: ConvNeXt's scale has a layer, its dense layers over channels are 1x1."""
    renamed = {name + ".weight" if name.endswith("layer_scale") else name: weight for name, weight in theirs.items()}
    return {
        name: weight.reshape(ours[name].shape) if name in ours and weight.numel() == ours[name].numel() else weight
        for name, weight in renamed.items()
    }


def macs_of(model: Any, *inputs: Any) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*inputs)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name: str) -> None:
    model = on_meta(NETWORKS[name])
    graph = get(name).graph()
    summary = Network(graph=graph)
    assert summary.params == sum(p.numel() for p in model.parameters())
    assert summary.macs == macs_of(model, torch.empty(1, *get(name).input, device="meta"))
    ours = on_meta(lambda: build(graph))
    ours.load_state_dict(in_our_words(model.state_dict(), ours.state_dict()), strict=True, assign=True)


def results(graph: Graph, model: Any, size: int) -> tuple[Any, Any]:
    """What our module and `model`, with the same weights, make of one random image."""
    torch.manual_seed(0)
    model = model.double().eval()
    for module in model.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-5  # ours is torch's default: it is no matter of counting
    ours = build(graph).double().eval()
    ours.load_state_dict(in_our_words(model.state_dict(), ours.state_dict()), strict=True)
    image = torch.randn(1, graph.input_shapes[0][0], size, size, dtype=torch.float64)
    with torch.no_grad():
        return ours(image), model(image)


SMALL = {
    "alexnet": 96,
    "resnet18": 48,
    "resnet50": 48,
    "resnext50_32x4d": 48,
    "densenet121": 48,
    "googlenet-torchvision": 48,
    "mobilenet_v1": 48,
    "mobilenet_v2": 48,
    "mobilenet_v3_large": 48,
    "squeezenet1_0": 64,
    "squeezenet1_1": 64,
    "efficientnet_b0": 48,
    "convnext_tiny": 64,
    "seresnet50": 48,
    "xception": 72,
}


@pytest.mark.parametrize("name", SMALL)
def test_same_weights_same_result(name: str) -> None:
    """Not only the counts: with its weights our module computes what theirs does."""
    size = SMALL[name]
    mine, theirs = results(get(name).graph((3, size, size)), NETWORKS[name](), size)
    scale = theirs.abs().max()
    assert scale > 0
    assert (mine - theirs).abs().max() <= 1e-6 * scale


class TestBlocks:
    """Single modules."""

    @staticmethod
    def check(name: str, model: Model, **parameters: Any) -> None:
        graph = get(name).graph(**parameters)
        theirs = on_meta(model)
        ours = on_meta(lambda: build(graph))
        ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
        shape = graph.input_shapes[0]
        assert Network(graph=graph).macs == macs_of(theirs, torch.empty(2, *shape, device="meta")) // 2

    def test_aspp(self) -> None:
        self.check("aspp", lambda: torchvision_models().segmentation.deeplabv3.ASPP(2048, (6, 12, 18)))

    def test_fire_module(self) -> None:
        self.check("fire-module", lambda: torchvision_models().squeezenet.Fire(96, 16, 64, 64))

    def test_inception_v3(self) -> None:
        self.check("inception-v3-factorised", lambda: torchvision_models().inception.InceptionC(768, 128))

    def test_inception_resnet(self) -> None:
        from importlib import import_module

        timm()
        self.check("inception-resnet", lambda: import_module("timm.models.inception_resnet_v2").Block35())

    def test_resnet_blocks(self) -> None:
        resnet = torchvision_models().resnet
        self.check("resnet-basic-block", lambda: resnet.BasicBlock(64, 64))
        self.check("resnet-block", lambda: resnet.Bottleneck(256, 64))
        self.check("resnext-block", lambda: resnet.Bottleneck(256, 64, groups=32, base_width=4))

    def test_inverted_residual(self) -> None:
        self.check("inverted-residual", lambda: torchvision_models().mobilenetv2.InvertedResidual(24, 24, 1, 6))

    def test_dense_layer(self) -> None:
        dense = torchvision_models().densenet
        self.check("dense-layer-b", lambda: dense._DenseLayer(64, 32, 4, 0.0))
        self.check("dense-block", lambda: dense._DenseBlock(6, 64, 4, 32, 0.0))
        self.check("dense-transition", lambda: dense._Transition(256, 128))


def article_bottleneck(
    in_channels: int, out_channels: int, stride: int, cardinality: int, base_width: int, widen_factor: int
) -> Any:
    """The article's ResNeXtBottleneck as written, with the forward of the repository that it is from."""
    from torch import nn

    class ResNeXtBottleneck(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width_ratio = out_channels / (widen_factor * 64.0)
            D = cardinality * int(base_width * width_ratio)  # noqa: N806
            self.conv_reduce = nn.Conv2d(in_channels, D, kernel_size=1, stride=1, padding=0, bias=False)
            self.bn_reduce = nn.BatchNorm2d(D)
            self.conv_conv = nn.Conv2d(D, D, kernel_size=3, stride=stride, padding=1, groups=cardinality, bias=False)
            self.bn = nn.BatchNorm2d(D)
            self.conv_expand = nn.Conv2d(D, out_channels, kernel_size=1, stride=1, padding=0, bias=False)
            self.bn_expand = nn.BatchNorm2d(out_channels)
            self.shortcut = nn.Sequential()
            if in_channels != out_channels:
                self.shortcut.add_module(
                    "shortcut_conv",
                    nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, padding=0, bias=False),
                )
                self.shortcut.add_module("shortcut_bn", nn.BatchNorm2d(out_channels))

        def forward(self, x: Any) -> Any:
            y = self.bn_reduce(self.conv_reduce(x)).relu()
            y = self.bn(self.conv_conv(y)).relu()
            return (self.bn_expand(self.conv_expand(y)) + self.shortcut(x)).relu()

    return ResNeXtBottleneck()


@pytest.mark.parametrize(
    ("in_channels", "settings"),
    [
        (256, {}),
        (64, {"out_channels": 256, "stride": 2, "cardinality": 8, "base_width": 64}),
        (32, {"out_channels": 48, "cardinality": 4, "base_width": 21, "widen_factor": 1}),
    ],
)
def test_the_articles_class(in_channels: int, settings: dict[str, int]) -> None:
    entry = get("article-resnext-bottleneck")
    graph = entry.graph((in_channels, 8, 8), **settings)
    model = article_bottleneck(in_channels, **{**entry.parameters, **settings})
    assert Network(graph=graph).params == sum(p.numel() for p in model.parameters())
    mine, theirs = results(graph, model, 8)
    assert torch.allclose(mine, theirs)
