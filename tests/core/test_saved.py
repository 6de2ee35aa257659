"""What training keeps: every registered operator, random networks and the catalogue against torch's saved tensors."""

from __future__ import annotations

from dataclasses import MISSING

import pytest

pytest.importorskip("torch")

from collections.abc import Callable

import torch
from hypothesis import HealthCheck, given, settings
from saved import kept_for_training
from strategies import graphs
from torch import nn

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
