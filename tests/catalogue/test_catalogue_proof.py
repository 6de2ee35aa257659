"""Every entry goes through the proof, by registration.

Quickly: all blocks, and of each family the network of fewest layers, over small images; with `--long`
everything at its own size.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from convcalc.catalogue import get, names

pytest.importorskip("torch")
pytest.importorskip("fvcore")

from convcalc import Network, ShapeError

SMALL = 75
"""The size of small images."""

NETWORKS = [name for name in names() if "classes" in get(name).parameters]


def shortest_of_its_family(name: str) -> bool:
    family = [other for other in NETWORKS if get(other).family == get(name).family]
    return name == min(family, key=lambda other: len(get(other).graph().nodes))


def small(shape: tuple[int, ...]) -> tuple[int, ...]:
    channels, *sizes = shape
    return (channels, *(min(size, SMALL) if channels == 3 else size for size in sizes))


@pytest.mark.parametrize("name", names())
def test_entry(name: str, long: bool) -> None:
    shape = get(name).input
    if name in NETWORKS and not long:
        if not shortest_of_its_family(name):
            pytest.skip("only with --long")
        shape = small(shape)
    proof = Network(graph=get(name).graph(shape)).confirm()
    assert proof.failures == ()
    assert {"output", "params", "macs", "receptive_field"} <= {check.what for check in proof.checks}


BLOCKS = [name for name in names() if name not in NETWORKS]


@pytest.mark.parametrize("name", BLOCKS)
def test_entry_with_other_parameters(name: str, long: bool) -> None:
    """Every number doubled, one at a time: the proof holds, or the block says why not. Quickly: strides only."""
    entry = get(name)
    numbers = {parameter: 2 * default for parameter, default in entry.parameters.items() if type(default) is int}
    for parameter, value in numbers.items():
        if long or parameter == "stride":
            with suppress(ShapeError):
                graph = entry.graph((entry.input[0], 15, 16), **{parameter: value})
                assert Network(graph=graph).confirm().failures == ()
