"""The command line as its users meet it: what it says, in which format, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import click
import pytest
from commandline import ESCAPE, good, listening, process, refused, run

from convcalc import load
from convcalc.analysis.proof import Check, Confirmation
from convcalc.cli import main
from convcalc.core.errors import ConfirmError

BOX = set("─│┌┐└┘├┤━┃╭╮")


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proof, no colours and no width from the machine that runs the tests."""
    monkeypatch.setenv("CONVCALC_CONFIRM", "0")
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "CONVCALC_DEBUG"):
        monkeypatch.delenv(name, raising=False)


class TestTheThreeCommands:
    def test_params_of_a_grouped_layer_shows_the_law(self) -> None:
        """3*3*(128/32)*128 = 4,608 against 3*3*128*128 = 147,456: 1/32."""
        text = good("params --kernel 3 --groups 32")
        assert "input 128x56x56 (default)" in text
        assert "params 4,608" in text
        assert "ungrouped (3x3c128): 147,456 params" in text
        assert "4,608 / 147,456 weights = 1/32" in text

    def test_rf_of_a_stack(self) -> None:
        """1 + 2 + 2 + 2 = 7."""
        text = good("rf --layers 3x3,3x3,3x3")
        assert "receptive field 7x7, effective stride 1x1, effective padding 3x3" in text
        assert [line.split()[4] for line in text.splitlines() if re.match(r"\d ", line)] == ["3x3", "5x5", "7x7"]

    def test_compare_blocks(self) -> None:
        """The papers' templates at 256 channels: 70,400 and 71,168 parameters with batch norm."""
        text = good("compare resnet-block resnext-block")
        assert re.search(r"params +70,400 +71,168 +1\.01x", text)
        assert "layers side by side" in text
        assert "where the params go" in text
        assert "where the MACs go" in text
        assert "B: receptive field 3x3" in text
        assert "(4 layers without parameters and MACs left out)" in text


