"""A PyTorch module that is at hand becomes a Network: traced, and proved on a copy of itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Confirmation
from convcalc.pytorch.tracing.trace import given_tensors, input_specs, record
from convcalc.pytorch.verify.confirm import confirm_model


def load_module(model: nn.Module, input: Any) -> Network:
    """The Network of a PyTorch module, traced here; `input` as in `trace`, by default 3x224x224.

    Its numbers are proved on a copy of the module itself. Raises ModelError.
    """
    specs = input_specs((3, 224, 224) if input is None else input)
    recording = record(model, specs)

    def make() -> tuple[nn.Module, list[Tensor]]:
        return copy.deepcopy(model), given_tensors(model, specs, recording.batched)

    def prove(network: Network, device: str, progress: Callable[[str], None]) -> Confirmation:
        return confirm_model(network, make, recording.outputs, device=device, progress=progress)

    buffers = f"buffers {recording.buffers:,} (values that are not parameters, such as running means)"
    return Network(
        graph=recording.graph,
        text=type(model).__name__,
        defaulted="default" if input is None else "",
        notes=tuple(filter(None, (recording.note, buffers if recording.buffers else ""))),
        classes=recording.classes,
        buffers=recording.buffers,
        prove=prove,
    )
