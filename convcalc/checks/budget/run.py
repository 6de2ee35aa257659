"""One run of `convcalc check`: budget, networks, lock and git brought together into a report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from convcalc.analysis.network import Network
from convcalc.checks.budget.configuration import Check, Entry, imports_of, sources_of
from convcalc.checks.budget.files import Budget
from convcalc.checks.budget.judge import Judge, Load, no_laboratory, stale
from convcalc.checks.budget.lock import Baseline, Lock, parse_lock, write_lock, writing
from convcalc.checks.claims.words import Laboratory
from convcalc.checks.models import ImportNotAllowedError
from convcalc.checks.toml import ConfigurationError, read_text
from convcalc.checks.verdict import FAILED, PASSED, UNKNOWN, Notice, Report, Verdict
from convcalc.core.errors import ConfirmError, ConvcalcError, ModelError, UsageError


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a budget.

    Args:
        only: names of entries; none for all.
        update: whether today's numbers are accepted.
        locked: whether any difference from the lock fails.
        against: a git revision; empty for none.
        allow_edits: whether edits since that revision that make a limit easier to keep are only shown.
        specs_only: whether what imports a model is left out.
        confirm: whether the numbers are proved on the real modules.
        open_laboratory: opens what runs experiments, for claims that need one.
        progress: told the name of each entry as it begins, how many are done, and of how many.
    """

    only: tuple[str, ...] = ()
    update: bool = False
    locked: bool = False
    against: str = ""
    allow_edits: bool = False
    specs_only: bool = False
    confirm: bool = False
    open_laboratory: Callable[[], Laboratory] = no_laboratory
    progress: Callable[..., None] = lambda name, done, total: None


@dataclass(kw_only=True)
class _Run:
    """What a run has come to so far."""

    budget: Budget
    request: Request
    lock: Lock | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def notice(self, message: str, warning: bool = False) -> None:
        self.notices.append(Notice(message=message, warning=warning))


def check(budget: Budget, request: Request, load: Load) -> Report:
    """Judge a budget; --update writes the lock besides. Raises ConvcalcError where nothing can be judged."""
    if request.update and (request.locked or request.against):
        raise UsageError("--update writes the lock that --locked and --against compare with", hint="run them apart")
    if request.allow_edits and not request.against:
        raise UsageError("--allow-edits is about the edits that --against shows", hint="name a revision: --against")
    run = _Run(budget=budget, request=request)
    entries = budget.configuration.select(request.only)
    if request.specs_only:
        entries = _without_models(run, entries)
    run.lock = _old_lock(run)
    if request.against:
        _compare(run)
    judge = Judge(
        budget.configuration.source,
        load,
        run.lock,
        locked=request.locked,
        open_laboratory=request.open_laboratory,
    )
    if request.update:
        judge.lock = _accepted(run, judge, entries)
    _judge(run, judge, entries)
    if request.update and judge.lock:
        _write(run, judge.lock)
    return Report(
        source=budget.configuration.source, verdicts=tuple(run.verdicts), notices=tuple(dict.fromkeys(run.notices))
    )


def read_lock(budget: Budget) -> Lock | None:
    """The lock on disk, if there is one. Raises ConfigurationError."""
    path = budget.lock_path
    shown = budget.shown(path)
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        source = budget.configuration.source
        raise ConfigurationError(
            f"the lock cannot be read: {reason}", file=source.file, line=source.line(("lock",)), hint="name another"
        ) from None
    return parse_lock(read_text(path, shown), shown)


def _judge(run: _Run, judge: Judge, entries: tuple[Entry, ...]) -> None:
    for number, entry in enumerate(entries):
        run.request.progress(entry.name, done=number, total=len(entries))
        verdicts = list(judge.entry(entry))
        run.verdicts += verdicts
        if not verdicts:
            run.notices.append(Notice(message=f"{entry.name}: it states nothing that can be judged", path=entry.path))
    if not run.verdicts:
        raise UsageError("nothing would be checked", hint="name other entries, or add a limit")
    if run.request.confirm:
        for entry in entries:
            run.verdicts += _proofs(entry, judge)
    if run.request.locked and judge.lock and not run.request.only:
        run.verdicts += stale(judge.lock, run.budget.configuration.entries)
    run.notices += filter(None, map(judge.moved, entries))
    run.notices += filter(None, map(judge.slack, run.verdicts))


def _old_lock(run: _Run) -> Lock | None:
    """The lock on disk. One that cannot be read is written anew by an --update of everything."""
    try:
        return read_lock(run.budget)
    except ConfigurationError as error:
        is_rewritten = run.request.update and not run.request.only and not run.request.specs_only
        if not is_rewritten or not os.path.isfile(run.budget.lock_path):
            raise
        run.notice(f"the old lock is written anew: {error.at}: {error.message}")
        return None


