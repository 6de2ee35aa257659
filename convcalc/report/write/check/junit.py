"""A check's report for CI servers: JUnit XML, one test case for each check and metric.

It keeps to what both the Ant schema and Jenkins's accept, so it has no attributes of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime

from convcalc.checks.verdict import FAILED, UNKNOWN, Report, Verdict
from convcalc.report.build.check import details
from convcalc.report.printable import printable, without_commands
from convcalc.report.write.check import check_writer
from convcalc.report.write.check.text import text


@check_writer("junit")
def junit(report: Report, *, strict: bool = False) -> str:
    """The XML document."""
    cases: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in report.verdicts:
        cases.setdefault((verdict.name, verdict.metric), []).append(verdict)
    outcomes = [_outcome(verdicts) for verdicts in cases.values()]
    attributes = {
        "id": "0",
        "name": "convcalc",
        "package": "convcalc",
        "hostname": "localhost",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "time": "0",
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<testsuites>",
        f"<testsuite{_attributes(attributes)}>",
        "<properties/>",
    ]
    for (name, metric), verdicts in cases.items():
        lines += _case(report, name, metric, verdicts)
    lines += [
        f"<system-out>{_escaped(text(report, strict=strict))}</system-out>",
        "<system-err/>",
        "</testsuite>",
        "</testsuites>",
        "",
    ]
    return "\n".join(lines)


def _outcome(verdicts: list[Verdict]) -> str:
    """What became of a test case: its worst verdict decides."""
    statuses = {verdict.status for verdict in verdicts}
    return "error" if UNKNOWN in statuses else "failure" if FAILED in statuses else ""


def _case(report: Report, name: str, metric: str, verdicts: list[Verdict]) -> list[str]:
    attributes = _attributes({"classname": name, "name": metric, "time": "0"})
    outcome = _outcome(verdicts)
    if not outcome:
        return [f"<testcase{attributes}/>"]
    broken = [verdict for verdict in verdicts if not verdict.ok]
    message = "; ".join(verdict.message for verdict in broken)
    lines = [line for verdict in broken for line in (verdict.message, *details(report, verdict))]
    opening = _attributes({"message": message, "type": broken[0].operator})
    body = _escaped("\n".join(lines))
    return [f"<testcase{attributes}>", f"<{outcome}{opening}>{body}</{outcome}>", "</testcase>"]


def _attributes(values: dict[str, str]) -> str:
    return "".join(f' {name}="{_escaped(value)}"' for name, value in values.items())


def _escaped(text: str) -> str:
    """Text for XML; what XML cannot hold (control characters, surrogates) is spelled out."""
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return without_commands(printable(text))
