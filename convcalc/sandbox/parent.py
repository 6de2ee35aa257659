"""`package.module:attribute(arguments)`: a PyTorch model named on the command line, traced in a process of its own.

Importing a model runs its code. That happens only in a child process with a time limit, whose stdout is
not ours; what comes back is plain data. Nothing here imports torch.
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from convcalc.analysis.proof import Confirmation
from convcalc.core import errors
from convcalc.core.errors import ConvcalcError, ModelError, SpecError
from convcalc.core.graph import Graph

TIMEOUT = 120.0
"""Seconds that a model's code may take, unless the command line says otherwise."""

_CHANNELS = ("GITHUB_", "ACTIONS_", "CI_JOB_TOKEN")
"""What variables begin with through which a CI job takes commands and keeps tokens: not for a model."""

DEFAULT_INPUT = "3x224x224"
"""The input of a model that names none."""

_TARGET = re.compile(r"\s*(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_][\w.]*)\s*(?P<arguments>\(.*\))?\s*", re.S)

_CHILD = "import sys; sys.path.append(sys.argv[1]); from convcalc.sandbox.worker import main; main()"


class Target(NamedTuple):
    """A model by name: where its class, factory or module is, and the arguments to call it with (None: none given)."""

    text: str
    module: str
    attribute: str
    arguments: tuple[tuple[Any, ...], dict[str, Any]] | None

    @classmethod
    def read(cls, text: str) -> Target:
        """The target that `text` names; arguments are literals, nothing is evaluated. Raises SpecError.

        >>> Target.read("pkg.models:Net(32, depth='deep')").arguments
        ((32,), {'depth': 'deep'})
        """
        match = _TARGET.fullmatch(text)
        if match is None:
            raise SpecError(
                "a model is package.module:attribute",
                text,
                text.find(":"),
                hint="for example torchvision.models:resnet50",
            )
        arguments = match["arguments"]
        read = None if arguments is None else _literals(text, arguments, match.start("arguments"))
        return cls(text.strip(), match["module"], match["attribute"], read)


class TracedModel(NamedTuple):
    """What came back: the graph, the shapes of the outputs (batch included), buffers, what must be said, the proof.

    `classes` are the modules' classes by their paths.
    """

    graph: Graph
    outputs: tuple[tuple[int, ...], ...]
    buffers: int
    note: str
    classes: dict[str, str]
    proof: Confirmation | None
    declined: str


def is_target(text: str) -> bool:
    """Whether a SPEC names a model rather than being a text or an entry of the catalogue."""
    return re.match(r"\s*[A-Za-z_][\w.]*:", text) is not None


def _literals(text: str, arguments: str, offset: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, none of them computed."""
    try:
        call = ast.parse(f"f{arguments}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        given = tuple([ast.literal_eval(argument) for argument in call.args])
        named = {}
        for keyword in call.keywords:
            if keyword.arg is None:
                raise ValueError
            named[keyword.arg] = ast.literal_eval(keyword.value)
        json.dumps([given, named])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise SpecError(
            "a model's arguments are literals: numbers, quoted texts, True, None, lists",
            text,
            offset,
            hint="for example mypkg.models:Net(width=32, depth='deep')",
        ) from None
    return given, named


def trace_target(
    target: Target,
    inputs: Sequence[str],
    *,
    python_path: Sequence[str] = (),
    timeout: float = TIMEOUT,
    confirm: bool = False,
    device: str = "cpu",
    tell: Callable[[str], object] | None = None,
) -> TracedModel:
    """Trace the model in a child process, and prove the numbers there if `confirm`. Raises ModelError.

    `tell` is given what the model printed (default: it goes to stderr).
    """
    request = {
        "module": target.module,
        "attribute": target.attribute,
        "arguments": target.arguments,
        "inputs": list(inputs or (DEFAULT_INPUT,)),
        "python_path": list(python_path),
        "confirm": confirm,
        "device": device,
    }
    answer = _ask(json.dumps(request), timeout, target.text, tell or sys.stderr.write)
    if "error" in answer:
        raise _error(answer["error"])
    if "bug" in answer:
        raise RuntimeError(f"in the process that traces:\n{answer['bug']}")
    from convcalc.sandbox.codec import load_confirmation, load_graph

    return TracedModel(
        load_graph(answer["graph"]),
        tuple([tuple(shape) for shape in answer["outputs"]]),
        answer["buffers"],
        answer["note"],
        answer["classes"],
        load_confirmation(answer["proof"]) if answer["proof"] else None,
        answer["declined"],
    )


def _ask(request: str, timeout: float, name: str, tell: Callable[[str], object]) -> dict[str, Any]:
    """Run the child; its answer, which is all of its stdout. Raises ModelError."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith(_CHANNELS)},
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=True,
    )
    try:
        answer, said = child.communicate(request, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"{name} takes longer than {timeout:g} seconds", hint="allow more with --timeout SECONDS"
        ) from None
    finally:
        _end(child)
    if said:
        tell(said)
    try:
        read: dict[str, Any] = json.loads(answer)
    except ValueError:
        code = child.returncode
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise ModelError(
            f"{name} ends its process {how} before it is traced", hint="what it said last is above"
        ) from None
    return read


def _end(child: subprocess.Popen[str]) -> None:
    """End the child and whatever it started."""
    if child.poll() is None or os.name == "posix":
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError, AttributeError):
            child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _error(data: dict[str, Any]) -> ConvcalcError:
    """The error that the child met, as one of ours."""
    known = {cls.kind: cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, ConvcalcError)}
    cls = known.get(data["kind"], ModelError)
    if cls is SpecError:
        return SpecError(data["message"], data["text"], data["offset"], hint=data["hint"])
    error = cls(data["message"], hint=data["hint"])
    if isinstance(error, ModelError):
        error.place = data["place"]
    return error
