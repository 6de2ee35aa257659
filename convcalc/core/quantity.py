"""Exact quantities as people write them: 26M, 4.2G, 28%, 1.4, about 8. Nothing here is ever a float.

One rule says what agrees with what is written: a plain whole number is exact; a number with decimals, with a
multiple (k, M, G), with % or with "about" before it agrees with what rounds to it at its last digit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any

from convcalc.core.errors import ConvcalcError

Exact = int | Fraction
"""A number without error. Two of them are never divided as they are: that could make a float."""

SUFFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
"""Decimal multiples, as papers use them."""

MAX_DIGITS = 40
"""The longest number that is read."""

_NUMBER = r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?"
COUNT_PATTERN = rf"^\s*(about\s+)?{_NUMBER}\s*[kMG]?\s*$"
SHARE_PATTERN = rf"^\s*(about\s+)?{_NUMBER}\s*[kMG%]?\s*$"
"""Quantities written as text, for the JSON Schema; the second may be a percentage."""

_QUANTITY = re.compile(
    r"(?P<about>about\s+)?(?P<number>[+-]?[0-9]+(?:_[0-9]+)*(?:\.(?P<decimals>[0-9]+))?)\s*(?P<unit>[^\W0-9_]*|%)"
)
_ROUNDING = Context(prec=3 * MAX_DIGITS, rounding=ROUND_HALF_UP)
_REMEDY = 'write an integer, or a text with k, M, G or %: 26_000_000, "26M", "28%"'
_MULTIPLES = {"K": "k", "m": "M", "g": "G", "kilo": "k", "mega": "M", "giga": "G"}
_BYTES = re.compile(r"(?P<multiple>[kKMGT]?)i?[bB](?:ytes?)?", re.IGNORECASE)


class QuantityError(ConvcalcError):
    """A text is not a quantity."""

    kind = "configuration"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number as it was written.

    Args:
        value: what it is in its unit (28 for "28%").
        step: what one unit of the last digit given is worth; 0 where the number is exact.
        percent: whether it was written with %.
        multiple: whether it was written with k, M or G.
        about: whether "about" stands before it.
        text: as written.
    """

    value: Exact
    step: Exact
    percent: bool = False
    multiple: bool = False
    about: bool = False
    text: str

    def agrees(self, exact: Exact) -> bool:
        """Whether `exact` is this number, or rounds to it at the digits given (a tie rounds either way).

        >>> quantity("28%").agrees(Fraction(700, 25)), quantity("28%").agrees(Fraction(286, 10))
        (True, False)
        >>> quantity(1).agrees(Fraction(5, 7)), quantity("about 1").agrees(Fraction(5, 7))
        (False, True)
        """
        return 2 * abs(Fraction(exact) - self.value) <= self.step

    def as_share(self) -> Quantity:
        """The same as a fraction of 1, where it was written in percent.

        >>> quantity("28%").as_share().value
        Fraction(7, 25)
        """
        if not self.percent:
            return self
        return replace(self, value=Fraction(self.value) / 100, step=Fraction(self.step) / 100, percent=False)

    def __str__(self) -> str:
        return self.text


def quantity(written: Any) -> Quantity:
    """What `written` (an int, a Decimal or a text) means. Raises QuantityError.

    >>> int(quantity("4.2G").value)
    4200000000
    """
    if isinstance(written, bool) or not isinstance(written, int | Decimal | str):
        raise QuantityError(f"{_shown(written)} is not a quantity", hint=_REMEDY)
    if not isinstance(written, str) and not is_bounded(written):
        raise QuantityError(f"the number is not finite, or has more than {MAX_DIGITS} digits", hint=_REMEDY)
    text = f"{written:f}" if isinstance(written, Decimal) else str(written).strip()
    match = _QUANTITY.fullmatch(text) if text.isascii() and len(text) <= MAX_DIGITS else None
    if not match:
        problem = f"has more than {MAX_DIGITS} digits" if len(text) > MAX_DIGITS else "is not a quantity"
        raise QuantityError(f"{_shown(text)} {problem}", hint=_REMEDY)
    unit, decimals, about = match["unit"], match["decimals"] or "", bool(match["about"])
    if unit not in SUFFIXES and unit != "%":
        raise QuantityError(f"{_shown(text)} has an unknown unit {unit!r}", hint=_remedy_for(match["number"], unit))
    digit = _plain(Fraction(SUFFIXES.get(unit, 1), 10 ** len(decimals)))
    return Quantity(
        value=_plain(Fraction(int(match["number"].replace(".", "")) * digit)),
        step=digit if decimals or unit or about else 0,
        percent=unit == "%",
        multiple=bool(unit) and unit != "%",
        about=about,
        text=text,
    )


def is_bounded(number: int | Decimal) -> bool:
    """Whether a number is finite and no longer than numbers are read; found without writing it out."""
    if isinstance(number, int):
        return number.bit_length() <= 4 * MAX_DIGITS and abs(number) < 10**MAX_DIGITS
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) + len(number.as_tuple().digits) <= MAX_DIGITS


def _plain(value: Fraction) -> Exact:
    return int(value) if value.denominator == 1 else value


def grouped(value: Exact) -> str:
    """A number with its thousands apart; rounded to six decimals where it is not an integer.

    >>> grouped(25557032)
    '25,557,032'
    """
    return f"{value.numerator:,}" if value.denominator == 1 else decimal(value)


def decimal(value: Exact) -> str:
    """A number rounded to six decimals, without trailing zeros.

    >>> decimal(Fraction(9, 25))
    '0.36'
    """
    return f"{rounded(value, 6):f}".rstrip("0").rstrip(".")


def percentage(value: Fraction, *, sign: bool = False) -> str:
    """A ratio in percent, rounded half up to two decimals; never "0.00 %" for what is not zero.

    >>> percentage(Fraction(7, 25)), percentage(Fraction(1, 10**7))
    ('28.00 %', '0.00001 %')
    """
    percent = 100 * value
    decimals = 2
    while percent and not rounded(percent, decimals) and decimals < MAX_DIGITS:
        decimals += 1
    return f"{rounded(percent, decimals):{'+' if sign else ''},f} %"


def rounded(value: Exact, decimals: int) -> Decimal:
    """`value` to `decimals` decimals, halves away from zero."""
    scaled = abs(value) * 10**decimals
    digits = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return _ROUNDING.scaleb(Decimal(digits if value >= 0 else -digits), -decimals)


def _remedy_for(number: str, unit: str) -> str:
    if unit in _MULTIPLES:
        return f'did you mean "{number}{_MULTIPLES[unit]}"? The units are k, M and G, decimal'
    if _BYTES.fullmatch(unit):
        return "memory is counted in elements, without bytes: k, M and G are the units"
    return "the units are k (10^3), M (10^6), G (10^9) and, where a share is meant, %"


def _shown(written: Any) -> str:
    text = repr(written)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"
