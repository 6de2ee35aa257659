"""The JSON contract: one document for `params`, `flops`, `rf` and `summary`; `compare` wraps several.

Integers are exact and unscaled; later versions only add keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from convcalc.analysis.counts import Layer
from convcalc.analysis.memory import Memory
from convcalc.analysis.metrics import values
from convcalc.analysis.network import Network
from convcalc.analysis.proof import Confirmation
from convcalc.core.errors import ConvcalcError
from convcalc.report.build.layers import BYTES

if TYPE_CHECKING:
    from convcalc.analysis.receptive_field import Field, Region
    from convcalc.report.build.fields import Reading

FORMAT_VERSION = 1

Document = dict[str, Any]


def opening() -> Document:
    """The keys that every document begins with."""
    from convcalc import __version__

    return {"format_version": FORMAT_VERSION, "convcalc": __version__}


def model_document(network: Network, *, depth: int | None = None, dtype: str | None = None) -> Document:
    """A network's numbers; `confirmed` is null until a proof is added."""
    graph = network.graph
    document = {
        **opening(),
        "spec": network.text,
        "input": list(graph.input_shapes[0]),
        "input_default": bool(network.defaulted),
        "inputs": {graph.nodes[i].name: list(graph.shapes[i]) for i in graph.inputs},
        "output": list(graph.output_shape),
        "complete": network.complete,
        "uncounted": [{"op": name, "calls": calls} for name, calls in network.uncounted.items()],
        "params": network.params,
        "weights": network.parameters.weights,
        "biases": network.parameters.biases,
        "norm": network.parameters.norm,
        "frozen": network.parameters.frozen,
        "macs": network.macs,
        "flops": network.flops,
        "elementwise": network.elementwise,
        "receptive_field": field_document(network.receptive_field if network.fields else None),
        "memory": _memory(network.memory, dtype),
        "layers": [_layer(network, layer) for layer in network.by_module(depth)],
        "metrics": {name: _number(value) for name, value in values(network).items()},
        "confirmed": None,
    }
    if network.notes:
        document["notes"] = list(network.notes)
    if network.buffers is not None:
        document["buffers"] = network.buffers
    if network.receptive_field_note:
        document["receptive_field_note"] = network.receptive_field_note
    if network.spatial is not None:
        name = graph.nodes[network.spatial].name
        document["spatial"] = {"layer": name, "receptive_field": field_document(network.spatial_field)}
    if network.ungrouped:
        whole = network.ungrouped
        share = Fraction(network.weights, whole.weights)
        document["ungrouped"] = {
            "spec": whole.layers[0].spec,
            "params": whole.params,
            "macs": whole.macs,
            "ratio": str(share),
        }
    return document


def field_document(field: Field | None) -> Document | None:
    """A receptive field; `size` is null where it is global."""
    if field is None:
        return None
    region = field.typical
    return {
        "size": None if field.is_global else list(field.size),
        "size_min": None if field.is_global else list(field.smallest_size),
        "stride": [_exact(stride) for stride in field.stride],
        "padding": list(field.padding),
        "coverage": region.coverage,
        "positions": [axis.total for axis in region.axes],
        "pixels": region.count,
        "largest_gap": [axis.largest_gap for axis in region.axes],
        "is_product": region.is_product,
        "aligned": field.aligned,
        "input_dependent": field.input_dependent,
        "global": field.is_global,
    }


def place_document(place: Reading) -> Document:
    """An answer to `--unit` or `--pixel`: runs are half-open, per axis, for each product of the union."""
    return {
        place.question: list(place.place),
        "layer": place.layer,
        "regions": [{"of": name, **_region(region)} for name, region in place.regions],
    }


def proof_document(confirmation: Confirmation) -> Document:
    """What the witnesses said."""
    return {
        "ok": confirmation.ok,
        "device": confirmation.device,
        "torch": confirmation.torch,
        "checks": [{**check._asdict(), "ok": check.ok} for check in confirmation.checks],
        "uncovered": list(confirmation.uncovered),
    }


def error_document(error: ConvcalcError) -> Document:
    """What went wrong, for programs."""
    return {
        **opening(),
        "error": {"kind": error.kind, "message": error.message, "at": error.at, "hint": error.hint},
    }


def dumps(document: Mapping[str, Any]) -> str:
    """The document as text: a line for each key, and for each element of a long list."""
    lines = [f"{json.dumps(key)}: {_value(value)}" for key, value in document.items()]
    return "{\n  " + ",\n  ".join(lines) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, Sequence) and value and isinstance(value[0], dict):
        return "[\n    " + ",\n    ".join(map(json.dumps, value)) + "\n  ]"
    return json.dumps(value)


def _layer(network: Network, row: Layer) -> Document:
    formula = network.formula(row)
    return {
        "name": row.name,
        "op": row.kind,
        "spec": row.spec,
        "inputs": list(row.inputs),
        "output": list(row.output),
        "params": row.params,
        "weights": row.parameters.weights,
        "biases": row.parameters.biases,
        "norm": row.parameters.norm,
        "frozen": row.parameters.frozen,
        "macs": row.macs,
        "flops": row.flops,
        "elementwise": row.elementwise,
        "receptive_field": field_document(network.fields[row.node]) if network.fields else None,
        "formula": {"params": formula.params, "macs": formula.macs},
    }


def _memory(memory: Memory, dtype: str | None) -> Document:
    elements: Document = memory._asdict()
    if dtype:
        elements["bytes"] = {"dtype": dtype, **{name: count * BYTES[dtype] for name, count in elements.items()}}
    return elements


def _region(region: Region) -> Document:
    return {
        "count": region.count,
        "products": [[[list(run) for run in axis.runs] for axis in box] for box in region.products],
    }


def _number(value: Any) -> Any:
    """A metric's value for programs: integers as they are, sizes as lists, fractions as decimal numbers."""
    if isinstance(value, tuple):
        return [_number(item) for item in value]
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value


def _exact(value: Fraction) -> int | str:
    return value.numerator if value.denominator == 1 else str(value)
