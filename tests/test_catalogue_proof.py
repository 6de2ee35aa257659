"""Every entry goes through the proof, by registration.

Quickly: all blocks, and of each family the network of fewest layers, over small images; with `--thorough`
everything at its own size.
"""

from __future__ import annotations

import pytest

from convcalc import block
from convcalc.blocks import names

pytest.importorskip("torch")
pytest.importorskip("fvcore")

from convcalc import confirm  # noqa: E402  (behind the skips)

SMALL = 75
"""The size of small images."""

NETWORKS = [name for name in names() if "classes" in block(name).parameters]


def shortest_of_its_family(name: str) -> bool:
    family = [other for other in NETWORKS if block(other).family == block(name).family]
    return name == min(family, key=lambda other: len(block(other).graph().nodes))


def small(shape: tuple[int, ...]) -> tuple[int, ...]:
    channels, *sizes = shape
    return (channels, *(min(size, SMALL) if channels == 3 else size for size in sizes))


@pytest.mark.parametrize("name", names())
def test_entry(name: str, thorough: bool) -> None:
    shape = block(name).input
    if name in NETWORKS and not thorough:
        if not shortest_of_its_family(name):
            pytest.skip("only with --thorough")
        shape = small(shape)
    proof = confirm(block(name).graph(shape))
    assert proof.failures == ()
    assert {"output", "params", "macs", "receptive_field"} <= {check.what for check in proof.checks}
