"""A check's report as GitHub's Markdown, for a pull request or a step's summary."""

from __future__ import annotations

from convcalc.checks.verdict import Report
from convcalc.report.build.check import check_tables
from convcalc.report.write.check import check_writer
from convcalc.report.write.markdown import markdown


@check_writer("markdown")
def check_markdown(report: Report, *, strict: bool = False) -> str:
    """A table of all limits, then what is not kept in full."""
    return markdown(check_tables(report, strict=strict))
