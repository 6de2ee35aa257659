"""How a table finds its place in a width: which columns stay, and how wide each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.report.parts import Column, Table

GAP = 2
"""Blanks between two columns."""


class Layout(NamedTuple):
    """A table's texts, without the columns that found no room."""

    columns: tuple[Column, ...]
    rows: Sequence[tuple[str, ...]]
    total: tuple[str, ...] | None
    widths: tuple[int, ...]
    dropped: tuple[str, ...]

    @property
    def note(self) -> str:
        """What was dropped, in words."""
        return f"(no room for: {', '.join(dict.fromkeys(self.dropped))})" if self.dropped else ""


def lay_out(table: Table, width: int | None) -> Layout:
    """The table's texts in `width` characters (None: any number), dropping whole columns, the highest rank first.

    No text is cut: where even the columns that are never dropped are too wide, the lines are.
    """
    whole = [
        [column.show(cell) for cell in cells]
        for column, cells in zip(table.columns, zip(*_all_rows(table), strict=True), strict=True)
    ]
    widths = [max(len(column.heading), *map(len, texts)) for column, texts in zip(table.columns, whole, strict=True)]
    kept = set(range(len(table.columns)))
    for rank in sorted({column.rank for column in table.columns if column.rank}, reverse=True):
        if width is None or _line_width(widths, kept) <= width:
            break
        kept -= {index for index in kept if table.columns[index].rank == rank}
    order = sorted(kept)
    rows = list(zip(*(whole[i] for i in order), strict=True))
    return Layout(
        tuple(table.columns[i] for i in order),
        rows[: len(table.rows)],
        rows[-1] if table.total else None,
        tuple(widths[i] for i in order),
        tuple(column.heading or "bars" for i, column in enumerate(table.columns) if i not in kept),
    )


def _all_rows(table: Table) -> list[tuple[object, ...]]:
    rows = [*table.rows, table.total] if table.total else list(table.rows)
    return rows or [("",) * len(table.columns)]


def _line_width(widths: Sequence[int], kept: set[int]) -> int:
    return sum(widths[i] for i in kept) + GAP * (len(kept) - 1)
