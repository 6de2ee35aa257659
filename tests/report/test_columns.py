"""Tables of layers: columns by name, which rows are shown, trees of modules."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from fractions import Fraction

import pytest

from convcalc import compare, load
from convcalc.analysis.metrics import METRICS, metric
from convcalc.core.errors import UsageError
from convcalc.report.build.columns import LONG, View, check_columns, column_names, layer_column
from convcalc.report.build.comparison import comparison_report, paper_report
from convcalc.report.build.fields import rf_report
from convcalc.report.build.layers import flops_report, params_report, summary_report
from convcalc.report.parts import Report, Table
from convcalc.report.write import formats, write


def main_table(report: Report) -> list[dict[str, str]]:
    """The rows of the report's main table, as CSV has them."""
    return list(csv.DictReader(io.StringIO(write(report, "csv"))))


@pytest.fixture
def own_metrics() -> Iterator[None]:
    """A user's metrics: one that adds up over layers, one of the whole."""

    @metric("branches", title="joins", unit="layers", layer=lambda layer: int(len(layer.inputs) > 1))
    def branches(network: object) -> int:
        return 2

    @metric("reuse", title="MACs per parameter", unit="ratio")
    def reuse(network: object) -> Fraction:
        return Fraction(7, 2)

    yield
    del METRICS["branches"], METRICS["reuse"]


class TestColumns:
    def test_by_name_in_the_order_asked_for(self) -> None:
        """9*64*64 and 25*64*64 weights; a 5x5 after a 3x3 sees 7x7."""
        rows = main_table(
            summary_report(
                load("3x3,5x5", input=(64, 9, 9)), view=View(columns=("rf", "weights", "layer", "macs.share"))
            )
        )
        assert list(rows[0]) == ["RF", "weights", "layer", "share of MACs"]
        assert [row["RF"] for row in rows] == ["3x3", "7x7"]
        assert [row["weights"] for row in rows] == [str(9 * 64 * 64), str(25 * 64 * 64)]
        assert [float(row["share of MACs"]) for row in rows] == [9 / 34, 25 / 34]

    @pytest.mark.parametrize("name", column_names())
    def test_every_name_is_a_column_of_every_network(self, name: str) -> None:
        check_columns([name])
        text = write(summary_report(load("3x3,gap,fc10"), view=View(columns=("layer", name), sort=name)), "plain")
        assert "total" in text or name in ("layer", "op", "spec", "inputs", "output") or "share" in name or "r" in name

    def test_an_unknown_one_is_named_with_the_nearest(self) -> None:
        with pytest.raises(UsageError, match="no column is called 'parms'") as error:
            check_columns(["layer", "parms"])
        assert "params" in error.value.hint

    def test_layers_of_a_kind(self) -> None:
        check_columns(["layers.conv"])
        rows = main_table(params_report(load("3x3,relu,3x3"), view=View(columns=("layer", "layers.conv"))))
        assert [row["conv layers"] for row in rows] == ["1", "0", "1"]

    def test_a_metric_of_ones_own(self, own_metrics: None) -> None:
        check_columns(["branches", "reuse"])
        network = load("add(3x3 | id),relu")
        table = next(
            part
            for part in params_report(network, view=View(columns=("layer", "branches", "reuse")))
            if isinstance(part, Table)
        )
        assert [row[1] for row in table.rows] == [0, 1, 0] or [row[1] for row in table.rows] == [0, 0, 1, 0]
        assert table.totals == [("total", 2, 3.5)]
        text = write(comparison_report(compare(network, network)), "plain")
        assert "joins" in text
        assert "MACs per parameter" in text

    def test_totals_only(self) -> None:
        """ResNet-50 (torchvision): 25,557,032 parameters; its last spatial unit sees 427x427 (Araujo et al. 2019: 483
        counts the stem differently)."""
        view = View(total=True, columns=("layer", "params", "memory.peak"))
        assert main_table(summary_report(load("resnet50"), view=view)) == [
            {"network": "resnet50", "params": "25557032", "peak of activations": "2408448"}
        ]

    def test_the_total_of_receptive_fields_is_nothing(self) -> None:
        text = write(rf_report(load("3x3,3x3")), "plain")
        assert "total" not in text


