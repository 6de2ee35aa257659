"""Models named on the command line: traced and proved in a process of their own (see `convcalc.sandbox`)."""

from __future__ import annotations

from convcalc.analysis.network import Network
from convcalc.cli.options import LayerOptions, Request
from convcalc.core.errors import UsageError
from convcalc.language.source import Source
from convcalc.sandbox.load import Sandbox, load_model


def model_network(text: str, request: Request) -> Network:
    """The model. Raises UsageError, SpecError, ModelError."""
    for flag, value in (("--norm", request.norm), ("--bias", request.bias), ("--set", request.settings)):
        if value:
            hint = "give the model arguments: package.module:Net(width=32)"
            raise UsageError(f"{flag} is for texts and catalogue entries", hint=hint)
    if request.layer != LayerOptions():
        raise UsageError("a model's code describes its layers itself", hint="leave the options of a single layer out")
    sandbox = Sandbox(python_path=request.python_path, timeout=request.timeout)
    return load_model(Source(text=text, inputs=request.inputs), sandbox)
