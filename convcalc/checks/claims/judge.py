"""The verdict on a claim, from what is computed and from nothing else.

    outside    the claim says why nothing of it can be computed
    unstated   it states no figure and no relation: its figures are the answer
    wrong      a stated figure or relation does not come out in the article's own set-up
    imprecise  it does there, but not everywhere it is said of: a counter-example is computed
    right      everything comes out

Where an experiment was not run, or its spread allows no answer, the verdict says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from convcalc.checks.claims import expression
from convcalc.checks.claims.claims import Claim, General, fill, placed
from convcalc.checks.claims.expression import Expression, spell
from convcalc.checks.claims.quantities import (
    EXPERIMENTS,
    WORDS,
    Candidate,
    Laboratory,
    NotJudgedError,
    arithmetic,
)
from convcalc.core.errors import ConfirmError, ConvcalcError, LimitError, SpecError
from convcalc.language.source import Source

NOT_RUN = "not run"

MAX_CHAIN = 50
"""So many figures may be made of each other in a row."""


class Step(NamedTuple):
    """One quantity that was computed: its text, the arithmetic behind it, its value."""

    text: str
    arithmetic: str
    value: Any


class Judged(NamedTuple):
    """A claim and what became of it. `reasons` are computed; `why` is the file's own word, empty without a verdict."""

    claim: Claim
    verdict: str
    figures: dict[str, Any]
    reasons: tuple[str, ...]
    why: str
    steps: tuple[Step, ...]

    @property
    def is_open(self) -> bool:
        """Whether there is no verdict."""
        return self.verdict in (NOT_RUN, "undecided")

    @property
    def is_expected(self) -> bool:
        """Whether nothing speaks against the verdict that the file expects."""
        return self.is_open or self.claim.expected in ("", self.verdict)

    @property
    def explanation(self) -> str:
        """Reasons and the file's own word in one line."""
        return "; ".join([*self.reasons, *([self.why] if self.why else [])])


class Judge:
    """Judges claims; networks are built once.

    `open_laboratory` is called for the first claim that needs an experiment; it raises ConfirmError where
    there is none, and the claim is left without a verdict.
    """

    def __init__(self, open_laboratory: Callable[[], Laboratory]) -> None:
        self.laboratory = cache(open_laboratory)
        self._networks: dict[Source, Candidate] = {}

    def judge(self, claim: Claim) -> Judged:
        """Compute a claim. Raises ConvcalcError, with the claim's place, where it cannot be computed."""
        try:
            return self._judge(claim)
        except ConvcalcError as error:
            raise placed(error, claim.place) from None

    def candidate(self, source: Source) -> Candidate:
        """The network of a filled template, the same object for the same source."""
        return self._networks.setdefault(source, Candidate(source))

    def _judge(self, claim: Claim) -> Judged:
        case = _Case(self, claim, claim.where)
        figures, missing = {}, []
        for name in claim.figures:
            try:
                figures[name] = case.figure(name)
            except NotJudgedError as error:
                figures[name] = None
                missing.append(_told(error))
        try:
            verdict, reasons = self._verdict(claim, case)
        except NotJudgedError as error:
            return Judged(claim, error.verdict, figures, (_told(error),), "", tuple(case.steps))
        told = tuple(dict.fromkeys([*reasons, *missing]))
        return Judged(claim, verdict, figures, told, fill(claim.why, figures), tuple(case.steps))

    def _verdict(self, claim: Claim, case: _Case) -> tuple[str, list[str]]:
        """The verdict and its reasons. Raises NotJudgedError where a measurement decides that is missing."""
        if claim.outside:
            return "outside", [claim.outside]
        if not (claim.stated or claim.holds or claim.generally):
            return "unstated", []
        wrong = [*_misstated(claim, case), *_broken(claim.holds, case)]
        if wrong:
            return "wrong", wrong
        case.complete()
        if not claim.generally:
            return "right", []
        counter = self._counter_example(claim, claim.generally)
        if not counter:
            return "right", [f"{_cases(claim.generally)} tried"]
        if not claim.only:
            return "imprecise", [f"counter-example: {counter}"]
        exception = self._counter_example(claim, claim.only)
        if exception:
            return "wrong", [f"counter-example: {counter}", f"nor does it hold where {claim.only.says}: {exception}"]
        return "imprecise", [f"counter-example: {counter}", f"holds where {claim.only.says} ({_cases(claim.only)})"]

    def _counter_example(self, claim: Claim, general: General) -> str:
        """The first case in which a general statement fails, with the numbers; empty if there is none."""
        for values in combinations(general.cases):
            case = _Case(self, claim, {**claim.where, **values})
            for failure in _broken(general.holds, case):
                at = ", ".join(f"{name} = {spell(value)}" for name, value in values.items())
                return f"at {at}: {failure}" if at else failure
            case.complete()
        return ""


