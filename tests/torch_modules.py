"""Small PyTorch modules for the tests of tracing, and torch's own count of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

Forward = Callable[..., Any]
"""Of the module and its inputs."""


class Module(nn.Module):
    """A module of these layers with this forward."""

    def __init__(self, forward: Forward, **layers: Any) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._forward = forward

    def forward(self, *inputs: Any) -> Any:
        return self._forward(self, *inputs)


def counted_by_torch(model: nn.Module, *tensors: Any) -> int:
    """MACs by torch's counter, on the meta device."""
    model = model.to("meta").eval().requires_grad_(False)
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*[tensor.to("meta") for tensor in tensors])
    return int(counter.get_total_flops()) // 2


def conv(*args: Any, **options: Any) -> nn.Conv2d:
    """A convolution in 2-D."""
    return nn.Conv2d(*args, **options)
