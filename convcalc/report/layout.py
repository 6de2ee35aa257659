"""How a table finds its place in a width: which columns stay, and how wide each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.report.parts import Column, Table

GAP = 2
"""Blanks between two columns."""


class Layout(NamedTuple):
    """A table's texts, without the columns that found no room (`dropped`)."""

    columns: tuple[Column, ...]
    rows: Sequence[tuple[str, ...]]
    totals: Sequence[tuple[str, ...]]
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
    cells = [*table.rows, *table.totals] or [("",) * len(table.columns)]
    whole = [
        [column.show(cell) for cell in texts]
        for column, texts in zip(table.columns, zip(*cells, strict=True), strict=True)
    ]
    if table.levels is not None:
        whole[0][: len(table.rows)] = map(_leaf, whole[0], table.levels)
    widths = [max(len(column.heading), *map(len, texts)) for column, texts in zip(table.columns, whole, strict=True)]
    kept = set(range(len(table.columns)))
    for rank in sorted({column.rank for column in table.columns if column.rank}, reverse=True):
        if width is None or _line_width(widths, kept) <= width:
            break
        kept -= {index for index in kept if table.columns[index].rank == rank}
    order = sorted(kept)
    rows = list(zip(*(whole[i] for i in order), strict=True))
    return Layout(
        columns=tuple(table.columns[i] for i in order),
        rows=rows[: len(table.rows)],
        totals=rows[len(table.rows) :] if table.totals else (),
        widths=tuple(widths[i] for i in order),
        dropped=tuple(column.heading or "bars" for i, column in enumerate(table.columns) if i not in kept),
    )


def _leaf(path: str, level: int) -> str:
    """The last word of a path, as far to the right as it stands deep in the tree."""
    return "  " * level + path.rpartition(".")[2]


def _line_width(widths: Sequence[int], kept: set[int]) -> int:
    return sum(widths[i] for i in kept) + GAP * (len(kept) - 1)
