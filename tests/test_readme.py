"""The README is run: every command in it gives the output printed under it, every Python block passes."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def steps(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output under it."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


STEPS = [step for block in CONSOLE for step in steps(block)]


@pytest.mark.parametrize(("command", "expected"), STEPS, ids=[command for command, _ in STEPS])
def test_command_gives_the_output_under_it(command: str, expected: str) -> None:
    """`...` stands for what differs between machines; a command without output is only run."""
    program, *arguments = shlex.split(command)
    assert program == "convcalc"
    result = subprocess.run(
        [sys.executable, "-m", "convcalc", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=README.parent,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "CONVCALC_CONFIRM": "0"},
        check=False,
    )
    assert result.returncode in (0, 1), result.stderr
    if expected.strip():
        checker = doctest.OutputChecker()
        shown = "\n".join(line.rstrip() for line in result.stdout.strip().splitlines())
        assert checker.check_output(expected.strip(), shown, doctest.ELLIPSIS), shown


def test_there_are_commands_and_python_to_run() -> None:
    assert len(STEPS) >= 5
    assert PYTHON


@pytest.mark.parametrize("block", PYTHON)
def test_python_block_passes(block: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    test = doctest.DocTestParser().get_doctest(block, {}, "README", str(README), 0)
    assert test.examples
    assert runner.run(test).failed == 0
