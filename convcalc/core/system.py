"""What the machine has and allows: memory, and processes that do not look into each other."""

from __future__ import annotations

import os
import sys
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


_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_SUBREAPER = 1, 4, 36
"""Numbers of Linux's prctl."""


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


def hide_process() -> None:
    """Keep other processes of the same user, where the system can, from this one's environment and open files."""
    _control(_SET_DUMPABLE, 0)


def tie_to_parent() -> None:
    """Where the system can: end this process with the one that started it, and adopt what its own children leave."""
    _control(_SET_DEATH_SIGNAL, 9)
    _control(_SET_SUBREAPER, 1)


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def limit_memory(size: int) -> None:
    """Hold this process to `size` bytes, where the system can; it may lift the limit itself only beside a GPU."""
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    size = size if most == resource.RLIM_INFINITY else min(size, most)
    resource.setrlimit(resource.RLIMIT_DATA, (size, most if _has_gpu() else size))


def lift_memory_limit() -> None:
    """Give back what `limit_memory` took, as far as it may be: a GPU's driver maps more than it uses."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _has_gpu() -> bool:
    return os.path.exists("/dev/nvidiactl")
