"""Reports as GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convcalc.report.layout import lay_out
from convcalc.report.parts import Heading, Listing, Part, Report
from convcalc.report.write import writer
from convcalc.report.write.plain import joined

_SPECIAL = re.compile(r"[\\`*\[\]|~@#]|(?<!\w)_|_(?!\w)|:(?=//|\w+:|:)|(?<=www)\.")
"""What would be emphasis, code, a link, a mention, an issue, a cell's end or an emoji."""

_OPENING = re.compile(r"^([-+=]|\d+(?=[.)]\s))")
"""What makes a line the item of a list, or the one before it a heading."""

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@writer("markdown")
def markdown(report: Report, width: int | None = None) -> str:
    """GitHub's Markdown."""
    return joined(report, _lines, apart=True)


def escaped(text: str) -> str:
    """Text that means only itself in Markdown and HTML.

    >>> escaped("[x](javascript:y) layer_1 <b>")
    '\\\\[x\\\\](javascript:y) layer_1 &lt;b&gt;'
    """
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", text.translate(_ENTITIES))


def fenced(lines: Sequence[str]) -> list[str]:
    """Lines as they are; the fence is longer than any run of backticks in them."""
    longest = max(map(len, re.findall("`+", "\n".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def _lines(part: Part) -> Sequence[str]:
    if isinstance(part, str):
        return [_OPENING.sub(r"\\\1" if not part[:1].isdigit() else r"\1\\", escaped(part))]
    if isinstance(part, Heading):
        return [f"### {escaped(part.text)}"]
    if isinstance(part, Listing):
        return fenced(part.lines)
    layout = lay_out(part, None)
    rule = [":--" if column.left else "--:" for column in layout.columns]
    rows = [_escaped([column.heading for column in layout.columns]), rule, *map(_escaped, layout.rows)]
    for total in layout.totals:
        rows.append([f"**{text}**" if text else "" for text in _escaped(total)])
    table = [f"| {' | '.join(row)} |" for row in rows]
    return [f"**{escaped(part.title)}**", "", *table] if part.title else table


def _escaped(cells: Sequence[str]) -> list[str]:
    """Cells; the blanks that indent the rows of a tree are kept."""
    texts = [escaped(text) for text in cells]
    return ["&nbsp;" * (len(text) - len(text.lstrip())) + text.lstrip() for text in texts]
