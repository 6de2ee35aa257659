"""From a PyTorch module to a graph: one forward pass over tensors without data, recorded call by call.

Weights are neither copied nor initialised: parameters and inputs are on PyTorch's meta device, so the
size of a model does not matter. A forward that reads values (`.item()`, `nonzero`) runs once for real
on the CPU instead, and the recording says so.
"""

from __future__ import annotations

import copy
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.overrides import TorchFunctionMode

from convcalc.core.errors import ConvcalcError, ModelError, SpecError
from convcalc.core.graph import Graph
from convcalc.core.operator import Shape, spell
from convcalc.core.system import free_memory
from convcalc.language.parse import input_shape
from convcalc.language.source import as_inputs
from convcalc.pytorch.device import allocate
from convcalc.pytorch.tracing.call import tensors_of
from convcalc.pytorch.tracing.layout import Layout, channels, places_of, plain
from convcalc.pytorch.tracing.leaving import FOREIGN, OWN
from convcalc.pytorch.tracing.recorder import Recorder
from convcalc.pytorch.tracing.rules import rule_of

_FILLED = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.normal}


class NoWeights(TorchFunctionMode):
    """While a model is made: tensors filled with values to be learned have none; sequences keep theirs.

    Unlike `torch.device("meta")`, what a constructor computes from `arange` or `linspace` can be read.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _FILLED and kwargs.get("device") is None and kwargs.get("generator") is None:
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)


class InputSpec(NamedTuple):
    """One input of a model: its shape, without the batch, and its dtype by name (default: the parameters')."""

    shape: Shape
    dtype: str = ""

    @classmethod
    def read(cls, text: str) -> InputSpec:
        """An input from a text. Raises SpecError.

        >>> InputSpec.read("128:int64")
        InputSpec(shape=(128,), dtype='int64')
        """
        shape, colon, dtype = text.partition(":")
        dtype = dtype.strip()
        if colon and not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise SpecError(
                f"no dtype is called {dtype!r}", text, len(shape) + 1, hint="for example 3x224x224:float16 or 128:int64"
            )
        return cls(input_shape(shape), dtype)

    @property
    def is_integer(self) -> bool:
        """Whether it holds ids or flags, which have no channels."""
        dtype = getattr(torch, self.dtype) if self.dtype else torch.float32
        return not (dtype.is_floating_point or dtype.is_complex)


class Recording(NamedTuple):
    """A traced model: its graph, the shapes that it gave (batch included), and what the graph does not say."""

    graph: Graph
    outputs: tuple[tuple[int, ...], ...]
    buffers: int
    note: str
    classes: dict[str, str]
    """The names of the modules' classes by their paths."""
    batched: bool = True
    """Whether the inputs were given a batch in front."""


class _Argument(NamedTuple):
    """How one input is handed to a model: the tensor's shape, where its places lie, and the shape in the graph."""

    size: tuple[int, ...]
    layout: Layout
    shape: Shape
    dtype: torch.dtype

    def tensor(self, device: str) -> torch.Tensor:
        """Zeros for ids, which every table has; values between 0 and 1 for the rest."""
        if device == "meta" or not self.dtype.is_floating_point:
            return torch.zeros(self.size, dtype=self.dtype, device=device)
        return torch.rand(self.size, device=device).to(self.dtype)


def given_tensors(model: nn.Module, inputs: Sequence[InputSpec], batched: bool) -> list[torch.Tensor]:
    """The tensors, on the CPU, that stand for these inputs of `model`."""
    return [one.tensor("cpu") for one in _candidates(model, inputs)[0 if batched else -1]]


def trace(model: nn.Module, input: Any) -> Graph:
    """The graph of a PyTorch module; nothing is computed, and the module stays as it is.

    `input` is the input's shape without the batch, channels first; a list of shapes where there are
    several; a text such as "128:int64" for another dtype. Raises ModelError where the forward fails;
    warns where it had to be run for real.

    >>> from torch import nn
    >>> trace(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), input=(3, 32, 32)).output_shape
    (8, 30, 30)
    """
    recording = record(model, input_specs(input))
    if recording.note:
        warnings.warn(recording.note, stacklevel=2)
    return recording.graph


def input_specs(input: Any) -> list[InputSpec]:
    """What `input` means: one shape or text, or a list of them. Raises TypeError, SpecError."""
    if isinstance(input, InputSpec):
        return [input]
    items = (
        input if isinstance(input, list) and any(isinstance(item, InputSpec) for item in input) else as_inputs(input)
    )
    return [item if isinstance(item, InputSpec) else InputSpec.read(item) for item in items]


def record(model: nn.Module, inputs: Sequence[InputSpec], real: Callable[[], nn.Module] | None = None) -> Recording:
    """Record a forward pass of `model` in inference mode (`eval`).

    `real` makes the model with its weights, should the forward need values (default: a copy). Raises ModelError.
    """
    candidates = _candidates(model, inputs)
    try:
        light = weightless(model)
    except Exception:  # a model that cannot be copied is run as it is
        return _record_really(model, candidates[0], "the model cannot be copied", real)
    failures: list[BaseException] = []
    for arguments in candidates:
        try:
            return _record(light, arguments, "meta", "")._replace(batched=arguments is candidates[0])
        except ConvcalcError:
            raise
        except (Exception, SystemExit) as error:
            if _is_ours(error):
                raise
            failures.append(error)
            if _needs_values(error):
                return _record_really(model, arguments, "its forward needs real values", real)
    raise _failure(failures[0], inputs) from failures[0]


def _record_really(
    model: nn.Module, arguments: list[_Argument], why: str, real: Callable[[], nn.Module] | None
) -> Recording:
    """Record a forward on the CPU, with weights."""
    size = sum(p.numel() * p.element_size() for p in model.parameters() if not isinstance(p, UninitializedParameter))
    available = free_memory()
    if size > available:
        raise ModelError(f"{why}, and its {size:,} bytes of weights do not fit the {available:,} bytes of free memory")
    try:
        if real is not None:
            model = real()
        elif any(p.is_meta for p in model.parameters()):
            model = allocate(copy.deepcopy(model), torch.device("cpu"))
        with _evaluating(model):
            return _record(model, arguments, "cpu", f"{why}: run once on the CPU to be recorded")
    except ConvcalcError:
        raise
    except (Exception, SystemExit) as error:
        if _is_ours(error):
            raise
        raise _failure(error, []) from error


def _record(model: nn.Module, arguments: list[_Argument], device: str, note: str) -> Recording:
    """One recorded forward pass."""
    tensors = [one.tensor(device) for one in arguments]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it hides attention from every counter
    try:
        with torch.inference_mode(), torch.device(device):
            if any(isinstance(p, UninitializedParameter) for p in model.parameters()):
                model(*tensors)
            recorder = Recorder(model, rule_of)
            for number, (tensor, one) in enumerate(zip(tensors, arguments, strict=True)):
                name = "input" if len(arguments) == 1 else f"input{number + 1}"
                recorder.input(tensor, one.shape, one.layout, name)
            with warnings.catch_warnings(), recorder.watching():
                warnings.simplefilter("ignore")  # a model's own; what it prints is passed on
                outputs = model(*tensors)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    shapes = tuple([tuple(tensor.shape) for tensor in tensors_of(outputs)])
    buffers = sum(buffer.numel() for buffer in model.buffers())
    classes = {name: type(module).__name__ for name, module in model.named_modules() if name}
    return Recording(recorder.graph(outputs), shapes, buffers, note, classes)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model in inference mode; afterwards every module is as it was."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def weightless(model: nn.Module) -> nn.Module:
    """A copy of `model` in inference mode whose tensors are all on the meta device; its weights are not copied."""
    memo: dict[int, Any] = {}
    tensors = [*model.parameters(), *model.buffers(), *_loose_tensors(model)]
    for tensor in tensors:
        if isinstance(tensor, UninitializedParameter):
            continue
        made: torch.Tensor = torch.empty_like(tensor, device="meta", requires_grad=False)
        memo[id(tensor)] = nn.Parameter(made, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made
    return copy.deepcopy(model, memo).eval()


def _loose_tensors(model: nn.Module) -> list[torch.Tensor]:
    """Tensors that modules hold as plain attributes."""
    loose = []
    for module in model.modules():
        for name, value in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                loose += tensors_of(value)
    return loose


def _candidates(model: nn.Module, inputs: Sequence[InputSpec]) -> list[list[_Argument]]:
    """The ways to hand the inputs over: with a batch of one in front, or, should that fail, as they are."""
    own = next((p.dtype for p in model.parameters() if p.dtype.is_floating_point), torch.float32)
    ways = [[_argument(one, own, batch=True) for one in inputs]]
    if any(one.shape[0] == 1 and len(one.shape) > 1 and not one.is_integer for one in inputs):
        ways.append([_argument(one, own, batch=not (one.shape[0] == 1 and len(one.shape) > 1)) for one in inputs])
    return ways


def _argument(one: InputSpec, own: torch.dtype, *, batch: bool) -> _Argument:
    dtype: torch.dtype = getattr(torch, one.dtype) if one.dtype else own
    if one.is_integer:  # ids have no channels: 128 and 1x128 are both one sequence
        sizes = one.shape if len(one.shape) == 1 or one.shape[0] != 1 else one.shape[1:]
        layout = ((), *[places_of(axis, size) for axis, size in enumerate(sizes)])
        return _Argument((1, *sizes), layout, (1, *sizes), dtype)
    size = (1, *one.shape) if batch else one.shape
    layout = plain(size) if len(size) > 1 else ((), channels(size[0]))[1:]
    return _Argument(size, layout, size[1:] or size, dtype)


def _is_ours(error: BaseException) -> bool:
    """Whether the recorder itself failed, not the model: a bug of convcalc, to be reported as one.

    Endless recursion is the model's, wherever the stack happens to end.
    """
    if isinstance(error, RecursionError):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(OWN)


def _needs_values(error: BaseException) -> bool:
    """Whether a forward failed because its tensors have no data."""
    return isinstance(error, NotImplementedError) or "meta" in str(error).lower()


def _failure(error: BaseException, inputs: Sequence[InputSpec]) -> ModelError:
    """What went wrong, with the line of the model's own code."""
    place, line = own_place(error)
    over = f" over {', '.join(spell(one.shape) for one in inputs)}" if inputs else ""
    message = " ".join(str(error).split()) or type(error).__name__
    lacks = isinstance(error, TypeError) and "required positional argument" in message and not place
    hint = "repeat --input, once for each input of its forward" if lacks else f"there it says: {line}" if line else ""
    return ModelError(
        f"the model's forward fails{over}{f' at {place}' if place else ''}: {type(error).__name__}: {message[:400]}",
        hint=hint,
        place=place,
    )


def own_place(error: BaseException) -> tuple[str, str]:
    """File and line, and the text of the line, of the innermost frame that is nobody else's.

    Neither PyTorch's, nor convcalc's, nor of Python's own import.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}", (error.text or "").strip()
    for frame in reversed(frames):
        if not frame.filename.startswith(FOREIGN):
            return f"{frame.filename}:{frame.lineno}", (frame.line or "").strip()
    return "", ""
