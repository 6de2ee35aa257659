"""The proof of traced models: a witness that does not see an operator says nothing of it; nothing is not a proof."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

import convcalc
from convcalc import Check, Confirmation
from convcalc.analysis.network import Network
from convcalc.pytorch.verify import passing
from convcalc.pytorch.verify.confirm import confirm_model


class First(nn.Module):
    """The first of what a module gives."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output = self.inner(x)
        return output[0] if isinstance(output, tuple) else output


def macs(kind: str, inputs: int, hidden: int, layers: int, directions: int, steps: int) -> int:
    """By hand: for every step, layer and direction each gate has hidden x (what comes in + hidden) weights."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    return sum(
        steps * directions * gates * hidden * ((directions * hidden if layer else inputs) + hidden)
        for layer in range(layers)
    )


@pytest.mark.parametrize(
    ("kind", "layers", "both", "batch_first"),
    list(product(["LSTM", "GRU", "RNN"], [1, 2], [False, True], [False, True])),
)
def test_recurrent_layers(kind: str, layers: int, both: bool, batch_first: bool) -> None:
    """Fused kernels hide their products from torch's counter: 0 for an LSTM of one step after another."""
    made = getattr(nn, kind)(8, 16, num_layers=layers, bidirectional=both, batch_first=batch_first)
    network = convcalc.load(First(made), input=(5, 8))
    assert network.macs == macs(kind, 8, 16, layers, 1 + both, steps=5 if batch_first else 1) * (
        1 if batch_first else 5
    )
    proof = network.confirm()
    assert proof.ok, proof.failures
    assert Check("macs", None, network.macs, network.macs, "torch flop counter") in proof.checks


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> Any:
        return self.attention(x, x, x)


@pytest.mark.parametrize(
    "module",
    [
        nn.LSTM(8, 16, proj_size=4, batch_first=True),
        nn.TransformerEncoderLayer(8, 2, batch_first=True),
        SelfAttention(),
    ],
    ids=["projected", "encoder", "attention"],
)
def test_other_fused_kernels(module: nn.Module) -> None:
    network = convcalc.load(First(module), input=(5, 8))
    proof = network.confirm()
    assert proof.ok, proof.failures
    assert Check("macs", None, network.macs, network.macs, "torch flop counter") in proof.checks


class Vectors(nn.Module):
    """A product that torch's counter has no formula for, beside one that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(5, 8))
        self.fc = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> Any:
        return torch.mv(self.weight, self.fc(x)[0])


def test_an_operator_that_the_counter_does_not_see_is_said() -> None:
    """8*8 MACs of the dense layer are seen, 5*8 of the product with a vector are not."""
    network = convcalc.load(Vectors(), input=(8,))
    assert network.macs == 64 + 40
    proof = network.confirm()
    assert proof.ok, proof.failures
    assert Check("macs", None, 64, 64, "torch flop counter") in proof.checks
    assert "the MACs of the network by torch's counter (it does not see aten.mv)" in proof.uncovered


def test_a_wrong_count_beside_an_unseen_operator_is_still_wrong() -> None:
    """What is not seen excuses its own module alone."""
    network = convcalc.load(Vectors(), input=(8,))
    dense = next(index for index, node in enumerate(network.graph.nodes) if node.name == "fc")
    nodes = list(network.graph.nodes)
    nodes[dense] = nodes[dense]._replace(op=convcalc.parse("fc9", (8,)).nodes[1].op)
    shapes = list(network.graph.shapes)
    wrong = Network(graph=network.graph._replace(nodes=tuple(nodes), shapes=tuple(shapes)))
    proof = confirm_model(wrong, lambda: (Vectors(), [torch.ones(1, 8)]), [(5,)])
    assert Check("macs", "fc", 72, 64, "fvcore") in proof.failures


def test_padding_as_text_is_not_fvcores() -> None:
    """fvcore gives 0 for it."""
    proof = convcalc.load(nn.Conv2d(3, 4, 3, padding="same"), input=(3, 8, 8)).confirm()
    assert proof.ok
    assert any("padding as text" in text for text in proof.uncovered)


def test_a_layer_of_ones_own_is_seen_by_fvcore() -> None:
    """A module without submodules that calls a convolution itself: 3*3*2*4 weights at 6*6 places."""

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 2, 3, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.conv2d(x, self.weight)

    network = convcalc.load(nn.Sequential(Own(), nn.ReLU()), input=(2, 8, 8))
    proof = network.confirm()
    assert Check("macs", "0", 72 * 36, 72 * 36, "fvcore") in proof.checks
    assert proof.ok


def test_the_count_is_that_of_torchs_own_mode() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5), nn.Linear(5, 5)).eval()
    x = torch.ones(1, 3, 8, 8)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    with passing.watching(model) as passed:
        model(x)
    assert 2 * sum(passed.macs.values()) == counter.get_total_flops()
    assert dict(passed.macs) == {"0": 27 * 8 * 36, "3": 288 * 5, "4": 25}


def test_a_model_that_does_not_run_for_real_is_declined() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.device.type != "meta":
                raise KeyError("weights")
            return x + 1

    with pytest.raises(convcalc.ConfirmError, match="the model does not run on cpu: KeyError: 'weights'"):
        convcalc.load(Fails(), input=(3, 8, 8)).confirm()


@pytest.mark.parametrize(
    "checks",
    [
        (),
        (Check("output", None, [1], [1], "a"),),
        (Check("params", None, 1, 1, "a"),),
        (Check("macs", None, 1, 1, "a"),),
    ],
)
def test_a_proof_of_nothing_is_none(checks: tuple[Check, ...]) -> None:
    proof = Confirmation("cpu", "2", checks, ())
    assert not proof.ok
    network = convcalc.load("3x3")
    with pytest.raises(convcalc.ConfirmError, match="it proves nothing"):
        Network(graph=network.graph, prove=lambda network, device, progress: proof).confirm()


def test_a_model_in_half_precision_is_allocated_as_it_is() -> None:
    proof = convcalc.load(nn.Conv2d(3, 4, 3).half(), input=(3, 8, 8)).confirm()
    assert proof.ok
