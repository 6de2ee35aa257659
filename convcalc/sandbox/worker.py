"""The process that imports and runs a model's code: requests come in by one pipe, answers go out by another.

The first line is the setup, each after it a request (see `child`, the other side). A model's prints go to stderr;
its stdin is empty. Requests and answers are JSON, one to a line, each answer with the nonce in front.
"""

from __future__ import annotations

import importlib
import json
import os
import site
import sys
import traceback
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import IO, Any

from convcalc.core.errors import ConvcalcError, ModelError, SpecError, suggest
from convcalc.core.system import lift_memory_limit, limit_memory, tie_to_parent


def main() -> None:
    """Answer requests until there are no more."""
    tie_to_parent()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    setup = json.loads(requests.readline())
    limit_memory(setup["memory"])
    if setup["user_site"]:
        site.addsitedir(setup["user_site"])
    sys.path += setup["python_path"]
    worker = Worker(answers, setup["nonce"])
    for line in requests:
        worker.answer(json.loads(line))
    os._exit(0)  # a model's threads and exit handlers are not waited for


class Worker:
    """Traces one model, and then proves its numbers if that is asked."""

    def __init__(self, channel: IO[bytes], nonce: str) -> None:
        self.channel = channel
        self.nonce = nonce

    def answer(self, request: dict[str, Any]) -> None:
        """Answer one request, whatever happens to it."""
        try:
            reply = self.prove(request["prove"]) if "prove" in request else self.trace(request)
        except ConvcalcError as error:
            reply = {"error": _described(error)}
        except KeyboardInterrupt:
            os._exit(130)
        except BaseException as error:
            traceback.print_exception(error)
            reply = {"bug": f"{type(error).__name__}: {_one_line(error)}"}
        self.send(reply)

    def send(self, message: dict[str, Any]) -> None:
        """Write one message."""
        self.channel.write(f"{self.nonce}{json.dumps(message)}\n".encode())
        self.channel.flush()

    def trace(self, request: dict[str, Any]) -> dict[str, Any]:
        """Load the model and trace it."""
        import convcalc.pytorch  # noqa: F401  # where torch is broken, it says so in a sentence
        from convcalc.core.plugins import load_plugin
        from convcalc.pytorch.tracing.trace import InputSpec, record
        from convcalc.sandbox.codec import dump_graph

        for plugin, folders in request["plugins"].items():
            load_plugin(plugin, folders)
        self.inputs = [InputSpec.read(text) for text in request["inputs"]]
        self.make = load(request)
        self.recording = record(self.make(True), self.inputs, lambda: self.make(False))
        return {
            "graph": dump_graph(self.recording.graph),
            "outputs": self.recording.outputs,
            "buffers": self.recording.buffers,
            "note": self.recording.note,
            "classes": self.recording.classes,
        }

    def prove(self, device: str) -> dict[str, Any]:
        """Prove the numbers of what was traced; tells each stage."""
        from convcalc.analysis.network import Network
        from convcalc.pytorch.tracing.trace import given_tensors
        from convcalc.pytorch.verify.confirm import confirm_model
        from convcalc.sandbox.codec import dump_confirmation

        if device != "cpu":
            lift_memory_limit()
        recording = self.recording

        def real() -> Any:
            model = self.make(False)
            return model, given_tensors(model, self.inputs, recording.batched)

        network = Network(graph=recording.graph, buffers=recording.buffers)
        proof = confirm_model(
            network, real, recording.outputs, device=device, progress=lambda stage: self.send({"stage": stage})
        )
        return {"proof": dump_confirmation(proof)}


def _lacks_memory(error: BaseException | None) -> bool:
    return isinstance(error, MemoryError) or "allocate memory" in str(error)  # torch's allocator: a RuntimeError


def _described(error: ConvcalcError) -> dict[str, Any]:
    hint = "allow more with --memory GB" if _lacks_memory(error.__cause__) else error.hint
    described: dict[str, Any] = {"kind": error.kind, "message": error.message, "hint": hint, "place": ""}
    if isinstance(error, ModelError):
        described["place"] = error.place
    if isinstance(error, SpecError):
        described |= {"text": error.text, "offset": error.offset}
    return described


