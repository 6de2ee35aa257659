"""How long a forward pass takes. Networks are timed in turns, so that a slow moment of the machine falls on all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from convcalc.core.graph import Graph
from convcalc.pytorch.build import build

WARM_UP = 3
"""Passes that are not timed."""

REPEATS = 15
"""Passes that are."""


def quartiles(graphs: Sequence[Graph], device: torch.device) -> list[list[float]]:
    """Lower quartile, median and upper quartile, in milliseconds, of a forward pass in float32 at batch 1."""
    networks = [build(graph).to(device).eval() for graph in graphs]
    inputs = [[torch.rand(1, *shape, device=device) for shape in graph.input_shapes] for graph in graphs]
    times: list[list[float]] = [[] for _ in graphs]
    with torch.inference_mode():
        for turn in range(WARM_UP + REPEATS):
            for network, tensors, measured in zip(networks, inputs, times, strict=True):
                seconds = _time(network, tensors, device)
                if turn >= WARM_UP:
                    measured.append(1000 * seconds)
    return [statistics.quantiles(measured, n=4) for measured in times]


def _time(network: nn.Module, inputs: Sequence[Tensor], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    network(*inputs)
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
