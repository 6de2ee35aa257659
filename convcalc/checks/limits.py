"""Limits: measured values, bounds, and the operators between them. Operators are keys, never expressions.

Each operator is one class: how its bound is written, when it holds, by how much it is missed, and whether an
edited bound is looser. Those of `CHECK` judge one network, those of `CLAIM` compare two. What may be limited
are the metrics: `limits_of` reads them from a table, with one key for each part of a dotted name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from convcalc.analysis import metrics
from convcalc.analysis.metrics import LAYERS, RATIO, SHAPE, SHARE, SIZE, Metric, NoNumberError
from convcalc.analysis.network import Network
from convcalc.checks.toml import KeyPath, Table, is_table, nearest, shown
from convcalc.core.errors import ConvcalcError, SpecError, UsageError
from convcalc.core.quantity import Exact, Quantity, QuantityError, decimal, grouped, percentage, quantity
from convcalc.language.parse import input_shape

READING = ("input", "norm", "bias", "any-input")
"""The keys that say how a network's text is read."""

COUNT = "count"
"""The kind of value of every metric whose unit is that of a count."""

SIZES = (SIZE, SHAPE)
"""The kinds of values of one number for each axis."""


# ------------------------------------------------------------------ measured values


class Value(NamedTuple):
    """A measured value: `numbers` has one member, or one for each axis."""

    kind: str
    numbers: tuple[Exact, ...]

    def __str__(self) -> str:
        if self.kind in SIZES:
            return "x".join(map(str, self.numbers))
        return decimal(self.numbers[0]) if self.kind in (SHARE, RATIO) else grouped(self.numbers[0])

    @property
    def plain(self) -> int | str | list[int | str]:
        """The value for a document: an integer, a list of sizes, or an exact fraction as text."""
        if self.kind in SIZES:
            return [number if isinstance(number, int) else str(number) for number in self.numbers]
        return str(self.numbers[0]) if self.kind in (SHARE, RATIO) else int(self.numbers[0])


def kind_of(metric: Metric) -> str:
    """What kind of value a metric has: "count", or its unit."""
    return COUNT if metric.is_count else metric.unit


def measured(network: Network, metric: Metric) -> Value:
    """One metric of a network. Raises NoNumberError."""
    try:
        number = metric.value(network)
        numbers = number if isinstance(number, tuple | list) else (number,)
        exact = tuple(_exact(number) for number in numbers)
    except Exception as error:  # a metric of the user's own can fail in any way
        if isinstance(error, ConvcalcError) or metric.read.__module__.startswith("convcalc."):
            raise
        raise NoNumberError(f"{metric.name} cannot be computed: {type(error).__name__}: {error}") from error
    return Value(kind_of(metric), exact)


def all_measured(network: Network) -> dict[str, Value]:
    """Every number that a network has, by metric; layers by kind included."""
    known = {}
    for name in [*metrics.METRICS, *(LAYERS + kind for kind in network.kinds)]:
        try:
            known[name] = measured(network, metrics.find_metric(name))
        except NoNumberError:
            continue
    return known


def _exact(number: Any) -> Exact:
    fraction = Fraction(str(number)) if isinstance(number, float) else Fraction(number)
    return int(fraction) if fraction.denominator == 1 else fraction


# ------------------------------------------------------------------ operators


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A limit: as written, and as a quantity or as sizes (neither is `equal = true`)."""

    text: str
    quantity: Quantity | None = None
    sizes: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def number(self) -> Exact:
        """The quantity's value. Only for operators whose bounds are quantities."""
        if self.quantity is None:
            raise TypeError(f"{self.text} is not a quantity")
        return self.quantity.value

    @property
    def plain(self) -> int | str | list[int] | bool:
        """The limit for a document: an integer or sizes where it is that, as written otherwise."""
        if self.quantity is None:
            return list(self.sizes) or True
        is_integer = self.quantity.value.denominator == 1 and not self.text.endswith("%")
        return int(self.quantity.value) if is_integer and not self.quantity.about else self.text


