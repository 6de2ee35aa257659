"""One run of `convcalc check`: budget, networks, lock and git brought together into a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from convcalc.analysis.network import Network
from convcalc.checks.budget.configuration import Entry, module_of
from convcalc.checks.budget.files import Budget, read_text
from convcalc.checks.budget.judge import UNKNOWN, Judge, Load, Notice, Report, Verdict, stale
from convcalc.checks.budget.lock import Lock, parse_lock, write_lock
from convcalc.core.errors import ConvcalcError, UsageError
from convcalc.language.source import Source


@dataclass(frozen=True)
class Request:
    """What is asked of a budget: `only` names entries (none: all); `against` is a git revision.

    `specs_only` leaves out what imports a model. `prove` gives the verdict of a proof on a network.
    """

    only: tuple[str, ...] = ()
    update: bool = False
    locked: bool = False
    against: str = ""
    specs_only: bool = False
    prove: Callable[[Entry, Source, Network], Verdict] | None = None


class Reference(NamedTuple):
    """The lock that numbers are compared with, and what was noticed while finding it."""

    lock: Lock | None
    notices: tuple[Notice, ...] = ()


def check(budget: Budget, request: Request, load: Load) -> Report:
    """Judge a budget; --update writes the lock besides. Raises ConvcalcError where nothing can be judged."""
    if request.update and (request.locked or request.against):
        raise UsageError("--update writes the lock that --locked and --against compare with", hint="run them apart")
    entries = budget.configuration.select(request.only)
    notices: list[Notice] = []
    if request.specs_only:
        entries, notices = _without_models(entries)
    reference = _reference(budget, request)
    judge = Judge(budget.configuration.source, load, reference.lock, locked=request.locked)
    if request.update:
        judge.lock = _accepted(budget, judge, entries, request)
    verdicts = [verdict for entry in entries for verdict in judge.entry(entry)]
    if request.prove:
        verdicts += [
            request.prove(entry, side, judge.subjects[side])
            for entry in entries
            for side in entry.sides
            if side in judge.subjects
        ]
    if request.locked and reference.lock and not request.only:
        verdicts += stale(reference.lock, budget.configuration.entries)
    notices += reference.notices
    notices += filter(None, map(judge.moved, entries))
    notices += filter(None, map(judge.slack, verdicts))
    if request.update and judge.lock:
        notices += _write(budget, reference.lock, judge.lock, verdicts)
    return Report(budget.configuration.source, tuple(verdicts), tuple(notices))


def read_lock(budget: Budget) -> Lock | None:
    """The lock on disk, if there is one. Raises ConfigurationError."""
    path = budget.lock_path
    shown = budget.shown(path)
    return parse_lock(read_text(path, shown), shown) if path.exists() else None


def _reference(budget: Budget, request: Request) -> Reference:
    """The lock on disk; under --against that of the revision, and what was edited since."""
    on_disk = read_lock(budget)
    if not request.against:
        return Reference(on_disk)
    from convcalc.checks.budget.revision import edits, lock_at, rebased, resolve

    revision = resolve(budget.root, request.against)
    before = lock_at(revision, budget)
    notices = [*edits(revision, budget), *rebased(before, on_disk)]
    new = {name: b for name, b in on_disk.baselines.items() if name not in before.baselines} if on_disk else {}
    notices += [Notice(f"{name}: its baseline is new in this change") for name in new]
    return Reference(Lock(before.file, {**new, **before.baselines}), tuple(notices))


def _without_models(entries: tuple[Entry, ...]) -> tuple[tuple[Entry, ...], list[Notice]]:
    """The entries that import nothing, and a notice on each of the others. Raises UsageError if there is none."""
    kept = tuple(entry for entry in entries if not any(module_of(side) for side in entry.sides))
    if not kept:
        raise UsageError(
            "every check imports a model, and --specs-only leaves those out: nothing would be checked",
            hint="run without --specs-only, with --allow-import for each module",
        )
    return kept, [
        Notice(f"{entry.name}: not checked, it imports a model (--specs-only)", entry.path)
        for entry in entries
        if entry not in kept
    ]


def _accepted(budget: Budget, judge: Judge, entries: tuple[Entry, ...], request: Request) -> Lock:
    """The lock with today's numbers of the selected checks. A check that cannot be measured keeps its old ones."""
    checks = [entry for entry in entries if not entry.is_claim]
    if not checks:
        raise UsageError("claims have no baseline: there is nothing to update", hint="name a check with --only")
    accepted = {}
    for entry in checks:
        try:
            accepted[entry.name] = judge.baseline(entry)
        except ConvcalcError:
            continue  # the verdicts on its limits say why
    kept = [entry.name for entry in budget.configuration.entries if not entry.is_claim]
    old = judge.lock or Lock(budget.shown(budget.lock_path), {})
    return old.updated(accepted, old.baselines if request.only or request.specs_only else kept)


def _write(budget: Budget, old: Lock | None, new: Lock, verdicts: list[Verdict]) -> list[Notice]:
    """Write the lock, unless a number is missing; say what changed."""
    if any(verdict.status == UNKNOWN for verdict in verdicts):
        return [Notice(f"{new.file} is as it was: numbers are missing", (), True)]
    write_lock(new, budget.lock_path)
    before = old.baselines if old else {}
    changes = [Notice(f"{new.file}: {name} removed") for name in before if name not in new.baselines]
    for name, baseline in new.baselines.items():
        if name not in before:
            changes.append(Notice(f"{new.file}: {name} accepted, {len(baseline.values)} numbers"))
            continue
        was = before[name].values
        changes += [
            Notice(f"{new.file}: {name} {metric} {was.get(metric, 'not known')} -> {value}")
            for metric, value in baseline.values.items()
            if was.get(metric) != value
        ]
    return changes or [Notice(f"{new.file}: nothing changed")]
