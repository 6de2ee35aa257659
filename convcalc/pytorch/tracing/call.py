"""What a rule is handed (a Call and the Values of its tensors), and what it answers (an Outcome).

A rule is a pure function: it adds no node, marks no tensor, claims no parameter. It says what the call's
outputs are, and the recorder alone writes. Nothing here knows a single operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from convcalc.core.operator import NO_FORMULA, Formula, Op, Shape, spell
from convcalc.core.rules import short_name
from convcalc.core.window import Window
from convcalc.pytorch.tracing.layout import Layout, shape_of

Arguments = tuple[tuple[str, str], ...]
"""The arguments of a call, each with its shape or value as text."""


class Source:
    """What a piece of memory holds: a node's output of this `shape`, or (`node` None) values that no input reaches.

    Views of the whole share their Source, so that an in-place call through one is seen through all;
    a view of a part has the whole as its `parent`. `origins` are parameters that a constant comes from.
    `overwritten` is what a constant's memory holds since: its views, which know of no places, may read all of it.
    """

    __slots__ = ("home", "node", "origins", "overwritten", "parent", "shape")

    def __init__(
        self,
        node: int | None,
        home: Layout,
        *,
        shape: Shape = (),
        origins: frozenset[str] = frozenset(),
        parent: Source | None = None,
    ) -> None:
        self.node = node
        self.home = home
        self.shape = shape
        self.origins = origins
        self.parent = parent
        self.overwritten: Source | None = None


class Value(NamedTuple):
    """What the rules see of a tensor. Its source may be a node that a rule asks for before its own."""

    source: Source | Computed
    layout: Layout
    shape: tuple[int, ...]

    @property
    def is_constant(self) -> bool:
        """Whether no input of the network reaches it."""
        return type(self.source) is Source and self.source.node is None

    @property
    def rank(self) -> int:
        """How many spatial axes its node has."""
        return max(len(self.source.shape) - 1, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreached:
    """Values that no input reaches, made of `values`; of a `part` of the first one's memory."""

    values: Sequence[Value] = ()
    part: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Same:
    """The values that `value` holds, in the same memory, laid out like this."""

    value: Value
    layout: Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class Computed:
    """A node of this kind that reads `values`: the operator `core` where it fits what was recorded, else a Traced one.

    `reads` has the windows onto each of `values` (constants have none); without it each place reads its own.
    `arithmetic` is one operation for each element unless given, `bias` a value that is added and not read.
    A `view` takes no memory; one of a `part` of the first value's memory is written through.
    Of a node that is `uncounted` only the arguments are known.
    """

    kind: str
    values: Sequence[Value]
    layout: Layout
    reads: Sequence[tuple[Window, ...]] = ()
    core: Op | None = None
    products: int = 0
    arithmetic: int | None = None
    bias: Value | None = None
    text: Formula = NO_FORMULA
    keeps: str = ""
    view: bool = False
    part: bool = False
    by_value: bool = False
    uncounted: Arguments | None = None

    @property
    def shape(self) -> Shape:
        """The shape of its output: channels, then the axes."""
        return shape_of(self.layout)


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """A number of `value` that the program reads: nobody can follow it any further."""

    value: Value


Outcome = Unreached | Same | Computed

Answer = Outcome | Sequence[Outcome] | Read
"""One outcome for each output, or one for all outputs of the first one's shape; of a call without, what it read."""

Rule = Callable[["Call"], Answer]
"""What an operator means."""


class Call:
    """One operator call: its arguments by name, what they hold, and what it gave (None until it has run)."""

    __slots__ = ("_arguments", "_value_of", "args", "func", "kwargs", "name", "out")

    def __init__(
        self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], value_of: Callable[[Any], Value]
    ) -> None:
        self.func = func
        self.name, self._arguments = _signature(func)
        self.args = args
        self.kwargs = kwargs
        self.out: Any = None
        self._value_of = value_of

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
        return self._value_of(self.args[argument] if isinstance(argument, int) else self[argument])

    def optional(self, argument: str) -> Value | None:
        """The value of an argument that may be None or missing."""
        tensor = self[argument] if self.takes(argument) else None
        return None if tensor is None else self._value_of(tensor)

    def values(self, tensors: Any = None) -> list[Value]:
        """The values of these tensors (default: of all arguments), those in lists included."""
        tree = (self.args, self.kwargs) if tensors is None else tensors
        return [self._value_of(item) for item in flat(tree) if isinstance(item, torch.Tensor)]

    @property
    def schema(self) -> str:
        """Its name in PyTorch: `aten::add_`."""
        return str(self.func._schema.name)

    @property
    def arguments(self) -> Arguments:
        """Its arguments as text, those left out not among them."""
        passed = list(zip(self._arguments, self.args, strict=False)) + list(self.kwargs.items())
        return tuple([(name, _spelt(value)) for name, value in passed])

    @property
    def written(self) -> list[torch.Tensor]:
        """The tensors that it writes to, or whose shape it changes."""
        schema = self.func._schema
        if not schema.is_mutable:
            return []
        writes = [a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        return tensors_of([self[name] for name in writes])

    @property
    def outputs(self) -> list[torch.Tensor]:
        """All tensors that it gave, one or several; of a call that only writes, those it wrote."""
        return tensors_of(self.out) or self.written

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the (first) output."""
        return tuple(self.outputs[0].shape)

    @property
    def shares_memory(self) -> bool:
        """Whether the (first) output is a view of the first argument."""
        return bool(torch._C._is_alias_of(self.outputs[0], self.args[0]))  # type: ignore[attr-defined]


_SIGNATURES: dict[Any, tuple[str, dict[str, tuple[int, Any]]]] = {}


def _signature(func: Any) -> tuple[str, dict[str, tuple[int, Any]]]:
    """An operator's base name, and its arguments with their positions and defaults."""
    known = _SIGNATURES.get(func)
    if known is None:
        arguments = {a.name: (i, a.default_value) for i, a in enumerate(func._schema.arguments)}
        known = _SIGNATURES[func] = (base_name(func), arguments)
    return known


def _spelt(value: Any) -> str:
    """A tensor's shape, several in brackets; any other value as Python writes it."""
    if isinstance(value, torch.Tensor):
        return spell(tuple(value.shape)) or "scalar"
    return f"[{', '.join(map(_spelt, value))}]" if isinstance(value, (list, tuple)) else repr(value)


def base_name(func: Any) -> str:
    """`conv2d` of aten::conv2d, `add` of aten::add_; other namespaces keep theirs: `torchvision::nms`."""
    return short_name(func._schema.name)


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


def tensors_of(tree: Any) -> list[torch.Tensor]:
    """The tensors among the leaves of a tree."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    return [item for item in flat(tree) if isinstance(item, torch.Tensor)]
