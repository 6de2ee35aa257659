"""The codec: whatever is no network or no proof is refused as a whole, with one error of ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from convcalc import Network, parse
from convcalc.analysis.proof import Check, Confirmation
from convcalc.catalogue import get
from convcalc.core.errors import ModelError
from convcalc.core.graph import Graph, Node
from convcalc.core.operator import Input, Op, Params
from convcalc.core.ops.activation import ReLU
from convcalc.core.traced import Bypassed, Copy, Recorded, Traced, Uncounted, Unused
from convcalc.core.window import Positions, Window, everything
from convcalc.sandbox.codec import dump_confirmation, dump_graph, load_confirmation, load_graph


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data))


def traced() -> Graph:
    """A graph with every operator that only a recording has."""
    shape = (4, 6, 6)
    rough = Window((Positions(((0, 9),), exact=False), Positions(())), 2)
    ops: list[tuple[Op, tuple[int, ...]]] = [
        (Input(shape), ()),
        (Traced("roll", (shape,), shape, ((rough, everything(6)),), products=3, arithmetic=5, keeps="input"), (0,)),
        (Uncounted("my::op", (shape,), shape), (1,)),
        (Recorded(ReLU(), Params(weights=1, frozen=2)), (2,)),
        (Copy(), (3,)),
        (Bypassed(ReLU(), (shape,), 4), (4,)),
        (Unused(Params(frozen=3)), ()),
    ]
    shapes = [(0,) if isinstance(op, Unused) else shape for op, _ in ops]
    nodes = [Node(op, inputs, f"layer{index}") for index, (op, inputs) in enumerate(ops)]
    return Graph(tuple(nodes), tuple(shapes), (5,))


@pytest.mark.parametrize(
    "graph", [traced(), get("aspp").graph(), get("nasnet-normal").graph()], ids=["traced", "aspp", "nasnet"]
)
def test_a_network_comes_back_as_it_was(graph: Graph) -> None:
    assert load_graph(through_json(dump_graph(graph))) == graph


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_any_network_comes_back_as_it_was(graph: Graph) -> None:
    assert load_graph(through_json(dump_graph(graph))) == graph


def test_every_operator_is_known_by_its_class() -> None:
    """Nothing is exported by hand: a class that exists can be read back, those with and without a word."""
    parse("relu")
    assert {Traced, Recorded, Copy, ReLU} <= set(Op.classes.values())


JUNK: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, 0, 7, 10**30, 1.5, "", "relu", [], {}, [[]], [-1], {"operator": "x"}, [1, "a"]]
)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value inside plain data."""
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, key))


DUMPED = through_json(dump_graph(traced()))
PLACES = list(places(DUMPED))


def changed(data: Any, path: tuple[Any, ...], junk: Any, *, remove: bool) -> Any:
    if not path:
        return junk
    data = copy.deepcopy(data)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = junk
    return data


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), JUNK, st.booleans())
def test_a_spoilt_network_is_refused_or_a_network(path: tuple[Any, ...], junk: Any, remove: bool) -> None:
    try:
        graph = load_graph(changed(DUMPED, path, junk, remove=remove))
    except ModelError:
        return
    network = Network(graph=graph)
    assert isinstance(network.macs, int)
    assert network.memory.peak >= 0


@pytest.mark.parametrize("data", [None, [], {}, "x", 7, {"nodes": 3}, {"nodes": [], "shapes": [[1]], "outputs": [0]}])
def test_what_is_no_network_is_refused(data: Any) -> None:
    with pytest.raises(ModelError, match="not a network"):
        load_graph(data)


def test_an_unknown_operator_is_named() -> None:
    data = changed(DUMPED, ("nodes", 3, "op", "operator"), "evil.Op", remove=False)
    with pytest.raises(ModelError, match=r"unknown operator: .evil\.Op"):
        load_graph(data)


@pytest.mark.parametrize(
    ("path", "junk"),
    [
        (("nodes", 1, "op", "products"), -3),
        (("nodes", 1, "op", "name"), 3),
        (("nodes", 1, "op", "reads", 0, 0, "window"), [[[[3, 5], [1, 2]], True]]),
        (("nodes", 1, "op", "reads", 0, 0, "window"), []),
        (("nodes", 1, "inputs"), [1]),
        (("nodes", 1, "inputs"), [-1]),
        (("shapes", 1), [4, 6, 7]),
        (("shapes", 6), [True]),
        (("outputs",), [7]),
    ],
)
def test_what_no_layer_answers_is_refused(path: tuple[Any, ...], junk: Any) -> None:
    """Negative counts, names that are not texts, runs out of order, layers that read themselves, other shapes."""
    with pytest.raises(ModelError):
        load_graph(changed(DUMPED, path, junk, remove=False))


def test_brackets_without_end_are_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ModelError):
        load_graph(changed(DUMPED, ("nodes", 1, "op", "reads"), deep, remove=False))


PROOF = Confirmation(
    "cpu", "2.13.0", (Check("params", None, 3, 3, "torch"), Check("output", "0", [1], [2], "torch")), ("x",)
)


def test_a_proof_comes_back_as_it_was() -> None:
    assert load_confirmation(through_json(dump_confirmation(PROOF))) == PROOF


PROOF_DUMPED = through_json(dump_confirmation(PROOF))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(places(PROOF_DUMPED))), JUNK, st.booleans())
def test_a_spoilt_proof_is_refused_or_a_proof(path: tuple[Any, ...], junk: Any, remove: bool) -> None:
    try:
        proof = load_confirmation(changed(PROOF_DUMPED, path, junk, remove=remove))
    except ModelError:
        return
    assert isinstance(proof.ok, bool)
    assert "".join(
        [proof.device, proof.torch, *proof.uncovered, *[check.what + check.witness for check in proof.checks]]
    )
