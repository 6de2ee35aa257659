"""Random networks: what is computed equals what torch's modules show, layer by layer.

First through the proof; then without a line of it: torch modules written by hand, and single pixels disturbed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import graphs
from torch import Tensor, nn
from torch.nn import functional

import convcalc
from convcalc import Graph, ShapeError
from convcalc.analysis.network import Network
from convcalc.core.operator import Shape
from convcalc.pytorch.verify.confirm import confirm

# Random texts of the whole language, through the proof

CHANNELS = st.sampled_from([4, 8, 12])
SMALL = st.integers(1, 3)


def numbers(axes: int, values: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    """One number, or one for each axis."""
    each = st.lists(values, min_size=axes, max_size=axes).map(lambda found: "x".join(map(str, found)))
    return st.one_of(values.map(str), each)


def some(letter: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[str]:
    """An option, or nothing."""
    return st.one_of(st.just(""), values.map(lambda value: f"{letter}{value}"))


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def kernels(axes: int) -> st.SearchStrategy[str]:
    return numbers(axes, st.integers(1, 5))


def layers(axes: int) -> st.SearchStrategy[str]:
    """A layer of any kind with any of its options."""
    stride, dilation = some("s", numbers(axes, SMALL)), some("d", numbers(axes, SMALL))
    padding, bias = some("p", numbers(axes, st.integers(0, 3))), some("b", st.integers(0, 1))
    channels, groups = some("c", CHANNELS), some("g", st.sampled_from([1, 2, 4]))
    return st.one_of(
        joined(kernels(axes), stride, padding, dilation, channels, groups, bias),
        joined(st.just("dw"), kernels(axes), stride, padding, dilation, bias),
        joined(st.just("sep"), kernels(axes), channels, stride, padding, bias),
        joined(st.just("tconv"), kernels(axes), stride, padding, dilation, channels, groups, bias),
        joined(st.just("maxpool"), numbers(axes, SMALL), stride, some("p", st.integers(0, 1))),
        joined(st.just("avgpool"), numbers(axes, SMALL), stride, some("p", st.integers(0, 1))),
        joined(st.just("up"), numbers(axes, SMALL)),
        joined(st.just("upbilinear"), numbers(axes, SMALL)),
        joined(st.just("pad"), numbers(axes, st.integers(0, 2)), some("e", numbers(axes, st.integers(0, 2)))),
        joined(st.just("adaptiveavgpool"), numbers(axes, st.integers(1, 4))),
        joined(st.just("dconv"), kernels(axes), stride, some("v", st.integers(1, 2))) if axes == 2 else st.just("id"),
        st.sampled_from(
            [
                "bn",
                "ln",
                "gn2",
                "gn4",
                "relu",
                "relu6",
                "gelu",
                "silu",
                "hardswish",
                "sigmoid",
                "hardsigmoid",
                "tanh",
                "softmax",
                "dropout",
                "se2",
                "se4",
                "shuffle2",
                "shuffle4",
                "id",
                "gap",
            ]
        ),
    )


def texts(axes: int) -> st.SearchStrategy[str]:
    """Layers in a row, branches and repetitions of them; sometimes a dense end."""

    def longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        row = st.lists(inner, min_size=1, max_size=3).map(", ".join)
        branches = st.lists(row, min_size=2, max_size=3).map(" | ".join)
        return st.one_of(
            st.tuples(st.sampled_from(["cat", "add", "mul", "mean"]), branches).map(
                lambda found: "{}({})".format(*found)
            ),
            st.tuples(row, SMALL).map(lambda found: "({})*{}".format(*found)),
        )

    body = st.lists(st.recursive(layers(axes), longer, max_leaves=5), min_size=1, max_size=4).map(", ".join)
    return joined(body, st.sampled_from(["", "", "", ", fc5", ", gap, fc7b0, relu", ", flatten, bn"]))


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """A network of a random text; layers that do not fit are left out from the end."""
    axes = draw(st.integers(1, 3))
    shape = (draw(CHANNELS), *draw(st.tuples(*[st.integers(4, (40, 20, 9)[axes - 1])] * axes)))
    text = draw(texts(axes))
    while True:
        try:
            return convcalc.parse(text, shape)
        except (ShapeError, convcalc.LimitError):
            text = text.rpartition(", ")[0]
            try:
                convcalc.parse(text or "id")
            except convcalc.ConvcalcError:
                text = draw(layers(axes))
            text = text or "relu"


def holds(graph: Graph) -> None:
    if sum(Network(graph=graph).memory) > 3_000_000:
        return
    proof = confirm(Network(graph=graph))
    assert proof.ok, (proof.failures, [(node.op.spec(), node.inputs) for node in graph.nodes[1:]], graph.input_shapes)


@given(networks())
def test_networks_of_the_language(graph: Graph) -> None:
    holds(graph)


@given(graphs())
def test_networks_of_any_wiring(graph: Graph) -> None:
    holds(graph)


# Without the proof: torch modules written by hand, single pixels disturbed


class Branches(nn.Module):
    """`join` of what several modules make of one input."""

    def __init__(self, join: Callable[[list[Tensor]], Tensor], *branches: nn.Module) -> None:
        super().__init__()
        self.join = join
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return self.join([branch(x) for branch in self.branches])


def cat(tensors: list[Tensor]) -> Tensor:
    return torch.cat(tensors, dim=1)


def add(tensors: list[Tensor]) -> Tensor:
    return sum(tensors[1:], start=tensors[0])


class Residual(nn.Module):
    """ResNet's bottleneck as torchvision writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(8, 4, 1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 16, 1, bias=False),
            nn.BatchNorm2d(16),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(8, 16, 1, stride=2, bias=False), nn.BatchNorm2d(16))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.shortcut(x))


