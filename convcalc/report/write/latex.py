"""Reports as tables for LaTeX's booktabs package; all else is a comment."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.report.layout import lay_out
from convcalc.report.parts import Heading, Listing, Part, Report
from convcalc.report.write import writer
from convcalc.report.write.plain import joined

_ESCAPES = str.maketrans(
    {char: f"\\{char}" for char in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "[": "{[}", "*": "{*}"}
)
"""Active characters; a bracket or a star after the end of a row would be an argument of that end."""


@writer("latex")
def latex(report: Report, width: int | None = None) -> str:
    """Tables for the booktabs package; all else is a comment."""
    return joined(report, _lines)


def _lines(part: Part) -> Sequence[str]:
    if isinstance(part, str | Listing | Heading):
        lines = part.lines if isinstance(part, Listing) else [part if isinstance(part, str) else part.text]
        return [f"% {line}".rstrip() for line in lines]
    layout = lay_out(part, None)
    lines = [f"% {part.title}"] if part.title else []
    lines += [rf"\begin{{tabular}}{{{''.join('l' if column.left else 'r' for column in layout.columns)}}}", r"\toprule"]
    lines += [_row([column.heading for column in layout.columns]), r"\midrule"]
    lines += [_row(row) for row in layout.rows]
    lines += [r"\midrule", *map(_row, layout.totals)] if layout.totals else []
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _row(cells: Sequence[str]) -> str:
    return " & ".join(_cell(text) for text in cells) + r" \\"


def _cell(text: str) -> str:
    """A cell; the blanks that indent the rows of a tree are kept."""
    plain = text.lstrip()
    return r"\quad " * ((len(text) - len(plain)) // 2) + plain.translate(_ESCAPES)
