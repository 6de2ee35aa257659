"""What leaves PyTorch during a forward pass: values that go to NumPy, to lists, to raw memory.

The recorder cannot follow them there, nor tell what is computed; it notes the place, and takes a tensor that
nobody has seen before for what came back.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from convcalc import core


def _folder(module: Any) -> str:
    return os.path.dirname(os.path.abspath(str(module.__file__))) + os.sep


OWN = os.path.dirname(os.path.dirname(_folder(core))) + os.sep
"""Where convcalc's own code lies."""

FOREIGN = (_folder(torch), OWN, _folder(importlib), "<frozen")
"""Where code lies that does not belong to a model: PyTorch's, convcalc's, Python's import."""

_EXPORTS = frozenset(
    {
        torch.Tensor.numpy,
        torch.Tensor.tolist,
        torch.Tensor.__array__,
        torch.Tensor.__dlpack__,
        torch.Tensor.data_ptr,
    }
)

_SET_DATA = torch.Tensor.data.__set__  # type: ignore[attr-defined]


class Leaving(TorchFunctionMode):
    """Tells `left` of every tensor whose values leave PyTorch, `replaced` of `tensor.data = other`."""

    def __init__(
        self, left: Callable[[torch.Tensor], None], replaced: Callable[[torch.Tensor, torch.Tensor], None]
    ) -> None:
        super().__init__()
        self._left = left
        self._replaced = replaced

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in _EXPORTS and not args[0].is_meta:
            self._left(args[0])
        elif func == _SET_DATA:
            self._replaced(*args)
        return out


def calling_line() -> str:
    """File and line of the model's own code that is running: `model.py:12`."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_foreign(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def _is_foreign(path: str) -> bool:
    return path.startswith(FOREIGN) or f"{os.sep}numpy{os.sep}" in path
