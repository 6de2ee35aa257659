"""The little language of claims: arithmetic, comparisons and quantities of networks.

`weights(two) / weights(one)`, `left < right and fits(seven)`, `out(block)[0] == 32 * 4`. Python's own
grammar, of which only these are allowed: numbers, texts, lists, names, calls of known functions, one
index, arithmetic, comparisons, `and`, `or`, `not`. Numbers are exact: 1.4 is 7/5, and / gives a fraction.
"""

from __future__ import annotations

import ast
import itertools
import operator
import warnings
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, NoReturn, Protocol

from convcalc.core.errors import SpecError

MAX_LENGTH = 400
"""The longest expression that is read, in characters."""

MAX_DEPTH = 40
"""The deepest nesting."""

MAX_BITS = 1000
"""The largest number that a power, a product or a quotient may give, in binary digits: a float can still hold it."""

MAX_ITEMS = 10
"""The longest list that is shown item by item."""

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}
_EXAMPLE = "for example weights(two) / weights(one) < 2"


class Expression(NamedTuple):
    """A text that is in the language, and its tree."""

    text: str
    tree: ast.expr


class Scope(Protocol):
    """What an expression's names and functions mean."""

    def name(self, name: str) -> Any:
        """The value called `name`. Raises KeyError, or whatever computing it raises."""

    def call(self, function: str, arguments: list[Any], text: str) -> Any:
        """The value of a function. Raises KeyError if there is none, TypeError if it takes other arguments."""


class Outcome(NamedTuple):
    """Whether a statement holds, and what its sides are: `rf(stack) = 7, own_stride_rf(stack) = 5`."""

    holds: bool
    witness: str


