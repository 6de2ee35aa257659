"""What each PyTorch operator means: the one table from a recorded call to a node of the graph.

A rule reads a Call and gives its output a Source and a Layout. Operators without a rule are taken
apart by PyTorch where it can; of the rest, those that PyTorch calls pointwise are counted one for each
element, and all others are listed as not counted. A new rule is one function in one of these files.
"""

from convcalc.pytorch.tracing.rules import (  # noqa: F401  (registration)
    convolution,
    elementwise,
    norm,
    parts,
    pooling,
    products,
    rearrange,
    rest,
    views,
)
from convcalc.pytorch.tracing.rules.registry import rule
from convcalc.pytorch.tracing.rules.rest import rule_of

__all__ = ["rule", "rule_of"]
