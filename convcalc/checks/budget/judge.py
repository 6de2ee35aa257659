"""Budget, networks and baseline in, verdicts out. Nothing here reads a file, runs git or prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from convcalc.analysis.metrics import NoNumberError
from convcalc.analysis.network import Network
from convcalc.checks.budget.configuration import Entry, Limit, Source
from convcalc.checks.budget.lock import MAX_LAYERS, Baseline, Lock
from convcalc.checks.budget.metrics import LAYER_COSTS, Value, layer_costs, value_of, values_of
from convcalc.checks.budget.operators import Bound
from convcalc.checks.lines import Path as KeyPath
from convcalc.core.errors import ConvcalcError
from convcalc.core.quantity import Exact, grouped, percentage
from convcalc.language.source import Source as NetworkSource

PASSED, WARNED, FAILED, UNKNOWN = "passed", "warned", "failed", "unknown"
"""What became of a limit. UNKNOWN is neither kept nor broken: the number is missing."""

SLACK = Fraction(1, 10)
"""A limit that leaves more of itself unused than this gets a notice."""

SHOWN_LAYERS = 5

_ADDS_UP = {"weights": "params", "flops": "macs", "memory.params": "params"}

Load = Callable[[NetworkSource], Network]
"""Builds the network that a definition names. Raises ConvcalcError."""


class LayerChange(NamedTuple):
    """What a layer costs and cost in the baseline (None: there is no baseline)."""

    name: str
    cost: str
    before: int | None
    now: int

    @property
    def change(self) -> int:
        return self.now - (self.before or 0)


class Verdict(NamedTuple):
    """What became of one limit. `line` is where it stands in `file`; `text` is that line.

    `message` says it in one line, `remedy` what to do; `excess` and `relative` as in Judgement.
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


class Notice(NamedTuple):
    """Something to know that breaks nothing. A `warning` fails under --strict."""

    message: str
    path: KeyPath = ()
    warning: bool = False


class Report(NamedTuple):
    """What a run found."""

    source: Source
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


class Judge:
    """Judges entries one by one; what was measured is kept for the lock."""

    def __init__(self, source: Source, load: Load, lock: Lock | None, *, locked: bool = False) -> None:
        self.source = source
        self.load = load
        self.lock = lock
        self.locked = locked
        self.subjects: dict[NetworkSource, Network] = {}
        self.refused: dict[NetworkSource, ConvcalcError] = {}

    def subject(self, definition: NetworkSource) -> Network:
        """The network of a definition, built once. Raises ConvcalcError, the same one each time."""
        if definition in self.refused:
            raise self.refused[definition]
        if definition not in self.subjects:
            try:
                self.subjects[definition] = self.load(definition)
            except ConvcalcError as error:
                self.refused[definition] = error
                raise
        return self.subjects[definition]

    def entry(self, entry: Entry) -> Iterator[Verdict]:
        """The verdicts on one entry: one for each limit, and under --locked on its baseline."""
        try:
            subjects = [self.subject(side) for side in entry.sides]
        except ConvcalcError as error:
            where = (*entry.path, "left" if entry.is_claim else "spec")
            yield from (self._unknown(entry, limit, error, where) for limit in entry.limits)
            return
        for limit in entry.limits:
            try:
                yield self._limit(entry, limit, subjects)
            except ConvcalcError as error:
                yield self._unknown(entry, limit, error, limit.path)
        if self.locked and not entry.is_claim:
            yield from self._unchanged(entry, subjects[0])

    def baseline(self, entry: Entry) -> Baseline:
        """What the lock keeps of a check. Raises ConvcalcError where not everything is known."""
        subject = self.subject(entry.sides[0])
        layers = layer_costs(subject) if len(subject.graph.nodes) <= MAX_LAYERS else {}
        return Baseline(entry.sides[0].fingerprint, values_of(subject), layers)

    def slack(self, verdict: Verdict) -> Notice | None:
        """The notice on a limit that leaves more than a tenth of itself unused."""
        if verdict.operator not in ("max", "min") or verdict.relative is None or verdict.limit is None:
            return None
        spare = -verdict.relative
        if spare <= SLACK:
            return None
        left = "leaves {} unused" if verdict.operator == "max" else "is exceeded by {}"
        return Notice(
            f"{verdict.name}: {verdict.metric} {verdict.operator} {verdict.limit.text} {left.format(percentage(spare))}"
            f" (the number is {verdict.value}): tighten it to notice changes",
            verdict.path,
        )

    def moved(self, entry: Entry) -> Notice | None:
        """The notice on a check whose definition is not the one that the baseline was made of."""
        accepted = self._accepted(entry)
        if accepted is None or accepted.fingerprint == entry.sides[0].fingerprint:
            return None
        uses_baseline = next((limit for limit in entry.limits if limit.operator.key == "growth"), None)
        if uses_baseline is None:
            return None
        return Notice(
            f"{entry.name}: spec or input is not the one that the baseline was made of: growth compares the two",
            uses_baseline.path,
        )

    def _accepted(self, entry: Entry) -> Baseline | None:
        return self.lock.baselines.get(entry.name) if self.lock and not entry.is_claim else None

    def _limit(self, entry: Entry, limit: Limit, subjects: list[Network]) -> Verdict:
        value = value_of(subjects[0], limit.metric)
        accepted = self._accepted(entry)
        baseline = accepted.values.get(limit.metric) if accepted else None
        reference = value_of(subjects[1], limit.metric) if entry.is_claim else baseline
        if limit.operator.key == "growth" and baseline is None:
            raise NoNumberError(
                f"there is no baseline of {limit.metric}{f' in {self.lock.file}' if self.lock else ''}",
                hint=f"convcalc check --update --only {entry.name!r} accepts today's numbers; commit the lock",
            )
        judgement = limit.operator.judge(value, limit.bound, reference)
        broken = not judgement.ok
        return Verdict(
            entry.name,
            limit.metric,
            limit.operator.key,
            (WARNED if limit.operator.is_soft else FAILED) if broken else PASSED,
            f"{limit.metric} is {judgement.words}",
            limit.operator.remedy if broken else "",
            value,
            limit.bound,
            judgement.excess,
            judgement.relative,
            baseline,
            layer_changes(limit.metric, subjects[0], accepted) if broken and not entry.is_claim else (),
            limit.path,
        )

    def _unchanged(self, entry: Entry, subject: Network) -> Iterator[Verdict]:
        """Under --locked: one verdict for each number that is not the baseline's, or one that none differs."""
        where = (*entry.path, "spec")
        accepted = self._accepted(entry)
        if accepted is None:
            file = f" in {self.lock.file}" if self.lock else ": there is no lock"
            missing = NoNumberError(f"there is no baseline of it{file}", hint=UPDATE)
            yield _unknown(entry, "lock", "locked", missing, where)
            return
        try:
            now = self.baseline(entry)
        except ConvcalcError as error:
            yield _unknown(entry, "lock", "locked", error, where)
            return
        differing = [
            metric
            for metric in sorted({*accepted.values, *now.values})
            if accepted.values.get(metric) != now.values.get(metric)
        ]
        for metric in differing:
            old, new = accepted.values.get(metric), now.values.get(metric)
            message = f"{metric} is {_or_none(new)}, locked at {_or_none(old)}{_difference(old, new)}"
            changes = layer_changes(metric, subject, accepted)
            yield Verdict(
                entry.name, metric, "locked", FAILED, message, UPDATE, new, baseline=old, layers=changes, path=where
            )
        if differing:
            return
        same = accepted == now
        message = "nothing differs from the lock" if same else "the definition or a layer is not as locked"
        status = PASSED if same else FAILED
        yield Verdict(entry.name, "lock", "locked", status, message, "" if same else UPDATE, path=where)

    def _unknown(self, entry: Entry, limit: Limit, error: ConvcalcError, path: KeyPath) -> Verdict:
        return _unknown(entry, limit.metric, limit.operator.key, error, path)._replace(limit=limit.bound)