class Judgement(NamedTuple):
    """Whether a limit holds, and in words: "26,123,456, over max 26M by 123,456 (0.47 %)".

    `excess` is by how much it is missed (negative: how much is left) in the worst axis, `relative`
    that as a share of the limit; None where there is no such number.
    """

    ok: bool
    words: str
    excess: Exact | None = None
    relative: Fraction | None = None


class Operator:
    """One key of a budget. A subclass says how a bound is read and when it holds."""

    key = ""
    summary = ""
    remedy = ""
    """What to do where it does not hold."""
    kinds: tuple[str, ...] = (COUNT, SIZE, SHARE, RATIO)
    """The kinds of values that it judges."""
    takes_percent = False
    """Whether its bound may be relative to another number."""
    takes_sizes = False
    """Whether its bound may be one size for each axis."""
    is_soft = False
    """Whether it warns only."""

    def read(self, written: Any, kind: str) -> Bound:
        """The bound that `written` means for a value of this kind. Raises QuantityError."""
        number = quantity(written)
        if number.percent and not self.takes_percent:
            if kind != SHARE:
                raise QuantityError(f"{number} is a share: {self.key} takes a number", hint="leave out the % sign")
            number = number.as_share()
        if number.value < 0:
            raise QuantityError(f"{number} is negative", hint="limits are at least 0")
        if number.about and not self.rounds:
            raise QuantityError(f"{self.key} does not round: {number}", hint="leave out the word about")
        if number.multiple and (kind == SHARE or self.key == "ratio"):
            raise QuantityError(f"{number} is not a share or a ratio", hint="k, M and G are for counts")
        if kind not in (SHARE, RATIO) and not number.percent and number.value.denominator != 1 and self.wants_integers:
            raise QuantityError(f"{number} is not a whole number: {grouped(number.value)}", hint="counts are integers")
        if self.never_fails(number.value, kind):
            raise QuantityError(f"{self.key} {number} can never fail", hint="state a limit that something can break")
        return Bound(text=number.text, quantity=number)

    rounds = False
    """Whether its bound may be what the number rounds to."""

    def never_fails(self, number: Exact, kind: str) -> bool:
        """Whether every value keeps this bound."""
        return False

    wants_integers = True
    """Whether a bound on a count is an integer."""

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        """Whether `value` keeps the bound; `reference` is the baseline, or the right side of a claim.

        Raises NoNumberError where the two cannot be compared.
        """
        raise NotImplementedError

    def is_looser(self, old: Bound, new: Bound) -> bool:
        """Whether an edit of the bound lets through what the old one stopped."""
        return (old.quantity, old.sizes) != (new.quantity, new.sizes)


class Max(Operator):
    key = "max"
    summary = "at most this"
    remedy = "make it smaller, or raise the limit if the growth is wanted"

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        excess = max(value.numbers) - bound.number
        return _judged(value, f"max {bound.text}", "over", excess, bound.number)

    def never_fails(self, number: Exact, kind: str) -> bool:
        return kind == SHARE and number >= 1

    def is_looser(self, old: Bound, new: Bound) -> bool:
        return new.number > old.number


class Warn(Max):
    key = "warn"
    summary = "a warning above this (a failure with --strict)"
    is_soft = True


class Min(Operator):
    key = "min"
    summary = "at least this"
    remedy = "make it larger, or lower the limit if the loss is wanted"

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        missing = bound.number - min(value.numbers)
        return _judged(value, f"min {bound.text}", "under", missing, bound.number)

    def never_fails(self, number: Exact, kind: str) -> bool:
        return number == 0

    def is_looser(self, old: Bound, new: Bound) -> bool:
        return new.number < old.number


