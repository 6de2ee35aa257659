"""What is printed is data: here texts from models, files and locks lose what a terminal or a CI runner would obey."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convcalc.report.parts import Cell, Heading, Listing, Part, Report

_COMMAND = re.compile(r"^(\s*):(?=:)|##(?=\[)", re.MULTILINE)
"""What a line begins with that a runner of GitHub Actions takes for a command, in both of its spellings."""


def printable(text: str) -> str:
    """`text` with its lines, and every other character that shows nothing or turns the line spelled out.

    >>> printable("\\x1b[31mred"), printable("a\\u202eb")
    ('\\\\x1b[31mred', 'a\\\\u202eb')
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _spelled(char) for char in text)


def one_line(text: str) -> str:
    """`printable`, and its line ends are spelled out too."""
    return text if text.isprintable() else printable(text).replace("\n", "\\n")


def without_commands(text: str) -> str:
    """Lines of a log, none of which a CI runner takes for a command.

    >>> without_commands("::error::x")
    '\\\\x3a:error::x'
    """
    return _COMMAND.sub(lambda match: f"{match[1]}\\x3a" if match[0].endswith(":") else "#\\x23", text)


def harmless(text: str) -> str:
    """A text in one line that nobody obeys, wherever it comes to stand."""
    return without_commands(one_line(text))


def clean(report: Report) -> Report:
    """The report with every text in it harmless: what each writer is given."""
    return [_clean(part) for part in report]


def _clean(part: Part) -> Part:
    if isinstance(part, str):
        return harmless(part)
    if isinstance(part, Heading):
        return Heading(harmless(part.text))
    if isinstance(part, Listing):
        return Listing(list(part.lines) if _are_harmless(part.lines) else [harmless(line) for line in part.lines])
    columns = tuple(column._replace(heading=harmless(column.heading)) for column in part.columns)
    return part._replace(columns=columns, rows=_rows(part.rows), totals=_rows(part.totals), title=harmless(part.title))


def _rows(rows: Sequence[tuple[Cell, ...]]) -> Sequence[tuple[Cell, ...]]:
    if _are_harmless([cell for row in rows for cell in row if type(cell) is str]):
        return rows
    return [tuple(harmless(cell) if isinstance(cell, str) else cell for cell in row) for row in rows]


def _are_harmless(texts: Sequence[str]) -> bool:
    """Whether all texts are: as a rule they are, which is seen at once."""
    together = "".join(texts)
    return together.isprintable() and "::" not in together and "##[" not in together


def _spelled(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
