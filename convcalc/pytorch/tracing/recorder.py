"""The recorder: every operator that a forward pass calls becomes a node of a graph.

It sees PyTorch's calls one by one (`__torch_dispatch__`), whichever way they were made: modules,
functions, `@`, einsum, in place. What a call means is said in `convcalc.pytorch.tracing.rules`; here is the
bookkeeping: which node a tensor holds, where its places lie (`layout`), which parameters were read
for the first time, and in which module the call was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from convcalc.core.algebra import prod
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Builder, Graph, Node
from convcalc.core.operator import NO_FORMULA, NO_PARAMS
from convcalc.core.ops import Formula, Input, Op, Params, Shape
from convcalc.core.ops.traced import Recorded, Traced, Unused
from convcalc.core.window import Window
from convcalc.pytorch.tracing.layout import Layout, constant, grid, reads, shape_of

_MARK = "_convcalc_value"
"""The attribute that carries a tensor's Value: it lives as long as the tensor, and in-place calls keep it."""

NORMS = frozenset({"bn", "ln", "gn", "norm"})
"""Kinds of layers whose parameters are normalisation's."""


class Source:
    """What a piece of memory holds: a node's output, or (`node` None) values that no input reaches.

    Views of the whole share their Source, so that an in-place call through one is seen through all;
    a view of a part has the whole as its `parent`. `origins` are parameters that a constant comes from.
    """

    __slots__ = ("home", "node", "origins", "parent")

    def __init__(
        self, node: int | None, home: Layout, origins: frozenset[str] = frozenset(), parent: Source | None = None
    ) -> None:
        self.node = node
        self.home = home
        self.origins = origins
        self.parent = parent


class Value(NamedTuple):
    """What the rules see of a tensor."""

    source: Source
    layout: Layout
    shape: tuple[int, ...]

    @property
    def is_constant(self) -> bool:
        """Whether no input of the network reaches it."""
        return self.source.node is None


