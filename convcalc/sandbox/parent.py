"""`package.module:attribute(arguments)`: a PyTorch model named on the command line, traced in a process of its own.

Importing a model runs its code. That happens only in another process (see `child`); what comes back is plain data,
and is believed as little as any other input. Nothing here imports torch.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Confirmation
from convcalc.core import errors
from convcalc.core.errors import ConfirmError, ConvcalcError, ModelError, SpecError
from convcalc.core.graph import Graph
from convcalc.core.plugins import LOADED
from convcalc.sandbox import TIMEOUT
from convcalc.sandbox.child import Child, SilentError

MAX_TEXT = 4_000
"""Characters that are read of one text of an answer."""

T = TypeVar("T")

DEFAULT_INPUT = "3x224x224"
"""The input of a model that names none."""

_TARGET = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_][\w.]*)\s*(?P<arguments>\(.*\))?", re.S)


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
        text = text.strip()
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
        return cls(text, match["module"], match["attribute"], read)


@dataclass(frozen=True, kw_only=True)
class TracedModel:
    """What came back of a model.

    Args:
        graph: its network.
        outputs: the shapes that it gave, batch included.
        buffers: how many values it has that are not parameters.
        note: what must be said beside the numbers.
        classes: its modules' classes by their paths.
    """

    graph: Graph
    outputs: tuple[tuple[int, ...], ...]
    buffers: int
    note: str
    classes: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """How a model's code is run.

    Args:
        python_path: the folders that its package is looked for in, after all that is installed.
        timeout: seconds that it may take to be traced, and again to be proved.
        memory: bytes that it may take; None for a share of what is free.
        own_only: whether only what the named module defines itself may be called.
        tell: what is done with what it prints.
    """

    python_path: tuple[str, ...] = ()
    timeout: float = TIMEOUT
    memory: float | None = None
    own_only: bool = False
    tell: Callable[[str], object] = sys.stderr.write


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


class Model:
    """A model in a process of its own: imported and traced once, and proved there if that is asked for."""

    def __init__(self, target: Target, inputs: Sequence[str], sandbox: Sandbox) -> None:
        self.target = target
        self.inputs = list(inputs or (DEFAULT_INPUT,))
        self.sandbox = sandbox

    def trace(self) -> TracedModel:
        """Import and trace it. Raises ModelError, SpecError, ConfirmError."""
        sandbox = self.sandbox
        self.child = Child(self.target.text, python_path=sandbox.python_path, memory=sandbox.memory)
        request = {
            "module": self.target.module,
            "attribute": self.target.attribute,
            "arguments": self.target.arguments,
            "inputs": self.inputs,
            "own_only": sandbox.own_only,
            "plugins": LOADED,
        }
        try:
            self.traced = self._read(_traced, self.child.ask(request, sandbox.timeout))
        except ConvcalcError:
            self.child.close()
            raise
        finally:
            if printed := self.child.take_printed():
                sandbox.tell(printed)
        return self.traced

    def prove(self, network: Network, device: str, progress: Callable[[str], None]) -> Confirmation:
        """Prove the numbers of what was traced. Raises ConfirmError, ModelError."""
        if not self.child.is_alive:  # its process made room for another
            progress("tracing again")
            self.trace()
        try:
            answer = self.child.ask({"prove": device}, self.sandbox.timeout, progress)
            return self._read(lambda data: _proof(data, network, self.traced), answer)
        except SilentError as error:
            raise ConfirmError(error.message, hint=error.hint) from None
        finally:
            self.child.close()

    def _read(self, read: Callable[[dict[str, Any]], T], answer: dict[str, Any]) -> T:
        """What a valid answer holds. Raises the error that it tells of, or a ModelError that names the model."""
        name = self.target.text
        try:
            if "error" in answer:
                raise _error(answer["error"])
            if "bug" in answer:
                raise ModelError(
                    f"{name} cannot be traced: {_text(answer['bug'])}",
                    hint="this looks like a bug of convcalc: its traceback is above",
                )
            return read(answer)
        except ConvcalcError:
            raise
        except Exception as error:  # anything can go wrong in reading what a stranger wrote
            raise ModelError(
                f"the process of {name} gives no valid answer: {type(error).__name__}: {error}"[:400],
                hint="the model's own code may have written it: look at what it does to its process",
            ) from error


def _traced(answer: dict[str, Any]) -> TracedModel:
    from convcalc.sandbox.codec import load_graph

    return TracedModel(
        graph=load_graph(answer["graph"]),
        outputs=tuple([tuple([_count(size) for size in shape]) for shape in answer["outputs"]]),
        buffers=_count(answer["buffers"]),
        note=_text(answer["note"]),
        classes={_text(path): _text(cls) for path, cls in answer["classes"].items()},
    )


def _proof(answer: dict[str, Any], network: Network, traced: TracedModel) -> Confirmation:
    """The proof of these very numbers. Raises ValueError where it is of others."""
    from convcalc.sandbox.codec import load_confirmation

    proof = load_confirmation(answer["proof"])
    for check in proof.checks:
        _check_number([check.expected, check.measured])
    totals = {check.what: check.expected for check in proof.checks if check.layer is None}
    if totals.get("params") != network.params or totals.get("output") != [list(shape) for shape in traced.outputs]:
        raise ValueError("it proves other numbers than it gave")
    return proof


def _check_number(value: Any, depth: int = 3) -> None:
    """Raise TypeError unless a check's value is a number, a text, or lists of them."""
    if type(value) is list and depth:
        for item in value:
            _check_number(item, depth - 1)
    elif type(value) not in (int, str):
        raise TypeError(f"{type(value).__name__} for a number")


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{type(value).__name__} for a count")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{type(value).__name__} for a text")
    return value[:MAX_TEXT]


def _error(data: dict[str, Any]) -> ConvcalcError:
    """The error that the child met, as one of ours."""
    known = {cls.kind: cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, ConvcalcError)}
    cls = known.get(_text(data["kind"]), ModelError)
    message, hint = _text(data["message"]), _text(data["hint"])
    if cls is SpecError:
        return SpecError(message, _text(data["text"]), _count(data["offset"]), hint=hint)
    error = cls(message, hint=hint)
    if isinstance(error, ModelError):
        error.place = _text(data["place"])
    return error
