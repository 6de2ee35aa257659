"""A check's report for GitHub Actions: the text in the log, and annotations on lines of the budget.

Whatever stands in the log could be taken for a command of the runner, so the text lies between
stop-commands; annotations are escaped.
"""

from __future__ import annotations

import secrets
from fractions import Fraction
from typing import NamedTuple

from convcalc.checks.verdict import FAILED, UNKNOWN, WARNED, Report, Verdict
from convcalc.report.write.verdicts.text import details, printable
from convcalc.report.write.verdicts.text import render as render_text

MAX_ANNOTATIONS = 10
"""GitHub shows no more of one kind for a step."""


class Annotation(NamedTuple):
    """A remark on a line of a file; `level` is error, warning or notice."""

    level: str
    title: str
    message: str
    file: str
    line: int

    def __str__(self) -> str:
        place = f"file={_property(self.file)},line={self.line},title={_property(self.title)}"
        return f"::{self.level} {place}::{_data(self.message)}"


def render(report: Report, *, strict: bool = False) -> str:
    """The log: text, then annotations, worst first, at most ten."""
    found = remarks(report, strict=strict)
    shown = found[:MAX_ANNOTATIONS]
    if len(found) > len(shown):
        shown[-1] = shown[-1]._replace(
            message=f"{shown[-1].message}\n\nand {len(found) - len(shown)} more: see the log"
        )
    return muted(render_text(report, strict=strict)) + "".join(f"{annotation}\n" for annotation in shown)


def muted(text: str) -> str:
    """`text` between stop-commands, so that nothing in it is taken for a command."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::\n"


def remarks(report: Report, *, strict: bool) -> list[Annotation]:
    """Every remark of a report, the worst first."""
    warning = "error" if strict else "warning"
    levels = {UNKNOWN: "error", FAILED: "error", WARNED: warning}
    verdicts = sorted(report.of(*levels), key=_badness)
    found = [
        Annotation(
            levels[verdict.status],
            f"convcalc: {verdict.name}",
            "\n".join([verdict.message, *details(report, verdict)]),
            report.source.file,
            report.source.line(verdict.path),
        )
        for verdict in verdicts
    ]
    for notice in sorted(report.notices, key=lambda notice: not notice.warning):
        level = warning if notice.warning else "notice"
        line = report.source.line(notice.path)
        found.append(Annotation(level, "convcalc", notice.message, report.source.file, line))
    return found


def _badness(verdict: Verdict) -> tuple[int, Fraction]:
    """Sorts unknown numbers first, then by how far a limit is missed; what has no percentage counts as all of it."""
    rank = (UNKNOWN, FAILED, WARNED).index(verdict.status)
    return rank, -abs(verdict.relative if verdict.relative is not None else Fraction(1))


def _data(text: str) -> str:
    """Text of a workflow command."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The value of a workflow command's property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
