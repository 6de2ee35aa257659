"""Experiments: they see what is equal, what is not, and nothing but the networks they are given."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("fvcore")

import torch

from convcalc import parse
from convcalc.checks.claims import Judge, read, shipped
from convcalc.checks.toml import Document
from convcalc.cli import main
from convcalc.core.errors import ConfirmError, UsageError
from convcalc.core.graph import Graph
from convcalc.pytorch.experiments import TorchLaboratory

SMALL = (32, 9, 9)


@pytest.fixture(scope="module")
def laboratory() -> TorchLaboratory:
    return TorchLaboratory()


def form(letter: str, cardinality: int = 4, width: int = 2) -> Graph:
    return parse(f"resnext-block-{letter}(channels=32, cardinality={cardinality}, width={width})", SMALL)


@pytest.mark.parametrize("one", "abc")
@pytest.mark.parametrize("other", "abc")
def test_the_forms_of_the_resnext_block_are_one_function(one: str, other: str, laboratory: TorchLaboratory) -> None:
    assert laboratory.difference(form(one), form(other)) < 1e-12
    assert laboratory.gradient_difference(form(one), form(other)) < 1e-9


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3x3c8", "3x3c8,relu"),
        ("3x3c8,bn,relu", "3x3c8,relu,bn"),
        ("3x3c8", "3x3c8,id,tanh"),
        ("1x1c8,1x1c8g2", "1x1c8,1x1c8g2,shuffle2"),
        ("3x3c8,3x3c8", "3x3c8,relu,3x3c8"),
        ("3x3d1", "3x3d2"),
    ],
)
def test_other_functions_of_the_same_weights_differ(one: str, other: str, laboratory: TorchLaboratory) -> None:
    first, second = (parse(text, SMALL) for text in (one, other))
    assert laboratory.difference(first, second) > 1e-3
    assert laboratory.gradient_difference(first, second) > 1e-3


def test_side_by_side_is_grouped_and_summed_is_joined(laboratory: TorchLaboratory) -> None:
    # one 1x1 over a concatenation = the sum of a 1x1 over each part
    joined = parse("cat(1x1c4 | 1x1c4 | 1x1c4),1x1c8", SMALL)
    summed = parse("add(1x1c4,1x1c8 | 1x1c4,1x1c8 | 1x1c4,1x1c8)", SMALL)
    single = parse("1x1c12,1x1c8", SMALL)
    assert laboratory.difference(joined, summed) < 1e-12
    assert laboratory.difference(summed, single) < 1e-12
    assert laboratory.gradient_difference(single, summed) < 1e-9


@pytest.mark.parametrize(
    ("one", "other"),
    [("3x3c8", "3x3c4"), ("3x3c8", "5x5c8"), ("3x3c8", "3x3c8b"), ("3x3c8", "3x3c8,3x3"), ("3x3c8", "3x3c8g4")],
)
def test_weights_without_counterparts_are_refused(one: str, other: str, laboratory: TorchLaboratory) -> None:
    with pytest.raises(UsageError):
        laboratory.difference(parse(one, SMALL), parse(other, SMALL))


@pytest.mark.parametrize(
    ("text", "groups", "reached"),
    [
        ("1x1", 3, [3, 3]),
        ("1x1g3", 3, [1, 1]),
        ("1x1g3,1x1g3", 3, [1, 1]),
        ("1x1g3,relu,bn,1x1g3", 3, [1, 1]),
        ("1x1g3,shuffle3,1x1g3", 3, [3, 3]),
        ("1x1g3,shuffle3", 3, [1, 1]),
        ("dw3x3", 12, [1, 1]),
        ("cat(1x1g2 | 1x1)", 2, [1, 2]),
        ("cat(3x3c2 | id)", 4, [1, 4]),
    ],
)
def test_groups_reached(text: str, groups: int, reached: list[int], laboratory: TorchLaboratory) -> None:
    assert laboratory.groups_reached(parse(text, (12, 5, 5)), groups) == reached


def test_groups_divide_the_channels(laboratory: TorchLaboratory) -> None:
    with pytest.raises(UsageError, match="5 groups do not divide 12 channels"):
        laboratory.groups_reached(parse("1x1", (12, 5, 5)), 5)


def test_times_are_quartiles_taken_once(laboratory: TorchLaboratory) -> None:
    small, large = parse("1x1", (4, 8, 8)), parse("(3x3)*4", (64, 56, 56))
    times = laboratory.milliseconds(small, large)
    assert times is laboratory.milliseconds(small, large)
    assert all(0 < low <= median <= high for low, median, high in times)
    assert times[0][1] < times[1][1]


def test_torch_is_left_as_it_was(laboratory: TorchLaboratory) -> None:
    assert torch.get_default_dtype() is torch.float32
    laboratory.difference(form("a"), form("b"))
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()


def test_a_missing_device_is_no_verdict() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ConfirmError):
        TorchLaboratory("cuda")
    (claim,) = [claim for claim in shipped() if claim.name == "kernels/shuffle-is-free"]
    judged = Judge(lambda: TorchLaboratory("cuda")).judge(claim)
    assert judged.verdict == "not run"
    assert "no device 'cuda'" in judged.explanation


def test_experiments_can_make_a_claim_wrong(laboratory: TorchLaboratory) -> None:
    text = '[[claim]]\nname = "a"\nsays = "b"\ninput = "12x5x5"\nspecs = { net = "1x1g3,1x1g3" }\n'
    (claim,) = read(Document(file="own.toml", text=text + 'holds = "groups_reached(net, 3) == [3, 3]"'))
    judged = Judge(lambda: laboratory).judge(claim)
    assert judged.verdict == "wrong"
    assert "groups_reached(net, 3) = [1, 1]" in judged.explanation


def test_every_measured_claim_is_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    measured = ["kernels/shuffle-is-free", "resnext/concat-equals-sum", "resnet50/fig3-equivalent"]
    with pytest.raises(SystemExit) as exit:
        main(["articles", *measured, "resnet50/fig3c-faster", "--confirm", "--format", "json"])
    claims = {claim["id"]: claim for claim in json.loads(capsys.readouterr().out)["claims"]}
    assert not exit.value.code
    assert all(claims[id]["verdict"] == "right" for id in measured)
    assert claims["resnet50/fig3c-faster"]["verdict"] in ("right", "undecided")
    assert claims["resnet50/fig3-equivalent"]["true"]["a_to_c"] < 1e-12
