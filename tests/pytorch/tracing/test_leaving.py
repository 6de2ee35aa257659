"""Work that leaves PyTorch and comes back: never a silent zero; outputs in which no tensor is found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("numpy")

import numpy
import torch
from torch_modules import Forward, Module, conv

import convcalc
from convcalc.core.rules import suggested_rule
from convcalc.core.traced import Uncounted


def network(forward: Forward, **layers: Any) -> convcalc.Network:
    """Of a 1x1 convolution of 3 channels to 4, called `c`, over 4x5 places."""
    with pytest.warns(UserWarning, match="its forward needs real values"):
        return convcalc.Network(graph=convcalc.trace(Module(forward, c=conv(3, 4, 1), **layers), input=(3, 4, 5)))


class OutsideTorch(torch.autograd.Function):
    """A function of one's own whose work NumPy does."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return torch.from_numpy(numpy.sin(x.numpy()))


class InsideTorch(torch.autograd.Function):
    """A function of one's own whose work PyTorch does."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x @ x.transpose(-2, -1)


@pytest.mark.parametrize(
    "outside",
    [
        lambda y: torch.from_numpy(numpy.sin(y.detach().numpy())),
        lambda y: torch.as_tensor(numpy.asarray(y).mean(0)),
        lambda y: torch.tensor(numpy.sqrt(numpy.asarray(y)).tolist()),
        lambda y: torch.tensor(y.mean((2, 3)).tolist())[:, :, None, None],
        lambda y: torch.from_dlpack(numpy.from_dlpack(y)) * 2,
        lambda y: OutsideTorch.apply(y),
    ],
)
def test_what_comes_back_is_uncounted_and_may_have_read_everything(outside: Any) -> None:
    made = network(lambda m, x: m.c(x) + outside(m.c(x)))
    assert not made.complete
    ((place, times),) = made.uncounted.items()
    assert place.startswith("test_leaving.py:")
    assert times == 1
    assert [suggested_rule(node.op) for node in made.graph.nodes if isinstance(node.op, Uncounted)] == [""]
    assert made.macs == 2 * 3 * 4 * 4 * 5
    assert made.receptive_field.size == (4, 5)


@pytest.mark.parametrize("read", [lambda y: y.mean().item(), lambda y: float(y.mean()), lambda y: y.sum().tolist()])
def test_a_number_that_the_program_reads(read: Any) -> None:
    made = network(lambda m, x: m.c(x) * torch.tensor(read(m.c(x))))
    assert not made.complete
    assert all(place.startswith("test_leaving.py:") for place in made.uncounted)


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.c(x) if x.sum() > 0 else x,
        lambda m, x: m.c(x[:, :, : int((x > -1).sum())]),
        lambda m, x: m.c(x) + m.own + (0 if x.numpy().sum() < 0 else m.loose[0]),
    ],
)
def test_values_that_only_choose_leave_nothing_out(forward: Forward) -> None:
    loose = [torch.rand(1, 4, 1, 1)]
    made = network(forward, own=torch.nn.Parameter(torch.rand(1, 4, 1, 1)), loose=loose)
    assert made.complete
    assert made.macs == 3 * 4 * 4 * 5


def test_a_function_of_ones_own_is_counted_by_what_it_calls() -> None:
    model = Module(lambda m, x: InsideTorch.apply(m.c(x)), c=conv(3, 4, 1))
    made = convcalc.Network(graph=convcalc.trace(model, input=(3, 4, 5)))
    assert made.complete
    assert made.macs == 3 * 4 * 4 * 5 + 4 * 4 * 5 * 4


def test_data_that_is_replaced() -> None:
    def forward(m: Any, x: Any) -> Any:
        y = x.clone()
        y.data = m.c(x).flatten(2)
        return m.f(y)

    model = Module(forward, c=conv(3, 4, 3, padding=1), f=torch.nn.Linear(20, 7))
    made = convcalc.Network(graph=convcalc.trace(model, input=(3, 4, 5)))
    assert made.macs == 9 * 3 * 4 * 20 + 4 * 20 * 7
    assert made.receptive_field.is_global


@pytest.mark.parametrize("wrap", [lambda y: SimpleNamespace(y=y), lambda y: (z for z in [y]), lambda y: {y}])
def test_outputs_in_which_no_tensor_is_found(wrap: Any) -> None:
    with pytest.raises(convcalc.ShapeError, match="the output holds no tensor that was found: it is a"):
        convcalc.trace(Module(lambda m, x: wrap(m.c(x)), c=conv(3, 4, 1)), input=(3, 4, 5))


def test_an_output_that_no_input_reaches() -> None:
    with pytest.raises(convcalc.ShapeError, match="the output does not depend on the input"):
        convcalc.trace(Module(lambda m, x: m.own, own=torch.nn.Parameter(torch.rand(1, 3))), input=(3, 4, 5))
