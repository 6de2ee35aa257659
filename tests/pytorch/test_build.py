"""The real module: its namespace, its names, its results against torch modules written by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from foreign import torchvision_models, torchvision_ops
from torch import Tensor, nn

import convcalc
from convcalc.catalogue import get
from convcalc.core.graph import Builder
from convcalc.core.ops.activation import ReLU
from convcalc.core.ops.convolution import Conv
from convcalc.core.ops.join import Add, Cat
from convcalc.core.ops.norm import BatchNorm
from convcalc.pytorch import modules
from convcalc.pytorch.build import BuiltModule, build


def built(text: str, *shape: int) -> BuiltModule:
    return build(convcalc.parse(text, shape)).double().eval()


def test_layers_are_registered_under_their_dotted_names() -> None:
    names = [name for name, _ in build(get("resnet-block").graph()).named_parameters()]
    assert names[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"]
    assert "layer1.0.downsample.0.weight" in build(get("resnet50").graph()).state_dict()


def test_resnet50_takes_torchvisions_weights_and_gives_its_outputs() -> None:
    theirs = torchvision_models().resnet50(weights=None).eval()
    ours = build(get("resnet50").graph((3, 64, 64))).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(image), theirs(image))


def test_two_layers_of_one_name_are_refused() -> None:
    builder = Builder()
    x = builder.input((4, 5, 5)).apply(ReLU(), name="same").apply(ReLU(), name="same")
    with pytest.raises(ValueError, match="two layers are called 'same'"):
        build(builder.graph(x))


def test_several_inputs_and_outputs() -> None:
    builder = Builder()
    x, y = builder.input((4, 5, 5), "x"), builder.input((4, 5, 5), "y")
    total = x.apply(Add(), y)
    network = build(builder.graph(total, x.apply(Cat(), total)))
    a, b = torch.randn(2, 4, 5, 5), torch.randn(2, 4, 5, 5)
    first, second = network(a, b)
    assert torch.equal(first, a + b)
    assert torch.equal(second, torch.cat([a, a + b], dim=1))
    with pytest.raises(ValueError, match="zip"):
        network(a)


def test_tensors_are_let_go_after_their_last_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most two maps of a chain are alive at once."""
    import weakref

    alive: list[Any] = []
    network = built("3x3*6", 2, 9, 9)
    most = 0

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal most
        alive.append(weakref.ref(output))
        most = max(most, sum(reference() is not None for reference in alive))

    for layer in network.layers.values():
        layer.register_forward_hook(note)
    with torch.no_grad():
        network(torch.randn(1, 2, 9, 9, dtype=torch.float64))
    assert most == 2


BY_HAND = {
    "3x3c8s2p0d2b": ((4, 11, 12), lambda: nn.Conv2d(4, 8, 3, stride=2, padding=0, dilation=2)),
    "3x5c8g4": ((4, 11, 12), lambda: nn.Conv2d(4, 8, (3, 5), padding=(1, 2), groups=4, bias=False)),
    "dw3": ((4, 11), lambda: nn.Conv1d(4, 4, 3, padding=1, groups=4, bias=False)),
    "3c6": ((4, 5, 6, 7), lambda: nn.Conv3d(4, 6, 3, padding=1, bias=False)),
    "tconv4x4c6s2p1b": ((4, 5, 6), lambda: nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1)),
    "tconv3c6s3p0o2": ((4, 5), lambda: nn.ConvTranspose1d(4, 6, 3, stride=3, output_padding=2, bias=False)),
    "maxpool3x3s2p1": ((4, 9, 9), lambda: nn.MaxPool2d(3, 2, 1)),
    "avgpool2": ((4, 9), lambda: nn.AvgPool1d(2)),
    "gap": ((4, 5, 6, 7), lambda: nn.AdaptiveAvgPool3d(1)),
    "fc7": ((4, 5, 6), lambda: nn.Sequential(nn.Flatten(), nn.Linear(120, 7))),
    "up3": ((4, 5, 6), lambda: nn.Upsample(scale_factor=3)),
    "upbilinear2": ((4, 5, 6), lambda: nn.Upsample(scale_factor=2, mode="bilinear")),
    "pad2e1x0": ((4, 5, 6), lambda: nn.ZeroPad2d((2, 0, 2, 1))),
    "shuffle2": ((4, 5, 6), lambda: nn.ChannelShuffle(2)),
    "gn2": ((4, 5, 6), lambda: nn.GroupNorm(2, 4)),
    "bn": ((4, 5, 6), lambda: nn.BatchNorm2d(4)),
    "softmax": ((4, 5, 6), lambda: nn.Softmax(1)),
}


@pytest.mark.parametrize("text", BY_HAND)
def test_one_layer_computes_what_torch_does(text: str) -> None:
    shape, make = BY_HAND[text]
    ours, theirs = built(text, *shape), make().double().eval()
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other)
        x = torch.randn(2, *shape, dtype=torch.float64)
        assert torch.equal(ours(x), theirs(x))


def test_layer_norm_is_over_the_channels_of_each_place() -> None:
    x = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
    torch.testing.assert_close(built("ln", 6, 3, 4)(x), (x - mean) / (variance + 1e-5).sqrt())


