"""Devices: torch's own by their names, what memory they have, and tensors put there."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from convcalc.core import system
from convcalc.core.errors import ConfirmError

USABLE = 0.8
"""The share of the free memory that is taken at most."""


def device_of(name: str) -> torch.device:
    """The device called `name`, "auto" being a GPU where there is one. Raises ConfirmError if there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfirmError(f"no device {name!r}: {reason}", hint="use --device cpu") from None
    if device.type == "meta":
        raise ConfirmError("the meta device runs nothing", hint="use --device cpu")
    return device


def free_memory(device: torch.device) -> int:
    """Free bytes on `device`."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else system.free_memory()


def check_memory(needed: int, device: torch.device) -> None:
    """Raise ConfirmError unless `needed` bytes can be had on `device`."""
    available = free_memory(device)
    if needed > USABLE * available:
        raise ConfirmError(
            f"the module needs {_gigabytes(needed)} of memory on {device}, {_gigabytes(available)} are free",
            hint="the numbers above need no memory; a smaller --input may fit",
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count < 10**15 else f"{count // 10**9:,} GB"


def allocate(module: nn.Module, device: torch.device) -> nn.Module:
    """Move a module to `device`; what it holds on the meta device becomes zeros there.

    Not by `to_empty`, which loads the whole of torch's compiler. Weights that are shared stay shared.
    """
    made: dict[int, torch.Tensor] = {}
    for part in module.modules():
        stores: list[Any] = [part._parameters, part._buffers]
        for store in stores:
            for name, tensor in store.items():
                if tensor is not None and tensor.is_meta:
                    store[name] = made.setdefault(id(tensor), _zeros_like(tensor, device))
    return module.to(device)


def _zeros_like(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    zeros = torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)
    return nn.Parameter(zeros, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else zeros
