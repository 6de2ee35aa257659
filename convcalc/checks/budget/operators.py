"""The operators of a budget: what stands between a metric and its limit. They are keys, never expressions.

Each is one class: how its bound is written, when it holds, by how much it is missed, and whether an
edited bound is looser. Those of `CHECK` judge one network, those of `CLAIM` compare two.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from convcalc.analysis.metrics import RATIO, SHAPE, SHARE, SIZE, NoNumberError
from convcalc.checks.budget.metrics import COUNT, Value
from convcalc.core.errors import SpecError
from convcalc.core.quantity import Exact, Quantity, QuantityError, decimal, grouped, percentage, quantity
from convcalc.language.parse import input_shape


class Bound(NamedTuple):
    """A limit: as written, and as a quantity or as sizes (neither is `equal = true`)."""

    text: str
    quantity: Quantity | None = None
    sizes: tuple[int, ...] = ()

    @property
    def number(self) -> Exact:
        """The quantity's value. Only for operators whose bounds are quantities."""
        if self.quantity is None:
            raise TypeError(f"{self.text} is no quantity")
        return self.quantity.value

    @property
    def plain(self) -> int | str | list[int] | bool:
        """The limit for a document: an integer or sizes where it is that, as written otherwise."""
        if self.sizes:
            return [int(size) for size in self.sizes]
        if self.quantity is None:
            return True
        is_integer = self.quantity.value.denominator == 1 and not self.text.endswith("%")
        return int(self.quantity.value) if is_integer else self.text


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
        given = quantity(written)
        if given.percent and not self.takes_percent:
            if kind != SHARE:
                raise QuantityError(f"{given} is a share: {self.key} takes a number", hint="leave out the % sign")
            given = given.as_share()
        if given.value < 0:
            raise QuantityError(f"{given} is negative", hint="limits are at least 0")
        if kind not in (SHARE, RATIO) and not given.percent and given.value.denominator != 1 and self.wants_integers:
            raise QuantityError(f"{given} is no whole number: {grouped(given.value)}", hint="counts are integers")
        return Bound(given.text, given)

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

    def is_looser(self, old: Bound, new: Bound) -> bool:
        return new.number < old.number


class Equal(Operator):
    key = "equal"
    summary = 'exactly this; sizes as "64x28x28" or [64, 28, 28]; a share that rounds to this at the digits given'
    remedy = "restore it, or state the new number if the change is wanted"
    kinds = (COUNT, SIZE, SHARE, RATIO, SHAPE)
    takes_sizes = True

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
            raise QuantityError(f"{written!r} is no list of sizes", hint='for example "64x28x28" or [64, 28, 28]')
        return Bound("x".join(map(str, sizes)), None, sizes)

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        if bound.quantity is None:
            ok = value.numbers == bound.sizes
            return Judgement(ok, f"{value}, {'as stated' if ok else f'not {bound.text}'}")
        off = max((number - bound.number for number in value.numbers), key=_distance)
        if bound.quantity.rounds_to(value.numbers[0]) if value.kind in (SHARE, RATIO) else not off:
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
        if bound.quantity is not None and _is_percent(bound):
            return bound.quantity.rounds_to(difference)
        return difference == bound.number


class More(Fewer):
    key = "more"
    summary = "left has this much more than right: a share that rounds to this at the digits given, or a number"
    word, sign = "more", -1


class AtLeastFewer(Fewer):
    key = "at-least-fewer"
    summary = "left has at least this much less than right: a share, or a number"

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
    wants_integers = False

    def judge(self, value: Value, bound: Bound, reference: Value | None) -> Judgement:
        scale = 100 if _is_percent(bound) else 1
        ratios = [_percent_of(left, right) * scale / 100 for left, right in _pairs(value, reference)]
        off = max((ratio - bound.number for ratio in ratios), key=_distance)
        ok = bound.quantity is not None and all(map(bound.quantity.rounds_to, ratios))
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
        return Bound("true")

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
