"""Models named on the command line: traced and proved in a process of their own (see `convcalc.sandbox.parent`)."""

from __future__ import annotations

import sys
from typing import Any

from convcalc.analysis.proof import Confirmation
from convcalc.cli.options import LayerOptions, Request
from convcalc.core.errors import ConfirmError, UsageError
from convcalc.report.build.subject import Subject
from convcalc.sandbox.parent import Target, TracedModel, trace_target


def model_subject(text: str, request: Request) -> Subject:
    """The model as what a report is about. Raises UsageError, SpecError, ModelError."""
    _refuse_text_options(request)
    target = Target.read(text)
    given: dict[str, Any] = {"python_path": request.python_path, "timeout": request.timeout}
    model = trace_target(target, request.inputs, tell=_tell, **given)

    def confirm(device: str) -> Confirmation:
        proved = trace_target(target, request.inputs, confirm=True, device=device, tell=lambda said: None, **given)
        if proved.proof is None:
            raise ConfirmError(proved.declined)
        return proved.proof

    return Subject(
        target.text,
        model.graph,
        "" if request.inputs else "default",
        notes=tuple(_notes(model)),
        confirm=confirm,
        classes=model.classes,
        buffers=model.buffers,
    )


def _notes(model: TracedModel) -> list[str]:
    """What must be said beside the numbers."""
    notes = [model.note] if model.note else []
    if model.buffers:
        notes.append(f"buffers {model.buffers:,} (values that are not parameters, such as running means)")
    return notes


def _tell(said: str) -> None:
    """What the model printed goes to stderr, whatever it wrote to."""
    sys.stderr.write(said)


def _refuse_text_options(request: Request) -> None:
    """A model's code says everything itself."""
    for flag, value in (("--norm", request.norm), ("--bias", request.bias), ("--set", request.settings)):
        if value:
            hint = "give the model arguments: package.module:Net(width=32)"
            raise UsageError(f"{flag} is for texts and catalogue entries", hint=hint)
    if request.layer != LayerOptions():
        raise UsageError("a model's code describes its layers itself", hint="leave the options of a single layer out")
