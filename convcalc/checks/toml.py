"""TOML as budgets, locks and claims read it: bounded, numbers exact, every key with its line.

`load` gives values, `Document` knows on which line each key stands, and a `Table` reads keys one by one and says
what is wrong with them, and where. Nothing in a file is ever run.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from convcalc.core.errors import ConvcalcError, suggest
from convcalc.core.quantity import MAX_DIGITS, is_bounded

KeyPath = tuple[str | int, ...]
"""Where a key stands: tables by key, members of arrays by number: ("check", 0, "params", "max")."""

MAX_BYTES = 10_000_000
"""The longest file that is read."""

_AT_LINE = re.compile(r"\s*\(at line (?P<line>\d+), column \d+\)")
_DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")
"""A key of a hundred parts and more: tomllib takes the square of them, so it is refused before."""


class ConfigurationError(ConvcalcError):
    """A file says something that it cannot mean: `file` and `line` say where."""

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


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file's text.

    Args:
        file: its name, as reports show it.
        text: what it says.
        prefix: the table that is read of it: ("tool", "convcalc") in pyproject.toml.
        known: the lines of keys where there is no text to find them in.
    """

    file: str
    text: str = ""
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

    def table(self) -> Table:
        """The table that is read of it. Raises ConfigurationError."""
        values: Any = load(self.text, self.file)
        for key in self.prefix:
            values = values.get(key, {}) if isinstance(values, dict) else {}
        return Table(self, values, ())

    def fail(self, message: str, path: KeyPath, hint: str) -> NoReturn:
        raise ConfigurationError(message, file=self.file, line=self.line(path), hint=hint)


class Table:
    """A table of a document. Its methods read one key each; a mistake is a ConfigurationError with its line."""

    def __init__(self, document: Document, values: Any, path: KeyPath) -> None:
        self.document = document
        self.path = path
        if not isinstance(values, dict):
            self.fail(f"{dotted(path)} is not a table", hint='for example params = { max = "26M" }')
        self.values: dict[str, Any] = values

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def fail(self, message: str, *keys: str | int, hint: str) -> NoReturn:
        self.document.fail(message, (*self.path, *keys), hint)

    def known(self, allowed: Collection[str]) -> None:
        """Refuse a key that means nothing, and offer the nearest that does."""
        for key in self.values:
            if key not in allowed:
                inside = f" in {dotted(self.path)}" if self.path else ""
                self.fail(f"unknown key {cut(key)!r}{inside}", key, hint=nearest(key, allowed))

    def text(self, key: str, default: str | None = None, *, example: str = "3x3,3x3") -> str:
        """A text; without a default it must be there."""
        if key not in self.values:
            if default is None:
                self.fail(f"{dotted(self.path)} has no {key}", hint=f'add {key} = "{example}"')
            return default
        value = self.values[key]
        if not isinstance(value, str) or (default is None and not value.strip()):
            self.fail(f"{key} is a text, not {shown(value)}", key, hint=f'for example {key} = "{example}"')
        return value

    def texts(self, key: str, *, example: str) -> tuple[str, ...]:
        """A text, or a list of texts; none where the key is missing."""
        value = self.values.get(key, [])
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item for item in items):
            self.fail(f"{key} is a text or a list of texts, not {shown(value)}", key, hint=f"for example {example}")
        return tuple(items)

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.fail(f"{key} is true or false, not {shown(value)}", key, hint=f"for example {key} = true")
        return value

    def table(self, key: str) -> Table:
        """A table inside; an empty one where the key is missing."""
        return Table(self.document, self.values.get(key, {}), (*self.path, key))

    def tables(self, key: str) -> list[Table]:
        """The members of an array of tables."""
        members = self.values.get(key, [])
        if not isinstance(members, list):
            self.fail(f"{key} is not an array of tables", key, hint=f"write [[{key}]]")
        return [Table(self.document, member, (*self.path, key, number)) for number, member in enumerate(members)]