def parse(text: str) -> Expression:
    """Read `text`. Raises SpecError with the place of what is not in the language.

    >>> parse("2 + 3 * x").text
    '2 + 3 * x'
    """
    text = " ".join(text.split())
    if not text:
        raise SpecError("the expression is empty", text, 0, hint=_EXAMPLE)
    if len(text) > MAX_LENGTH or not text.isascii():
        raise SpecError(f"an expression is ASCII, at most {MAX_LENGTH} characters", text, 0, hint=_EXAMPLE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # `1if x`: Python only warns
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        offset = min(max((error.offset or 1) - 1, 0), len(text))
        raise SpecError("this is not an expression", text, offset, hint=_EXAMPLE) from None
    except (ValueError, RecursionError, MemoryError):
        raise SpecError("this is not an expression", text, 0, hint=_EXAMPLE) from None
    _check(text, tree, 0)
    return Expression(text, tree)


def names(expression: Expression) -> dict[str, int]:
    """The names that stand for values, each with its first place in the text."""
    called = {id(node.func) for node in ast.walk(expression.tree) if isinstance(node, ast.Call)}
    return _first_places(expression, lambda node: id(node) not in called)


def functions(expression: Expression) -> dict[str, int]:
    """The names of the functions that are called, each with its first place in the text."""
    called = {id(node.func) for node in ast.walk(expression.tree) if isinstance(node, ast.Call)}
    return _first_places(expression, lambda node: id(node) in called)


def _first_places(expression: Expression, wanted: Callable[[ast.Name], bool]) -> dict[str, int]:
    places: dict[str, int] = {}
    for node in ast.walk(expression.tree):
        if isinstance(node, ast.Name) and wanted(node):
            places.setdefault(node.id, node.col_offset)
    return places


def evaluate(expression: Expression, scope: Scope) -> Any:
    """The value of `expression`. Raises SpecError where it has none (2 / 0, "a" + 1, an unknown name)."""
    return _Evaluation(expression.text, scope).value(expression.tree)


def decide(expression: Expression, scope: Scope) -> Outcome:
    """Whether `expression` is true, with the values of its sides. Raises SpecError unless it is a statement."""
    evaluation = _Evaluation(expression.text, scope)
    return evaluation.decide(expression.tree)


def spell(value: Any) -> str:
    """A value for people.

    >>> spell(73728), spell(Fraction(25, 18)), spell([64, 1024])
    ('73,728', '1.389', '[64, 1024]')
    """
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not measured"}[value]
    if isinstance(value, list):
        return f"[{', '.join(_items(value))}]"
    if isinstance(value, Fraction) and value.denominator == 1:
        value = int(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{float(value):.4g}" if isinstance(value, Fraction | float) else str(value)


def _items(values: list[Any]) -> Iterator[str]:
    """The items as text, of a long list with what repeats counted: 4 (64 times)."""
    for _, group in itertools.groupby(values):
        items = list(group)
        text = str(items[0]) if type(items[0]) is int else spell(items[0])
        if len(values) > MAX_ITEMS and len(items) > 1:
            yield f"{text} ({len(items)} times)"
        else:
            yield from [text] * len(items)


class _Evaluation:
    """One walk over a tree."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.scope = scope

    def value(self, node: ast.expr) -> Any:
        method = getattr(self, f"_{type(node).__name__.lower()}")
        return method(node)

    def decide(self, node: ast.expr) -> Outcome:
        if isinstance(node, ast.BoolOp):
            outcomes = []
            for part in node.values:
                outcomes.append(self.decide(part))
                if outcomes[-1].holds == isinstance(node.op, ast.Or):
                    return outcomes[-1]
            return Outcome(outcomes[-1].holds, "; ".join(o.witness for o in outcomes))
        if isinstance(node, ast.Compare):
            sides = [(side, self.value(side)) for side in (node.left, *node.comparators)]
            shown = dict.fromkeys(self._shown(side, value) for side, value in sides if not _is_literal(side))
            return Outcome(self._compare(node), ", ".join(shown))
        value = self.value(node)
        if not isinstance(value, bool):
            self.fail(node, f"this is {spell(value)}, not a statement", "compare it with something, for example == 2")
        return Outcome(value, self._shown(node, value))

    def _shown(self, node: ast.expr, value: Any) -> str:
        return f"{self.source(node)} = {spell(value)}"

    def source(self, node: ast.expr) -> str:
        return self.text[node.col_offset : node.end_col_offset]

    def _constant(self, node: ast.Constant) -> Any:
        return Fraction(str(node.value)) if isinstance(node.value, float) else node.value

    def _list(self, node: ast.List) -> list[Any]:
        return [self.value(item) for item in node.elts]

    def _name(self, node: ast.Name) -> Any:
        try:
            return self.scope.name(node.id)
        except KeyError:
            self.fail(node, f"nothing is called {node.id!r}", "name a spec, a figure or a value of this claim")

    def _call(self, node: ast.Call) -> Any:
        arguments = [self.value(argument) for argument in node.args]
        function = node.func.id  # type: ignore[attr-defined]  # _check let only names pass
        try:
            return self.scope.call(function, arguments, self.source(node))
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            self.fail(node, f"{function}: {error}")

    def _subscript(self, node: ast.Subscript) -> Any:
        items, index = self.value(node.value), self.value(node.slice)
        if not isinstance(items, list) or type(index) is not int:
            self.fail(node, "only a list has a numbered item", "for example out(block)[0]")
        if not -len(items) <= index < len(items):
            self.fail(node, f"the list has {len(items)} items, there is no number {index}", "the first is number 0")
        return items[index]

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not self._flag(node.operand, value)
        return -self._number(node.operand, value)

    def _binop(self, node: ast.BinOp) -> Any:
        left = self._number(node.left, self.value(node.left))
        right = self._number(node.right, self.value(node.right))
        if isinstance(node.op, ast.Pow | ast.Mult | ast.Div):
            self._check_size(node, left, right)
        try:
            if isinstance(node.op, ast.Div):
                return _plain(left / right if isinstance(left, float) else Fraction(left) / right)
            return _plain(_ARITHMETIC[type(node.op)](left, right))
        except ArithmeticError as error:
            self.fail(node, f"this cannot be computed: {error}")

    def _boolop(self, node: ast.BoolOp) -> bool:
        stop = isinstance(node.op, ast.Or)
        for part in node.values:
            if self._flag(part, self.value(part)) == stop:
                return stop
        return not stop

    def _compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for symbol, side in zip(node.ops, node.comparators, strict=True):
            right = self.value(side)
            try:
                if not _COMPARISONS[type(symbol)](left, right):
                    return False
            except TypeError:
                self.fail(side, f"{spell(left)} and {spell(right)} cannot be compared so")
            left = right
        return True

    def _number(self, node: ast.expr, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float, Fraction)):
            self.fail(node, f"{self.source(node)} is not a number", "a network has weights(…), macs(…), rf(…)")
        return value

    def _flag(self, node: ast.expr, value: Any) -> bool:
        if not isinstance(value, bool):
            self.fail(node, f"{self.source(node)} is neither true nor false")
        return value

    def _check_size(self, node: ast.BinOp, left: Any, right: Any) -> None:
        bits = _bits(left) * abs(right) if isinstance(node.op, ast.Pow) else _bits(left) + _bits(right)
        if bits > MAX_BITS:
            self.fail(node, "the number is too large")

    def fail(self, node: ast.expr, message: str, hint: str = "") -> NoReturn:
        raise SpecError(message, self.text, node.col_offset, hint=hint)


def _check(text: str, node: ast.AST, depth: int) -> None:
    """Raise SpecError unless `node` and all below it are in the language."""
    if depth > MAX_DEPTH:
        raise SpecError(f"nested deeper than {MAX_DEPTH}", text, getattr(node, "col_offset", 0))
    children = _children(node)
    if children is None:
        offset = getattr(node, "col_offset", 0)
        raise SpecError("this is not in the language of claims", text, offset, hint=_EXAMPLE)
    for child in children:
        _check(text, child, depth + 1)


def _children(node: ast.AST) -> Sequence[ast.AST] | None:
    """The parts of a node of the language, None of any other."""
    match node:
        case ast.Call(func=ast.Name(), keywords=[]):
            return node.args
        case ast.Compare() if all(type(symbol) in _COMPARISONS for symbol in node.ops):
            return [node.left, *node.comparators]
        case ast.BinOp() if type(node.op) in _ARITHMETIC or isinstance(node.op, ast.Div):
            return [node.left, node.right]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            return [node.operand]
        case ast.BoolOp():
            return node.values
        case ast.List():
            return node.elts
        case ast.Subscript() if not isinstance(node.slice, ast.Slice):
            return [node.value, node.slice]
        case ast.Name():
            return []
        case ast.Constant() if _is_number_or_text(node):
            return []
    return None


def _is_number_or_text(node: ast.Constant) -> bool:
    value = node.value
    return type(value) in (bool, str, int) or (type(value) is float and abs(value) < float("inf"))


def _is_literal(node: ast.expr) -> bool:
    """Whether no name stands in it: nothing that a reader wants to see computed."""
    return not any(isinstance(part, ast.Name) for part in ast.walk(node))


def _bits(value: Any) -> int:
    if isinstance(value, Fraction):
        return max(value.numerator.bit_length(), value.denominator.bit_length())
    return value.bit_length() if isinstance(value, int) else 64


def _plain(value: Any) -> Any:
    """A whole fraction as the integer that it is; a power may leave the reals."""
    if isinstance(value, complex):
        raise ArithmeticError("the root of a negative number")
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else value
