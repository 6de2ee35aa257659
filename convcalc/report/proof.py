"""A proof in words: what was confirmed, by which witness, what nothing covered, and what disagrees."""

from __future__ import annotations

from convcalc.proof import Check, Confirmation
from convcalc.report.parts import amount, show

MAX_FAILURES = 20
"""So many disagreements are told; the rest are counted."""

_NAMES = {"params": "params", "macs": "MACs", "shape": "shapes", "shapes": "shapes", "rf": "receptive field"}


def proof_sentences(confirmation: Confirmation) -> list[str]:
    """A line for the agreement, and one for each thing that was not covered; or the disagreements."""
    where = f"{confirmation.device} (torch {confirmation.torch})"
    uncovered = [f"not covered: {reason}" for reason in confirmation.uncovered]
    if confirmation.ok:
        return [f"confirmed on {where}: {', '.join(_covered(confirmation.checks))}", *uncovered]
    failures = confirmation.failures
    told = [_failure(check) for check in failures[:MAX_FAILURES]]
    more = len(failures) - len(told)
    return [
        f"NOT confirmed on {where}: {amount(len(failures), 'number')} of {len(confirmation.checks):,} disagree",
        *told,
        *([f"and {more:,} more"] if more else []),
        *uncovered,
    ]


def _covered(checks: tuple[Check, ...]) -> list[str]:
    """What was checked, each with its witnesses: "MACs (fvcore, torch)"."""
    witnesses: dict[str, dict[str, None]] = {}
    for check in checks:
        witnesses.setdefault(check.what, {})[check.witness] = None
    return [f"{_NAMES.get(what, what)} ({', '.join(seen)})" for what, seen in witnesses.items()]


def _failure(check: Check) -> str:
    layer = f"layer {check.layer}" if check.layer else "the whole network"
    return f"{layer}: {check.what} {_number(check.expected)} computed, {_number(check.measured)} by {check.witness}"


def _number(value: object) -> str:
    return show(tuple(value)) if isinstance(value, list) else show(value)
