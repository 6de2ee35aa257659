"""The witnesses of shapes, parameters and MACs: the module's own tensors, fvcore, and torch's formulas.

A witness that does not see an operator says nothing about it: what it misses is left out of both sides of
a check, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from convcalc.analysis.counts import Layer
from convcalc.analysis.network import Network
from convcalc.analysis.proof import Check, several
from convcalc.core.errors import ConfirmError
from convcalc.core.operator import Shape
from convcalc.pytorch.verify.passing import Pass, Slot, may_multiply, watching

MULTIPLICATIONS = ("conv", "linear", "addmm")
"""What fvcore's multiply-accumulates in them are called; its other counts (grid_sampler) are elementwise."""

MODULE, FVCORE, COUNTER = "torch module", "fvcore", "torch flop counter"

Findings = tuple[list[Check], list[str]]
"""Checks, and in words what was not seen."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A real module, ready to run, of which a network's numbers are to be proved.

    Args:
        network: the numbers.
        module: in inference mode, on its device.
        inputs: what it is called with.
        layers: the modules that are one layer each, by the layer's name: all of a text's, none of a traced model's.
        outputs: the shapes that it gives in the end, batch included.
    """

    network: Network
    module: nn.Module
    inputs: tuple[Tensor, ...]
    layers: Mapping[str, nn.Module]
    outputs: Sequence[Shape]

    @property
    def device(self) -> torch.device:
        return self.inputs[0].device


def count_checks(subject: Subject) -> Findings:
    """Shapes, parameters and MACs as the witnesses see them; and in words what they do not see.

    Raises ConfirmError where the module outgrows the memory or torch's integers.
    """
    params = _param_checks(subject)
    passed, outputs, refused = _run(subject)
    shapes = _shape_checks(subject, passed, outputs)
    if refused:
        return [*shapes, refused, *params], ["the layers from there on"]
    macs, uncovered = _mac_checks(subject, passed)
    return [*shapes, *params, *macs], uncovered


def _run(subject: Subject) -> tuple[Pass, Any, Check | None]:
    """One pass through the module; the check that fails where torch refuses a layer. Raises ConfirmError."""
    with watching(subject.module) as passed:
        try:
            return passed, subject.module(*subject.inputs), None
        except (Exception, SystemExit) as error:  # a model's forward may raise anything
            return passed, None, _refused(subject, passed, error)


def _refused(subject: Subject, passed: Pass, error: BaseException) -> Check:
    """The layer that torch would not run, and why. Raises ConfirmError where the layer is not to blame."""
    reason = str(error).partition("\n")[0]
    name = next((name for name in subject.layers if name not in passed.shapes), "")
    if not name:
        raise ConfirmError(f"the model does not run on {subject.device}: {type(error).__name__}: {reason}") from error
    if "verflow" in reason or "allocate" in reason or isinstance(error, torch.OutOfMemoryError):
        raise ConfirmError(f"torch cannot run layer {name}: {reason}") from error
    return Check("output", name, list(subject.network[name].output), reason, MODULE)


def _shape_checks(subject: Subject, passed: Pass, outputs: Any) -> list[Check]:
    """The output of every layer that is a module; where there is none, what the whole gives in the end."""
    if not subject.layers:
        from convcalc.pytorch.tracing.call import tensors_of

        measured = [list(output.shape) for output in tensors_of(outputs)]
        return [Check("output", None, [list(shape) for shape in subject.outputs], measured, MODULE)]
    return [
        Check("output", layer.name, list(layer.output), list(passed.shapes[layer.name]), MODULE)
        for layer in subject.network.layers
        if layer.name in passed.shapes
    ]


# Parameters


def _param_checks(subject: Subject) -> list[Check]:
    checks = []
    for name, module in subject.layers.items():
        expected, measured = subject.network[name].params, _numel(module)
        if expected or measured:
            checks.append(Check("params", name, expected, measured, MODULE))
    checks.append(Check("params", None, subject.network.params, _numel(subject.module), MODULE))
    expected, measured = subject.network.parameters.frozen, _numel(subject.module, trainable=False)
    if expected or measured:
        checks.append(Check("frozen", None, expected, measured, MODULE))
    return checks


def _numel(module: nn.Module, *, trainable: bool = True) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad is trainable)


