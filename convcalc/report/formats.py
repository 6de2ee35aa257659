"""Reports as text: plain, Markdown, LaTeX, CSV. None of them has colours or draws boxes."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Sequence

from convcalc.report.layout import GAP, Layout, lay_out
from convcalc.report.parts import Listing, Part, Report, Table, raw

_LATEX_ESCAPES = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"}
)


def plain(report: Report, width: int | None = None) -> str:
    """Aligned text, at most `width` wide where the numbers allow it."""
    return joined(report, lambda part: _plain_lines(part, width))


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


def joined(report: Report, lines_of: Callable[[Part], Sequence[str]], *, apart: bool = False) -> str:
    """The lines of all parts; a blank line around tables and listings, and around all if `apart`."""
    lines: list[str] = []
    sentence_before = True
    for part in report:
        if lines and (apart or not (sentence_before and isinstance(part, str))):
            lines.append("")
        lines += lines_of(part)
        sentence_before = isinstance(part, str)
    return "\n".join(lines) + "\n"


def sentence(text: str, width: int | None) -> list[str]:
    """A sentence in lines; no word or number is broken."""
    if width is None or len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _plain_lines(part: Part, width: int | None) -> Sequence[str]:
    if isinstance(part, str):
        return sentence(part, width)
    if isinstance(part, Listing):
        return part.lines
    layout = lay_out(part, width)
    headings = tuple(column.heading for column in layout.columns)
    lines = [part.title] if part.title else []
    lines += [_aligned(layout, row) for row in (headings, *layout.rows)]
    lines += [_aligned(layout, layout.total)] if layout.total else []
    return [*lines, *([layout.note] if layout.note else [])]


def _aligned(layout: Layout, row: Sequence[str]) -> str:
    cells = [
        text.ljust(width) if column.left else text.rjust(width)
        for text, width, column in zip(row, layout.widths, layout.columns, strict=True)
    ]
    return (" " * GAP).join(cells).rstrip()


def _markdown_lines(part: Part) -> Sequence[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, Listing):
        return ["```text", *part.lines, "```"]
    layout = lay_out(part, None)
    rule = [":--" if column.left else "--:" for column in layout.columns]
    rows = [[column.heading for column in layout.columns], rule, *layout.rows]
    rows += [[f"**{text}**" if text else "" for text in layout.total]] if layout.total else []
    table = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows]
    return [f"**{part.title}**", "", *table] if part.title else table


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
