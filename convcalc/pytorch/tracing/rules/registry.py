"""The table of rules, and what many of them answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convcalc.pytorch.tracing.call import Answer, Call, Computed, Rule, Unreached, Value
from convcalc.pytorch.tracing.layout import reads
from convcalc.pytorch.tracing.rules.dimensions import plain_layout

RULES: dict[str, Rule] = {}
"""Every operator with a rule, by PyTorch's name for it without the in-place mark."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of these operators."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def everywhere(
    call: Call,
    kind: str,
    count: int = 0,
    *,
    values: Sequence[Value] | None = None,
    by_value: bool = False,
    view: bool = False,
) -> Answer:
    """An operator whose every output may read every place of `values` (default: of all its tensors)."""
    values = call.values() if values is None else values
    if all(value.is_constant for value in values):
        return Unreached(values=values)
    layouts = [plain_layout(tuple(out.shape)) for out in call.outputs]
    return [
        Computed(
            kind=kind,
            values=values,
            layout=layout,
            reads=[reads(layout, value.layout, ()) for value in values],
            arithmetic=count,
            by_value=by_value,
            view=view,
        )
        for layout in layouts
    ]
