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

from convcalc.errors import (
    ConfirmError,
    ConvcalcError,
    LimitError,
    ModelError,
    ShapeError,
    SpecError,
    UnknownBlockError,
    UsageError,
)
from convcalc.graph import Graph
from convcalc.measure import Analysis, Summary, analyse, measure
from convcalc.proof import Check, Confirmation
from convcalc.spec import Spec, input_shape, parse

if TYPE_CHECKING:
    from convcalc.blocks import get as block
    from convcalc.comparison import Comparison, compare
    from convcalc.field import Field, Region, pixel_units, receptive_fields, unit_field
    from convcalc.pytorch.confirm import confirm
    from convcalc.pytorch.trace import trace

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
    "Comparison": "convcalc.comparison:Comparison",
    "Field": "convcalc.field:Field",
    "Region": "convcalc.field:Region",
    "block": "convcalc.blocks:get",
    "compare": "convcalc.comparison:compare",
    "confirm": "convcalc.pytorch.confirm:confirm",
    "pixel_units": "convcalc.field:pixel_units",
    "receptive_fields": "convcalc.field:receptive_fields",
    "trace": "convcalc.pytorch.trace:trace",
    "unit_field": "convcalc.field:unit_field",
}
"""What not every answer needs, and what imports torch: loaded when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'convcalc' has no attribute {name!r}")
    module, _, attribute = _LATE[name].partition(":")
    return getattr(import_module(module), attribute)
