"""What is left: operators that no input reaches, and those that no rule counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Rule, Unreached, Value, base_name
from convcalc.pytorch.tracing.layout import Layout, reads
from convcalc.pytorch.tracing.rules.dimensions import plain_layout
from convcalc.pytorch.tracing.rules.elementwise import FUNCTIONS, pointwise
from convcalc.pytorch.tracing.rules.registry import RULES, rule


def rule_of(func: Any) -> Rule | None:
    """The rule of an operator; None where PyTorch takes it apart into simpler ones."""
    name = base_name(func)
    known = RULES.get(name)
    if known is not None:
        return known
    if torch.Tag.pointwise in func.tags or name in FUNCTIONS:
        return pointwise
    return None if func._can_decompose() else unknown


@rule(
    "arange",
    "linspace",
    "full",
    "zeros",
    "ones",
    "empty",
    "rand",
    "randn",
    "eye",
    "scalar_tensor",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "rand_like",
    "randn_like",
    "new_zeros",
    "new_ones",
    "new_empty",
    "new_full",
    "new_empty_strided",
    "empty_strided",
    "randperm",
    "randint",
    "bernoulli",
    "uniform",
    "normal",
    "tril_indices",
    "triu_indices",
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "sym_size",
    "stride",
)
def _fresh(call: Call) -> Outcome:
    """Values that no input reaches; numbers that the program itself reads."""
    return Unreached()


@rule("topk", "sort", "argsort", "bucketize", "searchsorted", "bincount", "unique", "_unique2", "unique_dim")
def _ordering(call: Call) -> Answer:
    """How many comparisons an ordering takes is not known: not counted, unless nothing of it is the network's."""
    values = call.values()
    if all(value.is_constant for value in values):
        return Unreached(values=values)
    return unknown(call)


def unknown(call: Call) -> Answer:
    """An operator without a rule: listed as not counted, its outputs read everything."""
    values, outputs = call.values(), call.outputs
    if all(value.is_constant for value in values) and not any(out.is_floating_point() for out in outputs):
        return Unreached(values=values)
    layouts = [plain_layout(tuple(out.shape)) for out in outputs]
    name = call.func._schema.name.replace("::", ".")
    first = [Computed(kind=name, values=values, layout=layout, counted=False) for layout in layouts[:1]]
    return [*first, *[also(values, layout) for layout in layouts[1:]]]


def also(values: Sequence[Value], layout: Layout) -> Computed:
    """Another output of an operator that has been counted with its first."""
    return Computed(
        kind="output",
        values=values,
        layout=layout,
        reads=[reads(layout, value.layout, ()) for value in values],
        arithmetic=0,
    )
