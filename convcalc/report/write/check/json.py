"""A check's report for programs: one document; later versions only add keys."""

from __future__ import annotations

from typing import Any

from convcalc.checks.verdict import Notice, Report, Verdict
from convcalc.report.build.document import dumps, opening
from convcalc.report.write.check import check_writer


@check_writer("json")
def document(report: Report, *, strict: bool = False) -> str:
    """The document. Integers are exact, `excess` too (a fraction is text); `excess_percent` is rounded."""
    return dumps(
        {
            **opening(),
            "ok": report.exit_code(strict=strict) == 0,
            "complete": report.is_complete,
            "exit_code": report.exit_code(strict=strict),
            "results": [_result(report, verdict) for verdict in report.verdicts],
            "notices": [_notice(report, notice) for notice in report.notices],
        }
    )


def _result(report: Report, verdict: Verdict) -> dict[str, Any]:
    excess = verdict.excess
    return {
        "name": verdict.name,
        "metric": verdict.metric,
        "operator": verdict.operator,
        "status": verdict.status,
        "ok": verdict.ok,
        "value": verdict.value.plain if verdict.value else None,
        "limit": verdict.limit.plain if verdict.limit else None,
        "limit_text": verdict.limit.text if verdict.limit else None,
        "excess": None if excess is None else int(excess) if excess.denominator == 1 else str(excess),
        "excess_percent": None if verdict.relative is None else round(float(100 * verdict.relative), 6),
        "baseline": verdict.baseline.plain if verdict.baseline else None,
        "layers": [
            {"name": layer.name, "cost": layer.cost, "before": layer.before, "now": layer.now}
            for layer in verdict.layers
        ],
        "message": verdict.message,
        "hint": verdict.remedy,
        "file": report.source.file,
        "line": report.source.line(verdict.path),
    }


def _notice(report: Report, notice: Notice) -> dict[str, Any]:
    return {
        "level": "warning" if notice.warning else "notice",
        "message": notice.message,
        "file": report.source.file,
        "line": report.source.line(notice.path),
    }
