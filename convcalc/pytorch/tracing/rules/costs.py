"""Rules from outside (`convcalc.rule`): functions of shapes, asked what a call costs."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from convcalc.core.errors import ModelError, UsageError
from convcalc.core.rules import Cost, CostFunction
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Rule
from convcalc.pytorch.tracing.layout import reads
from convcalc.pytorch.tracing.rules.answers import another, plain_layouts
from convcalc.pytorch.tracing.rules.elementwise import aligned


def rule_for(name: str, function: CostFunction, *, taken: bool) -> Rule:
    """The rule that asks `function`. Raises UsageError if convcalc has a rule for the operator itself."""
    if taken:
        raise UsageError(f"convcalc counts {name} itself", hint="leave the plugin's rule for it out")
    takes_shape = "out_shape" in inspect.signature(function).parameters

    def rule(call: Call) -> Answer:
        options = {"out_shape": _out_shape(call)} if takes_shape else {}
        return _costing(call, _asked(name, function, call, options))

    return rule


def _out_shape(call: Call) -> Any:
    shapes = _shapes(tuple(call.outputs))
    return shapes[0] if len(shapes) == 1 else shapes


def _shapes(tree: Any) -> Any:
    """The same arguments with shapes for tensors."""
    if isinstance(tree, torch.Tensor):
        return tuple(tree.shape)
    if isinstance(tree, (list, tuple)):
        return type(tree)([_shapes(item) for item in tree])
    return {key: _shapes(item) for key, item in tree.items()} if isinstance(tree, dict) else tree


def _asked(name: str, function: CostFunction, call: Call, options: dict[str, Any]) -> Cost:
    """What the function says, checked. Raises ModelError where it fails or gives no count."""
    try:
        cost = function(*_shapes(call.args), **_shapes(call.kwargs), **options)
    except Exception as error:
        arguments = ", ".join([f"{argument}={value}" for argument, value in call.arguments])
        raise ModelError(
            f"the rule of {call.schema} fails: {type(error).__name__}: {error}", hint=f"it was asked for {arguments}"
        ) from error
    cost = Cost(macs=cost) if type(cost) is int else cost
    if not isinstance(cost, Cost) or not all(type(n) is int and n >= 0 for n in (cost.macs, cost.elementwise)):
        raise ModelError(
            f"the rule of {call.schema} gives {cost!r}",
            hint="an int (of math.prod, not of numpy.prod, which overflows), or a convcalc.Cost",
        )
    return cost


def _costing(call: Call, cost: Cost) -> Answer:
    """The call as a node of this cost."""
    values, kind = call.values(), call.schema.replace("::", ".")
    layout, *others = plain_layouts(call)
    windows = [reads(layout, value.layout, ()) for value in values]
    live = [value for value in values if not value.is_constant]
    if cost.local and live:
        layout, windows = aligned(values, live, call.shape)
    node = Computed(
        kind=kind,
        values=values,
        layout=layout,
        reads=windows,
        products=cost.macs,
        arithmetic=cost.elementwise,
        keeps="input",
    )
    return [node, *[another(values, other) for other in others]]
