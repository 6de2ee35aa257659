"""The baseline: `convcalc.lock`, the numbers of every check when it was last accepted.

Sorted TOML, one metric or layer a line, so that a change of it reads well in a review. What it keeps are the
metrics, and of each layer those that add up. It is only written by `convcalc check --update`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from convcalc import __version__
from convcalc.analysis.metrics import METRICS, find_metric
from convcalc.analysis.network import Network
from convcalc.checks.limits import SIZES, Value, all_measured, kind_of
from convcalc.checks.toml import ConfigurationError, load
from convcalc.core.errors import ConvcalcError

VERSION = 2
MAX_LAYERS = 2_000
"""The most layers that the baseline keeps of one network."""

_HEAD = "# The accepted numbers of every check. Written by: convcalc check --update\n"
_FRACTION = re.compile(r"-?[0-9]{1,200}(/[0-9]{1,200})?", re.ASCII)
_REMEDY = "restore it from version control, or write it again with convcalc check --update"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One check's accepted numbers.

    Args:
        fingerprint: of the network's definition.
        values: every number that was known, by metric.
        layers: per layer what it costs, by metric; empty for very long networks.
    """

    fingerprint: str
    values: Mapping[str, Value]
    layers: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The baselines by name; `file` is where they were read, as reports show it."""

    file: str
    baselines: Mapping[str, Baseline]

    def updated(self, accepted: Mapping[str, Baseline], kept: Iterable[str]) -> Lock:
        """The lock with some baselines new, and of the others only those `kept`."""
        known = set(kept)
        old = {name: baseline for name, baseline in self.baselines.items() if name in known}
        return Lock(file=self.file, baselines={**old, **accepted})


def baseline_of(network: Network, fingerprint: str) -> Baseline:
    """What a lock keeps of a network."""
    layers = layer_costs(network) if len(network.graph.nodes) <= MAX_LAYERS else {}
    return Baseline(fingerprint=fingerprint, values=all_measured(network), layers=layers)


def layer_costs(network: Network) -> dict[str, dict[str, int]]:
    """Per layer, by name, what it costs by each metric that adds up; calls of one module are added up."""
    parts = {name: known.layer for name, known in METRICS.items() if known.layer and known.unit != "layers"}
    costs: dict[str, dict[str, int]] = {}
    for layer in network.layers:
        mine = costs.setdefault(layer.name, {})
        for name, part in parts.items():
            if number := part(layer):
                mine[name] = mine.get(name, 0) + number
    return {name: mine for name, mine in costs.items() if mine}


def parse_lock(text: str, file: str) -> Lock:
    """Read a lock. Raises ConfigurationError where it is none, or of another format."""
    table = load(text, file)
    version = table.get("lock-version")
    if type(version) is int and version != VERSION:
        message = f"this lock has the format {version}, and this version of convcalc reads format {VERSION}"
        raise ConfigurationError(message, file=file, hint="convcalc check --update writes it again; commit the lock")
    try:
        if version != VERSION:
            raise ValueError("it has no lock-version")
        baselines = {name: _baseline(entry) for name, entry in table.get("check", {}).items()}
        return Lock(file=file, baselines=baselines)
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError, ConvcalcError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ConfigurationError(f"this is not a lock: {reason}", file=file, hint=_REMEDY) from None


def format_lock(lock: Lock) -> str:
    """The lock as text, sorted.

    >>> a = Baseline(fingerprint="00", values={"params": Value("count", (9,))}, layers={})
    >>> print(format_lock(Lock(file="", baselines={"a": a})))
    ... # doctest: +ELLIPSIS
    # The accepted numbers of every check. Written by: convcalc check --update
    convcalc = "..."
    lock-version = 2
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
    beside = path.with_name(f".{os.getpid()}.{path.name[-200:]}.new")
    try:
        try:
            beside.write_text(format_lock(lock), encoding="utf-8", newline="\n")
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(
            f"the lock cannot be written: {error.strerror}", file=lock.file, hint="make its folder writable"
        ) from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Only one process at a time between reading a lock and writing it again: its folder is locked meanwhile."""
    try:
        import fcntl
    except ImportError:  # Windows has none: updates there are not run beside each other
        yield
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)  # a pipe would wait
    except OSError as error:
        hint = "make its folder readable"
        raise ConfigurationError(f"the lock cannot be written: {error.strerror}", file=str(path), hint=hint) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _baseline(entry: dict[str, Any]) -> Baseline:
    values = {name: _read_value(name, value) for name, value in entry.items() if name not in ("fingerprint", "layer")}
    layers = {
        layer: {cost: _read_cost(number) for cost, number in costs.items()}
        for layer, costs in entry.get("layer", {}).items()
    }
    return Baseline(fingerprint=str(entry["fingerprint"]), values=values, layers=layers)


def _read_cost(number: Any) -> int:
    if type(number) is not int:
        raise ValueError("what a layer costs is an integer")
    return number


def _read_value(name: str, written: Any) -> Value:
    kind = kind_of(find_metric(name))
    items = written if isinstance(written, list) else [written]
    if not items or (kind not in SIZES and len(items) != 1):
        raise ValueError(f"{name} is one number")
    return Value(kind, tuple(_read_number(name, item) for item in items))


def _read_number(name: str, written: Any) -> int | Fraction:
    """An integer, or a fraction as text."""
    if type(written) is int:
        return written
    if not isinstance(written, str) or not _FRACTION.fullmatch(written):
        raise ValueError(f"{name} is not an exact number")
    number = Fraction(written)
    return int(number) if number.denominator == 1 else number


def _value(value: Value) -> str:
    return json.dumps(value.plain)


def _costs(costs: Mapping[str, int]) -> str:
    return f"{{ {', '.join(f'{_key(name)} = {number}' for name, number in sorted(costs.items()))} }}"


def _key(name: str) -> str:
    """A key of TOML: bare where it may be."""
    is_bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if is_bare else _text(name)


def _text(name: str) -> str:
    """A text of TOML, with every character that is not printable escaped."""
    escaped = (f"\\{char}" if char in '"\\' else char if char.isprintable() else _escape(char) for char in name)
    return f'"{"".join(escaped)}"'


def _escape(char: str) -> str:
    is_surrogate = 0xD800 <= ord(char) <= 0xDFFF  # TOML cannot say it
    return "?" if is_surrogate else f"\\U{ord(char):08X}"
