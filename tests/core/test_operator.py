"""Shapes from outside: whole numbers of any library become Python's own, everything else is refused by name."""

from __future__ import annotations

import array
from typing import Any

import pytest

from convcalc import ConvcalcError, load, parse
from convcalc.core.operator import as_shape


def numpy() -> Any:
    return pytest.importorskip("numpy")


def test_numpy_integers_become_pythons_and_do_not_overflow() -> None:
    np = numpy()
    graph = parse("3x3c1000000", tuple(np.int64(n) for n in (100_000, 100_000, 100_000)))
    assert all(type(size) is int for size in graph.input_shapes[0])
    by_hand = 3 * 3 * 100_000 * 1_000_000 * 100_000 * 100_000
    assert load(graph).macs == by_hand > 2**63
    assert load("3x3c1000000", input=np.array([100_000, 100_000, 100_000])).macs == by_hand
    assert as_shape(array.array("q", [3, 8])) == (3, 8)


@pytest.mark.parametrize(
    "wrong", [(3.0, 8, 8), (True, 8, 8), "3x8x8", 3, None, (3, "8", 8), {"a": 1}, b"888", (3, None), ((3, 8),)]
)
def test_what_is_no_row_of_whole_numbers_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"such as .*\(3, 224, 224\)"):
        as_shape(wrong)


def test_values_are_not_a_shape() -> None:
    with pytest.raises(TypeError, match="given by its shape"):
        load("3x3", input=numpy().zeros((1, 3, 8, 8)))


@pytest.mark.parametrize("wrong", [(3.0, 8, 8), (True, 8), 3.5, (3, -8, 8), (0, 8, 8), [], (1, 2, 3, 4, 5)])
def test_the_front_door_refuses_them_too(wrong: Any) -> None:
    with pytest.raises((TypeError, ConvcalcError)):
        load("3x3", input=wrong)


def test_a_text_is_a_text() -> None:
    with pytest.raises(TypeError, match="a network is a text"):
        parse(33)  # type: ignore[arg-type]
