"""Attention over channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.core.algebra import at_least
from convcalc.core.errors import ShapeError
from convcalc.core.operator import Composite, Op, operator, option, positive
from convcalc.core.ops.activation import ReLU, Sigmoid
from convcalc.core.ops.convolution import Conv
from convcalc.core.ops.join import Mul
from convcalc.core.ops.pooling import GlobalAvgPool

if TYPE_CHECKING:
    from convcalc.core.graph import Tensor

RELU: Op = ReLU()
SIGMOID: Op = Sigmoid()


@operator
class SqueezeExcitation(Composite):
    """Squeeze-and-excitation (Hu et al. 2018, Fig. 1): global average, C/r, relu, C, sigmoid, product.

    By hand, `se16` on 256 channels: 256*16 + 16 + 16*256 + 256 = 8,464 parameters.
    """

    label = "se"
    word = "se"
    summary = "squeeze-excitation with a reduction of so much"

    reduction: int = option("", default=16)

    def expand(self, x: Tensor) -> Tensor:
        positive("the reduction", self.reduction)
        squeezed = x.channels // self.reduction
        if not at_least(squeezed, 1):
            raise ShapeError(f"a reduction of {self.reduction} leaves nothing of {x.channels} channels")
        return excite(x, squeezed)


def excite(x: Tensor, squeezed: int, activation: Op = RELU, gate: Op = SIGMOID) -> Tensor:
    """`x` weighed by channel: global average, `squeezed` channels, `activation`, all channels, `gate`, product."""
    y = x.apply(GlobalAvgPool(), name="avgpool")
    y = y.apply(Conv((1,), squeezed, bias=True), name="fc1").apply(activation, name="activation")
    y = y.apply(Conv((1,), x.channels, bias=True), name="fc2").apply(gate, name="scale_activation")
    return x.apply(Mul(), y, name="mul")