class TestRows:
    NETWORK = "3x3c8, 1x1c64, 5x5c8, 3x3c8"
    """Over 4 channels: 9*4*8 = 288, 8*64 = 512, 25*64*8 = 12,800 and 9*8*8 = 576 weights."""

    @pytest.fixture
    def view_of(self) -> object:
        network = load(self.NETWORK, input=(4, 9, 9))
        return lambda **view: params_report(network, view=View(**view))

    def test_sorted(self, view_of: object) -> None:
        assert [row["params"] for row in main_table(view_of(sort="params"))] == ["12800", "576", "512", "288"]  # type: ignore[operator]
        assert [row["layer"] for row in main_table(view_of(sort="spec"))] == ["1", "0", "3", "2"]  # type: ignore[operator]

    def test_the_largest_stay_in_their_order(self, view_of: object) -> None:
        report = view_of(top=2)  # type: ignore[operator]
        assert [row["layer"] for row in main_table(report)] == ["2", "3"]
        text = write(report, "plain")
        assert "2 others" in text
        assert f"{288 + 512}" in next(line for line in text.splitlines() if line.startswith("2 others"))
        assert "2 of 4 layers, the largest by params" in text

    def test_the_largest_by_another_column(self, view_of: object) -> None:
        assert [row["layer"] for row in main_table(view_of(top=1, sort="output"))] == ["1"]  # type: ignore[operator]

    def test_a_long_table_folds_where_it_may(self) -> None:
        long = load(f"3x3c4*{LONG + 1}", input=(4, 9, 9))
        folded = write(flops_report(long, view=View(fold=True)), "plain")
        assert f"20 of {LONG + 1} layers, the largest by MACs: --all shows every layer" in folded
        assert "others" not in write(flops_report(long), "plain")
        assert "others" not in write(flops_report(load(f"3x3*{LONG}"), view=View(fold=True)), "plain")


class TestTrees:
    def test_modules_above_their_layers(self) -> None:
        report = params_report(load("resnet18"), view=View(tree=True, depth=2))
        rows = main_table(report)
        names = [row["layer"] for row in rows]
        start = names.index("layer1")
        assert names[start : start + 4] == ["layer1", "layer1.0", "layer1.1", "layer2"]
        assert int(rows[start]["params"]) == 2 * 2 * (9 * 64 * 64 + 2 * 64)  # two blocks of two 3x3 with batch norm
        lines = write(report, "plain").splitlines()
        assert any(line.startswith("  0 ") for line in lines)

    def test_on_a_terminal_rich_draws_it(self) -> None:
        text = write(params_report(load("resnet18"), view=View(tree=True, depth=2)), "terminal")
        assert "├── 0" in text
        assert "└── 1" in text

    def test_a_long_tree_is_cut_where_it_may(self) -> None:
        text = write(summary_report(load("resnet50"), view=View(tree=True, fold=True)), "plain")
        assert "2 levels of 4: --all shows every layer" in text
        assert write(summary_report(load("resnet50"), view=View(tree=True)), "plain").count("conv1") > 10

    def test_in_every_format(self) -> None:
        report = summary_report(load("resnet-block(stride=2)"), view=View(tree=True))
        for name in formats():
            if name not in ("table", "json"):
                assert "downsample" in write(report, name)


class TestComparisons:
    def test_a_table_for_a_paper(self) -> None:
        text = write(paper_report(compare("resnet-block", "resnext-block"), View(columns=("params", "rf"))), "latex")
        assert text.count(r"\begin{tabular}") == 1
        assert r"resnet-block & 70,400 & 3x3 \\" in text
        assert r"network & params & receptive field \\" in text

    def test_columns_of_layers(self) -> None:
        view = View(columns=("layer", "weights", "output"))
        rows = main_table(comparison_report(compare("3x3c8", "5x5c8", input=(4, 9, 9)), view=view))
        assert rows == [
            {"layer": "0", "A weights": "288", "A output": "8x9x9", "B weights": "800", "B output": "8x9x9"}
        ]

    def test_the_largest_layers(self) -> None:
        view = View(top=1, sort="params")
        report = comparison_report(compare("3x3c8, 5x5c8", "3x3c8, 3x3c8", input=(4, 9, 9)), view=view)
        assert [row["layer"] for row in main_table(report)] == ["1"]
        assert "(1 smaller layer left out)" in write(report, "plain")

    def test_totals_only(self) -> None:
        text = write(comparison_report(compare("3x3", "5x5"), view=View(total=True)), "plain")
        assert "layers side by side" not in text
        assert "2.78x" in text


def test_the_column_of_a_network_whose_field_is_not_followed() -> None:
    from convcalc.report.build.columns import Choice

    network = load("tconv3x3s5000")
    assert layer_column(network, Choice(name="rf"), "macs").cell(network.layers[0]) is None
