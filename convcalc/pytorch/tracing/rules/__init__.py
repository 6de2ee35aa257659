"""What each PyTorch operator means: the one table from a recorded call to a node of the graph.

A rule is a pure function of a Call that answers what its outputs are (see `convcalc.pytorch.tracing`).
Operators without a rule are taken apart by PyTorch where it can; of the rest, those that PyTorch calls
pointwise are counted one for each element, and all others are listed as not counted. A new rule is one
function in one of these files, or in a new one: every file of this folder is read.
"""

from __future__ import annotations

from typing import Any

import torch

from convcalc.core.rules import COSTS
from convcalc.pytorch.tracing.call import Rule, base_name
from convcalc.pytorch.tracing.rules.answers import unknown
from convcalc.pytorch.tracing.rules.costs import rule_for
from convcalc.pytorch.tracing.rules.elementwise import operator_of, pointwise
from convcalc.pytorch.tracing.rules.registry import RULES


def rule_of(func: Any) -> Rule | None:
    """The rule of an operator; None where PyTorch takes it apart into simpler ones. Raises UsageError."""
    name = base_name(func)
    known = RULES.get(name)
    if name in COSTS:
        return rule_for(name, COSTS[name], taken=known is not None)
    if known is not None:
        return known
    if torch.Tag.pointwise in func.tags or operator_of(name) is not None:
        return pointwise
    return None if func._can_decompose() else unknown
