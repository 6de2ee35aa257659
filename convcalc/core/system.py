"""What the machine has: memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ASSUMED_MEMORY = 8 << 30
"""Bytes of free memory where the system does not say how many there are."""

_TABLE = Path("/proc/meminfo")

_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Where a container's limit and use stand, in both versions of control groups."""


def free_memory() -> int:
    """Bytes that can be had without swapping: the system's, or what the container's limit leaves of them."""
    return min(_free(), default=ASSUMED_MEMORY)


def _free() -> Iterator[int]:
    if _TABLE.exists():
        fields = dict(line.split(":", 1) for line in _TABLE.read_text().splitlines())
        yield int(fields["MemAvailable"].split()[0]) << 10
    elif hasattr(os, "sysconf"):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit, use in _GROUPS:
        try:
            yield max(0, int(Path(limit).read_text()) - int(Path(use).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