class _Case:
    """A claim at some values: what its expressions' names and functions mean."""

    def __init__(self, judge: Judge, claim: Claim, values: Mapping[str, Any]) -> None:
        self.judge = judge
        self.claim = claim
        self.values = values
        self.steps: list[Step] = []
        self.misfits: list[str] = []
        self.passed_over: NotJudgedError | None = None
        self._figures: dict[str, Any] = {}
        self._pending: list[str] = []

    def figure(self, name: str) -> Any:
        """A figure's value. Raises NotJudgedError where it was not measured."""
        try:
            return self.name(name)
        except SpecError as error:
            raise placed(error, f"figures.{name}") from None

    def complete(self) -> None:
        """Raise NotJudgedError if something was passed over that was not measured."""
        if self.passed_over:
            raise self.passed_over

    def name(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        if name in self._figures:
            return self._figures[name]
        if name in self.claim.figures:
            self._figures[name] = value = self._compute(name)
            return value
        return self.judge.candidate(self.claim.specs[name].filled(self.values))

    def _compute(self, name: str) -> Any:
        if name in self._pending:
            text = self.claim.figures[name].text
            raise SpecError(f"figure {name} is made of itself", text, 0, hint="name specs or other figures in it")
        if len(self._pending) > MAX_CHAIN:
            raise LimitError(f"figure {name} ends a chain of more than {MAX_CHAIN} figures", hint="name specs in it")
        self._pending.append(name)
        try:
            return expression.evaluate(self.claim.figures[name], self)
        finally:
            self._pending.pop()

    def call(self, function: str, arguments: list[Any], text: str) -> Any:
        value = self._run(function, arguments, text) if function in EXPERIMENTS else _apply(function, arguments)
        network = arguments[0] if arguments and isinstance(arguments[0], Candidate) else None
        if network:
            self.steps.append(Step(text, network.misfit or arithmetic(function, network), value))
            if function == "fits" and not value:
                self.misfits.append(network.misfit)
        return value

    def _run(self, function: str, arguments: list[Any], text: str) -> Any:
        EXPERIMENTS[function].check(arguments)
        try:
            return EXPERIMENTS[function].compute(self.judge.laboratory(), *arguments)
        except ConfirmError as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise NotJudgedError(NOT_RUN, f"{text}: {error.message}{hint}") from None


def _apply(function: str, arguments: list[Any]) -> Any:
    WORDS[function].check(arguments)
    return WORDS[function].compute(*arguments)


def combinations(cases: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of the values, the last name running fastest."""
    for values in itertools.product(*cases.values()):
        yield dict(zip(cases, values, strict=True))


def plain(value: Any) -> Any:
    """A figure for JSON: integers exact, fractions as decimal numbers."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, Fraction) else value


def _misstated(claim: Claim, case: _Case) -> Iterator[str]:
    """What is said of the figures that differ from those stated."""
    for name, stated in claim.stated.items():
        try:
            computed = case.figure(name)
        except NotJudgedError as error:
            case.passed_over = error
            continue
        if not stated.matches(computed):
            yield f"{name} is {spell(computed)}, not {stated}"


def _broken(statements: Iterable[Expression], case: _Case) -> Iterator[str]:
    """What is said of the statements that do not hold, with the numbers."""
    for statement in statements:
        case.misfits.clear()
        try:
            outcome = expression.decide(statement, case)
        except NotJudgedError as error:
            case.passed_over = error
            continue
        if not outcome.holds:
            shown = "; ".join([outcome.witness, *case.misfits])
            yield f"not so: {statement.text} ({shown})"


def _told(error: NotJudgedError) -> str:
    return f"{error.verdict}: {error.reason}"


def _cases(general: General) -> str:
    count = len(list(combinations(general.cases)))
    return f"{count:,} cases" if count != 1 else "1 case"
