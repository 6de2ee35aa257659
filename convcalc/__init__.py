"""convcalc: parameters, MACs, FLOPs, memory and receptive field of convolution networks, exact and proved.

>>> import convcalc
>>> convcalc.load("3x3,3x3").params
294912
>>> convcalc.load("resnet50")
<Network 'resnet50' over 3x224x224: 175 layers, 25,557,032 params, 4,089,184,256 MACs>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from torch import nn

    from convcalc.analysis.compare import Comparison
    from convcalc.analysis.counts import Layer
    from convcalc.analysis.metrics import NoNumberError, metric
    from convcalc.analysis.network import Network
    from convcalc.analysis.proof import Check, Confirmation
    from convcalc.analysis.receptive_field import Field, Region, pixel_units, receptive_fields, unit_field
    from convcalc.catalogue.registry import block
    from convcalc.core.graph import Graph
    from convcalc.core.operator import Shape, operator
    from convcalc.core.rules import Cost, rule
    from convcalc.language.parse import input_shape, parse
    from convcalc.pytorch.tracing.trace import trace

__version__ = "0.1.0"

_LATE = {
    "Check": "convcalc.analysis.proof:Check",
    "Comparison": "convcalc.analysis.compare:Comparison",
    "Confirmation": "convcalc.analysis.proof:Confirmation",
    "Cost": "convcalc.core.rules:Cost",
    "Field": "convcalc.analysis.receptive_field:Field",
    "Graph": "convcalc.core.graph:Graph",
    "Layer": "convcalc.analysis.counts:Layer",
    "Network": "convcalc.analysis.network:Network",
    "NoNumberError": "convcalc.analysis.metrics:NoNumberError",
    "Region": "convcalc.analysis.receptive_field:Region",
    "block": "convcalc.catalogue.registry:block",
    "input_shape": "convcalc.language.parse:input_shape",
    "metric": "convcalc.analysis.metrics:metric",
    "operator": "convcalc.core.operator:operator",
    "parse": "convcalc.language.parse:parse",
    "pixel_units": "convcalc.analysis.receptive_field:pixel_units",
    "receptive_fields": "convcalc.analysis.receptive_field:receptive_fields",
    "rule": "convcalc.core.rules:rule",
    "trace": "convcalc.pytorch.tracing.trace:trace",
    "unit_field": "convcalc.analysis.receptive_field:unit_field",
}
"""What is loaded when it is asked for: not every answer needs it, and some of it imports torch."""

__all__ = [
    "Check",
    "Comparison",
    "ConfirmError",
    "Confirmation",
    "ConvcalcError",
    "Cost",
    "Field",
    "Graph",
    "Layer",
    "LimitError",
    "ModelError",
    "Network",
    "NoNumberError",
    "Region",
    "ShapeError",
    "SpecError",
    "UnknownBlockError",
    "UsageError",
    "block",
    "compare",
    "input_shape",
    "load",
    "metric",
    "operator",
    "parse",
    "pixel_units",
    "receptive_fields",
    "rule",
    "trace",
    "unit_field",
]


def load(
    what: str | Graph | Network | nn.Module,
    input: Shape | str | Sequence[Shape | str] | None = None,
    *,
    norm: str = "",
    bias: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Network:
    """The network that `what` names, with everything that can be asked of it.

    Args:
        what: a text of the language, a catalogue entry ("resnext-block(cardinality=64)"), a model by its name
            ("package.module:attribute", imported in a process of its own), a PyTorch module, or a Graph.
        input: the input's shape without the batch, channels first: (3, 224, 224) or "3x224x224"; a list of them
            for a model of several inputs. The default is the entry's own, else 128x56x56.
        norm: a normalisation after every convolution of a text ("bn").
        bias: a bias on every convolution of a text.
        settings: parameters for a catalogue entry.

    Raises SpecError, ShapeError, LimitError, UnknownBlockError, UsageError, ModelError; TypeError where `what`
    is none of these.

    >>> net = load("resnext-block(cardinality=64)", input=(256, 56, 56))
    >>> net.params, net["conv2"].macs
    (141824, 28901376)
    """
    from convcalc.analysis.network import Network
    from convcalc.core.graph import Graph
    from convcalc.language.source import Source, as_inputs

    if isinstance(what, Network):
        return what
    if isinstance(what, Graph):
        return Network(graph=what)
    if isinstance(what, str):
        from convcalc.sandbox.load import load as load_source

        parameters = tuple((settings or {}).items())
        return load_source(Source(text=what, inputs=as_inputs(input), norm=norm, bias=bias, settings=parameters))
    if not hasattr(what, "named_parameters"):
        raise TypeError(
            f"load takes a text, a Graph, a Network or a PyTorch module, not a value of type {type(what).__name__}"
        )
    from convcalc.pytorch.load import load_module

    return load_module(what, input)


def compare(
    *networks: str | Graph | Network | nn.Module, input: Shape | str | Sequence[Shape | str] | None = None
) -> Comparison:
    """Networks side by side: `print` shows the tables; `input` is for every one that is not loaded yet.

    Raises UsageError for fewer than two, and what `load` raises.

    >>> compare("resnet-block", "resnext-block").values("params")
    (70400, 71168)
    """
    from convcalc.analysis.compare import Comparison

    return Comparison(tuple(load(network, input) for network in networks))


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'convcalc' has no attribute {name!r}")
    module, _, attribute = _LATE[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
