"""Reports of `convcalc check`: one module for each format, loaded when it is asked for.

Each has `render(report, strict) -> str`. Names and layers come from other people's files and models:
every format escapes them in its own way.
"""

from __future__ import annotations

from importlib import import_module

from convcalc.checks.verdict import Report

_MODULES = {
    "text": "text",
    "json": "document",
    "junit": "junit",
    "github": "github",
    "gitlab": "gitlab",
    "markdown": "markdown",
}
FORMATS = tuple(_MODULES)


def render(report: Report, format: str, *, strict: bool = False) -> str:
    """`report` as text of one of FORMATS; `strict` says that warnings fail."""
    text: str = import_module(f"convcalc.report.write.verdicts.{_MODULES[format]}").render(report, strict=strict)
    return text
