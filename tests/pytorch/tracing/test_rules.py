"""The table of rules, and rules from outside: what they are asked, what they count, what is refused."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch_modules import Module, conv

import convcalc
from convcalc.core.errors import ModelError, UsageError
from convcalc.core.rules import COSTS, Cost, rule, suggested_rule
from convcalc.core.traced import Uncounted
from convcalc.pytorch.tracing.rules import registry
from convcalc.sandbox.codec import dump_graph, load_graph


@torch.library.custom_op("mylib::selective_scan", mutates_args=())
def selective_scan(u: torch.Tensor, a: torch.Tensor, reverse: bool = False) -> torch.Tensor:
    return u.cumsum(-1) * a.sum()


@selective_scan.register_fake
def _(u: torch.Tensor, a: torch.Tensor, reverse: bool = False) -> torch.Tensor:
    return torch.empty_like(u)


@torch.library.custom_op("mylib::halves", mutates_args=())
def halves(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return parts[0] / 2, parts[1] / 2


@halves.register_fake
def _(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(parts[0]), torch.empty_like(parts[1])


@torch.library.custom_op("mylib::fill_in", mutates_args=("out",))
def fill_in(x: torch.Tensor, out: torch.Tensor) -> None:
    out.copy_(x * 2)


@fill_in.register_fake
def _(x: torch.Tensor, out: torch.Tensor) -> None:
    return None


@pytest.fixture(autouse=True)
def _no_rules_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(COSTS, "_entries", {})


def scanning() -> Any:
    """A convolution on both sides of an operator that nobody knows, with a state of 16."""
    return Module(
        lambda m, x: m.after(selective_scan(m.before(x), m.a, True)),
        before=conv(3, 8, 3, padding=1),
        after=conv(8, 4, 1),
        a=torch.nn.Parameter(torch.rand(8, 16)),
    )


CONVOLUTIONS = 3 * 3 * 3 * 8 * 30 + 8 * 4 * 30
"""Of the model above over 5x6 places."""


def network(model: Any, shape: tuple[int, ...] = (3, 5, 6)) -> convcalc.Network:
    return convcalc.Network(graph=convcalc.trace(model, input=shape))


def test_a_rule_from_outside_counts() -> None:
    asked: list[Any] = []

    @rule("mylib::selective_scan")
    def scan(u: tuple[int, ...], a: tuple[int, ...], reverse: bool, *, out_shape: tuple[int, ...]) -> int:
        asked.append((u, a, reverse, out_shape))
        return 3 * prod(u) * a[1]

    counted = network(scanning())
    assert asked == [((1, 8, 5, 6), (8, 16), True, (1, 8, 5, 6))]
    assert counted.complete
    assert counted.macs == CONVOLUTIONS + 3 * 8 * 5 * 6 * 16
    assert counted.params == 3 * 3 * 3 * 8 + 8 + 8 * 4 + 4 + 8 * 16
    assert [layer.kind for layer in counted.layers] == ["conv", "mylib.selective_scan", "conv"]
    assert counted.receptive_field.is_global


def test_costs_with_other_arithmetic_and_a_local_operator() -> None:
    rule("mylib::selective_scan")(lambda u, a, reverse: Cost(macs=5, elementwise=7 * prod(u), local=True))
    counted = network(scanning())
    assert counted.macs == CONVOLUTIONS + 5
    assert counted.elementwise == 7 * 8 * 30 + 8 * 30 + 4 * 30  # and the convolutions' biases
    assert counted.receptive_field.size == (3, 3)


def test_without_a_rule_the_operator_is_listed_with_the_lines_that_would_do() -> None:
    listed = network(scanning())
    assert listed.uncounted == {"mylib.selective_scan": 1}
    assert listed.macs == CONVOLUTIONS
    (unknown,) = [node.op for node in listed.graph.nodes if isinstance(node.op, Uncounted)]
    assert suggested_rule(unknown) == (
        '@convcalc.rule("mylib::selective_scan")\n'
        "def selective_scan(u, a, reverse, *, out_shape):  # called with u=1x8x5x6, a=8x16, reverse=True\n"
        "    return ...  # its multiply-accumulates"
    )
    assert load_graph(dump_graph(listed.graph)) == listed.graph
    exec(suggested_rule(unknown), {"convcalc": type("", (), {"rule": staticmethod(rule)})})
    with pytest.raises(ModelError, match="gives Ellipsis"):
        network(scanning())


def test_lists_of_tensors_and_several_outputs() -> None:
    @rule("mylib::halves")
    def cost(parts: list[tuple[int, ...]], *, out_shape: tuple[tuple[int, ...], ...]) -> int:
        assert parts == [(1, 3, 5, 6), (1, 3, 4, 6)]
        assert out_shape == ((1, 3, 5, 6), (1, 3, 4, 6))
        return 11

    counted = network(Module(lambda m, x: halves([x, x[:, :, 1:]])))
    assert counted.macs == 11
    assert len(counted.graph.outputs) == 2


def test_an_operator_that_writes_into_its_argument() -> None:
    def forward(m: Any, x: Any) -> Any:
        out = torch.empty_like(x)
        view = out.view(1, -1)
        fill_in(x, out)
        return view

    assert network(Module(forward)).uncounted == {"mylib.fill_in": 1}
    rule("mylib::fill_in")(lambda x, out: prod(x))
    assert network(Module(forward)).macs == 3 * 5 * 6


def test_an_operator_of_torch_itself_by_either_name() -> None:
    model = Module(lambda m, x: torch.linalg.inv(x))
    rule("aten::linalg_inv_ex")(lambda a: a[-1] ** 3)
    counted = network(model, (3, 4, 4))
    assert counted.complete
    assert counted.macs == 4**3
    with pytest.raises(ValueError, match="linalg_inv_ex"):
        rule("linalg_inv_ex")(lambda a: 0)


def test_names_are_taken_once() -> None:
    rule("mylib::selective_scan")(lambda *arguments: 1)
    with pytest.raises(ValueError, match="two rules are called 'mylib::selective_scan'"):
        rule("mylib::selective_scan_")(lambda *arguments: 2)
    with pytest.raises(ValueError, match="'conv2d'"):
        registry.rule("conv2d")(lambda call: [])
    with pytest.raises(TypeError, match="mylib::selective_scan"):
        rule(lambda *arguments: 1)  # type: ignore[arg-type]


def test_an_operator_that_convcalc_counts_itself() -> None:
    rule("conv2d")(lambda *arguments: 1)
    with pytest.raises(UsageError, match="counts conv2d itself"):
        network(conv(3, 4, 1))


@pytest.mark.parametrize("cost", [1.5, -1, True, None, "3", Cost(macs=-1), Cost(elementwise=0.5)])  # type: ignore[arg-type]
def test_what_is_no_count_is_refused(cost: Any) -> None:
    rule("mylib::selective_scan")(lambda *arguments: cost)
    with pytest.raises(ModelError, match="the rule of mylib::selective_scan gives"):
        network(scanning())


def test_a_rule_that_fails_is_named_with_what_it_was_asked() -> None:
    rule("mylib::selective_scan")(lambda u: 1)
    with pytest.raises(ModelError, match=r"the rule of mylib::selective_scan fails: TypeError") as caught:
        network(scanning())
    assert caught.value.hint == "it was asked for u=1x8x5x6, a=8x16, reverse=True"
