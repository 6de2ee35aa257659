"""A format of `convcalc check` is a file here: one function over a check's report, under `@check_writer`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from convcalc.checks.verdict import Report
from convcalc.report.write import check_formats

CheckWriter = Callable[..., str]
"""A check's report, and whether warnings fail (`strict`), to text."""

WRITERS: dict[str, CheckWriter] = {}
"""The writers that are loaded, by the name of their format."""

FORMATS = check_formats()
"""What `--format` takes."""


def check_writer(format: str) -> Callable[[CheckWriter], CheckWriter]:
    """Register a function of a check's report as its writer in `format`."""

    def register(write: CheckWriter) -> CheckWriter:
        WRITERS[format] = write
        return write

    return register


def render(report: Report, format: str, *, strict: bool = False) -> str:
    """`report` as text of one of FORMATS; `strict` says that warnings fail."""
    import_module(f"convcalc.report.write.check.{format}")
    return WRITERS[format](report, strict=strict)