def load(request: dict[str, Any]) -> Callable[[bool], Any]:
    """Import what the target names: a function that gives the model, without weights or with. Raises ModelError."""
    from torch import nn

    from convcalc.pytorch.tracing.trace import own_place

    module = _imported(request["module"], own_place)
    name = f"{request['module']}:{request['attribute']}"
    target = _attribute(module, request["attribute"], name, own=request["own_only"])
    if isinstance(target, nn.Module):
        if request["arguments"] is not None:
            raise ModelError(f"{name} is a model, not a class or a function: it takes no arguments")
        return lambda light: target
    if not callable(target):
        raise ModelError(f"{name} is not a PyTorch module, class or function, but of type {type(target).__name__}")
    args, kwargs = request["arguments"] or ((), {})
    return lambda light: _made(target, name, args, kwargs, light)


def _imported(name: str, own_place: Callable[[BaseException], tuple[str, str]]) -> Any:
    try:
        return importlib.import_module(name)
    except (KeyboardInterrupt, ConvcalcError):
        raise
    except BaseException as error:  # a model's module may end in any way, SystemExit too
        if isinstance(error, ModuleNotFoundError) and error.name and name.startswith(error.name):
            raise ModelError(
                f"no module is called {error.name!r}", hint="run from its folder, or give --python-path DIR"
            ) from error
        place, line = own_place(error)
        raise ModelError(
            f"importing {name} fails{f' at {place}' if place else ''}: {type(error).__name__}: {_one_line(error)}",
            hint=f"there it says: {line}" if line else "",
            place=place,
        ) from error


def _attribute(module: ModuleType, path: str, name: str, *, own: bool) -> Any:
    """What `path` names in `module`: never another module's content, and if `own` only what it defines itself.

    Raises ModelError.
    """
    target: Any = module
    for part in path.split("."):
        if part.startswith("__") or not hasattr(target, part):
            raise ModelError(f"{module.__name__} has no {path!r}", hint=suggest(part, dir(target)))
        target = getattr(target, part)
        if isinstance(target, ModuleType):
            raise ModelError(
                f"{name}: {part} is a module of its own",
                hint=f"what {target.__name__} defines is named {target.__name__}:NAME, and allowed by that name",
            )
    if own and not _is_own(target, module, path):
        home = getattr(target, "__module__", None)
        raise ModelError(
            f"{name} is not defined in {module.__name__}, and only what that module defines itself may be called",
            hint=f"name it where it is defined, and allow that module: {home}:{path}" if isinstance(home, str) else "",
        )
    return target


def _is_own(target: Any, module: ModuleType, path: str) -> bool:
    """Whether `target` is a class or function of the module or of one below it, or a model that stands in it."""
    from torch import nn

    if "." in path:
        return False
    if isinstance(target, nn.Module):
        return True
    home = target.__module__ if isinstance(target, (type, FunctionType)) else ""
    return isinstance(home, str) and (home == module.__name__ or home.startswith(f"{module.__name__}."))


def _made(factory: Any, name: str, args: Any, kwargs: Any, light: bool) -> Any:
    """The model that a class or factory makes; `light` ones without weights where its code allows it."""
    import torch
    from torch import nn

    from convcalc.pytorch.tracing.trace import NoWeights, own_place

    attempts: list[Any] = [NoWeights, lambda: torch.device("meta")] if light else []
    failure: BaseException | None = None
    for context in [*attempts, None]:
        try:
            if context is None:
                model = factory(*args, **kwargs)
            else:
                with context():
                    model = factory(*args, **kwargs)
            break
        except (KeyboardInterrupt, ConvcalcError):
            raise
        except BaseException as error:
            failure = error
    else:
        assert failure is not None
        place, line = own_place(failure)
        missing = isinstance(failure, TypeError) and "argument" in str(failure)
        raise ModelError(
            f"{name} cannot be made{f' at {place}' if place else ''}: {type(failure).__name__}: {_one_line(failure)}",
            hint=f"give arguments: {name}(name=value)" if missing else f"there it says: {line}" if line else "",
            place=place,
        ) from failure
    if not isinstance(model, nn.Module):
        raise ModelError(f"{name} gives a value of type {type(model).__name__}")
    return model


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]