class Equal(Operator):
    key = "equal"
    summary = 'exactly this; sizes as "64x28x28" or [64, 28, 28]; a share that rounds to this at the digits given'
    remedy = "restore it, or state the new number if the change is wanted"
    kinds = (COUNT, SIZE, SHARE, RATIO, SHAPE)
    takes_sizes = True
    rounds = True

    def read(self, written: Any, kind: str) -> Bound:
        is_number = isinstance(written, int) or (isinstance(written, str) and written.isdecimal())
        if kind in (COUNT, SHARE, RATIO) or (kind == SIZE and is_number):
            return super().read(written, kind)
        text = "x".join(map(str, written)) if isinstance(written, list) else written
        try:
            sizes = input_shape(text) if isinstance(text, str) else ()
        except SpecError:
            sizes = ()
        if not sizes:
            raise QuantityError(f"{shown(written)} is not sizes", hint='for example "64x28x28" or [64, 28, 28]')
        return Bound(text="x".join(map(str, sizes)), sizes=sizes)

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        if bound.quantity is None:
            ok = value.numbers == bound.sizes
            return Judgement(ok, f"{value}, {'as stated' if ok else f'not {bound.text}'}")
        off = max((number - bound.number for number in value.numbers), key=_distance)
        if _agrees(bound, bound.number + off, rounds=value.kind in (SHARE, RATIO)):
            return Judgement(True, f"{value}, as stated", off, _share(off, bound.number))
        words = f"{value}, not {bound.text}: off by {_apart(off, bound.number, sign=True)}"
        return Judgement(False, words, off, _share(off, bound.number))


class Growth(Operator):
    key = "growth"
    summary = "at most this much more than the baseline: a share with %, or a number"
    remedy = "make it smaller, or accept the growth with convcalc check --update"
    takes_percent = True

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        pairs = _pairs(value, reference)
        limits = [
            old * (1 + Fraction(bound.number) / 100) if _is_percent(bound) else old + bound.number for _, old in pairs
        ]
        excess, limit = max((new - limit, limit) for (new, _), limit in zip(pairs, limits, strict=True))
        return _judged(value, f"growth {bound.text} on the baseline {reference}", "over", excess, limit)

    def is_looser(self, old: Bound, new: Bound) -> bool:
        return _is_percent(old) != _is_percent(new) or new.number > old.number


class Fewer(Operator):
    key = "fewer"
    summary = "left has this much less than right: a share that rounds to this at the digits given, or a number"
    remedy = "correct the claim, or the blocks"
    takes_percent = True
    rounds = True
    word, sign = "fewer", 1

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        differences = [
            self.sign * (_percent_of(right - left, right) if _is_percent(bound) else right - left)
            for left, right in _pairs(value, reference)
        ]
        off = max((difference - bound.number for difference in differences), key=_distance)
        actual = percentage(Fraction(differences[0]) / 100) if _is_percent(bound) else grouped(differences[0])
        ok = all(self.holds(difference, bound) for difference in differences)
        measured = f"{actual} {self.word} ({value} against {reference})"
        return Judgement(ok, f"{measured}, {'as stated' if ok else f'not {self.key} {bound.text}'}", off)

    def holds(self, difference: Exact, bound: Bound) -> bool:
        return _agrees(bound, difference, rounds=_is_percent(bound))


class More(Fewer):
    key = "more"
    summary = "left has this much more than right: a share that rounds to this at the digits given, or a number"
    word, sign = "more", -1


class AtLeastFewer(Fewer):
    key = "at-least-fewer"
    summary = "left has at least this much less than right: a share, or a number"
    rounds = False

    def holds(self, difference: Exact, bound: Bound) -> bool:
        return difference >= bound.number

    def is_looser(self, old: Bound, new: Bound) -> bool:
        return _is_percent(old) != _is_percent(new) or new.number < old.number


class AtLeastMore(AtLeastFewer):
    key = "at-least-more"
    summary = "left has at least this much more than right: a share, or a number"
    word, sign = "more", -1


class Ratio(Operator):
    key = "ratio"
    summary = "left / right rounds to this at the digits given"
    remedy = "correct the claim, or the blocks"
    takes_percent = True
    rounds = True
    wants_integers = False

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        scale = 100 if _is_percent(bound) else 1
        ratios = [_percent_of(left, right) * scale / 100 for left, right in _pairs(value, reference)]
        off = max((ratio - bound.number for ratio in ratios), key=_distance)
        ok = all(_agrees(bound, ratio, rounds=True) for ratio in ratios)
        shown = f"{decimal(ratios[0])}{'%' if scale == 100 else ''}"
        measured = f"{shown} times right ({value} against {reference})"
        return Judgement(ok, f"{measured}, {'as stated' if ok else f'not ratio {bound.text}'}", off)


