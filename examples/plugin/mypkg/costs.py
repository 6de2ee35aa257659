"""A plugin: an activation, a block, a metric and a rule of one's own, through the decorators that convcalc uses."""

from __future__ import annotations

from fractions import Fraction

import convcalc
from convcalc.catalogue.layers import conv_bn_relu
from convcalc.core.graph import Tensor
from convcalc.core.ops.activation import activation

Mish = activation("mish", "Mish", "x * tanh(softplus(x)) (Misra 2019)", saves="input")


@convcalc.block("two-by-two", source="this example", input="64x28x28")
def two_by_two(x: Tensor, channels: int = 64) -> Tensor:
    """Two 2x2 convolutions, which together read 3x3."""
    return conv_bn_relu(conv_bn_relu(x, channels, 2, padding=0), channels, 2, padding=1)


@convcalc.metric("macs_per_param", title="MACs per parameter", unit="ratio")
def macs_per_param(network: convcalc.Network) -> Fraction:
    """How often a network uses each of its parameters."""
    return Fraction(network.macs, network.params) if network.params else Fraction(0)


@convcalc.rule("mylib::selective_scan")
def selective_scan(states: tuple[int, ...], steps: tuple[int, ...]) -> int:
    """MACs of a kernel of one's own: every state takes part once in every step."""
    batch, channels, length = steps
    return batch * channels * length * states[-1]
