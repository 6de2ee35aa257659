"""What a report is made of: sentences, tables and listings, all still without a format.

Cells are plain values (ints stay exact), so that one table serves people ("4,608") and programs ("4608"). The records
are tuples filled by keyword: every command makes these classes at every start, and dataclasses take ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Cell = Any
"""A str, an int, a Fraction, a float, a shape (a tuple), or None for nothing."""


def show(value: Cell) -> str:
    """A value for people: thousands apart, shapes with x.

    >>> show(147456), show((64, 56, 56)), show(None)
    ('147,456', '64x56x56', '')
    """
    if type(value) is str:
        return value
    if type(value) is int:
        return f"{value:,}"
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def raw(value: Cell) -> str:
    """A value for programs: digits only."""
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def percent(value: Cell) -> str:
    """A share: 0.25 is "25.0%"."""
    return "" if value is None else f"{100 * value:.1f}%"


def ratio(value: Cell) -> str:
    """A ratio for people: "1.37x"; "1x" where nothing changes."""
    if value is None:
        return ""
    if value == 1:
        return "1x"
    return f"{float(value):.3g}x" if 1e-3 < value < 1e6 else f"{float(value):.2e}x"


def bar(value: Cell) -> str:
    """A share as a bar: 1.0 is 20 marks; whatever is not nothing has one."""
    return "#" * max(round(20 * value), 1 if value else 0) if value is not None else ""


def scaled(number: int) -> str:
    """A large number to three digits.

    >>> scaled(4111514624), scaled(512)
    ('4.11 G', '512')
    """
    if number < 1000:
        return str(number)
    for power, prefix in enumerate(" kMGTPE"):
        if power and number < 999.5 * 1000**power:
            return f"{number / 1000**power:.3g} {prefix}"
    power = len(str(number)) - 1
    return f"{number / 10**power:.3g}e{power}"


def in_bytes(count: Cell) -> str:
    """A number of bytes to three digits: "8.83 MB"."""
    text = scaled(count)
    return text + ("B" if text[-1].isalpha() else " B")


def amount(count: int, noun: str) -> str:
    """A number of things: "1 layer", "3 layers"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Column(NamedTuple):
    """A column of a table.

    Args:
        heading: what it is called.
        rank: when it is dropped where room is short: the highest rank first, 0 never.
        show: how its cells are written for people.
        left: whether its texts begin at the same place, rather than end there.
        is_bar: whether its texts are bars of #, which a terminal may draw.
    """

    heading: str
    rank: int = 0
    show: Callable[[Cell], str] = show
    left: bool = False
    is_bar: bool = False


class Table(NamedTuple):
    """Rows of cells under columns.

    Args:
        columns: one for each cell of a row.
        rows: what the table lists.
        totals: last rows that sum the others.
        title: what stands above it.
        is_main: whether it is the one that CSV, which holds one table, takes.
        levels: where the rows are a tree, how deep each stands in it; first cells are then dotted paths.
    """

    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    totals: Sequence[tuple[Cell, ...]] = ()
    title: str = ""
    is_main: bool = False
    levels: Sequence[int] | None = None


class Listing(NamedTuple):
    """Lines whose spaces matter: a drawing, arithmetic line by line."""

    lines: Sequence[str]


class Heading(NamedTuple):
    """What the report is about, or says in short."""

    text: str


Part = str | Table | Listing | Heading
"""A str is a sentence."""

Report = Sequence[Part]
