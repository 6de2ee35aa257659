"""Reports: how values are written, how tables find their place, what is said of a structure."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from convcalc import Network, compare, load, parse
from convcalc.analysis.proof import Check, Confirmation
from convcalc.catalogue import get
from convcalc.core.operator import Params
from convcalc.report.build.catalogue import parameters_text
from convcalc.report.build.comparison import comparison_report
from convcalc.report.build.document import dumps
from convcalc.report.build.fields import field_sentences
from convcalc.report.build.layers import incomplete_sentences, params_report
from convcalc.report.build.proof import MAX_LINES, proof_sentences
from convcalc.report.build.structure import kinds_sentence, projections
from convcalc.report.layout import lay_out
from convcalc.report.parts import Column, Listing, Table, amount, bar, in_bytes, percent, ratio, raw, scaled, show
from convcalc.report.write.csv import csv_text
from convcalc.report.write.latex import latex
from convcalc.report.write.markdown import markdown
from convcalc.report.write.plain import plain, sentence


@pytest.mark.parametrize(
    ("value", "for_people", "for_programs"),
    [
        (4608, "4,608", "4608"),
        (10**30, "1" + ",000" * 10, "1" + "0" * 30),
        ((64, 56, 56), "64x56x56", "64x56x56"),
        ((Fraction(1, 2), Fraction(2)), "1/2x2", "1/2x2"),
        (Fraction(1, 32), "1/32", "1/32"),
        (0.25, "0.25", "0.25"),
        (None, "", ""),
        ("conv", "conv", "conv"),
    ],
)
def test_values(value: object, for_people: str, for_programs: str) -> None:
    assert show(value) == for_people
    assert raw(value) == for_programs


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (1_500, "1.5 k"),
        (999_499, "999 k"),
        (999_999, "1 M"),
        (4_111_514_624, "4.11 G"),
        (7 * 10**15, "7 P"),
        (7 * 10**18, "7 E"),
        (12345 * 10**40, "1.23e44"),
        (7 * 10**400, "7e400"),
    ],
)
def test_scaled(number: int, text: str) -> None:
    assert scaled(number) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (1, "1x"), (Fraction(3, 2), "1.5x"), (Fraction(1, 10**6), "1.00e-06x"), (10**9, "1.00e+09x")],
)
def test_ratio(value: Fraction | None, text: str) -> None:
    assert ratio(value) == text


def test_small_things() -> None:
    assert (percent(0.125), percent(None)) == ("12.5%", "")
    assert (amount(1, "layer"), amount(2000, "layer")) == ("1 layer", "2,000 layers")
    assert (in_bytes(512), in_bytes(140_800), in_bytes(10**30)) == ("512 B", "141 kB", "1e30 B")
    assert (bar(1.0), bar(0.001), bar(0.0), bar(None)) == ("#" * 20, "#", "", "")


TABLE = Table(
    (
        Column("layer", left=True),
        Column("shape", rank=2),
        Column("more", rank=2),
        Column("params"),
        Column("share", rank=1),
    ),
    [("conv1", (64, 56, 56), "x", 147456, 0.5), ("b", None, "yy", 7, 0.25)],
    totals=[("total", None, "", 147463, None)],
    title="a title",
    is_main=True,
)


class TestLayout:
    def test_all_of_it(self) -> None:
        assert plain([TABLE]) == (
            "a title\n"
            "layer     shape  more   params  share\n"
            "conv1  64x56x56     x  147,456    0.5\n"
            "b                  yy        7   0.25\n"
            "total                  147,463\n"
        )

    @pytest.mark.parametrize(
        ("width", "kept"),
        [
            (37, ["layer", "shape", "more", "params", "share"]),
            (36, ["layer", "params", "share"]),
            (21, ["layer", "params", "share"]),
            (20, ["layer", "params"]),
            (1, ["layer", "params"]),
        ],
    )
    def test_columns_of_one_rank_go_together_and_the_highest_first(self, width: int, kept: list[str]) -> None:
        layout = lay_out(TABLE, width)
        assert [column.heading for column in layout.columns] == kept
        assert layout.rows[0][kept.index("params")] == "147,456"

    def test_a_note_says_what_is_missing(self) -> None:
        assert lay_out(TABLE, 20).note == "(no room for: shape, more, share)"
        assert lay_out(TABLE, None).note == ""

    def test_no_rows(self) -> None:
        assert plain([Table((Column("a"), Column("b")), [])]) == "a  b\n"

    def test_sentences_break_between_words(self) -> None:
        assert sentence("one 1,000,000 three", 8) == ["one", "  1,000,000", "  three"]
        assert sentence("one 1,000,000 three", None) == ["one 1,000,000 three"]

    @pytest.mark.parametrize("width", range(8, 40))
    def test_figures_in_brackets_stay_whole(self, width: int) -> None:
        text = "MACs 436,731,904 (437 M), coverage 44.4% (4 of 9 places)"
        lines = sentence(text, width)
        assert " ".join(line.strip() for line in lines) == text
        for figure in ("(437 M)", "(4 of 9 places)"):
            assert any(figure in line for line in lines), lines

    def test_parts_stand_apart(self) -> None:
        assert plain(["a", "b", Listing(["#.", ".#"]), "c"]) == "a\nb\n\n#.\n.#\n\nc\n"


class TestMarkup:
    def test_markdown(self) -> None:
        table = Table((Column("a|b", left=True), Column("n")), [("x*y", 1000)], totals=[("all", 1000)], title="t")
        assert markdown(["(3x3)*2", table, Listing(["#"])]) == (
            "(3x3)\\*2\n\n**t**\n\n| a\\|b | n |\n| :-- | --: |\n| x\\*y | 1,000 |\n| **all** | **1,000** |\n\n"
            "```text\n#\n```\n"
        )

    def test_latex(self) -> None:
        table = Table((Column("a_b", left=True), Column("n")), [("50%", 1000)], totals=[("all", 1000)], title="t")
        assert latex(["words", table]).splitlines() == [
            "% words",
            "",
            "% t",
            r"\begin{tabular}{lr}",
            r"\toprule",
            r"a\_b & n \\",
            r"\midrule",
            r"50\% & 1,000 \\",
            r"\midrule",
            r"all & 1,000 \\",
            r"\bottomrule",
            r"\end{tabular}",
        ]

    def test_csv_is_the_main_table_alone(self) -> None:
        other = Table((Column("x"),), [(1,)])
        assert csv_text(["words", other, TABLE]).splitlines() == [
            "layer,shape,more,params,share",
            "conv1,64x56x56,x,147456,0.5",
            "b,,yy,7,0.25",
        ]

    def test_documents_have_a_line_for_each_element(self) -> None:
        assert dumps({"a": 1, "layers": [{"b": 2}, {"b": 3}], "empty": []}) == (
            '{\n  "a": 1,\n  "layers": [\n    {"b": 2},\n    {"b": 3}\n  ],\n  "empty": []\n}\n'
        )


class TestStructure:
    @pytest.mark.parametrize(
        ("name", "convolutions", "beside"), [("resnet18", 20, 3), ("resnet50", 53, 4), ("vgg16", 13, 0)]
    )
    def test_projections(self, name: str, convolutions: int, beside: int) -> None:
        """He et al. 2016: one 1x1 on the shortcut wherever the channels change, stage 1 of ResNet-18 excepted."""
        network = load(name)
        assert len(projections(network.graph)) == beside
        assert kinds_sentence(network).startswith(f"{convolutions} convolutions")

    def test_an_identity_shortcut_has_none(self) -> None:
        assert projections(parse("add(3x3,3x3 | id)")) == []

    def test_equal_branches_are_no_shortcut(self) -> None:
        assert projections(parse("add(3x3 | 5x5)")) == []

    def test_a_long_branch_is_no_projection(self) -> None:
        assert projections(parse("add(3x3,3x3,3x3 | 1x1,3x3)")) == []

    def test_words(self) -> None:
        assert (
            kinds_sentence(load("3x3,tconv2x2s2,relu,relu,fc10"))
            == "1 convolution; 1 transposed convolution; 1 dense; 2 relu"
        )

    def test_parameters(self) -> None:
        assert parameters_text(get("resnext-block")) == "channels=256, cardinality=32, width=4, stride=1"


class TestComparison:
    def test_totals_and_ratios(self) -> None:
        """Two 3x3 against one 5x5: 18/25 of the weights (Szegedy et al. 2016)."""
        comparison = compare("5x5", "3x3,3x3", input=(64, 56, 56))
        assert comparison.values("params") == (25 * 64 * 64, 18 * 64 * 64)
        assert comparison.ratios("params") == (1, Fraction(18, 25))
        assert comparison.ratios("elementwise") == (None, None)

    def test_layers_are_aligned_by_name(self) -> None:
        comparison = compare("3x3,relu", "3x3,relu,5x5", "cat(3x3 | 1x1)")
        assert [layer.name for layer in comparison.layers] == ["0", "1", "2", "0.0.0", "0.1.0", "0.cat"]
        assert [layer and layer.spec for layer in comparison.layers[2].layers] == [None, "5x5c128", None]

    def test_a_layer_in_between_stands_in_between(self) -> None:
        """A projection appears where the block has it."""
        comparison = compare("resnet-block", "resnet-block(stride=2)")
        names = [layer.name for layer in comparison.layers]
        assert names.index("bn3") < names.index("downsample.0") < names.index("downsample.1") < names.index("add")

    def test_portions(self) -> None:
        """ResNet-18's classifier: 513,000 of 11,689,512 parameters."""
        text = plain(comparison_report(compare("resnet18", "vgg11")))
        portions = text.partition("where the params go")[2].partition("where the MACs go")[0]
        assert re.search(r"fc +4\.4% ", portions)
        assert [line.split()[0] for line in portions.splitlines() if "%" in line][:4] == [
            "conv1",
            "bn1",
            "layer1",
            "layer2",
        ]

    def test_many_portions_share_a_bar(self) -> None:
        text = plain(comparison_report(compare("3x3*30", "3x3*30")))
        assert re.search(r"14 others +46\.7%", text)

    def test_many_networks_have_many_letters(self) -> None:
        assert "B2 = 1x1" in plain(comparison_report(compare(*["1x1"] * 28)))

    def test_inputs_that_differ_are_said(self) -> None:
        assert "the inputs differ" in plain(comparison_report(compare("1x1", "resnet-block"), dtype="int8"))


