"""The process that a model's code runs in, seen from ours: started apart, limited, ended with all that it started.

It starts isolated (`-I`): no folder and no variable of Python's puts a module before the standard library or an
installed distribution. Its environment is a list of what torch needs, its memory and time are limited, what it
prints is cut. What it answers is a stranger's: lines of JSON that begin with a word which only the worker was told.
Its own code can learn that word, and lie: what is guarded is this process, not the truth of what a model says.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import select
import signal
import site
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import IO, Any

from convcalc.core.errors import ModelError
from convcalc.core.system import free_memory, hide_process

MAX_ANSWER = 128 << 20
"""Bytes of the longest answer that is read."""

MAX_PRINTED = 20_000
"""Bytes that are passed on of what a model prints."""

MAX_CHILDREN = 4
"""How many processes are kept for a proof; the oldest is ended where another is started."""

SHARE = 0.8
"""The share of the free memory that a model may take, where nobody names a limit."""

_NEEDED = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|VIRTUAL_ENV|LD_LIBRARY_PATH"
    "|CUDA_[A-Z_]+|NVIDIA_[A-Z_]+|(OMP|GOMP|KMP|MKL|OPENBLAS)_[A-Z_]+|(PYTORCH|TORCH|TORCHINDUCTOR)_[A-Z_]+"
)
"""The variables that a model gets."""

_START = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("convcalc", sys.argv[1])
sys.modules["convcalc"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from convcalc.sandbox.worker import main
main()
"""

_LIVE: weakref.WeakValueDictionary[int, Child] = weakref.WeakValueDictionary()


class SilentError(ModelError):
    """The process ended, or took too long, and gave no answer."""


