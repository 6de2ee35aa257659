"""From the name of a device to torch's own."""

from __future__ import annotations

import torch

from convcalc.core.errors import ConfirmError


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
