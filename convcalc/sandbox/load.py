"""The one way from what is written to a Network: texts are built here, models traced in a process of their own."""

from __future__ import annotations

from convcalc.analysis.load import channels_first, load_text
from convcalc.analysis.network import Network
from convcalc.analysis.proof import require_torch
from convcalc.core.errors import ModelError, UsageError
from convcalc.language.source import Source
from convcalc.sandbox.parent import Model, Sandbox, Target, TracedModel, is_target


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
    require_torch(source.text)
    model = Model(target, source.inputs, sandbox)
    try:
        traced = model.trace()
    except ModelError as error:
        error.hint = error.hint or channels_first(source.inputs)
        raise
    return Network(
        graph=traced.graph,
        text=target.text,
        defaulted="" if source.inputs else "default",
        notes=_notes(traced),
        classes=traced.classes,
        buffers=traced.buffers,
        prove=model.prove,
    )


def _notes(model: TracedModel) -> tuple[str, ...]:
    """What must be said beside the numbers."""
    buffers = f"buffers {model.buffers:,} (values that are not parameters, such as running means)"
    return tuple(filter(None, (model.note, buffers if model.buffers else "")))
