"""Who may be imported. A budget can name models and plugins; only whoever runs it can allow that their code runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from convcalc.analysis.load import load_text
from convcalc.analysis.network import Network
from convcalc.core.errors import ConvcalcError
from convcalc.language.source import Source
from convcalc.sandbox import TIMEOUT

MAX_QUOTED = 20_000
"""The most that is passed on of what a model prints."""


class ImportNotAllowedError(ConvcalcError):
    """A budget names a model or a plugin whose module nobody allowed to import."""

    kind = "import"

    def __init__(self, what: str, module: str, option: str) -> None:
        super().__init__(
            f"{what} imports {module}, which runs its code: that is not allowed here",
            hint=f"if you trust it: {option} {module} on the command line",
        )


def module_of(source: Source) -> str:
    """The module that must be imported to build it; empty for a text or a catalogue entry. Raises SpecError."""
    if ":" not in source.text:
        return ""
    from convcalc.sandbox.parent import Target, is_target

    return Target.read(source.text).module if is_target(source.text) else ""


@dataclass(frozen=True, kw_only=True)
class Loader:
    """Builds what a budget names: texts by themselves, models where their module is allowed.

    Args:
        allowed: the modules that may be imported.
        folders: where they are looked for.
        tell: what is done with what a model prints.
        timeout: seconds that one model may take.
        memory: bytes that one model may take; None for a share of what is free.
        option: how whoever runs it allows a module.
    """

    allowed: Collection[str]
    folders: Sequence[Path]
    tell: Callable[[str], object]
    timeout: float = TIMEOUT
    memory: float | None = None
    option: str = "--allow-import"

    def __call__(self, source: Source) -> Network:
        """The network; a model is imported in a process of its own.

        Raises ImportNotAllowedError, UsageError without torch, and what building it raises.
        """
        module = module_of(source)
        if not module:
            return load_text(source)
        if module not in self.allowed:
            raise ImportNotAllowedError(source.text, module, self.option)
        from convcalc.sandbox.load import load_model
        from convcalc.sandbox.parent import Sandbox

        sandbox = Sandbox(
            python_path=tuple(map(str, self.folders)),
            timeout=self.timeout,
            memory=self.memory,
            own_only=True,
            tell=self._tell_lines,
        )
        return load_model(source, sandbox)

    def _tell_lines(self, text: str) -> None:
        quoted = text[:MAX_QUOTED]
        self.tell(quoted if quoted.endswith("\n") else f"{quoted}\n")

    def plugin(self, name: str, python_path: Sequence[str] = ()) -> None:
        """Import a plugin, whose metrics are then known. Raises ImportNotAllowedError, and what loading it raises."""
        if name not in self.allowed:
            raise ImportNotAllowedError(f"the plugin {name}", name, self.option)
        from convcalc.core.plugins import load_plugin

        load_plugin(name, python_path)


def refuse_plugin(name: str, python_path: Sequence[str]) -> NoReturn:
    """What reads a budget without leave to import anything."""
    raise ImportNotAllowedError(f"the plugin {name}", name, "--allow-import")
