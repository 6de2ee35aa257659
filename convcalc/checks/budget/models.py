"""Who may be imported. A budget can name a model; only the command line can allow that its code runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from convcalc.checks.budget.configuration import Definition
from convcalc.checks.budget.metrics import Subject
from convcalc.checks.budget.run import load_text
from convcalc.core.errors import ConvcalcError


class ImportNotAllowedError(ConvcalcError):
    """A budget names a model whose module nobody allowed to import."""

    kind = "import"


@dataclass(frozen=True)
class Loader:
    """Builds what a budget names: texts by themselves, models through `trace` where their module is allowed.

    `option` is how the user allows a module.
    """

    allowed: Collection[str]
    trace: Callable[[Definition], Subject]
    option: str = "--allow-import"

    def __call__(self, definition: Definition) -> Subject:
        """The network. Raises ImportNotAllowedError, and whatever `trace` and the language raise."""
        module = definition.module
        if not module:
            return load_text(definition)
        if module not in self.allowed:
            raise ImportNotAllowedError(
                f"{definition.spec} imports {module}, which runs its code: that is not allowed here",
                hint=f"if you trust it: {self.option} {module} on the command line",
            )
        return self.trace(definition)
