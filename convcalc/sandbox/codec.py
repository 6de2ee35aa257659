"""A traced model as plain data, from the process that ran its code to the one that reports: JSON, never pickle."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from convcalc.analysis.proof import Check, Confirmation
from convcalc.core import ops
from convcalc.core.graph import Graph, Node
from convcalc.core.ops import Formula, Op, Params, traced
from convcalc.core.window import IDENTITY, Positions, Window

_OPS: dict[str, type[Op]] = {
    name: cls
    for module in (ops, traced)
    for name, cls in vars(module).items()
    if isinstance(cls, type) and issubclass(cls, Op)
}


def dump_graph(graph: Graph) -> dict[str, Any]:
    """The graph as numbers, texts, lists and objects."""
    return {
        "nodes": [{"op": _dump_op(op), "inputs": list(inputs), "name": name} for op, inputs, name in graph.nodes],
        "shapes": [list(shape) for shape in graph.shapes],
        "outputs": list(graph.outputs),
    }


def load_graph(data: dict[str, Any]) -> Graph:
    """The graph that `dump_graph` wrote.

    >>> from convcalc import parse
    >>> graph = parse("3x3s2, cat(1x1 | maxpool3x3s1p1)")
    >>> load_graph(dump_graph(graph)) == graph
    True
    """
    return Graph(
        tuple([Node(_load_op(node["op"]), tuple(node["inputs"]), node["name"]) for node in data["nodes"]]),
        tuple([tuple(shape) for shape in data["shapes"]]),
        tuple(data["outputs"]),
    )


def _dump_op(op: Op) -> dict[str, Any]:
    names: list[str] = [field.name for field in fields(op)] if is_dataclass(op) else []
    return {"operator": type(op).__name__, **{name: _dump(getattr(op, name)) for name in names}}


def _load_op(data: dict[str, Any]) -> Op:
    given = dict(data)
    return _OPS[given.pop("operator")](**{key: _load(value) for key, value in given.items()})


def _dump(value: Any) -> Any:
    """One field of an operator; what is not JSON's own is an object with a key that says what."""
    if isinstance(value, Window):
        runs = [[[a, b] for a, b in reads.runs] for reads in value.reads]
        return {"window": runs, "advance": value.advance}
    if isinstance(value, Params):
        return {"params": list(value)}
    if isinstance(value, Formula):
        return {"formula": list(value)}
    if isinstance(value, Op):
        return _dump_op(value)
    return [_dump(item) for item in value] if isinstance(value, tuple) else value


def _load(value: Any) -> Any:
    if isinstance(value, list):
        return tuple([_load(item) for item in value])
    if not isinstance(value, dict):
        return value
    if "window" in value:
        reads = tuple([Positions(tuple([(a, b) for a, b in runs])) for runs in value["window"]])
        window = Window(reads, value["advance"])
        return IDENTITY if window == IDENTITY else window
    if "params" in value:
        return Params(*value["params"])
    return Formula(*value["formula"]) if "formula" in value else _load_op(value)


def dump_confirmation(proof: Confirmation) -> dict[str, Any]:
    """A proof as plain data."""
    return {**proof._asdict(), "checks": [list(check) for check in proof.checks], "uncovered": list(proof.uncovered)}


def load_confirmation(data: dict[str, Any]) -> Confirmation:
    """The proof that `dump_confirmation` wrote."""
    checks = tuple([Check(*check) for check in data["checks"]])
    return Confirmation(data["device"], data["torch"], checks, tuple(data["uncovered"]))
