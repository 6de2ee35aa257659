"""The recorder: every operator that a forward pass calls becomes a node of a graph.

It sees PyTorch's calls one by one (`__torch_dispatch__`), whichever way they were made: modules,
functions, `@`, einsum, in place. What a call means is its rule's answer (`call`, `rules`); here is the
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
from convcalc.core.operator import NO_PARAMS, Input, Op, Params, Shape
from convcalc.core.traced import Recorded, Traced, Uncounted, Unused
from convcalc.pytorch.tracing.call import (
    Answer,
    Call,
    Computed,
    Outcome,
    Read,
    Rule,
    Same,
    Source,
    Unreached,
    Value,
    tensors_of,
)
from convcalc.pytorch.tracing.layout import Layout, constant, grid, plain, reads, shape_of
from convcalc.pytorch.tracing.leaving import Leaving, calling_line

_MARK = "_convcalc_value"
"""The attribute that carries a tensor's Value: it lives as long as the tensor, and in-place calls keep it."""

NORMS = frozenset({"bn", "ln", "gn", "norm"})
"""Kinds of layers whose parameters are normalisation's."""


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
        self._model = model
        self._gone: list[Value] = []
        self._known: set[int] = set()

    # What runs

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here: leave torch's compiler unloaded

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in self._rules:
            self._rules[func] = self._rule_of(func)
        rule = self._rules[func]
        if rule is None:  # made of simpler operators: record those
            with self:
                return func.decompose(*args, **kwargs)
        call = Call(func, args, kwargs, self.value)
        for tensor in call.written:
            self._remember(tensor)
        call.out = func(*args, **kwargs)
        outputs = call.outputs
        if outputs and all(0 in out.shape for out in outputs):
            self._take(call, outputs, Unreached(values=call.values()))  # nothing is in it, whatever it is
        else:
            self._take(call, outputs, rule(call))
        return call.out

    @property
    def place(self) -> str:
        """The path of the module that is running."""
        return self._stack[-1].path

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record what is run, and in which module."""

        def enter(module: Any, inputs: Any) -> None:
            path, is_leaf = self._paths.get(id(module), (self._stack[-1].path, False))
            self._calls += 1
            self._stack.append(_Frame(path, self._calls, is_leaf))

        def leave(module: Any, inputs: Any, outputs: Any) -> None:
            self._stack.pop()

        handles = (register_module_forward_pre_hook(enter), register_module_forward_hook(leave))
        try:
            with Leaving(self._leave, self._replace), self:
                yield
        finally:
            for handle in handles:
                handle.remove()

    # What tensors hold

    def input(self, tensor: torch.Tensor, shape: Shape, layout: Layout, name: str) -> None:
        """Make `tensor`, laid out like this, an input of the network, of a shape without the batch."""
        handle = self.builder.input(shape, name)
        self._set(tensor, Source(handle.node, layout, shape=shape), layout)

    def value(self, tensor: torch.Tensor) -> Value:
        """What `tensor` holds."""
        known: Value | None = getattr(tensor, _MARK, None)
        if known is not None:
            self._catch_up(known.source)
            return known
        name = self._names.get(id(tensor))
        if self._gone and name is None and id(tensor) not in self._known:
            return self._come_back(tensor)
        layout = constant(tensor.shape)
        return Value(
            Source(None, layout, origins=frozenset((name,)) if name else frozenset()), layout, tuple(tensor.shape)
        )

    def _leave(self, tensor: torch.Tensor) -> None:
        """The values of a tensor leave PyTorch."""
        value = self.value(tensor)
        if value.is_constant:
            return
        if not self._gone:  # from here on, a tensor that is not one of these may have come back
            self._known = {id(own) for module in self._model.modules() for own in tensors_of(vars(module))}
        self._gone.append(value)

    def _come_back(self, tensor: torch.Tensor) -> Value:
        """A tensor that nobody has seen before, after values have left."""
        layout = plain(tensor.shape)
        self._set(tensor, self._uncounted(self._gone, layout), layout)
        return self.value(tensor)

    def _uncounted(self, values: Sequence[Value], layout: Layout) -> Source:
        """What is done with values outside of PyTorch, named after the line."""
        return self._node(Computed(kind=calling_line(), values=values, layout=layout, uncounted=()))

    def _replace(self, tensor: torch.Tensor, other: torch.Tensor) -> None:
        """A tensor holds what another does."""
        value = self.value(other)
        self._set(tensor, self._source(value), value.layout)

    def _catch_up(self, source: Source | Computed) -> None:
        """A constant that was written to, looked at through a view from before."""
        if isinstance(source, Source) and (new := source.overwritten) is not None:
            whole = Value(new, new.home, ())
            windows = reads(source.home, new.home, ())
            made = self._node(
                Computed(kind="view", values=[whole], layout=source.home, reads=[windows], arithmetic=0, view=True)
            )
            source.node, source.shape, source.overwritten = made.node, made.shape, None

    def _set(self, tensor: torch.Tensor, source: Source, layout: Layout) -> None:
        setattr(tensor, _MARK, Value(source, layout, tuple(tensor.shape)))

    def _remember(self, tensor: torch.Tensor) -> None:
        """What a tensor holds that is about to be written, or laid out in another shape."""
        if id(tensor) not in self._names:
            setattr(tensor, _MARK, self.value(tensor))

    # What becomes of a call

    def _take(self, call: Call, outputs: list[torch.Tensor], answer: Answer) -> None:
        """Write down what a rule has answered."""
        if isinstance(answer, Sequence):
            for out, outcome in zip(outputs, answer, strict=True):
                self._hold(call, out, outcome, *self._made(outcome, out))
        elif isinstance(answer, Unreached):
            for out in outputs:
                self._hold(call, out, answer, *self._made(answer, out))
        elif isinstance(answer, Read):
            self._uncounted([answer.value], answer.value.layout)
        elif outputs:
            source, layout = self._made(answer, outputs[0])
            for out in outputs:
                if out.shape == outputs[0].shape:
                    self._hold(call, out, answer, source, layout)

    def _made(self, outcome: Outcome, out: torch.Tensor) -> tuple[Source, Layout]:
        """What an output holds, and its layout; its node is added."""
        if isinstance(outcome, Same):
            return self._source(outcome.value), outcome.layout
        if isinstance(outcome, Computed):
            return self._node(outcome), outcome.layout
        layout = constant(out.shape)
        sources = [self._source(value) for value in outcome.values]
        origins = frozenset[str]().union(*[source.origins for source in sources])
        return Source(None, layout, origins=origins, parent=sources[0] if outcome.part else None), layout

    def _source(self, value: Value) -> Source:
        """What a value holds; the node that a rule has put in front of its own is added."""
        return self._node(value.source) if isinstance(value.source, Computed) else value.source

    def _hold(self, call: Call, out: torch.Tensor, outcome: Outcome, source: Source, layout: Layout) -> None:
        """An output holds this. A call in place that only changes the shape writes nothing to its memory."""
        is_view = isinstance(outcome, Same) or (isinstance(outcome, Computed) and outcome.view)
        if not is_view and any(out is tensor for tensor in call.written):
            self._write(self.value(out), source, layout, out)
        else:
            self._set(out, source, layout)

    def _write(self, old: Value, new: Source, layout: Layout, out: torch.Tensor) -> None:
        """An in-place call: every view of the memory holds the new values."""
        cell = self._source(old)
        if old.is_constant and id(out) in self._names:
            return  # a parameter stays what it is
        if shape_of(cell.home) != shape_of(layout) or (cell.node is None and new.node is not None):
            made = Source(new.node, layout, shape=new.shape, origins=new.origins, parent=cell.parent)
            cell.overwritten = made if cell.node is None and new.node is not None else None
            self._set(out, made, layout)
        else:
            cell.node, cell.shape, cell.origins = new.node, new.shape, cell.origins | new.origins
            self._set(out, cell, layout)
        while (parent := cell.parent) is not None and new.node is not None:
            part, whole = Value(new, new.home, ()), Value(parent, parent.home, ())
            windows = () if grid(parent.home) == grid(new.home) else reads(parent.home, new.home, ())
            made = self._node(Computed(kind="write", values=[whole, part], layout=parent.home, reads=[(), windows]))
            parent.node, parent.shape = made.node, made.shape
            cell, new = parent, made

    def _node(self, made: Computed) -> Source:
        """Add the node that a rule asks for, in front of it those that it reads."""
        sources = [self._source(value) for value in made.values]
        bias = None if made.bias is None else self._source(made.bias)
        learned = self._claim(made.kind, [*sources, *([bias] if bias else [])], bias)
        live = [at for at, source in enumerate(sources) if source.node is not None]
        nodes = tuple([node for source in sources if (node := source.node) is not None])
        op = self._operator(made, [self.builder.shapes[node] for node in nodes], live, learned)
        index = self.builder.append(op, nodes, "")
        self._frames[index] = self._stack[-1]
        parent = sources[0] if made.part else None
        return Source(index, made.layout, shape=self.builder.shapes[index], parent=parent)

    def _operator(self, made: Computed, inputs: list[Shape], live: list[int], learned: Params) -> Op:
        """The operator of the language that does what was recorded, else one that says it in numbers."""
        shape = made.shape
        if made.uncounted is not None:
            return Uncounted(made.kind, tuple(inputs), shape, learned, made.uncounted)
        op = self._fitting(made.core, inputs, shape, made.products) if made.core and inputs else None
        if op is not None:
            return op if op.params(*inputs) == learned else Recorded(op, learned)
        windows = tuple([made.reads[at] for at in live]) if made.reads else ()
        return Traced(
            name=made.kind,
            inputs=tuple(inputs),
            output=shape,
            reads=windows if any(windows) else (),
            products=made.products,
            arithmetic=prod(shape) if made.arithmetic is None else made.arithmetic,
            learned=learned,
            text=made.text,
            keeps=made.keeps,
            view=made.view,
            by_value=made.by_value,
        )

    def _fitting(self, op: Op, inputs: list[Shape], shape: Shape, products: int) -> Op | None:
        """The operator with its defaults filled in, if it makes this shape with this many products."""
        try:
            bound = op.bind(*inputs)
            made = bound.shape(*inputs)
        except ShapeError:
            return None
        return bound if _bare(made) == _bare(shape) and bound.macs(*inputs) == products else None

    def _claim(self, kind: str, sources: Sequence[Source], bias: Source | None) -> Params:
        """The parameters that these constants come from, each counted the first time it is read."""
        if not any(source.origins for source in sources):
            return NO_PARAMS
        weights = biases = norm = frozen = 0
        for source in sources:
            for name in sorted(source.origins - self._claimed):
                self._claimed.add(name)
                parameter = self._parameters[name]
                count = parameter.numel()
                if not parameter.requires_grad:
                    frozen += count
                elif kind in NORMS:
                    norm += count
                elif source is bias or (parameter.dim() == 1 and name.endswith("bias")):
                    biases += count
                else:
                    weights += count
        return Params(weights=weights, biases=biases, norm=norm, frozen=frozen)

    # What comes out

    def graph(self, outputs: Any) -> Graph:
        """The finished network; parameters that nothing read are its last row."""
        sources = [self._source(self.value(tensor)) for tensor in tensors_of(outputs)]
        nodes = [source.node for source in sources if source.node is not None]
        if not sources:
            raise ShapeError(
                f"the output holds no tensor that was found: it is a {type(outputs).__name__}",
                hint="tensors are looked for in tuples, lists, dicts and dataclasses",
            )
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
    """A name for each node: its module's path, with the operator's own name after it where that is not enough."""
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
