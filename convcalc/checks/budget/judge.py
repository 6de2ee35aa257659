"""Budget, networks and baseline in, verdicts out. Nothing here reads a file, runs git or prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from convcalc.analysis.metrics import LAYERS, METRICS, Metric, NoNumberError
from convcalc.analysis.network import Network
from convcalc.checks.budget.configuration import Check, Entry
from convcalc.checks.budget.lock import Baseline, Lock, baseline_of, layer_costs
from convcalc.checks.claims.claims import Claim
from convcalc.checks.claims.judge import Judge as ClaimJudge
from convcalc.checks.claims.judge import Judged
from convcalc.checks.claims.words import Laboratory
from convcalc.checks.limits import Limit, Value
from convcalc.checks.toml import ConfigurationError, Document
from convcalc.checks.verdict import FAILED, PASSED, UNKNOWN, WARNED, LayerChange, Notice, Verdict, unknown
from convcalc.core.errors import ConfirmError, ConvcalcError, LimitError
from convcalc.core.quantity import grouped, percentage
from convcalc.language.source import Source

SLACK = Fraction(1, 10)
"""A limit that leaves more of itself unused than this gets a notice."""

SHOWN_LAYERS = 5

MAX_LAYERS = 100_000
"""The most layers that the networks of one budget may have in all: judging them takes seconds."""

UPDATE = "convcalc check --update accepts today's numbers; commit the lock"

Load = Callable[[Source], Network]
"""Builds the network that is named. Raises ConvcalcError."""


def no_laboratory() -> Laboratory:
    """What claims that must be measured get where nothing can be run."""
    raise ConfirmError("nothing is run here", hint="convcalc articles --file runs what must be measured")


class Judge:
    """Judges entries one by one; what was measured is kept for the lock.

    Args:
        source: the budget's text.
        load: builds networks.
        lock: the baseline, if there is one.
        locked: whether any difference from the baseline fails.
        open_laboratory: opens what runs experiments, for claims that need one.
    """

    def __init__(
        self,
        source: Document,
        load: Load,
        lock: Lock | None = None,
        *,
        locked: bool = False,
        open_laboratory: Callable[[], Laboratory] = no_laboratory,
    ) -> None:
        self.source = source
        self.load = load
        self.lock = lock
        self.locked = locked
        self.networks: dict[Source, Network] = {}
        self._refused: dict[Source, ConvcalcError] = {}
        self._layers = 0
        self._claims = ClaimJudge(open_laboratory, self.network)

    def network(self, source: Source) -> Network:
        """The network, built once. Raises ConvcalcError, the same one each time."""
        if source in self._refused:
            raise self._refused[source]
        if source not in self.networks:
            try:
                self.networks[source] = self._loaded(source)
            except ConvcalcError as error:
                self._refused[source] = error
                raise
        return self.networks[source]

    def _loaded(self, source: Source) -> Network:
        hint = "split it in several files, or judge its parts with --only"
        if self._layers < MAX_LAYERS:
            network = self.load(source)
            self._layers += len(network.graph.nodes)
            if self._layers <= MAX_LAYERS:
                return network
        raise LimitError(f"the networks of this budget have more than {MAX_LAYERS:,} layers in all", hint=hint)

    def entry(self, entry: Entry) -> Iterator[Verdict]:
        """The verdicts on one entry: one for each limit, one for what a claim states besides."""
        if isinstance(entry, Claim):
            yield from self._claim(entry)
            return
        try:
            networks = [self.network(entry.source)]
        except ConvcalcError as error:
            yield from _all_unknown(entry, error, "spec")
            return
        yield from (self._limit(entry, limit, networks, self._accepted(entry)) for limit in entry.limits)
        if self.locked:
            yield from self._unchanged(entry)

    def baseline(self, check: Check) -> Baseline:
        """What the lock keeps of a check. Raises ConvcalcError where it cannot be built."""
        return baseline_of(self.network(check.source), check.source.fingerprint)

    def slack(self, verdict: Verdict) -> Notice | None:
        """The notice on a limit that leaves more than a tenth of itself unused."""
        if verdict.operator not in ("max", "min") or verdict.relative is None or verdict.limit is None:
            return None
        spare = -verdict.relative
        if spare <= SLACK:
            return None
        left = "leaves {} unused" if verdict.operator == "max" else "is exceeded by {}"
        return Notice(
            message=f"{verdict.name}: {verdict.metric} {verdict.operator} {verdict.limit} "
            f"{left.format(percentage(spare))} (the number is {verdict.value}): tighten it to notice changes",
            path=verdict.path,
        )

    def moved(self, entry: Entry) -> Notice | None:
        """The notice on a check whose definition is not the one that the baseline was made of."""
        accepted = self._accepted(entry)
        if accepted is None or not isinstance(entry, Check) or accepted.fingerprint == entry.source.fingerprint:
            return None
        growth = next((limit for limit in entry.limits if limit.operator.key == "growth"), None)
        if growth is None:
            return None
        message = f"{entry.name}: spec or input is not the one that the baseline was made of: growth compares the two"
        return Notice(message=message, path=growth.path)

    def _accepted(self, entry: Entry) -> Baseline | None:
        return self.lock.baselines.get(entry.name) if self.lock and isinstance(entry, Check) else None

    # Claims

    def _claim(self, claim: Claim) -> Iterator[Verdict]:
        if not claim.is_compared_only:
            yield from self._stated(claim)
            return
        try:
            networks = self._claims.sides(claim)
        except ConvcalcError as error:
            yield from _all_unknown(claim, error, "left")
            return
        yield from (self._limit(claim, limit, networks, None) for limit in claim.limits)

    def _stated(self, claim: Claim) -> Iterator[Verdict]:
        """The verdict on a whole claim: it is right, or whatever else its author expects."""
        try:
            judged = self._claims.judge(claim)
        except ConfigurationError as error:
            yield unknown(claim.name, "claim", "expected", error, path=claim.path)
            return
        if claim.expected or judged.verdict not in ("outside", "unstated"):
            yield _of_claim(claim, judged)

    # Checks

    def _limit(self, entry: Entry, limit: Limit, networks: list[Network], accepted: Baseline | None) -> Verdict:
        baseline = accepted.values.get(limit.metric.name) if accepted else None
        try:
            if limit.operator.key == "growth" and baseline is None:
                raise self._no_baseline(entry, limit)
            value, judgement = limit.judge(networks, baseline)
        except ConvcalcError as error:
            return unknown(entry.name, limit.written, limit.operator.key, error, path=limit.path, limit=limit.bound)
        broken = not judgement.ok
        return Verdict(
            name=entry.name,
            metric=limit.written,
            operator=limit.operator.key,
            status=(WARNED if limit.operator.is_soft else FAILED) if broken else PASSED,
            message=f"{limit.written} is {judgement.words}",
            remedy=limit.operator.remedy if broken else "",
            value=value,
            limit=limit.bound,
            excess=judgement.excess,
            relative=judgement.relative,
            baseline=baseline,
            layers=layer_changes(limit.metric, networks[0], accepted) if broken and len(networks) == 1 else (),
            path=limit.path,
        )

    def _no_baseline(self, entry: Entry, limit: Limit) -> NoNumberError:
        place = f" in {self.lock.file}" if self.lock else ""
        return NoNumberError(
            f"there is no baseline of {limit.written}{place}",
            hint=f"convcalc check --update --only {entry.name!r} accepts today's numbers; commit the lock",
        )

    def _unchanged(self, check: Check) -> Iterator[Verdict]:
        """Under --locked: one verdict for each number that is not the baseline's, or one that none differs."""
        path = (*check.path, "spec")
        accepted = self._accepted(check)
        if accepted is None:
            place = f" in {self.lock.file}" if self.lock else ": there is no lock"
            missing = NoNumberError(f"there is no baseline of it{place}", hint=UPDATE)
            yield unknown(check.name, "lock", "locked", missing, path=path)
            return
        now = self.baseline(check)
        differing = _differing(accepted, now)
        for name in differing:
            old, new = accepted.values.get(name), now.values.get(name)
            yield Verdict(
                name=check.name,
                metric=name,
                operator="locked",
                status=FAILED,
                message=f"{name} is {_or_none(new)}, locked at {_or_none(old)}{_difference(old, new)}",
                remedy=UPDATE,
                value=new,
                baseline=old,
                layers=layer_changes(METRICS[name], self.network(check.source), accepted) if name in METRICS else (),
                path=path,
            )
        if not differing:
            same = accepted.fingerprint == now.fingerprint and _same_layers(accepted, now)
            yield Verdict(
                name=check.name,
                metric="lock",
                operator="locked",
                status=PASSED if same else FAILED,
                message="nothing differs from the lock" if same else "the definition or a layer is not as locked",
                remedy="" if same else UPDATE,
                path=path,
            )


