"""Dense layers, and flattening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.core.algebra import prod, text
from convcalc.core.operator import Formula, Op, Params, Shape, operator, option, positive, times
from convcalc.core.window import Window, everything


class _Whole(Op):
    """An operator whose output has no spatial axes: every unit reads the whole map."""

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return everything(inputs[0][1 + axis])


@operator
class Dense(_Whole):
    """Dense (fully connected) layer; flattens its input.

    By hand, `fc1000` on 512x7x7: 512*7*7*1000 = 25,088,000 weights and as many MACs, 1,000 biases.
    """

    label = "fc"
    word = "fc"
    summary = "dense layer (flattens its input), bias by default"
    numbered = True
    saves = "input"
    exact_in_fvcore = True

    channels: int = option("")
    bias: bool = option("b", default=True, flag=True)

    def bind(self, *inputs: Shape) -> Op:
        positive("channels", self.channels)
        return self

    def shape(self, *inputs: Shape) -> Shape:
        return (self.channels,)

    def params(self, *inputs: Shape) -> Params:
        return Params(prod(inputs[0]) * self.channels, self.channels if self.bias else 0)

    def macs(self, *inputs: Shape) -> int:
        return prod(inputs[0]) * self.channels

    def elementwise(self, *inputs: Shape) -> int:
        """One addition for each output, where there is a bias."""
        return self.channels if self.bias else 0

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        """The input, for the gradient by the weights; the one by the input needs the weights only."""
        return super().saved_inputs(wanted, trained=trained) if trained else ()

    def formula(self, *inputs: Shape) -> Formula:
        product = times(*inputs[0], self.channels)
        return Formula(product + (f" + {text(self.channels)}" if self.bias else ""), product)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.FlatLinear(prod(inputs[0]), self.channels, bias=bool(self.bias))


@operator
class Flatten(_Whole):
    """Channels and places in one row. A view: no arithmetic, no memory."""

    label = "flatten"
    word = "flatten"
    summary = "all channels and places in one row"
    is_view = True

    def shape(self, *inputs: Shape) -> Shape:
        return (prod(inputs[0]),)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Flatten()
