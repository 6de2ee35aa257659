"""Limits may also stand in tests: the fixture comes with convcalc."""

from tinynet.models import TinyNet


def test_a_wider_net_stays_small(convcalc_budget):
    convcalc_budget(TinyNet(width=64), input=(3, 64, 64), params={"max": "200k"})