def layer_changes(metric: Metric, network: Network, accepted: Baseline | None) -> tuple[LayerChange, ...]:
    """The layers that changed most against the baseline; the most costly ones where there is none.

    A metric that does not add up over layers has none.
    """
    name = metric.name
    now = {layer: costs[name] for layer, costs in layer_costs(network).items() if name in costs}
    if accepted is None or not accepted.layers:
        largest = sorted(now.items(), key=lambda item: -item[1])[:SHOWN_LAYERS]
        return tuple(LayerChange(name=layer, cost=name, before=None, now=cost) for layer, cost in largest)
    before = {layer: costs[name] for layer, costs in accepted.layers.items() if name in costs}
    changes = [
        LayerChange(name=layer, cost=name, before=before.get(layer, 0), now=now.get(layer, 0))
        for layer in {**before, **now}
    ]
    changes.sort(key=lambda change: (-abs(change.change), change.name))
    return tuple(change for change in changes[:SHOWN_LAYERS] if change.change)


def stale(lock: Lock, entries: tuple[Entry, ...]) -> Iterator[Verdict]:
    """Under --locked: the baselines of checks that were removed."""
    known = {entry.name for entry in entries}
    for name in lock.baselines:
        if name not in known:
            message = f"{lock.file} keeps numbers of it, and no check is called so"
            yield Verdict(name=name, metric="lock", operator="locked", status=FAILED, message=message, remedy=UPDATE)


