"""The table of rules."""

from __future__ import annotations

from collections.abc import Callable

from convcalc.pytorch.tracing.call import Rule

RULES: dict[str, Rule] = {}
"""Every operator with a rule, by PyTorch's name for it without the in-place mark (see `base_name`)."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of these operators. Raises ValueError if one has a rule."""

    def register(function: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise ValueError(f"two rules are called {name!r}")
            RULES[name] = function
        return function

    return register
