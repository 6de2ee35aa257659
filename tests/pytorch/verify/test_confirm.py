"""The proof: everything goes through it, it disagrees where something is wrong, and it leaves torch as it was."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from dataclasses import MISSING
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import convcalc
from convcalc import Check, Confirmation, ConfirmError, Graph, ShapeError
from convcalc.analysis.network import Network
from convcalc.core import system
from convcalc.core.graph import Builder
from convcalc.core.operator import REGISTRY, Formula, Op, Params, Shape, options, record
from convcalc.core.ops.activation import Activation
from convcalc.core.ops.convolution import Conv, TransposedConv
from convcalc.core.ops.join import Add, Join
from convcalc.core.window import NOTHING, Window, sliding
from convcalc.pytorch.build import build
from convcalc.pytorch.device import free_memory
from convcalc.pytorch.verify import confirm as pipeline
from convcalc.pytorch.verify import gradients as reach

INPUTS: dict[str, Shape] = {"1-D": (8, 19), "2-D": (8, 19, 17), "3-D": (8, 9, 7, 8), "flat": (8,)}


def confirm(graph: Graph, **options: Any) -> Confirmation:
    return pipeline.confirm(Network(graph=graph), **options)


def of(text: str, *shape: int) -> Confirmation:
    return confirm(convcalc.parse(text, shape or (8, 12, 11)))


def over(op: Op, *shapes: Shape) -> Graph:
    """A 3x3 convolution of each input, then `op` under the name "wrong", then another."""
    builder = Builder()
    inputs = [builder.input(shape, f"input{i}").apply(Conv(3), name=f"first{i}") for i, shape in enumerate(shapes)]
    return builder.graph(inputs[0].apply(op, *inputs[1:], name="wrong").apply(Conv(3, 4), name="last"))


# Everything


def smallest(word: str) -> str:
    """A short text for an operator: its word, with a number where it needs one."""
    cls = REGISTRY[word]
    if issubclass(cls, Join):
        return f"{word}(3 | 1 | 5)"
    needed = [field.name for field, letter in options(cls) if not letter and field.default is MISSING]
    number = {"kernel": "3", "groups": "2"}.get(needed[0], "2") if needed else ""
    return word + number


@pytest.mark.parametrize("shape", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("word", REGISTRY)
def test_every_operator(word: str, shape: Shape) -> None:
    text = smallest(word)
    try:
        graph = convcalc.parse(text if len(shape) == 1 else f"3s2,{text},3", shape)
    except ShapeError:
        pytest.skip("this operator takes no such input")
    proof = confirm(graph)
    assert proof.ok, proof.failures
    assert not any("sketch" in reason for reason in proof.uncovered)
    assert any(check.what == "receptive_field" for check in proof.checks) == (len(shape) > 1)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("add(1x7 | 7x1), 3x3d2", (4, 20, 20)),  # no product of its axes
        ("3x3d3, 3x3d2", (4, 30, 30)),  # holes
        ("3x3s2, up2, 3x3", (4, 30, 30)),  # two phases
        ("tconv3x3s4p0", (4, 9, 9)),  # phases that read nothing
        ("3x3s3, upbilinear3, maxpool3x3s2", (4, 30, 30)),
        ("add(3x3s2p1 | maxpool1x1s2)", (4, 30, 30)),
        ("add(3x3 | gap, 1x1), 3x3", (4, 12, 12)),  # local and global at once
        ("3x3, se2, 3x3", (4, 12, 12)),
        ("adaptiveavgpool5, 3x3", (4, 17, 17)),  # windows that depend on the size
        ("(3x3s2)*5, (up2)*5", (4, 64, 64)),
        ("maxpool3x3s2p1d2", (4, 30, 30)),
    ],
)
def test_fields_of_every_shape(text: str, shape: Shape) -> None:
    proof = of(text, *shape)
    assert proof.ok, proof.failures
    assert len(proof.uncovered) == 1


@pytest.mark.long
def test_a_stack_whose_gradients_would_overflow() -> None:
    """450 layers of kernel 5 read 1 + 450 * 4 places; 5^450 is beyond float64."""
    proof = of("(5)*450", 1, 8)
    assert proof.ok
    assert proof.checks[-1] == Check("receptive_field", "449", [1801], [1801], "gradients")


# Disagreement


class WrongParams(Conv):
    def params(self, *inputs: Shape) -> Params:
        return super().params(*inputs)._replace(biases=1)


class WrongMacs(Conv):
    def macs(self, *inputs: Shape) -> int:
        return super().macs(*inputs) + 7


class WrongSize(Conv):
    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return sliding(4, 1, 1)


class WrongStart(Conv):
    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return sliding(3, 1, 0)


class WrongHoles(Conv):
    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return sliding(5, 1, 2)


class WrongStride(Conv):
    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return sliding(3, 2, 1)


class WrongShape(Conv):
    def shape(self, *inputs: Shape) -> Shape:
        return (self.channels or 0, *[n + 1 for n in inputs[0][1:]])


class Refused(Conv):
    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Conv2d(3, 8, 1)


def failure(op: Op) -> Check:
    proof = confirm(over(op, (8, 20, 20)))
    assert not proof.ok
    return proof.failures[0]


def test_wrong_parameters() -> None:
    assert failure(WrongParams(3)) == Check("params", "wrong", 577, 576, "torch module")


def test_wrong_macs() -> None:
    """3*3*8*8 weights at 20*20 places are 230,400 MACs."""
    assert failure(WrongMacs(3)) == Check("macs", "wrong", 230407, 230400, "fvcore")
    totals = [check for check in confirm(over(WrongMacs(3), (8, 20, 20))).failures if check.layer is None]
    assert [(check.witness, check.expected - check.measured) for check in totals] == [
        ("fvcore", 7),
        ("torch flop counter", 7),
    ]


def test_wrong_window() -> None:
    """Behind a 3x3 a window of 4 reads 6 places, one of 3 reads 5."""
    assert failure(WrongSize(3)) == Check("receptive_field", "wrong", [6, 6], [5, 5], "gradients")


def test_wrong_start() -> None:
    check = failure(WrongStart(3))
    assert (check.what, check.layer) == ("field_start", "wrong")
    assert [e - m for e, m in zip(check.expected, check.measured, strict=True)] == [1, 1]


def test_wrong_holes() -> None:
    """A 3x3 with dilation 2 alone reads 9 of 25 places."""
    builder = Builder()
    graph = builder.graph(builder.input((4, 20, 20)).apply(WrongHoles(3, dilation=2), name="wrong"))
    assert confirm(graph).failures == (Check("field_places", "wrong", [25], [9], "gradients"),)


def test_wrong_stride() -> None:
    assert failure(WrongStride(3)).layer == "wrong"


def test_wrong_shape() -> None:
    proof = confirm(over(WrongShape(3), (8, 20, 20)))
    assert proof.failures[0] == Check("output", "wrong", [8, 21, 21], [8, 20, 20], "torch module")
    assert "the receptive field (the shapes disagree)" in proof.uncovered


def test_a_layer_that_torch_refuses() -> None:
    check = failure(Refused(3))
    assert (check.what, check.layer, check.expected) == ("output", "wrong", [8, 20, 20])
    assert "expected input" in check.measured


def test_a_layer_wrong_on_strips_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PLANES", 0)
    monkeypatch.setattr(reach, "STRIPS", 20_000)
    proof = confirm(over(WrongSize(3), (8, 20, 20)))
    assert Check("receptive_field", "wrong", [6, 6], [5, 5], "gradients") in proof.failures


# What no witness covers


class Product(Join):
    """Every channel of one map times every channel of another: a matrix product for each place."""

    label = word = "product"

    def shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0] * inputs[1][0], *inputs[0][1:])

    def macs(self, *inputs: Shape) -> int:
        return inputs[0][0] * inputs[1][0] * inputs[0][1] * inputs[0][2]

    def formula(self, *inputs: Shape) -> Formula:
        return Formula()

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return OuterProduct()


class OuterProduct(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        left, right = x.permute(0, 2, 3, 1).flatten(0, 2), y.permute(0, 2, 3, 1).flatten(0, 2)
        product = torch.bmm(left[:, :, None], right[:, None, :])
        return product.reshape(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)


def test_what_fvcore_does_not_know_is_said() -> None:
    proof = confirm(over(Product(), (2, 5, 5), (3, 5, 5)))
    assert proof.ok, proof.failures
    assert Check("macs", "wrong", 150, 150, "torch flop counter") in proof.checks
    assert proof.uncovered == (
        "the MACs of wrong by fvcore (it does not count product exactly)",
        "elementwise arithmetic and memory (no other tool counts them)",
    )


def test_a_module_may_bring_its_own_sketch(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.pytorch.modules import Add as Sum

    monkeypatch.setattr(OuterProduct, "sketch", lambda self: Sum(), raising=False)
    proof = confirm(over(Product(), (2, 5, 5), (3, 5, 5)))
    assert proof.ok
    assert len(proof.uncovered) == 2


@pytest.mark.parametrize(
    ("text", "shape", "reason"),
    [
        ("fc5, relu", (8,), "the receptive field (an input has no spatial axes)"),
        ("up5000", (1, 1, 1), "the receptive field (units differ over a period of 5,000"),
        ("dconv3x3", (4, 9, 9), "where the samples of 0.deform move to (it depends on the values)"),
        ("3x3", (4, 9, 9), "elementwise arithmetic and memory (no other tool counts them)"),
    ],
)
def test_what_is_left_out_is_said(text: str, shape: Shape, reason: str) -> None:
    assert any(said.startswith(reason) for said in of(text, *shape).uncovered)


def test_maps_too_large_for_the_gradients_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PLANES", 0)
    monkeypatch.setattr(reach, "STRIPS", 0)
    monkeypatch.setattr(reach, "REAL", 0)
    assert "the receptive field of 2 layers, 0 the first, (the maps are too large)" in of("3x3, 3x3").uncovered
    assert "the receptive field of 0 (the maps are too large)" in of("3x3").uncovered


def test_inputs_of_several_sizes() -> None:
    builder = Builder()
    large, small = builder.input((4, 16, 16), "large"), builder.input((4, 8, 8), "small")
    graph = builder.graph(large.apply(Conv(3, None, 2)).apply(Add(), small).apply(Conv(5)))
    proof = confirm(graph)
    assert proof.ok, proof.failures
    sizes = {check.layer: check.measured for check in proof.checks if check.what == "receptive_field"}
    assert sizes["conv2"] == [11, 11, 5, 5]


def test_inputs_of_several_ranks() -> None:
    builder = Builder()
    image, sound = builder.input((4, 12, 12), "image"), builder.input((4, 30), "sound")
    proof = confirm(builder.graph(image.apply(Conv(3)), sound.apply(Conv(5))))
    assert proof.ok, proof.failures


def test_inputs_of_one_size() -> None:
    builder = Builder()
    left, right = builder.input((4, 12, 12), "left"), builder.input((4, 12, 12), "right")
    joined = left.apply(Conv(3)).apply(Add(), right.apply(Conv(5, dilation=2)))
    proof = confirm(builder.graph(joined, right.apply(Conv(3), name="alone")))
    assert proof.ok, proof.failures
    sizes = {check.layer: check.measured for check in proof.checks if check.what == "receptive_field"}
    assert sizes["add"] == [3, 3, 9, 9]
    assert sizes["alone"] == [0, 0, 3, 3]


def test_a_unit_in_the_padding_of_another_axis_disproves_nothing() -> None:
    shrinking = "(2x2x2s3p1x3x1g4, 1x1x1c4)*3, 5x5x5s3x2x1p2g4, up3"
    proof = of(f"{shrinking}, {shrinking}", 4, 9, 5, 7)
    assert proof.ok, proof.failures
    assert sum(check.witness == "gradients" for check in proof.checks) == 16


def test_units_that_borders_clip_are_said() -> None:
    """Behind adaptive pooling units are probed on the real input: of 10 places unit 5 reads 0, 5 and not 10."""
    proof = of("adaptiveavgpool10, 3x3d5", 4, 20, 20)
    assert proof.ok
    assert [check.what for check in proof.checks if check.witness == "gradients"] == ["receptive_field", "unit_field"]
    assert "the receptive field of 1 beyond the borders of the input" in proof.uncovered


# Limits


@pytest.mark.parametrize("text", ["3x3c1000000000", "3x3p1000000000", "fc100000000000000000000", "up1000000000"])
def test_what_exceeds_the_memory_is_declined(text: str) -> None:
    with pytest.raises(ConfirmError, match="GB of memory on cpu"):
        confirm(convcalc.parse(text))


@pytest.mark.parametrize("text", ["3x3s100000000000000000000", "maxpool2x2s100000000000000000000"])
def test_what_exceeds_torchs_integers_is_declined(text: str) -> None:
    with pytest.raises(ConfirmError, match=r"torch cannot run layer 0: .*verflow"):
        confirm(convcalc.parse(text))


def test_memory_that_torch_does_not_get_is_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: object, input: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(nn.ReLU, "forward", forward)
    with pytest.raises(ConfirmError, match=r"torch cannot run layer 1: .*allocate"):
        of("3x3, relu")


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "meta"])
def test_a_device_that_is_not_there(device: str) -> None:
    with pytest.raises(ConfirmError):
        confirm(convcalc.parse("3x3", (4, 5, 5)), device=device)


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    proof = confirm(convcalc.parse("3x3", (4, 5, 5)), device="auto")
    assert proof.ok
    assert proof.device == ("cuda" if torch.cuda.is_available() else "cpu")


def test_memory_is_known_without_linux_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(system, "_TABLE", tmp_path / "missing")
    monkeypatch.setattr(system, "_GROUPS", ())
    assert free_memory(torch.device("cpu")) > 1 << 20
    monkeypatch.delattr(os, "sysconf")
    assert free_memory(torch.device("cpu")) == system.ASSUMED_MEMORY


def test_a_containers_limit_is_respected(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "max").write_text("5000000\n")
    (tmp_path / "current").write_text("2000000\n")
    monkeypatch.setattr(system, "_GROUPS", ((str(tmp_path / "max"), str(tmp_path / "current")),))
    assert free_memory(torch.device("cpu")) == 3_000_000
    (tmp_path / "max").write_text("max\n")
    assert free_memory(torch.device("cpu")) > 3_000_000


@pytest.mark.parametrize("module", ["torch", "fvcore"])
@pytest.mark.parametrize(
    "breaks",
    [
        "import nothing_of_the_kind",
        "raise OSError('libgomp.so.1: cannot open shared object file\\nmore')",
        "raise RuntimeError('built for another numpy')",
        "import os; os.nothing",
        "raise SystemExit('no licence')",
    ],
)
def test_a_torch_that_does_not_load_is_one_sentence(module: str, breaks: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(breaks)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import convcalc\n"
        "try:\n    convcalc.load('3x3').confirm()\n"
        "except convcalc.ConfirmError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    sentence, hint = done.stdout.splitlines()
    assert sentence.startswith("torch and fvcore are needed: ")
    assert "pip install 'convcalc[torch]'" in hint
    assert done.stderr == ""


# Manners


def test_the_terminal_stays_quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(record=True) as seen, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        before = warnings.filters[:]
        assert of("dconv3x3c64v2, upbilinear2, maxpool2, softmax, fc10").ok
        assert warnings.filters == before
    assert not seen
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_torch_is_left_as_it_was() -> None:
    def state() -> list[object]:
        return [
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_rng_state().tolist(),
        ]

    before = state()
    assert of("3x3, bn, relu, dropout, gap, fc10").ok
    assert state() == before
    with torch.no_grad():
        assert of("3x3, 3x3").ok
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert of("3x3, bn, 3x3").ok


def test_the_stages_are_told() -> None:
    stages: list[str] = []
    confirm(convcalc.parse("3x3", (4, 5, 5)), progress=stages.append)
    assert stages == ["building the module", "running the module", "following gradients"]


def test_the_answer_is_plain_data() -> None:
    proof = of("3x3, 3x3")
    assert proof.device == "cpu"
    assert proof.torch == torch.__version__.partition("+")[0]
    assert {check.witness for check in proof.checks} == {"torch module", "fvcore", "torch flop counter", "gradients"}
    for check in proof.checks:
        assert all(
            type(number) is int for number in (check.measured if type(check.measured) is list else [check.measured])
        )


def test_a_proof_does_not_touch_anybodys_module() -> None:
    """`build` gives torch's own initial weights and a module in training mode, as torch.nn does."""
    network = build(convcalc.parse("3x3, bn"))
    assert network.training
    assert next(network.parameters()).abs().sum() > 0


