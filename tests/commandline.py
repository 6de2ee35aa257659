"""How tests run the command line."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys

from click.testing import CliRunner, Result

from convcalc.cli import main

ESCAPE = "\x1b"


def run(line: str) -> Result:
    """A command line through click's runner."""
    return CliRunner().invoke(main, shlex.split(line))


def good(line: str) -> str:
    """What a command line that succeeds writes on stdout."""
    result = run(line)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def refused(line: str) -> str:
    """What a command line that asks for the wrong thing writes on stderr."""
    result = run(line)
    assert result.exit_code == 2, (result.exit_code, result.output)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    return result.stderr


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A real process."""
    return subprocess.run(
        [sys.executable, "-m", "convcalc", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
    )


def listening() -> None:
    """In a process that is about to start: no signal is ignored, as it is where tests run in the background."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
