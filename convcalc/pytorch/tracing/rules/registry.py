"""The table of rules: an operator of PyTorch has one, in some file of this folder."""

from __future__ import annotations

from collections.abc import Callable

from convcalc.core.registry import Registry
from convcalc.pytorch.tracing.call import Rule

RULES: Registry[Rule] = Registry("rules of tracing", __name__.rpartition(".")[0])
"""Every operator with a rule, by PyTorch's name for it (see `short_name`)."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of these operators. Raises ValueError if one has a rule."""

    def register(function: Rule) -> Rule:
        for name in names:
            RULES.add(name, function, function.__module__)
        return function

    return register
