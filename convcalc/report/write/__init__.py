"""A format is a file here: one function over the parts of a report, under `@writer` with the file's name.

`table` is not among them: it is `plain`, or on a terminal that shows colours `terminal`. `check/` holds the
formats of `convcalc check`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

from convcalc.report.parts import Report
from convcalc.report.printable import clean

Writer = Callable[..., str]
"""A report, and the width of a line (None: any), to text."""

WRITERS: dict[str, Writer] = {}
"""The writers that are loaded, by the name of their format."""


def writer(format: str) -> Callable[[Writer], Writer]:
    """Register a function of a report as its writer in `format`; it is given clean texts only."""

    def register(write: Writer) -> Writer:
        def door(report: Report, width: int | None = None) -> str:
            return write(clean(report), width)

        door.__doc__ = write.__doc__
        WRITERS[format] = door
        return door

    return register


def formats_in(folder: str) -> list[str]:
    """The formats that have a file in `folder`."""
    return sorted(name.removesuffix(".py") for name in os.listdir(folder) if name.endswith(".py") and name[0] != "_")


def formats() -> tuple[str, ...]:
    """What `--format` takes: a table for people, the JSON document, and every writer here."""
    return ("table", "json", *(name for name in formats_in(__path__[0]) if name not in ("plain", "terminal")))


def check_formats() -> tuple[str, ...]:
    """What `convcalc check --format` takes: text, and every other file of `check/`."""
    return ("text", *(name for name in formats_in(os.path.join(__path__[0], "check")) if name != "text"))


def write(report: Report, format: str, width: int | None = None) -> str:
    """The report as text in `format`, in lines of `width` characters where the format has lines."""
    import_module(f"convcalc.report.write.{format}")
    return WRITERS[format](report, width)
