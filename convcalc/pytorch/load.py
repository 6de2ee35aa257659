"""A PyTorch module that is at hand becomes a Network: traced, and proved on a copy of itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import nn

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Confirmation
from convcalc.pytorch.tracing.trace import input_specs, record
from convcalc.pytorch.verify.traced import confirm_recording


def load_module(model: nn.Module, input: Any) -> Network:
    """The Network of a PyTorch module, traced here; `input` as in `trace`, by default 3x224x224.

    Its numbers are proved on a copy of the module itself. Raises ModelError.
    """
    specs = input_specs((3, 224, 224) if input is None else input)
    recording = record(model, specs)

    def prove(device: str, progress: Callable[[str], None]) -> Confirmation:
        progress("running the model")
        return confirm_recording(lambda: copy.deepcopy(model), recording, specs, device=device)

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
