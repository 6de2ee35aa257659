"""The only module that tells an int, a NumPy array and a SymPy symbol apart.

The operators' formulas are plain arithmetic, so the same line answers one exact question (int), a
sweep over a million configurations (NumPy arrays) and a closed form (SymPy symbols). Only questions
with a yes or a no differ between the three; they are here. Neither library is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["alike", "at_least", "ceil_div", "divides", "gcd", "is_number", "prod", "same", "text", "total"]

prod: Callable[[Iterable[Any]], int] = math.prod
"""The product of sizes, 1 of nothing."""


def at_least(value: Any, bound: int) -> bool:
    """Whether `value >= bound`; of an array, everywhere; of a symbol, unless it is known to be less."""
    answer = value >= bound
    return answer if answer is True or answer is False else _holds(answer)


def divides(divisor: Any, value: Any) -> bool:
    """Whether `divisor` divides `value`; of arrays, everywhere; of symbols, unless it is known not to."""
    remainder = value % divisor
    if type(remainder) is int:
        return remainder == 0
    if _is_symbolic(remainder):
        return remainder.is_zero is not False
    return bool((remainder == 0).all()) if hasattr(remainder, "all") else bool(remainder == 0)


def gcd(value: Any, number: int) -> Any:
    """The greatest common divisor of a size and a plain number; of an array or a symbol by Polezzi's sum (1997)."""
    if type(value) is int:
        return math.gcd(value, number)
    return value + number - value * number + 2 * sum(k * value // number for k in range(1, number))


def same(left: Any, right: Any) -> bool:
    """Whether two sizes are equal; of arrays, everywhere; of symbols, unless they are known to differ."""
    if type(left) is int and type(right) is int:
        return left == right
    difference = left - right
    if _is_symbolic(difference):
        return difference.is_zero is not False
    return _holds(difference == 0)


def alike(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    """Whether two shapes have as many sizes, the same ones (see `same`)."""
    return left is right or (len(left) == len(right) and all(map(same, left, right)))


def is_number(value: Any) -> bool:
    """Whether `value` is one integer of Python's own (an array or a symbol is not)."""
    return type(value) is int


def ceil_div(value: Any, divisor: Any) -> Any:
    """`value / divisor` rounded up, in integers."""
    return -((-value) // divisor)


def total(values: Iterable[Any]) -> Any:
    """The sum of `values`, 0 of nothing."""
    return sum(values)


def text(value: Any) -> str:
    """A size as it stands in a formula: `128`, or a symbol's expression in brackets."""
    return str(value) if type(value) is int else f"({value})"


def _holds(answer: Any) -> bool:
    if hasattr(answer, "all"):
        return bool(answer.all())
    try:
        return bool(answer)
    except TypeError:  # SymPy's answer to an undecided relation
        return True


def _is_symbolic(value: Any) -> bool:
    return hasattr(value, "free_symbols")
