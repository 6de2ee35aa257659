"""Every entry goes through the proof, by registration: all blocks always, the networks with `--long`."""

from __future__ import annotations

from contextlib import suppress

import pytest

from convcalc.catalogue import get, names

pytest.importorskip("torch")
pytest.importorskip("fvcore")

from convcalc import Network, ShapeError

NETWORKS = [name for name in names() if "classes" in get(name).parameters]
BLOCKS = [name for name in names() if name not in NETWORKS]


@pytest.mark.parametrize("name", [*BLOCKS, *(pytest.param(name, marks=pytest.mark.long) for name in NETWORKS)])
def test_entry(name: str) -> None:
    proof = Network(graph=get(name).graph()).confirm()
    assert proof.failures == ()
    assert {"output", "params", "macs", "receptive_field"} <= {check.what for check in proof.checks}


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "googlenet"])
def test_a_network_over_a_small_image(name: str) -> None:
    assert Network(graph=get(name).graph((3, 75, 75))).confirm().failures == ()


@pytest.mark.long
@pytest.mark.parametrize("name", BLOCKS)
def test_entry_with_other_parameters(name: str) -> None:
    """Every number doubled, one at a time: the proof holds, or the block says why not."""
    entry = get(name)
    numbers = {parameter: 2 * default for parameter, default in entry.parameters.items() if type(default) is int}
    for parameter, value in numbers.items():
        with suppress(ShapeError):
            graph = entry.graph((entry.input[0], 15, 16), **{parameter: value})
            assert Network(graph=graph).confirm().failures == ()
