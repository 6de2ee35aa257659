"""How a named block is registered, found and called.

A new block is one function in one file of this folder under `@block`. Its leading parameters without
a default are its inputs (tensor handles); the others, with their defaults, are what users can set.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from convcalc.errors import UnknownBlockError
from convcalc.graph import Builder, Graph, Tensor
from convcalc.ops import Shape


@dataclass(frozen=True)
class Block:
    """A catalogue entry: `build` adds it to a graph; `parameters` are its names and defaults."""

    name: str
    family: str
    source: str
    input: Shape
    summary: str
    arity: int
    parameters: dict[str, Any]
    build: Callable[..., Tensor]

    def graph(self, *inputs: Shape, **parameters: Any) -> Graph:
        """The entry over inputs of these shapes (default: its own). Raises UnknownBlockError, ShapeError.

        >>> from convcalc import block
        >>> block("resnet-block").graph().output_shape
        (256, 56, 56)
        """
        builder = Builder()
        shapes = inputs * self.arity if len(inputs) == 1 else inputs or (self.input,) * self.arity
        names = [""] if self.arity == 1 else [f"input{i + 1}" for i in range(self.arity)]
        handles = [builder.input(shape, name) for shape, name in zip(shapes, names, strict=True)]
        return builder.graph(self.build(*handles, **self.check(parameters)))

    def check(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """`parameters` with the values' types checked against the defaults'. Raises UnknownBlockError."""
        for name, value in parameters.items():
            if name not in self.parameters:
                near = get_close_matches(name, self.parameters, 1, 0.5)
                known = ", ".join(self.parameters) or "none"
                hint = f"did you mean {near[0]}?" if near else f"its parameters: {known}"
                raise UnknownBlockError(f"{self.name} has no parameter {name!r}", hint=hint)
            _check_type(self.name, name, self.parameters[name], value)
        return parameters


_BLOCKS: dict[str, Block] = {}


def block(
    name: str, *, source: str, input: str, family: str = ""
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function over handles as the catalogue entry `name`.

    `source` is the paper with its section or figure, `input` the default input ("256x56x56"), `family`
    the heading in the list (default: the module's own name).
    """
    shape = tuple(int(size) for size in input.split("x"))

    def register(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        if name in _BLOCKS:
            raise ValueError(f"two blocks are called {name!r}")
        signature = inspect.signature(function).parameters.values()
        handles = [p for p in signature if p.default is p.empty]
        parameters = {p.name: p.default for p in signature if p.default is not p.empty}
        heading = family or function.__module__.rpartition(".")[2]
        first_line = (function.__doc__ or "").strip().partition("\n")[0]
        _BLOCKS[name] = Block(name, heading, source, shape, first_line, len(handles), parameters, function)
        return function

    return register


def find(name: str) -> Block | None:
    """The entry called `name`, if there is one."""
    return _BLOCKS.get(name)


def get(name: str) -> Block:
    """The entry called `name`. Raises UnknownBlockError."""
    found = _BLOCKS.get(name)
    if found is None:
        near = get_close_matches(name, _BLOCKS, 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "convcalc blocks lists the catalogue"
        raise UnknownBlockError(f"no block is called {name!r}", hint=hint)
    return found


def names() -> list[str]:
    """The names of all entries, in the order of their files."""
    return list(_BLOCKS)


def _check_type(entry: str, name: str, default: Any, value: Any) -> None:
    """Raise UnknownBlockError unless `value` is of the default's type."""
    wanted = type(default)
    alike = {int: (int,), float: (int, float), bool: (bool,), str: (str,), tuple: (tuple,)}.get(wanted, (object,))
    fits = isinstance(value, alike) and (wanted is bool or not isinstance(value, bool))
    if not fits:
        raise UnknownBlockError(
            f"{entry}: {name} is {value!r}, its default is {default!r}",
            hint=f"give it a value like {default!r}",
        )
    if wanted is int and value < 0:
        raise UnknownBlockError(f"{entry}: {name} is at least 0, not {value}")
