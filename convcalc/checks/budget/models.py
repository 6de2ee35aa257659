"""Who may be imported. A budget can name a model; only the command line can allow that its code runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from convcalc.analysis.load import load_text
from convcalc.analysis.network import Network
from convcalc.checks.budget.configuration import module_of
from convcalc.core.errors import ConvcalcError
from convcalc.language.source import Source


class ImportNotAllowedError(ConvcalcError):
    """A budget names a model whose module nobody allowed to import."""

    kind = "import"


@dataclass(frozen=True)
class Loader:
    """Builds what a budget names: texts by themselves, models through `trace` where their module is allowed.

    `option` is how the user allows a module.
    """

    allowed: Collection[str]
    trace: Callable[[Source], Network]
    option: str = "--allow-import"

    def __call__(self, source: Source) -> Network:
        """The network. Raises ImportNotAllowedError, and whatever `trace` and the language raise."""
        module = module_of(source)
        if not module:
            return load_text(source)
        if module not in self.allowed:
            raise ImportNotAllowedError(
                f"{source.text} imports {module}, which runs its code: that is not allowed here",
                hint=f"if you trust it: {self.option} {module} on the command line",
            )
        return self.trace(source)
