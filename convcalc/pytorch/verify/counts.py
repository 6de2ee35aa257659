"""The witnesses of shapes, parameters and MACs: the module's own tensors, fvcore and torch's counter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Check
from convcalc.core.errors import ConfirmError
from convcalc.core.ops import Op, Shape
from convcalc.pytorch import modules
from convcalc.pytorch.build import BuiltModule

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


class _Passed(NamedTuple):
    """What one pass through the module showed; `refused`: the layer that torch would not run, and why."""

    shapes: dict[str, Shape]
    macs: dict[str, int]
    refused: tuple[str, str] | None


def count_checks(network: Network, module: BuiltModule) -> tuple[list[Check], list[str]]:
    """Every layer's shape, parameters and MACs as the witnesses see them; and in words what they do not see.

    Raises ConfirmError where the module outgrows the memory or torch's integers.
    """
    passed = _run(module)
    shapes = [
        Check("output", row.name, list(row.output), list(passed.shapes[row.name]), MODULE)
        for row in network.layers
        if row.name in passed.shapes
    ]
    params = _param_checks(network, module)
    if passed.refused:
        name, reason = passed.refused
        expected = next(row.output for row in network.layers if row.name == name)
        return [*shapes, Check("output", name, list(expected), reason, MODULE), *params], ["the layers from there on"]
    macs, uncovered = _mac_checks(network, module, passed.macs)
    return [*shapes, *params, *macs], uncovered


def _param_checks(network: Network, module: BuiltModule) -> list[Check]:
    layers = module.layers
    checks = []
    for row in network.layers:
        measured = _numel(layers[row.name])
        if row.params or measured:
            checks.append(Check("params", row.name, row.params, measured, MODULE))
    return [*checks, Check("params", None, network.params, _numel(module), MODULE)]


def _mac_checks(network: Network, module: BuiltModule, macs: dict[str, int]) -> tuple[list[Check], list[str]]:
    """fvcore for each layer that it counts exactly, torch's counter for the others and in all."""
    checks, uncovered = [], []
    known: dict[tuple[Op, tuple[Shape, ...]], int] = {}
    layers = module.layers
    for row in network.layers:
        layer = layers[row.name]
        if isinstance(layer, EXACT_IN_FVCORE):
            inputs = tuple(network.graph.input_shapes_of(row.node))
            if (row.op, inputs) not in known:
                known[row.op, inputs] = _by_fvcore(layer, inputs)
            checks.append(Check("macs", row.name, row.macs, known[row.op, inputs], FVCORE))
        elif row.macs or macs[row.name]:
            checks.append(Check("macs", row.name, row.macs, macs[row.name], COUNTER))
            uncovered.append(f"the MACs of {row.name} by fvcore (it does not count {row.kind} exactly)")
    exact = sum(check.expected for check in checks if check.witness is FVCORE)
    counted = sum(check.measured for check in checks if check.witness is FVCORE)
    checks.append(Check("macs", None, exact, counted, FVCORE))
    checks.append(Check("macs", None, network.macs, sum(macs.values()), COUNTER))
    return checks, uncovered


def _run(module: BuiltModule) -> _Passed:
    """One pass through the module. Raises ConfirmError."""
    shapes: dict[str, Shape] = {}
    sums: dict[str, int] = {}
    refused = None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:

        def note(name: str, output: Tensor) -> None:
            shapes[name] = tuple(output.shape[1:])
            sums[name] = counter.get_total_flops() // 2  # the counter counts a MAC as two

        try:
            with _noting(module.layers, note):
                module(*_zeros(module.graph.input_shapes, module))
        except (RuntimeError, ValueError, TypeError) as error:
            name = next(name for name in module.layers if name not in shapes)
            refused = (name, _reason(name, error))
    before = [0, *sums.values()]
    macs = {name: now - then for (name, now), then in zip(sums.items(), before, strict=False)}
    return _Passed(shapes, macs, refused)


def _reason(name: str, error: Exception) -> str:
    """Why torch refused a layer. Raises ConfirmError where its limits are to blame, not the layer."""
    reason = str(error).partition("\n")[0]
    if "verflow" in reason or "allocate" in reason or isinstance(error, torch.OutOfMemoryError):
        raise ConfirmError(f"torch cannot run layer {name}: {reason}") from error
    return reason


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