def conv(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    *,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Module:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)


BY_HAND: dict[str, tuple[Shape, Callable[[], nn.Module]]] = {
    "3x3, 3x3, 3x3": ((2, 11, 11), lambda: nn.Sequential(*[conv(2, 2, 3, padding=1) for _ in range(3)])),
    "7x7c4s2, maxpool3x3s2p1, 3x3": (
        (3, 33, 33),
        lambda: nn.Sequential(conv(3, 4, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, 1), conv(4, 4, 3, padding=1)),
    ),
    "3x3d2, 3x3d3": (
        (2, 19, 17),
        lambda: nn.Sequential(conv(2, 2, 3, padding=2, dilation=2), conv(2, 2, 3, padding=3, dilation=3)),
    ),
    "dw3x3s2, 1x1c6b": (
        (4, 9, 12),
        lambda: nn.Sequential(conv(4, 4, 3, stride=2, padding=1, groups=4), nn.Conv2d(4, 6, 1)),
    ),
    "sep5x5c6": ((4, 9, 9), lambda: nn.Sequential(conv(4, 4, 5, padding=2, groups=4), conv(4, 6, 1))),
    "3x3c8g2, shuffle2, 3x3g2": (
        (4, 9, 9),
        lambda: nn.Sequential(
            conv(4, 8, 3, padding=1, groups=2), nn.ChannelShuffle(2), conv(8, 8, 3, padding=1, groups=2)
        ),
    ),
    "tconv4x4c3s2p1, 3x3p0": (
        (2, 6, 7),
        lambda: nn.Sequential(nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1, bias=False), conv(3, 3, 3)),
    ),
    "tconv2x2s3p0": ((2, 5, 5), lambda: nn.ConvTranspose2d(2, 2, 2, stride=3, bias=False)),
    "add(1x7 | 7x1)": (
        (2, 13, 13),
        lambda: Branches(add, conv(2, 2, (1, 7), padding=(0, 3)), conv(2, 2, (7, 1), padding=(3, 0))),
    ),
    "cat(1x1 | 3x3d2, 3x3 | maxpool3x3s1p1)": (
        (2, 12, 12),
        lambda: Branches(
            cat,
            conv(2, 2, 1),
            nn.Sequential(conv(2, 2, 3, padding=2, dilation=2), conv(2, 2, 3, padding=1)),
            nn.MaxPool2d(3, 1, 1),
        ),
    ),
    "3x3s2, up2, 3x3": (
        (2, 12, 12),
        lambda: nn.Sequential(
            conv(2, 2, 3, stride=2, padding=1), nn.Upsample(scale_factor=2), conv(2, 2, 3, padding=1)
        ),
    ),
    "avgpool2x2, upbilinear3": (
        (2, 12, 12),
        lambda: nn.Sequential(nn.AvgPool2d(2), nn.Upsample(scale_factor=3, mode="bilinear")),
    ),
    "3x3, gap, fc5": (
        (2, 6, 5),
        lambda: nn.Sequential(conv(2, 2, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 5)),
    ),
    "pad2e0, 3x3p0": ((2, 9, 9), lambda: nn.Sequential(nn.ZeroPad2d((2, 0, 2, 0)), conv(2, 2, 3))),
    "5s2c3, 3b": (
        (2, 21),
        lambda: nn.Sequential(nn.Conv1d(2, 3, 5, stride=2, padding=2, bias=False), nn.Conv1d(3, 3, 3, padding=1)),
    ),
    "3c4, 3s2": (
        (2, 7, 6, 7),
        lambda: nn.Sequential(
            nn.Conv3d(2, 4, 3, padding=1, bias=False), nn.Conv3d(4, 4, 3, stride=2, padding=1, bias=False)
        ),
    ),
    "resnet-block(channels=16, width=4, stride=2)": ((8, 13, 13), Residual),
}


