"""A check's report for GitLab: its Code Quality document, shown in the merge request on lines of the budget."""

from __future__ import annotations

import json
from typing import Any

from convcalc.checks.verdict import FAILED, UNKNOWN, WARNED, Report, fingerprint
from convcalc.report.build.check import details
from convcalc.report.printable import printable, without_commands
from convcalc.report.write.check import check_writer

_SEVERITY = {UNKNOWN: "blocker", FAILED: "critical", WARNED: "minor"}


@check_writer("gitlab")
def gitlab(report: Report, *, strict: bool = False) -> str:
    """A list with one issue for each limit that is not kept, and for each notice."""
    issues = [
        _issue(
            report,
            "\n".join([f"{verdict.name}: {verdict.message}", *details(report, verdict)]),
            f"convcalc/{verdict.metric}",
            "critical" if strict and verdict.status == WARNED else _SEVERITY[verdict.status],
            report.source.line(verdict.path),
            fingerprint(file=report.source.file, name=verdict.name, metric=verdict.metric, operator=verdict.operator),
        )
        for verdict in report.of(*_SEVERITY)
    ]
    issues += [
        _issue(
            report,
            notice.message,
            "convcalc/notice",
            ("critical" if strict else "minor") if notice.warning else "info",
            report.source.line(notice.path),
            fingerprint(file=report.source.file, notice=notice.message),
        )
        for notice in report.notices
    ]
    return json.dumps(issues, indent=2) + "\n"


def _issue(report: Report, text: str, rule: str, severity: str, line: int, identity: str) -> dict[str, Any]:
    """One issue; its fingerprint stays the same while the same limit is broken."""
    return {
        "description": without_commands(printable(text)),
        "check_name": rule,
        "fingerprint": identity,
        "severity": severity,
        "location": {"path": report.source.file, "lines": {"begin": line}},
    }
