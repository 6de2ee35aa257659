"""What is imported when: nothing heavy before it is needed. The directions are import-linter's (pyproject.toml)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "fvcore", "numpy", "sympy", "matplotlib")

COMMANDS = {
    "params": ["params", "--kernel", "3", "--groups", "32", "--explain", "--no-confirm"],
    "flops": ["flops", "resnet50", "--explain", "--no-confirm"],
    "rf": ["rf", "3x3,3x3,3x3", "--explain", "--unit", "3,4", "--pixel", "1,1", "--no-confirm"],
    "summary": ["summary", "resnet50", "--dtype", "float16", "--no-confirm"],
    "compare": ["compare", "resnet-block", "resnext-block", "--no-confirm"],
    "json": ["summary", "resnet18", "--format", "json", "--no-confirm"],
    "csv": ["params", "resnet18", "--format", "csv", "--no-confirm"],
    "markdown": ["params", "resnet18", "--format", "markdown", "--no-confirm"],
    "latex": ["params", "resnet18", "--format", "latex", "--no-confirm"],
    "blocks": ["blocks"],
    "block": ["blocks", "resnet50"],
    "articles": ["articles", "--no-confirm"],
    "a claim to count": ["articles", "kernels/rf-7x7", "--explain"],
    "completion": ["completion", "zsh"],
    "help": ["--help"],
    "mistake": ["params", "3x3x", "--no-confirm"],
}


def loaded(code: str, modules: tuple[str, ...], **environment: str) -> list[str]:
    """Which of `modules` a fresh interpreter has loaded after `code`."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    script += f"sys.stderr.write('\\n' + ' '.join(m for m in {modules!r} if m in sys.modules))"
    path = [environment.pop("path", ""), *sys.path]
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), **environment},
    )
    return result.stderr.rpartition("\n")[2].split()


def run(arguments: list[str]) -> str:
    return f"from convcalc.cli import main; main({arguments!r})"


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import convcalc", (*HEAVY, "rich", "click", "convcalc.pytorch")) == []


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_no_command_loads_anything_heavy(arguments: list[str]) -> None:
    assert loaded(run(arguments), (*HEAVY, "convcalc.pytorch")) == []


def test_piped_output_does_without_rich() -> None:
    assert loaded(run(COMMANDS["params"]), ("rich",)) == []


def test_colours_bring_rich() -> None:
    """So that the test above measures something."""
    assert loaded(run(COMMANDS["params"]), ("rich",), FORCE_COLOR="1", NO_COLOR="") == ["rich"]


def test_a_command_loads_no_other() -> None:
    others = ("convcalc.cli.commands.params", "convcalc.cli.commands.rf", "convcalc.cli.commands.compare")
    assert loaded(run(COMMANDS["params"]), others) == ["convcalc.cli.commands.params"]


@pytest.mark.parametrize("heavy", HEAVY)
def test_the_test_sees_what_is_loaded(heavy: str, tmp_path: Path) -> None:
    """With an empty module of that name in place, importing it is found out."""
    (tmp_path / f"{heavy}.py").write_text("")
    assert loaded(f"import convcalc, {heavy}", HEAVY, path=str(tmp_path)) == [heavy]
