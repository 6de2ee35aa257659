"""The budget as a file: where it is found, what it may say, and on which line each key stands.

Nothing in it is run: keys are looked up in tables, texts are specs. Every mistake is a
ConfigurationError with file, line and remedy.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from convcalc.analysis.metrics import LAYERS
from convcalc.analysis.metrics import metric as metric_named
from convcalc.checks.budget.metrics import LOCKED, kind_of
from convcalc.checks.budget.operators import CHECK, CLAIM, Bound, Operator
from convcalc.checks.lines import Path as KeyPath
from convcalc.checks.lines import key_lines
from convcalc.core.errors import ConvcalcError
from convcalc.core.quantity import QuantityError
from convcalc.language.source import Source as NetworkSource

FILE = "convcalc.toml"
PROJECT_FILE = "pyproject.toml"
MAX_BYTES = 10_000_000
"""The longest file that is read."""

DEFINITION_KEYS = ("input", "norm", "bias")
"""What is said of a network beside its spec."""

_AT_LINE = re.compile(r"\s*\(at line (?P<line>\d+), column \d+\)")


class ConfigurationError(ConvcalcError):
    """The file says something that it cannot mean: `file` and `line` say where."""

    kind = "configuration"

    def __init__(self, message: str, *, file: str, line: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line

    @property
    def at(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.at}: {super().__str__()}"


def module_of(source: NetworkSource) -> str:
    """The module that must be imported to build it; empty for a text or a catalogue entry. Raises SpecError."""
    if ":" not in source.text:
        return ""
    from convcalc.sandbox.parent import Target, is_target

    return Target.read(source.text).module if is_target(source.text) else ""


class Limit(NamedTuple):
    """One operator of one metric: `macs = { max = "4.2G" }`."""

    metric: str
    operator: Operator
    bound: Bound
    path: KeyPath


class Entry(NamedTuple):
    """A check (one side) or a claim (left and right) with its limits."""

    name: str
    sides: tuple[NetworkSource, ...]
    limits: tuple[Limit, ...]
    path: KeyPath

    @property
    def is_claim(self) -> bool:
        return len(self.sides) > 1


@dataclass(frozen=True)
class Source:
    """A file's text: `file` as reports show it, `prefix` the table that holds the budget.

    `known` are the lines of keys where there is no text to find them in.
    """

    file: str
    text: str
    prefix: KeyPath = ()
    known: Mapping[KeyPath, int] | None = None

    @cached_property
    def lines(self) -> Mapping[KeyPath, int]:
        return key_lines(self.text) if self.known is None else self.known

    @cached_property
    def rows(self) -> list[str]:
        """The text line by line, as `lines` counts them."""
        return self.text.split("\n")

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest table around it."""
        whole = (*self.prefix, *path)
        while whole and whole not in self.lines:
            whole = whole[:-1]
        return self.lines.get(whole, 1)

    def shown(self, line: int) -> str:
        """What stands on a line."""
        return self.rows[line - 1].strip() if self.text else ""

    def fail(self, message: str, path: KeyPath, hint: str) -> NoReturn:
        raise ConfigurationError(message, file=self.file, line=self.line(path), hint=hint)


@dataclass(frozen=True)
class Configuration:
    """A budget that has been read. `lock` and `python_path` are as written, relative to the file's folder."""

    source: Source
    entries: tuple[Entry, ...]
    lock: str
    python_path: tuple[str, ...]

    def select(self, names: Collection[str]) -> tuple[Entry, ...]:
        """The entries called so, all of them for no names. Raises ConfigurationError for a name of none."""
        known = [entry.name for entry in self.entries]
        for name in names:
            if name not in known:
                raise ConfigurationError(
                    f"no check or claim is called {name!r}", file=self.source.file, hint=_nearest(name, known)
                )
        return tuple(entry for entry in self.entries if not names or entry.name in names)


def parse_configuration(text: str, file: str, prefix: KeyPath = ()) -> Configuration:
    """Read a budget from TOML; `prefix` is the table that it stands in. Raises ConfigurationError.

    >>> found = parse_configuration('[[check]]\\nname = "a"\\nspec = "3x3"\\nparams = { max = "1k" }', "convcalc.toml")
    >>> found.entries[0].limits[0].bound.number
    1000
    """
    table: Any = load_toml(text, file)
    for key in prefix:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    return _Reader(Source(file, text, prefix)).configuration(table)


def parse_check(table: dict[str, Any], file: str) -> tuple[Source, Entry]:
    """One check from a table of plain values; `file` says in messages where it comes from."""
    source = Source(file, "", (), {})
    return source, _Reader(source).check(table, ())