class Call:
    """One operator call that has been made: its arguments by name, and what it gave."""

    __slots__ = ("_arguments", "args", "func", "kwargs", "name", "out", "recorder")

    def __init__(self, recorder: Recorder, func: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> None:
        self.recorder = recorder
        self.func = func
        self.name, self._arguments = _signature(func)
        self.args = args
        self.kwargs = kwargs
        self.out = out

    def __getitem__(self, argument: str) -> Any:
        position, default = self._arguments[argument]
        if position < len(self.args):
            return self.args[position]
        return self.kwargs.get(argument, default)

    def takes(self, argument: str) -> bool:
        """Whether the operator has an argument of this name."""
        return argument in self._arguments

    def value(self, argument: str | int = 0) -> Value:
        """The value of a tensor argument, by name or position."""
        return self.recorder.value(self.args[argument] if isinstance(argument, int) else self[argument])

    def optional(self, argument: str) -> Value | None:
        """The value of an argument that may be None or missing."""
        tensor = self[argument] if self.takes(argument) else None
        return None if tensor is None else self.recorder.value(tensor)

    @property
    def tensors(self) -> list[Value]:
        """The values of all tensor arguments, those in lists included."""
        return [self.recorder.value(item) for item in flat((self.args, self.kwargs)) if isinstance(item, torch.Tensor)]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the (first) output."""
        return tuple(first_tensor(self.out).shape)


Rule = Callable[[Call], None]

_SIGNATURES: dict[Any, tuple[str, dict[str, tuple[int, Any]]]] = {}


def _signature(func: Any) -> tuple[str, dict[str, tuple[int, Any]]]:
    """An operator's name without its namespace's colons and in-place mark, and its arguments with their defaults."""
    known = _SIGNATURES.get(func)
    if known is None:
        schema = func._schema
        arguments = {a.name: (i, a.default_value) for i, a in enumerate(schema.arguments)}
        known = _SIGNATURES[func] = (base_name(func), arguments)
    return known


def base_name(func: Any) -> str:
    """`conv2d` of aten::conv2d, `add` of aten::add_; other namespaces keep theirs: `torchvision.nms`."""
    space, _, name = func._schema.name.partition("::")
    name = name[:-1] if name.endswith("_") and not name.startswith("__") else name
    return name if space == "aten" else f"{space}.{name}"


def share_memory(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether one is a view of the other."""
    return bool(torch._C._is_alias_of(left, right))  # type: ignore[attr-defined]


def flat(tree: Any) -> Iterator[Any]:
    """The leaves of nested tuples, lists, dicts and dataclass-like objects."""
    if isinstance(tree, dict):
        for item in tree.values():
            yield from flat(item)
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            yield from flat(item)
    elif hasattr(tree, "__dataclass_fields__"):
        for name in tree.__dataclass_fields__:
            yield from flat(getattr(tree, name))
    else:
        yield tree


def first_tensor(tree: Any) -> Any:
    """The first tensor in nested containers; None if there is none."""
    return next((item for item in flat(tree) if isinstance(item, torch.Tensor)), None)


class _Frame(NamedTuple):
    """A module that is running: its path, the number of its call, and whether it has no modules of its own."""

    path: str
    call: int
    is_leaf: bool


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records a forward pass of `model`; `rule_of` says what each operator means."""

    def __init__(self, model: torch.nn.Module, rule_of: Callable[[Any], Rule | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.builder = Builder()
        self._rule_of = rule_of
        self._rules: dict[Any, Rule | None] = {}
        self._parameters = dict(model.named_parameters())
        self._names = {id(parameter): name for name, parameter in self._parameters.items()}
        self._claimed: set[str] = set()
        modules = model.named_modules()
        self._paths = {id(module): (name, next(module.children(), None) is None) for name, module in modules}
        self._root = _Frame("", 0, is_leaf=False)
        self._stack = [self._root]
        self._calls = 0
        self._frames: dict[int, _Frame] = {}

    # What runs

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in self._rules:
            self._rules[func] = self._rule_of(func)
        rule = self._rules[func]
        if rule is None:  # made of simpler operators: record those
            with self:
                return func.decompose(*args, **kwargs)
        out = func(*args, **kwargs)
        rule(Call(self, func, args, kwargs, out))
        return out

    @property
    def place(self) -> str:
        """The path of the module that is running."""
        return self._stack[-1].path

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Follow which module is running."""

        def enter(module: Any, inputs: Any) -> None:
            path, is_leaf = self._paths.get(id(module), (self._stack[-1].path, False))
            self._calls += 1
            self._stack.append(_Frame(path, self._calls, is_leaf))

        def leave(module: Any, inputs: Any, outputs: Any) -> None:
            self._stack.pop()

        handles = (register_module_forward_pre_hook(enter), register_module_forward_hook(leave))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    # What tensors hold

    def input(self, tensor: torch.Tensor, shape: Shape, layout: Layout, name: str) -> None:
        """Make `tensor`, laid out like this, an input of the network, of a shape without the batch."""
        handle = self.builder.input(shape, name)
        self._set(tensor, Source(handle.node, layout), layout)

    def value(self, tensor: torch.Tensor) -> Value:
        """What `tensor` holds."""
        known: Value | None = getattr(tensor, _MARK, None)
        if known is not None:
            return known
        name = self._names.get(id(tensor))
        layout = constant(tensor.shape)
        return Value(Source(None, layout, frozenset((name,)) if name else frozenset()), layout, tuple(tensor.shape))

    def _set(self, tensor: torch.Tensor, source: Source, layout: Layout) -> None:
        setattr(tensor, _MARK, Value(source, layout, tuple(tensor.shape)))

    def give(self, call: Call, source: Source, layout: Layout, out: Any = None) -> None:
        """Say what a call's output (the first, unless `out` is given) holds."""
        out = first_tensor(call.out) if out is None else out
        if out is None or not isinstance(out, torch.Tensor):
            return
        written = call.args[0] if call.args and out is call.args[0] else None
        if written is not None and call.func._schema.is_mutable:
            self._write(self.value(out), source, layout, out)
        else:
            self._set(out, source, layout)

    def _write(self, old: Value, new: Source, layout: Layout, out: torch.Tensor) -> None:
        """An in-place call: every view of the memory holds the new values."""
        cell = old.source
        if new is cell:
            return
        if old.is_constant and id(out) in self._names:
            return  # a parameter or buffer stays what it is
        if shape_of(cell.home) != shape_of(layout) or (cell.node is None and new.node is not None):
            self._set(out, Source(new.node, layout, new.origins, cell.parent), layout)
        else:
            cell.node, cell.origins = new.node, cell.origins | new.origins
            self._set(out, cell, layout)
        while (parent := cell.parent) is not None and new.node is not None:
            part = Value(new, new.home, ())
            whole = Value(parent, parent.home, ())
            windows: list[tuple[Window, ...]] = [()] if parent.node is not None else []
            alike = grid(parent.home) == grid(new.home)
            windows.append(() if alike else reads(parent.home, new.home, ()))
            made = self.node("write", [whole, part], parent.home, reads=windows)
            parent.node = made.node
            cell, new = parent, made

    # What becomes of a call

    def node(
        self,
        kind: str,
        values: Sequence[Value],
        layout: Layout,
        *,
        core: Op | None = None,
        reads: Sequence[tuple[Window, ...]] = (),
        products: int = 0,
        arithmetic: int | None = None,
        bias: Value | None = None,
        text: Formula = NO_FORMULA,
        keeps: str = "",
        view: bool = False,
        by_value: bool = False,
    ) -> Source:
        """Add a node that reads `values`: the operator `core` where it says what was recorded, else a Traced one.

        `reads` has an entry for each value that is not a constant; without it each place reads its own.
        """
        operands = [value for value in values if value.source.node is not None]
        sources = tuple([value.source.node for value in operands if value.source.node is not None])
        learned = self.claim(kind, [*values, *([bias] if bias else [])], bias)
        given = [self.builder.shapes[index] for index in sources]
        shape = shape_of(layout)
        op = self._fitting(core, given, shape, products) if core is not None else None
        if op is None:
            count = prod(shape) if arithmetic is None else arithmetic
            windows = tuple(reads) if any(reads) else ()
            op = Traced(
                kind, tuple(given), shape, windows, products, count, learned, text, keeps, view=view, by_value=by_value
            )
        elif op.params(*given) != learned:
            op = Recorded(op, learned)
        return Source(self.add(op, sources), layout)

    def _fitting(self, op: Op, given: list[Shape], shape: Shape, products: int) -> Op | None:
        """The operator with its defaults filled in, if it makes this shape with so many products."""
        try:
            bound = op.bind(*given)
            made = bound.shape(*given)
        except ShapeError:
            return None
        return bound if _bare(made) == _bare(shape) and bound.macs(*given) == products else None

    def add(self, op: Op, sources: tuple[int, ...]) -> int:
        """Add a node as it is."""
        index = self.builder.append(op, sources, "")
        self._frames[index] = self._stack[-1]
        return index

    def claim(self, kind: str, values: Sequence[Value], bias: Value | None) -> Params:
        """The parameters that these constants come from, each counted the first time it is read."""
        found = [(value, name) for value in values if value.source.origins for name in sorted(value.source.origins)]
        if not found:
            return NO_PARAMS
        weights = biases = norm = frozen = 0
        for value, name in found:
            if name in self._claimed:
                continue
            self._claimed.add(name)
            parameter = self._parameters[name]
            count = parameter.numel()
            if not parameter.requires_grad:
                frozen += count
            elif kind in NORMS:
                norm += count
            elif value is bias or (parameter.dim() == 1 and name.endswith("bias")):
                biases += count
            else:
                weights += count
        return Params(weights, biases, norm, frozen)

    # What comes out

    def graph(self, outputs: Any) -> Graph:
        """The finished network; parameters that nothing read are its last row."""
        nodes = []
        for item in flat(outputs):
            if isinstance(item, torch.Tensor):
                node = self.value(item).source.node
                nodes += [node] if node is not None else []
        if not nodes:
            raise ShapeError("the output does not depend on the input", hint="nothing between them can be measured")
        rest = self._unclaimed()
        if rest.total or rest.frozen:
            self._frames[self.builder.append(Unused(rest), (), "")] = self._root
        names = _names([node.op for node in self.builder.nodes], self._frames)
        named = tuple(
            node if type(node.op) is Input else Node(node.op, node.inputs, names[index])
            for index, node in enumerate(self.builder.nodes)
        )
        return Graph(named, tuple(self.builder.shapes), tuple(dict.fromkeys(nodes)))

    def _unclaimed(self) -> Params:
        rest = [p for name, p in self._parameters.items() if name not in self._claimed]
        trained = sum(p.numel() for p in rest if p.requires_grad)
        return Params(weights=trained, frozen=sum(p.numel() for p in rest if not p.requires_grad))


def _bare(shape: Shape) -> Shape:
    """A shape without its trailing axes of one place."""
    end = len(shape)
    while end > 1 and shape[end - 1] == 1:
        end -= 1
    return shape[:end]


def _names(ops: list[Op], frames: dict[int, _Frame]) -> dict[int, str]:
    """A name for each node: its module's path, with the operator's own name behind it where that is not enough."""
    calls: dict[int, list[int]] = {}
    for index, frame in frames.items():
        calls.setdefault(frame.call, []).append(index)
    used: dict[str, int] = {}
    named: dict[int, str] = {}
    for index, frame in frames.items():
        name = frame.path
        if not (frame.is_leaf and name and _is_main(index, calls[frame.call], ops)):
            name = f"{name}.{ops[index].kind}" if name else ops[index].kind
        count = used[name] = used.get(name, 0) + 1
        named[index] = name if count == 1 else f"{name}#{count}"
    return named


def _is_main(index: int, call: list[int], ops: list[Op]) -> bool:
    """Whether a node is what its module is there for: its only one, or the only one with parameters or products."""
    if len(call) == 1:
        return True
    telling = [i for i in call if isinstance(ops[i], Recorded) or _learns(ops[i])]
    return telling == [index]


def _learns(op: Op) -> bool:
    if isinstance(op, Traced):
        return bool(op.learned.total or op.learned.frozen or op.products)
    return op.numbered