def _compare(run: _Run) -> None:
    """Take the baseline from the revision, and tell every edit since."""
    from convcalc.checks.budget.revision import budget_at, edits, rebased, resolve, skipped

    revision = resolve(run.budget.root, run.request.against)
    try:
        before = budget_at(revision, run.budget)
    except (ConfigurationError, ImportNotAllowedError) as error:
        _finding(
            run,
            "budget",
            "against",
            f"it cannot be read at {revision.name}, so edits of it are not seen: {error.message}",
        )
        return
    if before is None:
        run.notice(f"there was no budget at {revision.name}: all limits are new")
        return
    configuration = run.budget.configuration
    all_edits = [
        *edits(revision, run.budget, before),
        *rebased(before, run.lock, configuration.entries, locked=run.request.locked),
        *(skipped(before, configuration.entries) if run.request.specs_only else ()),
    ]
    for edit in all_edits:
        if edit.looser:
            _finding(run, edit.name, edit.key, edit.message, path=edit.path)
        else:
            run.notices.append(Notice(message=f"{edit.name}: {edit.message}", path=edit.path))
    new = {} if run.lock is None else run.lock.baselines
    run.lock = Lock(file=before.lock.file, baselines={**new, **before.lock.baselines})


def _finding(run: _Run, name: str, key: str, message: str, path: tuple[str | int, ...] = ()) -> None:
    """One finding: an edit that makes a limit easier to keep fails, unless edits are allowed."""
    if run.request.allow_edits:
        run.notices.append(Notice(message=f"{name}: {message}", path=path))
        return
    remedy = "undo it, or let somebody allow it knowingly: --allow-edits"
    verdict = Verdict(
        name=name, metric=key, operator="against", status=FAILED, message=message, remedy=remedy, path=path
    )
    run.verdicts.append(verdict)


def _without_models(run: _Run, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """The entries that import nothing, and a notice on each of the others. Raises UsageError if there is none."""
    kept = tuple(entry for entry in entries if not imports_of(entry))
    if not kept:
        raise UsageError(
            "every check imports a model, and --specs-only leaves those out: nothing would be checked",
            hint="run without --specs-only, with --allow-import for each module",
        )
    run.notices += [
        Notice(message=f"{entry.name}: not checked, it imports a model (--specs-only)", path=entry.path)
        for entry in entries
        if entry not in kept
    ]
    return kept


def _proofs(entry: Entry, judge: Judge) -> Iterator[Verdict]:
    """The verdict of a proof on the real module, on the CPU, for each network that could be built."""
    for source in sources_of(entry):
        if source in judge.networks:
            status, message = _proof(judge.networks[source])
            remedy = "one of the two is wrong: please report it" if status == FAILED else ""
            yield Verdict(
                name=entry.name,
                metric="proof",
                operator="confirm",
                status=status,
                message=message,
                remedy=remedy,
                path=entry.path,
            )


def _proof(network: Network) -> tuple[str, str]:
    try:
        proof = network.confirm("cpu")
    except (ConfirmError, ModelError) as error:
        hint = getattr(error, "hint", "") or "pip install 'convcalc[torch]'"
        return UNKNOWN, f"the proof cannot be made: {str(error).partition(chr(10))[0]} ({hint})"
    if proof.ok:
        return PASSED, f"the real module agrees in {len(proof.checks)} numbers"
    worst = proof.failures[0]
    place = worst.layer or "the network"
    return FAILED, f"{worst.what} of {place} is {worst.expected}, {worst.witness} says {worst.measured}"


def _accepted(run: _Run, judge: Judge, entries: tuple[Entry, ...]) -> Lock:
    """The lock with today's numbers of the selected checks. A check that cannot be measured keeps its old ones."""
    checks = [entry for entry in entries if isinstance(entry, Check)]
    if not checks:
        raise UsageError("claims have no baseline: there is nothing to update", hint="name a check with --only")
    accepted = {}
    for entry in checks:
        try:
            accepted[entry.name] = judge.baseline(entry)
        except ConvcalcError:
            continue  # the verdicts on its limits say why
    return _merged(run, judge.lock, Lock(file="", baselines=accepted))


def _merged(run: _Run, old: Lock | None, accepted: Lock) -> Lock:
    kept = [entry.name for entry in run.budget.configuration.checks]
    old = old or Lock(file=run.budget.shown(run.budget.lock_path), baselines={})
    part = run.request.only or run.request.specs_only
    return old.updated(accepted.baselines, old.baselines if part else kept)


def _write(run: _Run, new: Lock) -> None:
    """Write the lock, unless a number is missing; say what changed.

    Others may have written it since it was read: what they accepted is kept.
    """
    if any(verdict.status == UNKNOWN for verdict in run.verdicts):
        run.notice(f"{new.file} is as it was: numbers are missing", warning=True)
        return
    before = run.lock.baselines if run.lock else {}
    mine = {name: baseline for name, baseline in new.baselines.items() if before.get(name) != baseline}
    with writing(run.budget.lock_path):
        old = _old_lock(run)
        written = _merged(run, old, Lock(file="", baselines=mine if old else dict(new.baselines)))
        write_lock(written, run.budget.lock_path)
    run.notices += [Notice(message=f"{new.file}: {change}") for change in _changes(before, written)]


def _changes(before: Mapping[str, Baseline], new: Lock) -> list[str]:
    changes = [f"{name} removed" for name in before if name not in new.baselines]
    for name, baseline in new.baselines.items():
        if name not in before:
            changes.append(f"{name} accepted, {len(baseline.values)} numbers")
            continue
        was = before[name].values
        changes += [
            f"{name} {metric} {was.get(metric, 'not known')} -> {value}"
            for metric, value in baseline.values.items()
            if was.get(metric) != value
        ]
    return changes or ["nothing changed"]
