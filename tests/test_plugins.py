"""Plugins: examples/plugin adds an activation, a block, a metric and a rule, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from convcalc.core.plugins import PluginError, load_plugin

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"

LOADED = "import convcalc; from convcalc.core.plugins import load_plugin; load_plugin('mypkg.costs', ['.'])\n"


def python(code: str) -> str:
    """What a fresh interpreter prints in the example's folder."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED + code], cwd=EXAMPLE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_activation_parses_counts_comes_back_and_crosses_processes() -> None:
    code = """
from convcalc.language.unparse import unparse
from convcalc.sandbox.codec import dump_graph, load_graph
net = convcalc.load("3x3c64s2, bn, mish", input=(3, 64, 64))
print(net.params, net["2"].elementwise, unparse(net.graph), load_graph(dump_graph(net.graph)) == net.graph)
"""
    assert python(code).split("\n")[0] == f"{3 * 3 * 3 * 64 + 128} {64 * 32 * 32} 3x3c64s2, bn, mish True"


def test_a_block_and_a_metric_are_like_ours() -> None:
    code = """
from fractions import Fraction
net = convcalc.load("two-by-two")
print(net.params, net.metric("rf"), net.metric("macs_per_param") == Fraction(net.macs, net.params))
print(net.to_dict()["metrics"]["macs_per_param"] > 0)
"""
    assert python(code).split("\n")[:2] == [f"{2 * (2 * 2 * 64 * 64 + 128)} (3, 3) True", "True"]


def test_the_proof_follows() -> None:
    pytest.importorskip("torch")
    assert python("print(convcalc.load('3x3c8, mish', input=(4, 9, 9)).confirm().ok)").strip() == "True"


def test_a_rule_counts_a_kernel_of_ones_own() -> None:
    pytest.importorskip("torch")
    code = SCANNING + "net = convcalc.load(Net(), input=(8, 100))\nprint(net.macs, net.complete)"
    assert python(code).strip() == f"{8 * 100 * 16} True"


SCANNING = """
import torch
library = torch.library.Library("mylib", "DEF")
library.define("selective_scan(Tensor states, Tensor steps) -> Tensor")
library.impl("selective_scan", lambda states, steps: steps.clone(), "CompositeExplicitAutograd")
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.states = torch.nn.Parameter(torch.ones(8, 16))
    def forward(self, x):
        return torch.ops.mylib.selective_scan(self.states, x)
"""


@pytest.mark.parametrize(
    ("options", "macs", "uncounted"),
    [
        (("--plugin", "mypkg.costs", "--python-path", str(EXAMPLE)), 8 * 100 * 16, []),
        ((), 0, [{"op": "mylib.selective_scan", "calls": 1}]),
    ],
)
def test_a_rule_counts_in_the_models_own_process(
    options: tuple[str, ...], macs: int, uncounted: list[object], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "scanning.py").write_text(SCANNING)
    arguments = ["summary", "scanning:Net", "--input", "8x100", "--python-path", ".", *options]
    done = subprocess.run(
        [sys.executable, "-m", "convcalc", *arguments, "--format", "json", "--no-confirm"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout)
    assert document.get("macs") == macs, document
    assert document["uncounted"] == uncounted
    assert document["complete"] is not bool(uncounted)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.such.plugin", "cannot be imported: ModuleNotFoundError"),
        ("os.system('true')", "a plugin is a module, like mypkg.costs"),
        ("", "a plugin is a module"),
        ("../evil", "a plugin is a module"),
    ],
)
def test_what_is_no_plugin_is_one_sentence(name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message.replace("(", r"\(")):
        load_plugin(name)


def test_a_folder_of_plugins_never_answers_for_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('evil')")
    (tmp_path / "mine.py").write_text("import json; assert json.loads('1') == 1")
    before = list(sys.path)
    load_plugin("mine", [str(tmp_path)])
    assert sys.path == before


def test_a_plugin_that_ends_the_program_does_not(tmp_path: Path) -> None:
    (tmp_path / "quits.py").write_text("raise SystemExit(0)")
    with pytest.raises(PluginError, match="SystemExit"):
        load_plugin("quits", [str(tmp_path)])
