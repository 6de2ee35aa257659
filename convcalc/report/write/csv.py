"""Reports as CSV: the main table, its numbers as plain digits."""

from __future__ import annotations

import csv
import io

from convcalc.report.parts import Cell, Report, Table, raw
from convcalc.report.write import writer

_FORMULAS = ("=", "+", "-", "@")
"""What a text begins with that a spreadsheet computes."""


@writer("csv")
def csv_text(report: Report, width: int | None = None) -> str:
    """The report's main table, its numbers as plain digits."""
    stream = io.StringIO()
    out = csv.writer(stream, lineterminator="\n")
    for table in report:
        if isinstance(table, Table) and table.is_main:
            out.writerow([_cell(column.heading) for column in table.columns])
            out.writerows([_cell(cell) for cell in row] for row in table.rows)
    return stream.getvalue()


def _cell(cell: Cell) -> str:
    """A cell; a text that a spreadsheet would take for a formula begins with an apostrophe."""
    text = raw(cell)
    return f"'{text}" if type(cell) is str and text.lstrip().startswith(_FORMULAS) else text