class EqualSides(Operator):
    key = "equal"
    summary = "left and right have the same"
    remedy = "correct the claim, or the blocks"
    kinds = (COUNT, SIZE, SHARE, RATIO, SHAPE)

    def read(self, written: Any, kind: str) -> Bound:
        if written is not True:
            raise QuantityError("equal takes true, and nothing else", hint="state a difference with fewer or more")
        return Bound(text="true")

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        ok = reference is not None and value.numbers == reference.numbers
        return Judgement(ok, f"{value} against {reference}, {'equal' if ok else 'not equal'}")


def _table(*operators: Operator) -> Mapping[str, Operator]:
    return {operator.key: operator for operator in operators}


CHECK = _table(Max(), Min(), Equal(), Warn(), Growth())
"""What a check's metric may be limited by."""

CLAIM = _table(Fewer(), More(), Ratio(), EqualSides(), AtLeastFewer(), AtLeastMore())
"""What a claim may say of its left side against its right."""


def _judged(value: Value, limit: str, side: str, excess: Exact, bound: Exact) -> Judgement:
    """A value against a bound on one side."""
    ok = excess <= 0
    words = f"{value}, within {limit}" if ok else f"{value}, {side} {limit} by {_apart(excess, bound)}"
    return Judgement(ok, words, excess, _share(excess, bound))


def _apart(excess: Exact, limit: Exact, *, sign: bool = False) -> str:
    """A difference, exact and in percent of the limit."""
    plus = "+" if sign and excess > 0 else ""
    share = f" ({percentage(Fraction(excess) / limit, sign=sign)})" if limit else ""
    return f"{plus}{grouped(excess)}{share}"


def _agrees(bound: Bound, exact: Exact, *, rounds: bool) -> bool:
    """Whether a number is the stated one. What is counted is exact, and rounds only where "about" is stated."""
    stated = bound.quantity
    if stated is None:
        return False
    return stated.agrees(exact) if rounds or stated.about else exact == stated.value


def _is_percent(bound: Bound) -> bool:
    return bound.quantity is not None and bound.quantity.percent


def _distance(number: Exact) -> Fraction:
    return abs(Fraction(number))


def _share(excess: Exact, limit: Exact) -> Fraction | None:
    return Fraction(excess) / limit if limit else None


def _pairs(value: Value, reference: Value | None) -> list[tuple[Exact, Exact]]:
    """Both values axis by axis."""
    if reference is None or len(reference.numbers) != len(value.numbers):
        raise NoNumberError(f"{value} cannot be compared with {reference}: they have different axes")
    return list(zip(value.numbers, reference.numbers, strict=True))


def _percent_of(part: Exact, whole: Exact) -> Fraction:
    if not whole:
        raise NoNumberError("the right side is 0: nothing is a share of it", hint="state the difference as a number")
    return Fraction(100 * part) / whole


# ------------------------------------------------------------------ reading them


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One operator of one metric, `rf = { min = 11 }`; `written` is the metric's key in the file."""

    metric: Metric
    written: str
    operator: Operator
    bound: Bound
    path: KeyPath

    @property
    def identity(self) -> tuple[str, str]:
        """What it limits, and how, by whatever name the file calls it."""
        return self.metric.name, self.operator.key

    def judge(self, networks: Iterable[Network], baseline: Value | None) -> tuple[Value, Judgement]:
        """The first network's number, and what becomes of the limit: against the second's, or the baseline.

        Raises ConvcalcError where there is no such number.
        """
        value, *others = [measured(network, self.metric) for network in networks]
        return value, self.operator.judge(value, self.bound, others[0] if others else baseline)


def metric_keys() -> list[str]:
    """The keys that a metric's name may begin with."""
    return list(dict.fromkeys(name.partition(".")[0] for name in metrics.metric_names()))


def limit_keys(table: Table) -> list[str]:
    """The keys of a table that limit a metric: `norm = { max = 64 }` does, `norm = "bn"` says how a text is read."""
    known = metric_keys()
    return [key for key, value in table.values.items() if key in known and (key not in READING or is_table(value))]


