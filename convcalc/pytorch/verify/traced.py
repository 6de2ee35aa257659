"""The proof of a traced model: the real module, its weights allocated, is run under other people's counters."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Check, Confirmation
from convcalc.core.errors import ConfirmError
from convcalc.pytorch.device import device_of
from convcalc.pytorch.tracing.call import flat
from convcalc.pytorch.tracing.trace import InputSpec, Recording, given_tensors
from convcalc.pytorch.verify.counts import COUNTER, FVCORE, MODULE, MULTIPLICATIONS

_COUNTED_BY_FVCORE = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Linear,
)
"""Modules whose multiply-accumulates fvcore counts to the unit."""


def confirm_recording(
    make: Callable[[], nn.Module], recording: Recording, inputs: Sequence[InputSpec], *, device: str = "cpu"
) -> Confirmation:
    """Lay the counts of a recording beside those of the real module. Raises ConfirmError where it does not fit."""
    network = Network(graph=recording.graph)
    place = device_of(device)
    needed = 4 * (network.memory.params + network.parameters.frozen + recording.buffers + 2 * network.memory.peak)
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else needed
    if place.type == "cpu" and needed > 0.8 * available:
        raise ConfirmError(f"the module needs {needed / 1e9:.1f} GB of memory, {available / 1e9:.1f} are free")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _allocated(make(), place).eval()
        tensors = [tensor.to(place) for tensor in given_tensors(model, inputs, recording.batched)]
        checks, uncovered = _checks(model, tensors, recording, network)
    uncovered += ["the receptive field (its proof needs a network of the language)"]
    return Confirmation(str(place), torch.__version__.partition("+")[0], tuple(checks), tuple(uncovered))


def _allocated(model: nn.Module, place: torch.device) -> nn.Module:
    """The model on its device, with values of no meaning where it has none."""
    if any(parameter.is_meta for parameter in model.parameters()):
        return model.to_empty(device=place)
    return model.to(place)


def _checks(
    model: nn.Module, tensors: list[torch.Tensor], recording: Recording, network: Network
) -> tuple[list[Check], list[str]]:
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    model.requires_grad_(False)  # the counter's hooks stumble over a parameter that is given as an input
    outputs, flops = _counted(model, tensors)
    shapes = [list(item.shape) for item in flat(outputs) if isinstance(item, torch.Tensor)]
    checks = [Check("output", None, [list(shape) for shape in recording.outputs], shapes, MODULE)]
    checks.append(Check("params", None, network.params, trainable, MODULE))
    if frozen:
        checks.append(Check("frozen", None, network.parameters.frozen, frozen, MODULE))
    checks.append(Check("macs", None, network.macs, flops // 2, COUNTER))
    alone, left = _by_fvcore(model, tensors, network)
    return [*checks, *alone], left


def _counted(model: nn.Module, tensors: list[torch.Tensor]) -> tuple[Any, int]:
    """The outputs, and torch's count of flops. Fused attention is off: the counter misses it on the CPU."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            outputs = model(*tensors)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return outputs, counter.get_total_flops()


def _by_fvcore(model: nn.Module, tensors: list[torch.Tensor], network: Network) -> tuple[list[Check], list[str]]:
    """Each convolution and dense layer that fvcore counts to the unit; and in words what it does not count."""
    modules = {name: module for name, module in model.named_modules() if isinstance(module, _COUNTED_BY_FVCORE)}
    try:
        with torch.no_grad():
            analysis = FlopCountAnalysis(model, tuple(tensors))
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
            counted = analysis.by_module_and_operator()
    except Exception as error:  # fvcore traces with torch.jit, which refuses many a model
        return [], [f"fvcore's count: it cannot trace this model ({type(error).__name__})"]
    checks = []
    left: dict[str, int] = {}
    for name, module in modules.items():
        if isinstance(getattr(module, "padding", 0), str):
            left["convolutions with padding as text"] = left.get("convolutions with padding as text", 0) + 1
            continue
        measured = sum(int(counted[name].get(kind, 0)) for kind in MULTIPLICATIONS) if name in counted else 0
        expected = sum(row.macs for row in network.layers if row.name.partition("#")[0] == name)
        if measured or expected:
            checks.append(Check("macs", name, expected, measured, FVCORE))
    for row in network.layers:
        if row.macs and row.name.partition("#")[0] not in modules:
            left[row.kind] = left.get(row.kind, 0) + 1
    said = [f"{count} of {kind} by fvcore (torch's counter stands)" for kind, count in left.items()]
    return checks, said
