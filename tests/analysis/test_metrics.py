"""Metrics: one entry each, from which everything else follows; a user's own is like ours."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

import convcalc
from convcalc import Network, NoNumberError, UsageError, load
from convcalc.analysis.metrics import METRICS


@pytest.fixture
def macs_per_param() -> Iterator[str]:
    """A user's metric, gone again after the test."""

    @convcalc.metric("macs_per_param", title="MACs per parameter", unit="ratio")
    def measured(network: Network) -> Fraction:
        """How often each parameter is used."""
        return Fraction(network.macs, network.params)

    yield "macs_per_param"
    del METRICS["macs_per_param"]


def test_a_users_metric_is_like_ours(macs_per_param: str) -> None:
    net = load("3x3", input=(64, 56, 56))
    assert net.metric(macs_per_param) == 56 * 56
    assert net.to_dict()["metrics"][macs_per_param] == 3136
    assert convcalc.compare("3x3", "3x3s2").values(macs_per_param) == (3136, 28 * 28)
    assert METRICS[macs_per_param].meaning == "How often each parameter is used."


@pytest.mark.parametrize("name", ["params", "rf", "receptive_field.size", "layers.conv"])
def test_a_name_is_taken_once(name: str) -> None:
    with pytest.raises(ValueError, match=f"two metrics are called '{name}'"):
        convcalc.metric(name, title="again", unit="count")(lambda network: 0)


@pytest.mark.parametrize("name", METRICS)
def test_what_adds_up_is_the_sum_of_its_layers(name: str) -> None:
    metric = METRICS[name]
    net = load("resnet18", input=(3, 64, 64))
    if metric.layer is None:
        pytest.skip("it does not add up")
    assert sum(map(metric.layer, net.layers)) == metric.value(net)


def test_short_names_and_layers_of_a_kind() -> None:
    net = load("3x3, relu, 3x3")
    assert net.metric("rf") == net.metric("receptive_field.size") == (5, 5)
    assert net.metric("peak") == net.metric("memory.peak")
    assert (net.metric("layers"), net.metric("layers.conv"), net.metric("layers.bn")) == (3, 2, 0)


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean params"):
        load("3x3").metric("parms")
    with pytest.raises(NoNumberError, match=r"no layer is of the kind 'convolution'"):
        load("3x3").metric("layers.convolution")


@pytest.mark.parametrize(
    ("text", "metric", "message"),
    [
        ("gap", "rf", "every unit sees the whole input"),
        ("fc10", "receptive_field.stride", "every unit sees the whole input"),
    ],
)
def test_a_number_that_is_not_there(text: str, metric: str, message: str) -> None:
    with pytest.raises(NoNumberError, match=message):
        load(text, input=(4, 8, 8)).metric(metric)


def test_a_field_with_holes_by_hand() -> None:
    """3x3d2 twice: 9 places spanned per axis, every second one read: 5, with gaps of 1."""
    net = load("3x3d2,3x3d2", input=(4, 32, 32))
    expected: dict[str, Any] = {
        "receptive_field.size": (9, 9),
        "receptive_field.stride": (1, 1),
        "receptive_field.padding": (4, 4),
        "receptive_field.coverage": Fraction(25, 81),
        "receptive_field.largest_gap": (1, 1),
    }
    assert {name: net.metric(name) for name in expected} == expected