# Multiply-accumulates


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One module's own calls: the layers that they are, and what the pass showed of them."""

    path: str
    module: nn.Module
    is_layer: bool
    layers: tuple[Layer, ...]
    calls: tuple[tuple[Slot, ...] | None, ...]
    counted: int
    unseen: frozenset[str]

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def is_hidden(self) -> bool:
        """Whether torch's formulas miss some of it."""
        return bool(self.unseen) and self.counted < self.macs

    @property
    def inexact(self) -> str:
        """What keeps fvcore from counting the module to the unit by itself; empty where nothing does."""
        layers = [layer for layer in self.layers if layer.macs]
        for layer in layers:
            if not layer.op.exact_in_fvcore:
                return layer.kind
        if isinstance(getattr(self.module, "padding", 0), str):
            return "padding as text"
        alone = self.is_layer or not any(self.module.children())
        return "" if alone and None not in self.calls and len(layers) == len(self.calls) else layers[0].kind


def _mac_checks(subject: Subject, passed: Pass) -> Findings:
    """fvcore for each module that it counts exactly, torch's formulas for the other layers and in all."""
    checks: list[Check] = []
    missed: dict[str, list[str]] = {}
    fvcore = _Fvcore(subject.device)
    parts = list(_parts(subject, passed))
    for part in parts:
        name = part.path or "the network"
        counted, reason = fvcore.count(part) if part.macs else (None, "")
        if reason:
            missed.setdefault(f"fvcore (it does not count {reason} exactly)", []).append(name)
        if part.is_hidden:
            calls = ", ".join(sorted(part.unseen))
            missed.setdefault(f"torch's counter (it does not see {calls})", []).append(name)
        if counted is not None:
            checks.append(Check("macs", part.path, part.macs, counted, FVCORE))
        elif part.is_layer and not part.is_hidden and (part.macs or part.counted):
            checks.append(Check("macs", part.path, part.macs, part.counted, COUNTER))
    exact = [check for check in checks if check.witness == FVCORE]
    seen = [part for part in parts if not part.is_hidden]
    checks.append(_total(FVCORE, [(check.expected, check.measured) for check in exact]))
    total = _total(COUNTER, [(part.macs, part.counted) for part in seen])
    unseen = sorted(set().union(*[part.unseen for part in seen]))
    if unseen and total.measured < total.expected:  # calls outside any layer's module: whose they are is not known
        missed.setdefault(f"torch's counter (it does not see {', '.join(unseen)})", []).append("the network")
    elif seen or not parts:
        checks.append(total)
    return checks, [f"the MACs of {several(names)} by {witness}" for witness, names in missed.items()]


def _total(witness: str, pairs: Sequence[tuple[int, int]]) -> Check:
    expected, measured = (sum(column) for column in zip((0, 0), *pairs, strict=True))
    return Check("macs", None, expected, measured, witness)


def _parts(subject: Subject, passed: Pass) -> Iterator[_Part]:
    """The modules that make calls of their own, in the order of the layers; each layer's module is the innermost."""
    modules = dict(subject.module.named_modules())
    layers: dict[str, list[Layer]] = {}
    for layer in subject.network.layers:
        path = layer.name.partition("#")[0]
        while path not in modules:
            path = path.rpartition(".")[0]
        layers.setdefault(path, []).append(layer)
    for path in dict.fromkeys([*layers, *passed.macs]):
        yield _Part(
            path=path,
            module=modules[path],
            is_layer=path in subject.layers,
            layers=tuple(layers.get(path, ())),
            calls=tuple(passed.inputs.get(path, ())),
            counted=passed.macs.get(path, 0),
            unseen=frozenset(passed.unseen.get(path, ())),
        )


class _Fvcore:
    """The multiply-accumulates of single modules as fvcore traces them; equal modules once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.known: dict[tuple[object, tuple[Slot, ...]], tuple[int, str]] = {}

    def count(self, part: _Part) -> tuple[int | None, str]:
        """The count over all calls; or None, and what it is that fvcore does not count."""
        if part.inexact:
            return None, part.inexact
        total = 0
        for slots in part.calls:
            assert slots is not None  # see _Part.inexact
            ours = type(part.module).__module__.startswith(("torch.", "convcalc."))
            key = repr(part.module) if ours else part.module, slots
            if key not in self.known:
                self.known[key] = self._trace(part.module, slots)
            counted, unseen = self.known[key]
            if unseen:
                return None, unseen
            total += counted
        return total, ""

    def _trace(self, module: nn.Module, slots: Sequence[Slot]) -> tuple[int, str]:
        inputs = tuple([torch.zeros(slot.shape, dtype=slot.dtype, device=self.device) for slot in slots])
        try:
            with torch.no_grad():
                analysis = FlopCountAnalysis(module, inputs)
                analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
                counted, unseen = analysis.by_operator(), analysis.unsupported_ops()
        except Exception:  # fvcore traces with torch.jit, which refuses many a module
            return 0, type(module).__name__
        return sum(int(counted[name]) for name in MULTIPLICATIONS), ", ".join(filter(may_multiply, unseen))
