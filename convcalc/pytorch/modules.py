"""The namespace that `Op.module` builds from: everything of torch.nn, and what torch.nn lacks.

Modules take batch x channels x spatial axes, of any rank from 0 to 3 where the operator has a meaning there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def __getattr__(name: str) -> Any:
    return getattr(nn, name)


def conv(rank: int) -> type[nn.Module]:
    """The convolution over `rank` spatial axes."""
    return (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]


def conv_transpose(rank: int) -> type[nn.Module]:
    """The transposed convolution over `rank` spatial axes."""
    return (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[rank - 1]


def max_pool(rank: int) -> type[nn.Module]:
    """Max pooling over `rank` spatial axes."""
    return (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[rank - 1]


def avg_pool(rank: int) -> type[nn.Module]:
    """Average pooling over `rank` spatial axes."""
    return (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[rank - 1]


def adaptive_avg_pool(rank: int) -> type[nn.Module]:
    """Average pooling to a given size over `rank` spatial axes."""
    return (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[rank - 1]


def batch_norm(rank: int) -> type[nn.Module]:
    """Batch normalisation over `rank` spatial axes; 0 after a dense layer."""
    return (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[rank]


class FlatLinear(nn.Linear):
    """A dense layer that flattens its input first."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1))


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each place, channels first."""

    def forward(self, input: Tensor) -> Tensor:
        scaled = super().forward(input.movedim(1, -1))
        return scaled.movedim(-1, 1)


class LayerScale(nn.Module):
    """A factor to learn for each channel."""

    def __init__(self, channels: int, rank: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, *(1,) * rank))

    def forward(self, input: Tensor) -> Tensor:
        return self.weight * input


class ZeroPad(nn.Module):
    """Zeros on the sides, negative numbers crop; `sides` as in torch.nn.functional.pad: the last axis first."""

    def __init__(self, sides: Sequence[int]) -> None:
        super().__init__()
        self.sides = list(sides)

    def forward(self, input: Tensor) -> Tensor:
        grown, cropped = ([bound(side, 0) for side in self.sides] for bound in (max, min))
        # Crops come last: torch's own order, crops first, fails where they exceed the unpadded map.
        padded = functional.pad(input, grown) if any(grown) or not any(cropped) else input
        return functional.pad(padded, cropped) if any(cropped) else padded


class ShuffleChannels(nn.Module):
    """Channels as a groups x rest table, transposed (torch.nn.ChannelShuffle refuses maps without axes)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        size = input.shape
        return input.reshape(len(input), self.groups, -1, *size[2:]).transpose(1, 2).reshape(size)


class DeformConv2d(nn.Module):
    """Deformable convolution (Dai et al. 2017) with the weights of `conv`; zeros are read beyond the borders.

    Input 1 holds for every kernel place the offset (y, x) of its sample, as in torchvision; if `modulated`
    (Zhu et al. 2019) also a mask for each place, taken through a sigmoid. Samples are interpolated bilinearly.
    """

    def __init__(self, conv: nn.Conv2d, *, modulated: bool) -> None:
        super().__init__()
        self.conv = conv
        self.modulated = modulated

    def forward(self, input: Tensor, offsets: Tensor) -> Tensor:
        places = self.conv.kernel_size[0] * self.conv.kernel_size[1]
        moves = offsets[:, : 2 * places].reshape(len(offsets), places, 2, *offsets.shape[2:])
        samples = self._sample(input, moves)
        if self.modulated:
            samples = samples * offsets[:, 2 * places :].sigmoid().unsqueeze(1)
        weight = self.conv.weight.flatten(1)[:, :, None, None]
        return functional.conv2d(samples.flatten(1, 2), weight, self.conv.bias, groups=self.conv.groups)

    def _sample(self, input: Tensor, moves: Tensor) -> Tensor:
        """`input` at every kernel place moved by `moves`: batch x channels x places x height x width."""
        coordinates = []
        for axis, size in enumerate(moves.shape[-2:]):
            units = torch.arange(size, device=input.device) * self.conv.stride[axis] - int(self.conv.padding[axis])
            taps = torch.arange(self.conv.kernel_size[axis], device=input.device) * self.conv.dilation[axis]
            along_taps = taps[:, None] if axis == 0 else taps[None, :]
            along_units = units[:, None] if axis == 0 else units[None, :]
            taps_flat = along_taps.expand(self.conv.kernel_size).flatten()
            position = taps_flat[:, None, None] + along_units + moves[:, :, axis]
            coordinates.append((2 * position + 1) / input.shape[2 + axis] - 1)
        grid = torch.stack(coordinates[::-1], dim=-1)  # grid_sample wants (x, y)
        sampled = functional.grid_sample(input, grid.flatten(1, 2), align_corners=False)
        return sampled.reshape(*input.shape[:2], *grid.shape[1:4])


class Add(nn.Module):
    """Sum of the inputs, sides of size 1 repeated."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(torch.add, inputs)


class Mul(nn.Module):
    """Product of the inputs, sides of size 1 repeated."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(torch.mul, inputs)


class Mean(Add):
    """Mean of the inputs, sides of size 1 repeated."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return super().forward(*inputs) / len(inputs)


class Cat(nn.Module):
    """The inputs' channels, one after the other."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, dim=1)