class TestWhatIsNotKnown:
    def test_uncounted_operators_make_lower_bounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = load("3x3,relu,relu")
        assert incomplete_sentences(network) == []
        monkeypatch.setattr(type(network.layers[1].op), "counted", False)
        assert incomplete_sentences(load("3x3,relu,relu")) == ["lower bounds: not counted: 2 calls of relu"]

    def test_frozen_parameters_have_a_column(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = load("3x3")
        monkeypatch.setattr(type(network.layers[0].op), "params", lambda *_: Params(weights=5, frozen=7))
        text = plain(params_report(load("3x3")))
        assert "params 5: weights 5, biases 0, norm 0, frozen 7" in text
        assert "frozen" in text.splitlines()[4]

    def test_a_field_that_is_not_followed(self) -> None:
        assert field_sentences(load("tconv3x3s5000"))[0].startswith("receptive field not followed: ")

    def test_a_field_on_nothing(self) -> None:
        """On its first input, a layer that only the second one feeds."""
        graph = parse("3x3")
        second = graph._replace(
            nodes=(graph.nodes[0]._replace(name="unread"), *graph.nodes[:1], graph.nodes[1]._replace(inputs=(1,))),
            shapes=(graph.shapes[0], *graph.shapes),
            outputs=(2,),
        )
        sentence = "receptive field on unread: none: nothing of this input is read"
        assert field_sentences(Network(graph=second)) == [sentence]


def test_a_long_list_of_failures_is_counted() -> None:
    checks = tuple(Check("params", f"layer{i}", i, -1, "torch module") for i in range(MAX_LINES + 5))
    lines = proof_sentences(Confirmation("cpu", "2.13.0", checks, ()))
    assert lines[0] == "NOT confirmed on cpu (torch 2.13.0): 25 numbers of 25 disagree"
    assert lines[1] == "layer layer0: params 0 computed, -1 by torch module"
    assert lines[-1] == "and 5 more"
    assert len(lines) == 1 + MAX_LINES + 1
