"""What a proof says: plain data, so that reports need no torch. `convcalc.pytorch.verify.confirm` makes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcalc.core.errors import UsageError

INSTALL = "pip install 'convcalc[torch]'"
"""How what models and proofs need is installed."""


class NotInstalledError(UsageError):
    """What a model or a proof needs is not installed."""


def require_torch(what: str) -> None:
    """Raise NotInstalledError unless all that `what` needs is installed."""
    from importlib.util import find_spec

    if missing := [name for name in ("torch", "fvcore") if find_spec(name) is None]:
        raise NotInstalledError(f"{what} needs {' and '.join(missing)}, not installed here", hint=INSTALL)


class Check(NamedTuple):
    """One number that a witness measured on the real module, beside the one expected.

    `layer` is None for the whole network. Numbers are ints, or lists of ints for shapes and fields.
    """

    what: str
    layer: str | None
    expected: Any
    measured: Any
    witness: str

    @property
    def ok(self) -> bool:
        return bool(self.expected == self.measured)


NEEDED = ("output", "params")
"""What every proof checks."""


class Confirmation(NamedTuple):
    """All checks of a proof; `uncovered` says in words what no witness measured, and why."""

    device: str
    torch: str
    checks: tuple[Check, ...]
    uncovered: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every check agrees, and those are there without which nothing is proved."""
        return not self.missing and not self.failures

    @property
    def missing(self) -> tuple[str, ...]:
        """What every proof checks and this one does not."""
        checked = {check.what for check in self.checks}
        return tuple(what for what in NEEDED if what not in checked)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.ok)


def several(names: Sequence[str]) -> str:
    """One name, or how many there are and the first.

    >>> several(["0", "1"])
    '2 layers, 0 the first,'
    """
    return names[0] if len(names) == 1 else f"{len(names):,} layers, {names[0]} the first,"
