"""The report of `check` for people: each limit, and under a broken one all that helps to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from convcalc.checks.verdict import FAILED, PASSED, UNKNOWN, WARNED, LayerChange, Notice, Report, Verdict
from convcalc.report.parts import Cell, Column, Heading, Listing, Part, Table
from convcalc.report.parts import Report as Parts

LABELS = {PASSED: "ok", WARNED: "warn", FAILED: "FAIL", UNKNOWN: "ERROR"}
NOTE = "note"
_INDENT = " " * 7


MAX_ROWS = 200
"""The most limits and notices of a table: a step's summary of more than 1 MiB is not shown at all."""

MAX_DETAILS = 50
"""The most broken limits that are described in full."""

_COLUMNS = (
    *(Column("", left=True), Column("check", left=True), Column("metric", left=True)),
    *(Column("number"), Column("limit", left=True), Column("baseline")),
)


def check_lines(report: Report, *, strict: bool = False) -> Parts:
    """A line for each limit, under a broken one what helps to mend it, and the sum of it all."""
    lines = [line for alike in _alike(report.verdicts) for line in _verdicts(report, alike)]
    lines += [_notice(report, notice) for notice in report.notices]
    return [Listing([line for text in [*lines, *summary(report, strict=strict)] for line in text.split("\n")])]


def check_tables(report: Report, *, strict: bool = False) -> Parts:
    """A table of all limits, the broken ones first, then what is not kept in full."""
    rows = sorted(report.verdicts, key=lambda verdict: verdict.status == PASSED)
    broken = [verdict for verdict in rows if verdict.status != PASSED]
    parts: list[Part] = [
        Heading(f"convcalc: {'passed' if report.exit_code(strict=strict) == 0 else 'failed'}"),
        *summary(report, strict=strict),
        Table(_COLUMNS, [_row(verdict) for verdict in rows[:MAX_ROWS]], is_main=True),
        *_more(len(rows) - MAX_ROWS),
    ]
    for verdict in broken[:MAX_DETAILS]:
        first, *more = verdict.message.split("\n")
        parts.append(f"{LABELS[verdict.status]} {verdict.name}: {first}")
        lines = [line for text in (*more, *details(report, verdict)) for line in text.split("\n")]
        parts += [Listing(lines)] if lines else []
    parts += _more(len(broken) - MAX_DETAILS)
    notices = sorted(report.notices, key=lambda notice: not notice.warning)
    parts += [_notice(report, notice) for notice in notices[:MAX_ROWS]]
    return [*parts, *_more(len(notices) - MAX_ROWS)]


def _row(verdict: Verdict) -> tuple[Cell, ...]:
    return (
        LABELS[verdict.status],
        verdict.name,
        verdict.metric,
        str(verdict.value or ""),
        f"{verdict.operator} {verdict.limit.text}" if verdict.limit else verdict.operator,
        f"{verdict.baseline or ''}{change(verdict)}",
    )


def _more(number: int) -> list[str]:
    return [f"and {number} more"] if number > 0 else []


def summary(report: Report, *, strict: bool = False) -> list[str]:
    """How many limits hold, and what the exit code means."""
    words = {PASSED: "kept", WARNED: "warned", FAILED: "broken", UNKNOWN: "not known"}
    counts = [f"{len(report.of(status))} {word}" for status, word in words.items() if report.of(status)]
    total = len(report.verdicts)
    lines = [f"{total} limit{'s' if total != 1 else ''}: {', '.join(counts)}"]
    if not report.is_complete:
        lines.append("the check is incomplete: exit code 2")
    elif strict and report.exit_code(strict=True) and not report.of(FAILED):
        lines.append("warnings fail under --strict: exit code 1")
    return lines


def details(report: Report, verdict: Verdict) -> Iterator[str]:
    """What helps to mend a broken limit: where it stands, the baseline, the layers, the remedy."""
    if verdict.path and report.source.lines:
        line = report.source.line(verdict.path)
        yield f"{report.source.file}:{line}: {report.source.shown(line)}".rstrip(" :")
    if verdict.baseline and verdict.operator != "growth":
        yield f"baseline: {verdict.baseline}{change(verdict)}"
    yield from layers(verdict)
    if verdict.remedy:
        yield f"hint: {verdict.remedy}"


def change(verdict: Verdict) -> str:
    """How far a number has moved from its baseline."""
    if not (verdict.value and verdict.baseline) or len(verdict.value.numbers) != 1 or verdict.value == verdict.baseline:
        return ""
    return f", {signed(int(verdict.value.numbers[0] - verdict.baseline.numbers[0]))} since"


def layers(verdict: Verdict) -> Iterator[str]:
    """The layers that changed most, or cost most, aligned."""
    if not verdict.layers:
        return
    cost = verdict.layers[0].cost
    known = verdict.layers[0].before is not None
    yield f"layers that changed most, in {cost}:" if known else f"the largest layers, in {cost} (there is no baseline):"
    width = max(len(layer.name) for layer in verdict.layers)
    yield from (f"  {layer.name.ljust(width)}  {layer_text(layer)}" for layer in verdict.layers)


def layer_text(layer: LayerChange) -> str:
    """What a layer costs, and cost before."""
    if layer.before is None:
        return f"{layer.now:,}"
    return f"{layer.before:,} -> {layer.now:,} ({signed(layer.change)})"


def signed(number: int) -> str:
    return f"{number:+,}"


def _alike(verdicts: Iterable[Verdict]) -> Iterator[list[Verdict]]:
    """Verdicts one by one; those that fail of the same cause (a network that cannot be built) together."""
    for _, alike in groupby(verdicts, lambda v: (v.name, v.message, v.path if v.status != UNKNOWN else ())):
        yield list(alike)


def _verdicts(report: Report, alike: list[Verdict]) -> Iterator[str]:
    verdict = alike[0]
    first, *more = verdict.message.split("\n")
    yield f"{LABELS[verdict.status]:<6} {verdict.name}: {first}"
    yield from (f"{_INDENT}{line}" for line in more)
    if len(alike) > 1:
        yield f"{_INDENT}so none of its {len(alike)} limits can be judged"
    if verdict.status != PASSED:
        yield from (f"{_INDENT}{line}" for line in details(report, verdict))


def _notice(report: Report, notice: Notice) -> str:
    where = f" ({report.source.file}:{report.source.line(notice.path)})" if notice.path else ""
    return f"{'warn' if notice.warning else NOTE:<6} {notice.message}{where}"
