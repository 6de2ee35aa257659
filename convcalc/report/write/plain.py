"""Reports as plain text: aligned columns, no colours, no boxes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from convcalc.report.layout import GAP, Layout, lay_out
from convcalc.report.parts import Heading, Listing, Part, Report
from convcalc.report.printable import without_commands
from convcalc.report.write import writer

_FIGURE = re.compile(r"\([0-9][^()]{0,24}\)")
"""A short remark in brackets that a number opens: "(437 M)", "(9 of 9 places)"."""

_HELD = "\0"
"""Stands for a blank where a line must not end."""


@writer("plain")
def plain(report: Report, width: int | None = None) -> str:
    """Aligned text, at most `width` wide where the numbers allow it."""
    return without_commands(joined(report, lambda part: _plain_lines(part, width)))


def joined(report: Report, lines_of: Callable[[Part], Sequence[str]], *, apart: bool = False) -> str:
    """The lines of all parts; a blank line around tables and listings, and around all if `apart`."""
    lines: list[str] = []
    sentence_before = True
    for part in report:
        is_sentence = isinstance(part, str | Heading)
        if lines and (apart or not (sentence_before and is_sentence)):
            lines.append("")
        lines += lines_of(part)
        sentence_before = is_sentence
    return "\n".join(lines) + "\n"


def sentence(text: str, width: int | None) -> list[str]:
    """A sentence in lines; no word, number or figure in brackets is broken."""
    if width is None or len(text) <= width:
        return [text]
    import textwrap  # for narrow lines only: starting up counts

    held = _FIGURE.sub(lambda figure: figure[0].replace(" ", _HELD), text)
    lines = textwrap.wrap(held, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line.replace(_HELD, " ") for line in lines]


def _plain_lines(part: Part, width: int | None) -> Sequence[str]:
    if isinstance(part, str | Heading):
        return sentence(part if isinstance(part, str) else part.text, width)
    if isinstance(part, Listing):
        return part.lines
    layout = lay_out(part, width)
    headings = tuple(column.heading for column in layout.columns)
    lines = [part.title] if part.title else []
    lines += [_aligned(layout, row) for row in (headings, *layout.rows, *layout.totals)]
    return [*lines, *(sentence(layout.note, width) if layout.note else [])]


def _aligned(layout: Layout, row: Sequence[str]) -> str:
    cells = [
        text.ljust(width) if column.left else text.rjust(width)
        for text, width, column in zip(row, layout.widths, layout.columns, strict=True)
    ]
    return (" " * GAP).join(cells).rstrip()
