"""What a check comes to: what is stated, what is true, the rule between them, and where it was stated."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from convcalc.checks.limits import Bound, Value
from convcalc.checks.toml import Document, KeyPath
from convcalc.core.errors import ConvcalcError
from convcalc.core.quantity import Exact

PASSED, WARNED, FAILED, UNKNOWN = "passed", "warned", "failed", "unknown"
"""What became of a limit. UNKNOWN is neither kept nor broken: the number is missing."""


class LayerChange(NamedTuple):
    """What a layer costs and cost in the baseline (None: there is no baseline)."""

    name: str
    cost: str
    before: int | None
    now: int

    @property
    def change(self) -> int:
        return self.now - (self.before or 0)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one statement.

    Args:
        name: the check or claim that it belongs to.
        metric: what it is about, as the file writes it.
        operator: the rule between what is stated and what is true: "max", "equal", "expected".
        status: PASSED, WARNED, FAILED or UNKNOWN.
        message: all of it in one line.
        remedy: what to do where it does not hold.
        value: what is true.
        limit: what is stated.
        excess: by how much it is missed (negative: how much is left), in the worst axis.
        relative: the same as a share of the limit.
        baseline: the number in the lock.
        layers: what changed most, or costs most.
        path: where it is stated.
    """

    name: str
    metric: str
    operator: str
    status: str
    message: str
    remedy: str = ""
    value: Value | None = None
    limit: Bound | None = None
    excess: Exact | None = None
    relative: Fraction | None = None
    baseline: Value | None = None
    layers: tuple[LayerChange, ...] = ()
    path: KeyPath = ()

    @property
    def ok(self) -> bool:
        return self.status in (PASSED, WARNED)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to know that breaks nothing. A `warning` fails under --strict."""

    message: str
    path: KeyPath = ()
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run came to; `source` is the file that everything was stated in."""

    source: Document
    verdicts: tuple[Verdict, ...]
    notices: tuple[Notice, ...] = ()

    def of(self, *statuses: str) -> list[Verdict]:
        """The verdicts with one of these statuses."""
        return [verdict for verdict in self.verdicts if verdict.status in statuses]

    @property
    def is_complete(self) -> bool:
        return not self.of(UNKNOWN)

    def exit_code(self, *, strict: bool = False) -> int:
        """0 where everything holds, 1 where a limit is broken, 2 where a number is missing (also when both)."""
        if not self.is_complete:
            return 2
        warned = bool(self.of(WARNED)) or any(notice.warning for notice in self.notices)
        return 1 if self.of(FAILED) or (strict and warned) else 0


def unknown(name: str, metric: str, operator: str, error: ConvcalcError, **more: Any) -> Verdict:
    """The verdict where a number is missing: `error` says why."""
    message, _, _ = str(error).partition("\n  hint: ")
    return Verdict(
        name=name, metric=metric, operator=operator, status=UNKNOWN, message=message, remedy=error.hint, **more
    )


def fingerprint(**fields: str) -> str:
    """A hash of named fields: the same as long as what they say is the same; an empty one says nothing."""
    written = {name: value for name, value in fields.items() if value}
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()