def read_text(path: Path, file: str) -> str:
    """A plain file's text; `file` is how reports show it. Raises ConfigurationError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for its writer
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigurationError("this is not a plain file", file=file, hint="name a file of text")
            return decode(opened.read(MAX_BYTES + 1), file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"the file cannot be read: {reason}", file=file, hint="name another with --config or --file"
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


def load(text: str, file: str) -> dict[str, Any]:
    """The tables of a TOML text, its floats exact. Raises ConfigurationError."""
    too_long = ConfigurationError("a number is too long", file=file, hint=f"numbers have at most {MAX_DIGITS} digits")
    too_deep = ConfigurationError("it is nested too deep", file=file, hint="a budget needs three levels")
    if _DEEP_KEY.search(text):
        raise too_deep
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(str(error), text, file) from None
    except (ValueError, ArithmeticError):  # an integer of more digits than Python converts
        raise too_long from None
    except RecursionError:
        raise too_deep from None
    pending: list[Any] = [tables]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            pending.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, int) and not is_bounded(value):
            raise too_long
    return tables


def _not_toml(message: str, text: str, file: str) -> ConfigurationError:
    match = _AT_LINE.search(message)
    line = int(match["line"]) if match else text.count("\n") + 1
    reason = _AT_LINE.sub("", message).removesuffix(" (at end of document)")
    rows = text.split("\n")
    reads = cut(rows[line - 1].strip() if line <= len(rows) else "")
    return ConfigurationError(
        f"this is not TOML: {cut(reason[:1].lower() + reason[1:])}",
        file=file,
        line=line,
        hint=f"the line reads: {reads}",
    )


def dotted(path: KeyPath) -> str:
    """A path as people say it: check 2, or check 2 params."""
    return cut(" ".join(str(key + 1) if isinstance(key, int) else key for key in path)) or "the file"


def nearest(name: str, known: Collection[str]) -> str:
    """A hint that offers the nearest of the known names, or lists them where they are few."""
    return suggest(name[:100], known, otherwise=f"known: {', '.join(known)}" if len(known) < 30 else "")


def is_table(value: Any) -> bool:
    return isinstance(value, dict)


def shown(value: Any) -> str:
    """A value of a file, in a few characters."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return cut(str(value) if isinstance(value, Decimal) else repr(value))


def cut(text: str) -> str:
    """A text of a file for a message: printable, and not too long."""
    printable = "".join(char if char.isprintable() else "?" for char in text[:81])
    return printable if len(printable) <= 80 else f"{printable[:77]}..."


# ------------------------------------------------------------------ the lines of keys

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1 on, on which each key of a valid TOML text first stands.

    `tomllib` gives values, and no line numbers: this is one scan over the text that keeps only the keys.

    >>> key_lines('[[check]]\\nname = "a"\\nmemory.peak = { max = 1 }')[("check", 0, "memory", "peak", "max")]
    3
    """
    return _Scanner(text).lines


class _Scanner:
    """A cursor over the text; `table` is the path of the table that keys are added to."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.offset = 0
        self.counted = (0, 1)
        self.lines: dict[KeyPath, int] = {}
        self.members: dict[KeyPath, int] = {}
        self.document()

    def document(self) -> None:
        table: KeyPath = ()
        while self.skip(_BLANK) < len(self.text):
            if self.text.startswith("[", self.offset):
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`: the path of the table that it opens."""
        opening = "[[" if self.text.startswith("[[", self.offset) else "["
        line = self.line()
        self.offset += len(opening)
        keys = self.keys()
        self.offset += len(opening)
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self.newest((*path, key), line)
        path = (*path, keys[-1])
        if opening == "[":
            self.note(path, line)
            return path
        self.note(path, line)
        self.members[path] = self.members.get(path, -1) + 1
        path = (*path, self.members[path])
        self.note(path, line)
        return path

    def newest(self, path: KeyPath, line: int) -> KeyPath:
        """`path`, or its last member so far where it is an array of tables."""
        self.note(path, line)
        return (*path, self.members[path]) if path in self.members else path

    def pair(self, table: KeyPath) -> None:
        """`a.b = value`."""
        line = self.line()
        path = table
        for key in self.keys():
            path = (*path, key)
            self.note(path, line)
        self.offset += 1  # the equals sign
        self.value(path)

    def keys(self) -> list[str]:
        """A dotted key; the cursor ends on what follows it."""
        keys = []
        while True:
            self.skip(_SPACE)
            match = _BARE.match(self.text, self.offset) or _STRING.match(self.text, self.offset)
            if not match:
                raise ValueError(f"no key at offset {self.offset}")
            self.offset = match.end()
            keys.append(match[0] if match[0][0] not in "\"'" else tomllib.loads(f"key = {match[0]}")["key"])
            self.skip(_SPACE)
            if not self.text.startswith(".", self.offset):
                return keys
            self.offset += 1

    def value(self, path: KeyPath) -> None:
        self.skip(_SPACE)
        first = self.text[self.offset]
        if first == "{":
            self.offset += 1
            while not self.closes("}"):
                self.pair(path)
        elif first == "[":
            self.offset += 1
            member = 0
            while not self.closes("]"):
                self.note((*path, member), self.line())
                self.value((*path, member))
                member += 1
        else:
            match = _STRING.match(self.text, self.offset) or _SCALAR.match(self.text, self.offset)
            self.offset = match.end() if match else self.offset

    def closes(self, bracket: str) -> bool:
        """Skip blanks and commas between members, and the bracket if it is next."""
        self.skip(_BLANK)
        if self.text.startswith(",", self.offset):
            self.offset += 1
            self.skip(_BLANK)
        if not self.text.startswith(bracket, self.offset):
            return False
        self.offset += 1
        return True

    def skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.offset)
        self.offset = match.end() if match else self.offset
        return self.offset

    def line(self) -> int:
        """The line of the cursor; counted on from where it was asked for last."""
        offset, line = self.counted
        line += self.text.count("\n", offset, self.offset)
        self.counted = (self.offset, line)
        return line

    def note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)