class TestSayingWhichNetwork:
    @pytest.mark.parametrize(
        ("line", "params"),
        [
            ("params 3x3", 3 * 3 * 128 * 128),
            ("params --layers 3x3", 3 * 3 * 128 * 128),
            ("params --kernel 3", 3 * 3 * 128 * 128),
            ("params --kernel 3x3", 3 * 3 * 128 * 128),
            ("params --kernel 1x3", 3 * 128 * 128),
            ("params --kernel 3 --in-channels 64", 3 * 3 * 64 * 64),
            ("params --kernel 3 --in-channels 64 --out-channels 32", 3 * 3 * 64 * 32),
            ("params --kernel 3 --out-channels 32 --input 16x8x8", 3 * 3 * 16 * 32),
            ("params --kernel 3 --input 16x100", 3 * 16 * 16),
            ("params --kernel 3 --input 16x8x8x8", 3**3 * 16 * 16),
            ("params --kernel 3 --bias", 3 * 3 * 128 * 128 + 128),
            ("params --kernel 3 --bias --norm bn", 3 * 3 * 128 * 128 + 128 + 2 * 128),
            ("params 3x3,1x1 --norm bn", 3 * 3 * 128 * 128 + 128 * 128 + 2 * 2 * 128),
            ("params --kernel 3 --cardinality 32", 3 * 3 * 4 * 128),
            ("params --kernel 3 --cardinality 32 --width 8", 3 * 3 * 8 * 256),
            ("params 3x3 --in-channels 8", 3 * 3 * 8 * 8),
            ("params resnext-block --cardinality 1 --width 64", 70400),
            ("params resnext-block --set cardinality=1 --set width=64", 70400),
            ("params 'resnext-block(cardinality=1)' --width 64", 70400),
            ("params resnet-block --out-channels 64", 256 * 64 + 9 * 64 * 64 + 64 * 64 + 256 * 64 + 4 * 2 * 64),
        ],
    )
    def test_every_way(self, line: str, params: int) -> None:
        assert json.loads(good(f"{line} --format json"))["params"] == params

    @pytest.mark.parametrize(
        ("line", "output"),
        [
            ("params --kernel 3 --stride 2", [128, 28, 28]),
            ("params --kernel 3 --stride 2x1", [128, 28, 56]),
            ("params --kernel 3 --dilation 2", [128, 56, 56]),
            ("params --kernel 3 --padding 0", [128, 54, 54]),
            ("params --kernel 3 --dilation 2 --padding 0", [128, 52, 52]),
        ],
    )
    def test_the_options_of_a_layer(self, line: str, output: list[int]) -> None:
        assert json.loads(good(f"{line} --format json"))["output"] == output

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("params 3x3", "input 128x56x56 (default)"),
            ("params 3x3 --in-channels 64", "input 64x56x56 (56x56 default)"),
            ("params --kernel 3 --cardinality 32 --width 8", "input 256x56x56 (56x56 default)"),
            ("params resnet50", "input 3x224x224 (default)"),
            ("params 3x3 --input 8x9x10", "input 8x9x10, output"),
        ],
    )
    def test_defaults_are_said(self, line: str, said: str) -> None:
        assert said in good(line)

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("params", "no network is given"),
            ("params --groups 32", "--groups of which layer?"),
            ("params 3x3 --layers 5x5", "a SPEC and --layers are two networks"),
            ("params 3x3 --kernel 3", "--kernel describes a single layer"),
            ("params --layers 3x3 --stride 2", "write it in the text: 3x3s2"),
            ("params resnet-block --kernel 3", "resnet-block has no parameter 'kernel'"),
            ("params resnet-block --groups 2", "its parameters are channels=256"),
            ("params resnet-block --norm bn", "norm acts on the convolutions of a text"),
            ("params resnet-block --bias", "bias acts on the convolutions of a text"),
            ("params --kernel 3 --groups 2 --cardinality 2", "say the same thing"),
            ("params --kernel 3 --width 4", "--width is that of each of --cardinality groups"),
            ("params --kernel 3 --cardinality 2 --width 4 --in-channels 6", "over 8 channels, the input has 6"),
            ("params --kernel 3 --groups 3", "groups=3 does not divide 128"),
            ("params --kernel 3 --in-channels 4 --input 8x9x9", "contradict each other"),
            ("params --kernel x3", "not a size"),
            ("params --kernel 3 --groups 0", "not a whole number of at least 1"),
            ("params --kernel 3 --set a=1", "only a catalogue entry has parameters"),
            ("params 3x3 --set a=1", "only a catalogue entry has parameters"),
            ("params resnext-block --set nosuch=1", "no parameter 'nosuch'"),
            ("params resnext-block --set cardinality", "not KEY=VALUE"),
            ("params resnext-block --set cardinality=many", "cardinality is 'many'"),
            ("params resnext-block --set 'cardinality=1, width=2'", "more than one value"),
            ("params resnext-block --set width=4 --width 4", "say the same thing"),
            ("params 'resnext-block(width=4)' --width 4", "given in the text and as an option"),
            ("params 3x3 --input 3x8x8 --input 3x8x8", "one input"),
            ("params 3x3 --input big", "an input is channels x sizes"),
            ("params 3x4x", "expected a number"),
            ("params ''", "the text is empty"),
            ("params nosuch-block", "unknown layer"),
            ("params 7x7p0 --input 3x5x5", "does not fit a 5x5 input"),
            ("params 3x3 --nosuch", "--nosuch"),
            ("params 3x3 --format nosuch", "nosuch"),
            ("compare 3x3", "compare needs at least two networks"),
            ("compare", "SPECS"),
            ("parms 3x3", "did you mean params?"),
            ("xyzzy", "the commands: "),
            ("rf 3x3 --unit 56,0", "56,0 is not a unit"),
            ("rf 3x3 --unit a,b", "not a place"),
            ("rf 3x3 --pixel 1,2,3", "1,2,3 is not a place"),
            ("rf resnet50 --layer layer9", "did you mean layer"),
            ("blocks nosuch", "no block is called 'nosuch'"),
            ("blocks --input 3x8x8", "of which block?"),
            ("completion tcsh", "tcsh"),
        ],
    )
    def test_what_contradicts_itself_is_refused(self, line: str, why: str) -> None:
        assert why in refused(line)

    @pytest.mark.parametrize(
        "line", ["params 3x4x", "params", "params 3x3 --groups 2", "params 3x3 --nosuch", "rf --input 0 3x3"]
    )
    @pytest.mark.parametrize("flag", ["--format json", "--format=json"])
    def test_json_is_told_so_in_json(self, line: str, flag: str) -> None:
        result = run(f"{line} {flag}")
        assert result.exit_code == 2
        document = json.loads(result.stdout)
        assert document["format_version"] == 1
        assert set(document["error"]) == {"kind", "message", "at", "hint"}
        assert document["error"]["message"] in result.stderr

    def test_the_place_of_an_error(self) -> None:
        error = json.loads(run("params 3x3,5q5 --format json").stdout)["error"]
        assert (error["kind"], error["at"]) == ("spec", 5)