def _of_claim(claim: Claim, judged: Judged) -> Verdict:
    expected = claim.expected or "right"
    holds = judged.verdict == expected
    surprise = "" if holds else f", not {expected}"
    return Verdict(
        name=claim.name,
        metric="claim",
        operator="expected",
        status=UNKNOWN if judged.is_open else PASSED if holds else FAILED,
        message=": ".join(filter(None, (f"it is {judged.verdict}{surprise}", judged.explanation))),
        remedy="" if holds else "correct the claim, or the networks",
        path=claim.path,
    )


def _all_unknown(entry: Entry, error: ConvcalcError, key: str) -> Iterator[Verdict]:
    """The verdicts on an entry whose networks cannot be built."""
    path = (*entry.path, key)
    for limit in entry.limits:
        yield unknown(entry.name, limit.written, limit.operator.key, error, path=path, limit=limit.bound)


def _differing(accepted: Baseline, now: Baseline) -> list[str]:
    """The metrics whose numbers are not the baseline's. What it does not know is new in convcalc, but for layers."""
    names = {*accepted.values, *(name for name in now.values if name.startswith(LAYERS))}
    return [name for name in sorted(names) if accepted.values.get(name) != now.values.get(name)]


def _same_layers(accepted: Baseline, now: Baseline) -> bool:
    """Whether every layer costs what it did, by the metrics that the baseline knows."""
    return _known_costs(accepted, accepted) == _known_costs(now, accepted)


def _known_costs(baseline: Baseline, by: Baseline) -> dict[str, dict[str, int]]:
    known = {
        layer: {name: cost for name, cost in costs.items() if name in by.values}
        for layer, costs in baseline.layers.items()
    }
    return {layer: costs for layer, costs in known.items() if costs}


def _or_none(value: Value | None) -> str:
    return str(value) if value else "not known"


def _difference(old: Value | None, new: Value | None) -> str:
    """How far a number has moved; nothing for sizes, which speak for themselves."""
    if old is None or new is None or len(old.numbers) != 1 or len(new.numbers) != 1:
        return ""
    change = new.numbers[0] - old.numbers[0]
    share = f" ({percentage(Fraction(change) / old.numbers[0], sign=True)})" if old.numbers[0] else ""
    return f": {'+' if change > 0 else ''}{grouped(change)}{share}"
