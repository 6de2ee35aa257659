"""How a named block is registered, found and called.

A new block is one function in one file of this folder under `@block`. Its leading parameters without
a default are its inputs (tensor handles); the others, with their defaults, are what users can set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from types import CodeType
from typing import Any

from convcalc.core.errors import UnknownBlockError, UsageError, suggest
from convcalc.core.graph import Builder, Graph, Tensor
from convcalc.core.operator import Shape
from convcalc.core.registry import Registry


@dataclass(frozen=True)
class Block:
    """A catalogue entry: `build` adds it to a graph.

    Its signature is read when it is asked for: every start of the program registers all entries.
    """

    name: str
    family: str
    source: str
    input: Shape
    build: Callable[..., Tensor]

    @property
    def summary(self) -> str:
        """What the entry is, in one line."""
        return (self.build.__doc__ or "").strip().partition("\n")[0]

    @property
    def arity(self) -> int:
        """How many inputs it has."""
        return self._code.co_argcount - len(self._defaults)

    @property
    def parameters(self) -> dict[str, Any]:
        """What can be set, with the defaults."""
        names = self._code.co_varnames[self.arity : self._code.co_argcount]
        return dict(zip(names, self._defaults, strict=True))

    @property
    def _code(self) -> CodeType:
        return self.build.__code__

    @property
    def _defaults(self) -> tuple[Any, ...]:
        return self.build.__defaults__ or ()

    def graph(self, *inputs: Shape, **parameters: Any) -> Graph:
        """The entry over inputs of these shapes (default: its own; one shape stands for all).

        Raises UnknownBlockError, UsageError, ShapeError, LimitError.

        >>> from convcalc.catalogue import get
        >>> get("resnet-block").graph().output_shape
        (256, 56, 56)
        """
        builder = Builder()
        shapes = inputs * self.arity if len(inputs) == 1 else inputs or (self.input,) * self.arity
        if len(shapes) != self.arity:
            raise UsageError(f"{self.name} has {self.arity} inputs, not {len(shapes)}")
        names = [""] if self.arity == 1 else [f"input{i + 1}" for i in range(self.arity)]
        handles = [builder.input(shape, name) for shape, name in zip(shapes, names, strict=True)]
        return builder.graph(self.build(*handles, **self.check(parameters)))

    def check(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """`parameters`, checked against the defaults; one number will do for several. Raises UnknownBlockError."""
        known = self.parameters
        checked = {}
        for name, value in parameters.items():
            if name not in known:
                listed = f"its parameters: {', '.join(known) or 'none'}"
                raise UnknownBlockError(
                    f"{self.name} has no parameter {name!r}", hint=suggest(name, known, otherwise=listed)
                )
            default = known[name]
            checked[name] = (value,) if type(default) is tuple and type(value) is int else value
            _check_value(self.name, name, default, checked[name])
        return checked


_BLOCKS: Registry[Block] = Registry("blocks", "convcalc.catalogue")


def block(
    name: str, *, source: str, input: str, family: str = ""
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function over handles as the catalogue entry `name`.

    `source` is the paper with its section or figure, `input` the default input ("256x56x56"), `family`
    the heading in the list (default: the module's own name).
    """
    shape = tuple(int(size) for size in input.split("x"))

    def register(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        heading = family or function.__module__.rpartition(".")[2]
        _BLOCKS.add(name, Block(name, heading, source, shape, function), function.__module__)
        return function

    return register


def find(name: str) -> Block | None:
    """The entry called `name`, if there is one."""
    return _BLOCKS.get(name)


def get(name: str) -> Block:
    """The entry called `name`. Raises UnknownBlockError."""
    entry = _BLOCKS.get(name)
    if entry is None:
        hint = suggest(name, _BLOCKS, otherwise="convcalc blocks lists the catalogue")
        raise UnknownBlockError(f"no block is called {name!r}", hint=hint)
    return entry


def names() -> list[str]:
    """The names of all entries, in the order of their files."""
    return list(_BLOCKS)


_TYPES: dict[type, tuple[type, ...]] = {float: (int, float)}
"""The types of value that a parameter takes, by its default's: its own unless said here."""


def _check_value(entry: str, name: str, default: Any, value: Any) -> None:
    """Raise UnknownBlockError unless `value` is of the default's type, and its numbers are positive.

    A parameter whose default is 0 may be 0.
    """
    wanted = type(default)
    if type(value) not in _TYPES.get(wanted, (wanted,)):
        raise UnknownBlockError(
            f"{entry}: {name} is {value!r}, its default is {default!r}",
            hint=f"give it a value like {default!r}",
        )
    if wanted is tuple:
        if not value:
            raise UnknownBlockError(f"{entry}: {name} is empty, its default is {default!r}")
        for number in value:
            _check_value(entry, name, default[0], number)
    if wanted is int and value < min(1, default):
        raise UnknownBlockError(f"{entry}: {name} is at least {min(1, default)}, not {value}")
    if wanted is float and not 0 < value < inf:
        raise UnknownBlockError(f"{entry}: {name} is more than 0, not {value}")
