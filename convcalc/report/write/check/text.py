"""A check's report as lines of text."""

from __future__ import annotations

from convcalc.checks.verdict import Report
from convcalc.report.build.check import check_lines
from convcalc.report.write.check import check_writer
from convcalc.report.write.plain import plain


@check_writer("text")
def text(report: Report, *, strict: bool = False) -> str:
    """A line for each limit, and under a broken one what helps to mend it."""
    return plain(check_lines(report, strict=strict))
