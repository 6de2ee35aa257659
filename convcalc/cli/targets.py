"""Models that a budget names, traced in a child process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from convcalc.analysis.network import Network
from convcalc.cli.proof import INSTALL
from convcalc.core.errors import UsageError
from convcalc.language.source import Source
from convcalc.sandbox.load import Sandbox, load_model

_NEEDED = ("torch", "fvcore")

MAX_QUOTED = 20_000
"""The most that is passed on of what a model prints."""


def trace_model(source: Source, folders: Sequence[Path], timeout: float, tell: Callable[[str], object]) -> Network:
    """The model that `source` names, imported from `folders`; what it prints is given to `tell`.

    Raises ModelError, SpecError, UsageError.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UsageError(f"{source.text} needs {' and '.join(missing)}, not installed here", hint=INSTALL)
    sandbox = Sandbox(
        python_path=tuple(map(str, folders)),
        timeout=timeout,
        tell=lambda text: tell(_in_whole_lines(text[:MAX_QUOTED])),
    )
    return load_model(source, sandbox)


def _in_whole_lines(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