class Child:
    """A process for one model.

    Args:
        name: what the model is called in errors.
        python_path: the folders that its package is looked for in, before the current one.
        memory: bytes that it may take; None for a share of what is free.
    """

    def __init__(self, name: str, *, python_path: tuple[str, ...] = (), memory: float | None = None) -> None:
        _make_room()
        hide_process()
        self.name = name
        self.busy = False
        self.printed = bytearray()
        self._nonce = secrets.token_hex(16)
        self._unread = b""
        self._lines: deque[bytes] = deque()
        self._process = _start()
        self._end = weakref.finalize(self, _end, self._process)
        _LIVE[max(_LIVE, default=0) + 1] = self
        setup = {"nonce": self._nonce, "memory": int(memory or SHARE * free_memory())}
        self._send({**setup, "python_path": _folders(python_path), "user_site": _user_site()})

    @property
    def is_alive(self) -> bool:
        return self._end.alive

    def close(self) -> None:
        """End the process and whatever it started."""
        self._end()

    def ask(
        self, request: dict[str, Any], timeout: float, progress: Callable[[str], None] = lambda stage: None
    ) -> dict[str, Any]:
        """The answer to one request; `progress` is told each stage that comes before. Raises ModelError.

        Whatever goes wrong, and whatever ends this process, ends the other.
        """
        self.busy = True
        try:
            with _Ending():
                self._send(request)
                deadline = time.monotonic() + timeout
                while "stage" in (message := self._message(deadline, timeout)):
                    progress(str(message["stage"])[:80])
            return message
        except BaseException:
            self.close()
            raise
        finally:
            self.busy = False

    def take_printed(self) -> str:
        """What the model printed since this was last asked, as far as it is passed on."""
        while self._is_waiting(self._process.stderr) and self._hear():
            pass
        text = bytes(self.printed).decode("utf-8", "backslashreplace")
        self.printed.clear()
        return text

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: reading says how
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _message(self, deadline: float, timeout: float) -> dict[str, Any]:
        """The next line that the worker writes. Raises ModelError."""
        while not self._lines:
            if len(self._unread) > MAX_ANSWER:
                raise self._wrong("it is too long")
            if not self._read(deadline) and time.monotonic() < deadline:
                raise self._ended()
            if time.monotonic() >= deadline:
                break
        if time.monotonic() >= deadline:  # lines without end are no answer either
            hint = "allow more with --timeout SECONDS"
            raise SilentError(f"{self.name} takes longer than {timeout:g} seconds", hint=hint)
        line = self._lines.popleft()
        if not line.startswith(self._nonce.encode()):
            raise self._wrong("it is not the worker's")
        try:
            message = json.loads(line[len(self._nonce) :])
        except (ValueError, RecursionError):
            raise self._wrong("it is not JSON") from None
        if not isinstance(message, dict):
            raise self._wrong("it is not an object")
        return message

    def _read(self, deadline: float) -> bool:
        """Read what comes next, of answers or prints; False at the end of the answers, or of the time."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        pipes = [pipe for pipe in (self._process.stdout, self._process.stderr) if not pipe.closed]
        ready, _, _ = select.select(pipes, [], [], max(0.0, deadline - time.monotonic()))
        if self._process.stderr in ready:
            self._hear()
        if self._process.stdout in ready:
            answered = os.read(self._process.stdout.fileno(), 1 << 20)
            *lines, self._unread = (self._unread + answered).split(b"\n")
            self._lines += lines
            return bool(answered)
        return bool(ready)

    def _hear(self) -> bool:
        """Read what the model printed next; False at the end, or where more is not wanted."""
        assert self._process.stderr is not None
        said = os.read(self._process.stderr.fileno(), 1 << 16)
        room = MAX_PRINTED - len(self.printed)
        self.printed += said[:room]
        if not said:
            self._process.stderr.close()
        return 0 < len(said) <= room

    @staticmethod
    def _is_waiting(pipe: IO[bytes] | None) -> bool:
        """Whether there is something to read."""
        return pipe is not None and not pipe.closed and bool(select.select([pipe], [], [], 0)[0])

    def _ended(self) -> SilentError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.returncode
        how = "" if code is None else f" by signal {-code}" if code < 0 else f" with exit code {code}"
        hint = "what it said last is above; where it lacks memory, allow more with --memory GB"
        return SilentError(f"{self.name} ends its process{how} before it answers", hint=hint)

    def _wrong(self, why: str) -> ModelError:
        return ModelError(
            f"the process of {self.name} gives no valid answer: {why}",
            hint="the model's own code may have written it: look at what it does to its process",
        )


def _make_room() -> None:
    """End the oldest idle process, if there are as many as may be kept."""
    idle = [child for _, child in sorted(_LIVE.items()) if not child.busy and child.is_alive]
    for child in idle[: max(0, len(idle) - MAX_CHILDREN + 1)]:
        child.close()


def _start() -> subprocess.Popen[bytes]:
    package = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "__init__.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-u", *(["-B"] if sys.dont_write_bytecode else []), "-c", _START, package],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)},
        start_new_session=True,
    )


def _folders(python_path: tuple[str, ...]) -> list[str]:
    """Where modules are looked for after all that is installed: named folders, the current one, PYTHONPATH."""
    with suppress(FileNotFoundError):  # the current folder may be gone
        python_path += (os.getcwd(),)
    inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return [os.path.abspath(path) for path in (*python_path, *inherited)]


def _user_site() -> str:
    """The user's own installed distributions, where this process sees them."""
    return site.getusersitepackages() if site.ENABLE_USER_SITE else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it started, in its session or out of it; the rest of its output is lost."""
    for number in _descendants(process.pid):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _descendants(root: int) -> list[int]:
    """The processes below one, where the system tells; those that left their parents are below the worker itself."""
    children: dict[int, list[int]] = {}
    with suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as table:
                parent = int(table.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    below, rest = [], [root]
    while rest:
        below += children.get(rest[-1], [])
        rest[-1:] = children.get(rest[-1], [])
    return below


class _Ending:
    """While a model runs, signals that end this process do so in order: the model is ended first."""

    def __enter__(self) -> None:
        self.before: dict[int, Any] = {}
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            with suppress(ValueError):  # only the main thread may
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    self.before[number] = signal.signal(number, _leave)

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
