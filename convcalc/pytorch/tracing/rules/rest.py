"""What is left: operators that no input reaches, and those that no rule counts."""

from __future__ import annotations

from typing import Any

import torch

from convcalc.core.ops.traced import Uncounted
from convcalc.pytorch.tracing.layout import constant, reads, shape_of
from convcalc.pytorch.tracing.recorder import Call, Rule, Source, base_name
from convcalc.pytorch.tracing.rules.dimensions import plain_layout
from convcalc.pytorch.tracing.rules.elementwise import FUNCTIONS, pointwise
from convcalc.pytorch.tracing.rules.registry import RULES, outputs_of, rule, unreached


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
def _fresh(call: Call) -> None:
    """Values that no input reaches; numbers that the program itself reads."""
    for out in outputs_of(call):
        call.recorder.give(call, Source(None, constant(out.shape)), constant(out.shape), out)


@rule("topk", "sort", "argsort", "bucketize", "searchsorted", "bincount", "unique", "_unique2", "unique_dim")
def _ordering(call: Call) -> None:
    """How many comparisons an ordering takes is not known: not counted, unless nothing of it is the network's."""
    if all(value.is_constant for value in call.tensors):
        return unreached(call)
    return unknown(call)


def unknown(call: Call) -> None:
    """An operator without a rule: listed as not counted, its outputs read everything."""
    values, outputs = call.tensors, outputs_of(call)
    live = [value for value in values if not value.is_constant]
    if not outputs or (not live and not any(out.is_floating_point() for out in outputs)):
        return unreached(call)
    recorder = call.recorder
    name = call.func._schema.name.replace("::", ".")
    nodes = tuple([value.source.node for value in live if value.source.node is not None])
    given = tuple([recorder.builder.shapes[node] for node in nodes])
    for number, out in enumerate(outputs):
        layout = plain_layout(tuple(out.shape))
        if number == 0:
            learned = recorder.claim("", values, None)
            source = Source(recorder.add(Uncounted(name, given, shape_of(layout), learned), nodes), layout)
        else:
            source = recorder.node(
                "output", values, layout, reads=[reads(layout, v.layout, ()) for v in live], arithmetic=0
            )
        recorder.give(call, source, layout, out)
    return None