UPDATE = "convcalc check --update accepts today's numbers; commit the lock"


def layer_changes(name: str, network: Network, accepted: Baseline | None) -> tuple[LayerChange, ...]:
    """The layers that changed most against the baseline; the most costly ones where there is none.

    A metric that is no sum over layers has none.
    """
    cost = name if name in LAYER_COSTS else _ADDS_UP.get(name, "")
    if not cost:
        return ()
    now = {name: costs.get(cost, 0) for name, costs in layer_costs(network).items()}
    if accepted is None or not accepted.layers:
        largest = sorted(now.items(), key=lambda item: -item[1])[:SHOWN_LAYERS]
        return tuple(LayerChange(name, cost, None, number) for name, number in largest if number)
    before = {name: costs.get(cost, 0) for name, costs in accepted.layers.items()}
    changes = [LayerChange(name, cost, before.get(name, 0), now.get(name, 0)) for name in {**before, **now}]
    changes.sort(key=lambda change: (-abs(change.change), change.name))
    return tuple(change for change in changes[:SHOWN_LAYERS] if change.change)


def stale(lock: Lock, entries: tuple[Entry, ...]) -> Iterator[Verdict]:
    """Under --locked: the baselines of checks that are no more."""
    known = {entry.name for entry in entries}
    for name in lock.baselines:
        if name not in known:
            message = f"{lock.file} keeps numbers of it, and no check is called so"
            yield Verdict(name, "lock", "locked", FAILED, message, UPDATE)


def _unknown(entry: Entry, metric: str, operator: str, error: ConvcalcError, path: KeyPath) -> Verdict:
    message, _, _ = str(error).partition("\n  hint: ")
    return Verdict(entry.name, metric, operator, UNKNOWN, message, error.hint, path=path)


def _or_none(value: Value | None) -> str:
    return str(value) if value else "not known"


def _difference(old: Value | None, new: Value | None) -> str:
    """How far a number has moved; nothing for sizes, which speak for themselves."""
    if old is None or new is None or len(old.numbers) != 1 or len(new.numbers) != 1:
        return ""
    change = new.numbers[0] - old.numbers[0]
    share = f" ({percentage(Fraction(change) / old.numbers[0], sign=True)})" if old.numbers[0] else ""
    return f": {'+' if change > 0 else ''}{grouped(change)}{share}"