class TestExplaining:
    def test_params(self) -> None:
        assert "0: 3*3*(128/32)*128 = 4,608" in good("params --kernel 3 --groups 32 --explain")

    def test_the_sum(self) -> None:
        text = good("params 3x3,1x1 --explain")
        assert "sum: 147,456 + 16,384 = 163,840" in text

    def test_flops(self) -> None:
        text = good("flops 3x3c64 --input 64x10x10 --explain")
        assert "0: 3*3*64*64*10*10 = 3,686,400" in text
        assert "FLOPs = 2 x MACs = 2*3686400 = 7,372,800" in text

    def test_jump_by_jump(self) -> None:
        """A stride doubles the jump; the naive rule would give 7 for the last line."""
        text = good("rf 3x3s2,3x3,3x3d2 --explain")
        assert "0 (3x3c128s2): RF 3 = 1 + (3-1)*1, jump 2 = 1*2" in text
        assert "1 (3x3c128): RF 7 = 3 + (3-1)*2" in text
        assert "2 (3x3c128d2): RF 15 = 7 + (3-1)*2*2" in text

    @pytest.mark.parametrize(
        ("spec", "line"),
        [
            ("1x3", "0 (1x3c128): axis 0: RF 1 = 1 + (1-1)*1; axis 1: RF 3 = 1 + (3-1)*1"),
            ("add(3x3 | id)", "0.add (add): RF 3x3 = the union of 3x3 (0.0.0) and 1x1 (0.1.0)"),
            ("up2,3x3", "0 (up2x2): RF 1, jump 1/2 (units read 1 place of the 1 before)"),
            ("tconv3x3s2,3x3", "0 (tconv3x3c128s2): RF 2, jump 1/2 (units read 1 to 2 places of the 1 before)"),
            ("gap", "0 (gap): RF global: it reads all of 56x56"),
        ],
    )
    def test_what_is_no_plain_step(self, spec: str, line: str) -> None:
        assert line in good(f"rf {shlex.quote(spec)} --explain")


