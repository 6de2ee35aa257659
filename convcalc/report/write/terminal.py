"""Reports on a terminal: bold headings, ruled tables. The only module that imports rich."""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from convcalc.report.parts import Column, Listing, Part, Report, Table
from convcalc.report.write.layout import lay_out
from convcalc.report.write.plain import plain, sentence

MAX_RULED_ROWS = 2_000
"""A longer table is written plain: rich takes a millisecond for each row."""


def styled(report: Report, width: int | None) -> str:
    """`report` for a terminal of `width` characters (None: of any number) that shows colours."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", highlight=False, soft_wrap=True)
    sentence_before = True
    for number, part in enumerate(report):
        if number and not (sentence_before and isinstance(part, str)):
            console.print()
        _print(console, part, width, first=number == 0)
        sentence_before = isinstance(part, str)
    return stream.getvalue()


def _print(console: Console, part: Part, width: int | None, *, first: bool) -> None:
    if isinstance(part, str):
        for line in sentence(part, width):
            console.print(Text(line, "bold" if first else ""))
    elif isinstance(part, Listing):
        for line in part.lines:
            console.print(Text(line))
    elif len(part.rows) > MAX_RULED_ROWS:
        console.print(Text(plain([part], width)), end="")
    else:
        _print_table(console, part, width)


def _print_table(console: Console, table: Table, width: int | None) -> None:
    layout = lay_out(table, width)
    ruled = RichTable(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_footer=layout.total is not None,
        header_style="bold",
        footer_style="bold",
    )
    footers = layout.total or ("",) * len(layout.columns)
    for column, least, footer in zip(layout.columns, layout.widths, footers, strict=True):
        ruled.add_column(
            Text(column.heading),
            Text(footer),
            justify="left" if column.left else "right",
            no_wrap=True,
            min_width=least,
        )
    for row in layout.rows:
        ruled.add_row(*map(_cell, row, layout.columns))
    if table.title:
        console.print(Text(table.title, "bold"))
    console.print(ruled, width=sum(layout.widths) + 2 * len(layout.widths) + 2, crop=False)
    for line in sentence(layout.note, width) if layout.note else ():
        console.print(Text(line, "dim"))


def _cell(text: str, column: Column) -> Text:
    return Text(text.replace("#", "━"), "cyan") if column.is_bar else Text(text)
