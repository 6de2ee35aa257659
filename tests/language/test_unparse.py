"""A graph back to its text: text -> graph -> text, and text -> graph -> torch -> trace -> text."""

from __future__ import annotations

import pytest

import convcalc
from convcalc.language.unparse import UnspeakableError, unparse

TEXTS = [
    "3x3c64s2",
    "7x7c64s2, bn, relu, maxpool3x3s2p1, (3x3, relu)*3, gap, fc10",
    "add(1x1c32, bn, relu, 3x3c16, bn | id), relu",
    "cat(1x1c8 | 1x1c4, 3x3c8 | maxpool3x3s1p1, 1x1c8), relu6",
    "cat(1x7c8 | add(3x3c8 | 7x1c8), silu), gn4",
    "dw3x3s2, bn, hardswish, se4, 1x1c24b",
    "tconv4x4c8s2p1, tanh, upbilinear2, pad1, avgpool2x2",
    "1x3d2, 3x1p0, ln, gelu, up2, adaptiveavgpool3x5, fc7b0, softmax",
    "mul(gap, 1x1, sigmoid | id)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_with_its_numbers(text: str) -> None:
    graph = convcalc.parse(text, (16, 24, 24))
    again = convcalc.parse(unparse(graph), (16, 24, 24))
    assert convcalc.Network(graph=again).layers[-1].output == graph.output_shape
    assert _numbers(again) == _numbers(graph)
    assert convcalc.receptive_fields(again)[-1].size == convcalc.receptive_fields(graph)[-1].size


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_through_torch(text: str) -> None:
    pytest.importorskip("torch")
    from convcalc.pytorch.build import build

    graph = convcalc.parse(text, (16, 24, 24))
    traced = convcalc.trace(build(graph), input=(16, 24, 24))
    said = convcalc.parse(unparse(traced), (16, 24, 24))
    assert _numbers(said) == _numbers(graph)
    assert said.output_shape == graph.output_shape
    sizes = [convcalc.receptive_fields(g)[-1].size for g in (graph, traced, said)]
    assert sizes[0] == sizes[1] == sizes[2]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg11", "resnext-block"])
def test_catalogue_entries_come_back(name: str) -> None:
    graph = convcalc.catalogue.get(name).graph()
    again = convcalc.parse(unparse(graph), graph.input_shapes[0])
    assert _numbers(again) == _numbers(graph)


def test_what_cannot_be_said_names_the_layer() -> None:
    nn = pytest.importorskip("torch.nn")
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus())
    with pytest.raises(UnspeakableError, match="layer 1 cannot be said: the language has no word for softplus"):
        unparse(convcalc.trace(model, input=(3, 8, 8)))
    shared = nn.Conv2d(3, 3, 3)
    with pytest.raises(UnspeakableError, match="layer 1#2 cannot be said: the parameters of this conv are shared"):
        unparse(convcalc.trace(nn.Sequential(nn.ReLU(), shared, shared), input=(3, 8, 8)))
    with pytest.raises(UnspeakableError, match="no letter of maxpool says ceil=True"):
        unparse(convcalc.trace(nn.MaxPool2d(3, 2, ceil_mode=True), input=(3, 8, 8)))


def _numbers(graph: convcalc.Graph) -> tuple[object, ...]:
    summary = convcalc.Network(graph=graph)
    return summary.params, summary.macs, summary.elementwise
