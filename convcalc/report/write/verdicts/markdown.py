"""A check's report as GitHub's Markdown, for a pull request or a step's summary."""

from __future__ import annotations

import re

from convcalc.checks.verdict import PASSED, Report, Verdict
from convcalc.report.write.verdicts.text import LABELS, NOTE, change, details, printable, summary

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~@:-])")
MAX_ROWS = 200
"""The most limits and notices that are listed: a step's summary of more than 1 MiB is not shown at all."""
MAX_DETAILS = 50
"""The most broken limits that are told in full."""


def render(report: Report, *, strict: bool = False) -> str:
    """A table of all limits, then what is not kept in full."""
    lines = [f"### convcalc: {'passed' if report.exit_code(strict=strict) == 0 else 'failed'}", ""]
    lines += [_text(line) + "  " for line in summary(report, strict=strict)]
    rows = sorted(report.verdicts, key=lambda verdict: verdict.status == PASSED)
    lines += ["", "| | check | metric | number | limit | baseline |", "| :-- | :-- | :-- | --: | :-- | --: |"]
    lines += map(_row, rows[:MAX_ROWS])
    lines += _more(len(rows) - MAX_ROWS)
    broken = [verdict for verdict in rows if verdict.status != PASSED]
    for verdict in broken[:MAX_DETAILS]:
        heading = f"**{_text(LABELS[verdict.status])} {_text(verdict.name)}**: {_text(verdict.message)}"
        lines += ["", heading, "", *_block(list(details(report, verdict)))]
    lines += _more(len(broken) - MAX_DETAILS)
    notices = sorted(report.notices, key=lambda notice: not notice.warning)
    lines += [""] if notices else []
    for notice in notices[:MAX_ROWS]:
        where = f" ({report.source.file}:{report.source.line(notice.path)})" if notice.path else ""
        lines.append(f"- {'**warning**' if notice.warning else NOTE}: {_text(notice.message + where)}")
    lines += _more(len(notices) - MAX_ROWS)
    return "\n".join([*lines, ""])


def _more(number: int) -> list[str]:
    return ["", f"and {number} more"] if number > 0 else []


def _row(verdict: Verdict) -> str:
    cells = (
        LABELS[verdict.status],
        verdict.name,
        verdict.metric,
        str(verdict.value or ""),
        f"{verdict.operator} {verdict.limit.text}" if verdict.limit else verdict.operator,
        f"{verdict.baseline or ''}{change(verdict)}",
    )
    return f"| {' | '.join(map(_text, cells))} |"


def _block(lines: list[str]) -> list[str]:
    """Lines as they are; the fence is longer than any run of backticks in them."""
    text = printable("\n".join(lines))
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence] if lines else []


def _text(text: str) -> str:
    """Text that means only itself in Markdown and HTML, in one line."""
    flat = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return _SPECIAL.sub(r"\\\1", flat)
