"""Where each key of a TOML text stands: `tomllib` gives values, and no line numbers.

The text has been read by `tomllib` before, so it is valid here; this is one scan over it that keeps
only the keys. A path names tables by key and the members of arrays by number:
("check", 0, "params", "max").
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1 on, on which each key of a valid TOML text first stands.

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
        self.lines: dict[Path, int] = {}
        self.members: dict[Path, int] = {}
        self.document()

    def document(self) -> None:
        table: Path = ()
        while self.skip(_BLANK) < len(self.text):
            if self.text.startswith("[", self.offset):
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of the table that it opens."""
        opening = "[[" if self.text.startswith("[[", self.offset) else "["
        line = self.line()
        self.offset += len(opening)
        keys = self.keys()
        self.offset += len(opening)
        path: Path = ()
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

    def newest(self, path: Path, line: int) -> Path:
        """`path`, or its last member so far where it is an array of tables."""
        self.note(path, line)
        return (*path, self.members[path]) if path in self.members else path

    def pair(self, table: Path) -> None:
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
        found = []
        while True:
            self.skip(_SPACE)
            match = _BARE.match(self.text, self.offset) or _STRING.match(self.text, self.offset)
            if not match:
                raise ValueError(f"no key at offset {self.offset}")
            self.offset = match.end()
            found.append(match[0] if match[0][0] not in "\"'" else tomllib.loads(f"key = {match[0]}")["key"])
            self.skip(_SPACE)
            if not self.text.startswith(".", self.offset):
                return found
            self.offset += 1

    def value(self, path: Path) -> None:
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

    def note(self, path: Path, line: int) -> None:
        self.lines.setdefault(path, line)