def load_toml(text: str, file: str) -> dict[str, Any]:
    """The tables of a TOML text, its floats exact. Raises ConfigurationError."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        match = _AT_LINE.search(message)
        line = int(match["line"]) if match else text.count("\n") + 1
        said = _AT_LINE.sub("", message).removesuffix(" (at end of document)")
        raise ConfigurationError(
            f"this is not TOML: {said[:1].lower()}{said[1:]}",
            file=file,
            line=line,
            hint=f"the line reads: {_cut(_line_of(text, line))}",
        ) from None
    except (ValueError, ArithmeticError):  # an integer of more digits than Python converts
        raise ConfigurationError("a number is too long", file=file, hint="numbers have at most 40 digits") from None
    except RecursionError:
        raise ConfigurationError(
            "brackets are nested too deep", file=file, hint="a budget needs three levels"
        ) from None


def decode(raw: bytes, file: str) -> str:
    """The text of a file. Raises ConfigurationError unless it is UTF-8 of a sane length."""
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"the file is longer than {MAX_BYTES:,} bytes", file=file, hint="split it in two")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError("the file is not UTF-8", file=file, line=line, hint="save it as UTF-8") from None


class _Reader:
    """The rules of the file; each method reads one table and says what is wrong with it, and where."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def configuration(self, table: Any) -> Configuration:
        self.known(self.table(table, ()), ("check", "claim", "lock", "python-path"), ())
        entries = [self.check(item, path) for item, path in self.tables(table, "check")]
        entries += [self.claim(item, path) for item, path in self.tables(table, "claim")]
        if not entries:
            self.source.fail("there is no check and no claim", (), "convcalc init writes a first one")
        self.distinct(entries)
        paths = table.get("python-path", [])
        paths = [paths] if isinstance(paths, str) else paths
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            self.source.fail("python-path is no list of folders", ("python-path",), 'for example python-path = ["src"]')
        lock = table.get("lock", "")
        if not isinstance(lock, str) or ("lock" in table and not lock.endswith(".lock")):
            self.source.fail("lock is no name of a lock file", ("lock",), 'for example lock = "convcalc.lock"')
        return Configuration(self.source, tuple(entries), lock, tuple(paths))

    def check(self, table: dict[str, Any], path: KeyPath) -> Entry:
        """One [[check]]."""
        self.known(table, ("name", "spec", *DEFINITION_KEYS, *_metric_keys()), path)
        name = self.name(table, path)
        return Entry(name, (self.definition(table, "spec", path),), self.limits(table, CHECK, path), path)

    def claim(self, table: dict[str, Any], path: KeyPath) -> Entry:
        """One [[claim]]."""
        self.known(table, ("name", "left", "right", *DEFINITION_KEYS, *_metric_keys()), path)
        name = self.name(table, path)
        sides = (self.definition(table, "left", path), self.definition(table, "right", path))
        return Entry(name, sides, self.limits(table, CLAIM, path), path)

    def name(self, table: dict[str, Any], path: KeyPath) -> str:
        name = self.text(table, "name", path)
        if not name.isprintable() or len(name) > 200:
            self.source.fail("a name is at most 200 printable characters", (*path, "name"), "choose another name")
        return name

    def definition(self, table: dict[str, Any], key: str, path: KeyPath) -> NetworkSource:
        given = table.get("input", [])
        inputs = [given] if isinstance(given, str) else given
        if not isinstance(inputs, list) or not all(isinstance(text, str) and text for text in inputs):
            self.source.fail("input is no text", (*path, "input"), 'for example input = "3x224x224"')
        norm = table.get("norm", "")
        if not isinstance(norm, str):
            self.source.fail("norm is no text", (*path, "norm"), 'for example norm = "bn"')
        bias = table.get("bias", False)
        if not isinstance(bias, bool):
            self.source.fail("bias is true or false", (*path, "bias"), "for example bias = true")
        return NetworkSource(text=self.text(table, key, path), inputs=tuple(inputs), norm=norm, bias=bias)

    def limits(self, table: dict[str, Any], operators: Mapping[str, Operator], path: KeyPath) -> tuple[Limit, ...]:
        """Every limit of an entry."""
        found = [
            self.limit(metric, key, written, operators, where)
            for metric, value, where in self.metrics(table, operators, path)
            for key, written in self.operators_of(metric, value, operators, where).items()
        ]
        if not found:
            example = 'params = { max = "26M" }' if operators is CHECK else 'params = { fewer = "28%" }'
            name = table["name"]
            self.source.fail(f"{name!r} limits nothing, so it would always pass", path, f"add a limit: {example}")
        self.consistent(found)
        return tuple(found)

    def metrics(
        self, table: dict[str, Any], operators: Mapping[str, Operator], path: KeyPath
    ) -> Iterator[tuple[str, Any, KeyPath]]:
        """The metrics that a table limits: memory.* stand in a table of their own, layers by kind in that of layers."""
        for key, value in table.items():
            where = (*path, key)
            if key == "memory":
                inner = [name.removeprefix("memory.") for name in LOCKED if name.startswith("memory.")]
                self.known(self.table(value, where), inner, where)
                if not value:
                    self.source.fail("memory limits nothing", where, 'for example memory.peak = { max = "40M" }')
                yield from ((f"memory.{name}", limits, (*where, name)) for name, limits in value.items())
            elif key == "layers":
                by_kind = {k: v for k, v in self.table(value, where).items() if isinstance(v, dict)}
                yield from ((LAYERS + kind, limits, (*where, kind)) for kind, limits in by_kind.items())
                if len(by_kind) < len(value) or not value:
                    yield key, {k: v for k, v in value.items() if k not in by_kind}, where
            elif key in LOCKED:
                yield key, value, where

    def operators_of(self, metric: str, value: Any, operators: Mapping[str, Operator], path: KeyPath) -> dict[str, Any]:
        """The table behind a metric."""
        if not isinstance(value, dict):
            key = next(iter(operators))
            self.source.fail(
                f"{metric} needs an operator", path, f"for example {metric} = {{ {key} = {_toml(value)} }}"
            )
        kind = kind_of(metric_named(metric))
        allowed = [key for key, operator in operators.items() if kind in operator.kinds]
        if not value:
            self.source.fail(f"{metric} limits nothing", path, f"its operators are {', '.join(allowed)}")
        for key in value:
            if key in operators and key not in allowed:
                self.source.fail(f"{metric} has no {key}", (*path, key), f"its operators are {', '.join(allowed)}")
        self.known(value, allowed, path)
        return value

    def limit(self, metric: str, key: str, written: Any, operators: Mapping[str, Operator], path: KeyPath) -> Limit:
        where = (*path, key)
        try:
            return Limit(metric, operators[key], operators[key].read(written, kind_of(metric_named(metric))), where)
        except QuantityError as error:
            self.source.fail(f"{metric} {key}: {error.message}", where, error.hint)

    def consistent(self, limits: list[Limit]) -> None:
        """Refuse bounds of one metric that contradict each other."""
        bounds = {(limit.metric, limit.operator.key): limit for limit in limits}
        for low, high, problem in (
            ("max", "min", "nothing can pass"),
            ("max", "warn", "it fails before it warns"),
        ):
            for limit in limits:
                other = bounds.get((limit.metric, high))
                if limit.operator.key == low and other and other.bound.number > limit.bound.number:
                    message = f"{limit.metric}: {high} {other.bound.text} is over {low} {limit.bound.text}: {problem}"
                    self.source.fail(message, other.path, f"{high} must be at most {low}")

    def distinct(self, entries: list[Entry]) -> None:
        seen: dict[str, Entry] = {}
        for entry in entries:
            if entry.name in seen:
                line = self.source.line(seen[entry.name].path)
                self.source.fail(
                    f"two entries are called {entry.name!r}: the other is on line {line}",
                    (*entry.path, "name"),
                    "the lock keeps numbers by name: give each its own",
                )
            seen[entry.name] = entry

    def tables(self, table: dict[str, Any], key: str) -> Iterator[tuple[dict[str, Any], KeyPath]]:
        """The members of an array of tables."""
        found = table.get(key, [])
        if not isinstance(found, list):
            self.source.fail(f"{key} is no array of tables", (key,), f"write [[{key}]]")
        for number, member in enumerate(found):
            yield self.table(member, (key, number)), (key, number)

    def table(self, value: Any, path: KeyPath) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.source.fail(f"{_dotted(path)} is no table", path, 'for example params = { max = "26M" }')
        return value

    def text(self, table: dict[str, Any], key: str, path: KeyPath) -> str:
        """A text that must be there."""
        if key not in table:
            self.source.fail(f"{_dotted(path)} has no {key}", path, f'add {key} = "..."')
        value = table[key]
        if not isinstance(value, str) or not value.strip():
            self.source.fail(f"{key} is no text", (*path, key), f'for example {key} = "3x3,3x3"')
        return value

    def known(self, table: dict[str, Any], allowed: Collection[str], path: KeyPath) -> None:
        """Refuse a key that means nothing, and offer the nearest that does."""
        for key in table:
            if key not in allowed:
                inside = f" in {_dotted(path)}" if path else ""
                self.source.fail(f"unknown key {_cut(key)!r}{inside}", (*path, key), _nearest(key, allowed))


def _metric_keys() -> list[str]:
    """The metrics as keys of an entry: the first word of each."""
    return list(dict.fromkeys(name.partition(".")[0] for name in LOCKED))


def _nearest(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}" if len(known) < 30 else ""


def _dotted(path: KeyPath) -> str:
    """A path as people say it: check 2, or check 2 params."""
    return " ".join(str(key + 1) if isinstance(key, int) else key for key in path) or "the file"


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else "..." if isinstance(value, list | bool) else str(value)


def _line_of(text: str, line: int) -> str:
    lines = text.split("\n")
    return lines[line - 1].strip() if line <= len(lines) else ""


def _cut(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
