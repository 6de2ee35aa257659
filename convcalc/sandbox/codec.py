"""A traced model as plain data, from the process that ran its code to the one that reports: JSON, never pickle.

The reading side trusts nothing: an operator is one whose class is loaded here, and a layer answers every question
that is asked of layers with numbers of the right kind, or the whole answer is refused with one ModelError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from itertools import chain, pairwise
from typing import Any, TypeVar

from convcalc.analysis.proof import Check, Confirmation
from convcalc.core import traced  # noqa: F401  (its operators are read by their names)
from convcalc.core.errors import LimitError, ModelError
from convcalc.core.graph import MAX_LAYERS, MAX_SIZE, Graph, Node
from convcalc.core.operator import REGISTRY, Formula, Op, Params, Shape
from convcalc.core.window import IDENTITY, Positions, Window

T = TypeVar("T")


def dump_graph(graph: Graph) -> dict[str, Any]:
    """The graph as numbers, texts, lists and objects."""
    return {
        "nodes": [{"op": _dump_op(op), "inputs": list(inputs), "name": name} for op, inputs, name in graph.nodes],
        "shapes": [list(shape) for shape in graph.shapes],
        "outputs": list(graph.outputs),
    }


def load_graph(data: Any) -> Graph:
    """The graph that `dump_graph` wrote. Raises ModelError where `data` is something else.

    >>> from convcalc import parse
    >>> graph = parse("3x3s2, cat(1x1 | maxpool3x3s1p1)")
    >>> load_graph(dump_graph(graph)) == graph
    True
    """
    return _read(_graph, data, "network")


def dump_confirmation(proof: Confirmation) -> dict[str, Any]:
    """A proof as plain data."""
    return {**proof._asdict(), "checks": [check._asdict() for check in proof.checks]}


def load_confirmation(data: Any) -> Confirmation:
    """The proof that `dump_confirmation` wrote. Raises ModelError where `data` is something else."""
    return _read(_confirmation, data, "proof")


def _read(read: Callable[[Any], T], data: Any, what: str) -> T:
    """`read(data)`, in which anything may go wrong: the data may be a stranger's."""
    try:
        return read(data)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"the model's process answered with something that is not a {what} ({type(error).__name__})",
            hint="the model's own code may have written it: look at what it does to its process",
        ) from error


def _graph(data: Any) -> Graph:
    REGISTRY.load()
    shapes: list[Shape] = []
    nodes: list[Node] = []
    if len(data["nodes"]) > MAX_LAYERS + 1:  # an input is no layer
        raise LimitError(f"a network of more than {MAX_LAYERS:,} layers")
    for node, size in zip(data["nodes"], data["shapes"], strict=True):
        inputs = _numbers(node["inputs"], len(nodes))
        op, shape = _load_op(node["op"]), _numbers(size, MAX_SIZE)
        _check_layer(op, [shapes[source] for source in inputs], shape)
        nodes.append(Node(op, inputs, _typed(str, node["name"])))
        shapes.append(shape)
    return Graph(tuple(nodes), tuple(shapes), _numbers(data["outputs"], len(nodes)))


def _check_layer(op: Op, inputs: Sequence[Shape], output: Shape) -> None:
    """Raise unless the operator answers as a layer between these shapes does."""
    if op.shape(*inputs) != output:
        raise ValueError("a layer of another shape")
    for count in (*_typed(Params, op.params(*inputs)), op.macs(*inputs), op.elementwise(*inputs)):
        if _typed(int, count) < 0:
            raise ValueError("a negative count")
    for text in (op.kind, op.saves, op.spec(), *_typed(Formula, op.formula(*inputs))):
        _typed(str, text)
    for source, shape in enumerate(inputs):
        for axis in range(len(shape) - 1):
            _typed(Window, op.window(axis, source, *inputs))


def _typed(kind: type[T], value: Any) -> T:
    """`value`. Raises TypeError unless it is of that very type: True is not a number."""
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} for {kind.__name__}")
    return value


def _numbers(values: Any, stop: int) -> tuple[int, ...]:
    """The values as a tuple. Raises TypeError, ValueError unless each is a number from 0 to, not including, `stop`."""
    numbers = tuple([_typed(int, value) for value in values])
    if not all(0 <= number < stop for number in numbers):
        raise ValueError("a number out of range")
    return numbers


def _dump_op(op: Op) -> dict[str, Any]:
    names: list[str] = [field.name for field in fields(op)] if is_dataclass(op) else []
    return {"operator": type(op).full_name(), **{name: _dump(getattr(op, name)) for name in names}}


def _load_op(data: Any) -> Op:
    options = {name: _load(value) for name, value in data.items() if name != "operator"}
    cls = Op.classes.get(_typed(str, data["operator"]))
    if cls is None:
        raise ModelError(
            f"the model's process answered with an unknown operator: {data['operator'][:80]!r}",
            hint="a plugin that adds operators must be loaded on both sides",
        )
    return cls(**options)


def _dump(value: Any) -> Any:
    """One field of an operator; what is not JSON's own is an object with a key that says what."""
    if isinstance(value, Window):
        return {"window": [[reads.runs, reads.exact] for reads in value.reads], "advance": value.advance}
    if isinstance(value, Params):
        return {"params": value._asdict()}
    if isinstance(value, Formula):
        return {"formula": value._asdict()}
    if isinstance(value, Op):
        return _dump_op(value)
    return [_dump(item) for item in value] if isinstance(value, tuple) else value


def _load(value: Any) -> Any:
    if isinstance(value, list):
        return tuple([_load(item) for item in value])
    if not isinstance(value, dict):
        return value
    if "window" in value:
        return _load_window(value)
    if "params" in value:
        return Params(**value["params"])
    return Formula(**value["formula"]) if "formula" in value else _load_op(value)


def _load_window(data: dict[str, Any]) -> Window:
    reads = []
    for runs, exact in data["window"]:
        pairs = tuple([(_typed(int, start), _typed(int, stop)) for start, stop in runs])
        if not all(a < b for a, b in pairwise(chain.from_iterable(pairs))):
            raise ValueError("runs that are not sorted")
        reads.append(Positions(pairs, _typed(bool, exact)))
    if not reads:
        raise ValueError("a window without units")
    window = Window(tuple(reads), _typed(int, data["advance"]))
    return IDENTITY if window == IDENTITY else window


def _confirmation(data: Any) -> Confirmation:
    proof = Confirmation(**{**data, "checks": tuple([Check(**check) for check in data["checks"]])})
    for check in proof.checks:
        for text in (check.what, check.witness, *([] if check.layer is None else [check.layer])):
            _typed(str, text)
    uncovered = tuple([_typed(str, text) for text in proof.uncovered])
    return proof._replace(device=_typed(str, proof.device), torch=_typed(str, proof.torch), uncovered=uncovered)
