"""Network: one object answers everything, prints itself, and says the same everywhere."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

import convcalc
from convcalc import Network, UsageError, compare, load
from convcalc.analysis.counts import Layer, count_layers
from convcalc.core.graph import Graph
from convcalc.language.source import Source, as_inputs

RESNET50 = 25_557_032
"""Parameters of ResNet-50, as He et al. 2015 and torchvision have it."""


def test_the_front_door() -> None:
    net = load("resnext-block(cardinality=64)", input=(256, 56, 56))
    width = 64 * 4
    weights = 256 * width + 9 * (width // 64) * width + width * 256
    norm = 2 * (width + width + 256)
    assert (net.params, net.weights, net.parameters.norm) == (weights + norm, weights, norm)
    assert net.macs == weights * 56 * 56
    assert net.flops == 2 * net.macs
    assert net["conv2"].spec == "3x3c256g64"
    assert net["conv2"].params == 9 * 4 * 256


def test_everything_that_can_be_loaded() -> None:
    text = load("3x3,3x3", input="64x56x56")
    assert load(text) is text
    assert load(text.graph).params == text.params == 2 * 9 * 64 * 64
    assert load("resnet50").params == RESNET50
    assert load("resnet-block", settings={"stride": 2}).graph.output_shape == (256, 28, 28)
    assert load("3x3", norm="bn", bias=True).params == 9 * 128 * 128 + 128 + 2 * 128


@pytest.mark.parametrize("wrong", [None, 3, (3, 224, 224), [1], b"3x3", object()])
def test_what_cannot_be_loaded_says_what_can(wrong: object) -> None:
    with pytest.raises(TypeError, match="load takes a text, a Graph, a Network or a PyTorch module"):
        load(wrong)  # type: ignore[arg-type]


def test_an_unknown_layer_offers_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"no layer is called 'conv22': did you mean conv2"):
        load("resnext-block")["conv22"]


def test_it_prints_the_table_and_repr_is_one_line() -> None:
    net = load("3x3c64s2, relu", input=(3, 8, 8))
    assert str(net).splitlines()[0] == "3x3c64s2, relu"
    assert "1,728" in str(net)
    assert repr(net) == "<Network '3x3c64s2, relu' over 3x8x8: 2 layers, 1,728 params, 27,648 MACs>"
    assert len(repr(load(", ".join(["3x3"] * 100)))) < 150


def test_a_notebook_shows_a_table_in_which_names_are_only_names() -> None:
    html = dataclasses.replace(load("3x3"), text="<script>alert(1)</script>")._repr_html_()
    assert "<table>" in html
    assert "147,456" in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_document_is_the_command_lines() -> None:
    command = [sys.executable, "-m", "convcalc", "summary", "resnet-block", "--format", "json", "--no-confirm"]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert json.loads(json.dumps(load("resnet-block").to_dict())) == printed


def test_the_spatial_field_where_the_output_is_global() -> None:
    resnet = load("resnet50")
    assert resnet.receptive_field.is_global
    assert resnet.spatial_field.size == (427, 427)
    local = load("3x3,3x3")
    assert local.spatial_field is local.receptive_field


def test_layers_by_module() -> None:
    net = load("resnet18")
    assert sum(layer.params for layer in net.by_module(1)) == net.params
    assert [layer.name for layer in net.by_module(1)][:3] == ["conv1", "bn1", "relu"]
    assert net.by_module(None) is net.layers


def test_a_comparison_prints_itself() -> None:
    both = compare("resnet-block", "resnext-block")
    assert both.values("params") == (70_400, 71_168)
    assert "70,400" in str(both)
    assert repr(both) == "<Comparison of resnet-block, resnext-block>"
    assert "<table>" in both._repr_html_()
    assert [model["params"] for model in both.to_dict()["models"]] == [70_400, 71_168]
    with pytest.raises(UsageError, match="compare needs at least two networks"):
        compare("resnet-block")


def test_public_names_are_listed_and_there() -> None:
    assert set(convcalc.__all__) <= set(dir(convcalc))
    assert convcalc.__all__ == sorted(convcalc.__all__)
    for name in convcalc.__all__:
        assert getattr(convcalc, name) is not None


def test_a_network_is_computed_when_it_is_asked_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Graph] = []

    def counted(graph: Graph) -> tuple[Layer, ...]:
        calls.append(graph)
        return count_layers(graph)

    monkeypatch.setattr("convcalc.analysis.network.count_layers", counted)
    net = Network(graph=load("3x3").graph)
    assert calls == []
    _ = net.params, net.macs, net.layers, net.complete
    assert len(calls) == 1


class TestSource:
    def test_a_fingerprint_is_of_what_was_written(self) -> None:
        one = Source(text="3x3", inputs=("3x8x8",))
        assert one.fingerprint == Source(text="3x3", inputs=("3x8x8",)).fingerprint
        others = [
            Source(text="3x3"),
            Source(text="3x3", inputs=("3x8x9",)),
            Source(text="3x3", inputs=("3x8x8",), norm="bn"),
            Source(text="3x3", inputs=("3x8x8",), bias=True),
            Source(text="3x3", inputs=("3x8x8",), settings=(("a", 1),)),
        ]
        assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 6

    def test_a_fingerprint_stays_when_fields_are_added(self) -> None:
        @dataclasses.dataclass(frozen=True, kw_only=True)
        class Later(Source):
            anything: bool = False

        assert Later(text="3x3").fingerprint == Source(text="3x3").fingerprint
        assert Later(text="3x3", anything=True).fingerprint != Source(text="3x3").fingerprint

    def test_inputs_from_whatever_people_write(self) -> None:
        assert as_inputs(None) == ()
        assert as_inputs("3x8x8") == as_inputs((3, 8, 8)) == ("3x8x8",)
        assert as_inputs([3, 8, 8]) == ("3x8x8",)  # type: ignore[list-item]
        assert as_inputs([(3, 8, 8), "128:int64"]) == ("3x8x8", "128:int64")