def read_limits(table: Table, operators: Mapping[str, Operator]) -> tuple[Limit, ...]:
    """Every limit of a check or a claim. Raises ConfigurationError."""
    limits = [limit for key in limit_keys(table) for limit in _limits(table, key, key, operators)]
    _refuse_twice(table, limits)
    _refuse_contradictions(table, limits)
    return tuple(limits)


def _limits(table: Table, key: str, name: str, operators: Mapping[str, Operator]) -> Iterator[Limit]:
    """The limits of the metric called `name`, which stands at `key`, and of those whose names go on from there."""
    metric = _metric(name)
    value = table.values[key]
    if not isinstance(value, dict):
        operator = next(iter(operators))
        number = f'"{value}"' if isinstance(value, str) else "..." if isinstance(value, list | bool) else shown(value)
        table.fail(f"{name} needs an operator", key, hint=f"for example {name} = {{ {operator} = {number} }}")
    inner = table.table(key)
    kind = kind_of(metric) if metric else ""
    allowed = [operator for operator, known in operators.items() if kind in known.kinds]
    further = {inner_key for inner_key in value if _goes_on(f"{name}.{inner_key}", value[inner_key])}
    if not value:
        known = allowed or [other for other in metrics.METRICS if other.startswith(f"{name}.")]
        what = "its operators are" if allowed else "for example"
        table.fail(f"{name} limits nothing", key, hint=f"{what} {', '.join(known)}")
    for operator_key in value:
        if operator_key in further:
            yield from _limits(inner, operator_key, f"{name}.{operator_key}", operators)
        elif metric is not None and operator_key in allowed:
            yield _limit(inner, operator_key, name, metric, operators[operator_key])
        else:
            _refuse(inner, operator_key, name, allowed, operators)


def _metric(name: str) -> Metric | None:
    try:
        return metrics.find_metric(name)
    except UsageError:
        return None


def _goes_on(name: str, value: Any) -> bool:
    """Whether a longer name is that of a metric, or the beginning of one."""
    if name.startswith(LAYERS):
        return isinstance(value, dict)
    return _metric(name) is not None or any(known.startswith(f"{name}.") for known in metrics.metric_names())


def _limit(table: Table, key: str, name: str, metric: Metric, operator: Operator) -> Limit:
    try:
        bound = operator.read(table.values[key], kind_of(metric))
    except QuantityError as error:
        table.fail(f"{name} {key}: {error.message}", key, hint=error.hint)
    return Limit(metric=metric, written=name, operator=operator, bound=bound, path=(*table.path, key))


def _refuse(table: Table, key: str, name: str, allowed: list[str], operators: Mapping[str, Operator]) -> None:
    if key in operators and allowed:
        table.fail(f"{name} has no {key}", key, hint=f"its operators are {', '.join(allowed)}")
    inner = [known.removeprefix(f"{name}.") for known in metrics.metric_names() if known.startswith(f"{name}.")]
    table.fail(f"unknown key {shown(key)} in {name}", key, hint=nearest(key, [*allowed, *inner]))


def _refuse_twice(table: Table, limits: list[Limit]) -> None:
    """One metric may go by two names, and still has one limit of a kind."""
    seen: dict[tuple[str, str], Limit] = {}
    for limit in limits:
        other = seen.setdefault(limit.identity, limit)
        if other is not limit:
            message = f"{limit.written} and {other.written} are the same metric, with {limit.operator.key} twice"
            table.document.fail(message, limit.path, "keep one of them")


def _refuse_contradictions(table: Table, limits: list[Limit]) -> None:
    """Refuse bounds of one metric of which nothing can keep both, or of which one never shows."""
    bounds = {limit.identity: limit for limit in limits}
    for high, low, problem in (("max", "min", "nothing can pass"), ("max", "warn", "it fails before it warns")):
        for limit in limits:
            other = bounds.get((limit.metric.name, low))
            if limit.operator.key == high and other and other.bound.number > limit.bound.number:
                message = f"{limit.written}: {low} {other.bound} is over {high} {limit.bound}: {problem}"
                table.document.fail(message, other.path, f"{low} must be at most {high}")