def disturbed(module: nn.Module, shape: Shape) -> Tensor:
    """For every input place (first axes) and unit (last): whether the unit changes when the place does.

    Weights and inputs are positive, so that no change cancels and no activation hides one.
    """
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(0.1, 1)
        image = torch.rand(1, *shape, dtype=torch.float64)
        before = module(image)
        changes = []
        for place in product(*map(range, shape[1:])):
            moved = image.clone()
            index: tuple[int | slice, ...] = (0, slice(None), *place)
            moved[index] += 10  # above every other place: max pooling sees it
            changes.append((module(moved) - before).abs().amax(dim=1)[0] > 1e-9 * before.abs().max())
    return torch.stack(changes).reshape(*shape[1:], *before.shape[2:])


@pytest.mark.parametrize("text", BY_HAND)
def test_by_hand(text: str) -> None:
    """Parameters, MACs by torch's counter, shape, and what every single unit reads, borders included."""
    from torch.utils.flop_counter import FlopCounterMode

    torch.manual_seed(0)
    shape, make = BY_HAND[text]
    graph, module = convcalc.parse(text, shape), make().double().eval()
    network = Network(graph=graph)
    assert network.params == sum(parameter.numel() for parameter in module.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        output = module(torch.zeros(1, *shape, dtype=torch.float64))
    assert network.flops == counter.get_total_flops()
    assert graph.output_shape == tuple(output.shape[1:])
    seen = disturbed(module, shape)
    for unit in product(*map(range, output.shape[2:])):
        region = convcalc.unit_field(graph, unit)[0]
        for place in product(*map(range, shape[1:])):
            assert region.contains(place) == bool(seen[(*place, *unit)]), (unit, place)


@pytest.mark.parametrize("text", [text for text in BY_HAND if "gap" not in text])
def test_by_hand_far_from_the_borders(text: str) -> None:
    """The middle unit's field, borders left out of account, where it lies inside the input."""
    torch.manual_seed(0)
    shape, make = BY_HAND[text]
    graph = convcalc.parse(text, shape)
    seen = disturbed(make().double().eval(), shape)
    unit = tuple(n // 2 for n in graph.output_shape[1:])
    region = convcalc.receptive_fields(graph)[-1].region(unit)
    for place in product(*map(range, shape[1:])):
        assert region.contains(place) == bool(seen[(*place, *unit)]), place
