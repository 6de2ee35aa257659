"""The one way from what is written to a Network: texts are built here, models traced in a process of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from convcalc.analysis.load import load_text
from convcalc.analysis.network import Network
from convcalc.analysis.proof import Confirmation
from convcalc.core.errors import ConfirmError, UsageError
from convcalc.language.source import Source
from convcalc.sandbox.parent import TIMEOUT, Target, TracedModel, is_target, trace_target


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """How a model's code is run.

    Args:
        python_path: the folders that its package is looked for in.
        timeout: seconds that it may take.
        tell: what is done with what it prints.
    """

    python_path: tuple[str, ...] = ()
    timeout: float = TIMEOUT
    tell: Callable[[str], object] = sys.stderr.write


def load(source: Source, sandbox: Sandbox | None = None) -> Network:
    """The network that `source` names. Raises what texts raise, and ModelError."""
    if ":" not in source.text or not is_target(source.text):  # nothing else in the language has a colon
        return load_text(source)
    return load_model(source, sandbox or Sandbox())


def load_model(source: Source, sandbox: Sandbox) -> Network:
    """A PyTorch model by its name. Raises UsageError, SpecError, ModelError."""
    for option, value in (("norm", source.norm), ("bias", source.bias), ("parameters", source.settings)):
        if value:
            raise UsageError(
                f"{option}: for texts and catalogue entries only",
                hint="give the model arguments: package.module:Net(width=32)",
            )
    target = Target.read(source.text)
    if missing := [name for name in ("torch", "fvcore") if find_spec(name) is None]:
        raise UsageError(
            f"{source.text} needs {' and '.join(missing)}, not installed here", hint="pip install 'convcalc[torch]'"
        )
    model = trace_target(
        target, source.inputs, python_path=sandbox.python_path, timeout=sandbox.timeout, tell=sandbox.tell
    )

    def prove(network: Network, device: str, progress: Callable[[str], None]) -> Confirmation:
        progress("running the model")
        proved = trace_target(
            target,
            source.inputs,
            python_path=sandbox.python_path,
            timeout=sandbox.timeout,
            confirm=True,
            device=device,
            tell=lambda printed: None,
        )
        if proved.proof is None:
            raise ConfirmError(proved.declined)
        return proved.proof

    return Network(
        graph=model.graph,
        text=target.text,
        defaulted="" if source.inputs else "default",
        notes=_notes(model),
        classes=model.classes,
        buffers=model.buffers,
        prove=prove,
    )


def _notes(model: TracedModel) -> tuple[str, ...]:
    """What must be said beside the numbers."""
    buffers = f"buffers {model.buffers:,} (values that are not parameters, such as running means)"
    return tuple(filter(None, (model.note, buffers if model.buffers else "")))
