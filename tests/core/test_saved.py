"""What training keeps: every registered operator, random networks and the catalogue against torch's saved tensors."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

import pytest

pytest.importorskip("torch")

from collections.abc import Callable

import torch
from hypothesis import HealthCheck, given, settings
from saved import kept_for_training
from strategies import graphs
from torch import Tensor, nn
from torch.nn import functional

import convcalc
from convcalc import Network, parse
from convcalc.catalogue import get
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Graph
from convcalc.core.operator import REGISTRY, options
from convcalc.core.ops.join import Join
from convcalc.pytorch.build import build

SHAPES = {"1-D": (4, 8), "2-D": (4, 8, 8), "3-D": (4, 6, 6, 6)}


def kept(graph: Graph) -> tuple[int, int]:
    """What we say that training keeps, and what torch keeps."""
    torch.manual_seed(0)
    return Network(graph=graph).memory.training, kept_for_training(build(graph), graph.input_shapes)


def smallest(word: str) -> str:
    """A short text for an operator: its word, with branches or a number where it needs them."""
    cls = REGISTRY[word]
    if issubclass(cls, Join):
        return f"{word}(id | 1b, relu)"
    if word == "unflatten":
        return "flatten, unflatten"
    return word + ("2" if any(field.default is MISSING for field, _ in options(cls)) else "")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("word", REGISTRY)
def test_every_operator(word: str, shape: tuple[int, ...]) -> None:
    """With and without a gradient by its input; with and without a reader that keeps its output anyway."""
    for text in (f"1, {smallest(word)}", f"1, {smallest(word)}, fc2", f"{smallest(word)}, fc2", smallest(word)):
        try:
            graph = parse(text, shape)
        except ShapeError:
            pytest.skip("this operator takes no such input")
        ours, theirs = kept(graph)
        assert ours == theirs, text


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        # The inputs of both dense layers, 300 and 400, relu's output and dropout's mask, 400 each.
        ("fc400, relu, dropout, fc10", 1500),
        # Of two dropouts in a row two masks; the convolution reads what the second one wrote.
        ("1x1b, dropout, dropout, 1x1", 4 * 300),
        ("relu", 0),
        ("maxpool2, 1x1", 75),
        ("1x1, relu6, 1x1", 900),
        ("1x1, relu, 1x1", 600),
        ("1x1, adaptiveavgpool1", 300),
        ("1x1, adaptiveavgpool2", 600),
        # The first factor is the input, which needs no gradient, so that the second is not kept; the product of
        # both and the third are, and relu's output.
        ("mul(id | 1x1 | 1x1), relu", 4 * 300),
        ("1x1, mul(id | 1x1 | 1x1), relu", 6 * 300),
        # A factor is kept for the gradient by the other: here the input, which the convolution keeps anyway.
        ("mul(1x1 | id), relu", 2 * 300),
        ("mul(id | 1x1), relu", 2 * 300),
    ],
)
def test_by_hand(text: str, elements: int) -> None:
    shape = (300,) if text.startswith("fc") else (3, 10, 10)
    assert kept(parse(text, shape)) == (elements, elements)


@pytest.mark.parametrize(
    ("frozen", "elements"),
    [
        # Of three dense layers 8 to 8 the first and the last keep their inputs; the frozen one needs its weights only.
        (lambda: nn.Linear(8, 8), 16),
        # A convolution keeps its input whichever gradient is wanted.
        (lambda: nn.Sequential(nn.Unflatten(1, (4, 2)), nn.Conv1d(4, 4, 1), nn.Flatten()), 24),
    ],
)
def test_frozen_layers(frozen: Callable[[], nn.Module], elements: int) -> None:
    middle = frozen().requires_grad_(False)
    model = nn.Sequential(nn.Linear(8, 8), middle, nn.Linear(8, 8))
    assert kept_for_training(model, [(8,)]) == elements
    assert convcalc.load(model, input=(8,)).memory.training == elements
    # Nothing is kept where there is nothing to train.
    assert convcalc.load(model.requires_grad_(False), input=(8,)).memory.training == 0


class Call(nn.Module):
    """A function between two dense layers; its argument is at least 1."""

    def __init__(self, function: Callable[[Call, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.function = nn.Linear(8, 8), nn.Linear(8, 3), function
        self.weight = nn.Parameter(torch.rand(8))
        self.register_buffer("constant", torch.rand(8))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.last(self.function(self, self.first(x).abs() + 1))
        return made


def plain(function: Callable[[Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    return lambda model, x: function(x)


CALLS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "a multiple": lambda model, x: 2 * x,
    "a fraction": lambda model, x: x / 2,
    "a reciprocal": lambda model, x: 1 / x,
    "times a constant": lambda model, x: x * model.constant,
    "by a constant": lambda model, x: x / model.constant,
    "a constant by it": lambda model, x: model.constant / x,
    "times a weight": lambda model, x: x * model.weight,
    "by a weight": lambda model, x: x / model.weight,
    "a square": lambda model, x: x * x,
    "a quotient": lambda model, x: x / (x + 1),
    "a power": lambda model, x: x**3,
    "a sum": lambda model, x: x + 1 - model.constant,
    "clamped": lambda model, x: x.clamp(0, 1),
    "the larger": lambda model, x: torch.maximum(x, x.flip(1)),
    "dropout": lambda model, x: functional.dropout(x, 0.3, model.training),
    "no dropout": lambda model, x: functional.dropout(x, 0.0, model.training),
    **{
        name: plain(getattr(torch, name))
        for name in ["exp", "sqrt", "rsqrt", "log", "sin", "tan", "abs", "expm1", "erf", "tanh", "square"]
    },
    **{name: plain(getattr(functional, name)) for name in ["relu6", "mish", "softplus", "elu", "hardtanh", "softsign"]},
}


@pytest.mark.parametrize("name", CALLS)
def test_traced_calls(name: str) -> None:
    model = Call(CALLS[name])
    assert convcalc.load(model, input=(8,)).memory.training == kept_for_training(model, [(8,)])


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "mobilenet_v3_large"])
def test_traced_networks(name: str) -> None:
    """The catalogue's modules as a stranger's model: local response normalisation in pieces, dropout."""
    module = build(get(name).graph((3, 64, 64)))
    assert convcalc.load(module, input=(3, 64, 64)).memory.training == kept_for_training(module, [(3, 64, 64)])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(most=10))
def test_random_networks(graph: Graph) -> None:
    graph = graph.until(graph.outputs[0])  # what leads nowhere is freed at once
    ours, theirs = kept(graph)
    assert ours == theirs, [(node.op.spec(), node.inputs) for node in graph.nodes[1:]]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("mobilenet_v2", 224),
        *((name, 64) for name in ("mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "shufflenet_v1")),
        *((name, 64) for name in ("densenet121", "resnet18", "seresnet50", "squeezenet1_1", "googlenet")),
        *((name, 0) for name in ("aspp", "deformable-conv-v2", "nasnet-normal", "fractal-block", "lenet5")),
    ],
)
def test_the_catalogue(name: str, size: int) -> None:
    entry = get(name)
    ours, theirs = kept(entry.graph((3, size, size)) if size else entry.graph())
    assert ours == theirs


def test_mobilenet_v2_is_torchvision_s() -> None:
    """As measured on torchvision's own module; its activations work in place, which changes no count."""
    assert Network(graph=get("mobilenet_v2").graph()).memory.training == 19_552_384
