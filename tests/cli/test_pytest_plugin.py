"""The pytest plugin, in real pytest processes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUDGET = """\
[[check]]
name = "stem"
spec = "7x7c64s2, bn"
input = "3x224x224"
params = { max = "10k" }

[[check]]
name = "small"
spec = "3x3"
input = "64x56x56"
params = { max = "30k" }

[[check]]
name = "soft"
spec = "3x3"
input = "64x56x56"
params = { warn = "30k" }
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a folder, with the plugin whether convcalc is installed or not."""
    installed = any(point.name == "convcalc" for point in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", "convcalc.pytest_plugin")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "--rootdir=.", *arguments],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "convcalc.toml").write_text(BUDGET)
    return tmp_path


def test_every_check_is_an_item(folder):
    done = run(folder, "--convcalc", "-v")
    assert done.returncode == 1
    assert "convcalc.toml::stem PASSED" in done.stdout
    assert "convcalc.toml::small FAILED" in done.stdout
    assert "params is 36,864, over max 30k by 6,864 (22.88 %)" in done.stdout
    assert "convcalc.toml:11" in done.stdout
    assert "BudgetWarning: soft: params is 36,864" in done.stdout
    assert "2 passed" in done.stdout.splitlines()[-1]
    assert "repr_failure" not in done.stdout


def test_items_are_selected_by_name(folder):
    done = run(folder, "--convcalc", "-k", "stem")
    assert done.returncode == 0
    assert "1 passed, 2 deselected" in done.stdout


def test_nothing_happens_without_the_option(folder):
    assert run(folder).returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_no_budget_or_a_broken_one_is_a_usage_error(folder):
    (folder / "convcalc.toml").write_text(BUDGET.replace("max", "maximum"))
    done = run(folder, "--convcalc")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "convcalc.toml:5: unknown key 'maximum'" in done.stderr
    (folder / "convcalc.toml").unlink()
    assert run(folder, "--convcalc").returncode == pytest.ExitCode.USAGE_ERROR


def test_models_need_leave(folder):
    pytest.importorskip("torch")
    (folder / "nets.py").write_text("from torch import nn\n\n\ndef conv():\n    return nn.Conv2d(64, 64, 3)\n")
    (folder / "convcalc.toml").write_text(BUDGET.replace('spec = "3x3"', 'spec = "nets:conv()"').replace("30k", "37k"))
    refused = run(folder, "--convcalc")
    assert refused.returncode == 1
    assert "--convcalc-allow-import nets" in refused.stdout
    assert run(folder, "--convcalc", "--convcalc-allow-import", "nets").returncode == 0


FIXTURE = """
import pytest
import convcalc

def test_text(convcalc_budget):
    report = convcalc_budget("3x3,3x3", input="64x56x56", params={"max": "80k"}, memory={"peak": {"max": "1M"}})
    assert len(report.verdicts) == 2

def test_graph(convcalc_budget):
    convcalc_budget(convcalc.load("resnet18").graph, params={"equal": 11_689_512})

def test_mistake(convcalc_budget):
    with pytest.raises(convcalc.ConvcalcError, match="did you mean params"):
        convcalc_budget("3x3", parms={"max": 1})
    with pytest.raises(convcalc.ConvcalcError, match="limits nothing"):
        convcalc_budget("3x3")

def test_broken(convcalc_budget):
    with pytest.raises(AssertionError, match="over max 1k by 72,728"):
        convcalc_budget("3x3,3x3", input=(64, 56, 56), params={"max": "1k"})
"""

MODULE = """
def test_module(convcalc_budget):
    from torch import nn

    convcalc_budget(nn.Conv2d(3, 8, 3), input=(3, 32, 32), params={"equal": 224}, output={"equal": "8x30x30"})
"""


def test_the_fixture(tmp_path):
    (tmp_path / "test_it.py").write_text(FIXTURE)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_fixture_takes_modules(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "test_it.py").write_text(MODULE)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_plugin_imports_nothing_heavy():
    heavy = ("torch", "numpy", "rich", "click")
    code = f"import sys, convcalc.pytest_plugin; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
