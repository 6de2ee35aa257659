"""Sketches: one-channel copies of layers that read exactly the places that the layers read.

A module without parameters is its own sketch: it is run on one channel of ones in double precision, and its
gradients are those of the real function. A rule is needed where that does not show all places: for modules with
weights (the sketch has weights of one), those that select (the sketch of max pooling sums its window), and those
whose channels differ. All channels of a layer's output together read all channels of its input, so one channel
tells where a layer reads.

A module of torch.nn is sketched by a rule below; one of `convcalc.pytorch.modules` may have a method `sketch`.
"""

from __future__ import annotations

import copy
from functools import reduce, singledispatch
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from convcalc.pytorch import modules


class NotSketchedError(Exception):
    """No rule says which places a module of this type reads."""


@singledispatch
def sketch(module: nn.Module) -> nn.Module:
    """The one-channel copy of a layer, in double precision. Raises NotSketchedError."""
    own = getattr(type(module), "sketch", None)
    if own is not None:
        made: nn.Module = own(module)
        return made
    if next(module.parameters(), None) is not None:
        raise NotSketchedError(type(module).__name__)
    if type(module).__module__ == nn.ReLU.__module__:
        return nn.Identity()  # torch.nn.modules.activation: functions of each place by itself
    return copy.deepcopy(module).double()


def _nothing(module: nn.Module) -> nn.Module:
    return nn.Identity()


class _Sum(nn.Module):
    """The sum of several tensors, sides of size 1 repeated."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(torch.add, inputs)


class _Total(nn.Module):
    """The sum of a whole map."""

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(1).sum(1, keepdim=True)


class _PoolSum(nn.Module):
    """The sum of every window of max pooling, over as many windows as it has."""

    def __init__(self, pool: Any) -> None:
        super().__init__()
        options = {"stride": pool.stride, "padding": pool.padding, "dilation": pool.dilation}
        self.windows = _ones(modules.conv(len(pool.kernel_size)), pool.kernel_size, **options)
        self.overhang = [side for stride in reversed(pool.stride) for side in (0, stride)]
        self.pool = pool

    def forward(self, input: Tensor) -> Tensor:
        if not self.pool.ceil_mode:
            summed: Tensor = self.windows(input)
            return summed
        size = self.pool(input).shape
        summed = self.windows(functional.pad(input, self.overhang))
        return summed[tuple(slice(length) for length in size)]


class _PlacePad(nn.Module):
    """The padding of the spatial axes; channels are not padded."""

    def __init__(self, pad: modules.ZeroPad) -> None:
        super().__init__()
        self.sides = pad.sides

    def forward(self, input: Tensor) -> Tensor:
        padded: Tensor = modules.ZeroPad(self.sides[: 2 * (input.dim() - 2)])(input)
        return padded


class _Unflattened(nn.Module):
    """A row as one place for each number."""

    def __init__(self, unflatten: nn.Unflatten) -> None:
        super().__init__()
        self.places = unflatten.unflattened_size[1:]

    def forward(self, input: Tensor) -> Tensor:
        return input.reshape(len(input), 1, *self.places)


class _DeformSum(nn.Module):
    """The undeformed convolution, and the offsets of its own place."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = sketch(conv)

    def forward(self, input: Tensor, offsets: Tensor) -> Tensor:
        summed: Tensor = self.conv(input) + offsets
        return summed


def _ones(kind: type[nn.Module], kernel: tuple[int, ...], **options: Any) -> nn.Module:
    """A convolution with one channel and weights of one; made without drawing random numbers."""
    made: Any = kind(1, 1, kernel, bias=False, dtype=torch.float64, device="meta", **options)
    made.weight = nn.Parameter(torch.ones(made.weight.shape, dtype=torch.float64), requires_grad=False)
    return made  # type: ignore[no-any-return]


def _convolution(module: Any) -> nn.Module:
    names = ("stride", "padding", "dilation", *(("output_padding",) if module.transposed else ()))
    return _ones(type(module), module.kernel_size, **{name: getattr(module, name) for name in names})


def _rules() -> None:
    """Which rule sketches which module."""
    ranks = (1, 2, 3)
    convolutions = [kind(rank) for kind in (modules.conv, modules.conv_transpose) for rank in ranks]
    local = [nn.GroupNorm, nn.modules.batchnorm._BatchNorm]
    local += [modules.ChannelLayerNorm, modules.LayerScale, modules.ShuffleChannels]
    for rule, kinds in (
        (_convolution, convolutions),
        (_PoolSum, [modules.max_pool(rank) for rank in ranks]),
        (_Unflattened, [nn.Unflatten]),
        (_PlacePad, [modules.ZeroPad]),
        (lambda join: _Sum(), [modules.Cat]),
        (lambda dense: _Total(), [modules.FlatLinear, nn.Flatten]),
        (lambda deform: _DeformSum(deform.conv), [modules.DeformConv2d]),
        (_nothing, local),
    ):
        for kind in kinds:
            sketch.register(kind)(rule)


_rules()
