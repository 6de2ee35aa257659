"""Normalisation. For the receptive field each is local: its statistics are taken as given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.core.algebra import prod
from convcalc.core.errors import ShapeError
from convcalc.core.operator import (
    NO_FORMULA,
    NO_PARAMS,
    Formula,
    Op,
    Params,
    Shape,
    check_groups,
    operator,
    option,
    positive,
    rank,
    spell,
    times,
)


class _Norm(Op):
    """Two parameters for each channel: scale and shift.

    Training keeps the input; the statistics, a few numbers for each channel or place, are not counted.
    """

    numbered = True
    saves = "input"
    per_element = 7

    def params(self, *inputs: Shape) -> Params:
        return Params(norm=2 * inputs[0][0])

    def formula(self, *inputs: Shape) -> Formula:
        return Formula(times(2, inputs[0][0]))

    def elementwise(self, *inputs: Shape) -> int:
        """For each element: mean 1, centring 1, variance 2, scaling 1, affine 2."""
        return self.per_element * prod(inputs[0])


@operator
class BatchNorm(_Norm):
    """Batch normalisation (Ioffe and Szegedy 2015). In inference a product and a sum for each element.

    Without `affine` it has no parameters (Caffe's layer).
    """

    label = "bn"
    word = "bn"
    summary = "batch normalisation; a0 without scale and shift"
    per_element = 2

    affine: bool = option("a", default=True, flag=True)

    def params(self, *inputs: Shape) -> Params:
        return super().params(*inputs) if self.affine else NO_PARAMS

    def buffers(self, *inputs: Shape) -> int:
        """A running mean and a running variance for each channel, and the number of batches seen."""
        return 2 * inputs[0][0] + 1

    def formula(self, *inputs: Shape) -> Formula:
        return super().formula(*inputs) if self.affine else NO_FORMULA

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.batch_norm(rank(inputs[0]))(inputs[0][0], affine=bool(self.affine))


@operator
class LayerNorm(_Norm):
    """Layer normalisation over the channels of each place (Ba et al. 2016; ConvNeXt's LayerNorm2d)."""

    label = "ln"
    word = "ln"
    summary = "layer normalisation over the channels of each place"

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.ChannelLayerNorm(inputs[0][0])


@operator
class GroupNorm(_Norm):
    """Group normalisation (Wu and He 2018): `gn32` has 32 groups of channels."""

    label = "gn"
    word = "gn"
    summary = "group normalisation; the number is its groups"

    groups: int = option("")

    def bind(self, *inputs: Shape) -> Op:
        check_groups(self.groups, inputs[0])
        return self

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.GroupNorm(self.groups, inputs[0][0])


@operator
class LocalResponseNorm(Op):
    """Local response normalisation (Krizhevsky et al. 2012, section 3.3) over `size` neighbouring channels.

    For each element: size squares and size - 1 sums, then scale, shift, power and quotient. No parameters.
    """

    label = "lrn"
    word = "lrn"
    summary = "local response normalisation; the number is its channels"
    saves = "input"

    size: int = option("", default=5)

    def bind(self, *inputs: Shape) -> Op:
        positive("the size", self.size)
        if not rank(inputs[0]):
            raise ShapeError(f"lrn needs spatial axes, its input {spell(inputs[0])} has none")
        return self

    def elementwise(self, *inputs: Shape) -> int:
        return (2 * self.size + 3) * prod(inputs[0])

    def kept(self, *inputs: Shape) -> int:
        """The squares with zeros around the channels, what the power is taken of, and the divisor."""
        places = prod(inputs[0][1:])
        return (inputs[0][0] + self.size - 1) * places + 2 * prod(inputs[0])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.LocalResponseNorm(self.size)


@operator
class LayerScale(Op):
    """A factor to learn for each channel (Touvron et al. 2021, section 2)."""

    label = "scale"
    word = "scale"
    summary = "a factor to learn for each channel"
    saves = "input"

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        return super().saved_inputs(wanted, trained=trained) if trained else ()

    def params(self, *inputs: Shape) -> Params:
        return Params(weights=inputs[0][0])

    def formula(self, *inputs: Shape) -> Formula:
        return Formula(times(inputs[0][0]))

    def elementwise(self, *inputs: Shape) -> int:
        return prod(inputs[0])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.LayerScale(inputs[0][0], rank(inputs[0]))