class TestReceptiveField:
    def test_a_mask_is_drawn(self) -> None:
        """A 1x3 beside a 3x1: a plus."""
        text = good("rf 'cat(1x3 | 3x1)'")
        assert "\n.#.\n###\n.#.\n" in text
        assert "coverage 55.6% (5 of 9 places)" in text
        assert "union of rectangles" in text

    def test_holes_are_drawn(self) -> None:
        text = good("rf 3x3d2")
        assert "#.#.#\n.....\n" in text
        assert "holes: the largest gap is 1x1" in text

    def test_one_dimension(self) -> None:
        assert "\n#.#.#\n" in good("rf 3d2 --input 4x50")

    def test_a_full_field_is_not_drawn(self) -> None:
        assert "#" not in good("rf 3x3,3x3")

    def test_remarks(self) -> None:
        assert "receptive field global: every unit reads the whole input" in good("rf gap")
        assert "at least 3x3" in good("rf dconv3x3")
        assert "units differ: from 1x1 to 2x2, repeating every 2x2" in good("rf tconv3x3s2")
        assert "larger than the input 9x9" in good("rf 3x3*9 --input 3x9x9")

    def test_the_last_spatial_layer(self) -> None:
        assert "last spatial layer layer4.2.relu3: receptive field 427x427" in good("rf resnet50")

    def test_up_to_a_layer(self) -> None:
        """torchvision's layer1 sees 35 pixels: 7, 11 after the pool, then three 3x3 at stride 4."""
        assert "receptive field 35x35, effective stride 4x4" in good("rf resnet50 --layer layer1")

    def test_a_unit_and_a_pixel(self) -> None:
        text = good("rf 3x3,3x3 --unit 0,3 --pixel 10,0")
        assert "unit 0,3 of 1 reads rows 0 to 2, columns 1 to 5 (15 places) of input" in text
        assert "pixel 10,0 of input is read by rows 8 to 12, columns 0 to 2 (15 places) of 1" in text

    def test_a_unit_in_json(self) -> None:
        places = json.loads(good("rf 3x3,3x3 --unit 0,3 --format json"))["places"]
        read = {"of": "input", "count": 15, "products": [[[[0, 3]], [[1, 6]]]]}
        assert places == [{"unit": [0, 3], "layer": "1", "regions": [read]}]


