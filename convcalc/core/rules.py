"""Rules from outside: what an operator of PyTorch costs that convcalc does not know.

A rule is a pure function of shapes. It is registered here, without PyTorch, and asked for when a traced
model calls the operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from convcalc.core.registry import Registry
from convcalc.core.traced import Uncounted


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one call of an operator costs.

    `macs` are multiply-accumulates, `elementwise` all other operations. An operator is `local` if each place of its
    output reads only its own place of every input; else each is taken to read everything.
    """

    macs: int = 0
    elementwise: int = 0
    local: bool = False


CostFunction = Callable[..., "int | Cost"]

F = TypeVar("F", bound=CostFunction)

COSTS: Registry[CostFunction] = Registry("rules")
"""The rules from outside by the names of their operators; PyTorch's own without their namespace."""


def rule(name: str) -> Callable[[F], F]:
    """Register a function as the cost of one call of the PyTorch operator `name` ("namespace::operator").

    The function gets the call's arguments, a shape (a tuple, the batch included) for each tensor and a list of shapes
    for a list of them; if it takes `out_shape`, also the output's shape (a tuple of shapes where there are several).
    It gives the multiply-accumulates, or a Cost. Raises ValueError if the operator has a rule from outside.

    >>> @rule("mylib::selective_scan")
    ... def selective_scan(u, delta, a, *, out_shape):
    ...     batch, channels, length = u
    ...     return 3 * batch * channels * length * a[1]
    """

    if not isinstance(name, str):
        raise TypeError('a rule has the name of its operator: @convcalc.rule("mylib::selective_scan")')
    key = short_name(name)

    def register(function: F) -> F:
        COSTS.add(key, function, __name__)
        return function

    return register


def short_name(name: str) -> str:
    """An operator's name without PyTorch's own namespace and without the mark of a call in place.

    >>> short_name("aten::add_"), short_name("mylib::scan"), short_name("aten::__and__")
    ('add', 'mylib::scan', '__and__')
    """
    space, _, own = name.rpartition("::")
    own = own[:-1] if own.endswith("_") and not own.startswith("__") else own
    return own if space in ("aten", "") else f"{space}::{own}"


def suggested_rule(op: Uncounted) -> str:
    """The lines of a plugin that would count an operator, to be completed by whoever knows what it does.

    Empty for work that was done outside of PyTorch, which no rule is asked about.

    >>> op = Uncounted("mylib.scan", ((8, 5),), (8, 5), arguments=(("x", "1x8x5"), ("reverse", "True")))
    >>> print(suggested_rule(op))
    @convcalc.rule("mylib::scan")
    def scan(x, reverse, *, out_shape):  # called with x=1x8x5, reverse=True
        return ...  # its multiply-accumulates
    """
    if ":" in op.name:  # file:line
        return ""
    space, _, name = op.name.partition(".")
    parameters = ", ".join([name for name, _ in op.arguments])
    values = ", ".join([f"{name}={value}" for name, value in op.arguments])
    return (
        f'@convcalc.rule("{space}::{name}")\n'
        f"def {name.strip('_')}({parameters}, *, out_shape):  # called with {values}\n"
        "    return ...  # its multiply-accumulates"
    )