# A new operator


@pytest.fixture
def lp_pooling(monkeypatch: pytest.MonkeyPatch) -> type[Op]:
    """Power-average pooling as a user would add it: one class, with a window of its own."""
    monkeypatch.setattr(Op, "classes", dict(getattr(Op, "classes", {})), raising=False)

    @record
    class LpPool(Op):
        kernel: int
        stride: int
        word = label = "lppool"

        def shape(self, *inputs: Shape) -> Shape:
            return (inputs[0][0], *[(n - self.kernel) // self.stride + 1 for n in inputs[0][1:]])

        def elementwise(self, *inputs: Shape) -> int:
            return 2 * prod(self.shape(*inputs)) * self.kernel ** (len(inputs[0]) - 1)

        def window(self, axis: int, source: int, *inputs: Shape) -> Window:
            return sliding(self.kernel, self.stride, 0)

        def module(self, nn: Any, *inputs: Shape) -> Any:
            return nn.LPPool2d(2, self.kernel, self.stride)

    return LpPool


def test_a_new_operator_with_a_window_of_its_own_is_proved(lp_pooling: Any) -> None:
    """Behind a 3x3 a window of 4 with stride 3 reads 6 places, and the 3x3 behind that 6 + 2 * 3."""
    proof = confirm(over(lp_pooling(4, 3), (8, 20, 20)))
    assert proof.ok, proof.failures
    assert Check("receptive_field", "wrong", [6, 6], [6, 6], "gradients") in proof.checks
    assert Check("receptive_field", "last", [12, 12], [12, 12], "gradients") in proof.checks
    assert not any("sketch" in reason for reason in proof.uncovered)


def test_a_wrong_window_of_a_new_operator_is_seen(lp_pooling: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lp_pooling, "window", lambda self, axis, source, *inputs: sliding(5, 3, 0))
    assert (
        Check("receptive_field", "wrong", [7, 7], [6, 6], "gradients")
        in confirm(over(lp_pooling(4, 3), (8, 20, 20))).failures
    )


class Shuffled(Activation):
    label = "shuffled"

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.ChannelShuffle(2)


def test_a_module_that_does_not_run_on_one_channel_has_no_sketch() -> None:
    proof = confirm(over(Shuffled(), (8, 9, 9)))
    assert "the receptive field from wrong on (ChannelShuffle has no sketch)" in proof.uncovered


# Phases


class OnePhaseEmpty(TransposedConv):
    """A transposed convolution of which one unit in eight is said to read nothing."""

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        window = super().window(axis, source, *inputs)
        return Window((*window.reads[:5], NOTHING, *window.reads[6:]), window.advance)


def test_every_phase_of_a_period_is_probed() -> None:
    """tconv16x16s8p4 has eight phases; each reads two places along each axis."""
    builder = Builder()
    x = builder.input((2, 9, 9)).apply(OnePhaseEmpty((16, 16), 2, 8, 4), name="wrong").apply(Conv(3))
    proof = confirm(builder.graph(x))
    assert proof.failures[0].layer == "wrong"
    assert proof.failures[0].what in ("receptive_field", "field_places", "field_start")
    assert of("tconv16x16s8p4,3x3", 2, 9, 9).ok


def test_phases_that_are_not_probed_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "MAX_PHASES", 4)
    assert (
        "the receptive field of 2 layers, 0 the first, in 4 of the units of a period"
        in of("tconv16x16s8p4,3x3", 2, 9, 9).uncovered
    )
    monkeypatch.setattr(reach, "MAX_PHASES", 8)
    assert len(of("tconv16x16s8p4,3x3", 2, 9, 9).uncovered) == 1


@pytest.mark.parametrize("text", ["fc4,unflatten2,3x3", "flatten,unflatten3,1x1x1c2", "gap,flatten,unflatten3,relu"])
@pytest.mark.parametrize("shape", [(4, 9), (4, 9, 9)])
def test_a_layer_may_have_more_axes_than_the_input(text: str, shape: Shape) -> None:
    assert convcalc.load(text, input=shape).confirm().ok