class TestFormats:
    def test_json_contract(self) -> None:
        document = json.loads(good("summary 3x3,3x3 --format json"))
        assert {
            "format_version": 1,
            "spec": "3x3,3x3",
            "input": [128, 56, 56],
            "output": [128, 56, 56],
            "params": 294912,
            "macs": 924844032,
            "flops": 1849688064,
            "elementwise": 0,
            "complete": True,
            "uncounted": [],
            "input_default": True,
            "confirmed": None,
        }.items() <= document.items()
        field = {"size": [5, 5], "stride": [1, 1], "padding": [2, 2], "coverage": 1.0, "global": False}
        assert field.items() <= document["receptive_field"].items()
        # The input is alive beside the first map, and that beside the second: two maps of 128*56*56.
        memory = {"params": 294912, "activations": 802816, "peak": 802816}
        assert memory.items() <= document["memory"].items()
        layer = document["layers"][0]
        assert {
            "name": "0",
            "op": "conv",
            "spec": "3x3c128",
            "inputs": [],
            "output": [128, 56, 56],
            "params": 147456,
            "macs": 462422016,
        }.items() <= layer.items()
        assert layer["receptive_field"]["size"] == [3, 3]
        assert layer["formula"]["params"] == "3*3*128*128"
        assert document["layers"][1]["inputs"] == ["0"]

    @pytest.mark.parametrize("command", ["params", "flops", "rf", "summary"])
    def test_all_four_share_the_document(self, command: str) -> None:
        assert good(f"{command} resnet18 --format json") == good("summary resnet18 --format json")

    def test_a_global_field_has_no_size(self) -> None:
        document = json.loads(good("rf 3x3s2,gap --format json"))
        assert document["receptive_field"]["size"] is None
        assert document["receptive_field"]["global"] is True
        assert document["spatial"]["layer"] == "0"
        assert document["spatial"]["receptive_field"]["size"] == [3, 3]

    def test_a_fractional_stride(self) -> None:
        assert json.loads(good("rf up2 --format json"))["receptive_field"]["stride"] == ["1/2", "1/2"]

    def test_numbers_beyond_floating_point(self) -> None:
        """9 * 10^9 * 10^9, exactly."""
        document = json.loads(good("params 3x3c1000000000 --input 1000000001x1x1 --format json"))
        assert document["params"] == 9 * 1000000001 * 1000000000

    def test_bytes(self) -> None:
        memory = json.loads(good("summary 3x3 --dtype float16 --format json"))["memory"]
        assert memory["bytes"]["dtype"] == "float16"
        assert memory["bytes"]["params"] == 2 * memory["params"]

    def test_compare_in_json(self) -> None:
        document = json.loads(good("compare 3x3,3x3 5x5 --format json"))
        assert [model["params"] for model in document["models"]] == [294912, 409600]
        assert document["ratios"]["params"] == [1.0, 409600 / 294912]
        second = {"name": "1", "specs": ["3x3c128", None], "params": [147456, None], "macs": [462422016, None]}
        assert document["layers"][1] == second

    @pytest.mark.parametrize("command", ["params", "flops", "rf", "summary"])
    def test_csv(self, command: str) -> None:
        rows = list(csv.DictReader(io.StringIO(good(f"{command} resnet-block --format csv"))))
        assert [row["layer"] for row in rows[:3]] == ["conv1", "bn1", "relu"]
        assert len(rows) == 10
        if command != "rf":
            column = {"params": "params", "flops": "MACs", "summary": "params"}[command]
            total = {"params": 70400, "flops": 218365952, "summary": 70400}[command]
            assert sum(int(row[column]) for row in rows) == total

    def test_compare_in_csv_has_every_layer_and_the_totals_with_ratios(self) -> None:
        """70,400 and 71,168 parameters with batch norm (Xie et al. 2017): 1.0109 times as many."""
        rows = list(csv.DictReader(io.StringIO(good("compare resnet-block resnext-block --format csv"))))
        assert len(rows) == 10 + 1
        assert (rows[-1]["layer"], rows[-1]["A params"], rows[-1]["B params"]) == ("total", "70400", "71168")
        assert float(rows[-1]["B / A params"]) == 71168 / 70400
        assert float(rows[3]["B / A params"]) == 1 / 8

    def test_the_totals_of_a_comparison_in_csv(self) -> None:
        """Two 3x3 are 18/25 of a 5x5 (Szegedy et al. 2016)."""
        rows = {row[""]: row for row in csv.DictReader(io.StringIO(good("compare 5x5 3x3,3x3 --total --format csv")))}
        assert float(rows["MACs"]["B / A"]) == 18 / 25
        assert rows["receptive field"]["A 5x5"] == rows["receptive field"]["B 3x3,3x3"] == "5x5"

    def test_markdown(self) -> None:
        lines = good("params 3x3,bn --format markdown").splitlines()
        table = [line for line in lines if line.startswith("|")]
        assert len({line.count("|") for line in table}) == 1
        assert table[1].startswith("| :-- |")
        assert "| **total** |" in table[-1]

    def test_latex(self) -> None:
        text = good("params 3x3 --format latex")
        assert r"\begin{tabular}{lllrrrrrr}" in text
        assert r"100.0\%" in text
        assert all(line.startswith("%") for line in text.partition(r"\begin")[0].splitlines() if line)

    def test_flops_say_what_they_are(self) -> None:
        text = good("flops 3x3,relu")
        assert text.count("FLOPs (2 x MACs)") == 2
        assert "elementwise 401,408" in text
        assert "not in the FLOPs" in text

    def test_blocks(self) -> None:
        text = good("blocks")
        assert re.search(r"resnext-block +256x56x56 +channels=256, cardinality=32, width=4", text)
        assert "Xie et al. 2017" in text
        entries = json.loads(good("blocks --format json"))["blocks"]
        assert {"name", "family", "source", "summary", "input", "inputs", "parameters"} == set(entries[0])

    def test_one_block(self) -> None:
        text = good("blocks resnet50")
        assert "53 convolutions: 49 on the main path, 4 projections; 1 dense" in text
        assert re.search(r"^  0\n    conv1 +1x1c64 ", text, re.MULTILINE)
        assert "layer1.0.bn3, layer1.0.downsample.1" in text
        assert json.loads(good("blocks resnet50 --format json"))["kinds"]["conv"] == 53

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion(self, shell: str) -> None:
        assert "_CONVCALC_COMPLETE" in good(f"completion {shell}")

    def test_completion_of_names(self) -> None:
        words = "convcalc params resnext-"
        environment = {"_CONVCALC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
        assert "plain,resnext-block" in process(**environment).stdout

    def test_completion_of_the_users_shell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHELL", "/usr/bin/fish")
        assert "complete --no-files --command convcalc" in good("completion")
        monkeypatch.setenv("SHELL", "/bin/ksh")
        assert "no completion for the shell 'ksh'" in refused("completion")


class TestWidth:
    @pytest.mark.parametrize("columns", [60, 80, 160])
    @pytest.mark.parametrize(
        "line",
        [
            "params resnet50",
            "flops resnet50",
            "rf resnet50 --explain",
            "summary resnet50 --dtype float64",
            "compare resnet50 resnext50_32x4d",
        ],
    )
    def test_tables_fit(self, line: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        text = good(line).partition("\nRF = ")[0]
        assert max(map(len, text.splitlines())) <= columns

    def test_what_was_dropped_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        assert "(no room for: op, spec, output, biases, norm, share)" in good("params resnet50")

    def test_numbers_stay_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However narrow it is."""
        monkeypatch.setenv("COLUMNS", "20")
        assert "25,557,032" in good("params resnet50")
        assert "4,089,184,256" in good("summary resnet50")

    def test_a_pipe_has_no_width(self) -> None:
        assert "no room" not in good("summary resnet50")


class TestStyle:
    def test_a_pipe_is_plain(self) -> None:
        result = process("compare", "resnet-block", "resnext-block")
        assert ESCAPE not in result.stdout
        assert not BOX & set(result.stdout)

    def test_forced_colours(self) -> None:
        result = process("params", "3x3,relu", FORCE_COLOR="1", PYTHONIOENCODING="utf-8")
        assert ESCAPE in result.stdout
        assert "───" in result.stdout
        assert "147,456" in result.stdout

    def test_no_colours_is_stronger(self) -> None:
        result = process("params", "3x3", FORCE_COLOR="1", NO_COLOR="1")
        assert ESCAPE not in result.stdout

    def test_long_tables_do_not_wait_for_rules(self) -> None:
        result = process("params", "(3x3,relu)*1500", FORCE_COLOR="1", PYTHONIOENCODING="utf-8")
        assert "───" not in result.stdout
        assert len(result.stdout.splitlines()) > 3000

    def test_bars_and_listings_in_colour(self) -> None:
        result = process("compare", "3x3", "5x5", FORCE_COLOR="1", COLUMNS="64", PYTHONIOENCODING="utf-8")
        assert "━━━━" in result.stdout
        assert "(no room for:" in result.stdout
        listing = process("rf", "3x3d2", FORCE_COLOR="1", PYTHONIOENCODING="utf-8").stdout
        assert "#.#.#" in listing

    def test_any_bytes_are_survived(self) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "convcalc", "params", b"3x3\xff"],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C"},
        )
        assert result.returncode == 2


class TestEndings:
    def test_a_real_process(self) -> None:
        result = process("params", "--kernel", "3", "--groups", "32")
        assert (result.returncode, result.stderr) == (0, "")
        assert "params 4,608" in result.stdout

    def test_version(self) -> None:
        from convcalc import __version__

        assert good("--version").strip() == f"convcalc, version {__version__}"

    def test_a_reader_that_leaves(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "convcalc", "params", "3x3*20000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.readline()
            running.stdout.close()
            assert running.stderr.read() == b""
            assert running.wait(60) == 0

    @pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
    def test_an_interruption(self) -> None:
        program = (
            "import time, convcalc.cli.answer as answer\n"
            "answer.check_request = lambda *_: (print('on', flush=True), time.sleep(60))\n"
            "from convcalc.cli import main; main(['params', '3x3'])"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            preexec_fn=listening,
        ) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(0.1)
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 130
            assert running.stderr is not None
            assert b"Traceback" not in running.stderr.read()

    def test_a_bug_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("convcalc.cli.answer.check_request", lambda *_: 1 // 0)
        result = run("params 3x3")
        assert result.exit_code == 3
        assert len(result.stderr.splitlines()) == 1
        assert "please open an issue" in result.stderr
        trace = result.stderr.rstrip().rpartition(" ")[2]
        with open(trace, encoding="utf-8") as file:
            assert "ZeroDivisionError" in file.read()
        os.unlink(trace)

    def test_a_bug_under_debugging(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("convcalc.cli.answer.check_request", lambda *_: 1 // 0)
        monkeypatch.setenv("CONVCALC_DEBUG", "1")
        assert "Traceback" in run("params 3x3").stderr


def proof(*checks: Check, uncovered: tuple[str, ...] = ()) -> Callable[..., Confirmation]:
    """A stand-in for the real proof."""
    return lambda graph, *, device, progress: Confirmation(device, "9.9", checks, uncovered)


AGREES = (
    Check("params", None, 5, 5, "torch module"),
    Check("macs", "0", 7, 7, "fvcore"),
    Check("macs", None, 7, 7, "torch flop counter"),
    Check("output", "0", [1, 2], [1, 2], "torch module"),
    Check("receptive_field", "0", (3, 3), (3, 3), "gradients"),
)
DISAGREES = Check("macs", "0.conv", 9, 7, "fvcore")


@pytest.fixture
def confirming(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Proofs are wanted, torch seems to be here, and this stands in for the proof."""
    monkeypatch.delenv("CONVCALC_CONFIRM")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())

    def stand_in(confirm: Any) -> None:
        monkeypatch.setitem(sys.modules, "convcalc.pytorch", SimpleNamespace())
        monkeypatch.setitem(sys.modules, "convcalc.pytorch.verify.confirm", SimpleNamespace(confirm=confirm))

    return stand_in


class TestProof:
    def test_what_agrees(self, confirming: Callable[[Any], None]) -> None:
        confirming(proof(*AGREES, uncovered=("the weather",)))
        lines = good("params 3x3").splitlines()
        assert lines[-2] == (
            "confirmed on cpu (torch 9.9): params, MACs (fvcore, torch flop counter), shapes, "
            "receptive field (gradients)"
        )
        assert lines[-1] == "not independently checked: the weather"

    def test_what_disagrees(self, confirming: Callable[[Any], None]) -> None:
        confirming(proof(*AGREES, DISAGREES))
        result = run("flops 3x3")
        assert result.exit_code == 1
        assert "NOT confirmed on cpu (torch 9.9): 1 number of 6 disagree" in result.stdout
        assert "layer 0.conv: MACs 9 computed, 7 by fvcore" in result.stdout

    def test_in_json(self, confirming: Callable[[Any], None]) -> None:
        confirming(proof(*AGREES, DISAGREES))
        result = run("flops 3x3 --format json --device auto")
        assert result.exit_code == 1
        confirmed = json.loads(result.stdout)["confirmed"]
        assert (confirmed["ok"], confirmed["device"], confirmed["torch"]) == (False, "auto", "9.9")
        assert confirmed["checks"][-1] == {
            "what": "macs",
            "layer": "0.conv",
            "expected": 9,
            "measured": 7,
            "witness": "fvcore",
            "ok": False,
        }

    def test_in_csv_it_is_no_data(self, confirming: Callable[[Any], None]) -> None:
        confirming(proof(*AGREES))
        result = run("params 3x3 --format csv")
        assert len(result.stdout.splitlines()) == 2
        assert result.stderr.startswith("confirmed on cpu")

    def test_of_a_comparison(self, confirming: Callable[[Any], None]) -> None:
        confirming(proof(*AGREES))
        assert "\n5x5: confirmed on cpu" in good("compare 3x3 5x5")
        assert json.loads(good("compare 3x3 5x5 --format json"))["models"][1]["confirmed"]["ok"] is True
        confirming(proof(*AGREES, DISAGREES))
        assert run("compare 3x3 5x5").exit_code == 1
        assert run("compare 3x3 5x5 --format json").exit_code == 1

    def test_declined(self, confirming: Callable[[Any], None]) -> None:
        def declines(graph: object, **_: object) -> Confirmation:
            raise ConfirmError("too large", hint="use a smaller input")

        confirming(declines)
        assert good("params 3x3").endswith("not confirmed: too large (use a smaller input)\n")
        document = json.loads(good("params 3x3 --format json"))
        assert document["confirmed"] is None
        assert document["not_confirmed"] == "too large (use a smaller input)"

    @pytest.mark.parametrize("asked", ["--confirm", "--device cpu", "--device auto", "--confirm --device cuda"])
    @pytest.mark.parametrize("command", ["params", "flops", "rf", "summary", "compare 3x3"])
    def test_declined_although_demanded(self, command: str, asked: str, confirming: Callable[[Any], None]) -> None:
        def declines(graph: object, **_: object) -> Confirmation:
            raise ConfirmError("too large", hint="use a smaller input")

        confirming(declines)
        result = run(f"{command} 3x3 {asked} --format json")
        assert result.exit_code == 2
        assert json.loads(result.stdout)["error"]["message"] == "too large"
        assert run(f"{command} 3x3 {asked}").exit_code == 2
        assert run(f"{command} 3x3 {asked} --no-confirm").exit_code == 0

    def test_a_model_without_torch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        message = refused("params torchvision.models:resnet18")
        assert message.startswith("error: torchvision.models:resnet18 needs torch and fvcore, not installed here")

    def test_without_torch(self, confirming: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert good("params 3x3").endswith("not confirmed: pip install 'convcalc[torch]'\n")

    @pytest.mark.parametrize("variable", ["0", "false", "no"])
    def test_switched_off(
        self, variable: str, confirming: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        confirming(proof(*AGREES, DISAGREES))
        assert "confirmed" not in good("params 3x3 --no-confirm")
        monkeypatch.setenv("CONVCALC_CONFIRM", variable)
        assert "confirmed" not in good("params 3x3")
        assert run("params 3x3 --confirm").exit_code == 1

    def test_a_slow_proof_shows_its_progress(
        self, confirming: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from convcalc.cli import progress as module
        from convcalc.cli.proof import prove

        def slow(graph: object, *, device: str, progress: Callable[[str], None]) -> Confirmation:
            progress("early")
            time.sleep(0.5)
            progress("late")
            time.sleep(0.2)
            return Confirmation(device, "9.9", AGREES, ())

        confirming(slow)
        monkeypatch.setattr(module, "PATIENCE", 0.05)
        terminal = io.StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", terminal)
            prove(load("3x3"))
        written = terminal.getvalue()
        assert "confirming: early" in written
        assert "confirming: late" in written
        assert "0:00:0" in written
        assert written.rstrip("\r").endswith("\x1b[2K")

    def test_the_real_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("fvcore")
        monkeypatch.delenv("CONVCALC_CONFIRM")
        assert "confirmed on cpu (torch " in good("params 3x3c4 --input 4x9x9")


OWN = ("params", "flops", "rf", "summary", "compare", "blocks", "completion")
"""The commands whose examples need nothing of their own."""


def examples(command: click.Command) -> list[str]:
    """The lines of a help text that are command lines."""
    return re.findall(r"^ *(convcalc [^#|\n]*?)(?: *$|  +in )", command.help or "", re.MULTILINE)


EXAMPLES = [line for name in OWN for line in examples(main.get_command(click.Context(main), name))]  # type: ignore[arg-type]


class TestHelp:
    @pytest.mark.parametrize("line", [*EXAMPLES, *[line.strip() for line in examples(main)]])
    def test_examples_run(self, line: str) -> None:
        good(line.removeprefix("convcalc "))

    def test_there_are_examples(self) -> None:
        assert len(EXAMPLES) > 20

    @pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
    def test_every_help_begins_with_an_example(self, name: str) -> None:
        text = good(f"{name} --help")
        assert text.splitlines()[2].strip().startswith(f"convcalc {name}")

    def test_the_whole(self) -> None:
        text = good("--help")
        assert "convcalc compare resnet-block resnext-block" in text
        assert all(name in text for name in OWN)

    def test_no_arguments_at_all(self) -> None:
        assert "Usage: convcalc" in run("").output
