"""The table of rules, and what many of them answer."""

from __future__ import annotations

from collections.abc import Callable

import torch

from convcalc.pytorch.tracing.layout import constant, reads
from convcalc.pytorch.tracing.recorder import Call, Rule, Source
from convcalc.pytorch.tracing.rules.dimensions import plain_layout

RULES: dict[str, Rule] = {}
"""Every operator with a rule, by PyTorch's name for it without the in-place mark."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of these operators."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def unreached(call: Call) -> None:
    """An output that no input reaches."""
    origins = frozenset().union(*[value.source.origins for value in call.tensors])
    for out in outputs_of(call):
        layout = constant(out.shape)
        call.recorder.give(call, Source(None, layout, origins), layout, out)


def everywhere(call: Call, kind: str, count: int = 0, *, by_value: bool = False) -> None:
    """An operator whose every output may read every place."""
    values = call.tensors
    live = [value for value in values if not value.is_constant]
    if not live:
        return unreached(call)
    for out in outputs_of(call):
        layout = plain_layout(tuple(out.shape))
        found = [reads(layout, value.layout, ()) for value in live]
        source = call.recorder.node(kind, values, layout, reads=found, arithmetic=count, by_value=by_value)
        call.recorder.give(call, source, layout, out)
    return None


def outputs_of(call: Call) -> list[torch.Tensor]:
    """All tensors that a call gave, one or several."""
    out = call.out if isinstance(call.out, (list, tuple)) else [call.out]
    return [item for item in out if isinstance(item, torch.Tensor)]
