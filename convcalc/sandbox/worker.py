"""The process that imports and runs a model's code (see `parent`): a request on stdin, an answer on stdout.

Whatever the model prints goes to stderr; request and answer are JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from convcalc.core.errors import ConvcalcError, ModelError, SpecError


def main() -> None:
    """Answer one request."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.read())
    sys.stdin = open(os.devnull)  # noqa: SIM115
    try:
        answer = _answer(request)
    except ConvcalcError as error:
        answer = {"error": _described(error)}
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:
        answer = {"bug": "".join(traceback.format_exception(error))}
    channel.write(json.dumps(answer))
    channel.flush()
    os._exit(0)  # a model's threads and exit handlers are not waited for


def _described(error: ConvcalcError) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": error.kind, "message": error.message, "hint": error.hint, "place": ""}
    if isinstance(error, ModelError):
        described["place"] = error.place
    if isinstance(error, SpecError):
        described |= {"text": error.text, "offset": error.offset}
    return described


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Load the model, trace it, and prove its numbers if that is asked for."""
    from convcalc.pytorch.tracing.trace import InputSpec, given_tensors, record
    from convcalc.sandbox.codec import dump_confirmation, dump_graph

    inputs = [InputSpec.read(text) for text in request["inputs"]]
    made = load(request)
    recording = record(made(True), inputs, lambda: made(False))
    proof, declined = None, ""
    if request["confirm"]:
        from convcalc.analysis.network import Network
        from convcalc.pytorch.verify.confirm import confirm_model

        def real() -> Any:
            model = made(False)
            return model, given_tensors(model, inputs, recording.batched)

        network = Network(graph=recording.graph, buffers=recording.buffers)
        try:
            proof = confirm_model(network, real, recording.outputs, device=request["device"])
        except ConvcalcError as error:
            declined = error.message
    return {
        "graph": dump_graph(recording.graph),
        "outputs": recording.outputs,
        "buffers": recording.buffers,
        "note": recording.note,
        "classes": recording.classes,
        "proof": dump_confirmation(proof) if proof else None,
        "declined": declined,
    }


def load(request: dict[str, Any]) -> Callable[[bool], Any]:
    """Import what the target names: a function that gives the model, without weights or with. Raises ModelError."""
    from torch import nn

    from convcalc.pytorch.tracing.trace import own_place

    sys.path[:0] = [os.path.abspath(path) for path in request["python_path"]]
    name, attribute = request["module"], request["attribute"]
    found = _imported(name, own_place)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ModelError(f"{name} has no {attribute!r}", hint=_nearest(found, part))
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        if request["arguments"] is not None:
            raise ModelError(f"{name}:{attribute} is a model, not a class or a function: it takes no arguments")
        return lambda light: found
    if not callable(found):
        raise ModelError(
            f"{name}:{attribute} is no PyTorch module, class or function, but of type {type(found).__name__}"
        )
    given, named = request["arguments"] or ((), {})
    return lambda light: _made(found, f"{name}:{attribute}", given, named, light)


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


def _nearest(found: Any, part: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(part, dir(found), 1, 0.5)
    return f"did you mean {near[0]}?" if near else ""


def _made(factory: Any, name: str, given: Any, named: Any, light: bool) -> Any:
    """The model that a class or factory makes; `light` ones without weights where its code allows it."""
    import torch
    from torch import nn

    from convcalc.pytorch.tracing.trace import NoWeights, own_place

    attempts: list[Any] = [NoWeights, lambda: torch.device("meta")] if light else []
    failure: BaseException | None = None
    for context in [*attempts, None]:
        try:
            if context is None:
                model = factory(*given, **named)
            else:
                with context():
                    model = factory(*given, **named)
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
        raise ModelError(f"{name} gives no PyTorch module, but of type {type(model).__name__}")
    return model


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]
