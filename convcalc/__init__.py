"""convcalc: parameters, MACs, FLOPs, memory and receptive field of convolution networks, exact and proved.

>>> import convcalc
>>> convcalc.measure(convcalc.parse("3x3,3x3").graph).params.total
294912
>>> convcalc.analyse(convcalc.block("resnet50").graph()).spatial_field.size
(427, 427)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convcalc.analysis.counts import Analysis, Summary, analyse, measure
from convcalc.analysis.proof import Check, Confirmation
from convcalc.core.errors import (
    ConfirmError,
    ConvcalcError,
    LimitError,
    ModelError,
    ShapeError,
    SpecError,
    UnknownBlockError,
    UsageError,
)
from convcalc.core.graph import Graph
from convcalc.language.parse import Spec, input_shape, parse

if TYPE_CHECKING:
    from convcalc.analysis.compare import Comparison, compare
    from convcalc.analysis.receptive_field import Field, Region, pixel_units, receptive_fields, unit_field
    from convcalc.catalogue import get as block
    from convcalc.pytorch.tracing.trace import trace
    from convcalc.pytorch.verify.confirm import confirm

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Check",
    "Comparison",
    "ConfirmError",
    "Confirmation",
    "ConvcalcError",
    "Field",
    "Graph",
    "LimitError",
    "ModelError",
    "Region",
    "ShapeError",
    "Spec",
    "SpecError",
    "Summary",
    "UnknownBlockError",
    "UsageError",
    "analyse",
    "block",
    "compare",
    "confirm",
    "input_shape",
    "measure",
    "parse",
    "pixel_units",
    "receptive_fields",
    "trace",
    "unit_field",
]


_LATE = {
    "Comparison": "convcalc.analysis.compare:Comparison",
    "Field": "convcalc.analysis.receptive_field:Field",
    "Region": "convcalc.analysis.receptive_field:Region",
    "block": "convcalc.catalogue:get",
    "compare": "convcalc.analysis.compare:compare",
    "confirm": "convcalc.pytorch.verify.confirm:confirm",
    "pixel_units": "convcalc.analysis.receptive_field:pixel_units",
    "receptive_fields": "convcalc.analysis.receptive_field:receptive_fields",
    "trace": "convcalc.pytorch.tracing.trace:trace",
    "unit_field": "convcalc.analysis.receptive_field:unit_field",
}
"""What not every answer needs, and what imports torch: loaded when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'convcalc' has no attribute {name!r}")
    module, _, attribute = _LATE[name].partition(":")
    return getattr(import_module(module), attribute)
