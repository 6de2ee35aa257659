"""What a proof says: plain data, so that reports need no torch. `convcalc.pytorch.verify.confirm` makes it."""

from __future__ import annotations

from typing import Any, NamedTuple


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


class Confirmation(NamedTuple):
    """All checks of a proof; `uncovered` says in words what no witness measured, and why."""

    device: str
    torch: str
    checks: tuple[Check, ...]
    uncovered: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.ok)
