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

from convcalc.compare import Comparison, compare
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
from convcalc.field import Field, Region, pixel_units, receptive_fields, unit_field
from convcalc.graph import Graph
from convcalc.measure import Analysis, Summary, analyse, measure
from convcalc.proof import Check, Confirmation
from convcalc.spec import Spec, input_shape, parse

if TYPE_CHECKING:
    from convcalc.blocks import get as block
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
    "block": ("convcalc.blocks", "get"),
    "confirm": ("convcalc.pytorch.confirm", "confirm"),
    "trace": ("convcalc.pytorch.trace", "trace"),
}
"""The catalogue, and what imports torch: the module and the name there, loaded when they are asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'convcalc' has no attribute {name!r}")
    module, attribute = _LATE[name]
    return getattr(import_module(module), attribute)
