"""Reports on a terminal: bold headings, ruled tables, trees. The only writer that imports rich."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text
from rich.tree import Tree

from convcalc.report.layout import lay_out
from convcalc.report.parts import Column, Heading, Listing, Part, Report, Table
from convcalc.report.write import writer
from convcalc.report.write.plain import plain, sentence

MAX_RULED_ROWS = 2_000
"""A longer table is written plain: rich takes a millisecond for each row."""


@writer("terminal")
def styled(report: Report, width: int | None = None) -> str:
    """`report` for a terminal of `width` characters (None: of any number) that shows colours."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", highlight=False, soft_wrap=True)
    sentence_before = True
    for number, part in enumerate(report):
        is_sentence = isinstance(part, str | Heading)
        if number and not (sentence_before and is_sentence):
            console.print()
        _print(console, part, width, first=number == 0)
        sentence_before = is_sentence
    return stream.getvalue()


def _print(console: Console, part: Part, width: int | None, *, first: bool) -> None:
    if isinstance(part, str | Heading):
        for line in sentence(part if isinstance(part, str) else part.text, width):
            console.print(Text(line, "bold" if first or isinstance(part, Heading) else ""))
    elif isinstance(part, Listing):
        for line in part.lines:
            console.print(Text(line))
    elif len(part.rows) > MAX_RULED_ROWS:
        console.print(Text(plain([part], width)), end="")
    else:
        _print_table(console, part, width)


def _print_table(console: Console, table: Table, width: int | None) -> None:
    layout = lay_out(table if table.levels is None else _as_tree(table, table.levels), width)
    ruled = RichTable(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_footer=bool(layout.totals),
        header_style="bold",
        footer_style="bold",
    )
    footers = zip(*layout.totals, strict=True) if layout.totals else ((),) * len(layout.columns)
    for column, least, footer in zip(layout.columns, layout.widths, footers, strict=True):
        ruled.add_column(
            Text(column.heading),
            Text("\n".join(footer)),
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


def _as_tree(table: Table, levels: Sequence[int]) -> Table:
    """The table with the lines of rich's tree before its first cells."""
    tree = Tree("", hide_root=True)
    path = [tree]
    for (name, *_), level in zip(table.rows, levels, strict=True):
        path[level + 1 :] = [path[level].add(Text(name.rpartition(".")[2], no_wrap=True))]
    stream = io.StringIO()
    room = max(len(name) for name, *_ in table.rows) + 5 * (max(levels) + 1)
    Console(file=stream, width=room).print(tree)
    names = [line.rstrip() for line in stream.getvalue().splitlines()]
    rows = [(name, *cells) for name, (_, *cells) in zip(names, table.rows, strict=True)]
    return table._replace(rows=rows, levels=None)


def _cell(text: str, column: Column) -> Text:
    return Text(text.replace("#", "━"), "cyan") if column.is_bar else Text(text)
