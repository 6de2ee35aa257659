"""The baseline: `convcalc.lock`, the numbers of every check when it was last accepted.

Sorted TOML, one metric or layer a line, so that a change of it reads well in a review. It is only
written by `convcalc check --update`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from convcalc import __version__
from convcalc.analysis.metrics import LAYERS, SHARE
from convcalc.analysis.metrics import metric as metric_named
from convcalc.checks.budget.configuration import ConfigurationError, load_toml
from convcalc.checks.budget.metrics import COUNT, LAYER_COSTS, LOCKED, Value, kind_of

VERSION = 1
MAX_LAYERS = 2_000
"""The most layers that the baseline keeps of one network."""

_HEAD = "# The accepted numbers of every check. Written by: convcalc check --update\n"
_REMEDY = "restore it from version control, or write it again with convcalc check --update"


class Baseline(NamedTuple):
    """One check's accepted numbers; `layers` (empty for very long networks) are per layer what it costs."""

    fingerprint: str
    values: Mapping[str, Value]
    layers: Mapping[str, Mapping[str, int]]


class Lock(NamedTuple):
    """The baselines by name; `file` is where they were read, as reports show it."""

    file: str
    baselines: Mapping[str, Baseline]

    def updated(self, accepted: Mapping[str, Baseline], kept: Iterable[str]) -> Lock:
        """The lock with some baselines new, and of the others only those `kept`."""
        known = set(kept)
        old = {name: baseline for name, baseline in self.baselines.items() if name in known}
        return Lock(self.file, {**old, **accepted})


def parse_lock(text: str, file: str) -> Lock:
    """Read a lock. Raises ConfigurationError where it is none, or of a later format."""
    table = load_toml(text, file)
    if table.get("lock-version") != VERSION:
        raise ConfigurationError(f"lock-version is not {VERSION}", file=file, hint=_REMEDY)
    try:
        return Lock(file, {name: _baseline(entry) for name, entry in table.get("check", {}).items()})
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ConfigurationError(f"this is not a lock: {error}", file=file, hint=_REMEDY) from None


def format_lock(lock: Lock) -> str:
    """The lock as text, sorted.

    >>> print(format_lock(Lock("", {"a": Baseline("00", {"params": Value("count", (9,))}, {})})))
    ... # doctest: +ELLIPSIS
    # The accepted numbers of every check. Written by: convcalc check --update
    convcalc = "..."
    lock-version = 1
    <BLANKLINE>
    [check.a]
    fingerprint = "00"
    params = 9
    <BLANKLINE>
    """
    lines = [f'{_HEAD}convcalc = "{__version__}"', f"lock-version = {VERSION}"]
    for name, baseline in sorted(lock.baselines.items()):
        lines += ["", f"[check.{_key(name)}]", f'fingerprint = "{baseline.fingerprint}"']
        lines += [f"{_key(metric)} = {_value(value)}" for metric, value in sorted(baseline.values.items())]
        if baseline.layers:
            lines += ["", f"[check.{_key(name)}.layer]"]
            lines += [f"{_key(layer)} = {_costs(costs)}" for layer, costs in sorted(baseline.layers.items())]
    return "\n".join([*lines, ""])


def write_lock(lock: Lock, path: Path) -> None:
    """Write the lock whole or not at all. Raises ConfigurationError."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        beside.write_text(format_lock(lock), encoding="utf-8", newline="\n")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigurationError(
            f"the lock cannot be written: {error.strerror}", file=str(path), hint="make its folder writable"
        ) from None


def _baseline(entry: dict[str, Any]) -> Baseline:
    values = {}
    for name, value in entry.items():
        if name not in ("fingerprint", "layer"):
            values[name] = _read_value(name, value)
    layers = {
        layer: {cost: int(number) for cost, number in costs.items() if cost in LAYER_COSTS}
        for layer, costs in entry.get("layer", {}).items()
    }
    return Baseline(str(entry["fingerprint"]), values, layers)


def _read_value(metric: str, value: Any) -> Value:
    if metric not in LOCKED and not metric.startswith(LAYERS):
        raise ValueError(f"unknown metric {metric!r}")
    kind = kind_of(metric_named(metric))
    numbers = value if isinstance(value, list) else [value]
    if kind == SHARE:
        return Value(kind, (Fraction(str(value)),))
    if not all(type(number) is int for number in numbers) or (kind == COUNT and len(numbers) != 1):
        raise ValueError(f"{metric} is no integer")
    return Value(kind, tuple(numbers))


def _value(value: Value) -> str:
    return json.dumps(value.plain)


def _costs(costs: Mapping[str, int]) -> str:
    return f"{{ {', '.join(f'{name} = {number}' for name, number in sorted(costs.items()))} }}"


def _key(name: str) -> str:
    """A key of TOML: bare where it may be, else quoted, with every character that is not printable escaped."""
    if name.isascii() and name.replace("_", "").replace("-", "").isalnum():
        return name
    escaped = (f"\\{char}" if char in '"\\' else char if char.isprintable() else _escape(char) for char in name)
    return f'"{"".join(escaped)}"'


def _escape(char: str) -> str:
    is_surrogate = 0xD800 <= ord(char) <= 0xDFFF  # TOML cannot say it
    return "?" if is_surrogate else f"\\U{ord(char):08X}"
