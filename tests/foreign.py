"""Other people's models: torchvision and timm, importable also where torchvision's compiled operators do not load."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

_BOXES = "(Tensor boxes, Tensor scores, float threshold) -> Tensor"


@cache
def _declared() -> Any:
    """Declare the two operators that torchvision's import looks up, and keep the declaration alive."""
    torch = pytest.importorskip("torch")
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms" + _BOXES)
        library.define("qnms" + _BOXES)
        return library
    except ImportError:
        pytest.skip("torchvision is not installed")
    return None


def torchvision_models() -> Any:
    """`torchvision.models`; skips the test where it is not installed."""
    _declared()
    return pytest.importorskip("torchvision.models")


def torchvision_ops() -> Any:
    """`torchvision.ops`; skips the test where it is not installed. Its compiled operators may still not load."""
    _declared()
    return pytest.importorskip("torchvision.ops")


def timm() -> Any:
    """`timm`; skips the test where it is not installed."""
    _declared()
    return pytest.importorskip("timm")
