"""The witnesses of shapes, parameters and MACs: the module's own tensors, fvcore and torch's counter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.measure import Summary
from convcalc.ops import Op, Shape
from convcalc.proof import Check
from convcalc.pytorch import modules
from convcalc.pytorch.build import Network

EXACT_IN_FVCORE = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    modules.FlatLinear,
    modules.DeformConv2d,
)
"""Modules whose multiply-accumulates fvcore counts to the unit (it rounds some matrix products)."""

MULTIPLICATIONS = ("conv", "linear", "addmm")
"""What fvcore's multiply-accumulates in them are called; its other counts (grid_sampler) are elementwise."""

MODULE, FVCORE, COUNTER = "torch module", "fvcore", "torch flop counter"


def count_checks(summary: Summary, module: Network) -> tuple[list[Check], list[str]]:
    """Every layer's shape, parameters and MACs as the witnesses see them; and in words what they do not see."""
    shapes, macs = _run(module)
    macs_checks, uncovered = _mac_checks(summary, module, macs)
    outputs = [Check("output", row.name, list(row.output), list(shapes[row.name]), MODULE) for row in summary.rows]
    return [*outputs, *_param_checks(summary, module), *macs_checks], uncovered


def _param_checks(summary: Summary, module: Network) -> list[Check]:
    layers = module.layers
    checks = []
    for row in summary.rows:
        measured = _numel(layers[row.name])
        if row.params.total or measured:
            checks.append(Check("params", row.name, row.params.total, measured, MODULE))
    return [*checks, Check("params", None, summary.params.total, _numel(module), MODULE)]


def _mac_checks(summary: Summary, module: Network, macs: dict[str, int]) -> tuple[list[Check], list[str]]:
    """fvcore for each layer that it counts exactly, torch's counter for the others and in all."""
    checks, uncovered = [], []
    known: dict[tuple[Op, tuple[Shape, ...]], int] = {}
    layers = module.layers
    for row in summary.rows:
        layer = layers[row.name]
        if isinstance(layer, EXACT_IN_FVCORE):
            inputs = tuple(summary.graph.input_shapes_of(row.node))
            if (row.op, inputs) not in known:
                known[row.op, inputs] = _by_fvcore(layer, inputs)
            checks.append(Check("macs", row.name, row.macs, known[row.op, inputs], FVCORE))
        elif row.macs or macs[row.name]:
            checks.append(Check("macs", row.name, row.macs, macs[row.name], COUNTER))
            uncovered.append(f"the MACs of {row.name} by fvcore (it does not count {row.kind} exactly)")
    exact = sum(check.expected for check in checks if check.witness is FVCORE)
    counted = sum(check.measured for check in checks if check.witness is FVCORE)
    checks.append(Check("macs", None, exact, counted, FVCORE))
    checks.append(Check("macs", None, summary.macs, sum(macs.values()), COUNTER))
    return checks, uncovered


def _run(module: Network) -> tuple[dict[str, Shape], dict[str, int]]:
    """One pass: every layer's output shape without the batch, and its MACs by torch's counter."""
    shapes: dict[str, Shape] = {}
    passed: dict[str, int] = {}
    with torch.no_grad(), FlopCounterMode(display=False) as counter:

        def note(name: str, output: Tensor) -> None:
            shapes[name] = tuple(output.shape[1:])
            passed[name] = counter.get_total_flops() // 2  # the counter counts a MAC as two

        with _noting(module.layers, note):
            module(*_zeros(module.graph.input_shapes, module))
    before = [0, *passed.values()]
    return shapes, {name: now - then for (name, now), then in zip(passed.items(), before, strict=False)}


@contextmanager
def _noting(layers: dict[str, nn.Module], note: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Call `note(name, output)` whenever a layer has run."""

    def hook(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        return lambda module, inputs, output: note(name, output)

    handles = [layer.register_forward_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _by_fvcore(layer: nn.Module, inputs: tuple[Shape, ...]) -> int:
    """The multiply-accumulates of one layer as fvcore traces it."""
    with torch.no_grad():
        analysis = FlopCountAnalysis(layer, _zeros(inputs, layer))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        counted = analysis.by_operator()
    return sum(int(counted[name]) for name in MULTIPLICATIONS)


def _zeros(shapes: tuple[Shape, ...], module: nn.Module) -> tuple[Tensor, ...]:
    """A batch of one of each shape, where the module's parameters are."""
    device = next((parameter.device for parameter in module.parameters()), None)
    return tuple(torch.zeros(1, *shape, device=device) for shape in shapes)


def _numel(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
