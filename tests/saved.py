"""What PyTorch really keeps for the backward pass: the truth that `Op.saves` and the memory of training answer to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

BATCH = 2
"""Batch normalisation refuses to train on one number for each channel."""


def kept_for_training(module: nn.Module, shapes: Sequence[tuple[int, ...]]) -> int:
    """Elements for each sample of the floating-point tensors that a training pass saves, each storage once.

    Without parameters and buffers, and without the statistics of normalisation.
    """
    saved: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = module.train()(*[torch.rand(BATCH, *shape) for shape in shapes])
    apart = [*module.parameters(), *module.buffers(), *_statistics(output)]
    for tensor in apart:
        saved.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(tensor.untyped_storage().nbytes() // tensor.element_size() for tensor in saved.values()) // BATCH


def _statistics(output: Tensor) -> list[Tensor]:
    """Means and deviations that normalisations on the way to `output` hold."""
    found: list[Tensor] = []
    waiting, seen = [output.grad_fn], set[Any]()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if "Norm" in node.name():
            found += [getattr(node, name) for name in ("_saved_result1", "_saved_result2") if hasattr(node, name)]
        waiting += [before for before, _ in node.next_functions]
    return found
