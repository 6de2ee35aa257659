"""Reports as a fragment of HTML: what a notebook shows in place of a table of characters."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from convcalc.report.layout import lay_out
from convcalc.report.parts import Heading, Listing, Part, Report, Table
from convcalc.report.write import writer


@writer("html")
def html(report: Report, width: int | None = None) -> str:
    """The report as one `div`; numbers keep their columns, nothing is loaded from elsewhere."""
    return f'<div class="convcalc">\n{"".join(map(_part, report))}</div>\n'


def _part(part: Part) -> str:
    if isinstance(part, str):
        return f"<p>{escape(part)}</p>\n"
    if isinstance(part, Heading):
        return f"<h3>{escape(part.text)}</h3>\n"
    if isinstance(part, Listing):
        return f"<pre>{escape(chr(10).join(part.lines))}</pre>\n"
    return _table(part)


def _table(table: Table) -> str:
    layout = lay_out(table, None)
    sides = ["left" if column.left else "right" for column in layout.columns]
    caption = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    head = _row("th", [column.heading for column in layout.columns], sides)
    body = "\n".join(_row("td", row, sides) for row in layout.rows)
    totals = "\n".join(_row("th", row, sides) for row in layout.totals)
    foot = f"\n<tfoot>{totals}</tfoot>" if totals else ""
    return f"<table>{caption}\n<thead>{head}</thead>\n<tbody>{body}</tbody>{foot}\n</table>\n"


def _row(tag: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    made = (
        f'<{tag} style="text-align: {side}; white-space: pre">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"
