"""A check's report for GitHub Actions: the text in the log, and annotations on lines of the budget.

Whatever stands in the log could be taken for a command of the runner, so the text lies between
stop-commands; annotations are escaped.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from fractions import Fraction

from convcalc.checks.verdict import FAILED, UNKNOWN, WARNED, Report, Verdict
from convcalc.report.build.check import details
from convcalc.report.printable import printable
from convcalc.report.write.check import check_writer
from convcalc.report.write.check.text import text

MAX_ANNOTATIONS = 10
"""GitHub shows no more of one kind for a step."""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A remark on a line of a file; `level` is error, warning or notice."""

    level: str
    title: str
    message: str
    file: str
    line: int

    def __str__(self) -> str:
        place = f"file={_property(self.file)},line={self.line},title={_property(self.title)}"
        return f"::{self.level} {place}::{_data(self.message)}"


@check_writer("github")
def github(report: Report, *, strict: bool = False) -> str:
    """The log: text, then annotations, worst first, at most ten."""
    every = remarks(report, strict=strict)
    shown = every[:MAX_ANNOTATIONS]
    if len(every) > len(shown):
        message = f"{shown[-1].message}\n\nand {len(every) - len(shown)} more: see the log"
        shown[-1] = replace(shown[-1], message=message)
    return muted(text(report, strict=strict)) + "".join(f"{annotation}\n" for annotation in shown)


def muted(text: str) -> str:
    """`text` between stop-commands, so that nothing in it is taken for a command."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text.rstrip()}\n::{token}::\n"


def remarks(report: Report, *, strict: bool) -> list[Annotation]:
    """Every remark of a report, the worst first."""
    warning = "error" if strict else "warning"
    levels = {UNKNOWN: "error", FAILED: "error", WARNED: warning}
    verdicts = sorted(report.of(*levels), key=_badness)
    every = [
        Annotation(
            level=levels[verdict.status],
            title=f"convcalc: {verdict.name}",
            message="\n".join([verdict.message, *details(report, verdict)]),
            file=report.source.file,
            line=report.source.line(verdict.path),
        )
        for verdict in verdicts
    ]
    for notice in sorted(report.notices, key=lambda notice: not notice.warning):
        level = warning if notice.warning else "notice"
        file, line = report.source.file, report.source.line(notice.path)
        every.append(Annotation(level=level, title="convcalc", message=notice.message, file=file, line=line))
    return every


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