def test_channel_shuffle_transposes_groups_and_rest() -> None:
    x = torch.arange(6.0)[None, :]
    assert modules.ShuffleChannels(2)(x).tolist() == [[0, 3, 1, 4, 2, 5]]


def test_joins() -> None:
    a, b = torch.tensor([[[2.0, 4.0]]]), torch.tensor([[[3.0]]])
    assert modules.Add()(a, b).tolist() == [[[5, 7]]]
    assert modules.Mul()(a, b).tolist() == [[[6, 12]]]
    assert modules.Mean()(a, b).tolist() == [[[2.5, 3.5]]]
    assert modules.Cat()(a, a).tolist() == [[[2, 4], [2, 4]]]


def deformed(x: Tensor, offsets: Tensor, conv: nn.Conv2d, *, modulated: bool) -> Tensor:
    """Deformable convolution by the definition (Dai et al. 2017, equations 2 to 4), one number at a time."""
    assert not isinstance(conv.padding, str)
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = conv.kernel_size, conv.stride, conv.padding, conv.dilation
    batch, channels, height, width = x.shape
    per_group, outputs = channels // conv.groups, conv.out_channels // conv.groups
    out = torch.zeros(batch, conv.out_channels, *offsets.shape[2:], dtype=x.dtype)

    def pixel(n: int, c: int, row: int, column: int) -> float:
        return float(x[n, c, row, column]) if 0 <= row < height and 0 <= column < width else 0.0

    def sample(n: int, c: int, y: float, z: float) -> float:
        top, left = int(y // 1), int(z // 1)
        corners = product((top, top + 1), (left, left + 1))
        return sum((1 - abs(y - r)) * (1 - abs(z - s)) * pixel(n, c, r, s) for r, s in corners)

    for n, o, i, j in product(*map(range, out.shape)):
        group, total = o // outputs, 0.0
        for c, a, b in product(range(per_group), range(kh), range(kw)):
            place = a * kw + b
            y = i * sh - ph + a * dh + float(offsets[n, 2 * place, i, j])
            z = j * sw - pw + b * dw + float(offsets[n, 2 * place + 1, i, j])
            mask = float(offsets[n, 2 * kh * kw + place, i, j].sigmoid()) if modulated else 1.0
            total += float(conv.weight[o, c, a, b]) * mask * sample(n, group * per_group + c, y, z)
        out[n, o, i, j] = total
    return out if conv.bias is None else out + conv.bias[:, None, None]


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
        nn.Conv2d(3, 2, 3, padding=1, bias=False),
    ],
    ids=["grouped", "plain"],
)
def test_deformable_convolution_by_the_definition(conv: nn.Conv2d, modulated: bool) -> None:
    torch.manual_seed(0)
    conv = conv.double()
    x = torch.randn(2, conv.in_channels, 5, 6, dtype=torch.float64)
    size = conv(x).shape[2:]
    places = conv.kernel_size[0] * conv.kernel_size[1]
    offsets = 3 * torch.randn(2, (3 if modulated else 2) * places, *size, dtype=torch.float64)
    with torch.no_grad():
        ours = modules.DeformConv2d(conv, modulated=modulated)(x, offsets)
        torch.testing.assert_close(ours, deformed(x, offsets, conv, modulated=modulated))


def test_deformable_convolution_as_in_torchvision() -> None:
    conv = nn.Conv2d(4, 6, 3, padding=1, groups=2).double()
    x, moves = torch.randn(2, 4, 7, 8).double(), torch.randn(2, 18, 7, 8).double()
    mask = torch.randn(2, 9, 7, 8).double()
    try:
        theirs = torchvision_ops().deform_conv2d(x, moves, conv.weight, conv.bias, padding=1, mask=mask.sigmoid())
    except (RuntimeError, NotImplementedError):
        pytest.skip("torchvision's compiled operators do not load here")
    ours = modules.DeformConv2d(conv, modulated=True)(x, torch.cat([moves, mask], dim=1))
    torch.testing.assert_close(ours, theirs)


def test_undeformed_is_the_plain_convolution() -> None:
    conv = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    x = torch.randn(1, 4, 9, 9)
    offsets = torch.zeros(1, 18, 5, 5)
    torch.testing.assert_close(modules.DeformConv2d(conv, modulated=False)(x, offsets), conv(x))


def test_negative_padding_crops() -> None:
    assert modules.ZeroPad([-1, 2])(torch.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[2, 3, 0, 0]]]
    assert modules.ZeroPad([2, -2])(torch.tensor([[[1.0]]])).tolist() == [[[0]]]


def test_batch_norm_stands_behind_dense_layers_too() -> None:
    builder = Builder()
    network = build(builder.graph(builder.input((6,)).apply(BatchNorm()))).eval()
    assert network(torch.ones(2, 6)).shape == (2, 6)


def test_the_namespace_is_torch_nn_and_more() -> None:
    assert modules.Identity is nn.Identity
    assert isinstance(Conv(3, 4).bind((2, 5, 5)).module(modules, (2, 5, 5)), nn.Conv2d)
    with pytest.raises(AttributeError):
        _ = modules.NoSuchModule
