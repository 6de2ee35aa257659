"""Models that a budget names, traced in a child process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from convcalc.checks.budget.configuration import Definition
from convcalc.checks.budget.metrics import Subject
from convcalc.cli.proof import INSTALL
from convcalc.core.errors import UsageError
from convcalc.sandbox.parent import Target, trace_target

_NEEDED = ("torch", "fvcore")

MAX_QUOTED = 20_000
"""The most that is passed on of what a model prints."""


def trace_model(
    definition: Definition,
    folders: Sequence[Path],
    timeout: float,
    tell: Callable[[str], object],
    *,
    confirm: bool = False,
) -> Subject:
    """The model that `definition` names, imported from `folders`; what it prints is given to `tell`.

    Raises ModelError, SpecError, UsageError.
    """
    if definition.norm or definition.bias:
        raise UsageError("norm and bias act on texts, not on a model", hint="leave them out")
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UsageError(f"{definition.spec} needs {' and '.join(missing)}, not installed here", hint=INSTALL)
    traced = trace_target(
        Target.read(definition.spec),
        definition.inputs,
        python_path=list(map(str, folders)),
        timeout=timeout,
        confirm=confirm,
        tell=lambda text: tell(_in_whole_lines(text[:MAX_QUOTED])),
    )
    return Subject(traced.graph, traced.proof, traced.declined)


def _in_whole_lines(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
