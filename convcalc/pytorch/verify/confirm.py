"""The proof: the real module is built and run, and its witnesses' numbers are laid beside ours.

`counts` holds the witnesses of shapes, parameters and MACs, `reach` those of the receptive field.
Nothing here changes torch's global state; torch's and fvcore's warnings are kept in for the time of a proof.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Confirmation
from convcalc.core.errors import ConfirmError
from convcalc.pytorch.build import BuiltModule, build
from convcalc.pytorch.device import device_of
from convcalc.pytorch.verify.counts import count_checks
from convcalc.pytorch.verify.gradients import reach_checks

BYTES = 4
"""Of one element: the module is built in float32."""

USABLE = 0.8
"""The share of the free memory that a proof takes at most."""

ASSUMED_MEMORY = 8 << 30
"""Bytes of free memory where the system does not say how many there are."""

NO_OTHER_WITNESS = "elementwise arithmetic and memory (no other tool counts them)"


def confirm(network: Network, *, device: str = "cpu", progress: Callable[[str], None] | None = None) -> Confirmation:
    """Prove the numbers of `network` on its real PyTorch module.

    `device` is "cpu", "cuda" (or another of torch's) or "auto"; `progress` is told each stage as it begins.
    Raises ConfirmError where the module does not fit the memory or there is no such device.

    >>> from convcalc import load
    >>> confirm(load("3x3,3x3", input=(4, 9, 9))).ok
    True
    """
    tell = progress or (lambda stage: None)
    place = device_of(device)
    _check_memory(network, place)
    with _quiet(), torch.inference_mode(False):
        tell("building the module")
        with torch.device("meta"):
            module = build(network.graph).eval()
        tell("running the module")
        checks, uncovered = count_checks(network, _allocate(module, place))
        if all(check.ok for check in checks if check.what == "output"):
            tell("following gradients")
            reached, unreached = reach_checks(module, place)
        else:
            reached, unreached = [], ["the receptive field (the shapes disagree)"]
    return Confirmation(
        str(place),
        torch.__version__.partition("+")[0],
        (*checks, *reached),
        (*uncovered, *unreached, NO_OTHER_WITNESS),
    )


def _check_memory(network: Network, device: torch.device) -> None:
    """Raise ConfirmError unless parameters and live activations fit, before anything is allocated."""
    needed = BYTES * (network.memory.params + network.memory.peak)
    available = free_memory(device)
    if needed > USABLE * available:
        raise ConfirmError(
            f"the module needs {_gigabytes(needed)} of memory on {device}, {_gigabytes(available)} are free",
            hint="the numbers above need no memory; a smaller --input may fit",
        )


def free_memory(device: torch.device) -> int:
    """Free bytes on `device`."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    table = Path("/proc/meminfo")
    if table.exists():
        fields = dict(line.split(":", 1) for line in table.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) << 10
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return ASSUMED_MEMORY


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count < 10**15 else f"{count // 10**9:,} GB"


def _allocate(module: BuiltModule, device: torch.device) -> BuiltModule:
    """Memory for a module built on the meta device. Counts do not depend on weights: they are zero."""
    module.to_empty(device=device)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.zero_()
    return module


@contextmanager
def _quiet() -> Iterator[None]:
    """Python warnings off for a while: torch and fvcore warn about their own insides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
