"""From what is written to a Network, for all that needs no torch: texts and catalogue entries."""

from __future__ import annotations

from convcalc.analysis.network import Network
from convcalc.core.errors import UsageError
from convcalc.language.parse import input_shape, parse
from convcalc.language.source import Source


def load_text(source: Source) -> Network:
    """Build a text or a catalogue entry.

    Raises SpecError, ShapeError, LimitError, UnknownBlockError, UsageError.

    >>> load_text(Source(text="3x3,3x3", inputs=("64x56x56",))).params
    73728
    """
    if len(source.inputs) > 1:
        raise UsageError("a text has one input", hint="give one, for example 3x224x224")
    shape = input_shape(source.inputs[0]) if source.inputs else None
    graph = parse(source.text, shape, norm=source.norm, bias=source.bias, settings=dict(source.settings))
    return Network(graph=graph, text=source.text, defaulted="" if source.inputs else "default")
