"""A proof in words: what was confirmed, by which witness, what nothing covered, and what disagrees."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.analysis.proof import Check, Confirmation
from convcalc.report.parts import amount, show

MAX_LINES = 20
"""How many disagreements, or things that no witness sees, have a line; the rest are counted."""

_NAMES = {"params": "params", "macs": "MACs", "output": "shapes"}
"""What was checked, in the order in which it is listed; then whatever else was."""

_SILENT = "torch module"
"""The witness that goes without saying."""


def proof_sentences(confirmation: Confirmation) -> list[str]:
    """A line for the agreement or lines for the disagreements, and one for what nothing covered."""
    where = f"{confirmation.device} (torch {confirmation.torch})"
    checks, failures, uncovered = confirmation.checks, confirmation.failures, confirmation.uncovered
    last = [f"not independently checked: {'; '.join(_few(uncovered))}"] if uncovered else []
    if confirmation.ok:
        return [f"confirmed on {where}: {', '.join(_covered(checks))}", *last]
    count = f"{amount(len(failures), 'number')} of {len(checks):,}"
    return [f"NOT confirmed on {where}: {count} disagree", *_few([_failure(check) for check in failures]), *last]


def _covered(checks: Sequence[Check]) -> list[str]:
    """What was checked, each with its witnesses: "MACs (fvcore, torch flop counter)"."""
    witnesses: dict[str, dict[str, None]] = {what: {} for what in _NAMES}
    for check in checks:
        witnesses.setdefault(check.what, {})[check.witness] = None
    covered = []
    for what, seen in witnesses.items():
        named = [witness for witness in seen if witness != _SILENT]
        covered += [_name(what) + (f" ({', '.join(named)})" if named else "")] if seen else []
    return covered


def _few(lines: Sequence[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], f"and {more:,} more"] if more > 0 else list(lines)


def _failure(check: Check) -> str:
    layer = f"layer {check.layer}" if check.layer else "the whole network"
    computed, measured = _number(check.expected), _number(check.measured)
    return f"{layer}: {_name(check.what)} {computed} computed, {measured} by {check.witness}"


def _name(what: str) -> str:
    return _NAMES.get(what, what.replace("_", " "))


def _number(value: object) -> str:
    return show(tuple(value)) if isinstance(value, list) else show(value)
