"""The verdict on a claim, from what is computed and from nothing else.

    outside    the claim says why nothing of it can be computed
    unstated   it states no limit, figure or relation: its figures are the answer
    wrong      a limit, a stated figure or a relation does not come out in the article's own set-up
    imprecise  it does there, but not everywhere it is said of: a counter-example is computed
    right      everything comes out

Where an experiment was not run, or its spread allows no answer, the verdict says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from convcalc.analysis.load import load_text
from convcalc.analysis.network import Network
from convcalc.checks.claims import expression
from convcalc.checks.claims.claims import SIDES, Claim, General, agrees, fill, spell_stated
from convcalc.checks.claims.expression import Expression, spell
from convcalc.checks.claims.words import (
    EXPERIMENTS,
    Candidate,
    Laboratory,
    NotJudgedError,
    arithmetic,
    word_called,
)
from convcalc.core.errors import ConfirmError, ConvcalcError, LimitError, SpecError, UsageError
from convcalc.core.operator import spell as spell_shape
from convcalc.core.quantity import Quantity
from convcalc.language.source import Source

NOT_RUN = "not run"
OPEN = (NOT_RUN, "undecided")
"""What stands in a verdict's place where there is none."""

MAX_CHAIN = 50
"""The longest chain of figures that are made of each other."""


class Step(NamedTuple):
    """One quantity that was computed: its text, the arithmetic behind it, its value."""

    text: str
    arithmetic: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class Judged:
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
        return self.verdict in OPEN

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

    def __init__(
        self, open_laboratory: Callable[[], Laboratory], load: Callable[[Source], Network] = load_text
    ) -> None:
        self.laboratory = cache(open_laboratory)
        self.load = load
        self._networks: dict[Source, Candidate] = {}

    def judge(self, claim: Claim) -> Judged:
        """Compute a claim. Raises ConfigurationError, with the claim's place, where it cannot be computed."""
        try:
            return self._judge(claim)
        except ConvcalcError as error:
            raise claim.placed(error) from None

    def candidate(self, source: Source) -> Candidate:
        """The network of a filled template, the same object for the same source."""
        return self._networks.setdefault(source, Candidate(source, self.load))

    def _judge(self, claim: Claim) -> Judged:
        case = _Case(self, claim, claim.where)
        figures, missing = {}, []
        for name in claim.figures:
            try:
                figures[name] = case.figure(name)
            except NotJudgedError as error:
                figures[name] = None
                missing.append(_reason(error))
        try:
            verdict, reasons = self._verdict(claim, case)
        except NotJudgedError as error:
            verdict, reasons = error.verdict, []
            missing = [_reason(error)]
        is_open = verdict in OPEN
        return Judged(
            claim=claim,
            verdict=verdict,
            figures=figures,
            reasons=tuple(dict.fromkeys([*reasons, *self._inputs(claim), *missing])),
            why="" if is_open else fill(claim.why, figures),
            steps=tuple(case.steps),
        )

    def _verdict(self, claim: Claim, case: _Case) -> tuple[str, list[str]]:
        """The verdict and its reasons. Raises NotJudgedError where a measurement decides that is missing."""
        if claim.outside:
            return "outside", [claim.outside]
        if not (claim.limits or claim.stated or claim.holds or claim.generally):
            return "unstated", []
        wrong = [*self._over_limits(claim, case), *_misstated(claim, case), *_broken(claim.holds, case)]
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

    def sides(self, claim: Claim) -> list[Network]:
        """The two networks of a claim's limits. Raises ConvcalcError, UsageError where they have different inputs."""
        networks = [self.candidate(claim.specs[side].filled(claim.where)).network for side in SIDES]
        left, right = (", ".join(map(spell_shape, network.graph.input_shapes)) for network in networks)
        if left != right:
            message = f"left is over {left}, right over {right}: that compares two inputs"
            raise UsageError(message, hint=f'name one for both, for example input = "{right}"')
        return networks

    def _inputs(self, claim: Claim) -> Iterator[str]:
        """A remark on a claim whose networks were compared over default inputs that differ."""
        shapes = {
            name: ", ".join(map(spell_shape, candidate.graph.input_shapes))
            for name, template in claim.specs.items()
            if not (template.inputs or template.holes)
            for candidate in [self.candidate(template.filled(claim.where))]
            if candidate.is_built
        }
        if len(set(shapes.values())) > 1:
            yield f"over their own inputs: {', '.join(f'{name} {shape}' for name, shape in shapes.items())}"

    def _over_limits(self, claim: Claim, case: _Case) -> Iterator[str]:
        """What is said of the limits between left and right that do not hold."""
        for limit in claim.limits:
            _, judgement = limit.judge(self.sides(claim), None)
            step = f"{limit.written} {limit.operator.key} {limit.bound}"
            case.steps.append(Step(text=step, arithmetic=judgement.words, value=judgement.ok))
            if not judgement.ok:
                yield f"{limit.written} is {judgement.words}"

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
            error.message = f"figures.{name}: {error.message}"
            raise

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
    word = word_called(function)
    word.check(arguments)
    return word.compute(*arguments)


def combinations(cases: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of the values, the last name running fastest."""
    for values in itertools.product(*cases.values()):
        yield dict(zip(cases, values, strict=True))


def plain(value: Any) -> Any:
    """A figure for JSON, computed or stated: integers exact, fractions as decimal numbers."""
    if isinstance(value, Quantity):
        return plain(value.as_share().value)
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
        if not agrees(stated, computed):
            yield f"{name} is {spell(computed)}, not {spell_stated(stated)}"


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


def _reason(error: NotJudgedError) -> str:
    return f"{error.verdict}: {error.reason}"


def _cases(general: General) -> str:
    count = len(list(combinations(general.cases)))
    return f"{count:,} cases" if count != 1 else "1 case"
