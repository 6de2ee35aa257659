"""One pass through a real module: what every submodule was given and gave, and torch's count of its products.

The count is by the formulas of `torch.utils.flop_counter`, call by call, as its FlopCounterMode makes it; that
one loads the whole of torch's compiler, and does not say which calls it has no formula for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from convcalc.core.operator import Shape

_MULTIPLIES = re.compile(
    "rnn|lstm|gru|attention|transformer|linear|conv|mm|mv|dot|matmul|einsum|cdist|addr|outer|fft|quantized"
)
"""What occurs in the names of calls that may hold matrix products."""

_OURS = re.compile(r"(?:aten|prim)(?:\.|::)")
"""What the names of torch's own calls begin with."""


def may_multiply(name: str) -> bool:
    """Whether a call may hold matrix products: its name says so, or it is not torch's.

    >>> may_multiply("aten.mkldnn_rnn_layer"), may_multiply("mylib::scan"), may_multiply("aten::relu")
    (True, True, False)
    """
    return bool(_MULTIPLIES.search(name)) or not _OURS.match(name)


class Slot(NamedTuple):
    """One tensor that a module was called with."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass
class Pass:
    """What a pass showed, by the paths of modules. `macs` and `unseen` are of a module's own calls only.

    `inputs` has an entry for each call: None where it took more than tensors. `unseen` names the calls that
    may hold products and that torch has no formula for.
    """

    shapes: dict[str, Shape] = field(default_factory=dict)
    inputs: dict[str, list[tuple[Slot, ...] | None]] = field(default_factory=lambda: defaultdict(list))
    macs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unseen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stack: list[str] = field(default_factory=lambda: [""])

    def enter(self, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A module is called."""
        self.stack.append(path)
        plain = not kwargs and all(isinstance(value, Tensor) for value in args)
        self.inputs[path].append(tuple([Slot(tuple(x.shape), x.dtype) for x in args]) if plain else None)

    def leave(self, path: str, output: Any) -> None:
        """A module has run."""
        self.stack.pop()
        if isinstance(output, Tensor):
            self.shapes[path] = tuple(output.shape[1:])

    def called(self, packet: Any, output: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An operator has run."""
        if packet in flop_registry:
            self.macs[self.stack[-1]] += flop_registry[packet](*args, **kwargs, out_val=output) // 2  # a MAC is two
        elif may_multiply(name := str(packet)):
            self.unseen[self.stack[-1]].add(name)


class _Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells a Pass of every operator that is called."""

    supports_higher_order_operators = True

    def __init__(self, passed: Pass) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.passed = passed

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here: leave torch's compiler unloaded

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = getattr(func, "_overloadpacket", func)
        if packet not in flop_registry and hasattr(func, "decompose"):
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        output = func(*args, **kwargs)
        self.passed.called(packet, output, args, kwargs)
        return output


@contextmanager
def watching(module: nn.Module) -> Iterator[Pass]:
    """Note in a Pass, as long as this is active, what is called of `module`."""
    passed = Pass()
    with ExitStack() as stack:
        for path, part in module.named_modules():
            _hook(stack, passed, path, part)
        stack.enter_context(_plain_kernels(module))
        stack.enter_context(torch.no_grad())
        stack.enter_context(_Calls(passed))
        yield passed


def _hook(stack: ExitStack, passed: Pass, path: str, part: nn.Module) -> None:
    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        passed.enter(path, args, kwargs)

    def leave(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        passed.leave(path, output)

    stack.callback(part.register_forward_pre_hook(enter, with_kwargs=True).remove)
    stack.callback(part.register_forward_hook(leave).remove)


@contextmanager
def _plain_kernels(module: nn.Module) -> Iterator[None]:
    """Fused attention and fused recurrent layers off: their products would not be seen."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if any(isinstance(part, nn.RNNBase) for part in module.modules()):
                stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
                stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
