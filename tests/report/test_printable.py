"""What is printed is data: hostile names in every format."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from convcalc import load
from convcalc.core.graph import Graph
from convcalc.report.build.document import dumps, model_document
from convcalc.report.build.layers import summary_report
from convcalc.report.parts import Column, Heading, Listing, Report, Table
from convcalc.report.printable import one_line, printable, without_commands
from convcalc.report.write import formats, write

NASTY = [
    "\x1b[31mred\x1b]0;title\x07",
    "a\u202egnp.exe",
    "zero\u200bwidth\ufeff",
    "two\nlines\r\u2028three",
    "::error file=x::y",
    "  ::error::y",
    "##[error]y",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "[x](javascript:alert(1))",
    "![x](http://evil/)",
    "<script>alert(1)</script>",
    "&lt;b&gt;",
    "`code` *bold* __strong__ ~~no~~ @user #1",
    "a|b",
    r"\input{/etc/passwd} $x$ 50% & # _ ~ ^ { }",
    "*star",
    "[bracket",
    "\ud800\x00\ufffe",
    "]]>",
]


def report(name: str) -> Report:
    """A name wherever a report can have one."""
    table = Table((Column(name, left=True), Column("n")), [(name, 1)], totals=[(name, 1)], title=name, is_main=True)
    return [Heading(name), name, table, Listing([name])]


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("format", ["plain", "terminal", *sorted(set(formats()) - {"table", "json"})])
def test_nothing_is_obeyed(name: str, format: str) -> None:
    text = write(report(name), format)
    own = re.sub(r"\x1b\[[0-9;]*m", "", text) if format == "terminal" else text
    assert all(char.isprintable() or char == "\n" for char in own)
    assert not any(line.lstrip().startswith("::") for line in own.splitlines())
    assert "##[" not in own
    text.encode()


@pytest.mark.parametrize("name", NASTY)
def test_csv_holds_no_formula(name: str) -> None:
    for row in csv.reader(io.StringIO(write(report(name), "csv"))):
        assert row[0][0] not in "=+-@"
        assert len(row) == 2


@pytest.mark.parametrize("name", NASTY)
def test_markdown_means_only_itself(name: str) -> None:
    lines = write(report(name), "markdown").splitlines()
    outside = "\n".join(lines[: lines.index("```text")]) if "```text" in lines else "\n".join(lines)
    assert "<script" not in outside
    assert not re.search(r"(?<!\\)\[x(?<!\\)\]\(", outside)
    assert not re.search(r"(?<!\\)[@`]", outside)
    rows = [line for line in lines if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


@pytest.mark.parametrize("name", NASTY)
def test_html_is_well_formed_and_has_no_element_of_the_name(name: str) -> None:
    tree = ElementTree.fromstring(write(report(name), "html"))
    assert {element.tag for element in tree.iter()} <= {
        *("div", "h3", "p", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "pre")
    }


@pytest.mark.parametrize("name", NASTY)
def test_latex_has_no_active_character(name: str) -> None:
    for line in write(report(name), "latex").splitlines():
        if line.startswith("%") or line in ("", r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}"):
            continue
        bare = re.sub(r"\\[&%$#_{}]|\\text\w+\{\}|\\quad|\{[\[*]\}", "", line)
        if not bare.startswith(r"\begin"):
            assert bare.count("&") == 1
            assert bare.endswith(r" \\")
            assert not re.search(r"[%$#_^~\[*]|\\(?!\\$)", bare[:-1].removesuffix("\\"))


def test_names_in_the_document_are_escaped() -> None:
    network = load("3x3")
    graph = network.graph
    hostile = Graph((graph.nodes[0], graph.nodes[1]._replace(name="\x1b[31m\u202e")), graph.shapes, graph.outputs)
    text = dumps(model_document(replace(network, graph=hostile)))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["layers"][0]["name"] == "\x1b[31m\u202e"
    assert "\x1b" not in write(summary_report(replace(network, graph=hostile)), "plain")


def test_what_is_harmless_stays() -> None:
    for text in ("layer1.0.conv2", "3x3c64, relu", "名字", "a:b::c", "## x", "c×d"):
        assert one_line(text) == printable(text) == without_commands(text) == text
