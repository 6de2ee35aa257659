"""Reports as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from convcalc.report.parts import Listing, Part, Report, Table, raw
from convcalc.report.write.layout import lay_out
from convcalc.report.write.plain import joined

_MARKDOWN_ESCAPES = str.maketrans({c: f"\\{c}" for c in "|*<`\\"})

_LATEX_ESCAPES = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"}
)


def markdown(report: Report) -> str:
    """GitHub's Markdown."""
    return joined(report, _markdown_lines, apart=True)


def latex(report: Report) -> str:
    """Tables for the booktabs package; what is no table is a comment."""
    return joined(report, _latex_lines)


def csv_text(report: Report) -> str:
    """The report's main table, its numbers as plain digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for table in report:
        if isinstance(table, Table) and table.is_main:
            writer.writerow([column.heading for column in table.columns])
            writer.writerows([raw(cell) for cell in row] for row in table.rows)
    return stream.getvalue()


WRITERS: dict[str, Callable[[Report], str]] = {"csv": csv_text, "markdown": markdown, "latex": latex}
"""How a report is written in each of these formats."""


def _markdown_lines(part: Part) -> Sequence[str]:
    if isinstance(part, str):
        return [part.translate(_MARKDOWN_ESCAPES)]
    if isinstance(part, Listing):
        return ["```text", *part.lines, "```"]
    layout = lay_out(part, None)
    rule = [":--" if column.left else "--:" for column in layout.columns]
    rows = [_escaped([column.heading for column in layout.columns]), rule, *map(_escaped, layout.rows)]
    if layout.total:
        rows.append([f"**{text}**" if text else "" for text in _escaped(layout.total)])
    table = [f"| {' | '.join(row)} |" for row in rows]
    return [f"**{part.title}**", "", *table] if part.title else table


def _escaped(cells: Sequence[str]) -> list[str]:
    return [text.translate(_MARKDOWN_ESCAPES) for text in cells]


def _latex_lines(part: Part) -> Sequence[str]:
    if not isinstance(part, Table):
        return [f"% {line}".rstrip() for line in ([part] if isinstance(part, str) else part.lines)]
    layout = lay_out(part, None)
    lines = [f"% {part.title}"] if part.title else []
    lines += [rf"\begin{{tabular}}{{{''.join('l' if column.left else 'r' for column in layout.columns)}}}", r"\toprule"]
    lines += [_latex_row([column.heading for column in layout.columns]), r"\midrule"]
    lines += [_latex_row(row) for row in layout.rows]
    lines += [r"\midrule", _latex_row(layout.total)] if layout.total else []
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(text.translate(_LATEX_ESCAPES) for text in cells) + r" \\"
